//! Exhaustive tests: every short string of significant bytes, at every split; every short key; every
//! combination of the headers that select the dialect. The expected results come from simple
//! reference implementations here and in testkit. Release builds test longer strings.

use std::collections::BTreeSet;

use hybi::{Closed, Config, Connection, Dialect, Dialects, Event, HeaderErrorKind};
use testkit::*;

use Dialect::{Hixie75, Hixie76, HyBi7, HyBi8, Rfc6455};

/// Maximum number of symbols in a string and of bytes in a key.
const LENGTH: usize = if cfg!(debug_assertions) { 5 } else { 6 };
const KEY_LENGTH: usize = if cfg!(debug_assertions) { 7 } else { 12 };

// Frames.

/// Events and output for one string at one split, in a form that is cheap to compare and to reuse.
#[derive(Default, PartialEq, Debug)]
struct Log {
    /// Each event's kind, a number in it, and the end of its payload.
    events: Vec<(char, u64, usize)>,
    payload: Vec<u8>,
    /// Chunks of an incomplete message.
    partial: Vec<u8>,
    closed: Option<Closed>,
    sent: Vec<u8>,
    /// The number of bytes not consumed; 0 after an error, where any number is allowed.
    unread: usize,
}

impl Log {
    fn clear(&mut self) {
        self.events.clear();
        self.payload.clear();
        self.partial.clear();
        self.closed = None;
        self.sent.clear();
        self.unread = 0;
    }

    fn receive(&mut self, conn: &mut Connection, bytes: &mut [u8]) {
        let mut input = input(bytes);
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Text(chunk) => self.chunk('t', chunk.as_str().as_bytes(), chunk.is_final()),
                Event::Binary(chunk) => self.chunk('b', chunk.as_bytes(), chunk.is_final()),
                Event::Ping(payload) => self.complete('p', 0, payload.as_bytes()),
                Event::Pong(payload) => self.complete('q', 0, payload.as_bytes()),
                Event::Skipped(frame) => {
                    self.complete(
                        'd',
                        u64::from(frame.frame_type()) << 32 | frame.payload_len(),
                        b"",
                    );
                }
                Event::Closing(_) => {}
                Event::Closed(closed) => {
                    assert_eq!(self.closed.replace(closed), None);
                }
                other => panic!("{other:?} on an open connection"),
            }
        }
        assert!(input.remaining().is_empty() || self.closed.is_some());
        let failed = matches!(self.closed, Some(Closed::Protocol(_)));
        self.unread += if failed { 0 } else { input.remaining().len() };
    }

    fn chunk(&mut self, kind: char, bytes: &[u8], is_final: bool) {
        self.partial.extend_from_slice(bytes);
        if is_final {
            let message = std::mem::take(&mut self.partial);
            self.complete(kind, 0, &message);
            self.partial = message;
            self.partial.clear();
        }
    }

    fn complete(&mut self, kind: char, number: u64, bytes: &[u8]) {
        self.payload.extend_from_slice(bytes);
        self.events.push((kind, number, self.payload.len()));
    }
}

/// Frames as their first byte and payload.
type Frames = Vec<(u8, Vec<u8>)>;

/// Events and sent frames.
type EventsAndFrames = (Vec<Observed>, Frames);

/// How to compute the expected result of a string.
struct Expected<'a> {
    /// Events, including EOF, and sent frames for an input.
    reference: &'a dyn Fn(&[u8]) -> EventsAndFrames,
    /// Parses the output of a connection.
    frames: fn(&[u8]) -> Frames,
}

/// Tests every string of symbols, up to one symbol after the connection is closed.
struct Exhaustion<'a> {
    symbols: &'a [&'a [u8]],
    conn: &'a dyn Fn() -> Connection,
    expected: Expected<'a>,
    /// The current string, and the ends of its symbols.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    // Reused for each string.
    unsplit: Log,
    split: Log,
    /// Names of all events and errors seen.
    seen: BTreeSet<String>,
    strings: u64,
    splits: u64,
}

