//! WebSocket over HTTP/2 (RFC 8441): fields of an extended CONNECT in, fields of the response and
//! events out.

use hybi::{
    AcceptError, AcceptOptions, Config, Connection, Dialect, Dialects, HeaderErrorKind,
    LineErrorKind, Phase, Request,
};
use testkit::*;

use HeaderErrorKind::{Duplicate, Invalid, Missing};

type Fields<'a> = Vec<(&'a str, &'a str)>;

/// The request line to which offsets of errors refer, for this authority and path.
const LINE: &str = "GET http://example.com/chat HTTP/1.1\r\n";

const VERSION: (&str, &str) = ("sec-websocket-version", "13");

fn read(authority: &str, path: &str, fields: &[(&str, &str)]) -> Result<Request, ProtocolError> {
    let request = Request::from_connect(authority, path, fields.iter().copied());
    request.map_err(ProtocolError::from)
}

/// Reads a request with these fields.
fn connect(fields: &[(&str, &str)]) -> Result<Request, ProtocolError> {
    read("example.com", "/chat", fields)
}

/// Reads a request with this field before the version.
fn connect_with(name: &str, value: &str) -> Result<Request, ProtocolError> {
    connect(&[(name, value), VERSION])
}

fn upgrade(
    config: Config,
    fields: &[(&str, &str)],
    options: &AcceptOptions,
) -> Result<(Connection, hybi::UpgradeResponse), AcceptError> {
    Connection::upgrade(config, &connect(fields).unwrap(), options)
}

/// Returns the fields of the response.
fn response(config: Config, fields: &[(&str, &str)], options: &AcceptOptions) -> Vec<String> {
    let (_, response) = upgrade(config, fields, options).unwrap();
    assert_eq!((response.status(), response.reason()), (200, ""));
    let mut bytes = b"HTTP/2 200\r\n".to_vec();
    let mut fields = Vec::new();
    for (name, value) in response.headers() {
        bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        fields.push(format!("{name}: {}", escaped(value)));
    }
    bytes.extend(b"\r\n");
    assert_eq!(escaped(response.as_bytes()), escaped(bytes));
    fields
}

/// The example of RFC 8441, section 5.1.
#[test]
fn a_request_has_what_the_fields_and_pseudo_header_fields_say_h2_1_h2_2() {
    let fields = [
        ("sec-websocket-protocol", "chat, superchat"),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("sec-websocket-version", "13"),
        ("origin", "http://www.example.com"),
    ];
    let request = read("server.example.com", "/chat?a=b&c", &fields).unwrap();
    assert_eq!(request.method(), "CONNECT");
    assert_eq!(request.dialect(), Some(Dialect::Rfc6455));
    assert_eq!(request.resource(), "/chat?a=b&c");
    assert_eq!(request.host(), Some("server.example.com"));
    assert_eq!(request.origin(), Some("http://www.example.com"));
    assert!(request.origin_among(&["http://www.example.com"]));
    assert!(request.protocols().eq(["chat", "superchat"]));
    let headers = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
    assert!(request.headers().eq(headers));
    let debug = format!("{request:?}");
    assert!(debug.contains("/chat") && !debug.contains("a=b"), "{debug}");
}

#[test]
fn the_cookies_of_all_fields_are_one_field_h2_10() {
    let cookies = |fields: &[(&str, &str)]| {
        let fields: Vec<_> = [fields, &[VERSION]].concat();
        let request = connect(&fields).unwrap();
        assert!(
            request
                .headers()
                .filter(|(name, _)| *name == "cookie")
                .count()
                <= 1
        );
        let cookies = request.header("Cookie")?;
        Some(String::from_utf8(cookies.to_vec()).unwrap())
    };
    assert_eq!(cookies(&[]), None);
    assert_eq!(cookies(&[("cookie", "a=1; b=2")]).unwrap(), "a=1; b=2");
    let split = [
        ("cookie", "a=1"),
        ("x", "y"),
        ("Cookie", " b=2\t"),
        ("cookie", "c=3; d"),
    ];
    assert_eq!(cookies(&split).unwrap(), "a=1; b=2; c=3; d");
    let injected = [("cookie", "a=1"), ("cookie", "b\r\nhost: evil"), VERSION];
    assert!(matches!(
        connect(&injected),
        Err(ProtocolError::InvalidLine { .. })
    ));
}

