//! Sends the lines of standard input to a server, each once the one before it is answered, and
//! prints the answers. The connection may go through an HTTP proxy.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

use echo_client::{CONFIG, Incoming, Result, TIMEOUT, client, run};
use hybi::{ClientRequest, Close, Closed, Connection, ProxyTunnel};

const USAGE: &str = "Usage: lines_client ws://HOST:PORT DIALECT [PROXY [AUTHORIZATION]]
PROXY is HOST:PORT, AUTHORIZATION the value of Proxy-Authorization.";

fn main() -> ExitCode {
    match converse() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn converse() -> Result {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (url, dialect, proxy) = match &arguments[..] {
        [url, dialect, proxy @ ..] if proxy.len() <= 2 => (url, dialect, proxy),
        _ => return Err(USAGE.into()),
    };
    let mut lines = std::io::stdin().lines();
    let request = ClientRequest::new(url)?.with_dialect(dialect.parse()?);
    let socket = match proxy {
        [] => TcpStream::connect((request.host(), request.port()))?,
        [proxy, authorization @ ..] => open_tunnel(proxy, &request, authorization)?,
    };
    let mut send_next = |conn: &mut Connection| -> Result {
        match lines.next() {
            Some(line) => conn.send_text(&line?)?,
            None => conn.close(&Close::new(1000, ""))?,
        }
        Ok(())
    };
    let closed = run(client(CONFIG, &request)?, socket, |conn, incoming| {
        match incoming {
            Incoming::Open => {}
            Incoming::Text(text) => println!("{text}"),
            Incoming::Binary(_) => return Err("a binary message".into()),
        }
        send_next(conn)
    })?;
    match closed {
        // Hixie-75 has no closing handshake.
        Closed::Clean(_) | Closed::LocallyClosed => Ok(()),
        closed => Err(closed.into()),
    }
}

/// Returns the socket, from which nothing of the server has been read.
fn open_tunnel(
    proxy: &str,
    request: &ClientRequest,
    authorization: &[String],
) -> Result<TcpStream> {
    let mut socket = TcpStream::connect(proxy)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    let headers: Vec<_> = authorization
        .iter()
        .map(|value| ("Proxy-Authorization", value.as_bytes()))
        .collect();
    let mut tunnel = ProxyTunnel::new(&CONFIG, request, &headers)?;
    while !tunnel.transmit().is_empty() {
        let n = socket.write(tunnel.transmit())?;
        tunnel.advance(n);
    }
    let mut buf = [0; 4096];
    let result = loop {
        let n = socket.read(&mut buf)?;
        if n == 0 {
            break tunnel.receive_eof();
        }
        let mut input = &buf[..n];
        if let Some(result) = tunnel.receive(&mut input) {
            // The server speaks only once it is asked.
            if result.is_ok() && !input.is_empty() {
                return Err("the proxy sent more than its response".into());
            }
            break result;
        }
    };
    let Err(closed) = result else {
        return Ok(socket);
    };
    let scheme = match &closed {
        Closed::Rejected(rejection) => rejection.header("Proxy-Authenticate"),
        _ => None,
    };
    let scheme = scheme.map_or(String::new(), |scheme| {
        format!(", {}", String::from_utf8_lossy(scheme))
    });
    Err(format!("proxy: {closed}{scheme}").into())
}
