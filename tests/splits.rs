//! The same bytes give the same events and output however they are split.

use std::ops::RangeInclusive;

use hybi::{
    ClientRequest, Closed, Config, Connection, Dialect, Dialects, Entropy, HeaderErrorKind,
    LineErrorKind, Phase,
};
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::hixie_reference::ReferenceDecoder;
use testkit::pair::response_to;
use testkit::strategies::*;
use testkit::*;

/// Input of one side, and how it closes.
struct Conversation {
    conn: Box<dyn Fn() -> Connection>,
    bytes: Vec<u8>,
    closed: Observed,
}

/// Returns the transcript of `bytes`, split at `splits`, and an EOF.
fn transcript(conn: Connection, bytes: &[u8], splits: &[usize]) -> Transcript {
    let transcript = run_checked(conn, bytes, splits, true);
    assert!(transcript.events.last().is_some_and(Observed::is_closed));
    transcript
}

fn server(config: &Config, bytes: impl AsRef<[u8]>, closed: Observed) -> Conversation {
    let config = config.clone();
    Conversation {
        conn: Box::new(move || Connection::server(config.clone())),
        bytes: bytes.as_ref().to_vec(),
        closed,
    }
}

fn client(target: ClientRequest, bytes: impl AsRef<[u8]>, closed: Observed) -> Conversation {
    Conversation {
        conn: Box::new(move || {
            Connection::client(Config::new(), &target, Entropy::from_bytes([7; 32]))
        }),
        bytes: bytes.as_ref().to_vec(),
        closed,
    }
}

fn open(
    config: Config,
    dialect: Dialect,
    bytes: impl AsRef<[u8]>,
    closed: Observed,
) -> Conversation {
    Conversation {
        conn: Box::new(move || established(&config, Role::Server, dialect)),
        bytes: bytes.as_ref().to_vec(),
        closed,
    }
}

/// Frames of every type, with an empty message, bytes 00 and FF within payloads, a length that is
/// not minimal, characters of one to four bytes, and invalid UTF-8.
const FRAMES: &[u8] = b"\x00Hello\xff\x00\xff\x01x\xff\x80\x03\x00\xff\x00\x00h\xc3\xa9\xe2\x98\x83\
    \xf0\x9f\x98\x80\xff\xff\x80\x80\x01\xff\xe0\x00\x00\xe2\x82\xff\x00\xed\xa0\x80a\xf0\x9f\xc3(\xff";

fn handshakes() -> Vec<Conversation> {
    let all = Config::new().dialects(Dialects::ALL);
    let target = |dialect: Dialect| {
        let target = ClientRequest::new("ws://example.com/demo?a=1").unwrap();
        target
            .with_dialect(dialect)
            .with_protocol("sample")
            .unwrap()
    };
    let response = |dialect: Dialect| {
        let mut client = Connection::client(
            Config::new(),
            &target(dialect),
            Entropy::from_bytes([7; 32]),
        );
        response_to(&mut client)
    };
    let [head75, head76] = [DRAFT_75_REQUEST, DRAFT_76_REQUEST].map(str::as_bytes);
    let request76 = [head76, DRAFT_76_KEY3].concat();
    let (response75, response76) = (response(Dialect::Hixie75), response(Dialect::Hixie76));
    let not_found = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n";
    let wrong_challenge_response = [&response76[..response76.len() - 1], b"?"].concat();
    vec![
        server(
            &all,
            [&request76, FRAMES, b"\xff\x00"].concat(),
            clean_close_without_code(),
        ),
        server(
            &all,
            [&request76, FRAMES].concat(),
            unexpected_eof(Phase::Open),
        ),
        server(
            &all,
            [&request76, FRAMES, b"\x00ab\xc3"].concat(),
            unexpected_eof(Phase::InMessage),
        ),
        server(
            &all,
            &request76[..request76.len() - 1],
            unexpected_eof(Phase::Handshaking),
        ),
        server(
            &all,
            &head76[..head76.len() - 1],
            unexpected_eof(Phase::Handshaking),
        ),
        server(&all, [head75, FRAMES].concat(), unexpected_eof(Phase::Open)),
        server(
            &all,
            [head75, b"\x80"].concat(),
            unexpected_eof(Phase::InMessage),
        ),
        client(
            target(Dialect::Hixie76),
            [&response76, FRAMES, b"\xff\x00"].concat(),
            clean_close_without_code(),
        ),
        client(
            target(Dialect::Hixie75),
            [&response75, FRAMES].concat(),
            unexpected_eof(Phase::Open),
        ),
        client(
            target(Dialect::Hixie76),
            &response76[..response76.len() - 1],
            unexpected_eof(Phase::Handshaking),
        ),
        client(
            target(Dialect::Hixie76),
            wrong_challenge_response,
            protocol_error(ProtocolError::ChallengeMismatch { at: 15 }),
        ),
        client(
            target(Dialect::Hixie76),
            replace_once(&response76, "Upgrade: WebSocket", "Upgrade: web socket"),
            protocol_error(ProtocolError::InvalidHeader {
                name: "Upgrade",
                at: offset_of(&response76, "Upgrade: WebSocket"),
                kind: HeaderErrorKind::Mismatch,
            }),
        ),
        client(
            target(Dialect::Hixie75),
            [not_found, "Gone"].concat(),
            rejection(404, not_found).into(),
        ),
        client(
            target(Dialect::Hixie75),
            "HTTP/1.1 1o1 Web Socket Protocol Handshake\r\n\r\n",
            protocol_error(ProtocolError::InvalidStartLine { at: 10 }),
        ),
    ]
}

