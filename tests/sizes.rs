//! Memory per connection, sizes of types, and that they are `Send` and `Sync`.

use std::fs;
use std::mem::size_of;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use hybi::*;
use hybi::{KeyErrorKind, ProtocolError};
use testkit::allocator::{CountingAllocator, Usage, measure};
use testkit::pair::response_to;
use testkit::*;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// They travel by value, in registers where possible. The columns: with 64 bits, and on x86 with 32.
#[test]
#[cfg(any(target_pointer_width = "64", target_arch = "x86"))]
fn the_sizes_of_values_in_bytes() {
    macro_rules! sizes {
        ($($value:ty: $size_64:literal $size_32:literal)*) => {
            [$((stringify!($value), size_of::<$value>(), $size_64, $size_32)),*]
        };
    }
    let sizes = sizes![
        Result<(), SendError>: 16 8
        SendError: 16 8
        CloseError: 16 8
        TextChunk<'_>: 24 12
        BinaryChunk<'_>: 24 12
        Payload<'_>: 16 8
        Option<Event<'_>>: 32 20
        Option<Closed>: 32 20
        Close: 8 4
        Rejection: 8 4
        ProtocolError: 32 20
        Input<'_>: 168 152
        SharedConfig: 16 8
        Entropy: 32 32
        Option<Dialect>: 1 1
        Dialects: 1 1
        MessageTooLong: 8 4
    ];
    let is_64 = cfg!(target_pointer_width = "64");
    let expected = sizes.map(|(name, _, on_64, on_32)| (name, if is_64 { on_64 } else { on_32 }));
    assert_eq!(sizes.map(|(name, size, ..)| (name, size)), expected);
}

/// What an event refers to is never owned by it.
#[test]
fn chunks_and_payloads_are_copy() {
    fn assert_copy<T: Copy>() {}
    assert_copy::<TextChunk<'_>>();
    assert_copy::<BinaryChunk<'_>>();
    assert_copy::<Payload<'_>>();
    assert_copy::<SkippedFrame>();
}

fn feed(conn: &mut Connection, bytes: &mut [u8]) {
    let mut input = input(bytes);
    while let Some(event) = conn.receive(&mut input) {
        if let Event::Request(_) = event {
            conn.accept(&AcceptOptions::new()).unwrap();
        }
    }
    conn.advance(conn.transmit().len());
}

/// Returns a client's request.
fn request_of(dialect: Dialect) -> Vec<u8> {
    let request = client_request(dialect);
    let client = Connection::client(Config::new(), &request, Entropy::from_bytes([3; 32]));
    client.transmit().to_vec()
}

/// The handshake of one role in one dialect.
struct TestHandshake {
    /// The request, in the client role.
    request: Option<ClientRequest>,
    /// The peer's part of the handshake.
    bytes: Vec<u8>,
}

