//! RFC 6455 as tungstenite has it and as we have it, on the same generated conversations.
//!
//! Where the two differ by design, and what is made of it here:
//!
//! - tungstenite looks at a frame once all of it has come; we at each byte. So of input that breaks
//!   off, it may only see the end where we saw the error, and it may find another of two errors in
//!   one frame first.
//! - It sends nothing about an error. What we send is held against the kind of error it returns.
//! - To a close code that can't be sent it answers 1002 as if that had been the peer's; to us it is an
//!   error, which is answered the same. 1014 is IANA's since, and such a code to it only.
//! - It repeats the reason of a close frame; we the code alone.
//! - It reads lengths that are not the shortest, which RFC 6455 forbids and HyBi-8 does not: such
//!   frames are held against our HyBi-8. Of a length with its top bit set it says that it is too long.
//!   A control frame of such a length we refuse in any dialect, so random bytes that may hold one are
//!   passed over.
//! - Its limits are 16 MiB a frame and 64 MiB a message, and no number of frames; here both have the
//!   same of frames, and ours of fragments is out of reach.

mod common;

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;

use common::rfc::{
    BINARY, BINARY_PART, CLOSE, Form, LAST, MORE, PING, PONG, TEXT, TEXT_PART, binary, body,
    contents, header, masked, may_be_sent, ping, pong, text, transcript,
};
use common::*;
use hybi::{
    AcceptOptions, ClientRequest, Close, Closed, Config, Connection, Dialect, Event, Request, Role,
};
use proptest::prelude::*;
use proptest::sample::Index;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role as TheirRole, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use Dialect::{HyBi8, Rfc6455};

/// The largest frame.
const LIMIT: usize = 300;

/// How a conversation went.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    heard: Vec<Observed>,
    pongs: Vec<Vec<u8>>,
    end: End,
}

#[derive(Clone, Debug, PartialEq)]
enum End {
    /// What the peer's close frame events, and the code of ours in answer.
    Clean {
        code: Option<u16>,
        reason: String,
        answer: Option<u16>,
    },
    /// The peer broke the protocol: the close code for that.
    Failed(u16),
    /// The end of file came first.
    Lost,
}

fn code(payload: &[u8]) -> Option<u16> {
    let code = payload.first_chunk::<2>()?;
    Some(u16::from_be_bytes(*code))
}

/// Pongs and the code of the close frame among what a server sent.
fn sent(bytes: &[u8]) -> (Vec<Vec<u8>>, Option<Option<u16>>) {
    let (mut pongs, mut close) = (Vec::new(), None);
    for (first, payload) in contents(bytes) {
        match first {
            PONG => pongs.push(payload),
            CLOSE if close.is_none() => close = Some(code(&payload)),
            other => panic!("a frame that begins with {other:#x}"),
        }
    }
    (pongs, close)
}

/// Our server's end.
fn ours(dialect: Dialect, bytes: &[u8], cuts: &[usize], closes: bool) -> Outcome {
    let config = Config::new().max_frame_len(LIMIT as u64);
    let mut conn = Connection::established(&config, Role::Server, dialect, [0; 32]);
    if closes {
        conn.close(&Close::new(1001, "")).unwrap();
    }
    let mut transcript = transcript(conn, bytes, cuts, true);
    let why = transcript.events.pop();
    let (pongs, close) = sent(&transcript.sent);
    let is_whole = |events: &Observed| {
        !matches!(
            events,
            Observed::Unfinished(_) | Observed::UnfinishedBinary(_)
        )
    };
    transcript.events.retain(is_whole);
    let end = match why {
        Some(Observed::Closed(Closed::Clean(why))) => End::Clean {
            code: why.code().filter(|code| *code != 1005),
            reason: why.reason().to_owned(),
            answer: close.unwrap(),
        },
        Some(Observed::Closed(Closed::Protocol(error))) if closes => {
            End::Failed(error.close_code())
        }
        Some(Observed::Closed(Closed::Protocol(_))) => End::Failed(close.flatten().unwrap()),
        Some(Observed::Closed(Closed::Eof(_))) => End::Lost,
        other => panic!("{other:?}"),
    };
    Outcome {
        heard: transcript.events,
        pongs,
        end,
    }
}

