//! A WebSocket echo server with blocking sockets and one thread per connection.

use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use hybi::{AcceptOptions, Close, Config, Connection, Event, Input, MessageAssembler, Response};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const MAX_MESSAGE_LEN: usize = 64 * 1024;
static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let config = Config::new()
        .max_frame_len(MAX_MESSAGE_LEN as u64)
        .keepalive(Duration::from_secs(30), Duration::from_secs(30))
        .high_water(16 * 1024); // with more output pending, keep-alive does not run
    match std::env::args().any(|arg| arg == "--no-compression") {
        true => config,
        false => hybi_examples::compression::enable(config, MAX_MESSAGE_LEN),
    }
});

fn main() -> Result {
    let address = std::env::args().skip(1).find(|arg| !arg.starts_with("--"));
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8075"))?;
    println!("listening on ws://{}/", listener.local_addr()?);
    loop {
        let result = listener.accept().and_then(|(socket, peer)| {
            let serve = move || serve(socket, peer).unwrap_or_else(|e| log(peer, e));
            thread::Builder::new().spawn(serve)
        });
        if let Err(error) = result {
            log("accept failed", error);
            // Out of file descriptors or threads, most likely: let some connections end.
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn serve(mut socket: TcpStream, peer: SocketAddr) -> Result {
    let start = Instant::now();
    let mut conn = Connection::server(&*CONFIG);
    let mut message = MessageAssembler::new(MAX_MESSAGE_LEN);
    let mut buf = [0; 16 * 1024];
    let mut unread = 0..0; // the range of `buf` that was not consumed yet
    let mut is_used = false; // a browser may connect in advance and send nothing
    socket.set_nodelay(true)?;
    // Blocked writes are retried: the system may accept bytes long before it wakes up the thread.
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    while !conn.is_done() {
        if conn.wants_write() {
            match socket.write(conn.transmit()) {
                Ok(n) => conn.advance(n),
                Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => {}
                Err(error) => return Err(error.into()),
            }
        } else if unread.is_empty() {
            let wait = conn.deadline().map(|at| at.saturating_sub(start.elapsed()));
            socket.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))?;
            match socket.read(&mut buf) {
                Ok(0) => conn.receive_eof(),
                Ok(n) => (unread, is_used) = (0..n, true),
                Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // While congested, only time passes: a peer that sends faster than it reads is slowed down.
        let len = if conn.is_congested() { 0 } else { unread.len() };
        let mut input = Input::new(&mut buf[unread.start..][..len], start.elapsed());
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Request(request) => match request.resource() {
                    "/" | "/echo" => conn.accept(&AcceptOptions::new())?,
                    _ => conn.respond(&Response::new(404))?,
                },
                Event::Text(chunk) => match message.push_text(chunk) {
                    Ok(Some(text)) if conn.is_open() => conn.send_text(text)?,
                    Ok(_) => {}
                    Err(error) => conn.close(&Close::new(1009, &error.to_string()))?,
                },
                Event::Binary(chunk) => match message.push_binary(chunk) {
                    Ok(Some(bytes)) if conn.is_open() => conn.send_binary(bytes)?,
                    Ok(_) => {}
                    Err(error) => conn.close(&Close::new(1009, &error.to_string()))?,
                },
                Event::Closed(hybi::Closed::Protocol(error)) => log(peer, error),
                Event::Closed(closed) if is_used => log(peer, closed),
                _ => {}
            }
            if conn.is_congested() {
                break;
            }
        }
        unread.start += len - input.remaining().len();
    }
    // Dropping a socket with unread input can reset the connection and lose the last bytes sent.
    let _ = socket.shutdown(Shutdown::Write);
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let end = start.elapsed() + Duration::from_secs(1);
    while start.elapsed() < end && socket.read(&mut buf).is_ok_and(|n| n > 0) {}
    Ok(())
}

fn log(source: impl std::fmt::Display, text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{source}: {text}"); // `println!` panics if it is closed
}