/// RQ-1: no socket makes a connection read a CONNECT, with or without a WebSocket handshake.
#[test]
fn connect_in_http_1_1_is_rejected_h2_1() {
    for target in [
        "/chat",
        "example.com:443",
        "http://example.com/chat",
        "*",
        "",
    ] {
        let heads = [
            replace_once(RFC6455_REQUEST, "GET /chat", format!("CONNECT {target}")),
            format!("CONNECT {target} HTTP/1.1\r\nHost: example.com\r\n\r\n").into_bytes(),
            format!("CONNECT {target} HTTP/2\r\nSec-WebSocket-Version: 13\r\n\r\n").into_bytes(),
        ];
        for config in [Config::new(), Config::new().plain_http(true)] {
            for head in &heads {
                let conn = || Connection::server(config.clone());
                let transcript = at_every_split(conn, head);
                let error = protocol_error(ProtocolError::UnsupportedMethod);
                assert_eq!(transcript.events, [error]);
                let response = error_response(405, VERSIONS);
                assert_eq!(escaped(transcript.sent), escaped(response));
            }
        }
        for version in ["HTTP/1.1", "HTTP/2", "HTTP/2.0"] {
            let error = Request::from_parts("CONNECT", target, version, [VERSION]).unwrap_err();
            assert_eq!(error, ProtocolError::UnsupportedMethod);
        }
    }
}

#[test]
fn an_authority_is_a_host_and_perhaps_a_port_h2_2() {
    for authority in [
        "example.com",
        "EXAMPLE.com:8080",
        "a:",
        "127.0.0.1",
        "[::1]:443",
    ] {
        let request = read(authority, "/", &[VERSION]).unwrap();
        assert_eq!((request.host(), request.resource()), (Some(authority), "/"));
    }
    let start = "GET http://".len() as u32;
    for (authority, at) in [
        ("", 0),
        (":80", 0),
        ("me@example.com", 2),
        ("example.com:0x50", 13),
        ("a/b", 1),
        ("a?b", 1),
        ("a#b", 1),
        ("a b", 1),
        ("a\r\nHost: b", 1),
        ("a HTTP/1.1\r\nX: y", 1),
        ("\u{e9}", 0),
        ("[::1", 4),
    ] {
        for path in ["/chat", "", "/ "] {
            let error = read(authority, path, &[VERSION]).unwrap_err();
            let at = start + at;
            assert_eq!(error, ProtocolError::InvalidStartLine { at }, "{authority}");
        }
    }
}

#[test]
fn a_path_starts_with_a_slash_and_is_visible_ascii_h2_2() {
    for path in ["/", "//", "/chat?", "/a:b@c//?d?e=/", "/http://a/b", "/%00"] {
        let request = read("example.com", path, &[VERSION]).unwrap();
        assert_eq!(
            (request.host(), request.resource()),
            (Some("example.com"), path)
        );
    }
    let start = "GET http://example.com".len() as u32;
    for (path, at) in [
        // A CONNECT without `:protocol`, which has no `:path`.
        ("", 0),
        ("chat", 0),
        ("?a", 0),
        ("*", 0),
        (":80/", 0),
        ("http://example.com/chat", 0),
        ("/chat#a", 5),
        ("/c\u{e9}", 2),
        ("/c\0", 2),
        ("/c\t", 2),
        // The rest of the line is read as the version.
        ("/c d", 3),
        ("/c HTTP/2.0", 11),
        ("/c HTTP/1.1\r\nX: y", 11),
        ("/c HTTP/1.0\r\nX: y", 11),
        ("/c\r\nX: y", 2),
    ] {
        let error = read("example.com", path, &[VERSION]).unwrap_err();
        let at = start + at;
        assert_eq!(error, ProtocolError::InvalidStartLine { at }, "{path:?}");
    }
}

