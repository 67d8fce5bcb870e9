//! Runs the cases of an Autobahn fuzzing server: asks for their number, echoes every message of
//! each case, and lets the server write its report. The server judges the results.

use echo_client::{CONFIG, Incoming, Result, echo, parse_window, run_client};
use hybi::Deflate;

const USAGE: &str = "Usage: echo_client ws://HOST:PORT AGENT [SEND]
SEND is the window of compression in bits, or none.";

fn main() -> Result {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (server, agent, deflate) = match &arguments[..] {
        [server, agent] => (server, agent, Deflate::new()),
        [server, agent, send] => {
            let deflate = Deflate::new().send_window(parse_window(send)?);
            (server, agent, deflate)
        }
        _ => return Err(USAGE.into()),
    };
    let config = CONFIG.deflate(deflate);
    let mut count = None;
    let url = format!("{server}/getCaseCount");
    run_client(config.clone(), &url, |_, incoming| {
        if let Incoming::Text(text) = incoming {
            count = Some(text.parse::<u32>()?);
        }
        Ok(())
    })?;
    for case in 1..=count.ok_or("the server did not send the number of cases")? {
        let url = format!("{server}/runCase?case={case}&agent={agent}");
        if let Err(error) = run_client(config.clone(), &url, echo) {
            println!("case {case}: {error}");
        }
    }
    let url = format!("{server}/updateReports?agent={agent}");
    run_client(config, &url, |_, _| Ok(()))
}
