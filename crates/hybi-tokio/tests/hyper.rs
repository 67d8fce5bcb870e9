//! The module `hyper` over HTTP/1.1: bytes in, bytes out, through a server of hyper.

#![cfg(feature = "hyper")]

use std::convert::Infallible;
use std::io::ErrorKind;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode, Version};
use hybi_tokio::hybi::{AcceptOptions, Closed, Config, Dialect, Dialects};
use hybi_tokio::hyper::{
    Rejection, RejectionReason, Upgrade, UpgradedStream, Upgrading, is_upgrade,
};
use hybi_tokio::{Error, WebSocket};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::time::Instant;

static CONFIG: Config = Config::new().dialects(Dialects::ALL);

const RFC6455: &str = "GET /chat HTTP/1.1\r\n\
    Host: example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// The challenge of this request is answered by `ANSWER` after `KEY`.
const HIXIE_76: &str = "GET /demo HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
    Sec-WebSocket-Protocol: sample\r\n\
    Upgrade: WebSocket\r\n\
    Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
    Origin: http://example.com\r\n";

const KEY: &[u8; 8] = b"^n:ds[4U";
const ANSWER: &[u8; 16] = b"8jKS'y:G*Co,Wxa-";

const HIXIE_75: &str = "GET /demo HTTP/1.1\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Host: example.com\r\n\
    Origin: http://example.com\r\n\
    WebSocket-Protocol: sample\r\n";

/// What the server does with a request that it accepts.
#[derive(Clone, Copy)]
enum Then {
    Echo,
    /// Answers with a 403 after all.
    Forbid,
    Drop,
}

/// A client's end of a connection, and what became of the server's.
struct Client {
    io: DuplexStream,
    ends: mpsc::UnboundedReceiver<Result<(), Error>>,
    rejections: mpsc::UnboundedReceiver<Rejection>,
}

impl Client {
    fn new(then: Then) -> Self {
        let (io, server) = duplex(64 * 1024);
        let (end, ends) = mpsc::unbounded_channel();
        let (rejection, rejections) = mpsc::unbounded_channel();
        let service = service_fn(move |request| {
            let (end, rejection) = (end.clone(), rejection.clone());
            async move {
                let upgraded = upgrade(request, then, end).await;
                Ok::<_, Infallible>(upgraded.unwrap_or_else(|error| {
                    let response = Response::from(&error);
                    rejection.send(error).unwrap();
                    response
                }))
            }
        });
        let mut builder = http1::Builder::new();
        builder.title_case_headers(true);
        let conn = builder.serve_connection(TokioIo::new(server), service);
        tokio::spawn(conn.with_upgrades());
        Self {
            io,
            ends,
            rejections,
        }
    }

    /// Writes the lines of a head, the blank line, and what follows.
    async fn request(&mut self, lines: &str, then: &[u8]) {
        self.write(&[lines.as_bytes(), b"\r\n", then].concat())
            .await;
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    /// Reads the head of a response, without the last line, which is hyper's `Date`.
    async fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.io.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let (head, date) = head.trim_end().rsplit_once("\r\n").unwrap();
        assert!(date.starts_with("Date: "), "{date}");
        head.to_owned()
    }

    async fn expect(&mut self, bytes: &[u8]) {
        let mut received = vec![0; bytes.len()];
        self.io.read_exact(&mut received).await.unwrap();
        assert_eq!(received, bytes);
    }

    async fn expect_eof(&mut self) {
        assert_eq!(self.io.read(&mut [0]).await.unwrap(), 0);
    }
}

async fn upgrade(
    request: Request<Incoming>,
    then: Then,
    end: mpsc::UnboundedSender<Result<(), Error>>,
) -> Result<Response<String>, Rejection> {
    let upgrade = Upgrade::from_request(request).await?;
    let (response, upgrading) = upgrade.accept(&CONFIG, &AcceptOptions::new())?;
    match then {
        Then::Drop => drop(upgrading),
        Then::Echo | Then::Forbid => {
            tokio::spawn(async move { end.send(echo(upgrading).await).unwrap() });
        }
    }
    let mut response = response.map(|()| String::new());
    if matches!(then, Then::Forbid) {
        response = Response::new("no".to_owned());
        *response.status_mut() = StatusCode::FORBIDDEN;
    }
    Ok(response)
}

