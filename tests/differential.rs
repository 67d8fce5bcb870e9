//! Compares this crate with tungstenite on generated RFC 6455 conversations.
//!
//! Known differences, and how the tests treat them:
//!
//! - tungstenite checks a frame once it is complete; this crate checks each byte. So on truncated
//!   input it may report EOF where this crate reports an error, and of two errors in one frame it
//!   may report the other.
//! - tungstenite sends no close frame on an error. Its kind of error is compared with the close code
//!   that this crate sends.
//! - tungstenite answers a close code that must not be sent with 1002, as if the peer had sent that;
//!   this crate reports an error and answers the same. To tungstenite 1014 is such a code; IANA has
//!   registered it since.
//! - tungstenite echoes the reason of a close frame; this crate only the code.
//! - tungstenite accepts lengths that are not in the shortest encoding, which RFC 6455 forbids and
//!   HyBi-8 allows: such frames are compared with this crate's HyBi-8. It reports a length with its
//!   top bit set as too long. This crate rejects such lengths of control frames in any dialect, so
//!   random bytes that may contain one are skipped.
//! - tungstenite limits frames to 16 MiB and messages to 64 MiB by default, and not the number of
//!   fragments; here both have the same frame limit, and no test reaches the fragment limit.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Entropy, Event,
    Request,
};
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::strategies::*;
use testkit::*;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role as TheirRole, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use Dialect::{HyBi8, Rfc6455};

/// Frame length limit of both implementations.
const LIMIT: usize = 300;

/// The result of a conversation.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    received: Vec<Observed>,
    pongs: Vec<Vec<u8>>,
    end: End,
}

#[derive(Clone, Debug, PartialEq)]
enum End {
    /// Code and reason of the peer's close frame, and the code of the answer.
    Clean {
        code: Option<u16>,
        reason: String,
        answer: Option<u16>,
    },
    /// A protocol error, with its close code.
    Failed(u16),
    /// EOF without a close frame.
    Eof,
}

fn code(payload: &[u8]) -> Option<u16> {
    let code = payload.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*code))
}

/// Returns the pongs and the code of the close frame in a server's output.
fn sent(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<Option<u16>>) {
    let (mut pongs, mut close) = (Vec::new(), None);
    for (first, payload) in frame_contents(bytes) {
        match first {
            PONG => pongs.push(payload),
            CLOSE if close.is_none() => close = Some(code(&payload)),
            other => panic!("unexpected frame with first byte {other:#x}"),
        }
    }
    (pongs, close)
}

/// Runs a conversation against this crate's server.
fn ours(dialect: Dialect, bytes: &[u8], splits: &[usize], closes: bool) -> Outcome {
    let config = Config::new().max_frame_len(LIMIT as u64);
    let mut conn = established(&config, Role::Server, dialect);
    if closes {
        conn.close(&Close::new(1001, "")).unwrap();
    }
    let mut transcript = run_checked(conn, bytes, splits, true);
    let closed = transcript.events.pop();
    let (pongs, close) = sent(&transcript.sent);
    let is_complete = |event: &Observed| {
        !matches!(
            event,
            Observed::IncompleteText(_) | Observed::IncompleteBinary(_)
        )
    };
    transcript.events.retain(is_complete);
    let end = match closed {
        Some(Observed::Closed(Closed::Clean(close_frame))) => End::Clean {
            code: close_frame.code(),
            reason: close_frame.reason().to_owned(),
            answer: close.unwrap(),
        },
        Some(Observed::ProtocolError(error)) if closes => End::Failed(error.close_code()),
        Some(Observed::ProtocolError(_)) => End::Failed(close.flatten().unwrap()),
        Some(Observed::Closed(Closed::Eof(_))) => End::Eof,
        other => panic!("{other:?}"),
    };
    Outcome {
        received: transcript.events,
        pongs,
        end,
    }
}

/// An in-memory stream with predefined reads.
struct Wire {
    /// The remaining reads, last one first.
    reads: Vec<Vec<u8>>,
    written: Vec<u8>,
}