fn rejected_requests() -> Vec<Conversation> {
    let line = |at: u32, kind: LineErrorKind| ProtocolError::InvalidLine { at, kind };
    let header = |name: &'static str, at: u32, kind: HeaderErrorKind| {
        ProtocolError::InvalidHeader { name, at, kind }
    };
    let head = DRAFT_76_REQUEST;
    let host = offset_of(head.as_bytes(), "Host:");
    let invalid: Vec<(Vec<u8>, ProtocolError)> = vec![
        (
            replace_once(head, "GET", "POST"),
            ProtocolError::UnsupportedMethod,
        ),
        (
            replace_once(head, "GET ", "GET  "),
            ProtocolError::InvalidStartLine { at: 4 },
        ),
        (
            replace_once(head, "/demo HTTP", "/demo#a HTTP"),
            ProtocolError::InvalidStartLine { at: 9 },
        ),
        (
            replace_once(head, "HTTP/1.1", "HTTP/1.0"),
            ProtocolError::UnsupportedHttpVersion {
                at: 10,
                major: 1,
                minor: 0,
            },
        ),
        (
            b"\r\n\r\n".to_vec(),
            ProtocolError::InvalidStartLine { at: 2 },
        ),
        (
            replace_once(head, "Host:", " Host:"),
            line(host, LineErrorKind::ObsFold),
        ),
        (
            replace_once(head, "Host:", ":"),
            line(host, LineErrorKind::Name),
        ),
        (
            replace_once(head, "Host:", "Host :"),
            line(host + 4, LineErrorKind::Name),
        ),
        (
            replace_once(head, "Host: ", "Host: \0"),
            line(host + 6, LineErrorKind::Value),
        ),
        (
            replace_once(head, "Host: ", "Host: \r"),
            line(host + 6, LineErrorKind::BareCr),
        ),
        (
            replace_once(head, "Host: ", "Host: \n"),
            line(host + 6, LineErrorKind::BareLf),
        ),
        (
            replace_once(head, "Host: example.com", "Host: example.com:0x50"),
            header("Host", host, HeaderErrorKind::Invalid),
        ),
        (
            replace_once(head, "Host:", "Host: a\r\nHost:"),
            header("Host", host + 9, HeaderErrorKind::Duplicate),
        ),
        (
            replace_once(head, "Sec-WebSocket-Key2", "Sec-WebSocket-Key3"),
            header(
                "Sec-WebSocket-Key2",
                head.len() as u32,
                HeaderErrorKind::Missing,
            ),
        ),
        (
            replace_once(head, "12998 5 Y3 1  .P00", "nospaces"),
            ProtocolError::InvalidKeyNumber {
                name: "Sec-WebSocket-Key2",
                kind: KeyErrorKind::NoSpaces,
            },
        ),
        (
            replace_once(head, "Upgrade: WebSocket\r\n", ""),
            ProtocolError::NotWebSocket,
        ),
        (
            DRAFT_75_REQUEST.into(),
            ProtocolError::DialectNotEnabled {
                dialect: Dialect::Hixie75,
            },
        ),
        (
            b"\x16\x03\x01\x00\xc8\x01".to_vec(),
            ProtocolError::TlsClientHello,
        ),
        (
            b"\x80\x2e\x01\x03\x01".to_vec(),
            ProtocolError::TlsClientHello,
        ),
        (
            b"<policy-file-request/>\0".to_vec(),
            ProtocolError::FlashPolicyRequest,
        ),
        (
            b"<policy-file-response/>\0".to_vec(),
            ProtocolError::InvalidStartLine { at: 15 },
        ),
    ];
    let mut all = Vec::new();
    for (bytes, error) in invalid {
        // Input after the error is ignored (FR-16).
        let bytes = [&bytes, &DRAFT_76_KEY3[..], FRAMES].concat();
        all.push(server(&Config::new(), bytes, protocol_error(error)));
    }
    let (length, longest) = (head.len(), "Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n");
    let few = [
        (
            Config::new().max_head_len(length - 1),
            ProtocolError::HeadTooLong {
                limit: length as u32 - 1,
            },
        ),
        (
            Config::new().max_header_line_len(longest.len() - 1),
            ProtocolError::LineTooLong {
                at: offset_of(head.as_bytes(), "Sec-WebSocket-Key1"),
                limit: longest.len() as u32 - 1,
            },
        ),
        (
            Config::new().max_headers(6),
            ProtocolError::TooManyHeaders { limit: 6 },
        ),
    ];
    for (config, error) in few {
        all.push(server(&config, head, protocol_error(error)));
    }
    all
}

