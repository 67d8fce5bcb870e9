//! Not some inputs but all: every string over a few bytes that mean something, at every split;
//! every short key; every presence of the fields that decide on a dialect. Each is held against
//! what is worked out naively here or in tests/common. In release to the full length.

mod common;

use std::collections::BTreeSet;

use common::rfc::{ROLES, contents, transcript};
use common::*;
use hybi::{
    Closed, Config, Connection, Dialect, Dialects, Event, HeaderErrorKind, KeyErrorKind,
    ProtocolError, Role,
};
use md5::{Digest, Md5};

use Dialect::{Hixie75, Hixie76, HyBi7, HyBi8, Rfc6455};

/// How many symbols a string has, and a key.
const LENGTH: usize = if cfg!(debug_assertions) { 5 } else { 6 };
const KEY_LENGTH: usize = if cfg!(debug_assertions) { 7 } else { 12 };

// Frames.

/// What came of one string at one split: cheap to make, to compare and to use again.
#[derive(Default, PartialEq, Debug)]
struct Log {
    /// Of each event its kind, a number in it, and where its payload ends.
    events: Vec<(char, u64, usize)>,
    payload: Vec<u8>,
    /// Of a message that is not at its end.
    partial: Vec<u8>,
    closed: Option<Closed>,
    sent: Vec<u8>,
    /// How many bytes stayed the caller's; behind an error it may be any number.
    left: usize,
}

impl Log {
    fn clear(&mut self) {
        self.events.clear();
        self.payload.clear();
        self.partial.clear();
        self.closed = None;
        self.sent.clear();
        self.left = 0;
    }

    fn hear(&mut self, conn: &mut Connection, mut input: &mut [u8]) {
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Text(piece) => self.piece('t', piece.as_str().as_bytes(), piece.is_final()),
                Event::Binary(piece) => self.piece('b', piece.as_bytes(), piece.is_final()),
                Event::Ping(payload) => self.whole('p', 0, payload.as_bytes()),
                Event::Pong(payload) => self.whole('q', 0, payload.as_bytes()),
                Event::Skipped(frame) => {
                    self.whole(
                        'd',
                        u64::from(frame.frame_type()) << 32 | frame.payload_len(),
                        b"",
                    );
                }
                Event::Closed(why) => {
                    assert_eq!(self.closed.replace(why), None);
                }
                other => panic!("{other:?} on an open connection"),
            }
        }
        assert!(input.is_empty() || self.closed.is_some());
        let failed = matches!(self.closed, Some(Closed::Protocol(_)));
        self.left += if failed { 0 } else { input.len() };
    }

    fn piece(&mut self, kind: char, bytes: &[u8], last: bool) {
        self.partial.extend_from_slice(bytes);
        if last {
            let whole = std::mem::take(&mut self.partial);
            self.whole(kind, 0, &whole);
            self.partial = whole;
            self.partial.clear();
        }
    }

    fn whole(&mut self, kind: char, number: u64, bytes: &[u8]) {
        self.payload.extend_from_slice(bytes);
        self.events.push((kind, number, self.payload.len()));
    }
}

/// Frames, by their first byte and what is behind it.
type Frames = Vec<(u8, Vec<u8>)>;

/// What was events and sent.
type Told = (Vec<Observed>, Frames);

/// What a string has to come to.
struct Expected<'a> {
    /// With the end of file behind it.
    events: &'a dyn Fn(&[u8]) -> Told,
    frames: fn(&[u8]) -> Frames,
}

/// Every string of symbols that a connection lives to hear the end of, and one symbol more.
struct Exhaust<'a> {
    symbols: &'a [&'a [u8]],
    conn: &'a dyn Fn() -> Connection,
    expected: Expected<'a>,
    /// The bytes so far, and where their symbols end.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Used again and again.
    whole: Log,
    split: Log,
    /// What was events, by the names of events and errors.
    heard: BTreeSet<String>,
    strings: u64,
    splits: u64,
}