impl<'a> Exhaustion<'a> {
    fn new(
        symbols: &'a [&'a [u8]],
        conn: &'a dyn Fn() -> Connection,
        expected: Expected<'a>,
    ) -> Self {
        Self {
            symbols,
            conn,
            expected,
            bytes: Vec::new(),
            ends: Vec::new(),
            unsplit: Log::default(),
            split: Log::default(),
            seen: BTreeSet::new(),
            strings: 0,
            splits: 0,
        }
    }

    fn run(&mut self, length: usize) {
        let (events, is_closed) = self.check_string();
        if self.ends.len() == length {
            return;
        }
        for symbol in self.symbols {
            let before = self.bytes.len();
            self.bytes.extend_from_slice(symbol);
            self.ends.push(self.bytes.len());
            if is_closed {
                // FR-16, RFC-7.1.7-2: input after the end changes nothing.
                let more = run_checked((self.conn)(), &self.bytes, &[], true);
                assert_eq!(more.events, events, "{:02x?}", self.bytes);
            } else {
                self.run(length);
            }
            self.ends.pop();
            self.bytes.truncate(before);
        }
    }

    /// Checks the current string at every split; returns its events and whether it closed the
    /// connection before EOF.
    fn check_string(&mut self) -> (Vec<Observed>, bool) {
        let bytes = &self.bytes;
        let transcript = run_checked((self.conn)(), bytes, &[], true);
        let (events, sent) = (self.expected.reference)(bytes);
        assert_eq!(transcript.events, events, "{bytes:02x?}");
        assert_eq!(
            (self.expected.frames)(&transcript.sent),
            sent,
            "{bytes:02x?}"
        );
        self.strings += 1;
        self.seen.extend(events.iter().map(name));

        let mut conn = (self.conn)();
        let mut input = [0; 64];
        receive_split(
            &mut self.unsplit,
            &mut conn,
            &mut input,
            bytes,
            [].into_iter(),
        );
        let inner = self.ends.split_last().map_or(&[][..], |(_, inner)| inner);
        for chosen in 1..1_u32 << inner.len() {
            let splits = inner.iter().enumerate();
            let splits = splits.filter_map(|(i, split)| (chosen >> i & 1 == 1).then_some(*split));
            receive_split(
                &mut self.split,
                &mut (self.conn)(),
                &mut input,
                bytes,
                splits,
            );
            assert_eq!(self.split, self.unsplit, "{bytes:02x?} at split {chosen:b}");
            self.splits += 1;
        }
        if inner.len() + 1 < bytes.len() {
            // Also split symbols of several bytes.
            receive_split(
                &mut self.split,
                &mut (self.conn)(),
                &mut input,
                bytes,
                1..bytes.len(),
            );
            assert_eq!(self.split, self.unsplit, "{bytes:02x?} byte by byte");
            self.splits += 1;
        }
        let eof = matches!(
            transcript.events.last(),
            Some(Observed::Closed(Closed::Eof(_)))
        );
        (transcript.events, !eof)
    }
}

/// Returns the name of an event or error, such as `Text` or `FrameTooLong`.
fn name(event: &Observed) -> String {
    let debug = match event {
        Observed::ProtocolError(error) => format!("{error:?}"),
        Observed::Closed(closed) => format!("{closed:?}"),
        event => format!("{event:?}"),
    };
    let end = debug.find(|c: char| !c.is_alphanumeric());
    debug[..end.unwrap_or(debug.len())].to_owned()
}

fn receive_split(
    log: &mut Log,
    conn: &mut Connection,
    input: &mut [u8; 64],
    bytes: &[u8],
    splits: impl Iterator<Item = usize>,
) {
    log.clear();
    let mut from = 0;
    // A copy, since a server unmasks in place.
    input[..bytes.len()].copy_from_slice(bytes);
    for to in splits.chain([bytes.len()]) {
        log.receive(conn, &mut input[from..to]);
        from = to;
    }
    conn.receive_eof();
    log.receive(conn, &mut []);
    log.sent.extend_from_slice(conn.transmit());
}

/// FR-1 to FR-10: types of text and other frames, short and long lengths, and both bytes of a
/// character.
const HIXIE_SYMBOLS: [&[u8]; 8] = [
    b"\x00", b"\x01", b"\x7f", b"\x80", b"\x81", b"\xc3", b"\xfe", b"\xff",
];

