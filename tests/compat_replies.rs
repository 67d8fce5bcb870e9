//! Replies and messages of real products that other implementations have rejected, one test for
//! each kind. Each kind has negative cases, which stay rejected.

use hybi::{
    ClientRequest, Config, Connection, Dialect, Entropy, Event, HeaderErrorKind, LineErrorKind,
    ProxyTunnel,
};
use testkit::pair::response_to;
use testkit::*;

use Dialect::{Hixie75, Hixie76, HyBi7, HyBi8, Rfc6455};
use HeaderErrorKind::{Mismatch, NotRequested};

const DIALECTS: [Dialect; 5] = [Hixie75, Hixie76, HyBi7, HyBi8, Rfc6455];
const CONFIG: Config = Config::new();
const STRICT: Config = CONFIG.strict_reply(true);

/// Returns a client, the head of a reply that it accepts, and the challenge response.
fn client(config: &Config, request: &ClientRequest) -> (Connection, String, Vec<u8>) {
    let mut conn = Connection::client(config.clone(), request, Entropy::from_bytes([9; 32]));
    let mut head = response_to(&mut conn);
    let end = head.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let proof = head.split_off(end.unwrap() + 4);
    (conn, String::from_utf8(head).unwrap(), proof)
}

/// Returns the events for a reply whose head is edited by `edit`, which are the same at every split.
/// Checks that nothing is written, and that what the client accepts is what `httparse` reads.
fn events(
    config: Config,
    request: &ClientRequest,
    edit: impl Fn(&str) -> Vec<u8>,
) -> Vec<Observed> {
    let (_, head, proof) = client(&config, request);
    let reply = [edit(&head), proof].concat();
    let transcript = at_every_split(|| client(&config, request).0, &reply);
    assert_eq!(transcript.sent, b"");
    let mut bytes = reply.clone();
    if let Some(Event::Open(handshake)) = client(&config, request).0.receive(&mut input(&mut bytes))
    {
        let found: Vec<_> = handshake.headers().collect();
        assert_eq!(found, reparse(&reply), "{}", escaped(&reply));
    }
    transcript.events
}

/// Returns the header fields of the final response in `bytes`.
fn reparse(mut bytes: &[u8]) -> Vec<(&str, &[u8])> {
    loop {
        let mut fields = vec![httparse::EMPTY_HEADER; 200];
        let mut response = httparse::Response::new(&mut fields);
        let len = response.parse(bytes).unwrap().unwrap();
        let headers = response.headers.iter();
        let headers = headers.map(|header| (header.name, header.value.trim_ascii()));
        match response.code {
            Some(101) => return headers.collect(),
            Some(100..=199) => bytes = &bytes[len..],
            code => panic!("{code:?} is not accepted"),
        }
    }
}

/// Returns an edit that replaces `from` by `to`.
fn replace(from: impl Into<String>, to: impl Into<String>) -> impl Fn(&str) -> Vec<u8> {
    let (from, to) = (from.into(), to.into());
    move |head: &str| replace_once(head, &from, &to)
}

/// Returns an edit that replaces the status line.
fn status_line(line: impl AsRef<[u8]>) -> impl Fn(&str) -> Vec<u8> {
    move |head: &str| {
        let (_, fields) = head.split_once("\r\n").unwrap();
        [line.as_ref(), b"\r\n", fields.as_bytes()].concat()
    }
}

/// Returns the result of a tunnel for a response of the proxy, which is the same at every split, and
/// the rest of the input.
fn tunnel(config: &Config, response: &[u8]) -> (Option<Result<(), Observed>>, Vec<u8>) {
    let receive = |reads: [&[u8]; 2]| {
        let mut tunnel = ProxyTunnel::new(config, &client_request(Rfc6455), &[]).unwrap();
        let mut result = None;
        let mut rest = Vec::new();
        for read in reads {
            rest.extend_from_slice(read);
            let mut input = &rest[..];
            result = tunnel.receive(&mut input);
            rest = input.to_vec();
        }
        (result.map(|result| result.map_err(Observed::from)), rest)
    };
    let expected = receive([response, b""]);
    for at in 0..response.len() {
        let (first, second) = response.split_at(at);
        assert_eq!(
            receive([first, second]),
            expected,
            "{} at {at}",
            escaped(response)
        );
    }
    expected
}

