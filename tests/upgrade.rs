//! A handshake that begins in an HTTP library, or was made elsewhere altogether.

mod common;

use common::*;
use hybi::{
    AcceptOptions, Close, Closed, Config, Connection, Dialect, Dialects, HeaderErrorKind,
    KeyErrorKind, LineErrorKind, Phase, ProtocolError, Request, Role, UpgradeResponse,
};
use proptest::prelude::*;

const FRAMES: &[u8] = b"\x00Hello\xff\x00\xff\x42x\xff\x80\x02\xff\x00\x00\xe2\x98\x83\xff";

fn config() -> Config {
    Config::new().dialects(Dialects::ALL)
}

/// The target and the fields as a library that keeps values as they came hands them over.
fn parts(head: &str) -> (&str, Vec<(&str, &str)>) {
    let mut lines = head.split("\r\n");
    let target = lines.next().unwrap().split(' ').nth(1).unwrap();
    let fields = lines.filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(name, value)| (name, value.strip_prefix(' ').unwrap_or(value)));
    (target, fields.collect())
}

fn request(head: &str) -> Result<Request, ProtocolError> {
    let (target, fields) = parts(head);
    Request::from_parts(target, fields)
}

fn upgrade(head: &str, accept: &AcceptOptions<'_>) -> (Driver<'static>, UpgradeResponse) {
    let (conn, reply) = Connection::upgrade(&config(), &request(head).unwrap(), accept).unwrap();
    (Driver::new(conn), reply)
}

