//! An echo server: one thread a connection, blocking sockets.

use std::io::{ErrorKind::*, Read, Write};
use std::net::{TcpListener, TcpStream};
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
            Ok((socket, _)) => drop(thread::spawn(move || serve(socket, &config))),
            Err(_) => thread::sleep(Duration::from_millis(100)), // Out of descriptors, perhaps.
        }
    }
}

fn serve(mut socket: TcpStream, config: &Config) -> Result {
    let mut conn = Connection::server(config);
    socket.set_write_timeout(Some(Duration::from_secs(30)))?;
    let start = Instant::now();
    let mut message = MessageAssembler::new(64 * 1024);
    let mut buf = [0; 16 * 1024];
    while !conn.is_done() {
        socket.set_read_timeout(conn.tick(start.elapsed()))?;
        let n = match socket.read(&mut buf) {
            Ok(0) => {
                conn.receive_eof();
                0
            }
            Ok(n) => n,
            Err(e) if matches!(e.kind(), WouldBlock | TimedOut | Interrupted) => 0,
            Err(e) => return Err(e.into()),
        };
        let mut input = &mut buf[..n];
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Request(request) => match request.resource() {
                    "/" | "/echo" => conn.accept(&AcceptOptions::new())?,
                    _ => conn.respond(&Response::new(404))?,
                },
                Event::Text(piece) => {
                    if let Some(text) = message.push_text(&piece)? {
                        conn.send_text(text)?;
                    }
                }
                Event::Binary(piece) => {
                    if let Some(bytes) = message.push_binary(&piece)? {
                        conn.send_binary(bytes)?;
                    }
                }
                Event::Closed(why) => println!("{why}"),
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
