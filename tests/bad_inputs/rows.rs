//! The rows. Rules of docs/wire.md decide; each `^` marks the byte whose place the error tells.

use hybi::{
    AcceptOptions, Close, Closed, Config, Connection, Dialect, Dialects, HeaderErrorKind,
    KeyErrorKind, LineErrorKind, Phase, ProtocolError, Refused, Response, Role,
};

use super::row::{Asks, Base, Called, Case, End, Heard, Parts, Reply, Row, Set};
use crate::common::rfc::{REPLY, clean, eof, protocol_error, text};
use crate::common::{DRAFT_76_ANSWER, DRAFT_76_REPLY, Observed, VERSIONS};

use Base::{Page, R13, R75, R76};
use Dialect::{Hixie75, Hixie76, HyBi8, Rfc6455};
use HeaderErrorKind::{Duplicate, Invalid, Mismatch, Missing, NotRequested};
use LineErrorKind::{BareCr, BareLf, Name, ObsFold, Value};
use ProtocolError::{
    ChallengeMismatch, Control, DialectNotEnabled, FrameTooLong, HeadTooLong, InvalidCloseCode,
    InvalidCloseLength, InvalidLength, InvalidUtf8, LineTooLong, MaskedFrameFromServer,
    NotWebSocket, OutOfTurn, ReservedBits, TooManyFragments, TooManyHeaders, UnknownFrameType,
    UnknownOpcode, UnmaskedFrameFromClient, UnsupportedMethod,
};
use Reply::{Nothing, Refusal};

macro_rules! config {
    ($($calls:tt)*) => { (Config::new() $($calls)*, stringify!($($calls)*)) };
}

macro_rules! call {
    ($conn:ident.$($call:tt)*) => { (|$conn: &mut Connection| $conn.$($call)*, stringify!($($call)*)) };
}

const DEFAULT: Set = config!();
const ALL: Set = config!(.dialects(Dialects::ALL));

/// Every length that the format has, in 63 bits.
const MOST: u64 = i64::MAX as u64;

const KEY3: &str = "^n:ds[4U";
const KEY1: &str = "Key1: 4 @1  46546xW%0l 1 5";
const KEY2: &str = "Key2: 12998 5 Y3 1  .P00";
const ORIGIN: &str = "Origin: http://example.com";
const END: &str = "\r\n\r\n";

/// The answer to the draft's key3 when both parts are 0, and when both are 4294967295.
const ANSWER_TO_ZERO: &[u8] = b"\x30\x51\x12\xde\x3e\x55\x1a\x5d\x07\x04\x16\xac\xd8\x57\x9f\xbc";
const ANSWER_TO_MOST: &[u8] = b"\xf3\xdc\x6e\x12\x11\x75\xd8\xb7\xa7\x42\x4b\xc8\x40\x6f\xeb\xc8";

/// The answer to the draft's keys when key3 is `GET / HT`.
const ANSWER_TO_GET: &[u8] = b"\xc7\xef\x6f\xb0\xa4\x63\xfe\x5a\xe9\x33\xe9\x1c\xf8\x3b\x98\xbf";

fn heard(what: &'static str, end: End, base: Option<Base>) -> Heard {
    Heard {
        what,
        end,
        config: DEFAULT,
        base,
        edits: Vec::new(),
        then: Parts::default(),
        eof: false,
        waits: false,
        events: Vec::new(),
        reply: Nothing,
    }
}

/// A request that a server reads.
fn request(what: &'static str, base: Base) -> Heard {
    let config = if base == R75 { ALL } else { DEFAULT };
    heard(what, End::Server, Some(base)).config(config)
}

/// A reply that a client reads.
fn reply(what: &'static str, dialect: Dialect, asks: Asks) -> Heard {
    heard(what, End::Client(dialect, asks), Some(Base::Reply))
}

/// Frames that a server of a Hixie dialect reads.
fn hixie(what: &'static str, dialect: Dialect, bytes: impl Into<Parts>) -> Heard {
    heard(what, End::Open(Role::Server, dialect), None).then(bytes)
}

/// Frames that a server of RFC 6455 reads: masked ones.
fn from_client(what: &'static str, bytes: impl Into<Parts>) -> Heard {
    hixie(what, Rfc6455, bytes)
}

/// Frames that a client of RFC 6455 reads.
fn from_server(what: &'static str, bytes: impl Into<Parts>) -> Heard {
    heard(what, End::Open(Role::Client, Rfc6455), None).then(bytes)
}

