//! The public API apart from the protocol: errors and their messages, closes that are relayed,
//! rejected requests, shared configurations, and output that is not copied.

use std::collections::BTreeSet;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use hybi::*;
use testkit::*;

const SECOND: Duration = Duration::from_secs(1);

const DIALECTS: [Dialect; 5] = {
    use Dialect::{Hixie75, Hixie76, HyBi7, HyBi8, Rfc6455};
    [Hixie75, Hixie76, HyBi7, HyBi8, Rfc6455]
};

fn every() -> impl Iterator<Item = (Role, Dialect)> {
    DIALECTS
        .into_iter()
        .flat_map(|dialect| ROLES.map(|role| (role, dialect)))
}

fn client(dialect: Dialect) -> Connection {
    let entropy = Entropy::from_bytes([3; 32]);
    let mut conn = Connection::client(Config::new(), &client_request(dialect), entropy);
    drain(&mut conn);
    conn
}

// Errors of calls.

type Send = fn(&mut Connection, &str) -> std::result::Result<(), SendError>;

/// Every call that sends a payload. Hixie-75 and Hixie-76 have the first four (FR-12).
const SENDS: [(&str, Send); 10] = [
    ("send_text", |c, text| c.send_text(text)),
    ("send_text_fragment", |c, text| {
        c.send_text_fragment(text, true)
    }),
    ("send_text_vectored", |c, text| {
        c.send_text_vectored(text).map(drop)
    }),
    ("send_prepared text", |c, text| {
        c.send_prepared(&PreparedMessage::text(text))
    }),
    ("send_binary", |c, text| c.send_binary(text.as_bytes())),
    ("send_binary_fragment", |c, text| {
        c.send_binary_fragment(text.as_bytes(), true)
    }),
    ("send_binary_vectored", |c, text| {
        c.send_binary_vectored(text.as_bytes()).map(drop)
    }),
    ("send_prepared binary", |c, text| {
        c.send_prepared(&PreparedMessage::binary(text.as_bytes()))
    }),
    ("send_ping", |c, text| c.send_ping(text.as_bytes())),
    ("send_pong", |c, text| c.send_pong(text.as_bytes())),
];

fn sends(dialect: Dialect) -> &'static [(&'static str, Send)] {
    match dialect {
        Dialect::Hixie75 | Dialect::Hixie76 => &SENDS[..4],
        _ => &SENDS,
    }
}

#[test]
fn retry_at_is_the_most_pending_output_with_which_the_message_fits() {
    for (role, dialect) in every() {
        for ((name, send), len) in sends(dialect)
            .iter()
            .flat_map(|s| [0, 1, 125].map(|n| (s, n)))
        {
            let text = "a".repeat(len);
            let mut conn = established(&Config::new(), role, dialect);
            send(&mut conn, &text).unwrap();
            let (encoded, retry_at) = (conn.pending(), 50);

            let limit = encoded + retry_at;
            let config = Config::new().max_send_buffer(limit);
            let mut conn = established(&config, role, dialect);
            let mut fill = |n: usize| conn.send_text(&"a".repeat(n)).is_ok();
            assert!((0..limit).rev().any(&mut fill));
            assert!(conn.pending() > retry_at + 1);
            for pending in [conn.pending(), retry_at + 1] {
                conn.advance(conn.pending() - pending);
                let full = rejected(&mut conn, |c| send(c, &text));
                let found = error_field!(full, SendError::BufferFull { retry_at });
                assert_eq!(found, retry_at, "{name}");
            }
            conn.advance(1);
            assert_eq!(send(&mut conn, &text), Ok(()), "{name}");
            assert_eq!(conn.pending(), limit);

            // It never fits, whatever is pending.
            let limit = encoded - 1;
            let config = Config::new().max_send_buffer(limit);
            let mut conn = established(&config, role, dialect);
            for _ in 0..2 {
                let too_long = rejected(&mut conn, |c| send(c, &text));
                let found = error_field!(too_long, SendError::MessageTooLong { limit });
                assert_eq!(found, limit, "{name}");
                let _ = conn.send_text("");
            }
        }
    }
}

/// It is queued before the message, but may also be written before that.
#[test]
fn a_deferred_pong_delays_a_message_but_never_makes_it_too_long() {
    let limit = 300;
    let config = Config::new().high_water(10).max_send_buffer(limit);
    for (role, dialect) in every_role_and_dialect() {
        for len in 0..=limit {
            let encoded = frame(role, BINARY, vec![0; len]).len();
            let mut conn = established(&config, role, dialect);
            conn.send_text(&"a".repeat(100)).unwrap();
            feed(&mut conn, frame(other(role), PING, [b'p'; 125]));
            let mut sent = Vec::new();
            let send = |conn: &mut Connection| conn.send_binary(&vec![0; len]);
            if encoded > limit {
                let error = rejected(&mut conn, send);
                let found = error_field!(error, SendError::MessageTooLong { limit });
                assert_eq!(found, limit);
                continue;
            }
            if let Err(error) = send(&mut conn) {
                let retry_at = error_field!(error, SendError::BufferFull { retry_at });
                while conn.pending() > retry_at {
                    sent.push(conn.transmit()[0]);
                    conn.advance(1);
                }
                assert_eq!(send(&mut conn), Ok(()), "{len} bytes");
            }
            assert!(conn.pending() <= limit);
            sent.extend(drain(&mut conn));
            let frames = frame_contents(&sent);
            let [(TEXT, _), (PONG, _), (BINARY, payload)] = &frames[..] else {
                panic!("{frames:?}");
            };
            assert_eq!(payload.len(), len);
        }
    }
}