async fn echo(upgrading: Upgrading) -> Result<(), Error> {
    let mut socket: WebSocket<UpgradedStream> = upgrading.complete().await?;
    while let Some(message) = socket.next().await {
        socket.send(message?).await?;
    }
    Ok(())
}

/// H75-2, H75-3: the first three lines are byte for byte those that clients compare.
#[tokio::test]
async fn hixie_75_works_with_title_case_headers() {
    let mut client = Client::new(Then::Echo);
    client.request(HIXIE_75, b"\0early\xff").await;
    let head = "HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
        Upgrade: WebSocket\r\n\
        Connection: Upgrade\r\n\
        Websocket-Origin: http://example.com\r\n\
        Websocket-Location: ws://example.com/demo\r\n\
        Websocket-Protocol: sample";
    assert_eq!(client.read_head().await, head);
    client.expect(b"\0early\xff").await;
    client.write(b"\0Hello\xff").await;
    client.expect(b"\0Hello\xff").await;
    client.io.shutdown().await.unwrap();
    assert!(matches!(client.ends.recv().await, Some(Ok(()))));
}

const HIXIE_76_HEAD: &str = "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Sec-Websocket-Origin: http://example.com\r\n\
    Sec-Websocket-Location: ws://example.com/demo\r\n\
    Sec-Websocket-Protocol: sample";

/// H76-18: bytes behind the third key are frames.
#[tokio::test]
async fn hixie_76_works_with_an_early_key_and_a_frame() {
    let mut client = Client::new(Then::Echo);
    client
        .request(HIXIE_76, &[&KEY[..], b"\0early\xff"].concat())
        .await;
    assert_eq!(client.read_head().await, HIXIE_76_HEAD);
    client.expect(ANSWER).await;
    client.expect(b"\0early\xff").await;
    client.write(b"\xff\0").await;
    client.expect(b"\xff\0").await;
    assert!(matches!(client.ends.recv().await, Some(Ok(()))));
}

/// H76-3: a reverse proxy may pass the key on only after it has received the head.
#[tokio::test]
async fn hixie_76_works_with_a_key_after_the_response() {
    let mut client = Client::new(Then::Echo);
    client.request(HIXIE_76, b"").await;
    assert_eq!(client.read_head().await, HIXIE_76_HEAD);
    client.write(&KEY[..3]).await;
    client.write(&KEY[3..]).await;
    client.expect(ANSWER).await;
    client.write(b"\0Hello\xff").await;
    client.expect(b"\0Hello\xff").await;
}

