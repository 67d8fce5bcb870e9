//! Requests that the RFCs allow or that products send: each test is one kind of input, with its
//! variants. The comments name the reports of other implementations. The last tests are requests
//! that look alike and are rejected.

use hybi::{
    AcceptOptions, Closed, Config, Connection, Dialect, Dialects, Event, Request, Response,
};
use testkit::*;

use Dialect::{Hixie75, Hixie76, Rfc6455};

const CONFIG: Config = Config::new().dialects(Dialects::ALL).plain_http(true);

const PAGE: &str = "GET /demo HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// A request of each kind of handshake, and its resource.
const REQUESTS: [(Dialect, &str, &str); 3] = [
    (Hixie75, DRAFT_75_REQUEST, "/demo"),
    (Hixie76, DRAFT_76_REQUEST, "/demo"),
    (Rfc6455, RFC6455_REQUEST, "/chat"),
];

fn text(head: impl AsRef<[u8]>) -> String {
    String::from_utf8(head.as_ref().to_vec()).unwrap()
}

/// Reads a head with a connection; then rebuilds it from its parts, which has to give the same.
#[track_caller]
fn read(head: &[u8]) -> Result<Request, ProtocolError> {
    let mut bytes = head.to_vec();
    let mut conn = Connection::server(CONFIG);
    let mut input = input(&mut bytes);
    let event = conn.receive(&mut input);
    let read = match event {
        Some(Event::Request(request)) => Ok(request),
        Some(Event::Closed(Closed::Protocol(error))) => Err(error.into()),
        other => panic!("{other:?} of {}", escaped(head)),
    };
    if let Ok(request) = &read {
        check_parts(request, head);
    }
    read
}

/// httparse finds the same parts, and `from_parts` accepts them.
#[track_caller]
fn check_parts(request: &Request, head: &[u8]) {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut other = httparse::Request::new(&mut headers);
    assert_eq!(
        other.parse(head),
        Ok(httparse::Status::Complete(head.len()))
    );
    let version = format!("HTTP/1.{}", other.version.unwrap());
    // Spaces count in the values of keys, and httparse removes them.
    let fields = other.headers.iter().map(|field| {
        let start = field.value.as_ptr() as usize - head.as_ptr() as usize;
        let end = start + head[start..].iter().position(|b| *b == b'\r').unwrap();
        (field.name, head[start..end].trim_ascii_start())
    });
    let (method, target) = (other.method.unwrap(), other.path.unwrap());
    let rebuilt = Request::from_parts(method, target, &version, fields).unwrap();
    assert_eq!(rebuilt.dialect(), request.dialect());
    assert_eq!((rebuilt.method(), request.method()), (method, method));
    assert_eq!(rebuilt.resource(), request.resource());
    assert_eq!(rebuilt.host(), request.host());
    assert_eq!(rebuilt.origin(), request.origin());
    assert!(rebuilt.protocols().eq(request.protocols()));
    assert!(rebuilt.headers().eq(request.headers()));
}

/// Returns the response to a request that is accepted, at every split.
#[track_caller]
fn accept(head: &[u8]) -> String {
    let request = read(head).unwrap_or_else(|error| panic!("{error:?} in {}", escaped(head)));
    let dialect = request.dialect().unwrap();
    let transcript = at_every_split(|| Connection::server(CONFIG), head);
    let requested = Observed::Request(Some(dialect), request.resource().to_owned());
    assert_eq!(transcript.events[0], requested, "{}", escaped(head));
    let upgrade = Connection::upgrade(CONFIG, &request, &AcceptOptions::new());
    assert_eq!(upgrade.unwrap().1.as_bytes(), transcript.sent);
    let sent = text(transcript.sent);
    assert!(sent.starts_with("HTTP/1.1 101 "), "{sent}");
    assert!(!sent.contains(|c: char| c.is_control() && !matches!(c, '\r' | '\n')));
    sent
}