impl Wire {
    fn new(bytes: &[u8], splits: &[usize]) -> Self {
        let (mut reads, mut from) = (Vec::new(), 0);
        for to in splits.iter().copied().chain([bytes.len()]) {
            reads.push(bytes[from..to].to_vec());
            from = to;
        }
        reads.retain(|read| !read.is_empty());
        reads.reverse();
        let written = Vec::new();
        Self { reads, written }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(mut read) = self.reads.pop() else {
            return Ok(0);
        };
        let n = read.len().min(buf.len());
        buf[..n].copy_from_slice(&read[..n]);
        read.drain(..n);
        if !read.is_empty() {
            self.reads.push(read);
        }
        Ok(n)
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.written.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns tungstenite's configuration with the same limit.
fn tungstenite_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(512)
        .max_frame_size(Some(LIMIT))
        .max_message_size(None)
}

fn to_observed(message: Message) -> Observed {
    match message {
        Message::Text(string) => text(&string),
        Message::Binary(bytes) => binary(bytes),
        Message::Ping(bytes) => ping(bytes),
        Message::Pong(bytes) => pong(bytes),
        other => panic!("{other:?}"),
    }
}

/// Runs a conversation against tungstenite's server.
fn theirs(bytes: &[u8], splits: &[usize], closes: bool) -> Outcome {
    let wire = Wire::new(bytes, splits);
    let mut socket =
        WebSocket::from_raw_socket(wire, TheirRole::Server, Some(tungstenite_config()));
    if closes {
        let reason = "".into();
        let code = CloseCode::Away;
        socket.close(Some(CloseFrame { code, reason })).unwrap();
    }
    let (mut received, mut close) = (Vec::new(), None);
    let end = loop {
        match socket.read() {
            Ok(Message::Close(frame)) => close = Some(frame),
            Ok(message) => received.push(to_observed(message)),
            Err(Error::ConnectionClosed) => break None,
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                break Some(End::Eof);
            }
            Err(Error::Utf8(_)) => break Some(End::Failed(1007)),
            Err(Error::Capacity(_)) => break Some(End::Failed(1009)),
            Err(Error::Protocol(_)) => break Some(End::Failed(1002)),
            Err(other) => panic!("{other:?}"),
        }
    };
    let (pongs, answer) = sent(&socket.get_ref().written);
    let end = end.unwrap_or_else(|| match close.unwrap() {
        None => End::Clean {
            code: None,
            reason: String::new(),
            answer: answer.unwrap(),
        },
        Some(frame) if &*frame.reason == "Protocol violation" => End::Failed(1002),
        Some(frame) if !is_valid_close_code(frame.code.into()) => End::Failed(1002),
        Some(frame) => End::Clean {
            code: Some(frame.code.into()),
            reason: frame.reason.to_string(),
            answer: answer.unwrap(),
        },
    });
    Outcome {
        received,
        pongs,
        end,
    }
}

// Conversations.

/// A message or frame that a client sends, valid or not.
#[derive(Clone, Debug)]
enum Sent {
    /// A message in one or more frames, with control frames between them.
    Message {
        is_text: bool,
        fragments: Vec<Vec<u8>>,
        between: Vec<(u8, Vec<u8>)>,
    },
    Control(u8, Vec<u8>),
    Close(Vec<u8>),
    /// An invalid frame, and a number that selects a variant of it.
    Invalid(InvalidFrame, u8),
}

#[derive(Clone, Copy, Debug)]
enum InvalidFrame {
    ReservedBits,
    Opcode,
    Unmasked,
    FragmentedControl,
    LongControl,
    Continuation,
    InterleavedMessage,
    InvalidUtf8,
    InvalidUtf8InFragments,
    IncompleteUtf8,
    TooLong,
    IncompleteCode,
    InvalidCode,
    InvalidReason,
}