fn invalid_header() -> InvalidHeader {
    let fields: [(&str, &[u8]); 1] = [("Bad\n", b"x")];
    ProxyTunnel::new(&Config::new(), &client_request(Dialect::Rfc6455), &fields).unwrap_err()
}

/// The error of a call, with a send buffer of 5 bytes.
fn send_error(call: impl FnOnce(&mut Connection) -> Result<(), SendError>) -> SendError {
    let config = Config::new().max_send_buffer(5);
    call(&mut established(&config, Role::Server, Dialect::Hixie75)).unwrap_err()
}

fn close_error(code: u16, reason: &str) -> CloseError {
    let mut conn = established(&Config::new(), Role::Server, Dialect::Rfc6455);
    rejected(&mut conn, |c| c.close(&Close::new(code, reason)))
}

/// A server that received a request, with a send buffer of 100 bytes.
fn with_request() -> Connection {
    let mut conn = Connection::server(Config::new().max_send_buffer(100));
    let mut bytes = RFC6455_REQUEST.as_bytes().to_vec();
    assert!(conn.receive(&mut input(&mut bytes)).is_some());
    conn
}

fn accept_error(options: &AcceptOptions) -> AcceptError {
    rejected(&mut with_request(), |c| c.accept(options))
}

fn respond_error(response: &Response<'_>) -> RespondError {
    rejected(&mut with_request(), |c| c.respond(response))
}

fn too_long() -> MessageTooLong {
    let mut conn = established(&Config::new(), Role::Client, Dialect::Rfc6455);
    let mut bytes = *b"\x81\x06abcdef";
    let mut input = input(&mut bytes);
    let Some(Event::Text(chunk)) = conn.receive(&mut input) else {
        panic!("no text");
    };
    MessageAssembler::new(5).push_text(chunk).unwrap_err()
}

#[test]
fn error_messages_tell_what_is_wrong_and_never_repeat_their_source() {
    let rejected = rejection(404, "HTTP/1.1 404 Not Found\r\nCookie: secret\r\n\r\n");
    let errors: Vec<(Box<dyn Error>, &str)> = vec![
        (
            SendError::NotOpen.into(),
            "the opening handshake is not complete",
        ),
        (
            SendError::Closing.into(),
            "the connection is closing or closed",
        ),
        (
            send_error(|c| {
                c.send_text("ab")?;
                c.send_text("")
            })
            .into(),
            "the send buffer is full: retry when at most 3 bytes are pending",
        ),
        (
            send_error(|c| c.send_text("abcd")).into(),
            "the message does not fit into the send buffer of 5 bytes",
        ),
        (
            SendError::ControlTooLong.into(),
            "the payload of a ping or pong is longer than 125 bytes",
        ),
        (
            SendError::FragmentInProgress.into(),
            "the last fragment of another message was not sent yet",
        ),
        (
            send_error(|c| c.send_ping(b"")).into(),
            "Hixie-75 has neither binary messages nor pings and pongs",
        ),
        (
            close_error(1006, "").into(),
            "close code 1006 must not be sent",
        ),
        (
            close_error(1000, &"a".repeat(124)).into(),
            "the close reason has 124 bytes, of at most 123",
        ),
        (
            AcceptError::NoRequest.into(),
            "no WebSocket request awaits an answer",
        ),
        (
            AcceptError::Protocol(hybi::ProtocolError::NotWebSocket).into(),
            "the request is not a WebSocket handshake: it has no Upgrade header field",
        ),
        (
            AcceptError::ProtocolNotOffered.into(),
            "the client did not offer this subprotocol",
        ),
        (
            accept_error(&AcceptOptions::new().authority("a:x")).into(),
            "the authority is invalid at byte 2",
        ),
        (
            accept_error(&AcceptOptions::new().header("Bad\n", "x")).into(),
            "the header field \"Bad\\n\" is invalid or reserved",
        ),
        (
            RespondError::NoRequest.into(),
            "no request awaits an answer",
        ),
        (
            respond_error(&Response::new(101)).into(),
            "the HTTP status 101 is not in the range 200 to 599",
        ),
        (
            respond_error(&Response::new(200).header("Upgrade", "x")).into(),
            "the header field \"Upgrade\" is invalid or reserved",
        ),
        (
            respond_error(&Response::new(404)).into(),
            "the response has 105 bytes, which exceeds the send buffer of 100 bytes",
        ),
        (
            ClientRequest::new("ftp://a").unwrap_err().into(),
            "not a ws:// or wss:// URL",
        ),
        (
            ClientRequest::new("wss://[a").unwrap_err().into(),
            "the URL is invalid at byte 8",
        ),
        (
            ClientRequestError::InvalidOrigin.into(),
            "the origin is invalid",
        ),
        (
            ClientRequestError::InvalidProtocol.into(),
            "the subprotocol is not a token, or was added before",
        ),
        (
            ClientRequestError::InvalidHeader(invalid_header()).into(),
            "the header field \"Bad\\n\" is invalid or reserved",
        ),
        (
            invalid_header().into(),
            "the header field \"Bad\\n\" is invalid or reserved",
        ),
        (too_long().into(), "the message is longer than 5 bytes"),
        (Closed::Clean(Close::EMPTY).into(), "closed"),
        (
            Closed::Clean(Close::new(1001, "bye\n")).into(),
            "closed with code 1001: \"bye\\n\"",
        ),
        (
            Closed::LocallyClosed.into(),
            "closed by this side without a closing handshake",
        ),
        (Closed::Aborted.into(), "aborted by this side"),
        (
            Closed::Responded(503).into(),
            "the request was answered with HTTP status 503",
        ),
        (
            rejected.into(),
            "the request was rejected with HTTP status 404",
        ),
        (
            Closed::Eof(Phase::InMessage).into(),
            "the peer closed the connection without a close frame in the middle of a frame or message",
        ),
        (
            Closed::Protocol(hybi::ProtocolError::UnmaskedFrameFromClient).into(),
            "the peer violated the protocol or a limit",
        ),
        (
            Closed::TimedOut(Timeout::Write).into(),
            "timed out: the peer accepted too few bytes in time",
        ),
        (
            Closed::FlashPolicy.into(),
            "answered a Flash policy request",
        ),
    ];
    let mut sources = 0;
    for (error, message) in &errors {
        assert_eq!(error.to_string(), *message);
        assert!(!format!("{error:?}").contains("secret"));
        let mut next = error.source();
        while let Some(source) = next {
            assert!(!message.contains(&source.to_string()), "{message}");
            sources += 1;
            next = source.source();
        }
    }
    assert_eq!(sources, 1);
    let closed = Closed::Protocol(hybi::ProtocolError::UnmaskedFrameFromClient);
    let source = closed.source().unwrap().downcast_ref();
    assert_eq!(source, Some(&hybi::ProtocolError::UnmaskedFrameFromClient));
    assert_eq!(invalid_header().name(), "Bad\n");
    assert_eq!((too_long().limit, too_long().close_code()), (5, 1009));
}

