//! Echo servers as the documentation of the peers describes them, and one without any protocol.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use fastwebsockets::{Frame, OpCode, Role, WebSocket};
use futures_util::{SinkExt, StreamExt};
use hybi::{AcceptOptions, Config};
use hybi_bench::frames;
use hybi_bench::impls::{self, floors, openings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::server::READ;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

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

pub fn hybi_tokio(listener: TcpListener) -> io::Result<()> {
    tasks(listener, hybi_tokio_echo)
}

async fn hybi_tokio_echo(socket: tokio::net::TcpStream) -> Result<Infallible> {
    static CONFIG: Config = Config::new().max_send_buffer(4 << 20);
    let pending = hybi_tokio::WebSocket::accept(socket, &CONFIG).await?;
    let mut socket = pending.accept(&AcceptOptions::new()).await?;
    while let Some(message) = socket.next().await {
        socket.send(message?).await?;
    }
    Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

/// With one worker.
pub fn actix_ws(listener: TcpListener) -> io::Result<()> {
    use actix_web::{App, HttpServer, web};
    let app = || App::new().default_service(web::to(actix_ws_echo));
    let server = HttpServer::new(app).workers(1).listen(listener)?;
    actix_web::rt::System::new().block_on(server.run())
}

async fn actix_ws_echo(
    request: actix_web::HttpRequest,
    body: actix_web::web::Payload,
) -> actix_web::Result<actix_web::HttpResponse> {
    let (response, mut session, mut messages) = actix_ws::handle(&request, body)?;
    actix_web::rt::spawn(async move {
        while let Some(Ok(actix_ws::Message::Text(text))) = messages.next().await {
            if session.text(text).await.is_err() {
                break;
            }
        }
    });
    Ok(response)
}

pub fn tokio_tungstenite(listener: TcpListener) -> io::Result<()> {
    tasks(listener, tokio_tungstenite_echo)
}

async fn tokio_tungstenite_echo(socket: tokio::net::TcpStream) -> Result<Infallible> {
    let mut socket = tokio_tungstenite::accept_async(socket).await?;
    while let Some(message) = socket.next().await {
        socket.send(message?).await?;
    }
    Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

pub fn tokio_websockets(listener: TcpListener) -> io::Result<()> {
    tasks(listener, tokio_websockets_echo)
}

async fn tokio_websockets_echo(socket: tokio::net::TcpStream) -> Result<Infallible> {
    let (_, mut socket) = tokio_websockets::ServerBuilder::new()
        .accept(socket)
        .await?;
    while let Some(message) = socket.next().await {
        socket.send(message?).await?;
    }
    Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
}

pub fn fastwebsockets(listener: TcpListener) -> io::Result<()> {
    tasks(listener, fastwebsockets_echo)
}

/// A task for each connection, all of them on this thread.
fn tasks<F: Future<Output = Result<Infallible>> + 'static>(
    listener: TcpListener,
    serve: fn(tokio::net::TcpStream) -> F,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            tokio::task::spawn_local(serve(socket));
        }
    })
}

async fn fastwebsockets_echo(mut socket: tokio::net::TcpStream) -> Result<Infallible> {
    open(&mut socket).await?;
    let mut socket = WebSocket::after_handshake(socket, Role::Server);
    loop {
        let frame = socket.read_frame().await?;
        if frame.opcode != OpCode::Text {
            return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into());
        }
        // The frame as it was read still has the client's mask.
        let echo = Frame::text(frame.payload);
        socket.write_frame(echo).await?;
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