/// A socket in memory: what is read from it, piece by piece, and what was written.
struct Wire {
    pieces: Vec<Vec<u8>>,
    written: Vec<u8>,
}

impl Wire {
    fn new(bytes: &[u8], cuts: &[usize]) -> Self {
        let (mut pieces, mut from) = (Vec::new(), 0);
        for to in cuts.iter().copied().chain([bytes.len()]) {
            pieces.push(bytes[from..to].to_vec());
            from = to;
        }
        pieces.retain(|piece| !piece.is_empty());
        pieces.reverse();
        let written = Vec::new();
        Self { pieces, written }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let Some(mut piece) = self.pieces.pop() else {
            return Ok(0);
        };
        let n = piece.len().min(buf.len());
        buf[..n].copy_from_slice(&piece[..n]);
        piece.drain(..n);
        if !piece.is_empty() {
            self.pieces.push(piece);
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

/// Its settings, with the limit of ours.
fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(512)
        .max_frame_size(Some(LIMIT))
        .max_message_size(None)
}

fn events(message: Message) -> Observed {
    match message {
        Message::Text(string) => text(&string),
        Message::Binary(bytes) => binary(bytes),
        Message::Ping(bytes) => ping(bytes),
        Message::Pong(bytes) => pong(bytes),
        other => panic!("{other:?}"),
    }
}

/// tungstenite's server's end.
fn theirs(bytes: &[u8], cuts: &[usize], closes: bool) -> Outcome {
    let wire = Wire::new(bytes, cuts);
    let mut socket = WebSocket::from_raw_socket(wire, TheirRole::Server, Some(config()));
    if closes {
        let reason = "".into();
        let code = CloseCode::Away;
        socket.close(Some(CloseFrame { code, reason })).unwrap();
    }
    let (mut heard, mut close) = (Vec::new(), None);
    let end = loop {
        match socket.read() {
            Ok(Message::Close(frame)) => close = Some(frame),
            Ok(message) => heard.push(events(message)),
            Err(Error::ConnectionClosed) => break None,
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                break Some(End::Lost);
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
        Some(frame) if !may_be_sent(frame.code.into()) => End::Failed(1002),
        Some(frame) => End::Clean {
            code: Some(frame.code.into()),
            reason: frame.reason.to_string(),
            answer: answer.unwrap(),
        },
    });
    Outcome { heard, pongs, end }
}

// Conversations.

/// What a client sends: one thing, right or wrong.
#[derive(Clone, Debug)]
enum Sent {
    /// A message in one frame or several, with control frames between them.
    Message {
        is_text: bool,
        parts: Vec<Vec<u8>>,
        between: Vec<(u8, Vec<u8>)>,
    },
    Control(u8, Vec<u8>),
    Close(Vec<u8>),
    /// One of the ways to be wrong, and a number to make it so.
    Fault(Fault, u8),
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    ReservedBits,
    Opcode,
    Unmasked,
    FragmentedControl,
    LongControl,
    Continuation,
    MessageWithin,
    NotUtf8,
    NotUtf8InParts,
    CutShort,
    TooLong,
    HalfACode,
    BadCode,
    BadReason,
}

const FAULTS: [Fault; 14] = [
    Fault::ReservedBits,
    Fault::Opcode,
    Fault::Unmasked,
    Fault::FragmentedControl,
    Fault::LongControl,
    Fault::Continuation,
    Fault::MessageWithin,
    Fault::NotUtf8,
    Fault::NotUtf8InParts,
    Fault::CutShort,
    Fault::TooLong,
    Fault::HalfACode,
    Fault::BadCode,
    Fault::BadReason,
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

/// Text cut anywhere, also within characters.
fn cut_text() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let string = prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter);
    (string, prop::collection::vec(any::<Index>(), 0..5)).prop_map(|(string, cuts)| {
        let bytes = string.into_bytes();
        let (mut parts, mut from) = (Vec::new(), 0);
        for to in cut_at(&cuts, bytes.len()) {
            parts.push(bytes[from..to].to_vec());
            from = to;
        }
        parts.push(bytes[from..].to_vec());
        parts
    })
}

fn cut_at(indices: &[Index], length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = indices.iter().map(|i| i.index(length + 1)).collect();
    cuts.sort_unstable();
    cuts
}

fn message() -> impl Strategy<Value = Sent> {
    let parts = prop_oneof![
        2 => cut_text().prop_map(|parts| (true, parts)),
        1 => prop::collection::vec(payload(), 1..4).prop_map(|parts| (false, parts)),
    ];
    let between = prop::collection::vec(control(), 0..3);
    (parts, between).prop_map(|((is_text, parts), between)| Sent::Message {
        is_text,
        parts,
        between,
    })
}

fn close() -> impl Strategy<Value = Sent> {
    // 1014: see above.
    let codes =
        (1000..5000_u16).prop_filter("it may be sent", |code| may_be_sent(*code) && *code != 1014);
    let reason = prop::collection::vec(any::<char>(), 0..30).prop_map(String::from_iter);
    prop_oneof![
        1 => Just(Sent::Close(Vec::new())),
        3 => (codes, reason).prop_map(|(code, reason)| Sent::Close(body(code, reason))),
    ]
}

fn good() -> impl Strategy<Value = Sent> {
    prop_oneof![
        6 => message(),
        2 => control().prop_map(|(first, payload)| Sent::Control(first, payload)),
    ]
}

fn kind() -> impl Strategy<Value = Sent> {
    let kind = prop::sample::select(&FAULTS[..]);
    (kind, any::<u8>()).prop_map(|(kind, n)| Sent::Fault(kind, n))
}

/// Good ones, then perhaps a close frame or a kind, then what is not to be looked at.
fn conversation() -> impl Strategy<Value = Vec<Sent>> {
    let good_ones = || prop::collection::vec(good(), 0..5);
    let turn = prop_oneof![
        2 => close().prop_map(Some),
        4 => kind().prop_map(Some),
        1 => Just(None),
    ];
    (good_ones(), turn, good_ones()).prop_map(|(mut all, turn, after)| {
        all.extend(turn);
        all.extend(after);
        all
    })
}

/// Writes frames, each under another key.
struct Writer<F> {
    bytes: Vec<u8>,
    key: u32,
    form: F,
}

impl<F: FnMut(u64) -> Form> Writer<F> {
    fn key(&mut self) -> [u8; 4] {
        self.key = self.key.wrapping_mul(0x9e37_79b1).wrapping_add(0x7f4a_7c15);
        self.key.to_be_bytes()
    }

    fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let payload = payload.as_ref();
        let (key, length) = (self.key(), payload.len() as u64);
        // Of control frames the form is the shortest.
        let form = match first & 0x08 {
            0 => (self.form)(length),
            _ => Form::shortest(length),
        };
        self.bytes.extend(header(first, Some(key), form, length));
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
                parts,
                between,
            } => {
                let opcode = if *is_text { 1 } else { 2 };
                for (i, part) in parts.iter().enumerate() {
                    let first = if i == 0 { opcode } else { 0 };
                    let last = if i + 1 == parts.len() { 0x80 } else { 0 };
                    self.frame(first | last, part);
                    if let (0, Some((first, payload))) = (last, between.get(i)) {
                        self.frame(*first, payload);
                    }
                }
            }
            Sent::Fault(kind, n) => self.kind(*kind, *n),
        }
    }

    /// One thing is wrong with it, and one only.
    fn kind(&mut self, kind: Fault, n: u8) {
        let pick = |from: &[u8]| from[usize::from(n) % from.len()];
        match kind {
            Fault::ReservedBits => {
                let bits = 0x10 * (1 + n % 7);
                self.frame(bits | pick(&[TEXT, BINARY, PING, PONG, TEXT_PART]), "a");
            }
            Fault::Opcode => {
                let opcode = pick(&[3, 4, 5, 6, 7, 11, 12, 13, 14, 15]);
                self.frame(0x80 | opcode, "");
            }
            Fault::Unmasked => {
                let first = pick(&[TEXT, BINARY, PING, PONG, TEXT_PART, CLOSE]);
                self.bytes.extend([first, 0]);
            }
            Fault::FragmentedControl => self.frame(pick(&[8, 9, 10]), ""),
            Fault::LongControl => {
                let payload = [body(1000, ""), vec![b'a'; 124 + usize::from(n % 100)]].concat();
                self.frame(pick(&[CLOSE, PING, PONG]), payload);
            }
            Fault::Continuation => self.frame(pick(&[MORE, LAST]), "a"),
            Fault::MessageWithin => {
                self.frame(pick(&[TEXT_PART, BINARY_PART]), "a");
                self.frame(pick(&[TEXT, BINARY, TEXT_PART, BINARY_PART]), "b");
            }
            Fault::NotUtf8 => {
                let bad = [pick(&[0x80, 0xbf, 0xc0, 0xc1, 0xf5, 0xff])];
                self.frame(pick(&[TEXT, TEXT_PART]), [&b"ab"[..], &bad, b"c"].concat());
            }
            Fault::NotUtf8InParts => {
                let (front, back): (&[u8], &[u8]) = match n % 5 {
                    0 => (b"\xc3", b"("),
                    1 => (b"\xe0", b"\x9f"),
                    2 => (b"\xed", b"\xa0"),
                    3 => (b"\xf0\x9f", b"\x98("),
                    _ => (b"\xf4", b"\x90"),
                };
                self.frame(TEXT_PART, front);
                self.frame(MORE, "");
                self.frame(pick(&[MORE, LAST]), back);
            }
            Fault::CutShort => {
                let cut = [&b"\xc3"[..], b"\xe2\x98", b"\xf0\x9f\x98"][usize::from(n) % 3];
                if n < 128 {
                    self.frame(TEXT, cut);
                } else {
                    self.frame(TEXT_PART, cut);
                    self.frame(LAST, "");
                }
            }
            Fault::TooLong => {
                let payload = vec![b'a'; LIMIT + 1 + usize::from(n)];
                self.frame(pick(&[TEXT, BINARY, TEXT_PART]), payload);
            }
            Fault::HalfACode => self.frame(CLOSE, [n]),
            Fault::BadCode => {
                let bad = [
                    0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535,
                ];
                self.frame(CLOSE, body(bad[usize::from(n) % bad.len()], "why"));
            }
            Fault::BadReason => {
                self.frame(CLOSE, body(1000, [b'a', pick(&[0x80, 0xc0, 0xff]), b'b']))
            }
        }
    }
}