/// docs/stability.md
#[test]
fn every_enum_and_every_variant_with_named_fields_is_non_exhaustive() {
    let mut variants = 0;
    for source in [
        include_str!("../src/call_errors.rs"),
        include_str!("../src/error.rs"),
        include_str!("../src/event.rs"),
    ] {
        let mut before = source;
        while let Some((rest, item)) = before.rsplit_once("\npub enum ") {
            assert!(rest.ends_with("\n#[non_exhaustive]"), "{item}");
            let body = item.split("\n}\n").next().unwrap();
            let mut attribute = "";
            for line in body.lines() {
                if line.starts_with("    ") && !line.starts_with("     ") && line.ends_with(" {") {
                    assert_eq!(attribute.trim(), "#[non_exhaustive]", "{line}");
                    variants += 1;
                }
                attribute = line;
            }
            before = rest;
        }
    }
    assert!(variants > 20);
}

// Closes.

#[test]
fn close_codes_as_browsers_report_them_and_as_a_gateway_relays_them_hy_8() {
    let rejected = rejection(401, "HTTP/1.1 401 Unauthorized\r\n\r\n");
    let bye = Close::new(3000, "bye");
    assert_eq!((bye.code(), bye.reason()), (Some(3000), "bye"));
    assert_eq!((Close::EMPTY.code(), Close::EMPTY.reason()), (None, ""));
    assert_eq!(Close::default(), Close::EMPTY);
    let mut relayed = vec![Close::EMPTY, bye.clone()];
    assert_eq!(Closed::Clean(Close::EMPTY).close_code(), 1005);
    assert_eq!(Closed::Clean(bye.clone()).close_code(), 3000);
    for close in &relayed {
        assert_eq!(Closed::Clean(close.clone()).to_relay(), *close);
    }
    for closed in [
        Closed::LocallyClosed,
        Closed::Aborted,
        Closed::Responded(200),
        rejected,
        Closed::Eof(Phase::Open),
        Closed::Protocol(hybi::ProtocolError::InvalidCloseLength),
        Closed::TimedOut(Timeout::Keepalive),
        Closed::FlashPolicy,
    ] {
        assert_eq!(closed.close_code(), 1006, "{closed}");
        assert_eq!(closed.to_relay(), Close::new(1014, ""), "{closed}");
        relayed.push(closed.to_relay());
    }
    // Whatever a peer may send can be relayed.
    let codes = (0..=u16::MAX).filter(|code| is_valid_close_code(*code));
    relayed.extend(codes.map(|code| Close::new(code, "")));
    relayed.push(Close::new(1000, &"x".repeat(123)));
    for close in relayed {
        let mut peer = open(&Config::new(), Role::Client, Dialect::Rfc6455);
        let payload = close.code().map(|code| close_payload(code, close.reason()));
        peer.feed(&frame(Role::Server, CLOSE, payload.unwrap_or_default()));
        let Some(Observed::Closed(closed)) = peer.events().pop() else {
            panic!("not closed");
        };
        assert_eq!(closed.to_relay(), close);
        let mut other = established(&Config::new(), Role::Server, Dialect::Rfc6455);
        assert_eq!(other.close(&closed.to_relay()), Ok(()));
    }
}

/// Docs of `close_code`: 1005 and 1006 are never sent.
#[test]
fn the_constants_of_close_codes_hy_8() {
    use hybi::close_code::*;
    let constants = [
        (NORMAL_CLOSURE, 1000),
        (GOING_AWAY, 1001),
        (PROTOCOL_ERROR, 1002),
        (UNSUPPORTED_DATA, 1003),
        (NO_STATUS_RECEIVED, 1005),
        (ABNORMAL_CLOSURE, 1006),
        (INVALID_PAYLOAD, 1007),
        (POLICY_VIOLATION, 1008),
        (MESSAGE_TOO_BIG, 1009),
        (MANDATORY_EXTENSION, 1010),
        (INTERNAL_ERROR, 1011),
        (SERVICE_RESTART, 1012),
        (TRY_AGAIN_LATER, 1013),
        (BAD_GATEWAY, 1014),
    ];
    for (code, number) in constants {
        assert_eq!(code, number);
        let mut conn = established(&Config::new(), Role::Server, Dialect::Rfc6455);
        let result = conn.close(&Close::new(code, ""));
        let expected = match code {
            NO_STATUS_RECEIVED | ABNORMAL_CLOSURE => Err(code),
            _ => Ok(()),
        };
        let result = result.map_err(|e| error_field!(e, CloseError::InvalidCode { code }));
        assert_eq!(result, expected);
    }
}

