//! Handshakes received by an HTTP library (`upgrade`) or completed elsewhere (`established`).

use hybi::{
    AcceptOptions, Close, Closed, Config, Connection, Dialect, Dialects, HeaderErrorKind,
    LineErrorKind, Phase, Request, UpgradeResponse,
};
use proptest::prelude::*;
use testkit::strategies::cases;
use testkit::*;

const FRAMES: &[u8] = b"\x00Hello\xff\x00\xff\x42x\xff\x80\x02\xff\x00\x00\xe2\x98\x83\xff";

fn config() -> Config {
    Config::new().dialects(Dialects::ALL)
}

/// Splits a head into its target and fields, as an HTTP library that keeps values unchanged.
fn parts(head: &str) -> (&str, Vec<(&str, &str)>) {
    let mut lines = head.split("\r\n");
    let target = lines.next().unwrap().split(' ').nth(1).unwrap();
    let fields = lines.filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(name, value)| (name, value.strip_prefix(' ').unwrap_or(value)));
    (target, fields.collect())
}

fn request(head: &str) -> Result<Request, ProtocolError> {
    let (target, fields) = parts(head);
    from_parts(target, fields)
}

fn from_parts<N: AsRef<[u8]>, V: AsRef<[u8]>>(
    target: &str,
    fields: impl IntoIterator<Item = (N, V)>,
) -> Result<Request, ProtocolError> {
    let request = Request::from_parts("GET", target, "HTTP/1.1", fields);
    request.map_err(ProtocolError::from)
}

fn upgrade(head: &str, accept: &AcceptOptions) -> (Driver<'static>, UpgradeResponse) {
    let (conn, response) = Connection::upgrade(config(), &request(head).unwrap(), accept).unwrap();
    (Driver::new(conn), response)
}

/// Returns a connection that has read the same head except its last byte.
fn reading(head: &str, accept: AcceptOptions) -> Driver<'static> {
    let conn = Connection::server(config());
    let mut driver =
        Driver::with_request_handler(conn, move |conn, _| conn.accept(&accept).unwrap());
    driver.feed(&head.as_bytes()[..head.len() - 1]);
    driver
}

#[test]
fn from_parts_gives_the_same_request_as_reading_it_rq_8() {
    let heads = [
        DRAFT_75_REQUEST.to_owned(),
        DRAFT_76_REQUEST.to_owned(),
        // RQ-9: spaces are significant in keys only. Values may be empty or contain non-ASCII bytes.
        DRAFT_76_REQUEST.replace("Host: ", "X-Empty:\r\nCookie:  a=\u{e9} \t\r\nHost: \t "),
        DRAFT_76_REQUEST.replace("Key1: 4 @1  46546xW%0l 1 5", "Key1:  4 @1 46546xW%0l 1 5"),
        DRAFT_76_REQUEST.replace("sample", "a, b c"),
        DRAFT_76_REQUEST.replace("/demo", "/demo?a=b&c=%20?"),
    ];
    for head in heads {
        let mut read = None;
        let conn = Connection::server(config());
        let mut driver =
            Driver::with_request_handler(conn, |_, request| read = Some(request.clone()));
        driver.feed(head.as_bytes());
        drop(driver);
        let (read, given) = (read.unwrap(), request(&head).unwrap());
        assert_eq!(given.dialect(), read.dialect());
        assert_eq!(given.resource(), read.resource());
        assert_eq!(given.method(), read.method());
        assert_eq!(
            (given.host(), read.host()),
            (Some("example.com"), Some("example.com"))
        );
        assert_eq!(given.origin(), read.origin());
        assert!(given.protocols().eq(read.protocols()));
        assert!(given.headers().eq(read.headers()));
        assert_eq!(given.headers().count(), parts(&head).1.len());
        for name in ["cookie", "SEC-WEBSOCKET-KEY1", "X-Empty", "X-None"] {
            assert_eq!(given.header(name), read.header(name));
        }
    }
}