/// Returns the response with this status to a request that the application answers with a page.
#[track_caller]
fn respond(head: &[u8], response: &Response<'_>) -> String {
    assert!(read(head).unwrap().dialect().is_none());
    let conn = Connection::server(CONFIG);
    let mut driver = Driver::with_request_handler(conn, |conn, _| conn.respond(response).unwrap());
    driver.feed(head);
    text(driver.sent())
}

/// Returns the error of both entry points, at every split.
#[track_caller]
fn reject(head: &[u8]) -> ProtocolError {
    let error = read(head).map(|request| format!("{request:?} {}", escaped(head)));
    let error = error.unwrap_err();
    let transcript = at_every_split(|| Connection::server(CONFIG), head);
    assert_eq!(transcript.events, [protocol_error(error)]);
    assert!(!text(transcript.sent).starts_with("HTTP/1.1 1"));
    error
}

fn location(response: &str) -> Option<&str> {
    let lines = response.lines().filter_map(|line| line.split_once(": "));
    let mut locations = lines.filter(|(name, _)| name.ends_with("WebSocket-Location"));
    locations.next().map(|(_, value)| value)
}

/// netty/netty#9206, zaphoyd/websocketpp#582, curl/curl#21663
#[test]
fn absolute_form_target_rq_4_h76_8() {
    let forms = [
        ("", "/"),
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("?", "/?"),
        ("?x=/y", "/?x=/y"),
        ("/a?b://c@d", "/a?b://c@d"),
        ("//", "//"),
    ];
    let authorities = [
        "other.example",
        "other.example:8080",
        "[::1]:1",
        "A:",
        "a!b%2E",
    ];
    for scheme in ["http", "https", "ws", "wss", "HTTP", "Ws"] {
        for authority in authorities {
            for (rest, resource) in forms {
                let target = format!("{scheme}://{authority}{rest}");
                for (dialect, head, old) in REQUESTS {
                    let from = format!("GET {old} ");
                    let head = replace_once(head, &*from, format!("GET {target} "));
                    let request = read(&head).unwrap();
                    assert_eq!(request.dialect(), Some(dialect));
                    assert_eq!(request.resource(), resource, "{target}");
                    assert_eq!(request.host(), Some(authority), "{target}");
                    if scheme == "ws" {
                        let expected = format!("ws://{authority}{resource}");
                        let response = accept(&head);
                        let expected = (dialect != Rfc6455).then_some(&*expected);
                        assert_eq!(location(&response), expected);
                    }
                }
                let page = replace_once(PAGE, "/demo", &*target);
                assert_eq!(read(&page).unwrap().host(), Some(authority));
                // `Host` still has to be present and valid.
                for host in ["", "Host:\r\n", "Host: a b\r\n", "Host: a\r\nHost: a\r\n"] {
                    let head = replace_once(&page, "Host: example.com\r\n", host);
                    assert_eq!(read(&head).unwrap_err().status(), Some(400), "{host}");
                }
            }
        }
    }
    // A scheme is not empty.
    let (head, at) = replace_marked(PAGE, "/demo", "^://example.com/");
    assert_eq!(reject(&head), ProtocolError::InvalidStartLine { at });
    // Offsets of later lines are those of the input.
    let head = replace_once(PAGE, "/demo", "http://a?b");
    let (head, at) = replace_marked(&head, "Host: example.com", "^Host: a/b");
    let error = header_error("Host", at, hybi::HeaderErrorKind::Invalid);
    assert_eq!(reject(&head), error);
}

/// RFC 6455, 4.1; an ESP8266 library sets these bits in most of its keys.
#[test]
fn spare_bits_in_the_key_hy_2() {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for digit in digits {
        let key = format!("AQIDBAUGBwgJCgsMDQ4PE{}==", char::from(*digit));
        let head = replace_once(RFC6455_REQUEST, "dGhlIHNhbXBsZSBub25jZQ==", &*key);
        let accepted = format!("Sec-WebSocket-Accept: {}\r\n", accept_value(&key));
        assert!(accept(&head).contains(&accepted), "{key}");
    }
}