// Requests and rejections.

/// The head of a rejection, and its fields.
const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\n\
    WWW-Authenticate: Basic realm=\"a\"\r\n\
    Location:\t /login \r\n\
    www-authenticate: Bearer\r\n\
    X-Empty:\r\n\
    X-Name: caf\xe9\r\n\
    Content-Length: 4\r\n\r\n";
const FIELDS: [(&str, &[u8]); 6] = [
    ("WWW-Authenticate", b"Basic realm=\"a\""),
    ("Location", b"/login"),
    ("www-authenticate", b"Bearer"),
    ("X-Empty", b""),
    ("X-Name", b"caf\xe9"),
    ("Content-Length", b"4"),
];

#[track_caller]
fn check_unauthorized(closed: &Closed) {
    let Closed::Rejected(rejection) = closed else {
        panic!("{closed:?}");
    };
    assert_eq!(rejection.status(), 401);
    assert_eq!(rejection.headers().collect::<Vec<_>>(), FIELDS);
    for (name, value) in [
        ("Location", Some(&b"/login"[..])),
        ("LOCATION", Some(b"/login")),
        ("WWW-Authenticate", Some(b"Basic realm=\"a\"")),
        ("x-empty", Some(b"")),
        ("Body", None),
        ("", None),
    ] {
        assert_eq!(rejection.header(name), value, "{name}");
    }
    assert_eq!(rejection, &rejection.clone());
}

/// How a client or tunnel ends that receives the reads, and the rest of the last read.
type Reader = Box<dyn FnMut(&[u8]) -> (Option<Closed>, Vec<u8>)>;

fn client_reader(dialect: Dialect) -> Reader {
    let mut conn = client(dialect);
    Box::new(move |read| {
        let mut bytes = read.to_vec();
        let mut input = input(&mut bytes);
        let closed = conn.receive(&mut input).map(|event| match event {
            Event::Closed(closed) => closed,
            other => panic!("{other:?}"),
        });
        assert!(conn.receive(&mut input).is_none());
        assert_eq!(conn.wants_read(), closed.is_none());
        (closed, input.remaining().to_vec())
    })
}

fn tunnel_reader() -> Reader {
    let request = client_request(Dialect::Rfc6455);
    let mut tunnel = ProxyTunnel::new(&Config::new(), &request, &[]).unwrap();
    Box::new(move |read| {
        let mut input = read;
        let closed = tunnel.receive(&mut input).map(Result::unwrap_err);
        (closed, input.to_vec())
    })
}

/// RFC-4.1-11
#[test]
fn a_rejection_has_status_and_fields_and_leaves_its_body_h75_7_h76_34_px_2() {
    let body = b"Gone\r\n\r\n\x81\x00";
    let interim = b"HTTP/1.1 103 Early Hints\r\nLocation: /hint\r\n\r\n";
    for before in [&b""[..], interim] {
        let head_len = before.len() + UNAUTHORIZED.len();
        let bytes = [before, UNAUTHORIZED, body].concat();
        // `None` is a tunnel.
        for dialect in DIALECTS.map(Some).into_iter().chain([None]) {
            let reader = || dialect.map_or_else(tunnel_reader, client_reader);
            for split in 0..=bytes.len() {
                let (first, second) = bytes.split_at(split);
                let mut read = reader();
                let (closed, rest) = read(first);
                if split >= head_len {
                    check_unauthorized(&closed.unwrap());
                    assert_eq!(rest, bytes[head_len..split]);
                    continue;
                }
                assert_eq!((closed, rest), (None, vec![]), "{split} bytes");
                let (closed, rest) = read(second);
                check_unauthorized(&closed.unwrap());
                assert_eq!(rest, body, "split at {split}");
            }
            let mut read = reader();
            let (last, others) = bytes[..head_len].split_last().unwrap();
            for byte in others {
                assert_eq!(read(&[*byte]), (None, vec![]));
            }
            check_unauthorized(&read(&[*last]).0.unwrap());
        }
    }
}

#[test]
fn a_rejection_that_is_cut_off_is_no_rejection_h76_19() {
    for dialect in DIALECTS {
        for end in 0..UNAUTHORIZED.len() {
            let mut driver = Driver::new(client(dialect));
            driver.feed(&UNAUTHORIZED[..end]);
            driver.eof();
            assert_eq!(driver.events(), [unexpected_eof(Phase::Handshaking)]);
        }
    }
}

#[test]
fn rejections_differ_by_status_and_fields() {
    let heads = [
        "401 \r\n",
        "403 \r\n",
        "401 \r\nX: y\r\n",
        "401 \r\nX: z\r\n",
    ];
    let rejections = heads.map(|head| {
        let status = head[..3].parse().unwrap();
        rejection(status, format!("HTTP/1.1 {head}\r\n"))
    });
    for (i, one) in rejections.iter().enumerate() {
        for (j, other) in rejections.iter().enumerate() {
            assert_eq!(one == other, i == j);
        }
    }
}

fn request_of(request: &ClientRequest) -> String {
    let conn = Connection::client(Config::new(), request, Entropy::from_bytes([3; 32]));
    String::from_utf8_lossy(conn.transmit()).into_owned()
}

/// Returns the values of a field in the head of a request.
fn values<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let named = fields.filter(|(other, _)| *other == name);
    named.map(|(_, value)| value).collect()
}