fn start_line_error(at: u32) -> Observed {
    protocol_error(ProtocolError::InvalidStartLine { at })
}

/// amphp/http-server#129, python-websockets/websockets#159, websocket-client/websocket-client#406 and
/// faye/websocket-driver-ruby#76 (Tomcat).
#[test]
fn status_line_that_ends_after_the_digits_h76_34_hy_11_px_2() {
    for dialect in DIALECTS {
        let request = client_request(dialect);
        for line in [
            "HTTP/1.1 101",
            "HTTP/1.1 101 ",
            "HTTP/1.1 101  ",
            "HTTP/1.1 101 101",
            "HTTP/1.1 101 Switching Protocols",
            "HTTP/1.1 101 WebSocket Protocol Handshake",
            "HTTP/1.1 101 \u{e9}\t(!)",
        ] {
            let open = [Observed::Open(dialect)];
            assert_eq!(events(CONFIG, &request, status_line(line)), open, "{line}");
            let is_strict = line.len() > 12 && dialect != Hixie75;
            let strict = events(STRICT, &request, status_line(line));
            assert_eq!(strict == open, is_strict, "{line} {strict:?}");
        }
        let strict = events(STRICT, &request, status_line("HTTP/1.1 101"));
        assert_eq!(strict, [start_line_error(12)]);
    }
    let lines = |status: u16| {
        ["HTTP/1.1", "HTTP/1.0"]
            .into_iter()
            .flat_map(move |version| {
                ["", " ", " Unauthorized", " \u{e9}"]
                    .map(|reason| format!("{version} {status}{reason}"))
            })
    };
    for status in [200_u16, 204, 301, 401, 599, 999] {
        for line in lines(status) {
            for config in [CONFIG, STRICT] {
                for dialect in [Hixie75, Rfc6455] {
                    let request = client_request(dialect);
                    let events = events(config.clone(), &request, status_line(&line));
                    let head = status_line(&line)(&client(&config, &request).1);
                    let rejected = Observed::Closed(rejection(status, head));
                    assert_eq!(events, [rejected], "{line}");
                }
                let response = format!("{line}\r\n\r\n");
                let result = match status {
                    200..=299 => Ok(()),
                    _ => Err(rejection(status, &response).into()),
                };
                assert_eq!(
                    tunnel(&config, response.as_bytes()).0,
                    Some(result),
                    "{line}"
                );
            }
        }
    }
    // The first invalid byte is marked.
    for marked in [
        "^xyz 200 ",
        "^xyz 101 ",
        "^ 101 ",
        "^",
        "^ICY 200 OK",
        "^http/1.1 101 ",
        "^ HTTP/1.1 101 ",
        "HTTP^ 200",
        "HTTP/^2 200 ",
        "HTTP/^01.1 101",
        "HTTP/1^ 101",
        "HTTP/1.^2 101 ",
        "HTTP/1.^ 101",
        "HTTP/1.1^",
        "HTTP/1.1^1 101",
        "HTTP/1.1^\t101 ",
        "HTTP/1.1 ^",
        "HTTP/1.1 ^ 101 ",
        "HTTP/1.1 ^OK",
        "HTTP/1.1 ^+101",
        "HTTP/1.1 ^-01",
        "HTTP/1.1 1^",
        "HTTP/1.1 10^",
        "HTTP/1.1 10^ x",
        "HTTP/1.1 10^x ",
        "HTTP/1.1 101^x",
        "HTTP/1.1 101^\t",
        "HTTP/1.1 101^1",
        "HTTP/1.1 200^.",
        "HTTP/1.1 101 ^\0",
        "HTTP/1.1 101 OK^\r",
        "HTTP/1.1 101^\r",
        "HTTP/1.1 101 a^\x7f",
        "HTTP/1.^0 101 ",
        "HTTP/1.^0 101",
        "HTTP/1.^0 101 Switching Protocols",
    ] {
        let at = offset_of(marked, "^");
        let line = marked.replace('^', "");
        let error = start_line_error(at);
        for dialect in DIALECTS {
            let events = events(CONFIG, &client_request(dialect), status_line(&line));
            assert_eq!(events, std::slice::from_ref(&error), "{marked}");
        }
        let response = format!("{line}\r\n\r\n");
        assert_eq!(
            tunnel(&CONFIG, response.as_bytes()).0,
            Some(Err(error)),
            "{marked}"
        );
    }
}