#[test]
fn fields_that_http_2_does_not_allow_are_rejected_h2_3() {
    let at = LINE.len() as u32;
    for name in [
        "Connection",
        "Upgrade",
        "Transfer-Encoding",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
    ] {
        for value in ["", "Upgrade", "websocket", "keep-alive", "chunked", "gzip"] {
            for written in [name.to_ascii_lowercase(), name.to_owned()] {
                let error = connect_with(&written, value).unwrap_err();
                assert_eq!(error, header_error(name, at, Invalid));
                // Also after others.
                let error = connect(&[VERSION, (&written, value)]).unwrap_err();
                let after = at + "sec-websocket-version: 13\r\n".len() as u32;
                assert_eq!(error, header_error(name, after, Invalid));
            }
        }
    }
    // A handshake of HTTP/1.1.
    let fields = RFC6455_REQUEST.lines().filter_map(|l| l.split_once(": "));
    let error = connect(&fields.collect::<Fields<'_>>()).unwrap_err();
    assert!(matches!(
        error,
        ProtocolError::InvalidHeader {
            name: "Connection",
            ..
        }
    ));

    for value in ["trailers", "Trailers", " trailers"] {
        connect_with("te", value).unwrap();
    }
    let error = connect(&[("te", "trailers"), ("te", "gzip"), VERSION]).unwrap_err();
    assert_eq!(error, header_error("TE", at + 14, Invalid));
    for name in [
        "proxy-authorization",
        "trailer",
        "keep-alives",
        "x-connection",
    ] {
        connect_with(name, "a").unwrap();
    }
}

/// The name and the value end where the library says.
#[test]
fn injected_fields_are_rejected_rq_11() {
    use LineErrorKind::{BareCr, Name, Value};
    let at = LINE.len() as u32;
    for (name, value, at, kind) in [
        (":path", "/", at, Name),
        ("", "a", at, Name),
        ("a b", "c", at + 1, Name),
        ("a", "b\0", at + 4, Value),
        ("a", "b\r\nhost: evil", at + 4, BareCr),
        ("a\r\nhost", "evil", at + 1, BareCr),
    ] {
        let error = connect_with(name, value).unwrap_err();
        assert_eq!(error, line_error(at, kind), "{name:?}: {value:?}");
    }
}

#[test]
fn host_is_the_authority_or_absent_h2_4() {
    let at = LINE.len() as u32;
    assert_eq!(connect(&[VERSION]).unwrap().host(), Some("example.com"));
    for host in ["example.com", "Example.COM", " example.com "] {
        let request = connect_with("host", host).unwrap();
        assert_eq!(request.host(), Some("example.com"));
        assert_eq!(request.header("Host"), Some(host.trim().as_bytes()));
    }
    for host in [
        "",
        "example.org",
        "example.com:443",
        "example.com.",
        "example.co",
        "example.com, example.com",
    ] {
        let error = connect_with("host", host).unwrap_err();
        assert_eq!(error, header_error("Host", at, Invalid), "{host}");
    }
    let twice = [("host", "example.com"), ("Host", "example.com"), VERSION];
    let at = at + "host: example.com\r\n".len() as u32;
    assert_eq!(
        connect(&twice).unwrap_err(),
        header_error("Host", at, Duplicate)
    );
}

#[test]
fn the_version_is_13_and_nothing_else_selects_a_dialect_h2_5() {
    let name = "Sec-WebSocket-Version";
    let at = LINE.len() as u32;
    for version in ["", "7", "8", "0", "12", "14", "013", "+13", "13, 8"] {
        let error = connect(&[(name, version)]).unwrap_err();
        assert_eq!(error, header_error(name, at, Invalid), "{version}");
    }
    for others in [
        &[][..],
        &[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")],
        &[("sec-websocket-key1", "1 2"), ("sec-websocket-key2", "1 2")],
        &[("origin", "http://example.com")],
    ] {
        let error = connect(others).unwrap_err();
        let len = others
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4);
        let end = LINE.len() + len.sum::<usize>() + 2;
        assert_eq!(error, header_error(name, end as u32, Missing));
    }
    let twice = connect(&[VERSION, VERSION]).unwrap_err();
    let second = at + "sec-websocket-version: 13\r\n".len() as u32;
    assert_eq!(twice, header_error(name, second, Duplicate));

    for (name, value) in [
        ("sec-websocket-key1", "no number"),
        ("sec-websocket-draft", "2"),
        ("websocket-protocol", "sample"),
    ] {
        let request = connect_with(name, value).unwrap();
        assert_eq!(request.dialect(), Some(Dialect::Rfc6455));
        assert_eq!(request.protocols().count(), 0);
    }
}

#[test]
fn a_key_is_ignored_h2_6() {
    let key = "sec-websocket-key";
    for value in ["dGhlIHNhbXBsZSBub25jZQ==", "", "not base64 of 16 bytes"] {
        let fields = [(key, value), VERSION, (key, value)];
        assert_eq!(
            response(Config::new(), &fields, &AcceptOptions::new()),
            [""; 0]
        );
    }
}

/// Origin: HY-3. Subprotocols and extensions: HY-4, RFC-9.1-1. Content-Length: HY-10.
#[test]
fn other_fields_are_checked_as_in_http_1_1_h2_7() {
    let extensions = MALFORMED_EXTENSIONS.map(|value| ("sec-websocket-extensions", value));
    let fields = [
        ("origin", ""),
        ("origin", "null"),
        ("origin", "http://a http://b"),
        ("origin", "a\tb"),
        ("origin", "\u{e9}"),
        ("sec-websocket-protocol", ""),
        ("sec-websocket-protocol", "a, b ,,c"),
        ("sec-websocket-protocol", "a b"),
        ("sec-websocket-protocol", "a/b"),
        ("sec-websocket-extensions", ""),
        ("sec-websocket-extensions", "a, b; c=\"d\""),
        ("content-length", "0"),
        ("content-length", "8"),
        ("content-length", ""),
        ("x", "\u{e9}"),
    ];
    let mut results = [0; 2];
    for (name, value) in fields.into_iter().chain(extensions) {
        for count in [1, 2] {
            let mut fields = vec![(name, value); count];
            fields.push(VERSION);
            let connect = connect(&fields);
            fields.extend([
                ("host", "example.com"),
                ("upgrade", "websocket"),
                ("connection", "upgrade"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ]);
            // The target makes the offsets those of the other request.
            let get =
                Request::from_parts("GET", "http://example.com/chat", "HTTP/1.1", fields.clone());
            results[usize::from(get.is_ok())] += 1;
            match (connect, get) {
                (Ok(connect), Ok(get)) => {
                    assert_eq!(connect.origin(), get.origin());
                    assert!(connect.protocols().eq(get.protocols()));
                    assert_eq!(connect.resource(), get.resource());
                    assert_eq!(connect.host(), get.host());
                }
                (connect, get) => {
                    let get = get.map_err(ProtocolError::from);
                    assert_eq!(connect.err(), get.err(), "{name}: {value:?}");
                }
            }
        }
    }
    assert_eq!(results.map(|count| count > 10), [true, true]);
}

/// RFC-4.2.2-2, RFC-4.2.2-3, H76-15, RQ-17
#[test]
fn the_response_is_a_200_with_what_was_selected_and_added_h2_8() {
    let fields = [VERSION, ("sec-websocket-protocol", "chat, superchat")];
    let none = AcceptOptions::new();
    let response = |options: &AcceptOptions| response(Config::new(), &fields, options);
    assert_eq!(response(&none), [""; 0]);
    assert_eq!(
        response(&none.clone().authority("example.org:8080")),
        [""; 0]
    );
    let options = AcceptOptions::new()
        .protocol("superchat")
        .header("Set-Cookie", "A=B: C")
        .header("set-cookie", b"D=\xe9")
        .header("X-Empty", "");
    assert_eq!(
        response(&options),
        [
            "sec-websocket-protocol: superchat",
            "set-cookie: A=B: C",
            "set-cookie: D=\\xe9",
            "x-empty: ",
        ]
    );
}

#[test]
fn an_upgrade_is_rejected_as_in_http_1_1_h2_8() {
    let fields = [VERSION, ("sec-websocket-protocol", "chat")];
    let rejected = |config, options| upgrade(config, &fields, &options).map(drop).unwrap_err();
    let accept = AcceptOptions::new;
    let error = rejected(Config::new(), accept().protocol("sample"));
    assert!(matches!(error, AcceptError::ProtocolNotOffered), "{error}");
    let error = rejected(Config::new(), accept().authority("a b"));
    assert!(
        matches!(error, AcceptError::InvalidAuthority { .. }),
        "{error}"
    );
    for (name, value) in [
        ("upgrade", "websocket"),
        ("connection", "close"),
        ("content-length", "0"),
        ("transfer-encoding", "chunked"),
        ("sec-websocket-accept", "a"),
        (":status", "200"),
        ("a", "b\r\nc: d"),
    ] {
        let error = rejected(Config::new(), accept().header(name, value));
        assert!(matches!(error, AcceptError::InvalidHeader(_)), "{error}");
    }
    // HY-9
    for dialects in [
        Dialects::ALL.without(Dialect::Rfc6455),
        Dialects::NONE.with(Dialect::HyBi8),
    ] {
        let AcceptError::Protocol(error) = rejected(Config::new().dialects(dialects), accept())
        else {
            panic!("accepted");
        };
        let dialect = Dialect::Rfc6455;
        assert_eq!(error, ProtocolError::DialectNotEnabled { dialect });
    }
}

/// A response of HTTP/1.1 may have them. RFC 9113, section 8.2.2
#[test]
fn fields_that_http_2_does_not_allow_are_not_sent_h2_8() {
    let fields = RFC6455_REQUEST
        .lines()
        .filter_map(|line| line.split_once(": "));
    let get = Request::from_parts("GET", "/chat", "HTTP/1.1", fields).unwrap();
    for name in ["Keep-Alive", "keep-alive", "Proxy-Connection", "TE", "te"] {
        for value in ["", "timeout=5", "trailers"] {
            let options = AcceptOptions::new().header("a", "b").header(name, value);
            let error = upgrade(Config::new(), &[VERSION], &options).map(drop);
            match error {
                Err(AcceptError::InvalidHeader(error)) => assert_eq!(error.name(), name),
                other => panic!("{name}: {other:?}"),
            }
            let (_, response) = Connection::upgrade(Config::new(), &get, &options).unwrap();
            assert!(response.headers().any(|(sent, _)| sent == name));
        }
    }
    for name in ["keep-alives", "proxy-connectio", "t", "proxy-authenticate"] {
        let options = AcceptOptions::new().header(name, "a");
        upgrade(Config::new(), &[VERSION], &options).unwrap();
    }
}

/// HY-5, CL-2
#[test]
fn the_data_of_the_stream_is_frames_h2_8() {
    let conn = || {
        let upgraded = upgrade(Config::new(), &[VERSION], &AcceptOptions::new());
        let conn = upgraded.unwrap().0;
        // An HTTP library writes the response.
        assert!(conn.transmit().is_empty() && conn.wants_read());
        conn
    };
    let open = Observed::Open(Dialect::Rfc6455);
    let frame = |first, payload: &[u8]| frame(Role::Client, first, payload);
    let bytes = [
        frame(TEXT, b"Hello"),
        frame(PING, b"a"),
        frame(CLOSE, &close_payload(1000, "")),
    ]
    .concat();
    let transcript = at_every_split(conn, &bytes);
    let events = [
        open.clone(),
        text("Hello"),
        ping("a"),
        clean_close(1000, ""),
    ];
    assert_eq!(transcript.events, events);
    assert_eq!(transcript.sent, b"\x8a\x01a\x88\x02\x03\xe8");

    let mut driver = Driver::new(conn());
    driver.feed(b"");
    assert_eq!(driver.events(), std::slice::from_ref(&open));
    driver.conn.send_text("Hello").unwrap();
    driver.drain();
    assert_eq!(driver.sent(), b"\x81\x05Hello");
    // END_STREAM
    driver.eof();
    assert_eq!(driver.events(), [unexpected_eof(Phase::Open)]);

    let transcript = at_every_split(conn, b"\x81\x05Hello");
    let error = protocol_error(ProtocolError::UnmaskedFrameFromClient);
    assert_eq!(transcript.events, [open, error]);
    assert_eq!(transcript.sent, b"\x88\x02\x03\xea");
}

/// The caller sends a 400 instead of a 426.
#[test]
fn the_status_of_an_error_is_400_or_426_h2_9() {
    let version = "sec-websocket-version";
    for (fields, status) in [
        (&[(version, "8")][..], 426),
        (&[("upgrade", "websocket"), VERSION], 426),
        (&[("connection", "upgrade"), VERSION], 400),
        (&[("host", "example.org"), VERSION], 400),
        (&[], 400),
    ] {
        let error = connect(fields).unwrap_err();
        assert_eq!(error.status(), Some(status), "{error:?}");
    }
}

#[cfg(feature = "deflate")]
mod compression {
    use hybi::{Deflate, Event};

    use super::*;

    /// DF-1, DF-4 to DF-8
    #[test]
    fn compression_is_negotiated_h2_7() {
        let config = || Config::new().deflate(Deflate::new());
        let none = AcceptOptions::new();
        for (offer, agreed) in [
            ("", None),
            ("permessage-bzip2", None),
            ("permessage-deflate; client_max_window_bits=7", None),
            (
                "permessage-deflate; client_max_window_bits",
                Some("permessage-deflate; server_max_window_bits=10; client_max_window_bits=10"),
            ),
            (
                "permessage-deflate; a=b, permessage-deflate; server_no_context_takeover",
                Some(
                    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                     server_max_window_bits=10",
                ),
            ),
            (
                "x-webkit-deflate-frame",
                Some("x-webkit-deflate-frame; max_window_bits=10"),
            ),
        ] {
            let fields = [("sec-websocket-extensions", offer), VERSION];
            let request = connect(&fields).unwrap();
            assert_eq!(request.offers_compression(), agreed.is_some());
            let field = agreed.map(|agreed| format!("sec-websocket-extensions: {agreed}"));
            let expected: Vec<String> = field.into_iter().collect();
            assert_eq!(response(config(), &fields, &none), expected);
            // Without it on the side of the server.
            assert_eq!(response(Config::new(), &fields, &none), [""; 0]);
            let declined = AcceptOptions::new().no_compression();
            assert_eq!(response(config(), &fields, &declined), [""; 0]);

            // What the response says is what the connection does.
            let (mut conn, _) = upgrade(config(), &fields, &none).unwrap();
            let mut bytes = [];
            let Some(Event::Open(handshake)) = conn.receive(&mut input(&mut bytes)) else {
                panic!("not open");
            };
            let compression = handshake.compression().map(ToString::to_string);
            assert_eq!(compression.as_deref(), agreed);
            // RFC 7692, section 7.2.3.1: "Hello"
            let compressed = frame(Role::Client, 0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
            let mut driver = Driver::new(conn);
            driver.feed(&compressed);
            let expected = match agreed {
                Some(_) => text("Hello"),
                None => protocol_error(ProtocolError::ReservedBits { byte: 0xC1 }),
            };
            assert_eq!(driver.events(), [expected]);
        }
    }
}

#[cfg(feature = "http")]
mod http_types {
    use http::{Method, StatusCode, Version};

    use super::*;

    fn request(method: Method, version: Version, uri: &str) -> http::Request<()> {
        let request = http::Request::builder()
            .method(method)
            .version(version)
            .uri(uri);
        let request = request.header("Sec-WebSocket-Version", "13");
        request
            .header("Sec-WebSocket-Protocol", "chat")
            .body(())
            .unwrap()
    }

    #[test]
    fn connect_in_http_2_is_converted_h2_1() {
        for (uri, host, resource) in [
            ("https://example.com/chat?a=b", "example.com", "/chat?a=b"),
            ("http://example.com:8080/", "example.com:8080", "/"),
            ("https://[::1]/a", "[::1]", "/a"),
        ] {
            let request = request(Method::CONNECT, Version::HTTP_2, uri);
            let request = Request::try_from(&request).unwrap();
            assert_eq!(request.method(), "CONNECT");
            assert_eq!((request.host(), request.resource()), (Some(host), resource));
            let options = AcceptOptions::new().protocol("chat").header("X-A", "b");
            let (_, response) = Connection::upgrade(Config::new(), &request, &options).unwrap();
            let response = http::Response::from(response);
            assert_eq!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
            assert_eq!(response.headers()["x-a"], "b");
            assert_eq!(response.headers().len(), 2);
        }
    }

    #[test]
    fn connect_without_an_authority_or_a_path_is_rejected_h2_2() {
        for (uri, at) in [
            ("/chat", 11),
            ("*", 11),
            ("example.com:443", 26),
            ("https://me@example.com/chat", 13),
        ] {
            let request = request(Method::CONNECT, Version::HTTP_2, uri);
            let error = Request::try_from(&request).unwrap_err();
            assert_eq!(error, ProtocolError::InvalidStartLine { at }, "{uri}");
        }
    }

    #[test]
    fn other_methods_and_versions_are_rejected_h2_1() {
        let uri = "https://example.com/chat";
        for version in [Version::HTTP_2, Version::HTTP_3] {
            for method in [Method::GET, Method::HEAD] {
                let error = Request::try_from(&request(method, version, uri)).unwrap_err();
                assert_eq!(error.status(), Some(505));
            }
            let error = Request::try_from(&request(Method::POST, version, uri)).unwrap_err();
            assert_eq!(error, ProtocolError::UnsupportedMethod);
        }
        for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_3] {
            let request = request(Method::CONNECT, version, uri);
            let error = Request::try_from(&request).unwrap_err();
            assert_eq!(error, ProtocolError::UnsupportedMethod);
        }
    }
}