/// RFC-3-1
#[test]
fn the_user_and_password_of_a_url_become_basic_authorization() {
    for (url, authorization) in [
        ("ws://example.com/", None),
        ("ws://@example.com/", None),
        // RFC 7617, 2 and 2.1.
        (
            "ws://Aladdin:open%20sesame@example.com/",
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ),
        (
            "ws://test:123%C2%A3@example.com/",
            Some("Basic dGVzdDoxMjPCow=="),
        ),
        // There is a colon in each.
        ("ws://user@example.com/", Some("Basic dXNlcjo=")),
        ("ws://user:@example.com/", Some("Basic dXNlcjo=")),
        ("ws://:password@example.com/", Some("Basic OnBhc3N3b3Jk")),
        ("ws://a%40b:c:d@example.com/", Some("Basic YUBiOmM6ZA==")),
        ("ws://a%40b:c%3Ad@example.com/", Some("Basic YUBiOmM6ZA==")),
    ] {
        for dialect in DIALECTS {
            let request = ClientRequest::new(url).unwrap().with_dialect(dialect);
            assert_eq!((request.host(), request.port()), ("example.com", 80));
            let head = request_of(&request);
            assert_eq!(
                values(&head, "Authorization"),
                Vec::from_iter(authorization),
                "{url}"
            );
            assert_eq!(values(&head, "Host"), ["example.com"], "{url}");
            assert!(!format!("{request:?}").contains("Basic"));
        }
    }
    for (url, at) in [
        ("ws://a%@b/", 6),
        ("ws://%zz@b/", 5),
        ("ws://a:%4@b/", 7),
        // RFC 7617, 2: no colon in the user name, and no control character.
        ("ws://a%3Ab@host/", 6),
        ("ws://%3a:b@host/", 5),
        ("ws://a%3Ab:c@host/", 6),
        ("ws://a%00@host/", 6),
        ("ws://a:b%0D%0A@host/", 8),
        ("ws://a:%7f@host/", 7),
        ("ws://\u{e9}@b/", 5),
        // RFC 3986, 3.2.1: others than this client could read another host.
        ("ws://allowed.example\\@host/", 20),
        ("ws://a@b@host/", 6),
        ("ws://[::1]@host/", 5),
        ("ws://a:b\"@host/", 8),
        ("ws://a|b@host/", 6),
    ] {
        let error = ClientRequest::new(url).unwrap_err();
        let found = error_field!(error, ClientRequestError::InvalidUrl { at });
        assert_eq!(found, at, "{url}");
    }
}

#[test]
fn host_and_authorization_replace_those_of_the_url() {
    for dialect in DIALECTS {
        let request = ClientRequest::new("ws://user:password@192.0.2.1:8080/").unwrap();
        let mut request = request.with_dialect(dialect);
        for (authorization, host) in [("Bearer 1", "a.example"), ("Bearer 2", "b.example:81")] {
            request = request.with_header("authorization", authorization).unwrap();
            request = request.with_header("HOST", host.as_bytes()).unwrap();
            let head = request_of(&request);
            assert_eq!(values(&head, "authorization"), [authorization]);
            assert!(!head.contains("Basic"));
            assert_eq!(values(&head, "Host"), [host]);
            assert!(!head.contains("HOST"));
        }
        assert_eq!((request.host(), request.port()), ("192.0.2.1", 8080));
        for host in ["", "a b", "a:0", "[::1", "a/", "a\r\nX: y"] {
            let error = request.clone().with_header("Host", host).unwrap_err();
            let ClientRequestError::InvalidHeader(error) = error else {
                panic!("{error:?}");
            };
            assert_eq!(error.name(), "Host");
        }
    }
}

/// The server repeats the host that it was asked for (H75-6, H76-38).
#[test]
fn a_client_with_another_host_accepts_the_reply_h75_6_h76_38() {
    for dialect in DIALECTS {
        let request = ClientRequest::new("ws://192.0.2.1:8080/demo").unwrap();
        let request = request.with_dialect(dialect);
        let request = request.with_header("Host", "Example.com").unwrap();
        let is_hixie = HIXIE.contains(&dialect);
        let origin: &[&str] = if is_hixie {
            &["http://example.com"]
        } else {
            &[]
        };
        assert_eq!(values(&request_of(&request), "Origin"), origin);
        let mut conn = Connection::client(Config::new(), &request, Entropy::from_bytes([3; 32]));
        let reply = pair::response_to(&mut conn);
        let mut client = Driver::new(conn);
        client.feed(&reply);
        assert_eq!(client.events(), [Observed::Open(dialect)]);
    }
}

#[test]
fn other_header_fields_are_repeated_unchanged_and_in_order() {
    let request = client_request(Dialect::Rfc6455);
    let request = request.with_header("X", "1").unwrap();
    let request = request.with_header("x", b"caf\xe9\t").unwrap();
    let request = request.with_header("X", String::new()).unwrap();
    let conn = Connection::client(Config::new(), &request, Entropy::from_bytes([3; 32]));
    offset_of(conn.transmit(), b"\r\nX: 1\r\nx: caf\xe9\t\r\nX: \r\n");
}

#[test]
fn a_request_is_parsed_and_tells_where_to_connect() {
    let request: ClientRequest = "WSS://[2001:DB8::1]/a".parse().unwrap();
    assert_eq!((request.host(), request.port()), ("2001:db8::1", 443));
    assert_eq!(
        (request.is_tls(), request.dialect()),
        (true, Dialect::Rfc6455)
    );
    assert_eq!(values(&request_of(&request), "Host"), ["[2001:db8::1]"]);
    for dialect in DIALECTS {
        let request = request.clone().with_dialect(dialect);
        assert_eq!(request.dialect(), dialect);
    }
    for (url, tls) in [("http://a/b?c", false), ("HTTPS://a/b?c", true)] {
        let request = ClientRequest::new(url).unwrap();
        let ws = ["ws://a/b?c", "wss://a/b?c"][usize::from(tls)];
        assert_eq!(
            request_of(&request),
            request_of(&ClientRequest::new(ws).unwrap())
        );
        assert_eq!(request.is_tls(), tls);
    }
    let error = "ftp://a/".parse::<ClientRequest>().unwrap_err();
    assert_eq!(
        error_field!(error, ClientRequestError::InvalidUrl { at }),
        0
    );
}