/// Interim responses: a head each.
const INTERIM: [&str; 6] = [
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 102\r\n\r\n",
    "HTTP/1.0 100 \r\nServer: x\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nLink: </a>\r\n\r\n",
    // Its header fields are not those of the final response.
    "HTTP/1.1 199 x\r\nUpgrade: other\r\nSec-WebSocket-Accept: x\r\nSec-WebSocket-Extensions: x\r\n\r\n",
    "HTTP/1.1 103 101\r\nWebSocket-Origin: x\r\nSec-WebSocket-Protocol: x\r\nConnection: close\r\n\r\n",
];

/// whatwg/fetch#1397 and snoyberg/http-client#521.
#[test]
fn interim_responses_hy_11_px_2() {
    let single = INTERIM.into_iter().map(str::to_owned);
    let eight = [
        INTERIM[0].repeat(8),
        [INTERIM.concat().as_str(), INTERIM[3], INTERIM[4]].concat(),
    ];
    for interim in single.chain([INTERIM.concat()]).chain(eight) {
        for dialect in DIALECTS {
            let request = client_request(dialect);
            for config in [CONFIG, STRICT] {
                let reply = events(config, &request, |head| [&interim, head].concat().into());
                assert_eq!(reply, [Observed::Open(dialect)], "{interim}");
            }
            for last in ["HTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.0 404\r\n\r\n"] {
                let reply = events(CONFIG, &request, |_| [&interim, last].concat().into());
                assert_eq!(reply, [Observed::Closed(rejection(404, last))], "{interim}");
            }
            let reply = events(CONFIG, &request, |_| {
                [&interim, "xyz 101 \r\n\r\n"].concat().into()
            });
            assert_eq!(reply, [start_line_error(0)], "{interim}");
        }
        for (last, result) in [
            ("HTTP/1.1 200 OK\r\n\r\n", Ok(())),
            (
                "HTTP/1.0 407 x\r\n\r\n",
                Err(rejection(407, "HTTP/1.0 407 x\r\n\r\n").into()),
            ),
        ] {
            let response = [&interim, last].concat();
            assert_eq!(
                tunnel(&CONFIG, response.as_bytes()).0,
                Some(result),
                "{interim}"
            );
        }
    }
}