/// The bytes of a conversation, lengths in the shortest form.
fn write(conversation: &[Sent], seed: u32) -> Vec<u8> {
    write_in(conversation, seed, Form::shortest)
}

fn write_in(conversation: &[Sent], seed: u32, form: impl FnMut(u64) -> Form) -> Vec<u8> {
    let mut writer = Writer {
        bytes: Vec::new(),
        key: seed,
        form,
    };
    for sent in conversation {
        writer.write(sent);
    }
    writer.bytes
}

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2048,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // HY-5, HY-6, HY-7, HY-8, RFC-10.7-1: the same messages, the same pongs, the same end.
    #[test]
    fn the_same_of_whole_frames(
        conversation in conversation(),
        seed: u32,
        cuts in cuts(),
    ) {
        let bytes = write(&conversation, seed);
        let cuts = cut_at(&cuts, bytes.len());
        prop_assert_eq!(ours(Rfc6455, &bytes, &cuts, false), theirs(&bytes, &cuts, false));
    }

    // And when this end has sent its close frame before: no pongs then from tungstenite, where
    // RFC-5.5.2-1 asks for them.
    #[test]
    fn the_same_of_whole_frames_behind_our_own_close_frame(
        conversation in conversation(),
        seed: u32,
        cuts in cuts(),
    ) {
        let bytes = write(&conversation, seed);
        let cuts = cut_at(&cuts, bytes.len());
        let (ours, theirs) = (ours(Rfc6455, &bytes, &cuts, true), theirs(&bytes, &cuts, true));
        prop_assert_eq!((ours.heard, ours.end), (theirs.heard, theirs.end));
    }

    // HY-6: in any form of the length, to HyBi-8, which has no rule against it.
    #[test]
    fn the_same_of_whole_frames_in_any_form_to_hybi_8(
        conversation in conversation(),
        seed: u32,
        forms in prop::collection::vec(0..3_u8, 1..8),
        cuts in cuts(),
    ) {
        let mut forms = forms.into_iter().cycle();
        let bytes = write_in(&conversation, seed, |length| match forms.next() {
            Some(1) if length <= 0xFFFF => Form::Sixteen,
            Some(2) => Form::SixtyFour,
            _ => Form::shortest(length),
        });
        let cuts = cut_at(&cuts, bytes.len());
        prop_assert_eq!(ours(HyBi8, &bytes, &cuts, false), theirs(&bytes, &cuts, false));
    }

    // The same messages of frames that break off, and an end that either saw.
    #[test]
    fn the_same_messages_of_frames_that_break_off(
        conversation in conversation(),
        seed: u32,
        end: Index,
        cuts in cuts(),
    ) {
        let bytes = write(&conversation, seed);
        let bytes = &bytes[..end.index(bytes.len() + 1)];
        alike(Rfc6455, bytes, &cut_at(&cuts, bytes.len()))?;
    }

    #[test]
    fn the_same_messages_of_any_bytes(
        conversation in conversation(),
        seed: u32,
        more in prop::collection::vec(any::<u8>(), 0..40),
        cuts in cuts(),
    ) {
        let bytes = [write(&conversation, seed), more].concat();
        alike(HyBi8, &bytes, &cut_at(&cuts, bytes.len()))?;
    }

    #[test]
    fn the_same_messages_of_frames_with_a_byte_changed(
        conversation in conversation(),
        seed: u32,
        place: Index,
        byte: u8,
        cuts in cuts(),
    ) {
        let mut bytes = write(&conversation, seed);
        if !bytes.is_empty() {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        alike(HyBi8, &bytes, &cut_at(&cuts, bytes.len()))?;
    }
}