/// The connection that reads the same head by itself, but for its last byte.
fn by_itself(head: &str, accept: AcceptOptions<'static>) -> Driver<'static> {
    let conn = Connection::server(&config());
    let mut driver = Driver::answering(conn, move |conn, _| conn.accept(&accept).unwrap());
    driver.feed(&head.as_bytes()[..head.len() - 1]);
    driver
}

#[test]
fn rq_8_from_parts_is_what_the_connection_reads() {
    let heads = [
        DRAFT_75_HEAD.to_owned(),
        DRAFT_76_HEAD.to_owned(),
        // The spaces in keys count, those round other values do not (RQ-9), and a value may
        // hold anything above 0x7F and be empty.
        DRAFT_76_HEAD.replace("Host: ", "X-Empty:\r\nCookie:  a=\u{e9} \t\r\nHost: \t "),
        DRAFT_76_HEAD.replace("Key1: 4 @1  46546xW%0l 1 5", "Key1:  4 @1 46546xW%0l 1 5"),
        DRAFT_76_HEAD.replace("sample", "a, b c"),
        DRAFT_76_HEAD.replace("/demo", "/demo?a=b&c=%20?"),
    ];
    for head in heads {
        let mut read = None;
        let conn = Connection::server(&config());
        let mut driver = Driver::answering(conn, |_, request| read = Some(request.clone()));
        driver.feed(head.as_bytes());
        drop(driver);
        let (read, given) = (read.unwrap(), request(&head).unwrap());
        assert_eq!(given.dialect(), read.dialect());
        assert_eq!(given.resource(), read.resource());
        assert_eq!((given.host(), read.host()), ("example.com", "example.com"));
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
fn h76_5_the_reply_is_what_the_connection_writes() {
    let accepts = [
        AcceptOptions::new(),
        AcceptOptions::new().protocol("sample"),
        AcceptOptions::new().authority("example.org:8080"),
        AcceptOptions::new().headers(&[("Set-Cookie", "a=b: c"), ("X", "")]),
    ];
    for head in [DRAFT_75_HEAD, DRAFT_76_HEAD] {
        for accept in accepts {
            let mut read = by_itself(head, accept);
            read.feed(b"\n");
            let expected = read.sent();
            let (mut upgraded, reply) = upgrade(head, &accept);
            assert_eq!(escaped(reply.as_bytes()), escaped(expected));
            // The library writes it.
            upgraded.drain();
            assert_eq!(upgraded.sent(), b"");

            let mut written = format!("HTTP/1.1 {} {}\r\n", reply.status(), reply.reason());
            for (name, value) in reply.headers() {
                written += &format!("{name}: {value}\r\n");
            }
            written += "\r\n";
            assert_eq!(written.as_bytes(), reply.as_bytes());
        }
    }
    assert_eq!(
        upgrade(DRAFT_75_HEAD, &accepts[0]).1.as_bytes(),
        DRAFT_75_REPLY.as_bytes()
    );
    assert_eq!(
        upgrade(DRAFT_76_HEAD, &accepts[0]).1.as_bytes(),
        DRAFT_76_REPLY.as_bytes()
    );
}

#[test]
fn h76_7_a_reply_behind_tls() {
    let request = request(DRAFT_76_HEAD).unwrap();
    let (_, reply) =
        Connection::upgrade(&config().tls(true), &request, &AcceptOptions::new()).unwrap();
    let location = reply
        .headers()
        .find(|(name, _)| *name == "Sec-WebSocket-Location");
    assert_eq!(location.unwrap().1, "wss://example.com/demo");
}

/// H76-1: of the 8 bytes any number was read with the head, and of the frames too.
#[test]
fn h76_1_h76_18_whatever_the_library_has_read_behind_the_head() {
    for (head, key3, answer, end) in [
        (DRAFT_75_HEAD, &b""[..], &b""[..], &b""[..]),
        (DRAFT_76_HEAD, DRAFT_76_KEY3, DRAFT_76_ANSWER, b"\xff\x00"),
    ] {
        let bytes = [key3, FRAMES, end].concat();
        let dialect = request(head).unwrap().dialect().unwrap();
        for leftover in 0..=bytes.len() {
            let (mut upgraded, _) = upgrade(head, &AcceptOptions::new());
            let mut read = by_itself(head, AcceptOptions::new());
            read.feed(b"\n");
            read.events();
            read.sent();

            upgraded.feed(&bytes[..leftover]);
            read.feed(&bytes[..leftover]);
            let mut expected = read.events();
            if dialect == Dialect::Hixie75 {
                expected.insert(0, Observed::Open(dialect)); // H75-5: told with the head
            }
            assert_eq!(upgraded.events(), expected, "{leftover} bytes");
            let open = leftover >= key3.len();
            assert_eq!(expected.first(), open.then_some(&Observed::Open(dialect)));
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
        assert_eq!(upgraded.sent(), [answer, end].concat());
    }
}

#[test]
fn h76_4_nothing_is_sent_before_the_answer() {
    let (mut upgraded, _) = upgrade(DRAFT_76_HEAD, &AcceptOptions::new());
    for byte in &DRAFT_76_KEY3[..7] {
        upgraded.feed(&[*byte]);
        assert_eq!(upgraded.conn.send_text("a"), Err(hybi::Refused::NotOpen));
    }
    upgraded.feed(&DRAFT_76_KEY3[7..]);
    upgraded.conn.send_text("a").unwrap();
    upgraded.drain();
    assert_eq!(
        upgraded.sent(),
        [&DRAFT_76_ANSWER[..], b"\x00a\xff"].concat()
    );
}

#[test]
fn h76_19_cl_13_an_upgrade_that_comes_to_nothing() {
    for key3 in 0..8 {
        let (mut upgraded, _) = upgrade(DRAFT_76_HEAD, &AcceptOptions::new());
        upgraded.feed(&DRAFT_76_KEY3[..key3]);
        upgraded.eof();
        assert_eq!(
            upgraded.events(),
            [Observed::Closed(Closed::Eof(Phase::Handshaking))]
        );
        assert_eq!(upgraded.sent(), b"");

        // PX-4: the reply's head is the library's, and it has gone out.
        let (mut upgraded, _) = upgrade(DRAFT_76_HEAD, &AcceptOptions::new());
        upgraded.feed(&DRAFT_76_KEY3[..key3]);
        upgraded.conn.close(&Close::EMPTY).unwrap();
        upgraded.feed(&DRAFT_76_KEY3[key3..]);
        assert_eq!(upgraded.events(), [Observed::Closed(Closed::LocallyClosed)]);
        assert_eq!(upgraded.sent(), b"");
    }
}

#[test]
fn established_is_open_at_once_without_an_event() {
    for role in [Role::Client, Role::Server] {
        for dialect in [Dialect::Hixie75, Dialect::Hixie76] {
            let conn = || Connection::established(&Config::new(), role, dialect, [9; 32]);
            let mut driver = Driver::new(conn());
            assert_eq!(
                (driver.conn.role(), driver.conn.dialect()),
                (role, Some(dialect))
            );
            assert!(driver.conn.wants_read() && !driver.conn.wants_write());
            assert!(!driver.conn.is_done() && driver.conn.closed().is_none());
            driver.feed(b"");
            assert_eq!(driver.events(), []);
            driver.conn.send_text("a").unwrap();
            driver.feed(FRAMES);
            assert_eq!(driver.sent(), b"\x00a\xff");
            let whole = driver.events();
            assert_eq!(whole.len(), 5);
            for cut in 0..=FRAMES.len() {
                assert_eq!(run(conn(), FRAMES, &[cut], false).events, whole);
            }
        }
    }
}

/// What the same head meets with as bytes.
fn refused_as_bytes(target: &[u8], fields: &[(&[u8], &[u8])]) -> ProtocolError {
    let mut head = [b"GET ", target, b" HTTP/1.1\r\n"].concat();
    for (name, value) in fields {
        head.extend([*name, b": ", value, b"\r\n"].concat());
    }
    head.extend(b"\r\n");
    let mut driver = Driver::new(Connection::server(&config().max_header_line_len(1 << 20)));
    driver.feed(&head);
    match driver.events().pop() {
        Some(Observed::Closed(Closed::Protocol(error))) => error,
        other => panic!("{}: {other:?}", escaped(head)),
    }
}

#[test]
fn rq_11_nothing_is_injected_through_from_parts() {
    let good = parts(DRAFT_76_HEAD).1;
    let good: Vec<(&[u8], &[u8])> = good
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
        for place in [0, good.len() / 2, good.len()] {
            let mut fields = good.clone();
            fields.insert(place, (name, value));
            let Err(error) = Request::from_parts("/demo", fields.clone()) else {
                panic!("{}: {}", escaped(name), escaped(value));
            };
            let ProtocolError::InvalidLine { kind: found, .. } = error else {
                panic!("{error:?}");
            };
            assert_eq!(found, kind, "{}: {}", escaped(name), escaped(value));
            if !name.contains(&b'\n') && !value.contains(&b'\n') {
                assert_eq!(error, refused_as_bytes(b"/demo", &fields));
            }
        }
    }
    // As bytes an LF would end the line.
    for (name, value) in [("X", "y\nHost: evil"), ("X", "\n"), ("X\n", "y")] {
        let error = Request::from_parts("/demo", [(name, value)]).unwrap_err();
        assert!(
            matches!(error, ProtocolError::InvalidLine { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn rq_2_nothing_is_injected_through_the_target() {
    let fields = || parts(DRAFT_76_HEAD).1;
    let bad: [(&str, u32); 10] = [
        ("", 4),
        ("demo", 4),
        ("http://example.com/demo", 4),
        ("/de mo", 8),
        ("/demo#a", 9),
        ("/demo HTTP/1.1\r\nX: y\r\n", 18),
        ("/demo\r\n", 9),
        ("/demo\n", 9),
        ("/d\0", 6),
        ("/d\u{e9}mo", 6),
    ];
    for (target, at) in bad {
        let error = Request::from_parts(target, fields()).unwrap_err();
        let at_least =
            matches!(error, ProtocolError::InvalidStartLine { at: found } if found == at);
        assert!(at_least, "{target:?}: {error:?}, not at {at}");
    }
}

#[test]
fn h76_2_from_parts_checks_what_a_connection_checks() {
    let missing = |name: &str| {
        let fields = parts(DRAFT_76_HEAD).1;
        let fields = fields.into_iter().filter(|(other, _)| *other != name);
        Request::from_parts("/demo", fields)
    };
    for name in [
        "Host",
        "Connection",
        "Origin",
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
        let head = DRAFT_76_HEAD.replace("12998 5 Y3 1  .P00", value);
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

/// The docs of `from_parts` on offsets, and of `Header` on a field that is absent: the length of the
/// head, which goes to its blank line.
#[test]
fn an_absent_field_is_told_with_the_length_of_the_head() {
    for name in [
        "Host",
        "Connection",
        "Origin",
        "Sec-WebSocket-Key1",
        "Sec-WebSocket-Key2",
    ] {
        let mut fields = parts(DRAFT_76_HEAD).1;
        fields.retain(|(other, _)| *other != name);
        let error = Request::from_parts("/demo", fields.iter().copied()).unwrap_err();
        let fields: Vec<(&[u8], &[u8])> = fields
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect();
        assert_eq!(error, refused_as_bytes(b"/demo", &fields));
    }
}

/// The docs of `Request::origin`: visible ASCII, also of a plain page.
#[test]
fn an_origin_is_visible_ascii_or_none() {
    for origin in ["http://example.com", "null", "", "a b", "\u{e9}", "a\tb"] {
        let fields = [("Host", "example.com"), ("Origin", origin)];
        let Ok(page) = Request::from_parts("/page", fields) else {
            continue;
        };
        assert_eq!(page.dialect(), None);
        let visible = |origin: &str| origin.bytes().all(|byte| matches!(byte, 0x21..=0x7e));
        assert!(page.origin().is_none_or(visible), "{:?}", page.origin());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // The docs of `from_parts`: what the same head would have met with; RQ-7, RQ-11
    #[test]
    fn any_parts_are_what_the_same_head_is_as_bytes(
        target in prop_oneof![3 => Just("/demo".to_owned()), 1 => "/?[!-~ \r#]{0,6}"],
        draft in prop::sample::select(vec![DRAFT_75_HEAD, DRAFT_76_HEAD]),
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
        match Request::from_parts(&target, fields.iter().map(|(name, value)| (name, value))) {
            Err(error) => {
                let fields: Vec<(&[u8], &[u8])> =
                    fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
                prop_assert_eq!(error, refused_as_bytes(target.as_bytes(), &fields));
            }
            Ok(request) => {
                prop_assert_eq!(request.resource(), target);
                prop_assert_eq!(request.headers().count(), fields.len());
                let accept = AcceptOptions::new();
                let Some(dialect) = request.dialect() else {
                    return Ok(());
                };
                let (mut conn, reply) =
                    Connection::upgrade(&config(), &request, &accept).unwrap();
                let key3: &[u8] = if dialect == Dialect::Hixie76 { DRAFT_76_KEY3 } else { b"" };
                let mut bytes = key3.to_vec();
                let event = conn.receive(&mut &mut bytes[..]);
                prop_assert!(matches!(event, Some(hybi::Event::Open(_))));
                let lines = std::str::from_utf8(reply.as_bytes()).unwrap().split("\r\n");
                prop_assert!(lines.count() <= 1 + 5 + 2);
                prop_assert!(!reply.as_bytes().contains(&0));
            }
        }
    }
}
