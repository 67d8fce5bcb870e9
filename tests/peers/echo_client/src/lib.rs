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
pub const TIMEOUT: Duration = Duration::from_secs(30);

pub enum Incoming<'a> {
    Open,
    Text(&'a str),
    Binary(&'a [u8]),
}

pub fn echo(conn: &mut Connection, incoming: Incoming<'_>) -> Result {
    match incoming {
        Incoming::Open => {}
        Incoming::Text(text) => conn.send_text(text)?,
        Incoming::Binary(bytes) => conn.send_binary(bytes)?,
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

/// Connects to `url`, runs the connection to its end and calls `on_incoming` with each message.
pub fn run_client(
    config: Config,
    url: &str,
    on_incoming: impl FnMut(&mut Connection, Incoming<'_>) -> Result,
) -> Result {
    let request = ClientRequest::new(url)?;
    let socket = TcpStream::connect((request.host(), request.port()))?;
    let closed = run(client(config, &request)?, socket, on_incoming)?;
    check_end(closed)
}

pub fn client(config: Config, request: &ClientRequest) -> Result<Connection> {
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)?;
    let entropy = Entropy::from_bytes(entropy);
    Ok(Connection::client(config, request, entropy))
}

/// Returns an error if the handshake failed or the peer broke the protocol.
pub fn check_end(closed: Closed) -> Result {
    match closed {
        // The server of Autobahn's cases ends some connections without a closing handshake.
        Closed::Clean(_) | Closed::Eof(_) => Ok(()),
        closed => Err(closed.into()),
    }
}

/// Runs a connection to its end, accepts every request and calls `on_incoming` when the connection
/// is open and with each message.
pub fn run(
    mut conn: Connection,
    mut socket: TcpStream,
    mut on_incoming: impl FnMut(&mut Connection, Incoming<'_>) -> Result,
) -> Result<Closed> {
    socket.set_nodelay(true)?;
    socket.set_write_timeout(Some(TIMEOUT))?;
    let start = Instant::now();
    let mut last_input = start.elapsed();
    let mut assembler = MessageAssembler::new(MAX_MESSAGE);
    let mut buf = vec![0; 64 * 1024];
    loop {
        flush(&mut socket, &mut conn)?;
        if conn.is_done() {
            // Closing a socket with unread input can reset the connection and lose what was sent.
            let _ = socket.shutdown(Shutdown::Write);
            let closed = conn.closed().cloned();
            return closed.ok_or_else(|| "the end was not reported".into());
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
                Event::Open(_) => on_incoming(&mut conn, Incoming::Open)?,
                Event::Text(chunk) => {
                    if let Some(text) = assembler.push_text(chunk)? {
                        on_incoming(&mut conn, Incoming::Text(text))?;
                    }
                }
                Event::Binary(chunk) => {
                    if let Some(bytes) = assembler.push_binary(chunk)? {
                        on_incoming(&mut conn, Incoming::Binary(bytes))?;
                    }
                }
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