fn flash_policy_requests() -> Vec<Conversation> {
    let config = Config::new().flash_policy("<cross-domain-policy/>");
    [
        "<policy-file-request/>\0",
        "<policy-file-request   />\0",
        "<policy-file-request/>\0GET /",
    ]
    .map(|bytes| server(&config, bytes, Observed::Closed(Closed::FlashPolicy)))
    .into()
}

fn rejected_frames() -> Vec<Conversation> {
    let utf8 = |at: u64| protocol_error(ProtocolError::InvalidUtf8 { at });
    let unknown = |frame_type: u8| protocol_error(ProtocolError::UnknownFrameType { frame_type });
    let too_long = |limit: u64| protocol_error(ProtocolError::FrameTooLong { limit });
    let strict_utf8 = Config::new().strict_utf8(true);
    let strict_frames = Config::new().strict_frames(true);
    let limit = |bytes: u64| Config::new().max_frame_len(bytes);
    let mut all = Vec::new();
    for dialect in HIXIE {
        let mut add = |config: &Config, bytes: &[u8], closed: Observed| {
            all.push(open(config.clone(), dialect, bytes, closed));
        };
        // FR-10
        add(&strict_utf8, b"\x00ab\xc3(\xff", utf8(2));
        add(&strict_utf8, b"\x00\xe2\x82\xff", utf8(0));
        add(&strict_utf8, b"\x00a\xc3\xa9\xf0\x9f\x98a\xff", utf8(3));
        add(&strict_utf8, b"\x00\x80\xff", utf8(0));
        add(&strict_utf8, b"\x00\xed\xa0\x80\xff", utf8(0));
        add(
            &strict_utf8,
            b"\x00\xc3\xa9\xff\x00\xc3",
            unexpected_eof(Phase::InMessage),
        );
        // FR-4
        add(&strict_frames, b"\x00a\xff\x66He\xff", unknown(0x66));
        add(&strict_frames, b"\x00a\xff\x80\x02He", unknown(0x80));
        // FR-14, in the middle of a character of two, three and four bytes
        add(&limit(1), b"\x00\xc3\xa9\xff", too_long(1));
        add(&limit(1), b"\x00\xe2\x98\x83\xff", too_long(1));
        add(&limit(2), b"\x00\xe2\x98\x83\xff", too_long(2));
        add(&limit(3), b"\x00\xf0\x9f\x98\x80\xff", too_long(3));
        add(&limit(2), b"\x00a\xc3\xa9\xff", too_long(2));
        add(&limit(4), b"\x00a\xf0\x9f\x98\x80\xff", too_long(4));
        add(
            &limit(2),
            b"\x00\xe2\x98\xff\x00\xe2\x98\xe2\xff",
            too_long(2),
        );
        add(
            &limit(3),
            b"\x00\xe2\x98\x83\xff\x00ab\xe2\x98\x83\xff",
            too_long(3),
        );
        add(&limit(2), b"\x01ab\xff\x01abc\xff", too_long(2));
        add(&limit(300), b"\x80\x82\x2d", too_long(300));
        // FR-7
        let endless = [0x80; 40];
        add(
            &Config::new(),
            &endless,
            protocol_error(ProtocolError::InvalidLength { at: 10 }),
        );
    }
    all
}