const INVALID_FRAMES: [InvalidFrame; 14] = [
    InvalidFrame::ReservedBits,
    InvalidFrame::Opcode,
    InvalidFrame::Unmasked,
    InvalidFrame::FragmentedControl,
    InvalidFrame::LongControl,
    InvalidFrame::Continuation,
    InvalidFrame::InterleavedMessage,
    InvalidFrame::InvalidUtf8,
    InvalidFrame::InvalidUtf8InFragments,
    InvalidFrame::IncompleteUtf8,
    InvalidFrame::TooLong,
    InvalidFrame::IncompleteCode,
    InvalidFrame::InvalidCode,
    InvalidFrame::InvalidReason,
];

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::collection::vec(any::<u8>(), 120..130),
        1 => Just(vec![0; LIMIT]),
    ]
}

fn control() -> impl Strategy<Value = (u8, Vec<u8>)> {
    let first = prop::sample::select(&[PING, PONG][..]);
    let payload = prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::collection::vec(any::<u8>(), 120..=125),
    ];
    (first, payload)
}

/// Text split anywhere, also within characters.
fn fragmented_text() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let string = prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter);
    (string, prop::collection::vec(any::<Index>(), 0..5)).prop_map(|(string, splits)| {
        let bytes = string.into_bytes();
        let (mut fragments, mut from) = (Vec::new(), 0);
        for to in split_points(&splits, bytes.len()) {
            fragments.push(bytes[from..to].to_vec());
            from = to;
        }
        fragments.push(bytes[from..].to_vec());
        fragments
    })
}

fn message() -> impl Strategy<Value = Sent> {
    let fragments = prop_oneof![
        2 => fragmented_text().prop_map(|fragments| (true, fragments)),
        1 => prop::collection::vec(payload(), 1..4).prop_map(|fragments| (false, fragments)),
    ];
    let between = prop::collection::vec(control(), 0..3);
    (fragments, between).prop_map(|((is_text, fragments), between)| Sent::Message {
        is_text,
        fragments,
        between,
    })
}

fn close() -> impl Strategy<Value = Sent> {
    // Without 1014: see the differences above.
    let codes = (1000..5000_u16).prop_filter("valid close code", |code| {
        is_valid_close_code(*code) && *code != 1014
    });
    let reason = prop::collection::vec(any::<char>(), 0..30).prop_map(String::from_iter);
    prop_oneof![
        1 => Just(Sent::Close(Vec::new())),
        3 => (codes, reason).prop_map(|(code, reason)| Sent::Close(close_payload(code, reason))),
    ]
}

fn valid_frames() -> impl Strategy<Value = Sent> {
    prop_oneof![
        6 => message(),
        2 => control().prop_map(|(first, payload)| Sent::Control(first, payload)),
    ]
}

fn invalid_frame() -> impl Strategy<Value = Sent> {
    let kind = prop::sample::select(&INVALID_FRAMES[..]);
    (kind, any::<u8>()).prop_map(|(kind, n)| Sent::Invalid(kind, n))
}

/// Valid frames, then perhaps a close frame or an invalid frame, then frames to be ignored.
fn conversation() -> impl Strategy<Value = Vec<Sent>> {
    let valid = || prop::collection::vec(valid_frames(), 0..5);
    let last = prop_oneof![
        2 => close().prop_map(Some),
        4 => invalid_frame().prop_map(Some),
        1 => Just(None),
    ];
    (valid(), last, valid()).prop_map(|(mut all, last, ignored)| {
        all.extend(last);
        all.extend(ignored);
        all
    })
}

/// Encodes frames, each with another masking key.
struct Writer<F> {
    bytes: Vec<u8>,
    key: u32,
    encoding: F,
}

impl<F: FnMut(u64) -> LengthEncoding> Writer<F> {
    fn key(&mut self) -> [u8; 4] {
        self.key = self.key.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
        self.key.to_be_bytes()
    }

    fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let payload = payload.as_ref();
        let (key, length) = (self.key(), payload.len() as u64);
        // Control frames always have the shortest encoding.
        let encoding = match first & 0x08 {
            0 => (self.encoding)(length),
            _ => LengthEncoding::shortest(length),
        };
        self.bytes
            .extend(header(first, Some(key), encoding, length));
        self.bytes.extend(masked(payload, key));
    }

    fn write(&mut self, sent: &Sent) {
        match sent {
            Sent::Control(first, payload) => self.frame(*first, payload),
            Sent::Close(payload) => {
                let mut payload = payload.clone();
                while payload.len() > 125
                    || std::str::from_utf8(&payload[payload.len().min(2)..]).is_err()
                {
                    payload.pop();
                }
                self.frame(CLOSE, payload);
            }
            Sent::Message {
                is_text,
                fragments,
                between,
            } => {
                let opcode = if *is_text { 1 } else { 2 };
                for (i, fragment) in fragments.iter().enumerate() {
                    let first = if i == 0 { opcode } else { 0 };
                    let fin = if i + 1 == fragments.len() { 0x80 } else { 0 };
                    self.frame(first | fin, fragment);
                    if let (0, Some((first, payload))) = (fin, between.get(i)) {
                        self.frame(*first, payload);
                    }
                }
            }
            Sent::Invalid(kind, n) => self.write_invalid(*kind, *n),
        }
    }

    /// Writes a frame with exactly one error.
    fn write_invalid(&mut self, kind: InvalidFrame, n: u8) {
        let pick = |choices: &[u8]| choices[usize::from(n) % choices.len()];
        match kind {
            InvalidFrame::ReservedBits => {
                let bits = 0x10 * (1 + n % 7);
                self.frame(bits | pick(&[TEXT, BINARY, PING, PONG, TEXT_FRAGMENT]), "a");
            }
            InvalidFrame::Opcode => {
                let opcode = pick(&[3, 4, 5, 6, 7, 11, 12, 13, 14, 15]);
                self.frame(0x80 | opcode, "");
            }
            InvalidFrame::Unmasked => {
                let first = pick(&[TEXT, BINARY, PING, PONG, TEXT_FRAGMENT, CLOSE]);
                self.bytes.extend([first, 0]);
            }
            InvalidFrame::FragmentedControl => self.frame(pick(&[8, 9, 10]), ""),
            InvalidFrame::LongControl => {
                let payload = [
                    close_payload(1000, ""),
                    vec![b'a'; 124 + usize::from(n % 100)],
                ]
                .concat();
                self.frame(pick(&[CLOSE, PING, PONG]), payload);
            }
            InvalidFrame::Continuation => {
                self.frame(pick(&[CONTINUATION, FINAL_CONTINUATION]), "a")
            }
            InvalidFrame::InterleavedMessage => {
                self.frame(pick(&[TEXT_FRAGMENT, BINARY_FRAGMENT]), "a");
                self.frame(pick(&[TEXT, BINARY, TEXT_FRAGMENT, BINARY_FRAGMENT]), "b");
            }
            InvalidFrame::InvalidUtf8 => {
                let invalid = [pick(&[0x80, 0xbf, 0xc0, 0xc1, 0xf5, 0xff])];
                self.frame(
                    pick(&[TEXT, TEXT_FRAGMENT]),
                    [&b"ab"[..], &invalid, b"c"].concat(),
                );
            }
            InvalidFrame::InvalidUtf8InFragments => {
                let (first, second): (&[u8], &[u8]) = match n % 5 {
                    0 => (b"\xc3", b"("),
                    1 => (b"\xe0", b"\x9f"),
                    2 => (b"\xed", b"\xa0"),
                    3 => (b"\xf0\x9f", b"\x98("),
                    _ => (b"\xf4", b"\x90"),
                };
                self.frame(TEXT_FRAGMENT, first);
                self.frame(CONTINUATION, "");
                self.frame(pick(&[CONTINUATION, FINAL_CONTINUATION]), second);
            }
            InvalidFrame::IncompleteUtf8 => {
                let incomplete = [&b"\xc3"[..], b"\xe2\x98", b"\xf0\x9f\x98"][usize::from(n) % 3];
                if n < 128 {
                    self.frame(TEXT, incomplete);
                } else {
                    self.frame(TEXT_FRAGMENT, incomplete);
                    self.frame(FINAL_CONTINUATION, "");
                }
            }
            InvalidFrame::TooLong => {
                let payload = vec![b'a'; LIMIT + 1 + usize::from(n)];
                self.frame(pick(&[TEXT, BINARY, TEXT_FRAGMENT]), payload);
            }
            InvalidFrame::IncompleteCode => self.frame(CLOSE, [n]),
            InvalidFrame::InvalidCode => {
                let invalid = [
                    0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535,
                ];
                self.frame(
                    CLOSE,
                    close_payload(invalid[usize::from(n) % invalid.len()], "why"),
                );
            }
            InvalidFrame::InvalidReason => self.frame(
                CLOSE,
                close_payload(1000, [b'a', pick(&[0x80, 0xc0, 0xff]), b'b']),
            ),
        }
    }
}