/// Of any bytes whatever: the same messages; the same end, or both failed, or we saw an error where
/// tungstenite still waited for the rest of the frame.
fn alike(dialect: Dialect, bytes: &[u8], cuts: &[usize]) -> Result<(), TestCaseError> {
    prop_assume!(!may_hold_a_long_control_frame(bytes));
    let (ours, theirs) = (
        ours(dialect, bytes, cuts, false),
        theirs(bytes, cuts, false),
    );
    prop_assert_eq!(&ours.heard, &theirs.heard, "{}", escaped(bytes));
    prop_assert_eq!(&ours.pongs, &theirs.pongs, "{}", escaped(bytes));
    let both = (ours.end, theirs.end);
    let same = match &both {
        (End::Failed(_), End::Failed(_) | End::Lost) => true,
        // IANA's, and to tungstenite a code that can't be sent.
        (
            End::Clean {
                code: Some(1014), ..
            },
            End::Failed(1002),
        ) => true,
        (ours, theirs) => ours == theirs,
    };
    prop_assert!(same, "{both:?} of {}", escaped(bytes));
    Ok(())
}

/// A control frame with a length of two or eight bytes: we refuse it as it stands, tungstenite only
/// when more than 125 bytes are meant.
fn may_hold_a_long_control_frame(bytes: &[u8]) -> bool {
    let is_one = |pair: &[u8]| matches!(pair, [0x88..=0x8A, 0x7E | 0x7F | 0xFE | 0xFF]);
    bytes.windows(2).any(is_one)
}