fn hixie(dialect: Dialect) {
    for role in ROLES {
        for (strict_utf8, strict_frames, max_frame, expected_names) in [
            (
                false,
                false,
                i64::MAX as u64,
                ["Skipped", "Eof", "Text", "IncompleteText"],
            ),
            (
                true,
                false,
                2,
                ["Skipped", "FrameTooLong", "Text", "InvalidUtf8"],
            ),
            (
                false,
                true,
                1,
                ["Eof", "FrameTooLong", "Text", "UnknownFrameType"],
            ),
        ] {
            let decoder = hixie_reference::ReferenceDecoder {
                dialect,
                strict_utf8,
                strict_frames,
                max_frame,
            };
            let config = decoder.config();
            let conn = || established(&config, role, dialect);
            let reference = |bytes: &[u8]| {
                let events = decoder.decode(bytes);
                let is_closed = !matches!(events.last(), Some(Observed::Closed(Closed::Eof(_))));
                // CL-2, CL-20
                let close = dialect == Hixie76 && is_closed;
                (
                    events,
                    if close {
                        vec![(0xff, vec![0])]
                    } else {
                        Vec::new()
                    },
                )
            };
            let expected = Expected {
                reference: &reference,
                frames: |sent| {
                    sent.chunks(2)
                        .map(|frame| (frame[0], frame[1..].to_vec()))
                        .collect()
                },
            };
            let mut all = Exhaustion::new(&HIXIE_SYMBOLS, &conn, expected);
            all.run(LENGTH);
            println!(
                "{role:?}, {decoder:?}: {} strings, {} splits",
                all.strings, all.splits
            );
            assert!(expected_names.iter().all(|name| all.seen.contains(*name)));
            assert_eq!(all.seen.contains("Clean"), dialect == Hixie76);
        }
    }
}

#[test]
fn every_short_hixie_75_input_matches_the_reference_decoder_fr_1_to_fr_10() {
    hixie(Hixie75);
}

#[test]
fn every_short_hixie_76_input_matches_the_reference_decoder_fr_1_to_fr_10() {
    hixie(Hixie76);
}

/// HY-5 to HY-8: first bytes, lengths 0 to 2, a 16-bit length, a close code, and both bytes of a
/// character.
const SERVER_SYMBOLS: [&[u8]; 10] = [
    b"\x00", b"\x01", b"\x02", b"\x7e", b"\x80", b"\x81", b"\x88", b"\x89", b"\x0b", b"\xc3",
];

/// The same for a client, with masking keys after the lengths.
const CLIENT_SYMBOLS: [&[u8]; 11] = [
    b"\x00",
    b"\x01",
    b"\x80",
    b"\x81",
    b"\x88",
    b"\x89",
    b"\xc3",
    b"\x80\x00\x00\x00\x00",
    b"\x81\x0b\x00\x00\x00",
    b"\x82\x0b\x00\x00\x00",
    b"\xfe\x00\x02\x0b\x00\x00\x00",
];

/// Events and errors that occur in both roles.
const SEEN: [&str; 13] = [
    "Clean",
    "InvalidCloseCode",
    "InvalidCloseLength",
    "ControlTooLong",
    "Eof",
    "FrameTooLong",
    "ExpectedContinuation",
    "UnexpectedContinuation",
    "Ping",
    "ReservedBits",
    "Text",
    "IncompleteText",
    "InvalidUtf8",
];

fn hybi(dialect: Dialect) {
    for role in ROLES {
        let decoder = hybi_reference::ReferenceDecoder {
            max_frame: 2,
            max_fragments: 2,
            ..hybi_reference::ReferenceDecoder::new(role, dialect)
        };
        let conn = || decoder.connection();
        let expected = Expected {
            reference: &|bytes| decoder.decode(bytes),
            frames: frame_contents,
        };
        let symbols = match role {
            Role::Client => &SERVER_SYMBOLS[..],
            Role::Server => &CLIENT_SYMBOLS,
        };
        let mut all = Exhaustion::new(symbols, &conn, expected);
        all.run(LENGTH);
        println!(
            "{role:?}, {decoder:?}: {} strings, {} splits",
            all.strings, all.splits
        );
        let seen = |name| all.seen.contains(name);
        assert!(SEEN.into_iter().all(seen), "{:?}", all.seen);
        assert_eq!(seen("MaskedFrameFromServer"), role == Role::Client); // HY-5
        assert_eq!(seen("UnmaskedFrameFromClient"), role == Role::Server);
        assert_eq!(seen("InvalidLength"), dialect == Rfc6455); // HY-6
        // Three frames need six symbols.
        assert_eq!(seen("TooManyFragments"), LENGTH >= 6);
    }
}

#[test]
fn every_short_hybi_7_input_matches_the_reference_decoder_hy_5_hy_6_hy_7_hy_8() {
    hybi(HyBi7);
}

