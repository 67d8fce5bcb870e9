//! How large things are, and that they may go to any thread.

mod common;

use std::fs;
use std::mem::size_of;
use std::time::Duration;

use common::allocator::{Counting, Used, measure};
use common::pair::answer_to;
use common::*;
use hybi::*;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn events_and_errors_are_small() {
    assert!(size_of::<Event<'_>>() <= 48, "{}", size_of::<Event<'_>>());
    let error = size_of::<ProtocolError>();
    assert!(error <= 32, "{error}");
    assert!(size_of::<Refused>() <= 32, "{}", size_of::<Refused>());
}

fn feed(conn: &mut Connection, bytes: &mut [u8]) {
    let mut input = bytes;
    while let Some(event) = conn.receive(&mut input) {
        if let Event::Request(_) = event {
            conn.accept(&AcceptOptions::new()).unwrap();
        }
    }
    conn.advance(conn.transmit().len());
}

/// What a client asks.
fn request_of(dialect: Dialect) -> Vec<u8> {
    let target = ClientRequest::new("ws://example.com/demo")
        .unwrap()
        .with_dialect(dialect);
    let client = Connection::client(&Config::new(), &target, [3; 32]);
    client.transmit().to_vec()
}

/// What opens one side of one dialect.
struct Opening {
    target: Option<ClientRequest>,
    /// What the peer sends.
    bytes: Vec<u8>,
}

impl Opening {
    fn every() -> [Self; 8] {
        let [head_75, head_76] = [DRAFT_75_HEAD, DRAFT_76_HEAD].map(str::as_bytes);
        let server = |bytes: Vec<u8>| Self {
            target: None,
            bytes,
        };
        let client = |dialect: Dialect| {
            let target = ClientRequest::new("ws://example.com/demo").unwrap();
            let target = target
                .with_dialect(dialect)
                .with_protocol("sample")
                .unwrap();
            let bytes = answer_to(&mut Connection::client(&Config::new(), &target, [3; 32]));
            Self {
                target: Some(target),
                bytes,
            }
        };
        [
            server(head_75.to_vec()),
            server([head_76, DRAFT_76_KEY3].concat()),
            client(Dialect::Hixie75),
            client(Dialect::Hixie76),
            server(request_of(Dialect::HyBi8)),
            server(request_of(Dialect::Rfc6455)),
            client(Dialect::HyBi8),
            client(Dialect::Rfc6455),
        ]
    }

    /// Open, and flushed; nothing else is kept of it.
    fn open(&mut self) -> Connection {
        let config = Config::new().dialects(Dialects::ALL);
        let mut conn = match &self.target {
            None => Connection::server(&config),
            Some(target) => Connection::client(&config, target, [3; 32]),
        };
        conn.advance(conn.transmit().len());
        feed(&mut conn, &mut self.bytes);
        assert!(conn.dialect().is_some() && conn.closed().is_none());
        conn
    }
}

/// The connection itself and what it keeps elsewhere.
fn size(used: Used) -> usize {
    size_of::<Connection>() + usize::try_from(used.kept).unwrap()
}

#[test]
fn an_idle_connection_is_small() {
    for mut opening in Opening::every() {
        let (conn, used) = measure(|| opening.open());
        assert!(size(used) <= 512, "{} bytes: {conn:?}", size(used));
    }
}

#[test]
fn a_connection_that_has_said_a_little_is_small() {
    let text = "a".repeat(125);
    let hixie = [b"\x00", text.as_bytes(), b"\xff"].concat();
    for mut opening in Opening::every() {
        let mut later = match opening.target {
            Some(_) => rfc::frame(Role::Server, 0x81, &text),
            None => rfc::frame(Role::Client, 0x81, &text),
        };
        let mut hixie = hixie.clone();
        let (conn, used) = measure(|| {
            let mut conn = opening.open();
            let old = matches!(conn.dialect(), Some(Dialect::Hixie75 | Dialect::Hixie76));
            feed(&mut conn, if old { &mut hixie } else { &mut later });
            assert!(conn.closed().is_none());
            conn.send_text(&text).unwrap();
            conn.advance(conn.transmit().len());
            conn
        });
        assert!(size(used) <= 1024, "{} bytes: {conn:?}", size(used));
    }
}

#[test]
fn after_a_second_of_silence_it_is_as_small_as_before() {
    for mut opening in Opening::every() {
        let (mut conn, used) = measure(|| {
            let mut conn = opening.open();
            conn.send_text("a").unwrap();
            conn.advance(conn.transmit().len());
            let second = Duration::from_secs(1);
            assert_eq!(conn.tick(Duration::ZERO), Some(second));
            assert_eq!(conn.tick(second), None);
            conn
        });
        assert!(size(used) <= 512, "{} bytes: {conn:?}", size(used));
        conn.send_text("a").unwrap();
    }
}

fn any_thread<T: Send + Sync>() {}

/// Names the types and asserts it of each.
macro_rules! any_thread {
    ($($name:ident)*) => {{
        $(any_thread::<$name>();)*
        [$(stringify!($name)),*]
    }};
}

#[test]
fn every_public_type_may_go_to_any_thread() {
    let mut asserted = any_thread![
        AcceptOptions BinaryChunk Close Closed Config Connection Dialect Dialects SkippedFrame PreparedMessage Event VectoredMessage
        HeaderErrorKind KeyErrorKind LineErrorKind MessageAssembler Handshake Payload Phase ProtocolError Refused Request Response
        Role ClientRequest TextChunk MessageTooLong ProxyTunnel UpgradeResponse
    ];
    asserted.sort_unstable();
    let lib = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    let (public, _) = lib.split_once("pub mod fuzzing").unwrap();
    let names = |item: &str| -> Vec<String> {
        let item = item.split(';').next().unwrap();
        let words = item.split(|c: char| !c.is_ascii_alphanumeric());
        let types = words.filter(|word| word.starts_with(char::is_uppercase));
        types.map(str::to_owned).collect()
    };
    let mut exported: Vec<String> = public.split("\npub use ").skip(1).flat_map(names).collect();
    exported.sort_unstable();
    assert_eq!(exported, asserted);
}