/// Each kind by itself, so that none goes untried.
#[test]
fn the_same_of_each_fault() {
    for kind in FAULTS {
        for n in 0..=255 {
            let hello = Sent::Control(PING, b"Hello".to_vec());
            let bytes = write(&[hello.clone(), Sent::Fault(kind, n), hello], 1);
            let ours = ours(Rfc6455, &bytes, &[], false);
            assert_eq!(ours, theirs(&bytes, &[], false), "{kind:?} {n}");
            assert!(matches!(ours.end, End::Failed(_)), "{kind:?} {n}");
            assert_eq!(ours.heard, [ping("Hello")]);
        }
    }
}

/// Every close code, and where the two differ.
#[test]
fn the_same_of_every_close_code() {
    for code in 0..=u16::MAX {
        let bytes = write(&[Sent::Close(body(code, ""))], 1);
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

/// Where the two differ, as events above.
#[test]
fn lengths_where_tungstenite_differs() {
    let hello = Sent::Message {
        is_text: true,
        parts: vec![b"Hello".to_vec()],
        between: Vec::new(),
    };
    for form in [Form::Sixteen, Form::SixtyFour] {
        let bytes = write_in(std::slice::from_ref(&hello), 1, |_| form);
        assert_eq!(theirs(&bytes, &[], false).heard, [text("Hello")]);
        assert_eq!(ours(HyBi8, &bytes, &[], false).heard, [text("Hello")]);
        let ours = ours(Rfc6455, &bytes, &[], false);
        assert_eq!((ours.heard, ours.end), (vec![], End::Failed(1002)));
    }
    let top_bit = header(BINARY, Some([0; 4]), Form::SixtyFour, 1 << 63);
    assert_eq!(theirs(&top_bit, &[], false).end, End::Failed(1009));
    assert_eq!(ours(Rfc6455, &top_bit, &[], false).end, End::Failed(1002));
}

// One end of each.

fn their_message(message: &Sent) -> Option<Message> {
    match message {
        Sent::Message { is_text, parts, .. } => {
            let whole = parts.concat();
            Some(match is_text {
                true => Message::Text(String::from_utf8(whole).unwrap().into()),
                false => Message::Binary(whole.into()),
            })
        }
        Sent::Control(PING, payload) => Some(Message::Ping(payload.clone().into())),
        _ => None,
    }
}

/// Sends it as this end does, parts in frames of their own where they can stand alone.
fn send(conn: &mut Connection, message: &Sent) -> Option<Observed> {
    match message {
        Sent::Message { is_text, parts, .. } => {
            let whole = parts.concat();
            if *is_text {
                let whole = String::from_utf8(whole).unwrap();
                conn.send_text(&whole).unwrap();
                return Some(text(&whole));
            }
            for (i, part) in parts.iter().enumerate() {
                conn.send_binary_fragment(part, i + 1 == parts.len())
                    .unwrap();
            }
            Some(binary(whole))
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

/// What tungstenite, as that end, hears of `bytes`.
fn heard_by_theirs(role: Role, bytes: &[u8]) -> Vec<Observed> {
    let config = config().max_frame_size(None);
    let wire = Wire::new(bytes, &[]);
    let mut socket = WebSocket::from_raw_socket(wire, their_role(role), Some(config));
    let mut heard = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Close(_)) => {}
            Ok(message) => heard.push(events(message)),
            Err(Error::ConnectionClosed) => break heard,
            Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => break heard,
            Err(other) => panic!("{other:?} of {}", escaped(bytes)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // RFC-5.1-1, RFC-5.1-3, RFC-6.1-2, RFC-6.1-3, RFC-6.1-4, RFC-6.1-5
    #[test]
    fn what_we_send_they_hear(
        role in prop_oneof![Just(Role::Client), Just(Role::Server)],
        messages in prop::collection::vec(good(), 0..6),
        seed: [u8; 32],
    ) {
        let mut conn = Connection::established(&Config::new(), role, Rfc6455, seed);
        let mut expected = Vec::new();
        for message in &messages {
            expected.extend(send(&mut conn, message));
        }
        conn.close(&Close::new(1000, "bye")).unwrap();
        let heard = heard_by_theirs(common::rfc::other(role), conn.transmit());
        prop_assert_eq!(heard, expected);
    }

    // RFC-6.2-1, RFC-6.2-2, RFC-6.2-3, RFC-6.2-4
    #[test]
    fn what_they_send_we_hear(
        role in prop_oneof![Just(Role::Client), Just(Role::Server)],
        messages in prop::collection::vec(good(), 0..6),
        cuts in cuts(),
    ) {
        let wire = Wire::new(&[], &[]);
        let mut socket = WebSocket::from_raw_socket(wire, their_role(role), Some(config()));
        let mut expected = Vec::new();
        for message in messages.iter().filter_map(their_message) {
            expected.push(events(message.clone()));
            socket.send(message).unwrap();
        }
        socket.close(None).unwrap();
        let bytes = &socket.get_ref().written;
        let peer = common::rfc::other(role);
        let conn = Connection::established(&Config::new(), peer, Rfc6455, [0; 32]);
        let transcript = transcript(conn, bytes, &cut_at(&cuts, bytes.len()), true);
        expected.push(common::rfc::clean(1005, ""));
        prop_assert_eq!(transcript.events, expected);
    }
}

// Openings.

/// A socket in memory that can be looked at and filled while tungstenite has it.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<(Vec<u8>, Vec<u8>)>>);

impl Read for Shared {
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

impl Write for Shared {
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
    fn their_server_opens_to_our_client(
        resource in resource(),
        origin in any::<bool>(),
        seed: [u8; 32],
    ) {
        let mut target = ClientRequest::new(&format!("ws://example.com{resource}")).unwrap();
        if origin {
            target = target.with_origin("http://example.com").unwrap();
        }
        let mut conn = Connection::client(&Config::new(), &target, seed);
        let wire = Wire::new(conn.transmit(), &[]);
        let n = conn.transmit().len();
        conn.advance(n);
        let socket = match tungstenite::accept(wire) {
            Ok(socket) => socket,
            Err(HandshakeError::Failure(error)) => panic!("{error}"),
            Err(HandshakeError::Interrupted(_)) => panic!("it waits for more"),
        };
        let mut reply = socket.get_ref().written.clone();
        let opened = conn.receive(&mut &mut reply[..]);
        prop_assert!(matches!(opened, Some(Event::Open(_))));
    }

    // RFC-4.2.2-5
    #[test]
    fn our_server_opens_to_their_client(resource in resource()) {
        let shared = Shared::default();
        let url = format!("ws://example.com{resource}");
        let Err(HandshakeError::Interrupted(waiting)) = tungstenite::client(&url, shared.clone())
        else {
            panic!("it did not wait for the reply");
        };
        let request = std::mem::take(&mut shared.0.borrow_mut().1);
        let answer = |conn: &mut Connection, request: &Request| {
            assert_eq!(request.resource(), resource);
            conn.accept(&AcceptOptions::new()).unwrap();
        };
        let conn = Connection::server(&Config::new());
        let mut server = Driver::answering(conn, answer);
        server.feed(&request);
        let opened = server.events().pop();
        prop_assert_eq!(opened, Some(Observed::Open(Rfc6455)));
        shared.0.borrow_mut().0.extend(server.sent());
        let Ok((mut socket, reply)) = waiting.handshake() else {
            panic!("it did not open");
        };
        prop_assert_eq!(reply.status().as_u16(), 101);

        socket.send(Message::Text("Hello".into())).unwrap();
        let sent = std::mem::take(&mut shared.0.borrow_mut().1);
        server.feed(&sent);
        prop_assert_eq!(server.events(), [text("Hello")]);
    }
}