/// python-websockets/websockets#743, python-websockets/websockets#1239; RFC 6265, 6.1
#[test]
fn cookies_of_4096_bytes_and_heads_of_16_kib_rq_19() {
    for (dialect, head, _) in REQUESTS {
        for cookies in 1..=3 {
            for name in ["Cookie", "Cookie", "X-Forwarded-Access-Token"] {
                let line = format!("{name}: {}\r\n", "x".repeat(4096)).repeat(cookies);
                let head = replace_once(head, "Host:", line + "Host:");
                let bytewise = (1..head.len()).collect::<Vec<_>>();
                for splits in [&[][..], &bytewise] {
                    let conn = Connection::server(CONFIG);
                    let transcript = run(conn, &head, splits, false);
                    let Observed::Request(requested, _) = transcript.events[0] else {
                        panic!("{:?}", transcript.events);
                    };
                    assert_eq!(requested, Some(dialect));
                }
            }
        }
    }
}

/// facebook/react-native, libsoup and Honeywell devices send empty fields.
#[test]
fn optional_field_that_is_present_and_empty_rq_17_h75_9_h76_14() {
    for value in ["", " ", "\t", "  \t "] {
        for (dialect, head, _) in REQUESTS {
            for name in ["WebSocket-Protocol", "Sec-WebSocket-Protocol"] {
                let line = format!("{name}: ");
                let Some(at) = head.find(&format!("\r\n{line}")) else {
                    continue;
                };
                let old = head[at + 2..].split("\r\n").next().unwrap();
                let empty = text(replace_once(head, old, format!("{name}:{value}")));
                assert_eq!(read(empty.as_bytes()).unwrap().protocols().count(), 0);
                assert!(!accept(empty.as_bytes()).contains("Protocol: "), "{empty}");
                // An empty one beside another.
                let both = replace_once(head, old, format!("{name}:{value}\r\n{old}"));
                let expected: Vec<_> = old[line.len()..].split(", ").collect();
                assert!(read(&both).unwrap().protocols().eq(expected));
                let response = accept(&both);
                let echoed = (dialect != Rfc6455).then_some(old);
                let found = response.lines().find(|line| line.contains("Protocol: "));
                assert_eq!(found, echoed, "{response}");
            }
            let extensions = format!("\r\nSec-WebSocket-Extensions:{value}\r\n\r\n");
            accept(&replace_once(head, "\r\n\r\n", extensions));
            let origin = "Origin: http://example.com";
            let empty = replace_once(head, origin, format!("Origin:{value}"));
            if dialect == Hixie75 {
                assert_eq!(reject(&empty).status(), Some(400)); // H75-4
            } else {
                assert_eq!(read(&empty).unwrap().origin(), None);
                assert!(!accept(&empty).contains("Origin"));
            }
            // HY-3
            let old_origin = format!("Sec-WebSocket-Origin:{value}\r\n{origin}");
            let version = "Sec-WebSocket-Version: ";
            let head = replace_once(head, origin, old_origin);
            for number in ["7", "8", "13"] {
                if dialect == Rfc6455 {
                    let head = replace_once(&head, "Version: 13", format!("Version: {number}"));
                    let request = read(&head).unwrap();
                    assert_eq!(request.origin(), Some("http://example.com"), "{version}");
                }
            }
        }
        let page = format!("\r\nOrigin:{value}\r\n\r\n");
        let page = replace_once(PAGE, "\r\n\r\n", page);
        assert_eq!(read(&page).unwrap().origin(), None);
    }
}