#[test]
fn upgrade_gives_the_same_response_as_accept_h76_5() {
    let accepts = [
        AcceptOptions::new(),
        AcceptOptions::new().protocol("sample"),
        AcceptOptions::new().authority("example.org:8080"),
        AcceptOptions::new()
            .header("Set-Cookie", "a=b: c")
            .header("Set-Cookie", b"\xe9")
            .header("X", ""),
    ];
    for head in [DRAFT_75_REQUEST, DRAFT_76_REQUEST] {
        for accept in &accepts {
            let mut read = reading(head, accept.clone());
            read.feed(b"\n");
            let expected = read.sent();
            let (mut upgraded, response) = upgrade(head, accept);
            assert_eq!(escaped(response.as_bytes()), escaped(expected));
            // The library writes the response.
            upgraded.drain();
            assert_eq!(upgraded.sent(), b"");

            let (status, reason) = (response.status(), response.reason());
            let mut written = format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
            for (name, value) in response.headers() {
                written.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
            }
            written.extend(b"\r\n");
            assert_eq!(escaped(written), escaped(response.as_bytes()));
        }
    }
    assert_eq!(
        upgrade(DRAFT_75_REQUEST, &accepts[0]).1.as_bytes(),
        DRAFT_75_RESPONSE.as_bytes()
    );
    assert_eq!(
        upgrade(DRAFT_76_REQUEST, &accepts[0]).1.as_bytes(),
        DRAFT_76_RESPONSE.as_bytes()
    );
}

#[test]
fn with_tls_the_location_is_wss_h76_7() {
    let request = request(DRAFT_76_REQUEST).unwrap();
    let (_, response) =
        Connection::upgrade(config().tls(true), &request, &AcceptOptions::new()).unwrap();
    let location = response
        .headers()
        .find(|(name, _)| *name == "Sec-WebSocket-Location");
    assert_eq!(location.unwrap().1, b"wss://example.com/demo");
}

/// The library may have read any number of bytes of key3 and frames.
#[test]
fn any_bytes_read_after_the_head_can_be_passed_on_h76_1_h76_18() {
    for (head, key3, challenge_response, end) in [
        (DRAFT_75_REQUEST, &b""[..], &b""[..], &b""[..]),
        (
            DRAFT_76_REQUEST,
            DRAFT_76_KEY3,
            DRAFT_76_CHALLENGE_RESPONSE,
            b"\xff\x00",
        ),
    ] {
        let bytes = [key3, FRAMES, end].concat();
        let dialect = request(head).unwrap().dialect().unwrap();
        for leftover in 0..=bytes.len() {
            let (mut upgraded, _) = upgrade(head, &AcceptOptions::new());
            let mut read = reading(head, AcceptOptions::new());
            read.feed(b"\n");
            read.events();
            read.sent();

            upgraded.feed(&bytes[..leftover]);
            read.feed(&bytes[..leftover]);
            let mut expected = read.events();
            if dialect == Dialect::Hixie75 {
                expected.insert(0, Observed::Open(dialect)); // H75-5: returned with the head
            }
            assert_eq!(upgraded.events(), expected, "{leftover} bytes");
            let is_open = leftover >= key3.len();
            assert_eq!(
                expected.first(),
                is_open.then_some(&Observed::Open(dialect))
            );
            assert_eq!(upgraded.sent(), read.sent());

            upgraded.feed(&bytes[leftover..]);
            read.feed(&bytes[leftover..]);
            upgraded.eof();
            read.eof();
            assert_eq!(upgraded.events(), read.events());
            assert_eq!(upgraded.sent(), read.sent());
        }
        let (mut upgraded, _) = upgrade(head, &AcceptOptions::new());
        upgraded.feed(&bytes);
        assert_eq!(upgraded.sent(), [challenge_response, end].concat());
    }
}

