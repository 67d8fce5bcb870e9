//! HTTP CONNECT through a proxy (PX-2).

use hybi::{ClientRequest, Closed, Config, InvalidHeader, LineErrorKind, Phase, ProxyTunnel};
use testkit::*;

fn tunnel_to(url: &str, headers: &[(&str, &[u8])]) -> Result<ProxyTunnel, InvalidHeader> {
    let request = ClientRequest::new(url).unwrap();
    ProxyTunnel::new(&Config::new(), &request, headers)
}

/// Returns a tunnel that has sent its request.
fn tunnel() -> ProxyTunnel {
    let mut tunnel = tunnel_to("ws://example.com/demo", &[]).unwrap();
    tunnel.advance(tunnel.transmit().len());
    tunnel
}

type Outcome = Option<Result<(), Closed>>;

/// Feeds `reads` to a tunnel; returns the outcome and the rest of the last read.
fn receive(reads: &[&[u8]]) -> (Outcome, Vec<u8>) {
    let mut tunnel = tunnel();
    let (mut outcome, mut remaining) = (None, Vec::new());
    for read in reads {
        assert_eq!(remaining, b"", "all input is consumed while more is needed");
        let mut input = *read;
        outcome = tunnel.receive(&mut input);
        remaining = input.to_vec();
    }
    assert_eq!(escaped(tunnel.transmit()), "");
    (outcome, remaining)
}

fn rejected(status: u16, head: &str) -> Outcome {
    Some(Err(rejection(status, head)))
}

fn observed(outcome: Outcome) -> Observed {
    outcome.unwrap().unwrap_err().into()
}

#[test]
fn the_connect_request_byte_for_byte_px_2() {
    for (url, authority) in [
        ("ws://example.com/demo?a=1", "example.com:80"),
        ("wss://example.com/demo", "example.com:443"),
        ("ws://Example.COM:8081/", "example.com:8081"),
        ("wss://[::1]/", "[::1]:443"),
    ] {
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        let mut tunnel = tunnel_to(url, &[]).unwrap();
        assert_eq!(escaped(tunnel.transmit()), escaped(&request));
        tunnel.advance(10);
        assert_eq!(escaped(tunnel.transmit()), escaped(&request[10..]));
        tunnel.advance(request.len() - 10);
        assert_eq!(escaped(tunnel.transmit()), "");
    }
}

#[test]
fn header_fields_are_sent_unchanged_and_in_order_px_2() {
    let fields: [(&str, &[u8]); 3] = [
        ("Proxy-Authorization", b"Basic dXNlcjpwYXNz"),
        ("User-Agent", b"caf\xe9\t1"),
        ("x", b""),
    ];
    let tunnel = tunnel_to("ws://example.com/", &fields).unwrap();
    let request = b"CONNECT example.com:80 HTTP/1.1\r\n\
        Host: example.com:80\r\n\
        Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\
        User-Agent: caf\xe9\t1\r\n\
        x: \r\n\r\n";
    assert_eq!(escaped(tunnel.transmit()), escaped(request));
}

/// They are for the server, not for the proxy.
#[test]
fn the_user_and_fields_of_the_request_are_not_sent_to_the_proxy_px_2() {
    let request = ClientRequest::new("ws://user:secret@example.com/").unwrap();
    let request = request.with_header("Host", "other").unwrap();
    let request = request.with_header("Cookie", "secret").unwrap();
    let tunnel = ProxyTunnel::new(&Config::new(), &request, &[]).unwrap();
    let expected = "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n";
    assert_eq!(escaped(tunnel.transmit()), escaped(expected));
}

#[test]
fn an_invalid_or_reserved_header_field_is_rejected_px_2() {
    let name = "Proxy-Authorization";
    for (name, value) in [
        (name, "Basic x\r\nHost: other"),
        (name, "Basic x\r\n\r\n"),
        (name, "Basic x\n"),
        (name, "\rBasic x"),
        (name, "Basic\0x"),
        (name, "Basic x\u{7f}"),
        ("", "x"),
        ("X:", "x"),
        ("X\r\nY", "x"),
        ("host", "x"),
        ("Upgrade", "x"),
        ("CONNECTION", "x"),
        ("Content-Length", "1"),
        ("transfer-Encoding", "chunked"),
    ] {
        for fields in [
            &[(name, value.as_bytes())][..],
            &[("X", b"y"), (name, value.as_bytes())],
        ] {
            let error = tunnel_to("ws://example.com/", fields).unwrap_err();
            assert_eq!(error.name(), name, "{value:?}");
        }
    }
}