/// crossbario/autobahn-js#32, capnproto/capnproto#2653; RFC 9110, 5.6.1.2
#[test]
fn empty_list_members_rq_17_hy_4() {
    let around = [
        ["", "", ","],
        [",", "", ""],
        [", ", " , ", " , "],
        [",,", ",,\t,", ",,"],
        ["", " ,\t, ", " "],
    ];
    for [before, between, after] in around {
        let between = if between.is_empty() { "," } else { between };
        let list = |members: [&str; 2]| [before, members[0], between, members[1], after].concat();
        let head = |from: &str, name: &str, value: String| {
            replace_once(RFC6455_REQUEST, from, format!("{name}: {value}"))
        };
        let old = "Sec-WebSocket-Protocol: chat, superchat";
        let protocols = head(old, "Sec-WebSocket-Protocol", list(["gabbo", "b"]));
        assert!(read(&protocols).unwrap().protocols().eq(["gabbo", "b"]));
        accept(&protocols);
        let extensions = list(["permessage-deflate; client_max_window_bits", "x; y=z"]);
        accept(&head(old, "Sec-WebSocket-Extensions", extensions));
        let options = list(["keep-alive", "Upgrade"]);
        accept(&head("Connection: Upgrade", "Connection", options));
        let upgrade = [before, "websocket", after].concat();
        accept(&head("Upgrade: websocket", "Upgrade", upgrade));
    }
    for list in [",", " , ", ",,,", "\t,"] {
        for name in ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"] {
            let line = format!("{name}: {list}");
            let old = "Sec-WebSocket-Protocol: chat, superchat";
            let head = replace_once(RFC6455_REQUEST, old, line);
            assert_eq!(read(&head).unwrap().protocols().count(), 0);
            accept(&head);
        }
    }
}

/// RFC 6455, 9.1
#[test]
fn quoted_pair_in_an_extension_hy_4() {
    let with_value = |value: &str| {
        let field = format!("\r\nSec-WebSocket-Extensions: a, x; y={value}; z\r\n\r\n");
        replace_once(RFC6455_REQUEST, "\r\n\r\n", field)
    };
    for value in [
        "\"1\\0\"",
        "\"\\1\\0\"",
        "\"\\a\"",
        "\"a\\!b\"",
        "\"10\"",
        "10",
    ] {
        assert_eq!(accept(&with_value(value)), RFC6455_RESPONSE, "{value}");
    }
    // The value has to be a token once it is unquoted.
    for value in [
        "\"\"", "\"", "\"\\\"", "\"a\\\"", "\"\\\\\"", "\"a b\"", "\"\\ \"", "\"\\\"\"", "1\\0",
        "\"a\"b\"", "\"a", "a\"",
    ] {
        assert_eq!(reject(&with_value(value)).status(), Some(400), "{value}");
    }
}

/// RFC 3986, 3.2.2 and 3.2.3
#[test]
fn host_forms_rq_16() {
    let hosts = [
        "localhost",
        "a%2Eb.example",
        "a!b.example",
        "a_b",
        "a~b",
        "a,b",
        "a;b",
        "a=b",
        "*",
        "(a)",
        "$&'+",
        "%41",
        "1.2.3.4",
        "[::1]",
        "[::ffff:1.2.3.4]",
        "-",
        "a..b",
    ];
    for host in hosts {
        for port in ["", ":", ":80", ":1", ":65535", ":080"] {
            let host = format!("{host}{port}");
            for (dialect, head, resource) in REQUESTS {
                let old = head
                    .lines()
                    .find(|line| line.starts_with("Host: "))
                    .unwrap();
                let head = replace_once(head, old, format!("Host: {host}"));
                assert_eq!(read(&head).unwrap().host(), Some(&*host));
                let expected = format!("ws://{host}{resource}");
                let expected = (dialect != Rfc6455).then_some(&*expected);
                assert_eq!(location(&accept(&head)), expected);
            }
        }
    }
}

/// RFC 6454, 7.1
#[test]
fn origin_list_h76_10_hy_3() {
    for origin in [
        "http://a http://b",
        "http://a http://b https://c:8443",
        "null http://a",
        "http://a  http://b",
        "http://a, http://b",
    ] {
        for (dialect, head, _) in REQUESTS {
            let line = format!("Origin: {origin}");
            let head = replace_once(head, "Origin: http://example.com", &*line);
            let request = read(&head).unwrap();
            assert_eq!(request.origin(), Some(origin));
            assert!(request.origin_among(&[origin]) && !request.origin_among(&["http://a"]));
            let response = accept(&head);
            assert_eq!(response.contains(&line), dialect != Rfc6455);
        }
    }
}

