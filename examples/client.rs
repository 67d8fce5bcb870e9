//! A WebSocket client with a blocking socket: sends a message, prints the answer, and closes.

use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hybi::{ClientRequest, Close, Config, Connection, Entropy, Event, Input, MessageAssembler};

const RETRY: Duration = Duration::from_millis(10);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (url, text) = args
        .next()
        .zip(args.next())
        .ok_or("usage: client URL TEXT")?;
    let request = ClientRequest::new(&url)?;
    if request.is_tls() {
        return Err("wss:// needs a socket with TLS".into());
    }
    let mut socket = TcpStream::connect((request.host(), request.port()))?;
    socket.set_write_timeout(Some(RETRY))?;
    socket.set_nodelay(true)?;
    let mut random = [0; 32];
    getrandom::fill(&mut random)?;
    let config = Config::new().keepalive(Duration::from_secs(20), Duration::from_secs(20));
    let mut conn = Connection::client(config, &request, Entropy::from_bytes(random));
    let mut message = MessageAssembler::new(1024 * 1024);
    let mut buf = [0; 16 * 1024];
    let start = Instant::now();
    while !conn.is_done() {
        if conn.wants_write() {
            let written = retry(socket.write(conn.transmit()))?;
            conn.advance(written.unwrap_or(0));
        }
        let mut len = 0;
        if conn.wants_read() {
            let wait = match conn.deadline() {
                // Also while a write is blocked: the server may wait until its own output is read.
                _ if conn.wants_write() => Some(RETRY),
                deadline => deadline.map(|at| at.saturating_sub(start.elapsed()).max(RETRY)),
            };
            socket.set_read_timeout(wait)?;
            match retry(socket.read(&mut buf))? {
                Some(0) => conn.receive_eof(),
                received => len = received.unwrap_or(0),
            }
        }
        let mut input = Input::new(&mut buf[..len], start.elapsed());
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Open(_) => conn.send_text(&text)?,
                Event::Text(chunk) => match message.push_text(chunk) {
                    Ok(Some(answer)) => {
                        println!("{answer:?}"); // escapes control characters
                        conn.close(&Close::new(1000, ""))?;
                    }
                    Ok(None) => {}
                    Err(error) => conn.close(&Close::new(1009, &error.to_string()))?,
                },
                Event::Binary(_) => conn.close(&Close::new(1003, "only text is supported"))?,
                _ => {}
            }
        }
    }
    // Not before: the end of the closing handshake had to be written.
    match conn.closed() {
        Some(closed) if closed.close_code() != 1000 => Err(closed.clone().into()),
        _ => Ok(()),
    }
}

/// Returns `None` if the call has to be repeated.
fn retry(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => Ok(None),
        result => result.map(Some),
    }
}