impl TestHandshake {
    fn all() -> [Self; 8] {
        let [head_75, head_76] = [DRAFT_75_REQUEST, DRAFT_76_REQUEST].map(str::as_bytes);
        let server = |bytes: Vec<u8>| Self {
            request: None,
            bytes,
        };
        let client = |dialect: Dialect| {
            let request = ClientRequest::new("ws://example.com/demo").unwrap();
            let request = request
                .with_dialect(dialect)
                .with_protocol("sample")
                .unwrap();
            let bytes = response_to(&mut Connection::client(
                Config::new(),
                &request,
                Entropy::from_bytes([3; 32]),
            ));
            Self {
                request: Some(request),
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

    /// Returns an open connection without pending output.
    fn open(&mut self) -> Connection {
        static CONFIG: Config = Config::new().dialects(Dialects::ALL);
        let mut conn = match &self.request {
            None => Connection::server(&CONFIG),
            Some(request) => Connection::client(&CONFIG, request, Entropy::from_bytes([3; 32])),
        };
        conn.advance(conn.transmit().len());
        feed(&mut conn, &mut self.bytes);
        assert!(conn.dialect().is_some() && conn.closed().is_none());
        conn
    }
}

/// What an idle connection uses at most: 192 bytes, and what the feature `deflate` adds.
const MAX_IDLE: usize = if cfg!(feature = "deflate") { 232 } else { 192 };

/// Returns the size of a connection and its allocations.
fn size(usage: Usage) -> usize {
    size_of::<Connection>() + usize::try_from(usage.retained).unwrap()
}

#[test]
fn an_idle_connection_uses_at_most_192_bytes() {
    for mut handshake in TestHandshake::all() {
        let (conn, usage) = measure(|| handshake.open());
        assert!(size(usage) <= MAX_IDLE, "{} bytes: {conn:?}", size(usage));
    }
}

#[test]
fn a_connection_that_sent_a_short_message_uses_at_most_1_kib() {
    let text = "a".repeat(125);
    let hixie = [b"\x00", text.as_bytes(), b"\xff"].concat();
    for mut handshake in TestHandshake::all() {
        let mut hybi = match handshake.request {
            Some(_) => frame(Role::Server, 0x81, &text),
            None => frame(Role::Client, 0x81, &text),
        };
        let mut hixie = hixie.clone();
        let (conn, usage) = measure(|| {
            let mut conn = handshake.open();
            let is_hixie = matches!(conn.dialect(), Some(Dialect::Hixie75 | Dialect::Hixie76));
            feed(&mut conn, if is_hixie { &mut hixie } else { &mut hybi });
            assert!(conn.closed().is_none());
            conn.send_text(&text).unwrap();
            conn.advance(conn.transmit().len());
            conn
        });
        assert!(size(usage) <= 1024, "{} bytes: {conn:?}", size(usage));
    }
}

#[test]
fn after_an_idle_second_a_connection_uses_at_most_192_bytes() {
    for mut handshake in TestHandshake::all() {
        let (mut conn, usage) = measure(|| {
            let mut conn = handshake.open();
            conn.send_text("a").unwrap();
            conn.advance(conn.transmit().len());
            let second = Duration::from_secs(1);
            for now in [Duration::ZERO, second] {
                assert_eq!(conn.deadline(), Some(second));
                assert!(conn.receive(&mut Input::new(&mut [], now)).is_none());
            }
            assert_eq!(conn.deadline(), None);
            conn
        });
        assert!(size(usage) <= MAX_IDLE, "{} bytes: {conn:?}", size(usage));
        conn.send_text("a").unwrap();
    }
}

fn assert_ref_unwind_safe<T: Send + Sync + Unpin + RefUnwindSafe>() {}

fn assert_unwind_safe<T: UnwindSafe>() {}

/// Asserts what every type implements; returns the names of the types.
macro_rules! assert_traits {
    ($($name:ident)*; $($mutable:ident)*) => {{
        $(assert_unwind_safe::<$name>();)*
        $(assert_ref_unwind_safe::<$name>();)*
        $(assert_ref_unwind_safe::<$mutable>();)*
        vec![$(stringify!($name),)* $(stringify!($mutable),)*]
    }};
}

/// docs/stability.md. Two of them contain a mutable reference, and are not `UnwindSafe` therefore.
#[test]
fn every_public_type_is_send_sync_unpin_and_unwind_safe() {
    let mut asserted = assert_traits![
        AcceptError AcceptOptions BinaryChunk ClientRequest ClientRequestError Close CloseError Closed Config
        Connection Dialect Dialects DialectsIter Entropy Event Handshake HeaderErrorKind InvalidHeader
        KeyErrorKind LineErrorKind MessageAssembler MessageTooLong ParseDialectError Payload Phase PreparedMessage
        ProtocolError ProxyTunnel Rejection Request RespondError Response SendError SharedConfig
        SkippedFrame TextChunk Timeout UpgradeResponse;
        Input VectoredMessage
    ];
    #[cfg(feature = "getrandom")]
    asserted.extend(assert_traits![EntropyError;]);
    #[cfg(feature = "deflate")]
    asserted.extend(assert_traits![Compression Deflate ParseCompressionError;]);
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
    let deflate = ["Compression", "Deflate", "ParseCompressionError"];
    exported.retain(|name| cfg!(feature = "getrandom") || name != "EntropyError");
    exported.retain(|name| cfg!(feature = "deflate") || !deflate.contains(&&**name));
    exported.sort_unstable();
    assert_eq!(exported, asserted);
}