#[tokio::test]
async fn hixie_76_works_with_a_key_that_is_declared_as_body() {
    let lines = HIXIE_76.to_owned() + "Content-Length: 8\r\n";
    for split in 0..=KEY.len() {
        let mut client = Client::new(Then::Echo);
        client.request(&lines, &KEY[..split]).await;
        client
            .write(&[&KEY[split..], b"\0early\xff"].concat())
            .await;
        assert_eq!(client.read_head().await, HIXIE_76_HEAD);
        client.expect(ANSWER).await;
        client.expect(b"\0early\xff").await;
        client.write(b"\0Hello\xff").await;
        client.expect(b"\0Hello\xff").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_declared_and_not_sent_is_answered_with_408() {
    let start = Instant::now();
    let mut client = Client::new(Then::Echo);
    let lines = HIXIE_76.to_owned() + "Content-Length: 8\r\n";
    client.request(&lines, &KEY[..7]).await;
    let head = client.read_head().await;
    assert!(
        head.starts_with("HTTP/1.1 408 Request Timeout\r\n"),
        "{head}"
    );
    assert_eq!(start.elapsed().as_secs(), 10);
    let rejection = client.rejections.recv().await.unwrap();
    assert!(matches!(rejection.reason(), RejectionReason::KeyTimedOut));
}

/// H76-19
#[tokio::test]
async fn a_key_that_ends_early_is_rejected() {
    let mut client = Client::new(Then::Echo);
    let lines = HIXIE_76.to_owned() + "Content-Length: 8\r\n";
    client.request(&lines, &KEY[..7]).await;
    client.io.shutdown().await.unwrap();
    let rejection = client.rejections.recv().await.unwrap();
    assert!(matches!(rejection.reason(), RejectionReason::NoKey));
    assert_eq!(Response::from(rejection).status(), 400);
}

/// H76-19
#[tokio::test(start_paused = true)]
async fn a_key_that_does_not_follow_the_response_times_out() {
    let start = Instant::now();
    let mut client = Client::new(Then::Echo);
    client.request(HIXIE_76, b"").await;
    client.read_head().await;
    let error = client.ends.recv().await.unwrap().unwrap_err();
    assert!(
        matches!(error, Error::Closed(Closed::TimedOut(_))),
        "{error}"
    );
    assert_eq!(start.elapsed().as_secs(), 10);
}

/// Frames that a client sends together with its request.
#[tokio::test]
async fn rfc_6455_works_with_an_early_frame() {
    let mut client = Client::new(Then::Echo);
    client
        .request(RFC6455, b"\x81\x85\0\0\0\0Hello\x81\x85\0\0")
        .await;
    let head = "HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-Websocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    assert_eq!(client.read_head().await, head);
    client.expect(b"\x81\x05Hello").await;
    client.write(b"\0\0again\x88\x82\0\0\0\0\x03\xe8").await;
    client.expect(b"\x81\x05again\x88\x02\x03\xe8").await;
    client.expect_eof().await;
    assert!(matches!(client.ends.recv().await, Some(Ok(()))));
}

/// RQ-1, RQ-3: hyper has an upgrade for a HEAD, too.
#[tokio::test]
async fn other_methods_and_versions_are_rejected() {
    for (from, to, status) in [
        ("GET", "HEAD", "405 Method Not Allowed"),
        ("GET", "POST", "405 Method Not Allowed"),
        (
            "GET /chat",
            "CONNECT example.com:80",
            "405 Method Not Allowed",
        ),
        ("HTTP/1.1", "HTTP/1.0", "505 HTTP Version Not Supported"),
    ] {
        let mut client = Client::new(Then::Echo);
        client.request(&RFC6455.replace(from, to), b"").await;
        let head = client.read_head().await;
        assert!(head.contains(&format!(" {status}\r\n")), "{head}");
        assert_eq!(
            head.contains("Allow: GET"),
            status.starts_with("405"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn plain_requests_are_answered_with_426() {
    for lines in [
        RFC6455.replace("Upgrade: websocket\r\nConnection: Upgrade\r\n", ""),
        RFC6455.replace("Version: 13", "Version: 14"),
    ] {
        let mut client = Client::new(Then::Echo);
        client.request(&lines, b"").await;
        let head = client.read_head().await;
        assert!(
            head.starts_with("HTTP/1.1 426 Upgrade Required\r\n"),
            "{head}"
        );
        for field in [
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-Websocket-Version: 13",
        ] {
            assert!(head.contains(field), "{head}");
        }
        let rejection = client.rejections.recv().await.unwrap();
        client.expect(format!("{rejection}\n").as_bytes()).await;
    }
}

/// A task that waits for a response which is not sent ends.
#[tokio::test(start_paused = true)]
async fn an_upgrade_times_out_if_another_response_is_returned() {
    let start = Instant::now();
    let mut client = Client::new(Then::Forbid);
    client.request(RFC6455, b"").await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{head}");
    client.expect(b"no").await;
    match client.ends.recv().await.unwrap() {
        Err(Error::Io(error)) => assert_eq!(error.kind(), ErrorKind::TimedOut),
        end => panic!("{end:?}"),
    }
    assert_eq!(start.elapsed().as_secs(), 10);
    // The connection is still one of HTTP.
    client
        .request("GET / HTTP/1.1\r\nHost: example.com\r\n", b"")
        .await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 426 "));
}

#[tokio::test]
async fn an_upgrade_that_is_dropped_ends_the_connection() {
    let mut client = Client::new(Then::Drop);
    client.request(RFC6455, b"").await;
    assert!(client.read_head().await.starts_with("HTTP/1.1 101 "));
    client.expect_eof().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_without_upgrades_is_an_error() {
    let start = Instant::now();
    let (mut client, server) = duplex(1024);
    let (end, mut ends) = mpsc::unbounded_channel();
    let service = service_fn(|request| upgrade(request, Then::Echo, end.clone()));
    let conn = http1::Builder::new().serve_connection(TokioIo::new(server), service);
    client
        .write_all(&[RFC6455.as_bytes(), b"\r\n"].concat())
        .await
        .unwrap();
    conn.await.unwrap();
    match ends.recv().await.unwrap() {
        Err(Error::Io(error)) => assert_eq!(error.kind(), ErrorKind::Other),
        end => panic!("{end:?}"),
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_request_that_hyper_has_not_read_is_rejected() {
    let request = Request::get("/")
        .header("Host", "example.com")
        .header("Upgrade", "websocket")
        .header("Connection", "Upgrade")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    let rejection = Upgrade::from_request(request.body(String::new()).unwrap()).await;
    let rejection = rejection.unwrap_err();
    assert!(matches!(rejection.reason(), RejectionReason::NoUpgrade));
    assert_eq!(Response::from(rejection).status(), 500);
}

/// HY-9, H2-9
#[tokio::test]
async fn an_error_of_accept_is_a_response_of_the_version_and_the_configuration() {
    async fn rejected(
        mut request: Request<()>,
        config: Config,
        options: AcceptOptions,
    ) -> Response<String> {
        let on_upgrade = hyper::upgrade::on(&mut request);
        request.extensions_mut().insert(on_upgrade);
        let upgrade = Upgrade::from_request(request.map(|()| String::new())).await;
        let error = upgrade.unwrap().accept(config, &options).unwrap_err();
        assert!(matches!(error.reason(), RejectionReason::Accept(_)));
        error.into()
    }
    let http_1 = || {
        Request::get("/chat")
            .header("Host", "example.com")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Version", "8")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .unwrap()
    };
    let rfc6455 = Config::new().dialects(Dialects::NONE.with(Dialect::Rfc6455));
    let response = rejected(http_1(), rfc6455.clone(), AcceptOptions::new()).await;
    assert_eq!(response.status(), 426);
    assert_eq!(response.headers()["Sec-WebSocket-Version"], "13");
    let options = AcceptOptions::new().protocol("chat");
    assert_eq!(
        rejected(http_1(), Config::new(), options).await.status(),
        500
    );

    let http_2 = Request::connect("https://example.com/chat")
        .version(Version::HTTP_2)
        .extension(Protocol::from_static("websocket"))
        .header("Sec-WebSocket-Version", "13");
    let none = Config::new().dialects(Dialects::NONE);
    let response = rejected(http_2.body(()).unwrap(), none, AcceptOptions::new()).await;
    assert_eq!(response.status(), 400);
    assert!(!response.headers().contains_key("Upgrade"));
}

#[test]
fn upgrades_are_recognised() {
    let is_upgrade = |method, version, values: &[&str]| {
        let mut request = Request::builder().method(method).version(version);
        for value in values {
            request = request.header("Upgrade", *value);
        }
        is_upgrade(&request.body(()).unwrap())
    };
    let v11 = Version::HTTP_11;
    assert!(is_upgrade(Method::GET, v11, &["websocket"]));
    assert!(is_upgrade(Method::GET, v11, &["WebSocket"]));
    assert!(is_upgrade(Method::GET, v11, &[", websocket\t,"]));
    assert!(is_upgrade(Method::GET, v11, &["", "websocket"]));
    assert!(!is_upgrade(Method::GET, v11, &[]));
    assert!(!is_upgrade(Method::GET, v11, &[""]));
    assert!(!is_upgrade(Method::GET, v11, &["h2c"]));
    assert!(!is_upgrade(Method::GET, v11, &["h2c, websocket"]));
    assert!(!is_upgrade(Method::GET, v11, &["websocket", "h2c"]));
    assert!(!is_upgrade(Method::HEAD, v11, &["websocket"]));
    assert!(!is_upgrade(Method::GET, Version::HTTP_10, &["websocket"]));
    assert!(!is_upgrade(Method::GET, Version::HTTP_2, &["websocket"]));
    assert!(!is_upgrade(
        Method::CONNECT,
        Version::HTTP_2,
        &["websocket"]
    ));
}

/// The future can be one of a task.
#[test]
fn futures_are_send() {
    fn check<F: Future + Send>(_: impl Fn(Request<Incoming>) -> F) {}
    check(Upgrade::from_request::<Incoming>);
    fn check_complete<F: Future + Send>(_: impl Fn(Upgrading) -> F) {}
    check_complete(Upgrading::complete);
}
