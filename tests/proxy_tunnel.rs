//! A client's way through an HTTP proxy (PX-2).

mod common;

use common::*;
use hybi::{
    ClientRequest, Closed, Config, LineErrorKind, Phase, ProtocolError, ProxyTunnel, Refused,
};

fn tunnel_to(url: &str, authorization: Option<&str>) -> Result<ProxyTunnel, Refused> {
    ProxyTunnel::new(&Config::new(), &ClientRequest::new(url)?, authorization)
}

/// A tunnel whose request is sent.
fn tunnel() -> ProxyTunnel {
    let mut tunnel = tunnel_to("ws://example.com/demo", None).unwrap();
    tunnel.advance(tunnel.transmit().len());
    tunnel
}

type Outcome = Option<Result<(), Closed>>;

/// What a tunnel makes of these reads, and what it leaves of the last.
fn heard(reads: &[&[u8]]) -> (Outcome, Vec<u8>) {
    let mut tunnel = tunnel();
    let (mut outcome, mut left) = (None, Vec::new());
    for read in reads {
        assert_eq!(left, b"", "all is taken while more is needed");
        let mut input = *read;
        outcome = tunnel.receive(&mut input);
        left = input.to_vec();
    }
    assert_eq!(escaped(tunnel.transmit()), "");
    (outcome, left)
}

fn rejected(status: u16) -> Outcome {
    Some(Err(Closed::Rejected(status)))
}

fn protocol_error(error: ProtocolError) -> Outcome {
    Some(Err(Closed::Protocol(error)))
}

#[test]
fn px_2_the_request_byte_for_byte() {
    for (url, authority) in [
        ("ws://example.com/demo?a=1", "example.com:80"),
        ("wss://example.com/demo", "example.com:443"),
        ("ws://Example.COM:8081/", "example.com:8081"),
        ("wss://[::1]/", "[::1]:443"),
    ] {
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        let mut tunnel = tunnel_to(url, None).unwrap();
        assert_eq!(escaped(tunnel.transmit()), escaped(&request));
        tunnel.advance(10);
        assert_eq!(escaped(tunnel.transmit()), escaped(&request[10..]));
        tunnel.advance(request.len() - 10);
        assert_eq!(escaped(tunnel.transmit()), "");
    }
}

#[test]
fn px_2_the_authorization_is_sent_as_it_is_given() {
    let tunnel = tunnel_to("ws://example.com/", Some("Basic dXNlcjpwYXNz")).unwrap();
    let request = "CONNECT example.com:80 HTTP/1.1\r\n\
        Host: example.com:80\r\n\
        Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n";
    assert_eq!(escaped(tunnel.transmit()), escaped(request));
}

#[test]
fn px_2_an_authorization_that_would_break_the_head_is_refused() {
    for authorization in [
        "Basic x\r\nHost: other",
        "Basic x\r\n\r\n",
        "Basic x\n",
        "\rBasic x",
        "Basic\0x",
        "Basic x\u{7f}",
    ] {
        let refused = tunnel_to("ws://example.com/", Some(authorization));
        assert_eq!(
            refused.err(),
            Some(Refused::InvalidHeader),
            "{authorization:?}"
        );
    }
}

#[test]
fn px_2_200_goes_on_and_what_follows_is_left_at_every_cut() {
    for head in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 \r\nVia: 1.1 proxy\r\nX:\r\n\r\n",
    ] {
        for follows in ["", "\r\n", "HTTP/1.1 101 WebSocket Protocol Handshake\r\n"] {
            let bytes = [head, follows].concat();
            for cut in 0..head.len() {
                let (one, other) = bytes.split_at(cut);
                assert_eq!(heard(&[one.as_bytes()]), (None, vec![]), "cut at {cut}");
                let both = heard(&[one.as_bytes(), other.as_bytes()]);
                assert_eq!(both, (Some(Ok(())), follows.as_bytes().to_vec()));
            }
        }
        let bytes: Vec<&[u8]> = head.as_bytes().chunks(1).collect();
        assert_eq!(heard(&bytes), (Some(Ok(())), vec![]));
    }
}

#[test]
fn px_2_once_it_stands_it_takes_nothing_more() {
    let mut tunnel = tunnel();
    let mut input = &b"HTTP/1.1 200 OK\r\n\r\nserver"[..];
    for _ in 0..3 {
        assert_eq!(tunnel.receive(&mut input), Some(Ok(())));
        assert_eq!(escaped(input), "server");
    }
    assert_eq!(tunnel.receive_eof(), Ok(()));
}