/// Encodes a conversation with lengths in the shortest encoding.
fn encode(conversation: &[Sent], seed: u32) -> Vec<u8> {
    encode_with(conversation, seed, LengthEncoding::shortest)
}

fn encode_with(
    conversation: &[Sent],
    seed: u32,
    encoding: impl FnMut(u64) -> LengthEncoding,
) -> Vec<u8> {
    let mut writer = Writer {
        bytes: Vec::new(),
        key: seed,
        encoding,
    };
    for sent in conversation {
        writer.write(sent);
    }
    writer.bytes
}

proptest! {
    #![proptest_config(cases(2048))]

    // HY-5, HY-6, HY-7, HY-8, RFC-10.7-1: the same messages, pongs and end.
    #[test]
    fn complete_frames_have_the_same_outcome(
        conversation in conversation(),
        seed: u32,
        splits in splits(),
    ) {
        let bytes = encode(&conversation, seed);
        let splits = split_points(&splits, bytes.len());
        prop_assert_eq!(ours(Rfc6455, &bytes, &splits, false), theirs(&bytes, &splits, false));
    }

    // Without comparing pongs: after its close frame tungstenite sends none, against RFC-5.5.2-1.
    #[test]
    fn complete_frames_after_our_close_frame_have_the_same_outcome(
        conversation in conversation(),
        seed: u32,
        splits in splits(),
    ) {
        let bytes = encode(&conversation, seed);
        let splits = split_points(&splits, bytes.len());
        let (ours, theirs) = (ours(Rfc6455, &bytes, &splits, true), theirs(&bytes, &splits, true));
        prop_assert_eq!((ours.received, ours.end), (theirs.received, theirs.end));
    }

    // HY-6: HyBi-8 allows longer encodings.
    #[test]
    fn hybi_8_frames_with_lengths_in_any_encoding_have_the_same_outcome(
        conversation in conversation(),
        seed: u32,
        encodings in prop::collection::vec(0..3_u8, 1..8),
        splits in splits(),
    ) {
        let mut encodings = encodings.into_iter().cycle();
        let bytes = encode_with(&conversation, seed, |length| match encodings.next() {
            Some(1) if length <= 0xFFFF => LengthEncoding::Bits16,
            Some(2) => LengthEncoding::Bits64,
            _ => LengthEncoding::shortest(length),
        });
        let splits = split_points(&splits, bytes.len());
        prop_assert_eq!(ours(HyBi8, &bytes, &splits, false), theirs(&bytes, &splits, false));
    }

    #[test]
    fn truncated_frames_yield_the_same_messages(
        conversation in conversation(),
        seed: u32,
        end: Index,
        splits in splits(),
    ) {
        let bytes = encode(&conversation, seed);
        let bytes = &bytes[..end.index(bytes.len() + 1)];
        check_same_messages(Rfc6455, bytes, &split_points(&splits, bytes.len()))?;
    }

    #[test]
    fn random_bytes_after_frames_yield_the_same_messages(
        conversation in conversation(),
        seed: u32,
        more in prop::collection::vec(any::<u8>(), 0..40),
        splits in splits(),
    ) {
        let bytes = [encode(&conversation, seed), more].concat();
        check_same_messages(HyBi8, &bytes, &split_points(&splits, bytes.len()))?;
    }

    #[test]
    fn frames_with_a_changed_byte_yield_the_same_messages(
        conversation in conversation(),
        seed: u32,
        at: Index,
        byte: u8,
        splits in splits(),
    ) {
        let mut bytes = encode(&conversation, seed);
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        check_same_messages(HyBi8, &bytes, &split_points(&splits, bytes.len()))?;
    }
}

