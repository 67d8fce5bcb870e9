//! WebSocket over HTTP/2 (RFC 8441), between a server and a client of hyper.

#![cfg(feature = "hyper")]

use std::convert::Infallible;

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hybi_tokio::hybi::{
    AcceptOptions, Close, Closed, Config, Connection, Dialect, Entropy, Handshake, Phase,
};
use hybi_tokio::hyper::{Rejection, Upgrade, UpgradedStream, is_upgrade};
use hybi_tokio::{Bytes, Error, Message, WebSocket};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::ext::Protocol;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::sync::mpsc;

static CONFIG: Config = Config::new();

/// A client's connection, and what becomes of the WebSockets of the server.
struct Client {
    send: SendRequest<String>,
    ends: mpsc::UnboundedReceiver<(Result<(), Error>, Option<Closed>)>,
}

impl Client {
    async fn new() -> Self {
        let (client, server) = duplex(64 * 1024);
        let (end, ends) = mpsc::unbounded_channel();
        let service = service_fn(move |request| {
            let end = end.clone();
            async move {
                Ok::<_, Infallible>(match is_upgrade(&request) || request.uri().path() != "/" {
                    true => upgrade(request, end).await.unwrap_or_else(Response::from),
                    false => Response::new("page".to_owned()),
                })
            }
        });
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.enable_connect_protocol();
        tokio::spawn(builder.serve_connection(TokioIo::new(server), service));
        let client = TokioIo::new(client);
        let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), client);
        let (send, conn) = handshake.await.unwrap();
        tokio::spawn(conn);
        let mut client = Self { send, ends };
        // H2-1: with its response, the client has received the settings of the server.
        let page = client.send(get("/")).await;
        assert_eq!(body(page).await, "page");
        client
    }

    async fn send(&mut self, request: Request<String>) -> Response<Incoming> {
        self.send.ready().await.unwrap();
        self.send.send_request(request).await.unwrap()
    }

    /// Opens a WebSocket whose client is the test itself.
    async fn open(&mut self) -> UpgradedStream {
        let response = self.send(connect("websocket", "13")).await;
        assert_eq!(response.status(), StatusCode::OK);
        TokioIo::new(hyper::upgrade::on(response).await.unwrap())
    }
}

async fn upgrade(
    request: Request<Incoming>,
    end: mpsc::UnboundedSender<(Result<(), Error>, Option<Closed>)>,
) -> Result<Response<String>, Rejection> {
    let upgrade = Upgrade::from_request(request).await?;
    assert_eq!(upgrade.request().host(), Some("example.com"));
    let mut options = AcceptOptions::new().header("Set-Cookie", "seen=1");
    if upgrade.request().protocols().any(|name| name == "chat") {
        options = options.protocol("chat");
    }
    let (response, upgrading) = upgrade.accept(&CONFIG, &options)?;
    tokio::spawn(async move {
        let mut socket = upgrading.complete().await.unwrap();
        let result = echo(&mut socket).await;
        end.send((result, socket.connection().closed().cloned()))
            .unwrap();
    });
    Ok(response.map(|()| String::new()))
}

async fn echo(socket: &mut WebSocket<UpgradedStream>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        socket.send(message?).await?;
    }
    Ok(())
}

fn get(path: &str) -> Request<String> {
    let uri = format!("https://example.com{path}");
    Request::get(uri).body(String::new()).unwrap()
}

fn connect(protocol: &'static str, version: &str) -> Request<String> {
    Request::connect("https://example.com/chat")
        .extension(Protocol::from_static(protocol))
        .header("Sec-WebSocket-Version", version)
        .header("Sec-WebSocket-Protocol", "superchat, chat")
        .header("Origin", "https://example.com")
        .body(String::new())
        .unwrap()
}