#[test]
fn every_short_hybi_8_input_matches_the_reference_decoder_hy_5_hy_6_hy_7_hy_8() {
    hybi(HyBi8);
}

#[test]
fn every_short_rfc_6455_input_matches_the_reference_decoder_hy_5_hy_6_hy_7_hy_8() {
    hybi(Rfc6455);
}

// Keys.

/// The key part of the second key in the draft's example.
const KEY_PART_2: u32 = 259_970_620;

#[test]
fn every_short_key_of_digits_spaces_and_letters_is_checked_key_1_to_key_8() {
    let (before, after) = DRAFT_76_REQUEST.split_once("4 @1  46546xW%0l 1 5").unwrap();
    let config = Config::new();
    let mut counts = [0_u32; 5];
    for length in 0..=KEY_LENGTH as u32 {
        for n in 0..3_u32.pow(length) {
            let key: Vec<u8> = (0..length)
                .map(|i| b"6 x"[(n / 3_u32.pow(i)) as usize % 3])
                .collect();
            let bytes = [before.as_bytes(), &key, after.as_bytes(), DRAFT_76_KEY3].concat();
            let transcript = run(Connection::server(config.clone()), &bytes, &[], false);
            match key_part(&key) {
                Ok(part) => {
                    counts[0] += 1;
                    let response = challenge_response([part, KEY_PART_2], *DRAFT_76_KEY3); // KEY-8
                    let sent = [DRAFT_76_RESPONSE.as_bytes(), &response].concat();
                    assert_eq!(transcript.sent, sent, "{}", escaped(&key));
                }
                Err(kind) => {
                    counts[1 + kind_index(kind)] += 1;
                    let name = "Sec-WebSocket-Key1";
                    let error = ProtocolError::InvalidKeyNumber { name, kind };
                    assert_eq!(
                        transcript.events,
                        [protocol_error(error)],
                        "{}",
                        escaped(&key)
                    );
                    assert_eq!(transcript.sent, error_response(400, VERSIONS).as_bytes());
                }
            }
        }
    }
    println!("keys accepted and rejected, by kind: {counts:?}");
    // Numbers over 2^32 - 1 need the longer keys of release builds.
    let kinds = counts.iter().filter(|count| **count > 0).count();
    assert_eq!(kinds, if KEY_LENGTH > 10 { 5 } else { 4 });
}

fn kind_index(kind: KeyErrorKind) -> usize {
    match kind {
        KeyErrorKind::NoSpaces => 0,
        KeyErrorKind::NoDigits => 1,
        KeyErrorKind::NotMultiple { .. } => 2,
        KeyErrorKind::TooBig => 3,
    }
}

// Dialects.

/// The headers that select the dialect, with the values to test.
const DECIDING_HEADERS: [(&str, &[&str]); 7] = [
    ("Upgrade", &["WebSocket"]),
    ("Connection", &["Upgrade"]),
    ("Sec-WebSocket-Version", &["7", "8", "13", "12"]),
    ("Sec-WebSocket-Key", &["dGhlIHNhbXBsZSBub25jZQ=="]),
    ("Sec-WebSocket-Draft", &["0", "1"]),
    ("Sec-WebSocket-Key1", &["4 @1  46546xW%0l 1 5"]),
    ("Sec-WebSocket-Key2", &["12998 5 Y3 1  .P00"]),
];

