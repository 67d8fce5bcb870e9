//! Echo servers for one connection, in a process of their own.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hybi::{AcceptOptions, Config, Connection, Deflate, Event, Input, MessageAssembler};
use yawc::{Options, Role, WebSocket};

use super::Result;

pub fn config(window: &str) -> Result<Config> {
    if window == "plain" {
        return Ok(Config::new());
    }
    let bits = Some(window.parse()?);
    let deflate = Deflate::new().send_window(bits).receive_window(bits);
    Ok(Config::new().deflate(deflate))
}

/// Prints the port, and returns the first connection.
fn accept() -> Result<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let (socket, _) = listener.accept()?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

/// Reads once, echoes the messages and writes all output. Returns whether the connection goes on.
fn echo(
    socket: &mut TcpStream,
    conn: &mut Connection,
    message: &mut MessageAssembler,
) -> Result<bool> {
    let mut buf = [0; 16 * 1024];
    let n = socket.read(&mut buf)?;
    let mut input = Input::new(&mut buf[..n], Duration::ZERO);
    while let Some(event) = conn.receive(&mut input) {
        match event {
            Event::Request(_) => conn.accept(&AcceptOptions::new())?,
            Event::Text(chunk) => {
                if let Some(text) = message.push_text(chunk)? {
                    conn.send_text(text)?;
                }
            }
            _ => {}
        }
    }
    while conn.wants_write() {
        let n = socket.write(conn.transmit())?;
        conn.advance(n);
    }
    Ok(n > 0)
}

pub fn hybi(config: Config) -> Result<()> {
    let mut socket = accept()?;
    let mut conn = Connection::server(config);
    let mut message = MessageAssembler::default();
    while echo(&mut socket, &mut conn, &mut message)? {}
    Ok(())
}

/// After a handshake by hybi, since yawc's needs hyper.
pub fn yawc(config: Config) -> Result<()> {
    let mut socket = accept()?;
    let mut conn = Connection::server(config);
    let mut message = MessageAssembler::default();
    while !conn.is_open() {
        echo(&mut socket, &mut conn, &mut message)?;
    }
    let agreed = conn.compression().map(ToString::to_string);
    socket.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::from_std(socket)?;
        let mut options = Options::default().with_utf8();
        if agreed.is_some() {
            options = options
                .with_low_latency_compression()
                .with_compression_threshold(32);
        }
        let agreed = agreed.as_deref();
        let socket = WebSocket::from_stream_with_extensions(socket, Role::Server, agreed, options)?;
        let (mut output, mut input) = socket.split();
        while let Some(frame) = input.next().await {
            output.send(frame).await?;
        }
        Ok(())
    })
}