impl<'a> Exhaust<'a> {
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
            whole: Log::default(),
            split: Log::default(),
            heard: BTreeSet::new(),
            strings: 0,
            splits: 0,
        }
    }

    fn run(&mut self, length: usize) {
        let (events, over) = self.string();
        if self.ends.len() == length {
            return;
        }
        for symbol in self.symbols {
            let before = self.bytes.len();
            self.bytes.extend_from_slice(symbol);
            self.ends.push(self.bytes.len());
            if over {
                // FR-16, RFC-7.1.7-2: nor could anything further change it.
                let more = transcript((self.conn)(), &self.bytes, &[], true);
                assert_eq!(more.events, events, "{:02x?}", self.bytes);
            } else {
                self.run(length);
            }
            self.ends.pop();
            self.bytes.truncate(before);
        }
    }

    /// What is events of the string, and whether it was over before the end of file.
    fn string(&mut self) -> (Vec<Observed>, bool) {
        let bytes = &self.bytes;
        let whole = transcript((self.conn)(), bytes, &[], true);
        let (events, sent) = (self.expected.events)(bytes);
        assert_eq!(whole.events, events, "{bytes:02x?}");
        assert_eq!((self.expected.frames)(&whole.sent), sent, "{bytes:02x?}");
        self.strings += 1;
        self.heard.extend(events.iter().map(name));

        let mut conn = (self.conn)();
        let mut input = [0; 64];
        hear(
            &mut self.whole,
            &mut conn,
            &mut input,
            bytes,
            [].into_iter(),
        );
        let inner = self.ends.split_last().map_or(&[][..], |(_, inner)| inner);
        for chosen in 1..1_u32 << inner.len() {
            let cuts = inner.iter().enumerate();
            let cuts = cuts.filter_map(|(i, cut)| (chosen >> i & 1 == 1).then_some(*cut));
            hear(&mut self.split, &mut (self.conn)(), &mut input, bytes, cuts);
            assert_eq!(self.split, self.whole, "{bytes:02x?} at split {chosen:b}");
            self.splits += 1;
        }
        if inner.len() + 1 < bytes.len() {
            // Symbols of several bytes are cut apart as well.
            hear(
                &mut self.split,
                &mut (self.conn)(),
                &mut input,
                bytes,
                1..bytes.len(),
            );
            assert_eq!(self.split, self.whole, "{bytes:02x?} byte by byte");
            self.splits += 1;
        }
        let eof = matches!(whole.events.last(), Some(Observed::Closed(Closed::Eof(_))));
        (whole.events, !eof)
    }
}

/// `Text`, or `FrameTooLong`.
fn name(events: &Observed) -> String {
    let debug = match events {
        Observed::Closed(Closed::Protocol(error)) => format!("{error:?}"),
        Observed::Closed(why) => format!("{why:?}"),
        events => format!("{events:?}"),
    };
    let end = debug.find(|c: char| !c.is_alphanumeric());
    debug[..end.unwrap_or(debug.len())].to_owned()
}

fn hear(
    log: &mut Log,
    conn: &mut Connection,
    input: &mut [u8; 64],
    bytes: &[u8],
    cuts: impl Iterator<Item = usize>,
) {
    log.clear();
    let mut from = 0;
    // A server unmasks in place.
    input[..bytes.len()].copy_from_slice(bytes);
    for to in cuts.chain([bytes.len()]) {
        log.hear(conn, &mut input[from..to]);
        from = to;
    }
    conn.receive_eof();
    log.hear(conn, &mut []);
    log.sent.extend_from_slice(conn.transmit());
}

/// FR-1 to FR-10: beginnings of texts and of other frames, lengths short and long, and both parts
/// of a character.
const HIXIE: [&[u8]; 8] = [
    b"\x00", b"\x01", b"\x7f", b"\x80", b"\x81", b"\xc3", b"\xfe", b"\xff",
];

