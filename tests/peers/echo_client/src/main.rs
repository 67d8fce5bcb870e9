//! Runs the cases of an Autobahn fuzzing server: asks for their number, echoes every message of
//! each case, and lets the server write its report. The server judges the results.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hybi::{ClientRequest, Config, Connection, Entropy, Event, Input, MessageAssembler};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const MAX_MESSAGE: usize = 16 << 20;
const CONFIG: Config = Config::new().max_send_buffer(2 * MAX_MESSAGE);

/// Time limit for each connection.
const TIMEOUT: Duration = Duration::from_secs(30);

enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

fn main() -> Result {
    let [_, server, agent] = &std::env::args().collect::<Vec<_>>()[..] else {
        return Err("Usage: echo_client ws://HOST:PORT AGENT".into());
    };
    let mut count = None;
    run_connection(&format!("{server}/getCaseCount"), |_, message| {
        if let Message::Text(text) = message {
            count = Some(text.parse::<u32>()?);
        }
        Ok(())
    })?;
    for case in 1..=count.ok_or("the server did not send the number of cases")? {
        let url = format!("{server}/runCase?case={case}&agent={agent}");
        if let Err(error) = run_connection(&url, echo) {
            println!("case {case}: {error}");
        }
    }
    run_connection(&format!("{server}/updateReports?agent={agent}"), |_, _| {
        Ok(())
    })
}

fn echo(conn: &mut Connection, message: Message<'_>) -> Result {
    match message {
        Message::Text(text) => conn.send_text(text)?,
        Message::Binary(bytes) => conn.send_binary(bytes)?,
    }
    Ok(())
}

/// Runs a connection to its end and calls `on_message` with each message.
fn run_connection(
    url: &str,
    mut on_message: impl FnMut(&mut Connection, Message<'_>) -> Result,
) -> Result {
    let request = ClientRequest::new(url)?;
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)?;
    let mut conn = Connection::client(CONFIG, &request, Entropy::from_bytes(entropy));
    let mut socket = TcpStream::connect((request.host(), request.port()))?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    let start = Instant::now();
    let mut assembler = MessageAssembler::new(MAX_MESSAGE);
    let mut buf = vec![0; 64 * 1024];
    loop {
        flush(&mut socket, &mut conn)?;
        if conn.is_done() {
            return Ok(());
        }
        let now = start.elapsed();
        let remaining = TIMEOUT.checked_sub(now).filter(|time| !time.is_zero());
        let remaining = remaining.ok_or_else(|| format!("not finished after {TIMEOUT:?}"))?;
        let wait = conn.deadline().map_or(remaining, |deadline| {
            deadline.saturating_sub(now).min(remaining)
        });
        socket.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        let n = match socket.read(&mut buf) {
            Ok(0) => {
                conn.receive_eof();
                0
            }
            Ok(n) => n,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
            Err(e) => return Err(e.into()),
        };
        let mut input = Input::new(&mut buf[..n], start.elapsed());
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Text(chunk) => {
                    if let Some(text) = assembler.push_text(chunk)? {
                        on_message(&mut conn, Message::Text(text))?;
                    }
                }
                Event::Binary(chunk) => {
                    if let Some(bytes) = assembler.push_binary(chunk)? {
                        on_message(&mut conn, Message::Binary(bytes))?;
                    }
                }
                _ => {}
            }
            // The server may send any number of messages, but reads the answers meanwhile.
            if conn.is_congested() {
                flush(&mut socket, &mut conn)?;
            }
        }
    }
}

fn flush(socket: &mut TcpStream, conn: &mut Connection) -> Result {
    while conn.wants_write() {
        let n = socket.write(conn.transmit())?;
        conn.advance(n);
    }
    Ok(())
}