async fn body(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn expect(stream: &mut UpgradedStream, bytes: &[u8]) {
    let mut received = vec![0; bytes.len()];
    stream.read_exact(&mut received).await.unwrap();
    assert_eq!(received, bytes);
}

/// H2-8
#[tokio::test]
async fn a_connect_is_answered_with_200() {
    let mut client = Client::new().await;
    let response = client.send(connect("websocket", "13")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let names = response.headers().keys().map(|name| name.as_str());
    let names: Vec<_> = names.collect();
    assert_eq!(names, ["sec-websocket-protocol", "set-cookie", "date"]);
    assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "chat");
}

/// H2-8: the client's close frame is answered, and the stream ends.
#[tokio::test]
async fn the_data_of_the_stream_are_frames() {
    let mut client = Client::new().await;
    let mut stream = client.open().await;
    stream.write_all(b"\x81\x85\0\0\0\0Hello").await.unwrap();
    expect(&mut stream, b"\x81\x05Hello").await;
    stream.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
    expect(&mut stream, b"\x88\x02\x03\xe8").await;
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    let (result, closed) = client.ends.recv().await.unwrap();
    result.unwrap();
    assert_eq!(closed.unwrap().close_code(), 1000);
    // The connection is open, and has other streams.
    let page = client.send(get("/")).await;
    assert_eq!(body(page).await, "page");
}

#[tokio::test]
async fn long_messages_wait_for_the_flow_control_of_the_stream() {
    let mut client = Client::new().await;
    let stream = client.open().await;
    let handshake = Handshake::new(Dialect::Rfc6455);
    let conn = Connection::established_client(&CONFIG, &handshake, Entropy::from_os().unwrap());
    let mut socket = WebSocket::upgraded(stream, conn, Bytes::new())
        .await
        .unwrap();
    socket.set_max_message_len(usize::MAX);
    let message = Message::from("x".repeat(1_000_000));
    for _ in 0..5 {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    let closed = socket.close(Close::new(4000, "done")).await.unwrap();
    assert_eq!(closed.close_code(), 4000);
    let (result, closed) = client.ends.recv().await.unwrap();
    result.unwrap();
    assert_eq!(closed.unwrap().close_code(), 4000);
}

/// H2-8: END_STREAM is the end of input.
#[tokio::test]
async fn the_end_of_the_stream_is_the_end_of_input() {
    let mut client = Client::new().await;
    let mut stream = client.open().await;
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    let (result, _) = client.ends.recv().await.unwrap();
    let error = result.unwrap_err();
    assert!(
        matches!(error, Error::Closed(Closed::Eof(Phase::Open))),
        "{error}"
    );
}

#[tokio::test]
async fn a_stream_that_the_client_drops_ends() {
    let mut client = Client::new().await;
    drop(client.open().await);
    let (result, _) = client.ends.recv().await.unwrap();
    assert!(matches!(
        result,
        Err(Error::Closed(Closed::Eof(Phase::Open)))
    ));
}

/// H2-1: a tunnel, or another protocol.
#[tokio::test]
async fn other_protocols_are_answered_with_501() {
    let mut client = Client::new().await;
    let tunnel = Request::builder().method(Method::CONNECT);
    let tunnel = tunnel.uri("example.com:443").body(String::new()).unwrap();
    for request in [
        connect("connect-udp", "13"),
        connect("WebSocket", "13"),
        tunnel,
    ] {
        let response = client.send(request).await;
        assert_eq!(response.status(), StatusCode::NOT_IMPLEMENTED);
        assert_eq!(
            body(response).await,
            "the :protocol of the CONNECT request is not websocket\n"
        );
    }
}

/// H2-9
#[tokio::test]
async fn a_426_is_a_400() {
    let mut client = Client::new().await;
    for request in [connect("websocket", "14"), get("/chat")] {
        let response = client.send(request).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let headers = response.headers();
        assert_eq!(headers["Sec-WebSocket-Version"], "13");
        assert!(!headers.contains_key("Upgrade") && !headers.contains_key("Connection"));
    }
}