// Configurations and entropy.

#[test]
fn connections_refer_to_a_static_a_counted_or_an_owned_configuration() {
    static STATIC: Config = Config::new()
        .max_send_buffer(10)
        .max_head_len(20)
        .dialects(Dialects::NONE);
    let counted = Arc::new(STATIC.clone());
    let shared: [SharedConfig; 3] = [
        (&STATIC).into(),
        Arc::clone(&counted).into(),
        STATIC.clone().into(),
    ];
    assert!(std::ptr::eq(&*shared[0], &STATIC));
    assert!(std::ptr::eq(&*shared[1], &*counted));
    let (request, entropy) = (client_request(Dialect::Rfc6455), || {
        Entropy::from_bytes([3; 32])
    });
    let handshake = Handshake::new(Dialect::Rfc6455);
    for config in &shared {
        assert_eq!(**config, STATIC);
        assert!(std::ptr::eq(&**config, &*config.clone()));
        let mut server = Driver::new(Connection::server(config.clone()));
        server.feed(&[b'A'; 21]);
        let mut client = Driver::new(Connection::client(config.clone(), &request, entropy()));
        client.feed(b"HTTP/1.1 101 Switching");
        for driver in [&mut server, &mut client] {
            let error = testkit::ProtocolError::HeadTooLong { limit: 20 };
            assert_eq!(driver.events(), [protocol_error(error)]);
        }
        for mut conn in [
            // Their dialect need not be enabled.
            Connection::established_server(config.clone(), &handshake),
            Connection::established_client(config.clone(), &handshake, entropy()),
        ] {
            assert_eq!(conn.dialect(), Some(Dialect::Rfc6455));
            let error = rejected(&mut conn, |c| c.send_text("123456789"));
            assert_eq!(error_field!(error, SendError::MessageTooLong { limit }), 10);
        }
    }
    drop(shared);
    assert_eq!(Arc::strong_count(&counted), 1);
    let connections = [0; 3].map(|_| Connection::server(Arc::clone(&counted)));
    assert_eq!(Arc::strong_count(&counted), 4);
    drop(connections);
    assert_eq!(Arc::strong_count(&counted), 1);
}

/// RFC-4.1-6, RFC-5.3-3
#[test]
fn keys_and_masks_depend_on_the_entropy_alone_h76_39_hy_5() {
    for dialect in DIALECTS {
        let sent = |byte: u8| {
            let request = client_request(dialect);
            let entropy = Entropy::from_bytes([byte; 32]);
            let mut conn = Connection::client(Config::new(), &request, entropy);
            let request = conn.transmit().to_vec();
            let reply = pair::response_to(&mut conn);
            feed(&mut conn, &reply);
            conn.send_text("Hello").unwrap();
            (request, conn.transmit().to_vec())
        };
        let masks = |byte: u8| {
            let (handshake, entropy) = (Handshake::new(dialect), Entropy::from_bytes([byte; 32]));
            let mut conn = Connection::established_client(Config::new(), &handshake, entropy);
            conn.send_text("Hello").unwrap();
            conn.transmit().to_vec()
        };
        assert_eq!((sent(1), masks(1)), (sent(1), masks(1)));
        let all = || (0..20).flat_map(|byte| [sent(byte).1, masks(byte)]);
        let distinct: BTreeSet<Vec<u8>> = all().collect();
        let has_masks = !HIXIE.contains(&dialect);
        assert_eq!(distinct.len(), if has_masks { 40 } else { 1 });
        let requests: BTreeSet<Vec<u8>> = (0..20).map(|byte| sent(byte).0).collect();
        let has_keys = dialect != Dialect::Hixie75;
        assert_eq!(requests.len(), if has_keys { 20 } else { 1 });
    }
    assert_eq!(format!("{:?}", Entropy::from_bytes([7; 32])), "Entropy(..)");
}

#[test]
#[cfg(feature = "getrandom")]
fn entropy_of_the_operating_system_differs_each_time() {
    let sent = || {
        let entropy = Entropy::from_os().unwrap();
        let handshake = Handshake::new(Dialect::Rfc6455);
        let mut conn = Connection::established_client(Config::new(), &handshake, entropy);
        for _ in 0..4 {
            conn.send_text("").unwrap();
        }
        conn.transmit().to_vec()
    };
    assert_ne!(sent(), sent());
}

// Output.

/// HY-5: a client queues a masked copy.
#[test]
fn a_vectored_message_is_written_in_any_pieces_fr_11_hy_6() {
    for ((role, dialect), before) in
        every().flat_map(|kind| ["", "before"].map(|text| (kind, text)))
    {
        let new = || {
            let mut conn = established(&Config::new(), role, dialect);
            if !before.is_empty() {
                conn.send_text(before).unwrap();
            }
            conn
        };
        let mut expected = new();
        expected.send_text("Hello").unwrap();
        let all = expected.transmit();
        for first in 0..=all.len() {
            for second in 0..=all.len() - first {
                let mut conn = new();
                let mut message = conn.send_text_vectored("Hello").unwrap();
                let mut rest = all;
                for n in [0, first, second] {
                    rest = &rest[n..];
                    message.advance(n);
                    assert_eq!(message.slices().concat(), rest);
                }
                drop(message);
                assert_eq!(conn.transmit(), rest);
            }
        }
        for too_many in [all.len(), usize::MAX] {
            let mut conn = new();
            let mut message = conn.send_text_vectored("Hello").unwrap();
            let slices = message.slices();
            assert!(all.starts_with(slices[0]) && slices.concat() == all);
            assert!(!format!("{message:?}").contains("Hello"));
            message.advance(1);
            let result = catch_unwind(AssertUnwindSafe(|| message.advance(too_many)));
            assert!(result.is_err());
            // No byte is written again, whether the message is a copy or not.
            assert_eq!(message.slices().concat(), b"");
            drop(message);
            assert_eq!(conn.pending(), 0);
        }
    }
}