type Call = (fn(&mut Connection) -> Result<(), Refused>, &'static str);

fn calls(end: End, bytes: impl Into<Parts> + Clone, calls: &[(Call, Refused)]) -> Vec<Case> {
    let case = |((call, says), refused): &(Call, Refused)| {
        Case::Called(Called {
            end,
            config: DEFAULT,
            heard: bytes.clone().into(),
            call: *call,
            says,
            gets: Err(*refused),
            sent: Parts::default(),
        })
    };
    calls.iter().map(case).collect()
}

/// A call that is no mistake, and what it sends.
fn done(end: End, (call, says): Call, sent: impl Into<Parts>) -> Case {
    Case::Called(Called {
        end,
        config: DEFAULT,
        heard: Parts::default(),
        call,
        says,
        gets: Ok(()),
        sent: sent.into(),
    })
}

fn asked(dialect: Dialect, resource: &str) -> Observed {
    Observed::Request(Some(dialect), resource.to_owned())
}

fn opened(dialect: Dialect, resource: &str) -> [Observed; 2] {
    [asked(dialect, resource), Observed::Open(dialect)]
}

/// The draft's conversation as it always goes.
fn usual() -> (Vec<Observed>, Reply) {
    answered(DRAFT_76_ANSWER)
}

fn answered(answer: &[u8]) -> (Vec<Observed>, Reply) {
    let sent = [(DRAFT_76_REPLY.as_bytes(), 1), (answer, 1)];
    (opened(Hixie76, "/demo").into(), Reply::Bytes(sent.into()))
}

fn bytes(bytes: impl Into<Parts>) -> Reply {
    Reply::Bytes(bytes.into())
}

fn start_line(at: u32) -> ProtocolError {
    ProtocolError::InvalidStartLine { at }
}

fn version(at: u32) -> ProtocolError {
    ProtocolError::UnsupportedHttpVersion { at }
}

fn line(kind: LineErrorKind) -> impl Fn(u32) -> ProtocolError {
    move |at| ProtocolError::InvalidLine { at, kind }
}

fn header(name: &'static str, kind: HeaderErrorKind) -> impl Fn(u32) -> ProtocolError {
    move |at| ProtocolError::InvalidHeader { name, at, kind }
}

fn key(name: &'static str, kind: KeyErrorKind) -> impl Fn(u32) -> ProtocolError {
    move |_| ProtocolError::InvalidKeyNumber { name, kind }
}

fn always(error: ProtocolError) -> impl Fn(u32) -> ProtocolError {
    move |_| error
}

fn unfinished(text: &str) -> Observed {
    Observed::Unfinished(text.to_owned())
}

fn row(number: usize, what: &'static str, cases: impl Into<Vec<Case>>) -> Row {
    Row {
        number,
        what,
        cases: cases.into(),
    }
}

pub fn rows() -> Vec<Row> {
    [
        first_lines(),
        lines(),
        keys(),
        fields(),
        replies(),
        hixie_frames(),
        rfc_frames(),
        calls_late(),
        further(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn first_lines() -> Vec<Row> {
    let early = || [eof(Phase::Handshaking)];
    let nothing = || heard("", End::Server, None).eof();
    vec![
        row(
            1,
            "no byte, then the end of file",
            [nothing().says(early(), Nothing)],
        ),
        row(
            2,
            "the end of file in the opening",
            [
                // H76-19
                heard("in the first line", End::Server, None)
                    .then("GET /de")
                    .eof()
                    .says(early(), Nothing),
                heard("in a field", End::Server, None)
                    .then("GET /demo HTTP/1.1\r\nHost: exam")
                    .eof()
                    .says(early(), Nothing),
                request("behind the head of Hixie-76, in the 8 bytes", R76)
                    .then("^n:ds[4")
                    .eof()
                    .says(
                        [asked(Hixie76, "/demo"), eof(Phase::Handshaking)],
                        bytes(DRAFT_76_REPLY),
                    ),
            ],
        ),
        row(
            3,
            "another method than GET",
            [
                // RQ-1
                request("POST", R76)
                    .edit("GET ", "POST ")
                    .refused(always(UnsupportedMethod), 405),
                request("in small letters", R76)
                    .edit("GET ", "get ")
                    .refused(always(UnsupportedMethod), 405),
                request("POST", R13)
                    .edit("GET ", "POST ")
                    .refused(always(UnsupportedMethod), 405),
            ],
        ),
        row(
            4,
            "another version of HTTP",
            [
                // RQ-3
                request("1.0", R76)
                    .edit("HTTP/1.1", "^HTTP/1.0")
                    .refused(version, 505),
                request("2.0", R76)
                    .edit("HTTP/1.1", "^HTTP/2.0")
                    .refused(version, 505),
                request("1.10", R76)
                    .edit("HTTP/1.1", "^HTTP/1.10")
                    .refused(version, 505),
                request("1.0", R13)
                    .edit("HTTP/1.1", "^HTTP/1.0")
                    .refused(version, 505),
            ],
        ),
        row(
            5,
            "a malformed first line",
            [
                // RQ-1
                request("two spaces before the target", R76)
                    .edit("GET /", "GET ^ /")
                    .refused(start_line, 400),
                request("two spaces behind it", R76)
                    .edit(" HTTP", " ^ HTTP")
                    .refused(start_line, 400),
                request("a tab", R76)
                    .edit("GET /", "GET^\t/")
                    .refused(start_line, 400),
                request("no target", R76)
                    .edit("/demo ", "^")
                    .refused(start_line, 400),
                request("no version", R76)
                    .edit(" HTTP/1.1", "^")
                    .refused(start_line, 400),
                request("the method alone", R76)
                    .edit("GET /demo HTTP/1.1", "GET^")
                    .refused(start_line, 400),
            ],
        ),
    ]
}

fn lines() -> Vec<Row> {
    let long = Parts::from([("GET /", 1), ("a", 4082), (" HTTP/1.1\r\n", 1)]);
    vec![
        row(
            6,
            "LF alone at the end of a line",
            [
                // RQ-5
                request("of the first", R76)
                    .edit("HTTP/1.1\r\n", "HTTP/1.1^\n")
                    .refused(line(BareLf), 400),
                request("of a field", R76)
                    .edit("example.com\r\nC", "example.com^\nC")
                    .refused(line(BareLf), 400),
                request("of the blank one", R76)
                    .edit(END, "\r\n^\n")
                    .refused(line(BareLf), 400),
            ],
        ),
        row(
            7,
            "CR alone within a line",
            [
                // RQ-5
                request("in a value", R76)
                    .edit("Host: exam", "Host: ex^\ram")
                    .refused(line(BareCr), 400),
                request("in a name", R76)
                    .edit("Host:", "Ho^\rst:")
                    .refused(line(BareCr), 400),
            ],
        ),
        row(
            8,
            "an empty line before the first",
            [
                // RQ-6
                request("", R76)
                    .edit("GET /", "^\r\nGET /")
                    .refused(start_line, 400),
            ],
        ),
        row(
            9,
            "a space before the colon",
            [
                // RQ-7
                request("", R76)
                    .edit("Host:", "Host^ :")
                    .refused(line(Name), 400),
            ],
        ),
        row(
            10,
            "a line that goes on with the one before",
            [
                // RQ-10
                request("by a space", R76)
                    .edit("Host: ", "Host:\r\n^ ")
                    .refused(line(ObsFold), 400),
                request("by a tab", R76)
                    .edit("Host: ", "Host:\r\n^\t")
                    .refused(line(ObsFold), 400),
            ],
        ),
        row(
            11,
            "a name that is none",
            [
                // RQ-7
                request("empty", R76)
                    .edit("Host:", "^:")
                    .refused(line(Name), 400),
                request("no token", R76)
                    .edit("Host:", "Ho^(st:")
                    .refused(line(Name), 400),
                request("above ASCII", R76)
                    .edit("Host:", b"Ho^\x80st:")
                    .refused(line(Name), 400),
                request("no colon", R76)
                    .edit(END, "\r\nHost^\r\n\r\n")
                    .refused(line(Name), 400),
            ],
        ),
        row(
            12,
            "a control character in a value",
            [
                // RQ-11
                request("NUL", R76)
                    .edit("Host: exam", "Host: ex^\0am")
                    .refused(line(Value), 400),
                request("DEL", R76)
                    .edit("Host: exam", "Host: ex^\x7fam")
                    .refused(line(Value), 400),
                request("escape", R76)
                    .edit(ORIGIN, "Origin: ^\x1b[31m")
                    .refused(line(Value), 400),
            ],
        ),
        row(
            13,
            "a head longer than `max_head`",
            [
                // RQ-19
                heard("8193 bytes", End::Server, None)
                    .then([
                        ("GET / HTTP/1.1\r\nX: ", 1),
                        ("y", 4083),
                        ("\r\nX: ", 1),
                        ("y", 4083),
                        ("\r\nX", 1),
                    ])
                    .fails(HeadTooLong { limit: 8192 }, Refusal(431, VERSIONS)),
                request("one byte more than it may have", R13)
                    .config(config!(.max_head_len(229)))
                    .refused(always(HeadTooLong { limit: 229 }), 431),
            ],
        ),
        row(
            14,
            "too many fields, or too long a line",
            [
                // RQ-19
                request("101 fields", R76)
                    .edit(END, [("\r\n", 1), ("X: y\r\n", 94), ("\r\n", 1)])
                    .refused(always(TooManyHeaders { limit: 100 }), 431),
                request("a first line of 4097 bytes", R76)
                    .edit("GET /demo HTTP/1.1\r\n", long)
                    .refused(always(LineTooLong { at: 0, limit: 4096 }), 431),
                request("a field of 4097 bytes", R76)
                    .edit(END, [("\r\n^X: ", 1), ("y", 4092), (END, 1)])
                    .refused(|at| LineTooLong { at, limit: 4096 }, 431),
            ],
        ),
    ]
}

fn keys() -> Vec<Row> {
    let (name1, name2) = ("Sec-WebSocket-Key1", "Sec-WebSocket-Key2");
    let wide = config!(.max_header_line_len(16384).max_head_len(32768));
    let not_multiple = |number, spaces| KeyErrorKind::NotMultiple { number, spaces };
    let (usual_said, usual_reply) = usual();
    let (zero_said, zero_reply) = answered(ANSWER_TO_ZERO);
    let (most_said, most_reply) = answered(ANSWER_TO_MOST);
    vec![
        row(
            15,
            "a key without a digit",
            [
                // KEY-6
                request("", R76)
                    .edit(KEY1, "Key1: a b")
                    .refused(key(name1, KeyErrorKind::NoDigits), 400),
                request("", R76)
                    .edit(KEY2, "Key2: a b")
                    .refused(key(name2, KeyErrorKind::NoDigits), 400),
            ],
        ),
        row(
            16,
            "a key without a space",
            [
                // KEY-3
                request("", R76)
                    .edit(KEY1, "Key1: 4@146546xW%0l15")
                    .refused(key(name1, KeyErrorKind::NoSpaces), 400),
                request("", R76)
                    .edit(KEY2, "Key2: 12")
                    .refused(key(name2, KeyErrorKind::NoSpaces), 400),
                request("a tab is none", R76)
                    .edit(KEY1, "Key1: 1\t2")
                    .refused(key(name1, KeyErrorKind::NoSpaces), 400),
            ],
        ),
        row(
            17,
            "a number that its spaces do not divide",
            [
                // KEY-4
                request("", R76)
                    .edit(KEY1, "Key1: 1 0 1")
                    .refused(key(name1, not_multiple(101, 2)), 400),
                request("", R76)
                    .edit(KEY2, "Key2: 12998  5 Y3 1  .P00")
                    .refused(key(name2, not_multiple(1_299_853_100, 6)), 400),
            ],
        ),
        row(
            18,
            "a number above 4294967295",
            [
                // KEY-5
                request("by one", R76)
                    .edit(KEY1, "Key1: 4294967296 ")
                    .refused(key(name1, KeyErrorKind::TooBig), 400),
                request("with a quotient that fits", R76)
                    .edit(KEY2, "Key2: 8589934590!  !")
                    .refused(key(name2, KeyErrorKind::TooBig), 400),
                request("past 64 bits", R76)
                    .edit(KEY1, "Key1: 18446744073709551617 ")
                    .refused(key(name1, KeyErrorKind::TooBig), 400),
            ],
        ),
        row(
            19,
            "a key of 8000 digits",
            [
                request("past `max_line`", R76)
                    .edit(
                        "Sec-WebSocket-Key1: 4 @1",
                        [("^Sec-WebSocket-Key1: ", 1), ("9", 8000)],
                    )
                    .refused(|at| LineTooLong { at, limit: 4096 }, 431),
                request("within it", R76)
                    .config(wide)
                    .edit(KEY1, [("Key1: ", 1), ("9", 8000), (" ", 1)])
                    .refused(key(name1, KeyErrorKind::TooBig), 400),
            ],
        ),
        row(
            20,
            "a key of the value 0, which is legal",
            [
                // KEY-7
                request("", R76)
                    .edit(KEY1, "Key1: 0 0")
                    .edit(KEY2, "Key2: 0 0")
                    .then(KEY3)
                    .says(zero_said, zero_reply),
            ],
        ),
        row(
            21,
            "spaces round a key: one behind the colon is none of its own, all others are",
            [
                // RQ-8, KEY-2
                request("one in front", R76)
                    .edit(KEY1, "Key1:  4294967295")
                    .edit(KEY2, "Key2:  4294967295")
                    .then(KEY3)
                    .says(most_said.clone(), most_reply.clone()),
                request("one behind", R76)
                    .edit(KEY1, "Key1: 4294967295 ")
                    .edit(KEY2, "Key2:4294967295 ")
                    .then(KEY3)
                    .says(most_said, most_reply),
                request("one within, one behind", R76)
                    .edit(KEY1, "Key1: 12 5 ")
                    .refused(key(name1, not_multiple(125, 2)), 400),
            ],
        ),
        row(
            22,
            "bytes above ASCII in a key, which mean nothing",
            [
                // KEY-1, RQ-11
                request("", R76)
                    .edit("Key1: 4", b"Key1: \x80\xff4")
                    .then(KEY3)
                    .says(usual_said, usual_reply),
            ],
        ),
        row(
            23,
            "one key of two",
            [
                request("no Key2", R76)
                    .edit("Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n", "")
                    .refused(header(name2, Missing), 400),
                request("no Key1", R76)
                    .edit("Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n", "")
                    .refused(header(name1, Missing), 400),
            ],
        ),
    ]
}

fn fields() -> Vec<Row> {
    let length = "Content-Length";
    let (events, sent) = usual();
    let rfc = || opened(Rfc6455, "/chat");
    let later_key = "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let later =
        "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let with_length = |value: &'static str| {
        let field = [("\r\n^Content-Length: ", 1), (value, 1), (END, 1)];
        request("", R76)
            .edit(END, field)
            .refused(header(length, Invalid), 400)
    };
    let with_host = |what, value: &'static str| {
        request(what, R76)
            .edit("Host: example.com", [("^Host: ", 1), (value, 1)])
            .refused(header("Host", Invalid), 400)
    };
    let with_key = |what, value: &'static str| {
        request(what, R13)
            .edit(
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                [("^Sec-WebSocket-Key: ", 1), (value, 1)],
            )
            .refused(header("Sec-WebSocket-Key", Invalid), 400)
    };
    vec![
        row(
            24,
            "a field twice that may stand once",
            [
                // RQ-12
                request("", R76)
                    .edit(END, "\r\n^Sec-WebSocket-Key1: 1 1\r\n\r\n")
                    .refused(header("Sec-WebSocket-Key1", Duplicate), 400),
                request("", R76)
                    .edit(END, "\r\n^Host: example.com\r\n\r\n")
                    .refused(header("Host", Duplicate), 400),
                request("", R76)
                    .edit(END, "\r\n^origin: null\r\n\r\n")
                    .refused(header("Origin", Duplicate), 400),
                request("", R76)
                    .edit(END, "\r\n^Upgrade: WebSocket\r\n\r\n")
                    .refused(header("Upgrade", Duplicate), 400),
                request("", R13)
                    .edit(END, "\r\n^Sec-WebSocket-Key: x\r\n\r\n")
                    .refused(header("Sec-WebSocket-Key", Duplicate), 400),
                request("", R13)
                    .edit(END, "\r\n^Sec-WebSocket-Version: 8\r\n\r\n")
                    .refused(header("Sec-WebSocket-Version", Duplicate), 400),
            ],
        ),
        row(
            25,
            "the keys of two dialects",
            [
                request("without a version", R76)
                    .edit(END, later_key)
                    .refused(header("Sec-WebSocket-Version", Missing), 400),
                request("with one, which decides", R76)
                    .edit(END, later)
                    .edit("Sec-WebSocket-Protocol: sample\r\n", "")
                    .says(opened(Rfc6455, "/demo"), bytes(REPLY)), // HY-1
            ],
        ),
        row(
            26,
            "Hixie-75 where it is off, as it is by default",
            [request("", R75)
                .config(DEFAULT)
                .refused(always(DialectNotEnabled(Hixie75)), 426)],
        ),
        row(
            27,
            "another dialect where it is off",
            [
                // HY-9
                request("", R76)
                    .config(config!(.dialects(Dialects::NONE.with(Dialect::Rfc6455))))
                    .fails(DialectNotEnabled(Hixie76), Refusal(426, "13")),
                request("", R13)
                    .config(config!(.dialects(Dialects::NONE.with(Dialect::Hixie76))))
                    .fails(DialectNotEnabled(Rfc6455), Refusal(426, "")),
            ],
        ),
        row(
            28,
            "no `Upgrade`, or another",
            [
                // RQ-14
                request("none", R76)
                    .edit("Upgrade: WebSocket\r\n", "")
                    .refused(always(NotWebSocket), 426),
                request("a page", Page).refused(always(NotWebSocket), 426),
                request("another", R76)
                    .edit("Upgrade: WebSocket", "^Upgrade: h2c")
                    .refused(header("Upgrade", Invalid), 426),
                request("a list", R13)
                    .edit("Upgrade: websocket", "^Upgrade: h2c, websocket")
                    .refused(header("Upgrade", Invalid), 426),
            ],
        ),
        row(
            29,
            "no `upgrade` in `Connection`",
            [
                // RQ-15
                request("no field", R76)
                    .edit("Connection: Upgrade\r\n", "")
                    .refused(header("Connection", Missing), 400),
                request("another", R76)
                    .edit("Connection: Upgrade", "^Connection: keep-alive")
                    .refused(header("Connection", Invalid), 400),
            ],
        ),
        row(
            30,
            "no `Host`, or a malformed one",
            [
                // RQ-16
                request("none", R76)
                    .edit("Host: example.com\r\n", "")
                    .refused(header("Host", Missing), 400),
                with_host("a space", "exam ple.com"),
                with_host("a slash", "example.com/x"),
                with_host("a port that is none", "example.com:0x50"),
                with_host("nothing", ""),
                request("above ASCII", R76)
                    .edit("Host: example.com", b"^Host: exam\x80ple.com")
                    .refused(header("Host", Invalid), 400),
                request("CR", R76)
                    .edit("Host: exam", "Host: exam^\r")
                    .refused(line(BareCr), 400),
            ],
        ),
        row(
            31,
            "`Content-Length: 8`, which Hixie-76 means",
            [
                // RQ-18
                request("", R76)
                    .edit(END, "\r\nContent-Length: 8\r\n\r\n")
                    .then(KEY3)
                    .says(events.clone(), sent.clone()),
            ],
        ),
        row(
            32,
            "another `Content-Length`",
            [
                // RQ-18
                with_length("9"),
                with_length("-8"),
                with_length("+8"),
                with_length("8, 8"),
                with_length("18446744073709551624"),
            ],
        ),
        row(
            33,
            "any `Transfer-Encoding`",
            [
                // RQ-18
                request("", R76)
                    .edit(END, "\r\n^Transfer-Encoding: chunked\r\n\r\n")
                    .refused(header("Transfer-Encoding", Invalid), 400),
                request("", R13)
                    .edit(END, "\r\n^Transfer-Encoding: identity\r\n\r\n")
                    .refused(header("Transfer-Encoding", Invalid), 400),
                request("", R75)
                    .edit(END, "\r\n^Transfer-Encoding: chunked\r\n\r\n")
                    .refused(header("Transfer-Encoding", Invalid), 400),
            ],
        ),
        row(
            34,
            "a `Content-Length` in RFC 6455",
            [
                // HY-10
                request("other than 0", R13)
                    .edit(END, "\r\n^Content-Length: 8\r\n\r\n")
                    .refused(header(length, Invalid), 400),
                request("0", R13)
                    .edit(END, "\r\nContent-Length: 0\r\n\r\n")
                    .says(rfc(), bytes(REPLY)),
            ],
        ),
        row(
            35,
            "no `Origin`, or one that can't be repeated",
            [
                // H75-4, H76-11
                request("none", R76)
                    .edit("Origin: http://example.com\r\n", "")
                    .refused(header("Origin", Missing), 400),
                request("none", R75)
                    .edit("Origin: http://example.com\r\n", "")
                    .refused(header("Origin", Missing), 400),
                request("above ASCII", R76)
                    .edit(ORIGIN, b"^Origin: http://\x80")
                    .refused(header("Origin", Invalid), 400),
                request("a space", R76)
                    .edit(ORIGIN, "^Origin: a b")
                    .refused(header("Origin", Invalid), 400),
                request("CR LF, which ends the line", R76)
                    .edit(ORIGIN, "Origin: a\r\nb^")
                    .refused(line(Name), 400),
            ],
        ),
        row(
            36,
            "a target that does not begin with `/`",
            [
                // RQ-2, RQ-4
                request("", R76)
                    .edit("GET /", "GET ^")
                    .refused(start_line, 400),
                request("absolute form", R76)
                    .edit("/demo", "^ws://example.com/demo")
                    .refused(start_line, 400),
                request("asterisk", R13)
                    .edit("/chat", "^*")
                    .refused(start_line, 400),
            ],
        ),
        row(
            37,
            "another request in the 8 bytes, which are data",
            [
                // H76-20
                request("", R76).then("GET / HTTP/1.1\r\n").eof().says(
                    [
                        asked(Hixie76, "/demo"),
                        Observed::Open(Hixie76),
                        eof(Phase::InMessage),
                    ],
                    answered(ANSWER_TO_GET).1,
                ),
            ],
        ),
        row(
            38,
            "a version that is none",
            [
                // HY-9
                request("12", R13)
                    .edit("Sec-WebSocket-Version: 13", "^Sec-WebSocket-Version: 12")
                    .refused(header("Sec-WebSocket-Version", Invalid), 426),
                request("x", R13)
                    .edit("Sec-WebSocket-Version: 13", "^Sec-WebSocket-Version: x")
                    .refused(header("Sec-WebSocket-Version", Invalid), 426),
                request("a draft between", R76)
                    .edit(END, "\r\n^Sec-WebSocket-Draft: 1\r\n\r\n")
                    .refused(header("Sec-WebSocket-Draft", Invalid), 426),
            ],
        ),
        row(
            39,
            "a `Sec-WebSocket-Key` that is not 16 bytes in base64",
            [
                // HY-2
                with_key("no padding", "dGhlIHNhbXBsZSBub25jZQ"),
                with_key("17 bytes", "dGhlIHNhbXBsZSBub25jZWE="),
                with_key("bits that code nothing", "AQIDBAUGBwgJCgsMDQ4PEC=="),
                with_key("nothing", ""),
            ],
        ),
        row(
            40,
            "a bad subprotocol",
            [
                // H76-14, HY-4
                request("empty", R76)
                    .edit("Sec-WebSocket-Protocol: sample", "^Sec-WebSocket-Protocol:")
                    .refused(header("Sec-WebSocket-Protocol", Invalid), 400),
                request("a tab", R75)
                    .edit("WebSocket-Protocol: sample", "^WebSocket-Protocol: a\tb")
                    .refused(header("WebSocket-Protocol", Invalid), 400),
                request("no token", R13)
                    .edit(
                        "Sec-WebSocket-Protocol: chat",
                        "^Sec-WebSocket-Protocol: ch@t",
                    )
                    .refused(header("Sec-WebSocket-Protocol", Invalid), 400),
                request("a hole in the list", R13)
                    .edit("Sec-WebSocket-Protocol: chat", "^Sec-WebSocket-Protocol: ")
                    .refused(header("Sec-WebSocket-Protocol", Invalid), 400),
                request("64 KiB", R13)
                    .edit(
                        "Sec-WebSocket-Protocol: chat",
                        [("^Sec-WebSocket-Protocol: ", 1), ("a", 65536)],
                    )
                    .refused(|at| LineTooLong { at, limit: 4096 }, 431),
                request("one twice, which is taken", R13)
                    .edit("superchat", "chat")
                    .says(rfc(), bytes(REPLY)),
            ],
        ),
        row(
            41,
            "malformed extensions",
            [
                // RFC-9.1-1
                request("RFC 6455 has a grammar for them", R13)
                    .edit(END, "\r\n^Sec-WebSocket-Extensions: ;=,\"x\r\n\r\n")
                    .refused(header("Sec-WebSocket-Extensions", Invalid), 400),
                request("Hixie-76 knows of none", R76)
                    .edit(END, "\r\nSec-WebSocket-Extensions: ;=,\"x\r\n\r\n")
                    .then(KEY3)
                    .says(events, sent),
                request("a name like any other", R13)
                    .edit(
                        END,
                        "\r\nSec-WebSocket-Extensions: constructor; __proto__\r\n\r\n",
                    )
                    .says(rfc(), bytes(REPLY)),
            ],
        ),
        row(
            42,
            "bytes behind a request that nobody has answered: they stay the caller's",
            [
                // H76-4
                request("", R76)
                    .then("^n:ds[4U\0Hello")
                    .unanswered()
                    .says([asked(Hixie76, "/demo")], Nothing),
                request("", R75)
                    .then("\0Hello")
                    .unanswered()
                    .says([asked(Hixie75, "/demo")], Nothing),
                request("", R13)
                    .then(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
                    .unanswered()
                    .says([asked(Rfc6455, "/chat")], Nothing),
            ],
        ),
    ]
}

fn replies() -> Vec<Row> {
    let status = |to: &'static str, status| {
        reply("", Hixie76, None)
            .edit("101 WebSocket Protocol Handshake", to)
            .says([Observed::Closed(Closed::Rejected(status))], Nothing)
    };
    let (upgrade, protocol) = ("Upgrade", "Sec-WebSocket-Protocol");
    let (origin, location) = ("Sec-WebSocket-Origin", "Sec-WebSocket-Location");
    vec![
        row(
            43,
            "a client hears another status than 101",
            [
                // RFC-4.1-11
                status("200 OK", 200),
                status("301 Moved", 301),
                status("401 Unauthorized", 401),
                status("407 Proxy", 407),
                reply("", Rfc6455, None)
                    .edit("101 Switching Protocols", "200 OK")
                    .says([Observed::Closed(Closed::Rejected(200))], Nothing),
            ],
        ),
        row(
            44,
            "a client hears a wrong answer to its challenge",
            [
                // H76-39, RFC-4.1-14
                reply("", Hixie76, None)
                    .then("another answer!!")
                    .fails(ChallengeMismatch { at: 0 }, Nothing),
                reply("", Rfc6455, None)
                    .edit("Sec-WebSocket-Accept: ", "^Sec-WebSocket-Accept: x")
                    .fails_at(header("Sec-WebSocket-Accept", Mismatch), Nothing),
            ],
        ),
        row(
            45,
            "a client hears another origin or location than its own",
            [
                // H76-38
                reply("", Hixie76, None)
                    .edit(
                        "Sec-WebSocket-Origin: http://",
                        "^Sec-WebSocket-Origin: https://",
                    )
                    .fails_at(header(origin, Mismatch), Nothing),
                reply("", Hixie76, None)
                    .edit(
                        "Sec-WebSocket-Location: ws://",
                        "^Sec-WebSocket-Location: wss://",
                    )
                    .fails_at(header(location, Mismatch), Nothing),
                reply("", Hixie75, None)
                    .edit("WebSocket-Location: ws://", "^WebSocket-Location: wss://")
                    .fails_at(header("WebSocket-Location", Mismatch), Nothing),
            ],
        ),
        row(
            46,
            "a client hears a subprotocol that it did not ask for",
            [
                // H76-36, HY-4
                reply("it asked for none", Hixie76, None)
                    .edit(END, "\r\n^Sec-WebSocket-Protocol: default\r\n\r\n")
                    .fails_at(header(protocol, NotRequested), Nothing),
                reply("it asked for another", Hixie76, Some("sample"))
                    .edit(
                        "Sec-WebSocket-Protocol: sample",
                        "^Sec-WebSocket-Protocol: default",
                    )
                    .fails_at(header(protocol, Mismatch), Nothing),
                reply("it asked for none", Rfc6455, None)
                    .edit(END, "\r\n^Sec-WebSocket-Protocol: default\r\n\r\n")
                    .fails_at(header(protocol, NotRequested), Nothing),
            ],
        ),
        row(
            47,
            "a client hears no `Upgrade`, or two",
            [
                // H76-36
                reply("", Hixie76, None)
                    .edit("Upgrade: WebSocket\r\n", "")
                    .fails_at(header(upgrade, Missing), Nothing),
                reply("", Hixie76, None)
                    .edit(END, "\r\n^Upgrade: WebSocket\r\n\r\n")
                    .fails_at(header(upgrade, Duplicate), Nothing),
                reply("", Rfc6455, None)
                    .edit("Upgrade: websocket\r\n", "")
                    .fails_at(header(upgrade, Missing), Nothing),
                reply("", Rfc6455, None)
                    .edit(END, "\r\n^Upgrade: websocket\r\n\r\n")
                    .fails_at(header(upgrade, Duplicate), Nothing),
            ],
        ),
    ]
}

fn hixie_frames() -> Vec<Row> {
    let (hello, bye) = (|| text("Hi"), || bytes(b"\xff\x00"));
    let skipped = |kind, length| Observed::Skipped(kind, length);
    let strict = config!(.strict_utf8(true));
    let frames = config!(.strict_frames(true));
    let closed = || Observed::Closed(Closed::Clean(Close::EMPTY));
    let endless: [(&[u8], usize); 1] = [(b"\x80", 1_000_000)];
    let long = |limit, at| FrameTooLong { at, limit };
    let five = || unfinished("aaaaa");
    vec![
        row(
            48,
            "text past `max_frame`, without waiting for its FF",
            [
                // FR-14
                hixie("", Hixie76, b"\x00aaaaaa")
                    .config(config!(.max_frame_len(5)))
                    .says([five(), protocol_error(long(5, 6))], bye()),
                hixie("", Hixie75, b"\x00aaaaaa")
                    .config(config!(.max_frame_len(5)))
                    .says([five(), protocol_error(long(5, 6))], Nothing),
            ],
        ),
        row(
            49,
            "text that is not UTF-8",
            [
                // FR-10
                hixie("", Hixie76, b"\x00\xc3\x28\xff").says([text("\u{fffd}(")], Nothing),
                hixie("cut within a character", Hixie76, b"\x00\xe2\x82\xff")
                    .says([text("\u{fffd}")], Nothing),
                hixie("", Hixie76, b"\x00H\xc3\x28\xff")
                    .config(strict)
                    .says(
                        [unfinished("H"), protocol_error(InvalidUtf8 { at: 1 })],
                        bye(),
                    ),
                hixie("", Hixie75, b"\x00H\xc3\x28\xff")
                    .config(strict)
                    .says(
                        [unfinished("H"), protocol_error(InvalidUtf8 { at: 1 })],
                        Nothing,
                    ),
            ],
        ),
        row(
            50,
            "a frame of type 01 to 7F",
            [
                // FR-4
                hixie("", Hixie76, b"\x01He\xff\x00Hi\xff")
                    .says([skipped(0x01, 2), hello()], Nothing),
                hixie("", Hixie75, b"\x7f\x00\xff\x00Hi\xff")
                    .says([skipped(0x7f, 1), hello()], Nothing),
                hixie("", Hixie76, b"\x42")
                    .config(frames)
                    .fails(UnknownFrameType { frame_type: 0x42 }, bye()),
            ],
        ),
        row(
            51,
            "a frame with a length",
            [
                // FR-6
                hixie("", Hixie76, b"\x80\x02\x00\xff\x00Hi\xff")
                    .says([skipped(0x80, 2), hello()], Nothing),
                hixie("of 0", Hixie76, b"\x80\x00\x00Hi\xff")
                    .says([skipped(0x80, 0), hello()], Nothing),
                hixie("", Hixie75, b"\xfe\x80\x01?\x00Hi\xff")
                    .says([skipped(0xfe, 1), hello()], Nothing),
                hixie("", Hixie76, b"\x80\x00")
                    .config(frames)
                    .fails(UnknownFrameType { frame_type: 0x80 }, bye()),
            ],
        ),
        row(
            52,
            "a length past `max_frame`, or past the format",
            [
                // FR-7
                hixie("301", Hixie76, b"\x80\x82\x2d")
                    .config(config!(.max_frame_len(300)))
                    .fails(long(300, 2), bye()),
                hixie("301", Hixie75, b"\x80\x82\x2d")
                    .config(config!(.max_frame_len(300)))
                    .fails(long(300, 2), Nothing),
                hixie(
                    "2^63",
                    Hixie76,
                    b"\x80\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00",
                )
                .fails(long(MOST, 10), bye()),
                hixie(
                    "2^64",
                    Hixie76,
                    b"\x80\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00",
                )
                .fails(long(MOST, 10), bye()),
                hixie("", Hixie76, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00")
                    .fails(long(MOST, 10), bye()),
                hixie("without end", Hixie76, endless).fails(InvalidLength { at: 10 }, bye()),
                hixie("without end", Hixie75, endless).fails(InvalidLength { at: 10 }, Nothing),
            ],
        ),
        row(
            53,
            "type FF with a length, which closes nothing",
            [
                // FR-8
                hixie("", Hixie76, b"\xff\x01?\x00Hi\xff")
                    .says([skipped(0xff, 1), hello()], Nothing),
            ],
        ),
        row(
            54,
            "FF 00 in Hixie-75, which has no close frame",
            [
                // FR-9
                hixie("", Hixie75, b"\xff\x00\x00Hi\xff")
                    .says([skipped(0xff, 0), hello()], Nothing),
            ],
        ),
        row(
            55,
            "bytes behind FF 00",
            [
                // CL-4
                hixie("", Hixie76, b"\xff\x00\x00Hi\xff").says([closed()], bye()),
                hixie("two of them", Hixie76, b"\xff\x00\xff\x00").says([closed()], bye()),
            ],
        ),
        row(
            56,
            "the end of file without a close frame",
            [
                // CL-8
                hixie("", Hixie76, b"\x00Hi\xff")
                    .eof()
                    .says([hello(), eof(Phase::Open)], Nothing),
                hixie("", Hixie75, b"\x00Hi\xff")
                    .eof()
                    .says([hello(), eof(Phase::Open)], Nothing),
                from_server("", b"\x81\x02Hi")
                    .eof()
                    .says([hello(), eof(Phase::Open)], Nothing),
            ],
        ),
        row(
            57,
            "the end of file within a frame",
            [
                // CL-10
                hixie("text", Hixie76, b"\x00Hi")
                    .eof()
                    .says([unfinished("Hi"), eof(Phase::InMessage)], Nothing),
                hixie("skipped", Hixie76, b"\x80\x05ab")
                    .eof()
                    .says([eof(Phase::InMessage)], Nothing),
                hixie("half a close frame", Hixie76, b"\xff")
                    .eof()
                    .says([eof(Phase::InMessage)], Nothing),
                from_server("header", b"\x81")
                    .eof()
                    .says([eof(Phase::InMessage)], Nothing),
                from_server("message", b"\x01\x02Hi")
                    .eof()
                    .says([unfinished("Hi"), eof(Phase::InMessage)], Nothing),
            ],
        ),
        row(
            58,
            "text with the character U+00FF, which is not the byte FF",
            [
                // FR-11
                done(
                    End::Open(Role::Server, Hixie76),
                    call!(c.send_text("\u{ff}")),
                    b"\x00\xc3\xbf\xff",
                ),
                done(
                    End::Open(Role::Client, Hixie75),
                    call!(c.send_text("\0\u{10ffff}")),
                    b"\x00\x00\xf4\x8f\xbf\xbf\xff",
                ),
            ],
        ),
        row(59, "what Hixie-75 and Hixie-76 have not", hixie_has_not()), // FR-12
    ]
}

fn hixie_has_not() -> Vec<Case> {
    let mut cases = Vec::new();
    for dialect in [Hixie75, Hixie76] {
        let unsupported = Refused::Unsupported(dialect);
        let end = End::Open(Role::Server, dialect);
        cases.extend(calls(
            end,
            "",
            &[
                (call!(c.send_binary(b"a")), unsupported),
                (call!(c.send_ping(b"a")), unsupported),
                (call!(c.send_pong(b"a")), unsupported),
                (call!(c.send_text_fragment("a", false)), unsupported),
            ],
        ));
    }
    // CL-8: a code is ignored; CL-20: Hixie-75 writes nothing.
    let close: Call = call!(c.close(&Close::new(1000, "bye")));
    cases.push(done(End::Open(Role::Server, Hixie76), close, b"\xff\x00"));
    cases.push(done(End::Open(Role::Server, Hixie75), close, ""));
    cases
}

fn rfc_frames() -> Vec<Row> {
    let wrong = Reply::Close(1002);
    let wrong = || wrong.clone();
    let (bad_text, too_big) = (|| Reply::Close(1007), || Reply::Close(1009));
    vec![
        row(
            60,
            "a client's frame without a mask, a server's with one",
            [
                // HY-5
                from_client("", b"\x81\x05").fails(UnmaskedFrameFromClient, wrong()),
                from_server("", b"\x81\x85").fails(MaskedFrameFromServer, wrong()),
            ],
        ),
        row(
            61,
            "a reserved bit, an opcode without a meaning",
            [
                // HY-6
                from_server("", b"\xc1").fails(ReservedBits { byte: 0xc1 }, wrong()),
                from_client("", b"\x91").fails(ReservedBits { byte: 0x91 }, wrong()),
                from_server("", b"\x83").fails(UnknownOpcode { opcode: 0x3 }, wrong()),
                from_server("", b"\x87").fails(UnknownOpcode { opcode: 0x7 }, wrong()),
                from_client("", b"\x8b").fails(UnknownOpcode { opcode: 0xb }, wrong()),
                from_client("", b"\x8f").fails(UnknownOpcode { opcode: 0xf }, wrong()),
            ],
        ),
        row(
            62,
            "a control frame too long, or in fragments",
            [
                // HY-6
                from_server("", b"\x89\x7e").fails(Control { opcode: 0x9 }, wrong()),
                from_client("", b"\x88\xff").fails(Control { opcode: 0x8 }, wrong()),
                from_server("", b"\x09").fails(Control { opcode: 0x9 }, wrong()),
            ],
        ),
        row(
            63,
            "a length longer than need be, or of more than 63 bits",
            [
                // HY-6
                from_server("", b"\x81\x7e\x00\x7d").fails(InvalidLength { at: 3 }, wrong()),
                from_client("", b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff")
                    .fails(InvalidLength { at: 9 }, wrong()),
                from_server("", b"\x82\x7f\x80").fails(InvalidLength { at: 2 }, wrong()),
                heard(
                    "HyBi-8 takes the long form",
                    End::Open(Role::Client, HyBi8),
                    None,
                )
                .then(b"\x81\x7e\x00\x02Hi")
                .says([text("Hi")], Nothing),
            ],
        ),
        row(
            64,
            "a frame out of turn",
            [
                // HY-7
                from_server("a continuation first", b"\x80")
                    .fails(OutOfTurn { opcode: 0 }, wrong()),
                from_server("a message within another", b"\x01\x02Hi\x81").says(
                    [unfinished("Hi"), protocol_error(OutOfTurn { opcode: 1 })],
                    wrong(),
                ),
            ],
        ),
        row(
            65,
            "text that is not UTF-8",
            [
                // HY-7
                from_server("", b"\x81\x03H\xc3\x28").says(
                    [unfinished("H"), protocol_error(InvalidUtf8 { at: 1 })],
                    bad_text(),
                ),
                from_server("at the first impossible byte", b"\x81\x7d\xc3\x28")
                    .fails(InvalidUtf8 { at: 0 }, bad_text()),
                from_server("over two frames", b"\x01\x01\xe2\x00\x01\x28")
                    .fails(InvalidUtf8 { at: 0 }, bad_text()),
                from_client("with a mask", b"\x81\x82\x01\x02\x03\x04\xc2\x2a")
                    .fails(InvalidUtf8 { at: 0 }, bad_text()),
                from_server(
                    "cut within a character, which is fine",
                    b"\x01\x01\xe2\x80\x02\x98\x83",
                )
                .says([text("\u{2603}")], Nothing),
            ],
        ),
        row(
            66,
            "a bad close frame",
            [
                // HY-8
                from_server("one byte", b"\x88\x01\x03").fails(InvalidCloseLength, wrong()),
                from_server("", b"\x88\x02\x03\xe7").fails(InvalidCloseCode { code: 999 }, wrong()),
                from_server("", b"\x88\x02\x03\xed")
                    .fails(InvalidCloseCode { code: 1005 }, wrong()),
                from_server("", b"\x88\x02\x03\xf7")
                    .fails(InvalidCloseCode { code: 1015 }, wrong()),
                from_server("a bad reason", b"\x88\x04\x03\xe8\xc3\x28")
                    .fails(InvalidUtf8 { at: 2 }, bad_text()),
                from_server("a good one, for comparison", b"\x88\x04\x03\xe8ok")
                    .says([clean(1000, "ok")], Reply::Close(1000)),
            ],
        ),
        row(
            67,
            "a frame past `max_frame`, by its header alone",
            [
                // HY-7
                from_client("", b"\x81\xfe\x00\x7e\x00\x00\x00\x00")
                    .config(config!(.max_frame_len(125)))
                    .fails(FrameTooLong { at: 1, limit: 125 }, too_big()),
                from_server("2^63 - 1", b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")
                    .config(config!(.max_frame_len(1048576)))
                    .fails(
                        FrameTooLong {
                            at: 1,
                            limit: 1_048_576,
                        },
                        too_big(),
                    ),
            ],
        ),
        row(
            68,
            "a million pings, and nobody takes the pongs: as many as `high_water` has room for",
            [
                // HY-7
                done(
                    End::Open(Role::Server, Rfc6455),
                    (a_million_pings, "receive of 89 80 .. a million times"),
                    [(&b"\x8a\x00"[..], 32 * 1024 + 1)],
                ),
            ],
        ),
    ]
}

fn a_million_pings(conn: &mut Connection) -> Result<(), Refused> {
    for _ in 0..1_000 {
        let mut pings = b"\x89\x80\0\0\0\0".repeat(1_000);
        let mut input = &mut pings[..];
        while conn.receive(&mut input).is_some() {}
    }
    Ok(())
}

fn calls_late() -> Vec<Row> {
    let late = |end, bytes: &[u8]| {
        let parts = Parts(vec![(bytes.to_vec(), 1)]);
        let (closing, none) = (Refused::Closing, Refused::NoRequest);
        calls(
            end,
            parts,
            &[
                (call!(c.send_text("a")), closing),
                (call!(c.send_text_vectored("a").map(drop)), closing),
                (call!(c.close(&Close::EMPTY)), closing),
                (call!(c.accept(&AcceptOptions::new())), none),
                (call!(c.respond(&Response::new(404))), none),
            ],
        )
    };
    let mut after = Vec::new();
    after.extend(late(End::Server, b"POST / HTTP/1.1\r\n"));
    after.extend(late(End::Open(Role::Server, Hixie76), b"\xff\x00"));
    after.extend(late(End::Open(Role::Client, Rfc6455), b"\xc1"));
    let ends = [
        End::Server,
        End::Client(Hixie76, None),
        End::Open(Role::Server, Hixie75),
        End::Open(Role::Server, Hixie76),
        End::Open(Role::Client, Rfc6455),
    ];
    let nothing = (empty as fn(&mut Connection) -> _, "receive of no byte");
    vec![
        row(69, "a call behind a fatal error or a close", after), // FR-16, CL-3
        row(
            70,
            "no byte, which is not the end of file",
            ends.map(|end| done(end, nothing, "")),
        ), // CL-11
    ]
}

fn further() -> Vec<Row> {
    let other = |what, bytes: &'static [u8]| heard(what, End::Server, None).then([(bytes, 1)]);
    let policy = "<policy-file-request/>\0";
    vec![
        row(
            71,
            "a TLS hello on a plain port",
            [
                // PX-3
                other("", b"\x16\x03\x01\x02\x00").fails(ProtocolError::TlsClientHello, Nothing),
                other("SSLv2", b"\x80\x2e\x01\x03\x01")
                    .fails(ProtocolError::TlsClientHello, Nothing),
            ],
        ),
        row(
            72,
            "a request for a Flash policy",
            [
                // PX-1
                other("where none is set", policy.as_bytes())
                    .fails(ProtocolError::FlashPolicyRequest, Nothing),
                other("where one is set", policy.as_bytes())
                    .config(config!(.flash_policy("<cross-domain-policy/>")))
                    .says(
                        [Observed::Closed(Closed::FlashPolicy)],
                        bytes("<cross-domain-policy/>\0"),
                    ),
                other("nearly one", b"<policy-file-request>\0")
                    .fails(start_line(20), Refusal(400, VERSIONS)),
            ],
        ),
        row(
            73,
            "a message in too many frames, empty ones among them",
            [
                // HY-7
                from_server("", b"\x01\x00\x00\x00\x00\x00")
                    .config(config!(.max_fragments(2)))
                    .fails(TooManyFragments { limit: 2 }, Reply::Close(1009)),
            ],
        ),
    ]
}

fn empty(conn: &mut Connection) -> Result<(), Refused> {
    let before = format!("{conn:?}");
    assert!(conn.receive(&mut &mut [][..]).is_none());
    assert_eq!(format!("{conn:?}"), before);
    Ok(())
}
