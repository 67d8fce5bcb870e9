//! Two connected WebSockets, and futures that are dropped before they are complete.

#![allow(dead_code, reason = "no test uses all of it")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use hybi::{
    AcceptOptions, ClientRequest, Config, Connection, Dialect, Dialects, Handshake, SharedConfig,
};
use hybi_tokio::hybi;
use hybi_tokio::{Bytes, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};

pub const DIALECTS: [Dialect; 5] = [
    Dialect::Hixie75,
    Dialect::Hixie76,
    Dialect::HyBi7,
    Dialect::HyBi8,
    Dialect::Rfc6455,
];

pub fn config() -> Config {
    Config::new().dialects(Dialects::ALL)
}

pub fn request(dialect: Dialect) -> ClientRequest {
    let request = ClientRequest::new("ws://example.com/").unwrap();
    let request = request.with_origin("http://example.com").unwrap();
    request.with_dialect(dialect)
}

/// Connects a server and a client by a stream that buffers `capacity` bytes in each direction.
pub async fn pair(
    capacity: usize,
    dialect: Dialect,
    config: impl Into<SharedConfig>,
) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (server, client) = duplex(capacity);
    pair_over(server, client, dialect, config).await
}

pub async fn pair_over<S: AsyncRead + AsyncWrite + Unpin, C: AsyncRead + AsyncWrite + Unpin>(
    server: S,
    client: C,
    dialect: Dialect,
    config: impl Into<SharedConfig>,
) -> (WebSocket<S>, WebSocket<C>) {
    let config = config.into();
    let accept = async {
        let pending = WebSocket::accept(server, config.clone()).await.unwrap();
        pending.accept(&AcceptOptions::new()).await.unwrap()
    };
    let request = request(dialect);
    let connect = async {
        let (client, handshake) = WebSocket::connect(client, config.clone(), &request)
            .await
            .unwrap();
        assert_eq!(handshake.dialect(), dialect);
        client
    };
    tokio::join!(accept, connect)
}

/// Returns the server side of a connection of RFC 6455 that is open already.
pub async fn open_server<S: AsyncRead + AsyncWrite + Unpin>(
    io: S,
    config: impl Into<SharedConfig>,
) -> WebSocket<S> {
    let handshake = Handshake::new(Dialect::Rfc6455);
    let conn = Connection::established_server(config, &handshake);
    WebSocket::upgraded(io, conn, Bytes::new()).await.unwrap()
}

/// Polls a future at most `polls` times, then drops it. It does not wait to be woken.
pub async fn cancel_after<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut polls = 0..polls;
    poll_fn(|cx| match polls.next() {
        None => Poll::Ready(None),
        Some(_) => {
            cx.waker().wake_by_ref();
            future.as_mut().poll(cx).map(Some)
        }
    })
    .await
}