#[test]
fn sending_before_the_challenge_response_is_rejected_h76_4() {
    let (mut upgraded, _) = upgrade(DRAFT_76_REQUEST, &AcceptOptions::new());
    for byte in &DRAFT_76_KEY3[..7] {
        upgraded.feed(&[*byte]);
        assert_eq!(upgraded.conn.send_text("a"), Err(hybi::SendError::NotOpen));
    }
    upgraded.feed(&DRAFT_76_KEY3[7..]);
    upgraded.conn.send_text("a").unwrap();
    upgraded.drain();
    assert_eq!(
        upgraded.sent(),
        [&DRAFT_76_CHALLENGE_RESPONSE[..], b"\x00a\xff"].concat()
    );
}

#[test]
fn a_failed_upgrade_is_reported_h76_19_cl_13() {
    for key3 in 0..8 {
        let (mut upgraded, _) = upgrade(DRAFT_76_REQUEST, &AcceptOptions::new());
        upgraded.feed(&DRAFT_76_KEY3[..key3]);
        upgraded.eof();
        assert_eq!(
            upgraded.events(),
            [Observed::Closed(Closed::Eof(Phase::Handshaking))]
        );
        assert_eq!(upgraded.sent(), b"");

        // PX-4: the library has already written the response head.
        let (mut upgraded, _) = upgrade(DRAFT_76_REQUEST, &AcceptOptions::new());
        upgraded.feed(&DRAFT_76_KEY3[..key3]);
        upgraded.conn.close(&Close::EMPTY).unwrap();
        upgraded.feed(&DRAFT_76_KEY3[key3..]);
        assert_eq!(upgraded.events(), [Observed::Closed(Closed::LocallyClosed)]);
        assert_eq!(upgraded.sent(), b"");
    }
}

#[test]
fn an_established_connection_is_open_without_an_event() {
    for role in ROLES {
        for dialect in HIXIE {
            let conn = || established(&Config::new(), role, dialect);
            let mut driver = Driver::new(conn());
            assert_eq!(driver.conn.dialect(), Some(dialect));
            assert!(driver.conn.wants_read() && !driver.conn.wants_write());
            assert!(!driver.conn.is_done() && driver.conn.closed().is_none());
            driver.feed(b"");
            assert_eq!(driver.events(), []);
            driver.conn.send_text("a").unwrap();
            driver.feed(FRAMES);
            assert_eq!(driver.sent(), b"\x00a\xff");
            let expected = driver.events();
            assert_eq!(expected.len(), 5);
            for split in 0..=FRAMES.len() {
                assert_eq!(run(conn(), FRAMES, &[split], false).events, expected);
            }
        }
    }
}