#[test]
fn interim_responses_are_at_most_8_and_within_the_limits_of_one_head_hy_11_px_2() {
    use ProtocolError::{HeadTooLong, LineTooLong, TooManyHeaders, TooManyInterimResponses};
    let fails = |config: Config, edit: &dyn Fn(&str) -> String, error: ProtocolError| {
        for dialect in DIALECTS {
            let reply = events(config.clone(), &client_request(dialect), |head| {
                edit(head).into()
            });
            assert_eq!(reply, [protocol_error(error)]);
        }
        let response = edit("HTTP/1.1 200 OK\r\nA: a\r\nB: b\r\nC: c\r\n\r\n");
        let result = tunnel(&config, response.as_bytes()).0;
        assert_eq!(result, Some(Err(protocol_error(error))));
    };
    for interim in INTERIM {
        let (limit, nine) = (8, interim.repeat(9));
        let error = TooManyInterimResponses { limit };
        fails(CONFIG, &|head| [&nine, head].concat(), error);
        // The ninth status line is enough.
        fails(CONFIG, &|_| nine.trim_end().to_owned() + "\r\n", error);

        for dialect in DIALECTS {
            let request = client_request(dialect);
            let (_, head, _) = client(&CONFIG, &request);
            let prefix = interim.repeat(3);
            let with_prefix = |head: &str| [&prefix, head].concat().into_bytes();
            let (len, count) = ((prefix.len() + head.len()) as u32, head.lines().count() - 2);
            let headers = (count + 3 * (interim.lines().count() - 2)) as u32;
            let exact = CONFIG
                .max_head_len(len as usize)
                .max_headers(headers as usize);
            let open = [Observed::Open(dialect)];
            assert_eq!(events(exact.clone(), &request, with_prefix), open);
            let limit = len - 1;
            let reply = events(
                exact.clone().max_head_len(limit as usize),
                &request,
                with_prefix,
            );
            assert_eq!(reply, [protocol_error(HeadTooLong { limit })]);
            let limit = headers - 1;
            let reply = events(exact.max_headers(limit as usize), &request, with_prefix);
            assert_eq!(reply, [protocol_error(TooManyHeaders { limit })]);
        }
    }
    // In an interim response, too.
    let early_hints = |fields: &str| format!("HTTP/1.1 103 Early Hints\r\n{fields}\r\n");
    let small = CONFIG
        .max_head_len(400)
        .max_header_line_len(100)
        .max_headers(6);
    let line = early_hints(&format!("Link: {}\r\n", "x".repeat(100)));
    fails(
        small.clone(),
        &|head| [&line, head].concat(),
        LineTooLong { at: 26, limit: 100 },
    );
    let many = early_hints(&"A: a\r\n".repeat(7));
    fails(
        small.clone(),
        &|head| [&many, head].concat(),
        TooManyHeaders { limit: 6 },
    );
    let long = early_hints(&format!("A: {}\r\n", "x".repeat(90)).repeat(5));
    fails(
        small,
        &|head| [&long, head].concat(),
        HeadTooLong { limit: 400 },
    );
    let reason = format!("HTTP/1.1 103 {}\r\n\r\n", "x".repeat(1024));
    fails(
        CONFIG,
        &|head| [&reason, head].concat(),
        LineTooLong { at: 0, limit: 1024 },
    );
    for (fields, at, kind) in [
        ("A: a\r\n b\r\n", 32, LineErrorKind::ObsFold),
        ("A : a\r\n", 27, LineErrorKind::Name),
        ("A: \0\r\n", 29, LineErrorKind::Value),
        ("A: a\n", 30, LineErrorKind::BareLf),
        ("A: a\rB: b\r\n", 30, LineErrorKind::BareCr),
    ] {
        let malformed = early_hints(fields);
        fails(
            CONFIG,
            &|head| [&malformed, head].concat(),
            line_error(at, kind),
        );
    }
}

/// The replies of real servers to a request without a subprotocol: the server, its dialects, the
/// reason and the header fields, where `O`, `L` and `A` are the origin, the location and the accept
/// value. Last, what `strict_reply` rejects.
///
/// Sources: vti/protocol-websocket lib/Protocol/WebSocket/Response.pm, netty/netty
/// WebSocketServerHandshaker00.java, igrigorik/em-websocket handshake75.rb and handshake76.rb,
/// imanel/websocket-ruby server75.rb and server76.rb, eventlet/eventlet eventlet/websocket.py,
/// ThisIsMissEm/node-websocket-server lib/ws/connection.js, faye/websocket-driver-node draft75.js
/// and draft76.js, websockets/ws lib/WebSocketServer.js, googlearchive/pywebsocket hybi00.py. The
/// proxies reorder the header fields or replace the reason.
const REPLIES: &str = "\
Protocol::WebSocket 0.26|75|WebSocket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|WebSocket-Origin: O|WebSocket-Location: L|status line
Protocol::WebSocket 0.26|76|WebSocket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Origin: O|Sec-WebSocket-Location: L|
Protocol::WebSocket 0.26|8,13|WebSocket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Accept: A|
netty 4.1|75|Web Socket Protocol Handshake|upgrade: websocket|connection: upgrade|websocket-origin: O|websocket-location: L|Upgrade
netty 4.1|76|WebSocket Protocol Handshake|upgrade: websocket|connection: upgrade|sec-websocket-origin: O|sec-websocket-location: L|Upgrade
netty 4.1|7,8,13|Switching Protocols|upgrade: websocket|connection: upgrade|sec-websocket-accept: A|
em-websocket 0.5|75|Web Socket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|WebSocket-Origin: O|WebSocket-Location: L|
em-websocket 0.5|76|WebSocket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Location: L|Sec-WebSocket-Origin: O|
websocket (Ruby)|75|Web Socket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|WebSocket-Origin: O|WebSocket-Location: L|
websocket (Ruby)|76|WebSocket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Origin: O|Sec-WebSocket-Location: L|
eventlet|75|Web Socket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|WebSocket-Origin: O|WebSocket-Location: L|
eventlet|76|WebSocket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Origin: O|Sec-WebSocket-Protocol: default|Sec-WebSocket-Location: L|Sec-WebSocket-Protocol
eventlet|8,13|Switching Protocols|Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Accept: A|
node-websocket-server 1.1.4|75|Web Socket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|WebSocket-Origin: O|WebSocket-Location: L|WebSocket-Protocol: *|WebSocket-Protocol
node-websocket-server 1.1.4|76|WebSocket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Origin: O|Sec-WebSocket-Location: L|Sec-WebSocket-Protocol: *|Sec-WebSocket-Protocol
websocket-driver 0.7.4|75|Web Socket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|WebSocket-Origin: O|WebSocket-Location: L|
websocket-driver 0.7.4|76|WebSocket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Origin: O|Sec-WebSocket-Location: L|
websocket-driver 0.7.4|7,8,13|Switching Protocols|Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Accept: A|
ws 0.4.32 and 1.1.5|76|Switching Protocols|Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Location: L|Sec-WebSocket-Origin: O|
pywebsocket 0.7.9|76|WebSocket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Location: L|Sec-WebSocket-Origin: O|
gevent-websocket 0.2.3|76|Web Socket Protocol Handshake|Upgrade: WebSocket|Connection: Upgrade|Sec-WebSocket-Origin: O|Sec-WebSocket-Protocol: unknown|Sec-WebSocket-Location: L|Sec-WebSocket-Protocol
Apache in front|75|Web Socket Protocol Handshake|WebSocket-Origin: O|WebSocket-Location: L|Upgrade: WebSocket|Connection: Upgrade|Upgrade
lighttpd in front|75|Switching Protocols|Upgrade: WebSocket|Connection: Upgrade|WebSocket-Origin: O|WebSocket-Location: L|status line";

