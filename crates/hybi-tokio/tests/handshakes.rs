//! Requests and their answers.

mod common;

use std::io::ErrorKind::{BrokenPipe, TimedOut};
use std::time::Duration;

use common::{DIALECTS, config, request};
use hybi_tokio::hybi::{
    AcceptError, AcceptOptions, ClientRequest, Closed, Config, Connection, Dialect, ProtocolError,
    Request, Response, Timeout,
};
use hybi_tokio::{Bytes, Error, Message, Pending, WebSocket, tunnel};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, sleep};
use tokio_test::io::Builder;

const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

async fn pending(request: &[u8], config: Config) -> (Pending<DuplexStream>, DuplexStream) {
    let (server, mut client) = duplex(4096);
    client.write_all(request).await.unwrap();
    (WebSocket::accept(server, config).await.unwrap(), client)
}

async fn read_to_string(mut client: DuplexStream) -> String {
    let mut response = String::new();
    client.read_to_string(&mut response).await.unwrap();
    response
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_later_with_a_response() {
    let (pending, client) = pending(REQUEST, Config::new()).await;
    assert_eq!(pending.request().resource(), "/chat");
    sleep(Duration::from_secs(5)).await;
    let response = Response::new(403).body("no");
    let (result, response) = tokio::join!(pending.respond(&response), read_to_string(client));
    result.unwrap();
    assert!(response.starts_with("HTTP/1.1 403 ") && response.ends_with("\r\n\r\nno"));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_the_client_does_not_accept_in_time_is_an_error() {
    let (server, mut client) = duplex(REQUEST.len());
    client.write_all(REQUEST).await.unwrap();
    let config = Config::new().write_timeout(Duration::from_secs(3));
    let pending = WebSocket::accept(server, config).await.unwrap();
    let start = Instant::now();
    let body = [b'x'; 1000];
    let error = pending
        .respond(&Response::new(403).body(&body))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Io(error) if error.kind() == TimedOut),
        "{error:?}"
    );
    assert!(start.elapsed() >= Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_response_that_cannot_be_written_is_an_error() {
    let stream = Builder::new()
        .read(REQUEST)
        .write_error(BrokenPipe.into())
        .build();
    let pending = WebSocket::accept(stream, Config::new()).await.unwrap();
    let error = pending.respond(&Response::new(403)).await.unwrap_err();
    assert!(
        matches!(&error, Error::Io(error) if error.kind() == BrokenPipe),
        "{error:?}"
    );
}

/// A server that has read the request elsewhere may send before it receives.
#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_can_send_at_once() {
    for dialect in DIALECTS {
        let (mut stream, client) = duplex(4096);
        let serve = async {
            let (request, leftover) = read_request(&mut stream).await;
            let upgrade = Connection::upgrade(config(), &request, &AcceptOptions::new());
            let (conn, response) = upgrade.unwrap();
            stream.write_all(response.as_bytes()).await.unwrap();
            let mut socket = WebSocket::upgraded(stream, conn, leftover).await.unwrap();
            socket.send("Hello").await.unwrap();
            socket
        };
        let request = request(dialect);
        let receive = async {
            let connected = WebSocket::connect(client, config(), &request).await;
            let (mut client, _) = connected.unwrap();
            client.next().await.unwrap().unwrap()
        };
        let (_server, message) = tokio::join!(serve, receive);
        assert_eq!(message, Message::from("Hello"), "{dialect}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_connection_whose_handshake_ends_is_an_error() {
    let (mut stream, client) = duplex(4096);
    let request = request(Dialect::Hixie76);
    let connect = async { WebSocket::connect(client, config(), &request).await };
    let serve = async {
        let (request, leftover) = read_request(&mut stream).await;
        let upgrade = Connection::upgrade(config(), &request, &AcceptOptions::new());
        // The third key does not arrive.
        let unread = leftover.slice(..3);
        let io = Builder::new().build();
        WebSocket::upgraded(io, upgrade.unwrap().0, unread).await
    };
    let (error, _) = tokio::join!(serve, connect);
    let error = error.unwrap_err();
    assert!(matches!(&error, Error::Closed(Closed::Eof(_))), "{error:?}");
}

/// Reads a head as an HTTP library does. Also returns what follows it.
async fn read_request(stream: &mut DuplexStream) -> (Request, Bytes) {
    let mut read = Vec::new();
    loop {
        assert!(stream.read_buf(&mut read).await.unwrap() > 0);
        let mut headers = [httparse::EMPTY_HEADER; 20];
        let mut head = httparse::Request::new(&mut headers);
        if let httparse::Status::Complete(len) = head.parse(&read).unwrap() {
            let headers = head.headers.iter().map(|field| (field.name, field.value));
            let request = Request::from_parts("GET", head.path.unwrap(), "HTTP/1.1", headers);
            return (request.unwrap(), Bytes::copy_from_slice(&read[len..]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_request_is_accepted_without_a_subprotocol() {
    let (server, client) = duplex(4096);
    let request = request(Dialect::Rfc6455).with_protocol("chat").unwrap();
    let (server, client) = tokio::join!(
        WebSocket::accept_any(server, config()),
        WebSocket::connect(client, config(), &request)
    );
    assert!(server.unwrap().connection().is_open());
    let (_, handshake) = client.unwrap();
    assert_eq!(handshake.protocol(), None);
}

#[tokio::test(start_paused = true)]
async fn a_wss_url_is_not_connected_without_tls() {
    let request = ClientRequest::new("wss://example.com/").unwrap();
    let error = WebSocket::connect_tcp(config(), &request)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "a wss:// or https:// URL needs a stream of a TLS library"
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_a_pending_request_answers_503() {
    let (pending, client) = pending(REQUEST, Config::new()).await;
    drop(pending);
    assert!(read_to_string(client).await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_the_handshake_timeout_is_an_error() {
    let (pending, _client) = pending(REQUEST, Config::new()).await;
    sleep(Duration::from_secs(11)).await;
    let result = pending.accept(&AcceptOptions::new()).await;
    let timed_out = Closed::TimedOut(Timeout::Handshake);
    assert!(matches!(result, Err(Error::Closed(closed)) if closed == timed_out));
}

#[tokio::test(start_paused = true)]
async fn options_that_do_not_fit_the_request_are_an_error() {
    let (pending, client) = pending(REQUEST, Config::new()).await;
    let result = pending.accept(&AcceptOptions::new().protocol("chat")).await;
    assert!(matches!(
        result,
        Err(Error::Accept(AcceptError::ProtocolNotOffered))
    ));
    assert!(read_to_string(client).await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_times_out() {
    let (server, _client) = duplex(64);
    let start = Instant::now();
    let result = WebSocket::accept(server, Config::new()).await;
    let timed_out = Closed::TimedOut(Timeout::Handshake);
    assert!(matches!(result, Err(Error::Closed(closed)) if closed == timed_out));
    assert_eq!(start.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_request_is_answered_before_the_error_is_returned() {
    let (server, mut client) = duplex(4096);
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
        .await
        .unwrap();
    client.shutdown().await.unwrap();
    let (result, response) = tokio::join!(
        WebSocket::accept(server, Config::new()),
        read_to_string(client)
    );
    assert!(matches!(
        result,
        Err(Error::Closed(Closed::Protocol(ProtocolError::NotWebSocket)))
    ));
    assert!(response.starts_with("HTTP/1.1 426 "));
}

#[tokio::test(start_paused = true)]
async fn plain_http_is_served_on_the_same_port() {
    let page = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
    let (pending, client) = pending(page, Config::new().plain_http(true)).await;
    assert_eq!(pending.request().dialect(), None);
    let response = Response::new(200).body("<!doctype html>");
    let (result, response) = tokio::join!(pending.respond(&response), read_to_string(client));
    result.unwrap();
    assert!(response.ends_with("<!doctype html>"));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_client_gets_the_status_and_the_header_fields() {
    let (server, client) = duplex(4096);
    let reject = async {
        let pending = WebSocket::accept(server, Config::new()).await.unwrap();
        let response = Response::new(401).header("WWW-Authenticate", "Basic");
        pending.respond(&response).await.unwrap();
    };
    let request = request(Dialect::Rfc6455);
    let (result, ()) = tokio::join!(WebSocket::connect(client, config(), &request), reject);
    match result {
        Err(Error::Closed(Closed::Rejected(rejection))) => {
            assert_eq!(rejection.status(), 401);
            assert_eq!(rejection.header("WWW-Authenticate"), Some(&b"Basic"[..]));
        }
        result => panic!("{result:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_is_established_through_a_proxy() {
    let request = ClientRequest::new("ws://example.com/").unwrap();
    let mut proxy = Builder::new()
        .write(
            b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\
            Proxy-Authorization: Basic YTpi\r\n\r\n",
        )
        .read(b"HTTP/1.1 200 Connection est")
        .read(b"ablished\r\n\r\n")
        .build();
    let headers = [("Proxy-Authorization", &b"Basic YTpi"[..])];
    tunnel(&mut proxy, &Config::new(), &request, &headers)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_refuses_or_sends_more_is_an_error() {
    let request = ClientRequest::new("ws://example.com/").unwrap();
    let connect = b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n";
    let config = Config::new();
    for (response, expected) in [
        (&b"HTTP/1.1 407 No\r\n\r\n"[..], "HTTP status 407"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", "bytes after the response"),
        (b"HTTP/1.1 200 OK\r\n", "without a close frame during"),
        (b"nonsense\r\n", "violated the protocol or a limit"),
    ] {
        let mut proxy = Builder::new().write(connect).read(response).build();
        let error = tunnel(&mut proxy, &config, &request, &[])
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let mut proxy = Builder::new().build();
    let invalid = [("Host", &b"example.com"[..])];
    let error = tunnel(&mut proxy, &config, &request, &invalid)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("Host"), "{error}");
}
