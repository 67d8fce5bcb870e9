//! The extractor for axum, through `axum::serve`: bytes in, bytes out.

#![cfg(feature = "axum")]

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use hybi_tokio::Error;
use hybi_tokio::axum::{Rejection, Upgrade, Upgrading};
use hybi_tokio::hybi::{AcceptOptions, Config, Dialects};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;

static CONFIG: Config = Config::new().dialects(Dialects::ALL);

const HIXIE_76: &str = "GET /chat HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
    Upgrade: WebSocket\r\n\
    Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
    Origin: http://example.com\r\n";

/// The challenge of `HIXIE_76` is answered by `ANSWER` after `KEY`.
const KEY: &[u8; 8] = b"^n:ds[4U";
const ANSWER: &[u8; 16] = b"8jKS'y:G*Co,Wxa-";

const HIXIE_76_HEAD: &str = "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
    upgrade: WebSocket\r\n\
    connection: Upgrade\r\n\
    sec-websocket-origin: http://example.com\r\n\
    sec-websocket-location: ws://example.com/chat";

const HIXIE_75: &str = "GET /chat HTTP/1.1\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Host: example.com\r\n\
    Origin: http://example.com\r\n";

fn hybi(version: u8) -> String {
    format!(
        "GET /chat HTTP/1.1\r\n\
         Host: example.com\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Version: {version}\r\n\
         Sec-WebSocket-Origin: http://example.com\r\n\
         Origin: http://example.com\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
}

const HYBI_HEAD: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    upgrade: websocket\r\n\
    connection: Upgrade\r\n\
    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

async fn chat(upgrade: Upgrade) -> Result<Response, Rejection> {
    // A look-up.
    yield_now().await;
    if !upgrade.request().origin_among(&["http://example.com"]) {
        return Ok((StatusCode::FORBIDDEN, "unknown origin").into_response());
    }
    accept(upgrade)
}

/// A handler for a nested router, and for any server.
async fn with_original_uri(uri: OriginalUri, mut request: Request) -> Result<Response, Rejection> {
    *request.uri_mut() = uri.0;
    accept(Upgrade::from_request(request).await?)
}

fn accept(upgrade: Upgrade) -> Result<Response, Rejection> {
    let (response, upgrading) = upgrade.accept(&CONFIG, &AcceptOptions::new())?;
    tokio::spawn(echo(upgrading));
    Ok(response.map(|()| Body::empty()))
}

async fn echo(upgrading: Upgrading) -> Result<(), Error> {
    let mut socket = upgrading.complete().await?;
    while let Some(message) = socket.next().await {
        socket.send(message?).await?;
    }
    Ok(())
}

fn app() -> Router {
    let nested = Router::new().route("/chat", any(with_original_uri));
    Router::new()
        .route("/", get(|| async { "page" }))
        .route("/chat", any(chat))
        .nest("/nested", nested)
}

struct Client(TcpStream);

impl Client {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app()).await });
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Writes the lines of a head, the blank line, and what follows.
    async fn request(&mut self, lines: &str, then: &[u8]) {
        self.write(&[lines.as_bytes(), b"\r\n", then].concat())
            .await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Reads the head of a response, without the last line, which is hyper's `Date`.
    async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let (head, date) = head.trim_end().rsplit_once("\r\n").unwrap();
        assert!(date.starts_with("date: "), "{date}");
        head.to_owned()
    }

    async fn expect(&mut self, bytes: &[u8]) {
        let mut received = vec![0; bytes.len()];
        self.0.read_exact(&mut received).await.unwrap();
        assert_eq!(received, bytes);
    }

    async fn expect_eof(&mut self) {
        assert_eq!(self.0.read(&mut [0]).await.unwrap(), 0);
    }

    /// Exchanges messages after the opening handshake of Hixie-76, and closes.
    async fn exchange_hixie(&mut self) {
        self.write(b"\0Hello\xff").await;
        self.expect(b"\0Hello\xff").await;
        self.write(b"\xff\0").await;
        self.expect(b"\xff\0").await;
        self.expect_eof().await;
    }
}

#[tokio::test]
async fn dialects_with_a_version_work() {
    for version in [7, 8, 13] {
        let mut client = Client::new().await;
        client
            .request(&hybi(version), b"\x81\x85\0\0\0\0early")
            .await;
        assert_eq!(client.read_head().await, HYBI_HEAD);
        client.expect(b"\x81\x05early").await;
        client.write(b"\x81\x85\0\0\0\0Hello").await;
        client.expect(b"\x81\x05Hello").await;
        client.write(b"\x88\x82\0\0\0\0\x03\xe8").await;
        client.expect(b"\x88\x02\x03\xe8").await;
        client.expect_eof().await;
    }
}

#[tokio::test]
async fn hixie_76_works_with_an_early_key() {
    let mut client = Client::new().await;
    client.request(HIXIE_76, KEY).await;
    assert_eq!(client.read_head().await, HIXIE_76_HEAD);
    client.expect(ANSWER).await;
    client.exchange_hixie().await;
}

/// H76-3
#[tokio::test]
async fn hixie_76_works_with_a_key_after_the_response() {
    let mut client = Client::new().await;
    client.request(HIXIE_76, b"").await;
    assert_eq!(client.read_head().await, HIXIE_76_HEAD);
    client.write(KEY).await;
    client.expect(ANSWER).await;
    client.exchange_hixie().await;
}