#[test]
fn a_200_completes_and_leaves_the_rest_at_every_split_px_2() {
    for head in [
        "HTTP/1.1 200 Connection established\r\n\r\n",
        "HTTP/1.0 200 Connection established\r\n\r\n",
        "HTTP/1.1 200\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 \r\nVia: 1.1 proxy\r\nX:\r\n\r\n",
    ] {
        for follows in ["", "\r\n", "HTTP/1.1 101 WebSocket Protocol Handshake\r\n"] {
            let bytes = [head, follows].concat();
            for split in 0..head.len() {
                let (first, second) = bytes.split_at(split);
                assert_eq!(
                    receive(&[first.as_bytes()]),
                    (None, vec![]),
                    "split at {split}"
                );
                let both = receive(&[first.as_bytes(), second.as_bytes()]);
                assert_eq!(both, (Some(Ok(())), follows.as_bytes().to_vec()));
            }
        }
        let bytes: Vec<&[u8]> = head.as_bytes().chunks(1).collect();
        assert_eq!(receive(&bytes), (Some(Ok(())), vec![]));
    }
}

#[test]
fn an_established_tunnel_consumes_no_input_px_2() {
    let mut tunnel = tunnel();
    let mut input = &b"HTTP/1.1 200 OK\r\n\r\nserver"[..];
    for _ in 0..3 {
        assert_eq!(tunnel.receive(&mut input), Some(Ok(())));
        assert_eq!(escaped(input), "server");
    }
    assert_eq!(tunnel.receive_eof(), Ok(()));
}

#[test]
fn a_status_other_than_1xx_and_2xx_fails_px_2() {
    for status in [101, 300, 301, 400, 403, 407, 500, 502, 999] {
        let head = format!(
            "HTTP/1.1 {status} Reason\r\n\
             Proxy-Authenticate: Basic realm=\"proxy\"\r\n\r\n"
        );
        let line = head.find('\n').unwrap() + 1;
        assert_eq!(receive(&[head.as_bytes()]).0, rejected(status, &head));
        for split in 0..line {
            let (first, second) = head.as_bytes().split_at(split);
            assert_eq!(receive(&[first]), (None, vec![]));
            assert_eq!(
                receive(&[first, second]).0,
                rejected(status, &head),
                "split at {split}"
            );
        }
        let mut tunnel = tunnel();
        tunnel.receive(&mut head.as_bytes());
        let established = &mut &b"HTTP/1.1 200 OK\r\n\r\n"[..];
        assert_eq!(tunnel.receive(established), rejected(status, &head));
        assert_eq!(Some(tunnel.receive_eof()), rejected(status, &head));
    }
}

#[test]
fn a_malformed_response_fails_px_2() {
    let response = "HTTP/1.1 200 OK\r\nVia: proxy\r\n\r\n";
    let start = |at| ProtocolError::InvalidStartLine { at };
    let line = |kind| move |at| ProtocolError::InvalidLine { at, kind };
    let fails = |from: &str, to: &str, error: &dyn Fn(u32) -> ProtocolError| {
        let (bytes, at) = replace_marked(response, from, to);
        let observed = observed(receive(&[&bytes]).0);
        assert_eq!(observed, protocol_error(error(at)), "{to:?}");
    };
    // The first invalid byte is marked.
    fails("HTTP/1.1 200 OK", "^SSH-2.0-proxy", &start);
    fails("HTTP/1.1 200 OK", "^xyz 200 OK", &start);
    fails(" 200 OK", " 200^OK", &start);
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
fn the_limits_of_heads_apply_px_2() {
    let config = Config::new()
        .max_head_len(64)
        .max_header_line_len(32)
        .max_headers(2);
    let target = ClientRequest::new("ws://example.com/").unwrap();
    let receive = |head: String| {
        let mut tunnel = ProxyTunnel::new(&config, &target, &[]).unwrap();
        tunnel.receive(&mut head.as_bytes())
    };
    let fails = |head, error| assert_eq!(observed(receive(head)), protocol_error(error));
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
    assert_eq!(receive(head("X: 1\r\nX: 2\r\n")), Some(Ok(())));
    let error = ProtocolError::TooManyHeaders { limit: 2 };
    fails(head("X: 1\r\nX: 2\r\nX: 3\r\n"), error);
    let long = head(&format!("X: {}\r\n", "x".repeat(28)));
    let (at, limit) = (offset_of(long.as_bytes(), "X:"), 32);
    let error = ProtocolError::LineTooLong { at, limit };
    fails(long, error);
    let wide = format!("X: {}\r\n", "x".repeat(25)).repeat(2);
    let error = ProtocolError::HeadTooLong { limit: 64 };
    fails(head(&wide), error);
}

#[test]
fn eof_before_the_blank_line_is_reported_px_2() {
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