fn conversations() -> Vec<Conversation> {
    let groups = [
        handshakes,
        rejected_requests,
        flash_policy_requests,
        rejected_frames,
    ];
    groups.into_iter().flat_map(|group| group()).collect()
}

fn assert_same_at_every_split(conversations: Vec<Conversation>) {
    for Conversation {
        conn,
        bytes,
        closed,
    } in conversations
    {
        let input = escaped(&bytes);
        let expected = transcript(conn(), &bytes, &[]);
        assert_eq!(expected.events.last(), Some(&closed), "{input}");
        for split in 0..=bytes.len() {
            assert_eq!(
                transcript(conn(), &bytes, &[split]),
                expected,
                "{input} split at {split}"
            );
        }
        let everywhere: Vec<usize> = (0..bytes.len()).collect();
        assert_eq!(
            transcript(conn(), &bytes, &everywhere),
            expected,
            "{input} byte by byte"
        );
    }
}

#[test]
fn the_conversation_of_the_draft_at_every_split_rq_20_cl_7() {
    let bytes = [
        DRAFT_76_REQUEST.as_bytes(),
        DRAFT_76_KEY3,
        b"\x00Hello\xff\x01x\xff\x80\x03\x00\xff\x00\x00h\xc3\xa9\xe2\x98\x83\xff\xff\x00",
    ]
    .concat();
    let server = || Connection::server(Config::new());
    let expected = transcript(server(), &bytes, &[]);
    assert_eq!(
        expected.events,
        [
            Observed::Request(Some(Dialect::Hixie76), "/demo".into()),
            Observed::Open(Dialect::Hixie76),
            Observed::Text("Hello".into()),
            Observed::Skipped(0x01, 1),
            Observed::Skipped(0x80, 3),
            Observed::Text("h\u{e9}\u{2603}".into()),
            clean_close_without_code(),
        ]
    );
    let sent = [
        DRAFT_76_RESPONSE.as_bytes(),
        DRAFT_76_CHALLENGE_RESPONSE,
        b"\xff\x00",
    ]
    .concat();
    assert_eq!(escaped(&expected.sent), escaped(sent));
    for split in 0..=bytes.len() {
        assert_eq!(
            transcript(server(), &bytes, &[split]),
            expected,
            "split at {split}"
        );
    }
    let everywhere: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(transcript(server(), &bytes, &everywhere), expected);
}

#[test]
fn handshakes_at_every_split_rq_20_h76_1_h76_18_h76_39_h76_40() {
    assert_same_at_every_split(handshakes());
}

#[test]
fn rejected_requests_at_every_split_rq_20() {
    assert_same_at_every_split(rejected_requests());
}