/// Checks for the same messages and the same end; but errors may differ, and tungstenite may report
/// EOF instead, if it expects more of the frame.
fn check_same_messages(
    dialect: Dialect,
    bytes: &[u8],
    splits: &[usize],
) -> Result<(), TestCaseError> {
    prop_assume!(!may_hold_a_long_control_frame(bytes));
    let (ours, theirs) = (
        ours(dialect, bytes, splits, false),
        theirs(bytes, splits, false),
    );
    prop_assert_eq!(&ours.received, &theirs.received, "{}", escaped(bytes));
    prop_assert_eq!(&ours.pongs, &theirs.pongs, "{}", escaped(bytes));
    let ends = (ours.end, theirs.end);
    let is_same = match &ends {
        (End::Failed(_), End::Failed(_) | End::Eof) => true,
        // Registered with IANA, but invalid to tungstenite.
        (
            End::Clean {
                code: Some(1014), ..
            },
            End::Failed(1002),
        ) => true,
        (ours, theirs) => ours == theirs,
    };
    prop_assert!(is_same, "{ends:?} for {}", escaped(bytes));
    Ok(())
}

/// Whether there may be a control frame with a 16-bit or 64-bit length: this crate always rejects it,
/// tungstenite only if the length exceeds 125.
fn may_hold_a_long_control_frame(bytes: &[u8]) -> bool {
    let is_one = |pair: &[u8]| matches!(pair, [0x88..=0x8A, 0x7E | 0x7F | 0xFE | 0xFF]);
    bytes.windows(2).any(is_one)
}

/// The random tests may miss some of them.
#[test]
fn each_kind_of_invalid_frame_has_the_same_outcome() {
    for kind in INVALID_FRAMES {
        for n in 0..=255 {
            let hello = Sent::Control(PING, b"Hello".to_vec());
            let bytes = encode(&[hello.clone(), Sent::Invalid(kind, n), hello], 1);
            let ours = ours(Rfc6455, &bytes, &[], false);
            assert_eq!(ours, theirs(&bytes, &[], false), "{kind:?} {n}");
            assert!(matches!(ours.end, End::Failed(_)), "{kind:?} {n}");
            assert_eq!(ours.received, [ping("Hello")]);
        }
    }
}

#[test]
fn every_close_code_has_the_same_outcome() {
    for code in 0..=u16::MAX {
        let bytes = encode(&[Sent::Close(close_payload(code, ""))], 1);
        let (ours, theirs) = (
            ours(Rfc6455, &bytes, &[], false),
            theirs(&bytes, &[], false),
        );
        if code == 1014 {
            assert_eq!(theirs.end, End::Failed(1002));
            assert!(matches!(
                ours.end,
                End::Clean {
                    answer: Some(1014),
                    ..
                }
            ));
            continue;
        }
        assert_eq!(ours, theirs, "{code}");
    }
}