/// Section 2 of docs/wire.md: patterns with a column for each header, and their outcome. `+` is
/// present, `-` absent, `x` present with an unknown value, `.` any of these, `o` any but `x`.
const TABLE: [(&str, Outcome); 12] = [
    ("-......", Outcome::NotWebSocket),
    (
        "+-.....",
        Outcome::InvalidHeader("Connection", HeaderErrorKind::Missing),
    ),
    (
        "++x....",
        Outcome::InvalidHeader("Sec-WebSocket-Version", HeaderErrorKind::Invalid),
    ),
    (
        "+++-...",
        Outcome::InvalidHeader("Sec-WebSocket-Key", HeaderErrorKind::Missing),
    ),
    ("++++...", Outcome::Versioned),
    (
        "++-+...",
        Outcome::InvalidHeader("Sec-WebSocket-Version", HeaderErrorKind::Missing),
    ),
    (
        "++--x..",
        Outcome::InvalidHeader("Sec-WebSocket-Draft", HeaderErrorKind::Invalid),
    ),
    ("++--o++", Outcome::Accepted(Hixie76)),
    (
        "++--o+-",
        Outcome::InvalidHeader("Sec-WebSocket-Key2", HeaderErrorKind::Missing),
    ),
    (
        "++--o-+",
        Outcome::InvalidHeader("Sec-WebSocket-Key1", HeaderErrorKind::Missing),
    ),
    (
        "++--+--",
        Outcome::InvalidHeader("Sec-WebSocket-Key1", HeaderErrorKind::Missing),
    ),
    ("++-----", Outcome::Accepted(Hixie75)),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    NotWebSocket,
    InvalidHeader(&'static str, HeaderErrorKind),
    Accepted(Dialect),
    /// The dialect of the version number.
    Versioned,
    NotEnabled(Dialect),
}

const DIALECTS: [Dialect; 5] = [Hixie75, Hixie76, HyBi7, HyBi8, Rfc6455];

#[test]
fn every_combination_of_the_deciding_headers_selects_the_expected_dialect_hy_1_hy_9() {
    let mut requests = 0;
    // Each header has one of its values or is absent.
    let combinations: usize = DECIDING_HEADERS
        .iter()
        .map(|(_, values)| values.len() + 1)
        .product();
    for combination in 0..combinations {
        let mut rest = combination;
        let chosen = DECIDING_HEADERS.map(|(_, values)| {
            let value = values.get(rest % (values.len() + 1)).copied();
            rest /= values.len() + 1;
            value
        });
        for set in 0..1_u32 << DIALECTS.len() {
            let is_enabled = |dialect: &Dialect| {
                let at = DIALECTS.iter().position(|one| one == dialect).unwrap();
                set >> at & 1 == 1
            };
            let enabled = DIALECTS.into_iter().filter(is_enabled);
            let dialects = enabled.fold(Dialects::NONE, Dialects::with);
            let expected = match expected_outcome(chosen) {
                Outcome::Accepted(dialect) if !is_enabled(&dialect) => Outcome::NotEnabled(dialect),
                outcome => outcome,
            };
            let head = head(chosen);
            assert_eq!(outcome_of(&head, dialects), expected, "{head}");
            requests += 1;
        }
    }
    println!("{requests} requests");
}

fn expected_outcome(chosen: [Option<&str>; 7]) -> Outcome {
    let seen = chosen.map(|value| match value {
        None => '-',
        Some("12" | "1") => 'x',
        Some(_) => '+',
    });
    let matches = |pattern: &str| {
        pattern
            .chars()
            .zip(seen)
            .all(|(symbol, seen)| match symbol {
                '.' => true,
                'o' => seen != 'x',
                symbol => symbol == seen,
            })
    };
    let rows = TABLE.into_iter().filter(|(pattern, _)| matches(pattern));
    let [(_, outcome)] = rows.collect::<Vec<_>>()[..] else {
        panic!("not exactly one row for {seen:?}");
    };
    match (outcome, chosen[2]) {
        (Outcome::Versioned, Some("7")) => Outcome::Accepted(HyBi7),
        (Outcome::Versioned, Some("8")) => Outcome::Accepted(HyBi8),
        (Outcome::Versioned, _) => Outcome::Accepted(Rfc6455),
        (outcome, _) => outcome,
    }
}

fn head(chosen: [Option<&str>; 7]) -> String {
    let mut head = "GET / HTTP/1.1\r\nHost: a\r\nOrigin: b\r\n".to_owned();
    for ((name, _), value) in DECIDING_HEADERS.into_iter().zip(chosen) {
        if let Some(value) = value {
            head += &format!("{name}: {value}\r\n");
        }
    }
    head + "\r\n"
}

fn outcome_of(head: &str, dialects: Dialects) -> Outcome {
    let config = Config::new().dialects(dialects);
    let mut driver = Driver::with_request_handler(Connection::server(config.clone()), |_, _| {});
    driver.feed(head.as_bytes());
    match &driver.transcript.events[..] {
        [Observed::Request(Some(dialect), _)] => Outcome::Accepted(*dialect),
        [Observed::ProtocolError(error)] => match *error {
            ProtocolError::NotWebSocket => Outcome::NotWebSocket,
            ProtocolError::DialectNotEnabled { dialect } => Outcome::NotEnabled(dialect),
            ProtocolError::InvalidHeader { name, kind, .. } => Outcome::InvalidHeader(name, kind),
            error => panic!("{error:?}"),
        },
        events => panic!("{events:?}"),
    }
}