#[test]
fn px_2_any_other_status_fails() {
    for status in [100, 101, 201, 204, 301, 400, 403, 407, 500, 502, 999] {
        let head = format!(
            "HTTP/1.1 {status} Reason\r\n\
             Proxy-Authenticate: Basic realm=\"proxy\"\r\n\r\n"
        );
        let line = head.find('\n').unwrap() + 1;
        assert_eq!(heard(&[head.as_bytes()]).0, rejected(status));
        for cut in 0..line {
            let (one, other) = head.as_bytes().split_at(cut);
            assert_eq!(heard(&[one]), (None, vec![]));
            assert_eq!(heard(&[one, other]).0, rejected(status), "cut at {cut}");
        }
        let mut tunnel = tunnel();
        tunnel.receive(&mut head.as_bytes());
        let established = &mut &b"HTTP/1.1 200 OK\r\n\r\n"[..];
        assert_eq!(tunnel.receive(established), rejected(status));
        assert_eq!(Some(tunnel.receive_eof()), rejected(status));
    }
}

#[test]
fn px_2_a_malformed_reply_fails() {
    let whole = "HTTP/1.1 200 OK\r\nVia: proxy\r\n\r\n";
    let start = |at| ProtocolError::InvalidStartLine { at };
    let line = |kind| move |at| ProtocolError::InvalidLine { at, kind };
    let fails = |from: &str, to: &str, error: &dyn Fn(u32) -> ProtocolError| {
        let (bytes, at) = edit_marked(whole, from, to);
        assert_eq!(heard(&[&bytes]).0, protocol_error(error(at)), "{to:?}");
    };
    // The byte at which each goes wrong is marked.
    fails("HTTP/1.1 200 OK", "SSH-2.0-proxy^", &start);
    fails(" 200 OK", " 200^", &start);
    fails(" 200 ", " 20^x ", &start);
    fails(" 200 ", " ^ 200 ", &start);
    fails(" OK\r\n", " O^\0K\r\n", &start);
    fails(" OK\r\n", " OK^\n", &line(LineErrorKind::BareLf));
    fails("Via: proxy", "Via: ^\0", &line(LineErrorKind::Value));
    fails("Via: proxy", "^ Via: proxy", &line(LineErrorKind::ObsFold));
    fails("Via: proxy", "Via^ proxy", &line(LineErrorKind::Name));
    fails("\r\n\r\n", "\r\n^\n", &line(LineErrorKind::BareLf));
}

#[test]
fn px_2_the_limits_are_those_of_a_head() {
    let config = Config::new()
        .max_head_len(64)
        .max_header_line_len(32)
        .max_headers(2);
    let target = ClientRequest::new("ws://example.com/").unwrap();
    let heard = |head: String| {
        let mut tunnel = ProxyTunnel::new(&config, &target, None).unwrap();
        tunnel.receive(&mut head.as_bytes())
    };
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    assert_eq!(heard(head("X: 1\r\nX: 2\r\n")), Some(Ok(())));
    let error = ProtocolError::TooManyHeaders { limit: 2 };
    assert_eq!(
        heard(head("X: 1\r\nX: 2\r\nX: 3\r\n")),
        protocol_error(error)
    );
    let long = head(&format!("X: {}\r\n", "x".repeat(28)));
    let (at, limit) = (at(long.as_bytes(), "X:"), 32);
    let error = ProtocolError::LineTooLong { at, limit };
    assert_eq!(heard(long), protocol_error(error));
    let wide = format!("X: {}\r\n", "x".repeat(25)).repeat(2);
    let error = ProtocolError::HeadTooLong { limit: 64 };
    assert_eq!(heard(head(&wide)), protocol_error(error));
}

#[test]
fn px_2_the_end_of_input_before_the_blank_line() {
    let head = b"HTTP/1.1 200 OK\r\nVia: proxy\r\n\r\n";
    for end in 0..head.len() {
        let mut tunnel = tunnel();
        assert_eq!(tunnel.receive(&mut &head[..end]), None);
        let eof = Err(Closed::Eof(Phase::Handshaking));
        assert_eq!(tunnel.receive_eof(), eof, "at {end}");
        assert_eq!(tunnel.receive_eof(), eof);
        assert_eq!(tunnel.receive(&mut &head[end..]), Some(eof));
    }
}