/// See the list of differences above.
#[test]
fn tungstenite_differs_in_two_rules_for_lengths() {
    let hello = Sent::Message {
        is_text: true,
        fragments: vec![b"Hello".to_vec()],
        between: Vec::new(),
    };
    for encoding in [LengthEncoding::Bits16, LengthEncoding::Bits64] {
        let bytes = encode_with(std::slice::from_ref(&hello), 1, |_| encoding);
        assert_eq!(theirs(&bytes, &[], false).received, [text("Hello")]);
        assert_eq!(ours(HyBi8, &bytes, &[], false).received, [text("Hello")]);
        let ours = ours(Rfc6455, &bytes, &[], false);
        assert_eq!((ours.received, ours.end), (vec![], End::Failed(1002)));
    }
    let top_bit = header(BINARY, Some([0; 4]), LengthEncoding::Bits64, 1 << 63);
    assert_eq!(theirs(&top_bit, &[], false).end, End::Failed(1009));
    assert_eq!(ours(Rfc6455, &top_bit, &[], false).end, End::Failed(1002));
}

// One connection of each implementation.

fn their_message(message: &Sent) -> Option<Message> {
    match message {
        Sent::Message {
            is_text, fragments, ..
        } => {
            let payload = fragments.concat();
            Some(match is_text {
                true => Message::Text(String::from_utf8(payload).unwrap().into()),
                false => Message::Binary(payload.into()),
            })
        }
        Sent::Control(PING, payload) => Some(Message::Ping(payload.clone().into())),
        _ => None,
    }
}

/// Sends a message with this crate, binary messages in fragments; returns the event to expect.
fn send(conn: &mut Connection, message: &Sent) -> Option<Observed> {
    match message {
        Sent::Message {
            is_text, fragments, ..
        } => {
            let payload = fragments.concat();
            if *is_text {
                let payload = String::from_utf8(payload).unwrap();
                conn.send_text(&payload).unwrap();
                return Some(text(&payload));
            }
            for (i, fragment) in fragments.iter().enumerate() {
                conn.send_binary_fragment(fragment, i + 1 == fragments.len())
                    .unwrap();
            }
            Some(binary(payload))
        }
        Sent::Control(PING, payload) => {
            conn.send_ping(payload).unwrap();
            Some(ping(payload))
        }
        _ => None,
    }
}

fn their_role(role: Role) -> TheirRole {
    match role {
        Role::Client => TheirRole::Client,
        Role::Server => TheirRole::Server,
    }
}

/// Returns what tungstenite in that role receives from `bytes`.
fn received_by_tungstenite(role: Role, bytes: &[u8]) -> Vec<Observed> {
    let config = tungstenite_config().max_frame_size(None);
    let wire = Wire::new(bytes, &[]);
    let mut socket = WebSocket::from_raw_socket(wire, their_role(role), Some(config));
    let mut received = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Close(_)) => {}
            Ok(message) => received.push(to_observed(message)),
            Err(Error::ConnectionClosed) => break received,
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => break received,
            Err(other) => panic!("{other:?} for {}", escaped(bytes)),
        }
    }
}

proptest! {
    #![proptest_config(cases(512))]

    // RFC-5.1-1, RFC-5.1-3, RFC-6.1-2, RFC-6.1-3, RFC-6.1-4, RFC-6.1-5
    #[test]
    fn tungstenite_receives_what_we_send(
        role in prop_oneof![Just(Role::Client), Just(Role::Server)],
        messages in prop::collection::vec(valid_frames(), 0..6),
        seed: [u8; 32],
    ) {
        let mut conn = established(&Config::new(), role, Rfc6455);
        let mut expected = Vec::new();
        for message in &messages {
            expected.extend(send(&mut conn, message));
        }
        conn.close(&Close::new(1000, "bye")).unwrap();
        let received = received_by_tungstenite(testkit::other(role), conn.transmit());
        prop_assert_eq!(received, expected);
    }

    // RFC-6.2-1, RFC-6.2-2, RFC-6.2-3, RFC-6.2-4
    #[test]
    fn we_receive_what_tungstenite_sends(
        role in prop_oneof![Just(Role::Client), Just(Role::Server)],
        messages in prop::collection::vec(valid_frames(), 0..6),
        splits in splits(),
    ) {
        let wire = Wire::new(&[], &[]);
        let mut socket = WebSocket::from_raw_socket(wire, their_role(role), Some(tungstenite_config()));
        let mut expected = Vec::new();
        for message in messages.iter().filter_map(their_message) {
            expected.push(to_observed(message.clone()));
            socket.send(message).unwrap();
        }
        socket.close(None).unwrap();
        let bytes = &socket.get_ref().written;
        let peer = testkit::other(role);
        let conn = established(&Config::new(), peer, Rfc6455);
        let transcript = run_checked(conn, bytes, &split_points(&splits, bytes.len()), true);
        expected.push(testkit::clean_close_without_code());
        prop_assert_eq!(transcript.events, expected);
    }
}

