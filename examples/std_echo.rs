//! A WebSocket echo server with blocking sockets and one thread per connection.

use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use hybi::{AcceptOptions, Config, Connection, Event, MessageAssembler, Response};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8075"))?;
    println!("listening on ws://{}/", listener.local_addr()?);
    let config = Config::new().max_head_len(4 * 1024);
    loop {
        match listener.accept() {
            Ok((socket, peer)) => drop(thread::spawn(move || {
                if let Err(error) = serve(socket, peer, &config) {
                    eprintln!("{peer}: {error}");
                }
            })),
            Err(error) => {
                eprintln!("accept failed: {error}");
                // Out of file descriptors, most likely: let some connections end.
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn serve(mut socket: TcpStream, peer: SocketAddr, config: &Config) -> Result {
    socket.set_write_timeout(Some(Duration::from_secs(30)))?;
    let mut conn = Connection::server(config);
    let mut message = MessageAssembler::new(64 * 1024);
    let mut buf = [0; 16 * 1024];
    let start = Instant::now();
    while !conn.is_done() {
        socket.set_read_timeout(conn.tick(start.elapsed()))?;
        let n = match socket.read(&mut buf) {
            Ok(0) => {
                conn.receive_eof();
                0
            }
            Ok(n) => n,
            Err(error) if matches!(error.kind(), WouldBlock | TimedOut | Interrupted) => 0,
            Err(error) => return Err(error.into()),
        };
        let mut input = &mut buf[..n];
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Request(request) => match request.resource() {
                    "/" | "/echo" => conn.accept(&AcceptOptions::new())?,
                    _ => conn.respond(&Response::new(404))?,
                },
                Event::Text(chunk) => {
                    if let Some(text) = message.push_text(chunk)? {
                        conn.send_text(text)?;
                    }
                }
                Event::Binary(chunk) => {
                    if let Some(bytes) = message.push_binary(chunk)? {
                        conn.send_binary(bytes)?;
                    }
                }
                Event::Closed(closed) => println!("{peer}: {closed}"),
                _ => {}
            }
        }
        while conn.wants_write() {
            let n = conn.transmit().len();
            socket.write_all(conn.transmit())?;
            conn.advance(n);
        }
    }
    Ok(())
}