/// Java's HttpClient and `curl --http2` offer HTTP/2; RFC 9110, 7.8
#[test]
fn upgrade_to_something_else_on_a_plain_request_rq_14() {
    for upgrade in [
        "h2c",
        "HTTP/2.0",
        "TLS/1.0",
        "h2c, TLS/1.0",
        "",
        "h2c,",
        "WebSocket/13",
    ] {
        for connection in ["Upgrade, HTTP2-Settings", "Upgrade", "close", "keep-alive"] {
            let fields = format!(
                "\r\nConnection: {connection}\r\nUpgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
            );
            let head = replace_once(PAGE, "\r\n\r\n", fields);
            let response = respond(&head, &Response::new(200).body(b"page"));
            assert!(response.starts_with("HTTP/1.1 200 OK\r\nConnection: close\r\n"));
            assert!(response.ends_with("\r\n\r\npage"));

            let conn = Connection::server(Config::new());
            let transcript = run(conn, &head, &[], false);
            assert_eq!(text(transcript.sent), error_response(426, VERSIONS));
        }
    }
}

/// Probes of load balancers; RFC 9110, 9.3.2
#[test]
fn head_and_http_1_0_for_plain_requests_rq_1_rq_3() {
    let hosts = ["Host: example.com\r\n", ""];
    for (method, version) in [("GET", "1.0"), ("HEAD", "1.1"), ("HEAD", "1.0")] {
        for host in hosts.into_iter().take(if version == "1.0" { 2 } else { 1 }) {
            for target in ["/healthz", "/", "http://a/b"] {
                let head = format!("{method} {target} HTTP/{version}\r\n{host}\r\n");
                let request = read(head.as_bytes()).unwrap();
                assert_eq!(request.method(), method);
                if target.starts_with('/') {
                    assert_eq!(request.host(), (!host.is_empty()).then_some("example.com"));
                }
                for (response, body) in [
                    (Response::new(200).body(b"page"), "page"),
                    (Response::new(404), "404 Not Found\n"),
                    (Response::new(200).body(b""), ""),
                ] {
                    let sent = respond(head.as_bytes(), &response);
                    let length = format!("Content-Length: {}\r\n\r\n", body.len());
                    let body = if method == "HEAD" { "" } else { body };
                    assert!(sent.ends_with(&[&length, body].concat()), "{sent}");
                }
                let status = if method == "HEAD" { 405 } else { 505 };
                let conn = Connection::server(Config::new());
                let sent = run(conn, head.as_bytes(), &[], false).sent;
                let (expected, _) = error_response(status, "")
                    .split_once("\r\n\r\n")
                    .map(|(head, body)| (head.to_owned(), body.to_owned()))
                    .unwrap();
                assert!(text(&sent).starts_with(&expected), "{}", escaped(&sent));
                assert_eq!(sent.ends_with(b"\r\n\r\n"), method == "HEAD");
            }
        }
    }
    // An upgrade stays `GET` and HTTP/1.1.
    for (_, head, _) in REQUESTS {
        let other = replace_once(head, "GET ", "HEAD ");
        assert_eq!(reject(&other), ProtocolError::UnsupportedMethod);
        let (other, at) = replace_marked(head, "HTTP/1.1", "^HTTP/1.0");
        let (major, minor) = (1, 0);
        let error = ProtocolError::UnsupportedHttpVersion { at, major, minor };
        assert_eq!(reject(&other), error);
    }
    // Any other answer to `HEAD` has no body either.
    let bad = b"HEAD / HTTP/1.1\r\nHost: a b\r\n\r\n";
    let sent = run(Connection::server(CONFIG), bad, &[], false).sent;
    assert!(sent.starts_with(b"HTTP/1.1 400") && sent.ends_with(b"\r\n\r\n"));
    let conn = Connection::server(CONFIG);
    let mut driver = Driver::with_request_handler(conn, |conn, _| {
        conn.close(&hybi::Close::EMPTY).unwrap();
    });
    driver.feed(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let sent = driver.sent();
    assert!(sent.starts_with(b"HTTP/1.1 503") && sent.ends_with(b"\r\n\r\n"));
}

/// RFC 9112, 2.2; six of eight servers, nginx and HAProxy accept it.
#[test]
fn one_empty_line_before_the_request_line_rq_6() {
    for (dialect, head, resource) in REQUESTS {
        let head = format!("\r\n{head}");
        let request = read(head.as_bytes()).unwrap();
        assert_eq!(
            (request.dialect(), request.resource()),
            (Some(dialect), resource)
        );
        accept(head.as_bytes());
        // It counts towards the limit.
        let config = CONFIG.max_head_len(head.len() - 1);
        let transcript = at_every_split(|| Connection::server(config.clone()), head.as_bytes());
        let limit = head.len() as u32 - 1;
        let error = protocol_error(ProtocolError::HeadTooLong { limit });
        assert_eq!(transcript.events, [error]);
    }
    for (head, at) in [("\r\n\r\n", 2), ("\r\n \r\n", 2), ("\r\nGET\r\n\r\n", 5)] {
        let error = ProtocolError::InvalidStartLine { at };
        let transcript = at_every_split(|| Connection::server(CONFIG), head.as_bytes());
        assert_eq!(transcript.events, [protocol_error(error)]);
    }
}

/// RFC 9110, 7.8
#[test]
fn a_426_names_upgrade_in_connection_hy_12() {
    for head in [
        PAGE.to_owned(),
        text(replace_once(RFC6455_REQUEST, "Version: 13", "Version: 12")),
        text(replace_once(
            RFC6455_REQUEST,
            "Upgrade: websocket",
            "Upgrade: h2c",
        )),
    ] {
        let transcript = run(
            Connection::server(Config::new()),
            head.as_bytes(),
            &[],
            false,
        );
        let sent = text(transcript.sent);
        assert!(sent.contains("\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n"));
        assert_eq!(sent, error_response(426, VERSIONS));
    }
}

/// RFC 9110, 15.5.22: for a page that is not WebSocket, from the application.
#[test]
fn a_426_of_the_application_names_upgrade_hy_12() {
    let server = Connection::server(Config::new().plain_http(true));
    let mut server = Driver::with_request_handler(server, |conn, _| {
        let response = Response::new(426).header("Sec-WebSocket-Version", "13");
        conn.respond(&response).unwrap();
    });
    server.feed(PAGE.as_bytes());
    let sent = text(server.sent());
    let head = "HTTP/1.1 426 Upgrade Required\r\nConnection: close, Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    assert!(sent.starts_with(head), "{sent}");
}

/// crossbario/autobahn-python 0.5.14 sends none as a client.
#[test]
fn no_origin_with_key1_and_key2_h76_11() {
    let line = "Origin: http://example.com\r\n";
    for origin in ["", "Origin:\r\n", "Origin: \t \r\n"] {
        let head = replace_once(DRAFT_76_REQUEST, line, origin);
        assert_eq!(read(&head).unwrap().origin(), None);
        assert!(
            !read(&head)
                .unwrap()
                .origin_among(&["", "http://example.com"])
        );
        let expected = replace_once(DRAFT_76_RESPONSE, format!("Sec-WebSocket-{line}"), "");
        assert_eq!(accept(&head), text(expected));
        let head = replace_once(DRAFT_75_REQUEST, line, origin);
        let at = head.len() as u32;
        let missing = header_error("Origin", at, hybi::HeaderErrorKind::Missing);
        assert_eq!(reject(&head), missing); // H75-4
    }
}

/// envoyproxy/envoy#21990
#[test]
fn content_length_0_with_key1_and_key2_rq_18() {
    for length in ["0", "8", " 0 "] {
        let field = format!("\r\nContent-Length: {length}\r\n\r\n");
        let head = replace_once(DRAFT_76_REQUEST, "\r\n\r\n", field);
        assert_eq!(accept(&head), DRAFT_76_RESPONSE);
        let bytes = [&head, &DRAFT_76_KEY3[..]].concat();
        let sent = run(Connection::server(CONFIG), &bytes, &[], false).sent;
        assert!(sent.ends_with(DRAFT_76_CHALLENGE_RESPONSE));
    }
}

/// Whatever splits requests, smuggles or injects.
#[test]
fn requests_that_smuggle_or_inject_are_rejected() {
    let fields: [&[u8]; 24] = [
        b"X: y",
        b"Host: a\r\nHost: a",
        b"Host:",
        b"Host: :80",
        b"Host: a:99999",
        b"Host: a:0",
        b"Host: a, b",
        b"Host: a b",
        b"Host: a/b",
        b"Host: me@a",
        b"Host: a%",
        b"Host: a%0",
        b"Host: a\x80",
        b"Host: a\r\n b",
        b"Host: a\rb",
        b"Host: a\nb",
        b"Host: a\0",
        b"Host : a",
        b"Host: a\r\nTransfer-Encoding: chunked",
        b"Host: a\r\nTransfer-Encoding:",
        b"Host: a\r\nContent-Length: 1",
        b"Host: a\r\nContent-Length: 0, 0",
        b"Host: a\r\nContent-Length: 0\r\nContent-Length: 0",
        b"Host: a\r\nOrigin: http://a\tb",
    ];
    let targets: [&[u8]; 16] = [
        b"http://",
        b"http:///a",
        b"http://?a",
        b"http://me@a/",
        b"http://me:pw@a/",
        b"http://a:99999/",
        b"http://a\\@b/",
        b"http://a/#b",
        b"http://a#b",
        b"http://a\x80/",
        b"http://a\0/",
        b"http:/a",
        b"http:a",
        b"file://a/",
        b"wsss://a/",
        b"a:80",
    ];
    let heads = fields.map(|fields| [b"/ HTTP/1.1\r\n", fields].concat());
    let targets = targets.map(|target| [target, b" HTTP/1.1\r\nHost: a"].concat());
    for rest in heads.iter().chain(&targets) {
        for method in [&b"GET "[..], b"HEAD ", b"\r\nGET "] {
            assert_eq!(
                reject(&[method, rest, b"\r\n\r\n"].concat()).status(),
                Some(400)
            );
        }
    }
    // The first of two requests is answered, and then the connection is closed.
    let two = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2);
    let conn = Connection::server(CONFIG);
    let mut driver = Driver::with_request_handler(conn, |conn, _| {
        conn.respond(&Response::new(404)).unwrap();
    });
    assert_eq!(driver.feed(&two), two.len() / 2);
    assert_eq!(driver.events().len(), 2);
    assert!(driver.conn.is_done());
    for [method, target, version] in [
        ["GET /a HTTP/1.1\r\nX:", "/", "HTTP/1.1"],
        ["GET", "/ HTTP/1.1\r\nX:", "HTTP/1.1"],
        ["GET", "/", "HTTP/1.1\r\nX: y"],
        ["GET", "/", "HTTP/1.1\r\n\r\nGET / HTTP/1.1"],
        ["GET", "/ HTTP/1.1", ""],
        ["GET /", "HTTP/1.1", ""],
        ["", "GET /", "HTTP/1.1"],
        ["GET ", "/", "HTTP/1.1"],
        ["get", "/", "HTTP/1.1"],
        ["POST", "/", "HTTP/1.1"],
        ["GET", "/", "HTTP/2.0"],
        ["GET", "http://a\r\n/", "HTTP/1.1"],
    ] {
        let fields = [("Host", "a")];
        assert!(
            Request::from_parts(method, target, version, fields).is_err(),
            "{target:?}"
        );
    }
}