#[test]
fn flash_policy_requests_at_every_split_px_1() {
    for Conversation { conn, bytes, .. } in flash_policy_requests() {
        let sent = transcript(conn(), &bytes, &[]).sent;
        assert_eq!(escaped(sent), escaped(b"<cross-domain-policy/>\0"));
    }
    assert_same_at_every_split(flash_policy_requests());
}

#[test]
fn rejected_frames_at_every_split_fr_4_fr_7_fr_10_fr_14() {
    assert_same_at_every_split(rejected_frames());
}

fn decoders() -> impl Strategy<Value = ReferenceDecoder> {
    let dialect = prop_oneof![Just(Dialect::Hixie75), Just(Dialect::Hixie76)];
    let max_frame = prop_oneof![3 => Just(i64::MAX as u64), 1 => 0_u64..12];
    let one_in_four = || prop::bool::weighted(0.25);
    (dialect, one_in_four(), one_in_four(), max_frame).prop_map(
        |(dialect, strict_utf8, strict_frames, max_frame)| ReferenceDecoder {
            dialect,
            strict_utf8,
            strict_frames,
            max_frame,
        },
    )
}

fn bytes(of: RangeInclusive<u8>, length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(of, 0..=length)
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let text = string().prop_map(String::into_bytes);
    prop_oneof![text, almost_utf8(0xfe), bytes(0x00..=0xfe, 12)]
}

/// Encodes a length in base 128, with `padding` leading 0x80 bytes (FR-5).
fn length_bytes(mut length: usize, padding: usize) -> Vec<u8> {
    let mut bytes = vec![length as u8 % 128];
    while length >= 128 {
        length /= 128;
        bytes.push(0x80 + length as u8 % 128);
    }
    bytes.extend(vec![0x80; padding]);
    bytes.reverse();
    bytes
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let text = payload().prop_map(|text| [&[0x00][..], &text, &[0xff]].concat());
    let terminated = (0x01..=0x7f_u8, bytes(0x00..=0xfe, 12))
        .prop_map(|(frame_type, payload)| [&[frame_type][..], &payload, &[0xff]].concat());
    let counted = (0x80..=0xff_u8, bytes(0x00..=0xff, 300), 0..3_usize).prop_map(
        |(frame_type, payload, padding)| {
            [
                &[frame_type][..],
                &length_bytes(payload.len(), padding),
                &payload,
            ]
            .concat()
        },
    );
    let close = (0..10_usize).prop_map(|n| [&[0xff][..], &vec![0x80; n], &[0x00]].concat());
    let endless = (0x80..=0xff_u8, bytes(0x80..=0xff, 12))
        .prop_map(|(frame_type, length)| [&[frame_type][..], &length].concat());
    prop_oneof![
        8 => text,
        2 => terminated,
        2 => counted,
        1 => close,
        1 => endless,
        1 => bytes(0x00..=0xff, 6),
    ]
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => prop::collection::vec(frame(), 0..8).prop_map(|frames| frames.concat()),
        1 => bytes(0x00..=0xff, 64),
    ]
}

proptest! {
    #![proptest_config(cases(2048))]

    #[test]
    fn any_conversation_at_any_splits_rq_20(index: Index, splits in splits()) {
        let conversations = conversations();
        let Conversation { conn, bytes, .. } = index.get(&conversations);
        let expected = transcript(conn(), bytes, &[]);
        prop_assert_eq!(transcript(conn(), bytes, &split_points(&splits, bytes.len())), expected);
    }

    // FR-1 to FR-10, FR-14, FR-16
    #[test]
    fn any_frames_at_any_splits_match_the_reference_decoder(
        decoder in decoders(),
        role in prop_oneof![Just(Role::Client), Just(Role::Server)],
        bytes in frames(),
        splits in splits(),
    ) {
        let conn = || established(&decoder.config(), role, decoder.dialect);
        let expected = transcript(conn(), &bytes, &[]);
        prop_assert_eq!(&expected.events, &decoder.decode(&bytes));
        prop_assert_eq!(transcript(conn(), &bytes, &split_points(&splits, bytes.len())), expected.clone());
        let everywhere: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(transcript(conn(), &bytes, &everywhere), expected);
    }
}
