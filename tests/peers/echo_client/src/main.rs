//! Takes a fuzzing server's cases: asks how many there are, echoes whatever comes in each of them,
//! and has the report written. What came of a case is for the server to judge.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hybi::{Config, Connection, Event, Message, Target};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const MAX_MESSAGE: usize = 16 << 20;
const CONFIG: Config = Config::new().max_pending(2 * MAX_MESSAGE);

/// The longest that a connection may take from end to end.
const LONGEST: Duration = Duration::from_secs(30);

enum Heard<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

fn main() -> Result {
    let [_, server, agent] = &std::env::args().collect::<Vec<_>>()[..] else {
        return Err("Usage: echo_client ws://HOST:PORT AGENT".into());
    };
    let mut count = None;
    talk(&format!("{server}/getCaseCount"), |_, heard| {
        if let Heard::Text(text) = heard {
            count = Some(text.parse::<u32>()?);
        }
        Ok(())
    })?;
    for case in 1..=count.ok_or("the server does not say how many cases it has")? {
        let url = format!("{server}/runCase?case={case}&agent={agent}");
        if let Err(error) = talk(&url, echo) {
            println!("case {case}: {error}");
        }
    }
    talk(&format!("{server}/updateReports?agent={agent}"), |_, _| {
        Ok(())
    })
}

fn echo(conn: &mut Connection, heard: Heard<'_>) -> Result {
    match heard {
        Heard::Text(text) => conn.send_text(text)?,
        Heard::Binary(bytes) => conn.send_binary(bytes)?,
    }
    Ok(())
}

/// One connection, until it is over.
fn talk(url: &str, mut hear: impl FnMut(&mut Connection, Heard<'_>) -> Result) -> Result {
    let target = Target::new(url)?;
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)?;
    let mut conn = Connection::client(&CONFIG, &target, entropy);
    let mut socket = TcpStream::connect((target.host(), target.port()))?;
    socket.set_write_timeout(Some(LONGEST))?;
    let start = Instant::now();
    let mut message = Message::new(MAX_MESSAGE);
    let mut buf = vec![0; 64 * 1024];
    loop {
        while conn.wants_write() {
            let n = socket.write(conn.transmit())?;
            conn.advance(n);
        }
        if conn.is_done() {
            return Ok(());
        }
        let now = start.elapsed();
        let left = LONGEST.checked_sub(now).filter(|left| !left.is_zero());
        let left = left.ok_or("it takes too long")?;
        socket.set_read_timeout(Some(conn.tick(now).map_or(left, |wait| wait.min(left))))?;
        let n = match socket.read(&mut buf) {
            Ok(0) => {
                conn.receive_eof();
                0
            }
            Ok(n) => n,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
            Err(e) => return Err(e.into()),
        };
        let mut input = &mut buf[..n];
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Text(piece) => {
                    if let Some(text) = message.text(&piece)? {
                        hear(&mut conn, Heard::Text(text))?;
                    }
                }
                Event::Binary(piece) => {
                    if let Some(bytes) = message.binary(&piece)? {
                        hear(&mut conn, Heard::Binary(bytes))?;
                    }
                }
                _ => {}
            }
        }
    }
}