/// Six of 25 pairs of server and dialect failed, for what proves nothing.
#[test]
fn hixie_replies_of_real_servers_h75_6_h76_36_h76_37() {
    for row in REPLIES.lines() {
        let columns: Vec<&str> = row.split('|').collect();
        let [_, versions, reason, fields @ .., strict_error] = &columns[..] else {
            panic!("{row}");
        };
        for version in versions.split(',') {
            let at = ["75", "76", "7", "8", "13"]
                .iter()
                .position(|v| *v == version);
            let dialect = DIALECTS[at.unwrap()];
            let request = client_request(dialect);
            let edit = |head: &str| {
                let accept = head
                    .split_once("Accept: ")
                    .map_or("", |(_, rest)| rest.trim_end());
                let lines = fields.iter().map(|line| match line.rsplit_once(": ") {
                    Some((name, "O")) => format!("{name}: http://example.com\r\n"),
                    Some((name, "L")) => format!("{name}: ws://example.com/demo\r\n"),
                    Some((name, "A")) => format!("{name}: {accept}\r\n"),
                    _ => format!("{line}\r\n"),
                });
                let fields: String = lines.collect();
                format!("HTTP/1.1 101 {reason}\r\n{fields}\r\n").into()
            };
            assert_eq!(
                events(CONFIG, &request, edit),
                [Observed::Open(dialect)],
                "{row}"
            );
            let rejects = match &events(STRICT, &request, edit)[..] {
                [Observed::Open(_)] => "",
                [Observed::ProtocolError(ProtocolError::InvalidHeader { name, .. })] => name,
                [Observed::ProtocolError(ProtocolError::InvalidStartLine { .. })] => "status line",
                other => panic!("{row}: {other:?}"),
            };
            assert_eq!(rejects, *strict_error, "{row}");
        }
    }
}