#[tokio::test]
async fn hixie_76_works_with_a_key_that_is_declared_as_body() {
    let lines = HIXIE_76.to_owned() + "Content-Length: 8\r\n";
    for split in [0, 3, 8] {
        let mut client = Client::new().await;
        client.request(&lines, &KEY[..split]).await;
        client.write(&KEY[split..]).await;
        assert_eq!(client.read_head().await, HIXIE_76_HEAD);
        client.expect(ANSWER).await;
        client.exchange_hixie().await;
    }
}

/// H76-7: the location has the whole path.
#[tokio::test]
async fn hixie_76_works_in_a_nested_router() {
    let mut client = Client::new().await;
    client
        .request(&HIXIE_76.replace("/chat", "/nested/chat?id=1"), KEY)
        .await;
    let head = HIXIE_76_HEAD.replace("/chat", "/nested/chat?id=1");
    assert_eq!(client.read_head().await, head);
    client.expect(ANSWER).await;
    client.exchange_hixie().await;
}

#[tokio::test]
async fn hixie_75_is_an_error_that_says_what_to_do() {
    let mut client = Client::new().await;
    client.request(HIXIE_75, b"").await;
    let body = "this is a request of Hixie-75, whose clients reject header names in lower case, as \
        axum::serve writes them: serve the router with hyper's http1::Builder and \
        title_case_headers(true), and call hybi_tokio::hyper::Upgrade::from_request in the handler\n";
    let head = format!(
        "HTTP/1.1 501 Not Implemented\r\n\
         content-type: text/plain; charset=utf-8\r\n\
         content-length: {}",
        body.len()
    );
    assert_eq!(client.read_head().await, head);
    client.expect(body.as_bytes()).await;
}

/// H75-2: what the error says.
#[tokio::test]
async fn hixie_75_works_with_a_server_of_hyper() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = Client(
        TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap(),
    );
    let (tcp, _) = listener.accept().await.unwrap();
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.title_case_headers(true);
    let conn = builder.serve_connection(TokioIo::new(tcp), TowerToHyperService::new(app()));
    tokio::spawn(conn.with_upgrades());
    client
        .request(&HIXIE_75.replace("/chat", "/nested/chat"), b"")
        .await;
    client
        .expect(
            b"HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
              Upgrade: WebSocket\r\n\
              Connection: Upgrade\r\n\
              Websocket-Origin: http://example.com\r\n\
              Websocket-Location: ws://example.com/nested/chat\r\n",
        )
        .await;
    let mut byte = [0; 1];
    while byte != *b"\n" {
        client.0.read_exact(&mut byte).await.unwrap(); // Date
    }
    client.expect(b"\r\n").await;
    client.write(b"\0Hello\xff").await;
    client.expect(b"\0Hello\xff").await;
}

/// A page and a handler that answers with another response, on one connection.
#[tokio::test]
async fn other_responses_work() {
    let mut client = Client::new().await;
    client
        .request("GET / HTTP/1.1\r\nHost: example.com\r\n", b"")
        .await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 200 OK\r\n"));
    client.expect(b"page").await;
    client
        .request(
            &hybi(13).replace("http://example.com", "http://example.net"),
            b"",
        )
        .await;
    assert!(
        client
            .read_head()
            .await
            .starts_with("HTTP/1.1 403 Forbidden\r\n")
    );
    client.expect(b"unknown origin").await;
    client.request(&hybi(13), b"").await;
    assert_eq!(client.read_head().await, HYBI_HEAD);
}

/// RQ-1, RQ-3
#[tokio::test]
async fn other_methods_and_versions_are_rejected() {
    for (from, to, status) in [
        ("GET", "HEAD", "HTTP/1.1 405 "),
        ("GET", "POST", "HTTP/1.1 405 "),
        ("HTTP/1.1", "HTTP/1.0", "HTTP/1.0 505 "),
        ("Upgrade: websocket", "Upgrade: h2c", "HTTP/1.1 426 "),
        ("Version: 13", "Version: 6", "HTTP/1.1 426 "),
        ("Host: example.com", "Host: example com", "HTTP/1.1 400 "),
    ] {
        let mut client = Client::new().await;
        client.request(&hybi(13).replace(from, to), b"").await;
        let head = client.read_head().await;
        assert!(head.starts_with(status), "{head}");
    }
}

/// H2-8: `axum::serve` announces WebSocket over HTTP/2.
#[tokio::test]
async fn http_2_works() {
    let Client(tcp) = Client::new().await;
    let io = TokioIo::new(tcp);
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), io);
    let (mut send, conn) = handshake.await.unwrap();
    tokio::spawn(conn);
    let page = Request::get("http://example.com/").body(String::new());
    assert_eq!(
        send.send_request(page.unwrap()).await.unwrap().status(),
        200
    );
    let request = Request::connect("http://example.com/chat")
        .extension(Protocol::from_static("websocket"))
        .header("Sec-WebSocket-Version", "13")
        .header("Origin", "http://example.com")
        .body(String::new());
    let response = send.send_request(request.unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    stream.write_all(b"\x81\x85\0\0\0\0Hello").await.unwrap();
    let mut echo = [0; 7];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"\x81\x05Hello");
}