fn hixie(dialect: Dialect) {
    for role in ROLES {
        for (strict_utf8, strict_frames, max_frame, heard) in [
            (
                false,
                false,
                i64::MAX as u64,
                ["Skipped", "Eof", "Text", "Unfinished"],
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
            let rules = hixie_reference::Rules {
                dialect,
                strict_utf8,
                strict_frames,
                max_frame,
            };
            let config = rules.config();
            let conn = || Connection::established(&config, role, dialect, [0; 32]);
            let events = |bytes: &[u8]| {
                let events = rules.events(bytes);
                let answered = !matches!(events.last(), Some(Observed::Closed(Closed::Eof(_))));
                // CL-2, CL-20
                let close = dialect == Hixie76 && answered;
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
                events: &events,
                frames: |sent| {
                    sent.chunks(2)
                        .map(|one| (one[0], one[1..].to_vec()))
                        .collect()
                },
            };
            let mut all = Exhaust::new(&HIXIE, &conn, expected);
            all.run(LENGTH);
            println!(
                "{role:?}, {rules:?}: {} strings, {} splits",
                all.strings, all.splits
            );
            assert!(heard.iter().all(|name| all.heard.contains(*name)));
            assert_eq!(all.heard.contains("Clean"), dialect == Hixie76);
        }
    }
}

#[test]
fn fr_1_to_fr_10_hixie_75() {
    hixie(Hixie75);
}

#[test]
fn fr_1_to_fr_10_hixie_76() {
    hixie(Hixie76);
}

/// HY-5 to HY-8: first bytes, lengths 0 to 2 and one of 16 bits, a close code, and both parts of a
/// character.
const FROM_SERVER: [&[u8]; 10] = [
    b"\x00", b"\x01", b"\x02", b"\x7e", b"\x80", b"\x81", b"\x88", b"\x89", b"\x0b", b"\xc3",
];

/// The same from a client: behind the lengths is a mask, which makes 0B of 00.
const FROM_CLIENT: [&[u8]; 11] = [
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

/// What comes of them, at either end.
const HEARD: [&str; 12] = [
    "Clean",
    "InvalidCloseCode",
    "InvalidCloseLength",
    "Control",
    "Eof",
    "FrameTooLong",
    "OutOfTurn",
    "Ping",
    "ReservedBits",
    "Text",
    "Unfinished",
    "InvalidUtf8",
];

fn hybi(dialect: Dialect) {
    for role in ROLES {
        let rules = rfc::Rules {
            max_frame: 2,
            max_fragments: 2,
            ..rfc::Rules::new(role, dialect)
        };
        let conn = || rules.connection();
        let expected = Expected {
            events: &|bytes| rules.transcript(bytes),
            frames: contents,
        };
        let symbols = match role {
            Role::Client => &FROM_SERVER[..],
            Role::Server => &FROM_CLIENT,
        };
        let mut all = Exhaust::new(symbols, &conn, expected);
        all.run(LENGTH);
        println!(
            "{role:?}, {rules:?}: {} strings, {} splits",
            all.strings, all.splits
        );
        let heard = |name| all.heard.contains(name);
        assert!(HEARD.into_iter().all(heard), "{:?}", all.heard);
        assert_eq!(heard("MaskedFrameFromServer"), role == Role::Client); // HY-5
        assert_eq!(heard("UnmaskedFrameFromClient"), role == Role::Server);
        assert_eq!(heard("InvalidLength"), dialect == Rfc6455); // HY-6
        // Three frames take six bytes.
        assert_eq!(heard("TooManyFragments"), LENGTH >= 6);
    }
}

#[test]
fn hy_5_hy_6_hy_7_hy_8_hybi_7() {
    hybi(HyBi7);
}

#[test]
fn hy_5_hy_6_hy_7_hy_8_hybi_8() {
    hybi(HyBi8);
}

#[test]
fn hy_5_hy_6_hy_7_hy_8_rfc_6455() {
    hybi(Rfc6455);
}

// Keys.

/// KEY-1 to KEY-7, with numbers as long as they come.
fn part(key: &[u8]) -> Result<u32, KeyErrorKind> {
    let count = |is: fn(&u8) -> bool| key.iter().filter(|byte| is(byte)).count() as u32;
    let digits = key.iter().filter(|byte| byte.is_ascii_digit());
    let number = digits.fold(0_u128, |n, byte| 10 * n + u128::from(byte - b'0'));
    match (count(|byte| *byte == b' '), u32::try_from(number)) {
        (0, _) => Err(KeyErrorKind::NoSpaces),
        _ if count(u8::is_ascii_digit) == 0 => Err(KeyErrorKind::NoDigits),
        (_, Err(_)) => Err(KeyErrorKind::TooBig),
        (spaces, Ok(number)) if number % spaces > 0 => {
            Err(KeyErrorKind::NotMultiple { number, spaces })
        }
        (spaces, Ok(number)) => Ok(number / spaces),
    }
}

/// The number of the draft's other key.
const PART_2: u32 = 259_970_620;

#[test]
fn key_1_to_key_8_every_key_of_digits_spaces_and_others() {
    let (before, after) = DRAFT_76_HEAD.split_once("4 @1  46546xW%0l 1 5").unwrap();
    let config = Config::new();
    let mut found = [0_u32; 5];
    for length in 0..=KEY_LENGTH as u32 {
        for n in 0..3_u32.pow(length) {
            let key: Vec<u8> = (0..length)
                .map(|i| b"6 x"[(n / 3_u32.pow(i)) as usize % 3])
                .collect();
            let bytes = [before.as_bytes(), &key, after.as_bytes(), DRAFT_76_KEY3].concat();
            let whole = run(Connection::server(&config), &bytes, &[], false);
            match part(&key) {
                Ok(part) => {
                    found[0] += 1;
                    let mut hash = Md5::new(); // KEY-8
                    hash.update(part.to_be_bytes());
                    hash.update(PART_2.to_be_bytes());
                    hash.update(DRAFT_76_KEY3);
                    let sent = [DRAFT_76_REPLY.as_bytes(), &hash.finalize()].concat();
                    assert_eq!(whole.sent, sent, "{}", escaped(&key));
                }
                Err(kind) => {
                    found[1 + fault_number(kind)] += 1;
                    let name = "Sec-WebSocket-Key1";
                    let error = ProtocolError::InvalidKeyNumber { name, kind };
                    assert_eq!(
                        whole.events,
                        [rfc::protocol_error(error)],
                        "{}",
                        escaped(&key)
                    );
                    assert_eq!(whole.sent, refusal(400, VERSIONS).as_bytes());
                }
            }
        }
    }
    println!("keys taken and refused, by kind: {found:?}");
    // Only in release they are long enough to be too big.
    let kinds = found.iter().filter(|count| **count > 0).count();
    assert_eq!(kinds, if KEY_LENGTH > 10 { 5 } else { 4 });
}

fn fault_number(kind: KeyErrorKind) -> usize {
    match kind {
        KeyErrorKind::NoSpaces => 0,
        KeyErrorKind::NoDigits => 1,
        KeyErrorKind::NotMultiple { .. } => 2,
        KeyErrorKind::TooBig => 3,
        other => panic!("{other}"),
    }
}

// Dialects.

/// The seven fields that decide, and with which values each is tried.
const DECIDING: [(&str, &[&str]); 7] = [
    ("Upgrade", &["WebSocket"]),
    ("Connection", &["Upgrade"]),
    ("Sec-WebSocket-Version", &["7", "8", "13", "12"]),
    ("Sec-WebSocket-Key", &["dGhlIHNhbXBsZSBub25jZQ=="]),
    ("Sec-WebSocket-Draft", &["0", "1"]),
    ("Sec-WebSocket-Key1", &["4 @1  46546xW%0l 1 5"]),
    ("Sec-WebSocket-Key2", &["12998 5 Y3 1  .P00"]),
];

/// Section 2 of the rules, a row for each outcome and a column for each field: `+` there, `-` not,
/// `x` there with a value that nobody knows, `.` any of these, `o` any but `x`.
const TABLE: [(&str, Verdict); 12] = [
    ("-......", Verdict::Plain),
    (
        "+-.....",
        Verdict::Fault("Connection", HeaderErrorKind::Missing),
    ),
    (
        "++x....",
        Verdict::Fault("Sec-WebSocket-Version", HeaderErrorKind::Invalid),
    ),
    (
        "+++-...",
        Verdict::Fault("Sec-WebSocket-Key", HeaderErrorKind::Missing),
    ),
    ("++++...", Verdict::Versioned),
    (
        "++-+...",
        Verdict::Fault("Sec-WebSocket-Version", HeaderErrorKind::Missing),
    ),
    (
        "++--x..",
        Verdict::Fault("Sec-WebSocket-Draft", HeaderErrorKind::Invalid),
    ),
    ("++--o++", Verdict::Spoken(Hixie76)),
    (
        "++--o+-",
        Verdict::Fault("Sec-WebSocket-Key2", HeaderErrorKind::Missing),
    ),
    (
        "++--o-+",
        Verdict::Fault("Sec-WebSocket-Key1", HeaderErrorKind::Missing),
    ),
    (
        "++--+--",
        Verdict::Fault("Sec-WebSocket-Key1", HeaderErrorKind::Missing),
    ),
    ("++-----", Verdict::Spoken(Hixie75)),
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Verdict {
    Plain,
    Fault(&'static str, HeaderErrorKind),
    Spoken(Dialect),
    /// By the number.
    Versioned,
    Off(Dialect),
}

const DIALECTS: [Dialect; 5] = [Hixie75, Hixie76, HyBi7, HyBi8, Rfc6455];

#[test]
fn hy_1_hy_9_every_presence_of_the_fields_that_decide_on_a_dialect() {
    let mut requests = 0;
    // Of each field a value, or none at all.
    let ways: usize = DECIDING
        .iter()
        .map(|(_, values)| values.len() + 1)
        .product();
    for way in 0..ways {
        let mut rest = way;
        let chosen = DECIDING.map(|(_, values)| {
            let value = values.get(rest % (values.len() + 1)).copied();
            rest /= values.len() + 1;
            value
        });
        for set in 0..1_u32 << DIALECTS.len() {
            let on = |dialect: &Dialect| {
                let at = DIALECTS.iter().position(|one| one == dialect).unwrap();
                set >> at & 1 == 1
            };
            let spoken = DIALECTS.into_iter().filter(on);
            let dialects = spoken.fold(Dialects::NONE, Dialects::with);
            let expected = match verdict(chosen) {
                Verdict::Spoken(dialect) if !on(&dialect) => Verdict::Off(dialect),
                verdict => verdict,
            };
            let head = head(chosen);
            assert_eq!(answer(&head, dialects), expected, "{head}");
            requests += 1;
        }
    }
    println!("{requests} requests");
}

fn verdict(chosen: [Option<&str>; 7]) -> Verdict {
    let seen = chosen.map(|value| match value {
        None => '-',
        Some("12" | "1") => 'x',
        Some(_) => '+',
    });
    let fits = |pattern: &str| {
        pattern
            .chars()
            .zip(seen)
            .all(|(wanted, seen)| match wanted {
                '.' => true,
                'o' => seen != 'x',
                wanted => wanted == seen,
            })
    };
    let rows = TABLE.into_iter().filter(|(pattern, _)| fits(pattern));
    let [(_, verdict)] = rows.collect::<Vec<_>>()[..] else {
        panic!("not one row for {seen:?}");
    };
    match (verdict, chosen[2]) {
        (Verdict::Versioned, Some("7")) => Verdict::Spoken(HyBi7),
        (Verdict::Versioned, Some("8")) => Verdict::Spoken(HyBi8),
        (Verdict::Versioned, _) => Verdict::Spoken(Rfc6455),
        (verdict, _) => verdict,
    }
}

fn head(chosen: [Option<&str>; 7]) -> String {
    let mut head = "GET / HTTP/1.1\r\nHost: a\r\nOrigin: b\r\n".to_owned();
    for ((name, _), value) in DECIDING.into_iter().zip(chosen) {
        if let Some(value) = value {
            head += &format!("{name}: {value}\r\n");
        }
    }
    head + "\r\n"
}

fn answer(head: &str, dialects: Dialects) -> Verdict {
    let config = Config::new().dialects(dialects);
    let mut driver = Driver::answering(Connection::server(&config), |_, _| {});
    driver.feed(head.as_bytes());
    match &driver.transcript.events[..] {
        [Observed::Request(Some(dialect), _)] => Verdict::Spoken(*dialect),
        [Observed::Closed(Closed::Protocol(error))] => match *error {
            ProtocolError::NotWebSocket => Verdict::Plain,
            ProtocolError::DialectNotEnabled(dialect) => Verdict::Off(dialect),
            ProtocolError::InvalidHeader { name, kind, .. } => Verdict::Fault(name, kind),
            error => panic!("{error}"),
        },
        events => panic!("{events:?}"),
    }
}