/// What is ignored is not reported as selected.
#[test]
fn a_subprotocol_that_was_not_requested_is_ignored_h75_6_h76_36() {
    for (dialect, name) in [
        (Hixie75, "WebSocket-Protocol"),
        (Hixie76, "Sec-WebSocket-Protocol"),
    ] {
        let request = client_request(dialect);
        for value in ["*", "default", "unknown", "a, b", "", "\u{e9}", "*\r\nX: x"] {
            for count in [1, 2] {
                let line = format!("\r\n{name}: {value}").repeat(count);
                let edit = replace("\r\n\r\n", line + "\r\n\r\n");
                assert_eq!(events(CONFIG, &request, &edit), [Observed::Open(dialect)]);
                let [Observed::ProtocolError(ProtocolError::InvalidHeader { kind, .. })] =
                    events(STRICT, &request, &edit)[..]
                else {
                    panic!("{value} is accepted");
                };
                assert_eq!(kind == NotRequested, count == 1);

                let (mut conn, head, proof) = client(&CONFIG, &request);
                let mut reply = [edit(&head), proof].concat();
                let Some(Event::Open(handshake)) = conn.receive(&mut input(&mut reply)) else {
                    panic!("{value} is not accepted");
                };
                assert_eq!(handshake.protocol(), None);
            }
        }
        // One that was requested has to be selected.
        let request = client_request(dialect).with_protocol("sample").unwrap();
        for (value, is_valid) in [
            ("sample", true),
            ("*", false),
            ("", false),
            ("Sample", false),
        ] {
            let edit = replace(format!("{name}: sample"), format!("{name}: {value}"));
            for config in [CONFIG, STRICT] {
                let is_open = events(config, &request, &edit) == [Observed::Open(dialect)];
                assert_eq!(is_open, is_valid, "{value}");
            }
        }
    }
}

/// The values of `Upgrade` and `Connection` are compared in any case, and no further.
#[test]
fn upgrade_and_connection_in_any_case_and_order_h75_6_h76_37() {
    for dialect in HIXIE {
        let request = client_request(dialect);
        for upgrade in ["websocket", "WEBSOCKET", "Websocket"] {
            for connection in ["upgrade", "UPGRADE", "Upgrade"] {
                for [first, second] in [
                    [
                        format!("UPGRADE: {upgrade}"),
                        format!("connection:{connection}"),
                    ],
                    [
                        format!("Connection: {connection}"),
                        format!("X: x\r\nupgrade: {upgrade}"),
                    ],
                ] {
                    let edit = replace(
                        "Upgrade: WebSocket\r\nConnection: Upgrade",
                        format!("{first}\r\n{second}"),
                    );
                    assert_eq!(events(CONFIG, &request, &edit), [Observed::Open(dialect)]);
                    assert_ne!(events(STRICT, &request, &edit), [Observed::Open(dialect)]);
                }
            }
        }
        for (line, others) in [
            (
                "Upgrade: WebSocket",
                ["", "web socket", "websockets", "websocket, x", "h2c"],
            ),
            (
                "Connection: Upgrade",
                ["", "close", "keep-alive, Upgrade", "Upgraded", "x"],
            ),
        ] {
            let name = line.split_once(':').unwrap().0;
            for value in others {
                let edit = replace(line, format!("{name}: {value}"));
                let [Observed::ProtocolError(error)] = events(CONFIG, &request, &edit)[..] else {
                    panic!("{name}: {value} is accepted");
                };
                let expected = matches!(error, ProtocolError::InvalidHeader { kind: Mismatch, .. });
                assert!(expected, "{error:?}");
            }
        }
    }
}

/// What shows that the server has read the request.
#[test]
fn origin_location_challenge_and_accept_value_are_checked_in_any_case_h75_6_h76_36_h76_39_hy_2() {
    for config in [CONFIG, STRICT] {
        for dialect in DIALECTS {
            let request = client_request(dialect);
            let (_, head, proof) = client(&config, &request);
            let names = ["Origin", "Location", "Accept"];
            for line in head
                .lines()
                .filter(|line| names.iter().any(|name| line.contains(name)))
            {
                let (name, value) = line.split_once(": ").unwrap();
                for other in [
                    String::new(),
                    format!("{name}: \r\n"),
                    format!("{name}: {}\r\n", &value[1..]),
                    format!("{name}: {value}x\r\n"),
                    format!("{name}: {}\r\n", value.to_uppercase()),
                    format!("{line}\r\n{line}\r\n"),
                    format!("X-{line}\r\n"),
                ] {
                    let edit = replace(format!("{line}\r\n"), other.as_str());
                    let [
                        Observed::ProtocolError(ProtocolError::InvalidHeader {
                            name: invalid, ..
                        }),
                    ] = events(config.clone(), &request, edit)[..]
                    else {
                        panic!("{other} is accepted");
                    };
                    assert_eq!(invalid, name);
                }
            }
            for at in 0..proof.len() {
                let mut other = proof.clone();
                other[at] ^= 1;
                let mut client = Driver::new(client(&config, &request).0);
                client.feed(&[head.as_bytes(), &other].concat());
                let error = ProtocolError::ChallengeMismatch { at: at as u32 };
                assert_eq!(client.events(), [protocol_error(error)]);
            }
        }
    }
}