#[test]
fn fragments_of_a_hixie_text_are_parts_of_one_frame_fr_11() {
    for (role, dialect) in every().filter(|(_, dialect)| HIXIE.contains(dialect)) {
        let limit = 9;
        let mut conn = established(&Config::new().max_send_buffer(limit), role, dialect);
        for text in ["", "Hel", "", "l\u{f8}"] {
            conn.send_text_fragment(text, false).unwrap();
            let message = PreparedMessage::text("a");
            let errors = [
                rejected(&mut conn, |c| c.send_text("a")),
                rejected(&mut conn, |c| c.send_text_vectored("a").map(drop)),
                rejected(&mut conn, |c| c.send_prepared(&message)),
            ];
            assert_eq!(errors, [SendError::FragmentInProgress; 3]);
            // Not possible later either (FR-12).
            let binary = PreparedMessage::binary(b"a");
            let errors = [
                rejected(&mut conn, |c| c.send_binary(b"a")),
                rejected(&mut conn, |c| c.send_binary_fragment(b"a", true)),
                rejected(&mut conn, |c| c.send_binary_vectored(b"a").map(drop)),
                rejected(&mut conn, |c| c.send_prepared(&binary)),
                rejected(&mut conn, |c| c.send_ping(b"a")),
                rejected(&mut conn, |c| c.send_pong(b"a")),
            ];
            let unsupported = errors.map(|e| error_field!(e, SendError::Unsupported { dialect }));
            assert_eq!(unsupported, [dialect; 6]);
            // The limit counts the bytes of the fragment; it does not end the message.
            let retry_at = conn.pending() - 1;
            let long = "a".repeat(limit - conn.pending());
            let error = rejected(&mut conn, |c| c.send_text_fragment(&long, true));
            let found = error_field!(error, SendError::BufferFull { retry_at });
            assert_eq!(found, retry_at);
        }
        conn.send_text_fragment("", true).unwrap();
        assert_eq!(conn.transmit(), b"\x00Hell\xc3\xb8\xff");
        drain(&mut conn);
        conn.send_text_fragment("one", true).unwrap();
        assert_eq!(conn.transmit(), b"\x00one\xff");
        drain(&mut conn);
        conn.send_text("next").unwrap();
        assert_eq!(conn.transmit(), b"\x00next\xff");
    }
}

