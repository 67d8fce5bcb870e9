//! Echo servers as the documentation of the peers describes them, and one without any protocol.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use fastwebsockets::{Frame, OpCode, Role, WebSocket};
use hybi_bench::frames;
use hybi_bench::impls::{self, floors, openings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::READ;

/// A thread for each connection, a flush for each message.
pub fn tungstenite(listener: TcpListener) -> io::Result<()> {
    threads(listener, |socket| {
        let config = Some(impls::tungstenite::config(READ));
        let socket = tungstenite::accept_with_config(socket, config);
        let mut socket = socket.map_err(io::Error::other)?;
        loop {
            let message = socket.read().map_err(io::Error::other)?;
            if message.is_text() {
                socket.send(message).map_err(io::Error::other)?;
            }
        }
    })
}

/// A thread for each connection, a write for each read.
pub fn raw(listener: TcpListener) -> io::Result<()> {
    threads(listener, |mut socket| {
        let mut buf = vec![0; READ];
        loop {
            let n = socket.read(&mut buf)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            socket.write_all(&buf[..n])?;
        }
    })
}

/// A thread for each connection; reads a message, unmasks it in place, and writes it back.
pub fn unmask(listener: TcpListener) -> io::Result<()> {
    const MAX_FRAME: usize = 2 << 20;
    threads(listener, |mut socket| {
        let mut request = vec![0; openings::RFC_6455.len()];
        socket.read_exact(&mut request)?;
        socket.write_all(&reply())?;
        let mut buf = vec![0; MAX_FRAME + READ];
        let mut filled = 0;
        loop {
            let n = socket.read(&mut buf[filled..][..READ])?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += n;
            while let Some(masked) = frames::parse(&buf[..filled]) {
                let end = masked.len + masked.payload;
                if end > filled {
                    break;
                }
                floors::unmask(&mut buf[masked.len..end], masked.mask);
                let (head, len) = frames::encode_head(0x81, masked.payload, None);
                let begin = masked.len - len;
                buf[begin..masked.len].copy_from_slice(&head[..len]);
                socket.write_all(&buf[begin..end])?;
                buf.copy_within(end..filled, 0);
                filled -= end;
            }
        }
    })
}

/// `serve` ends with an error when its connection ends.
fn threads(
    listener: TcpListener,
    serve: fn(TcpStream) -> io::Result<Infallible>,
) -> io::Result<()> {
    for socket in listener.incoming() {
        let socket = socket?;
        socket.set_nodelay(true)?;
        thread::spawn(move || serve(socket));
    }
    Ok(())
}

/// A task for each connection, all of them on this thread.
pub fn fastwebsockets(listener: TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::spawn(echo(socket));
        }
    })
}

async fn echo(mut socket: tokio::net::TcpStream) -> io::Result<Infallible> {
    open(&mut socket).await?;
    let mut socket = WebSocket::after_handshake(socket, Role::Server);
    loop {
        let frame = socket.read_frame().await.map_err(io::Error::other)?;
        if frame.opcode != OpCode::Text {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        // The frame as it was read still has the client's mask.
        let echo = Frame::text(frame.payload);
        socket.write_frame(echo).await.map_err(io::Error::other)?;
    }
}

/// fastwebsockets leaves the opening handshake to an HTTP server, which is not measured here.
async fn open(socket: &mut tokio::net::TcpStream) -> io::Result<()> {
    let mut request = vec![0; openings::RFC_6455.len()];
    socket.read_exact(&mut request).await?;
    socket.write_all(&reply()).await
}

fn reply() -> Vec<u8> {
    let head = b"HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: ";
    [head, openings::RFC_6455_ACCEPT, b"\r\n\r\n"].concat()
}
