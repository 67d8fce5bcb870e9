//! Echoes messages, as a client or server, so that peers can test both.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use hybi::{AcceptOptions, ClientRequest, Closed, Config, Connection, Entropy};
use hybi::{Event, Input, MessageAssembler};

pub type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

pub const MAX_MESSAGE: usize = 16 << 20;
pub const CONFIG: Config = Config::new().max_send_buffer(2 * MAX_MESSAGE);

/// How long to wait for the peer to send or accept anything.
const TIMEOUT: Duration = Duration::from_secs(30);

pub enum Message<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

pub fn echo(conn: &mut Connection, message: Message<'_>) -> Result {
    match message {
        Message::Text(text) => conn.send_text(text)?,
        Message::Binary(bytes) => conn.send_binary(bytes)?,
    }
    Ok(())
}

/// Parses the bits of a window, or `none`.
pub fn parse_window(argument: &str) -> Result<Option<u8>> {
    Ok(match argument {
        "none" => None,
        bits => Some(bits.parse()?),
    })
}

/// Connects to `url`, runs the connection to its end and calls `on_message` with each message.
pub fn run_client(
    config: Config,
    url: &str,
    on_message: impl FnMut(&mut Connection, Message<'_>) -> Result,
) -> Result {
    let request = ClientRequest::new(url)?;
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)?;
    let conn = Connection::client(config, &request, Entropy::from_bytes(entropy));
    let socket = TcpStream::connect((request.host(), request.port()))?;
    run(conn, socket, on_message)
}

/// Runs a connection to its end and calls `on_message` with each message. Accepts every request.
/// Returns an error if the handshake fails or the peer breaks the protocol.
pub fn run(
    mut conn: Connection,
    mut socket: TcpStream,
    mut on_message: impl FnMut(&mut Connection, Message<'_>) -> Result,
) -> Result {
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    let start = Instant::now();
    let mut last_input = start.elapsed();
    let mut result = Ok(());
    let mut assembler = MessageAssembler::new(MAX_MESSAGE);
    let mut buf = vec![0; 64 * 1024];
    loop {
        flush(&mut socket, &mut conn)?;
        if conn.is_done() {
            // Closing a socket with unread input can reset the connection and lose what was sent.
            let _ = socket.shutdown(Shutdown::Write);
            return result;
        }
        let now = start.elapsed();
        let idle = last_input + TIMEOUT;
        if now >= idle {
            return Err(format!("no input for {TIMEOUT:?}").into());
        }
        let wait = conn.deadline().map_or(idle, |deadline| deadline.min(idle));
        let wait = wait.saturating_sub(now).max(Duration::from_millis(1));
        socket.set_read_timeout(Some(wait))?;
        let n = match socket.read(&mut buf) {
            Ok(0) => {
                conn.receive_eof();
                0
            }
            Ok(n) => {
                last_input = start.elapsed();
                n
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
            Err(e) => return Err(e.into()),
        };
        let mut input = Input::new(&mut buf[..n], start.elapsed());
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Request(_) => conn.accept(&AcceptOptions::new())?,
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
                // The server of Autobahn's cases ends some connections without a closing handshake.
                Event::Closed(Closed::Clean(_) | Closed::Eof(_)) => {}
                Event::Closed(closed) => result = Err(closed.into()),
                _ => {}
            }
            // The peer may send any number of messages, but reads the answers meanwhile.
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