/// A close frame within a text frame would be text.
#[test]
fn a_close_ends_the_frame_of_a_fragmented_hixie_76_text_first_cl_1_cl_2_fr_11() {
    type End = fn(&mut Driver<'_>);
    let ends: [(&str, End); 4] = [
        ("close", |driver| driver.conn.close(&Close::EMPTY).unwrap()),
        ("close of the peer", |driver| {
            driver.feed(b"\xff\x00");
        }),
        ("close after the peer's", |driver| {
            let mut bytes = *b"\xff\x00";
            let event = driver.conn.receive(&mut input(&mut bytes)).is_some();
            assert!(event);
            driver.conn.close(&Close::EMPTY).unwrap();
        }),
        ("error", |driver| {
            driver.feed(b"\x01a\xff");
        }),
    ];
    let config = Config::new().strict_frames(true);
    for (role, (name, end)) in ROLES
        .into_iter()
        .flat_map(|role| ends.map(|end| (role, end)))
    {
        for (fragments, sent) in [
            (&[][..], &b"\xff\x00"[..]),
            (&[("a", true)], b"\x00a\xff\xff\x00"),
            (&[("a", false)], b"\x00a\xff\xff\x00"),
            (&[("", false)], b"\x00\xff\xff\x00"),
            (&[("a", false), ("b", true)], b"\x00ab\xff\xff\x00"),
            (&[("a", true), ("b", false)], b"\x00a\xff\x00b\xff\xff\x00"),
        ] {
            let mut driver = testkit::open(&config, role, Dialect::Hixie76);
            for (text, fin) in fragments {
                driver.conn.send_text_fragment(text, *fin).unwrap();
            }
            end(&mut driver);
            driver.drain();
            assert_eq!(escaped(driver.sent()), escaped(sent), "{name}");
        }
    }
    // CL-20: Hixie-75 has no close frame.
    for role in ROLES {
        let mut conn = established(&config, role, Dialect::Hixie75);
        conn.send_text_fragment("a", false).unwrap();
        conn.close(&Close::EMPTY).unwrap();
        assert_eq!(conn.transmit(), b"\x00a");
    }
}

/// With `auto_close` off.
#[test]
fn a_fragmented_message_can_be_completed_after_the_peers_close_cl_9() {
    let config = Config::new().auto_close(false);
    for (role, dialect) in every().filter(|(_, dialect)| *dialect != Dialect::Hixie75) {
        let mut conn = established(&config, role, dialect);
        conn.send_text_fragment("a", false).unwrap();
        feed(
            &mut conn,
            match dialect {
                Dialect::Hixie76 => b"\xff\x00".to_vec(),
                _ => frame(other(role), CLOSE, ""),
            },
        );
        conn.send_text_fragment("b", true).unwrap();
        conn.close(&Close::EMPTY).unwrap();
        let mut peer = open(&Config::new(), other(role), dialect);
        peer.feed(conn.transmit());
        assert_eq!(peer.events(), [text("ab"), clean_close_without_code()]);
    }
}

#[test]
fn take_output_returns_all_pending_output_and_reuses_the_spare_buffer() {
    for (role, dialect) in every() {
        let mut conn = established(&Config::new(), role, dialect);
        assert_eq!(conn.take_output(Vec::new()), b"");
        conn.send_text("one").unwrap();
        conn.send_text("two").unwrap();
        let expected = conn.transmit()[3..].to_vec();
        conn.advance(3);
        let mut spare = Vec::with_capacity(1000);
        spare.extend_from_slice(b"written before");
        let memory = spare.as_ptr();
        assert_eq!(conn.take_output(spare), expected);
        assert_eq!((conn.pending(), conn.wants_write()), (0, false));
        conn.send_text("three").unwrap();
        let (expected, sent) = (conn.transmit().to_vec(), conn.transmit().as_ptr());
        assert_eq!(sent, memory);
        let output = conn.take_output(Vec::new());
        assert_eq!((&output, output.as_ptr()), (&expected, memory));

        conn.abort();
        feed(&mut conn, b"");
        assert_eq!(conn.take_output(output), b"");
        assert!(conn.is_done());
    }
}

/// Nor does it keep the memory of the spare buffer: a loop may call it each time.
#[test]
fn take_output_without_output_starts_no_timer() {
    for (role, dialect) in every() {
        let mut conn = established(&Config::new(), role, dialect);
        feed(&mut conn, b"");
        let deadline = conn.deadline();
        let spare = conn.take_output(b"spare".to_vec());
        assert!(spare.is_empty() && spare.capacity() > 0);
        assert_eq!(conn.deadline(), deadline);
    }
}

#[test]
fn take_output_counts_as_written() {
    // A deferred pong follows, and messages fit again.
    let config = Config::new().high_water(10).max_send_buffer(100);
    for (role, dialect) in every_role_and_dialect() {
        let mut conn = established(&config, role, dialect);
        conn.send_text(&"a".repeat(90)).unwrap();
        feed(&mut conn, frame(other(role), PING, "?"));
        assert!(conn.is_congested() && conn.send_text(&"b".repeat(90)).is_err());
        assert_eq!(frame_contents(&conn.take_output(Vec::new())).len(), 1);
        assert!(!conn.is_congested());
        assert_eq!(frame_contents(conn.transmit()), [(PONG, b"?".to_vec())]);
        drop(conn.take_output(Vec::new()));
        conn.send_text(&"b".repeat(90)).unwrap();
    }
    // It ends the write timeout and the connection.
    for (role, dialect) in every() {
        let config = Config::new().write_timeout(SECOND);
        let mut driver = open(&config, role, dialect);
        driver.conn.send_text("a").unwrap();
        let at = |conn: &mut Connection, now: Duration| {
            conn.receive(&mut Input::new(&mut [], now)).is_some()
        };
        assert!(!at(&mut driver.conn, Duration::ZERO));
        drop(driver.conn.take_output(Vec::new()));
        assert!(!at(&mut driver.conn, 2 * SECOND));

        driver.conn.receive_eof();
        driver.conn.send_text("last").unwrap();
        assert!(at(&mut driver.conn, 2 * SECOND) && !driver.conn.is_done());
        drop(driver.conn.take_output(Vec::new()));
        assert!(driver.conn.is_done());
    }
}

// Assembled messages.

/// Owned and borrowed messages in turns.
#[test]
fn owned_messages_equal_borrowed_ones_fr_14() {
    let limit = 20;
    let lengths = [0, 1, 20, 21, 3, 20, 40, 0, 19];
    for (read_len, owned_from) in [1, 2, 7, 1000].into_iter().flat_map(|n| [(n, 0), (n, 1)]) {
        let mut conn = established(&Config::new(), Role::Client, Dialect::Rfc6455);
        let mut assembler = MessageAssembler::new(limit);
        let mut messages: Vec<std::result::Result<Vec<u8>, MessageTooLong>> = Vec::new();
        for first in [TEXT, BINARY, BINARY, TEXT] {
            for length in lengths {
                let message = [b"abcdefg".repeat(6), vec![b'\n']].concat()[..length].to_vec();
                let mut bytes = frame(Role::Server, first, &message);
                let before = messages.len();
                for read in bytes.chunks_mut(read_len) {
                    let mut input = input(read);
                    while let Some(event) = conn.receive(&mut input) {
                        let is_owned = messages.len() % 2 == owned_from;
                        let result = match event {
                            Event::Text(chunk) if is_owned => assembler
                                .push_text_owned(chunk)
                                .map(|text| text.map(String::into_bytes)),
                            Event::Text(chunk) => assembler
                                .push_text(chunk)
                                .map(|text| text.map(|text| text.as_bytes().to_vec())),
                            Event::Binary(chunk) if is_owned => assembler.push_binary_owned(chunk),
                            Event::Binary(chunk) => assembler
                                .push_binary(chunk)
                                .map(|bytes| bytes.map(<[u8]>::to_vec)),
                            other => panic!("{other:?}"),
                        };
                        messages.extend(result.transpose());
                    }
                }
                assert_eq!(messages.len(), before + 1, "{length} bytes");
                match messages.last().unwrap() {
                    Ok(assembled) => assert_eq!((assembled, length <= limit), (&message, true)),
                    Err(error) => assert_eq!((error.limit, length <= limit), (limit, false)),
                }
            }
        }
    }
}