/// Returns the error of a connection that reads the same head.
fn error_when_read(target: &[u8], fields: &[(&[u8], &[u8])]) -> ProtocolError {
    let mut head = [b"GET ", target, b" HTTP/1.1\r\n"].concat();
    for (name, value) in fields {
        head.extend([*name, b": ", value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    let mut driver = Driver::new(Connection::server(config().max_header_line_len(1 << 20)));
    driver.feed(&head);
    match driver.events().pop() {
        Some(Observed::ProtocolError(error)) => error,
        other => panic!("{}: {other:?}", escaped(head)),
    }
}

#[test]
fn from_parts_rejects_injected_headers_rq_11() {
    let valid = parts(DRAFT_76_REQUEST).1;
    let valid: Vec<(&[u8], &[u8])> = valid
        .into_iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let injected: [(&[u8], &[u8], LineErrorKind); 12] = [
        (b"X", b"y\r\nHost: evil", LineErrorKind::BareCr),
        (b"X", b"\r\n", LineErrorKind::BareCr),
        (b"X", b"y\r", LineErrorKind::BareCr),
        (b"X", b"y\r\n\r\n", LineErrorKind::BareCr),
        (b"X", b"y\0", LineErrorKind::Value),
        (b"X", b"\x1b[m", LineErrorKind::Value),
        (b"X", b"\x7f", LineErrorKind::Value),
        (b"X\r\nHost", b"evil", LineErrorKind::BareCr),
        (b"X y", b"z", LineErrorKind::Name),
        (b"", b"x", LineErrorKind::Name),
        (b" X", b"y", LineErrorKind::ObsFold),
        (b"X\0", b"y", LineErrorKind::Name),
    ];
    for (name, value, kind) in injected {
        for place in [0, valid.len() / 2, valid.len()] {
            let mut fields = valid.clone();
            fields.insert(place, (name, value));
            let Err(error) = from_parts("/demo", fields.clone()) else {
                panic!("{}: {}", escaped(name), escaped(value));
            };
            let ProtocolError::InvalidLine { kind: found, .. } = error else {
                panic!("{error:?}");
            };
            assert_eq!(found, kind, "{}: {}", escaped(name), escaped(value));
            if !name.contains(&b'\n') && !value.contains(&b'\n') {
                assert_eq!(error, error_when_read(b"/demo", &fields));
            }
        }
    }
    // A connection would take the LF for the end of the line.
    for (name, value) in [("X", "y\nHost: evil"), ("X", "\n"), ("X\n", "y")] {
        let error = from_parts("/demo", [(name, value)]).unwrap_err();
        assert!(
            matches!(error, ProtocolError::InvalidLine { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn from_parts_rejects_an_injected_target_rq_2() {
    let fields = || parts(DRAFT_76_REQUEST).1;
    let invalid: [(&str, u32); 12] = [
        ("", 4),
        ("demo", 4),
        ("ftp://example.com/demo", 4),
        ("http://me@example.com/demo", 13),
        ("http:///demo", 11),
        ("/de mo", 8),
        ("/demo#a", 9),
        ("/demo HTTP/1.1\r\nX: y\r\n", 18),
        ("/demo\r\n", 9),
        ("/demo\n", 9),
        ("/d\0", 6),
        ("/d\u{e9}mo", 6),
    ];
    for (target, at) in invalid {
        let error = from_parts(target, fields()).unwrap_err();
        let is_expected =
            matches!(error, ProtocolError::InvalidStartLine { at: found } if found == at);
        assert!(is_expected, "{target:?}: {error:?}, not at {at}");
    }
}

#[test]
fn from_parts_returns_the_same_errors_as_reading_h76_2() {
    let missing = |name: &str| {
        let fields = parts(DRAFT_76_REQUEST).1;
        let fields = fields.into_iter().filter(|(other, _)| *other != name);
        from_parts("/demo", fields)
    };
    for name in [
        "Host",
        "Connection",
        "Sec-WebSocket-Key1",
        "Sec-WebSocket-Key2",
    ] {
        let error = missing(name).unwrap_err();
        let ProtocolError::InvalidHeader {
            name: found, kind, ..
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!((found, kind), (name, HeaderErrorKind::Missing));
    }
    assert_eq!(missing("Upgrade").unwrap().dialect(), None);
    let key = |value: &str| {
        let head = DRAFT_76_REQUEST.replace("12998 5 Y3 1  .P00", value);
        let Err(ProtocolError::InvalidKeyNumber { name, kind }) = request(&head) else {
            panic!("{value}");
        };
        assert_eq!(name, "Sec-WebSocket-Key2");
        kind
    };
    assert_eq!(key("nospaces"), KeyErrorKind::NoSpaces);
    assert_eq!(key("abs @ew dsdsxWdd d s"), KeyErrorKind::NoDigits);
    assert_eq!(key("8589934590!  !"), KeyErrorKind::TooBig);
    let (number, spaces) = (1_299_853_100, 3);
    assert_eq!(
        key("12998 5 Y3 1.P00"),
        KeyErrorKind::NotMultiple { number, spaces }
    );
}

/// Docs of `from_parts` and `InvalidHeader`: the offset is the length of the head, including the
/// blank line.
#[test]
fn a_missing_field_is_reported_at_the_end_of_the_head() {
    for name in [
        "Host",
        "Connection",
        "Sec-WebSocket-Key1",
        "Sec-WebSocket-Key2",
    ] {
        let mut fields = parts(DRAFT_76_REQUEST).1;
        fields.retain(|(other, _)| *other != name);
        let error =
            Request::from_parts("GET", "/demo", "HTTP/1.1", fields.iter().copied()).unwrap_err();
        let fields: Vec<(&[u8], &[u8])> = fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        assert_eq!(error, error_when_read(b"/demo", &fields));
    }
}

/// Docs of `Request::origin`: printable ASCII, also in plain HTTP requests.
#[test]
fn a_non_ascii_origin_is_none() {
    for origin in ["http://example.com", "null", "", "a b", "\u{e9}", "a\tb"] {
        let fields = [("Host", "example.com"), ("Origin", origin)];
        let Ok(page) = Request::from_parts("GET", "/page", "HTTP/1.1", fields) else {
            continue;
        };
        assert_eq!(page.dialect(), None);
        let is_printable = |origin: &str| origin.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        assert!(
            page.origin().is_none_or(is_printable),
            "{:?}",
            page.origin()
        );
    }
}

proptest! {
    #![proptest_config(cases(512))]

    // RQ-7, RQ-11; docs of `from_parts`: it returns the errors of reading the same head.
    #[test]
    fn from_parts_agrees_with_reading_for_any_head(
        target in prop_oneof![3 => Just("/demo".to_owned()), 1 => "/?[!-~ \r#]{0,6}"],
        draft in prop::sample::select(vec![DRAFT_75_REQUEST, DRAFT_76_REQUEST]),
        more in prop::collection::vec((
            prop_oneof![
                2 => "[A-Za-z-]{1,6}",
                1 => prop::sample::select(vec!["Host", "upgrade", "Cookie", "Sec-WebSocket-Key1"])
                    .prop_map(str::to_owned),
                1 => "[ -~\t\r\0]{0,4}",
            ],
            prop_oneof![
                2 => prop::collection::vec(0x20..=0xff_u8, 0..8),
                1 => prop::collection::vec((0x00..=0xff_u8).prop_filter("LF", |b| *b != b'\n'), 0..4),
            ],
            any::<prop::sample::Index>(),
        ), 0..3),
    ) {
        let mut fields: Vec<(Vec<u8>, Vec<u8>)> = parts(draft)
            .1
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        for (name, value, place) in more {
            fields.insert(place.index(fields.len() + 1), (name.into_bytes(), value));
        }
        match Request::from_parts("GET", &target, "HTTP/1.1", fields.iter().map(|(name, value)| (name, value))) {
            Err(error) => {
                let fields: Vec<(&[u8], &[u8])> =
                    fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
                prop_assert_eq!(error, error_when_read(target.as_bytes(), &fields));
            }
            Ok(request) => {
                prop_assert_eq!(request.resource(), target);
                prop_assert_eq!(request.headers().count(), fields.len());
                let accept = AcceptOptions::new();
                let Some(dialect) = request.dialect() else {
                    return Ok(());
                };
                let (mut conn, response) =
                    Connection::upgrade(config(), &request, &accept).unwrap();
                let key3: &[u8] = if dialect == Dialect::Hixie76 { DRAFT_76_KEY3 } else { b"" };
                let mut bytes = key3.to_vec();
                prop_assert!(matches!(conn.receive(&mut input(&mut bytes)), Some(hybi::Event::Open(_))));
                let lines = std::str::from_utf8(response.as_bytes()).unwrap().split("\r\n");
                prop_assert!(lines.count() <= 1 + 5 + 2);
                prop_assert!(!response.as_bytes().contains(&0));
            }
        }
    }
}