/// curl/curl#1859 and dotnet/runtime#116728. Fields that announce a body are ignored.
#[test]
fn connect_answered_by_another_2xx_px_2() {
    for status in 100..=999 {
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            for fields in [
                "",
                "Content-Length: 10\r\n",
                "Transfer-Encoding: chunked\r\nVia: x\r\n",
            ] {
                let head = format!("{version} {status} x\r\n{fields}\r\n");
                let response = [&head, "server"].concat();
                let mut input = response.as_bytes();
                let mut tunnel = ProxyTunnel::new(&CONFIG, &client_request(Rfc6455), &[]).unwrap();
                let result = tunnel.receive(&mut input);
                let result = result.map(|result| result.map_err(Observed::from));
                let expected = match status {
                    200..=299 => Some(Ok(())),
                    101 if version == "HTTP/1.0" => Some(Err(start_line_error(7))),
                    100 | 102..=199 => None,
                    _ => Some(Err(rejection(status, &head).into())),
                };
                assert_eq!(result, expected, "{head}");
                if expected == Some(Ok(())) {
                    assert_eq!(input, b"server");
                }
            }
        }
    }
    let response = b"HTTP/1.1 204 No Content\r\nVia: x\r\n\r\nserver";
    assert_eq!(
        tunnel(&CONFIG, response),
        (Some(Ok(())), b"server".to_vec())
    );
}

/// Unlike in a request, where it counts as absent.
#[test]
fn optional_field_that_is_there_and_empty_is_an_error_in_a_reply_hy_4() {
    for dialect in HYBI {
        for (request, kind) in [
            (client_request(dialect), NotRequested),
            (
                client_request(dialect).with_protocol("sample").unwrap(),
                Mismatch,
            ),
        ] {
            for value in ["", " ", "\t", ",", " , "] {
                for (name, kind) in [
                    ("Sec-WebSocket-Protocol", kind),
                    ("Sec-WebSocket-Extensions", NotRequested),
                ] {
                    let line = format!("{name}:{value}\r\n");
                    let edit = |head: &str| {
                        let (status_line, fields) = head.split_once("\r\n").unwrap();
                        format!("{status_line}\r\n{line}{fields}").into()
                    };
                    let at = "HTTP/1.1 101 Switching Protocols\r\n".len() as u32;
                    let error = header_error(name, at, kind);
                    assert_eq!(events(CONFIG, &request, edit), [protocol_error(error)]);
                }
            }
        }
    }
}

/// python-websockets/websockets#743 and #1239: browsers keep cookies of 4,096 bytes.
#[test]
fn default_limits_of_a_head_rq_19_px_2() {
    const LIMIT: usize = 16 * 1024;
    let long_line = |name: &str, len: usize| {
        let value = "x".repeat(len - name.len() - 4);
        format!("{name}: {value}\r\n")
    };
    let cookie = long_line("Set-Cookie", "Set-Cookie: \r\n".len() + 4096);
    // Inserted after the status line; the limit is that of the whole head.
    let fields = |head_len: usize| {
        [
            cookie.clone(),
            long_line("Link", 5_000),
            cookie.repeat(2),
            long_line("X", 12_000 - head_len),
            long_line("X", LIMIT - head_len),
            long_line("A", 100).repeat(40),
        ]
    };
    let insert = |head: &str, fields: &str| {
        let (status_line, rest) = head.split_once("\r\n").unwrap();
        format!("{status_line}\r\n{fields}{rest}").into_bytes()
    };
    for dialect in DIALECTS {
        let request = client_request(dialect);
        let (_, head, _) = client(&CONFIG, &request);
        for fields in fields(head.len()) {
            let events = events(CONFIG, &request, |head| insert(head, &fields));
            assert_eq!(events, [Observed::Open(dialect)]);
        }
        let longer = long_line("X", LIMIT - head.len() + 1);
        let limit = LIMIT as u32;
        let events = events(CONFIG, &request, |head| insert(head, &longer));
        assert_eq!(
            events,
            [protocol_error(ProtocolError::HeadTooLong { limit })]
        );
    }
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    for fields in fields(head.len()) {
        assert_eq!(tunnel_at_once(&insert(head, &fields)), Some(Ok(())));
    }
    let longer = long_line("X", LIMIT - head.len() + 1);
    let error = ProtocolError::HeadTooLong {
        limit: LIMIT as u32,
    };
    let result = tunnel_at_once(&insert(head, &longer));
    assert_eq!(result, Some(Err(protocol_error(error))));
}