// Handshakes.

/// An in-memory stream, with input and output that stay accessible while tungstenite owns it.
#[derive(Clone, Default)]
struct SharedStream(Rc<RefCell<(Vec<u8>, Vec<u8>)>>);

impl Read for SharedStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let input = &mut self.0.borrow_mut().0;
        if input.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let n = buf.len().min(input.len());
        buf[..n].copy_from_slice(&input[..n]);
        input.drain(..n);
        Ok(n)
    }
}

impl Write for SharedStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().1.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn resource() -> impl Strategy<Value = String> {
    "/[a-zA-Z0-9._~-]{0,10}(\\?[a-z=&]{1,10})?"
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // RFC-4.1-2, RFC-4.1-3, RFC-4.1-4, RFC-4.1-5, RFC-4.1-6, RFC-4.1-7, RFC-4.1-8, RFC-4.1-14
    #[test]
    fn our_client_connects_to_a_tungstenite_server(
        resource in resource(),
        origin in any::<bool>(),
        seed: [u8; 32],
    ) {
        let mut client_request = ClientRequest::new(&format!("ws://example.com{resource}")).unwrap();
        if origin {
            client_request = client_request.with_origin("http://example.com").unwrap();
        }
        let mut conn = Connection::client(Config::new(), &client_request, Entropy::from_bytes(seed));
        let wire = Wire::new(conn.transmit(), &[]);
        let n = conn.transmit().len();
        conn.advance(n);
        let socket = match tungstenite::accept(wire) {
            Ok(socket) => socket,
            Err(HandshakeError::Failure(error)) => panic!("{error}"),
            Err(HandshakeError::Interrupted(_)) => panic!("tungstenite expects more of the request"),
        };
        let mut response = socket.get_ref().written.clone();
        prop_assert!(matches!(conn.receive(&mut input(&mut response)), Some(Event::Open(_))));
    }

    // RFC-4.2.2-5
    #[test]
    fn a_tungstenite_client_connects_to_our_server(resource in resource()) {
        let stream = SharedStream::default();
        let url = format!("ws://example.com{resource}");
        let Err(HandshakeError::Interrupted(handshake)) = tungstenite::client(&url, stream.clone())
        else {
            panic!("tungstenite did not wait for the response");
        };
        let request = std::mem::take(&mut stream.0.borrow_mut().1);
        let answer = |conn: &mut Connection, request: &Request| {
            assert_eq!(request.resource(), resource);
            conn.accept(&AcceptOptions::new()).unwrap();
        };
        let conn = Connection::server(Config::new());
        let mut server = Driver::with_request_handler(conn, answer);
        server.feed(&request);
        let opened = server.events().pop();
        prop_assert_eq!(opened, Some(Observed::Open(Rfc6455)));
        stream.0.borrow_mut().0.extend(server.sent());
        let Ok((mut socket, response)) = handshake.handshake() else {
            panic!("tungstenite rejected the response");
        };
        prop_assert_eq!(response.status().as_u16(), 101);

        socket.send(Message::Text("Hello".into())).unwrap();
        let sent = std::mem::take(&mut stream.0.borrow_mut().1);
        server.feed(&sent);
        prop_assert_eq!(server.events(), [text("Hello")]);
    }
}