/// Returns the result of a tunnel for a response of the proxy.
fn tunnel_at_once(mut response: &[u8]) -> Option<Result<(), Observed>> {
    let mut tunnel = ProxyTunnel::new(&CONFIG, &client_request(Rfc6455), &[]).unwrap();
    let result = tunnel.receive(&mut response);
    result.map(|result| result.map_err(Observed::from))
}

/// Feeds fragments of these lengths, the last of which is final, until the connection ends.
///
/// Returns the number of frames and the payload bytes that were accepted.
fn receive_fragments(
    role: Role,
    lengths: impl Iterator<Item = usize>,
) -> Result<(u64, usize), (u64, Observed)> {
    let mut conn = established(&Config::new(), role, Dialect::Rfc6455);
    let (mut frames, mut received) = (0, 0);
    let mut lengths = lengths.peekable();
    while let Some(length) = lengths.next() {
        let opcode = if frames == 0 { BINARY & 0x0F } else { 0 };
        let fin = if lengths.peek().is_none() { 0x80 } else { 0 };
        let mut bytes = frame(other(role), fin | opcode, vec![b'a'; length]);
        let mut input = input(&mut bytes);
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Binary(chunk) => {
                    received += chunk.as_bytes().len();
                    assert_eq!(chunk.is_final(), fin != 0);
                }
                Event::Closed(closed) => return Err((frames, closed.into())),
                event => panic!("{event:?}"),
            }
        }
        frames += 1;
    }
    Ok((frames, received))
}

/// Autobahn 0.8.2, cases 9.3.1 and 9.4.1: 4 MiB in 65,536 fragments of 64 bytes and an empty one.
#[test]
fn default_of_max_fragments_hy_7() {
    use std::iter::{once, repeat_n};
    const MIB: usize = 1 << 20;
    let pairs = |pair: [usize; 2]| pair.into_iter().cycle();
    for role in ROLES {
        for fragment_len in [16, 64, 126] {
            let count = 4 * MIB / fragment_len;
            let fragments = repeat_n(fragment_len, count).chain(once(0));
            let accepted = (count as u64 + 1, count * fragment_len);
            assert_eq!(receive_fragments(role, fragments), Ok(accepted));
        }
        let every_other_is_empty = pairs([32, 0]).take(8 * MIB / 32);
        let accepted = ((8 * MIB / 32) as u64, 4 * MIB);
        assert_eq!(receive_fragments(role, every_other_is_empty), Ok(accepted));

        let too_many = |frames: u64| {
            let limit = 65_536;
            let error = ProtocolError::TooManyFragments { limit };
            Err((frames, protocol_error(error)))
        };
        let empty = repeat_n(0, 2_000_000);
        assert_eq!(receive_fragments(role, empty), too_many(65_536));
        let of_1_byte = repeat_n(1, 2_000_000);
        assert_eq!(
            receive_fragments(role, of_1_byte),
            too_many(65_536 * 16 / 15)
        );
        // What was received before them allows no endless number of empty ones.
        let after_payload = once(MIB).chain(repeat_n(0, 2_000_000));
        assert_eq!(receive_fragments(role, after_payload), too_many(131_072));
        let after_small_ones = pairs([0, 15]).take(2_000_000);
        assert!(receive_fragments(role, after_small_ones).is_err());
    }
}
