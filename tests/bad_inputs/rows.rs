//! The rows, according to the rules of docs/wire.md. A `^` marks the offset in the error.

use std::error::Error;

use hybi::{
    AcceptError, AcceptOptions, Close, Closed, Config, Connection, Dialect, Dialects,
    HeaderErrorKind, LineErrorKind, Phase, RespondError, Response, SendError,
};
use testkit::*;

use super::row::{
    Base, CallCase, Case, InputCase, NamedConfig, Output, Pattern, Row, Setup, Subprotocol,
    error_text,
};

use Base::{Page, R13, R75, R76};
use Dialect::{Hixie75, Hixie76, HyBi8, Rfc6455};
use HeaderErrorKind::{Duplicate, Invalid, Mismatch, Missing, NotRequested};
use LineErrorKind::{BareCr, BareLf, Name, ObsFold, Value};
use Output::{ErrorResponse, Nothing};
use ProtocolError::{
    ChallengeMismatch, ControlTooLong, DialectNotEnabled, ExpectedContinuation, FragmentedControl,
    FrameTooLong, HeadTooLong, InvalidCloseCode, InvalidCloseLength, InvalidLength,
    InvalidStartLine, InvalidUtf8, LineTooLong, MaskedFrameFromServer, NotWebSocket, ReservedBits,
    TooManyFragments, TooManyHeaders, TooManyInterimResponses, UnexpectedContinuation,
    UnknownFrameType, UnknownOpcode, UnmaskedFrameFromClient, UnsupportedMethod,
};

macro_rules! config {
    ($($calls:tt)*) => { (Config::new() $($calls)*, stringify!($($calls)*)) };
}

macro_rules! call {
    ($conn:ident.$($call:tt)*) => { (|$conn: &mut Connection| $conn.$($call)*.map_err(error_text), stringify!($($call)*)) };
}

const DEFAULT: NamedConfig = config!();
const ALL: NamedConfig = config!(.dialects(Dialects::ALL));

/// The largest length, 2^63 - 1.
const MAX_LENGTH: u64 = i64::MAX as u64;

const KEY3: &str = "^n:ds[4U";
const KEY1: &str = "Key1: 4 @1  46546xW%0l 1 5";
const KEY2: &str = "Key2: 12998 5 Y3 1  .P00";
const ORIGIN: &str = "Origin: http://example.com";
const END: &str = "\r\n\r\n";

/// The challenge response to key3 of the draft if both key parts are 0, and if both are 4294967295.
const RESPONSE_TO_ZERO: &[u8] = b"\x30\x51\x12\xde\x3e\x55\x1a\x5d\x07\x04\x16\xac\xd8\x57\x9f\xbc";
const RESPONSE_TO_MAX: &[u8] = b"\xf3\xdc\x6e\x12\x11\x75\xd8\xb7\xa7\x42\x4b\xc8\x40\x6f\xeb\xc8";

/// The challenge response to the keys of the draft if key3 is `GET / HT`.
const RESPONSE_TO_GET: &[u8] = b"\xc7\xef\x6f\xb0\xa4\x63\xfe\x5a\xe9\x33\xe9\x1c\xf8\x3b\x98\xbf";

fn input(description: &'static str, setup: Setup, base: Option<Base>) -> InputCase {
    InputCase {
        description,
        setup,
        config: DEFAULT,
        base,
        edits: Vec::new(),
        then: Pattern::default(),
        eof: false,
        unanswered: false,
        events: Vec::new(),
        output: Nothing,
    }
}

/// A request that a server receives.
fn request(description: &'static str, base: Base) -> InputCase {
    let config = if base == R75 { ALL } else { DEFAULT };
    input(description, Setup::Server, Some(base)).config(config)
}

/// A response that a client receives.
fn response(description: &'static str, dialect: Dialect, protocol: Subprotocol) -> InputCase {
    input(
        description,
        Setup::Client(dialect, protocol),
        Some(Base::Response),
    )
}

/// Frames that a server of a Hixie dialect receives.
fn hixie(description: &'static str, dialect: Dialect, bytes: impl Into<Pattern>) -> InputCase {
    input(description, Setup::Open(Role::Server, dialect), None).then(bytes)
}

/// Frames that a server of RFC 6455 receives.
fn from_client(description: &'static str, bytes: impl Into<Pattern>) -> InputCase {
    hixie(description, Rfc6455, bytes)
}

/// Frames that a client of RFC 6455 receives.
fn from_server(description: &'static str, bytes: impl Into<Pattern>) -> InputCase {
    input(description, Setup::Open(Role::Client, Rfc6455), None).then(bytes)
}

type Call = (fn(&mut Connection) -> Result<(), String>, &'static str);

fn calls(
    setup: Setup,
    bytes: impl Into<Pattern> + Clone,
    calls: &[(Call, &dyn Error)],
) -> Vec<Case> {
    let case = |((call, text), error): &(Call, &dyn Error)| {
        Case::Call(CallCase {
            setup,
            config: DEFAULT,
            input: bytes.clone().into(),
            call: *call,
            text,
            result: Err(error_text(error)),
            sent: Pattern::default(),
        })
    };
    calls.iter().map(case).collect()
}

/// A successful call, and its output.
fn succeeds(setup: Setup, (call, text): Call, sent: impl Into<Pattern>) -> Case {
    Case::Call(CallCase {
        setup,
        config: DEFAULT,
        input: Pattern::default(),
        call,
        text,
        result: Ok(()),
        sent: sent.into(),
    })
}

fn requested(dialect: Dialect, resource: &str) -> Observed {
    Observed::Request(Some(dialect), resource.to_owned())
}

fn opened(dialect: Dialect, resource: &str) -> [Observed; 2] {
    [requested(dialect, resource), Observed::Open(dialect)]
}

/// The events and output for the request of the draft.
fn accepted_76() -> (Vec<Observed>, Output) {
    challenge_answered(DRAFT_76_CHALLENGE_RESPONSE)
}

fn challenge_answered(challenge_response: &[u8]) -> (Vec<Observed>, Output) {
    let sent = [(DRAFT_76_RESPONSE.as_bytes(), 1), (challenge_response, 1)];
    (opened(Hixie76, "/demo").into(), Output::Bytes(sent.into()))
}

/// The output for the request of the draft without `Origin`.
fn without_origin() -> Output {
    let line = "Sec-WebSocket-Origin: http://example.com\r\n";
    let head = replace_once(DRAFT_76_RESPONSE, line, "");
    bytes(Pattern(vec![(
        [head, DRAFT_76_CHALLENGE_RESPONSE.to_vec()].concat(),
        1,
    )]))
}

fn bytes(bytes: impl Into<Pattern>) -> Output {
    Output::Bytes(bytes.into())
}

fn start_line(at: u32) -> ProtocolError {
    ProtocolError::InvalidStartLine { at }
}

fn version(major: u8, minor: u8) -> impl Fn(u32) -> ProtocolError {
    move |at| ProtocolError::UnsupportedHttpVersion { at, major, minor }
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

fn incomplete(text: &str) -> Observed {
    Observed::IncompleteText(text.to_owned())
}

fn row(number: usize, description: &'static str, cases: impl Into<Vec<Case>>) -> Row {
    Row {
        number,
        description,
        cases: cases.into(),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    [
        request_lines(),
        lines(),
        keys(),
        fields(),
        responses(),
        hixie_frames(),
        rfc_frames(),
        late_calls(),
        other_protocols(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn request_lines() -> Vec<Row> {
    let eof = || [unexpected_eof(Phase::Handshaking)];
    let empty = || input("", Setup::Server, None).eof();
    vec![
        row(1, "EOF without input", [empty().gives(eof(), Nothing)]),
        row(
            2,
            "EOF during the handshake",
            [
                // H76-19
                input("in the request line", Setup::Server, None)
                    .then("GET /de")
                    .eof()
                    .gives(eof(), Nothing),
                input("in a field", Setup::Server, None)
                    .then("GET /demo HTTP/1.1\r\nHost: exam")
                    .eof()
                    .gives(eof(), Nothing),
                request("in key3 of Hixie-76", R76)
                    .then("^n:ds[4")
                    .eof()
                    .gives(
                        [
                            requested(Hixie76, "/demo"),
                            unexpected_eof(Phase::Handshaking),
                        ],
                        bytes(DRAFT_76_RESPONSE),
                    ),
            ],
        ),
        row(
            3,
            "method other than GET",
            [
                // RQ-1
                request("POST", R76)
                    .edit("GET ", "POST ")
                    .rejected(always(UnsupportedMethod), 405),
                request("lower case", R76)
                    .edit("GET ", "get ")
                    .rejected(always(UnsupportedMethod), 405),
                request("POST", R13)
                    .edit("GET ", "POST ")
                    .rejected(always(UnsupportedMethod), 405),
            ],
        ),
        row(
            4,
            "unsupported HTTP version",
            [
                // RQ-3
                request("1.0", R76)
                    .edit("HTTP/1.1", "^HTTP/1.0")
                    .rejected(version(1, 0), 505),
                request("2.0", R76)
                    .edit("HTTP/1.1", "^HTTP/2.0")
                    .rejected(version(2, 0), 505),
                request("1.10", R76)
                    .edit("HTTP/1.1", "^HTTP/1.10")
                    .rejected(version(1, 10), 505),
                request("1.0", R13)
                    .edit("HTTP/1.1", "^HTTP/1.0")
                    .rejected(version(1, 0), 505),
            ],
        ),
        row(
            5,
            "malformed request line",
            [
                // RQ-1
                request("two spaces before the target", R76)
                    .edit("GET /", "GET ^ /")
                    .rejected(start_line, 400),
                request("two spaces after the target", R76)
                    .edit(" HTTP", " ^ HTTP")
                    .rejected(start_line, 400),
                request("tab", R76)
                    .edit("GET /", "GET^\t/")
                    .rejected(start_line, 400),
                request("no target", R76)
                    .edit("/demo ", "^")
                    .rejected(start_line, 400),
                request("no version", R76)
                    .edit(" HTTP/1.1", "^")
                    .rejected(start_line, 400),
                request("only the method", R76)
                    .edit("GET /demo HTTP/1.1", "GET^")
                    .rejected(start_line, 400),
            ],
        ),
    ]
}

fn lines() -> Vec<Row> {
    let long = Pattern::from([("GET /", 1), ("a", 4082), (" HTTP/1.1\r\n", 1)]);
    vec![
        row(
            6,
            "bare LF at the end of a line",
            [
                // RQ-5
                request("request line", R76)
                    .edit("HTTP/1.1\r\n", "HTTP/1.1^\n")
                    .rejected(line(BareLf), 400),
                request("field line", R76)
                    .edit("example.com\r\nC", "example.com^\nC")
                    .rejected(line(BareLf), 400),
                request("blank line", R76)
                    .edit(END, "\r\n^\n")
                    .rejected(line(BareLf), 400),
            ],
        ),
        row(
            7,
            "bare CR within a line",
            [
                // RQ-5
                request("in a value", R76)
                    .edit("Host: exam", "Host: ex^\ram")
                    .rejected(line(BareCr), 400),
                request("in a name", R76)
                    .edit("Host:", "Ho^\rst:")
                    .rejected(line(BareCr), 400),
            ],
        ),
        row(
            8,
            "empty lines before the request line",
            [
                // RQ-6
                request("one, which is accepted", R13)
                    .edit("GET /", "\r\nGET /")
                    .gives(opened(Rfc6455, "/chat"), bytes(RFC6455_RESPONSE)),
                request("two", R76)
                    .edit("GET /", "\r\n^\r\nGET /")
                    .rejected(start_line, 400),
            ],
        ),
        row(
            9,
            "space before the colon",
            [
                // RQ-7
                request("", R76)
                    .edit("Host:", "Host^ :")
                    .rejected(line(Name), 400),
            ],
        ),
        row(
            10,
            "continuation line",
            [
                // RQ-10
                request("space", R76)
                    .edit("Host: ", "Host:\r\n^ ")
                    .rejected(line(ObsFold), 400),
                request("tab", R76)
                    .edit("Host: ", "Host:\r\n^\t")
                    .rejected(line(ObsFold), 400),
            ],
        ),
        row(
            11,
            "invalid field name",
            [
                // RQ-7
                request("empty", R76)
                    .edit("Host:", "^:")
                    .rejected(line(Name), 400),
                request("not a token", R76)
                    .edit("Host:", "Ho^(st:")
                    .rejected(line(Name), 400),
                request("non-ASCII", R76)
                    .edit("Host:", b"Ho^\x80st:")
                    .rejected(line(Name), 400),
                request("no colon", R76)
                    .edit(END, "\r\nHost^\r\n\r\n")
                    .rejected(line(Name), 400),
            ],
        ),
        row(
            12,
            "control character in a value",
            [
                // RQ-11
                request("NUL", R76)
                    .edit("Host: exam", "Host: ex^\0am")
                    .rejected(line(Value), 400),
                request("DEL", R76)
                    .edit("Host: exam", "Host: ex^\x7fam")
                    .rejected(line(Value), 400),
                request("escape", R76)
                    .edit(ORIGIN, "Origin: ^\x1b[31m")
                    .rejected(line(Value), 400),
            ],
        ),
        row(
            13,
            "head longer than `max_head_len`",
            [
                // RQ-19
                input("16,385 bytes", Setup::Server, None)
                    .then([
                        ("GET / HTTP/1.1\r\nX: ", 1),
                        ("y", 8179),
                        ("\r\nX: ", 1),
                        ("y", 8179),
                        ("\r\nX", 1),
                    ])
                    .fails(HeadTooLong { limit: 16_384 }, ErrorResponse(431, VERSIONS)),
                request("one byte over the limit", R13)
                    .config(config!(.max_head_len(229)))
                    .rejected(always(HeadTooLong { limit: 229 }), 431),
            ],
        ),
        row(
            14,
            "too many fields, or line too long",
            [
                // RQ-19
                request("101 fields", R76)
                    .edit(END, [("\r\n", 1), ("X: y\r\n", 94), ("\r\n", 1)])
                    .rejected(always(TooManyHeaders { limit: 100 }), 431),
                request("request line of 4097 bytes", R76)
                    .config(config!(.max_header_line_len(4096)))
                    .edit("GET /demo HTTP/1.1\r\n", long)
                    .rejected(always(LineTooLong { at: 0, limit: 4096 }), 431),
                request("field line of 4097 bytes", R76)
                    .config(config!(.max_header_line_len(4096)))
                    .edit(END, [("\r\n^X: ", 1), ("y", 4092), (END, 1)])
                    .rejected(|at| LineTooLong { at, limit: 4096 }, 431),
            ],
        ),
    ]
}

fn keys() -> Vec<Row> {
    let (name1, name2) = ("Sec-WebSocket-Key1", "Sec-WebSocket-Key2");
    let not_multiple = |number, spaces| KeyErrorKind::NotMultiple { number, spaces };
    let (valid_events, valid_output) = accepted_76();
    let (zero_events, zero_output) = challenge_answered(RESPONSE_TO_ZERO);
    let (max_events, max_output) = challenge_answered(RESPONSE_TO_MAX);
    vec![
        row(
            15,
            "key without digits",
            [
                // KEY-6
                request("", R76)
                    .edit(KEY1, "Key1: a b")
                    .rejected(key(name1, KeyErrorKind::NoDigits), 400),
                request("", R76)
                    .edit(KEY2, "Key2: a b")
                    .rejected(key(name2, KeyErrorKind::NoDigits), 400),
            ],
        ),
        row(
            16,
            "key without spaces",
            [
                // KEY-3
                request("", R76)
                    .edit(KEY1, "Key1: 4@146546xW%0l15")
                    .rejected(key(name1, KeyErrorKind::NoSpaces), 400),
                request("", R76)
                    .edit(KEY2, "Key2: 12")
                    .rejected(key(name2, KeyErrorKind::NoSpaces), 400),
                request("tab instead of a space", R76)
                    .edit(KEY1, "Key1: 1\t2")
                    .rejected(key(name1, KeyErrorKind::NoSpaces), 400),
            ],
        ),
        row(
            17,
            "key number that is not a multiple of its spaces",
            [
                // KEY-4
                request("", R76)
                    .edit(KEY1, "Key1: 1 0 1")
                    .rejected(key(name1, not_multiple(101, 2)), 400),
                request("", R76)
                    .edit(KEY2, "Key2: 12998  5 Y3 1  .P00")
                    .rejected(key(name2, not_multiple(1_299_853_100, 6)), 400),
            ],
        ),
        row(
            18,
            "key number above 4294967295",
            [
                // KEY-5
                request("by one", R76)
                    .edit(KEY1, "Key1: 4294967296 ")
                    .rejected(key(name1, KeyErrorKind::TooBig), 400),
                request("quotient below the limit", R76)
                    .edit(KEY2, "Key2: 8589934590!  !")
                    .rejected(key(name2, KeyErrorKind::TooBig), 400),
                request("over 64 bits", R76)
                    .edit(KEY1, "Key1: 18446744073709551617 ")
                    .rejected(key(name1, KeyErrorKind::TooBig), 400),
            ],
        ),
        row(
            19,
            "key with 8000 digits",
            [
                request("over `max_header_line_len`", R76)
                    .config(config!(.max_header_line_len(4096)))
                    .edit(
                        "Sec-WebSocket-Key1: 4 @1",
                        [("^Sec-WebSocket-Key1: ", 1), ("9", 8000)],
                    )
                    .rejected(|at| LineTooLong { at, limit: 4096 }, 431),
                request("below `max_header_line_len`", R76)
                    .edit(KEY1, [("Key1: ", 1), ("9", 8000), (" ", 1)])
                    .rejected(key(name1, KeyErrorKind::TooBig), 400),
            ],
        ),
        row(
            20,
            "key number 0, which is valid",
            [
                // KEY-7
                request("", R76)
                    .edit(KEY1, "Key1: 0 0")
                    .edit(KEY2, "Key2: 0 0")
                    .then(KEY3)
                    .gives(zero_events, zero_output),
            ],
        ),
        row(
            21,
            "spaces around a key: all but one after the colon belong to the key",
            [
                // RQ-8, KEY-2
                request("leading space", R76)
                    .edit(KEY1, "Key1:  4294967295")
                    .edit(KEY2, "Key2:  4294967295")
                    .then(KEY3)
                    .gives(max_events.clone(), max_output.clone()),
                request("trailing space", R76)
                    .edit(KEY1, "Key1: 4294967295 ")
                    .edit(KEY2, "Key2:4294967295 ")
                    .then(KEY3)
                    .gives(max_events, max_output),
                request("inner and trailing space", R76)
                    .edit(KEY1, "Key1: 12 5 ")
                    .rejected(key(name1, not_multiple(125, 2)), 400),
            ],
        ),
        row(
            22,
            "non-ASCII bytes in a key, which are ignored",
            [
                // KEY-1, RQ-11
                request("", R76)
                    .edit("Key1: 4", b"Key1: \x80\xff4")
                    .then(KEY3)
                    .gives(valid_events, valid_output),
            ],
        ),
        row(
            23,
            "only one of two keys",
            [
                request("no Key2", R76)
                    .edit("Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n", "")
                    .rejected(header(name2, Missing), 400),
                request("no Key1", R76)
                    .edit("Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n", "")
                    .rejected(header(name1, Missing), 400),
            ],
        ),
    ]
}

fn fields() -> Vec<Row> {
    let length = "Content-Length";
    let (events, sent) = accepted_76();
    let rfc = || opened(Rfc6455, "/chat");
    let later_key = "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let later =
        "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let with_length = |value: &'static str| {
        let field = [("\r\n^Content-Length: ", 1), (value, 1), (END, 1)];
        request("", R76)
            .edit(END, field)
            .rejected(header(length, Invalid), 400)
    };
    let with_host = |description, value: &'static str| {
        request(description, R76)
            .edit("Host: example.com", [("^Host: ", 1), (value, 1)])
            .rejected(header("Host", Invalid), 400)
    };
    let with_key = |description, value: &'static str| {
        request(description, R13)
            .edit(
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                [("^Sec-WebSocket-Key: ", 1), (value, 1)],
            )
            .rejected(header("Sec-WebSocket-Key", Invalid), 400)
    };
    vec![
        row(
            24,
            "duplicate field",
            [
                // RQ-12
                request("", R76)
                    .edit(END, "\r\n^Sec-WebSocket-Key1: 1 1\r\n\r\n")
                    .rejected(header("Sec-WebSocket-Key1", Duplicate), 400),
                request("", R76)
                    .edit(END, "\r\n^Host: example.com\r\n\r\n")
                    .rejected(header("Host", Duplicate), 400),
                request("", R76)
                    .edit(END, "\r\n^origin: null\r\n\r\n")
                    .rejected(header("Origin", Duplicate), 400),
                request("", R76)
                    .edit(END, "\r\n^Upgrade: WebSocket\r\n\r\n")
                    .rejected(header("Upgrade", Duplicate), 400),
                request("", R13)
                    .edit(END, "\r\n^Sec-WebSocket-Key: x\r\n\r\n")
                    .rejected(header("Sec-WebSocket-Key", Duplicate), 400),
                request("", R13)
                    .edit(END, "\r\n^Sec-WebSocket-Version: 8\r\n\r\n")
                    .rejected(header("Sec-WebSocket-Version", Duplicate), 400),
            ],
        ),
        row(
            25,
            "keys of two dialects",
            [
                request("without a version", R76)
                    .edit(END, later_key)
                    .rejected(header("Sec-WebSocket-Version", Missing), 400),
                request("with a version, which selects the dialect", R76)
                    .edit(END, later)
                    .edit("Sec-WebSocket-Protocol: sample\r\n", "")
                    .gives(opened(Rfc6455, "/demo"), bytes(RFC6455_RESPONSE)), // HY-1
            ],
        ),
        row(
            26,
            "Hixie-75 disabled, as it is by default",
            [request("", R75)
                .config(DEFAULT)
                .rejected(always(DialectNotEnabled { dialect: Hixie75 }), 426)],
        ),
        row(
            27,
            "other dialects disabled",
            [
                // HY-9
                request("", R76)
                    .config(config!(.dialects(Dialects::NONE.with(Dialect::Rfc6455))))
                    .fails(
                        DialectNotEnabled { dialect: Hixie76 },
                        ErrorResponse(426, "13"),
                    ),
                request("", R13)
                    .config(config!(.dialects(Dialects::NONE.with(Dialect::Hixie76))))
                    .fails(
                        DialectNotEnabled { dialect: Rfc6455 },
                        ErrorResponse(426, ""),
                    ),
            ],
        ),
        row(
            28,
            "missing or unsupported `Upgrade`",
            [
                // RQ-14
                request("missing", R76)
                    .edit("Upgrade: WebSocket\r\n", "")
                    .rejected(always(NotWebSocket), 426),
                request("plain HTTP", Page).rejected(always(NotWebSocket), 426),
                request("other value", R76)
                    .edit("Upgrade: WebSocket", "^Upgrade: h2c")
                    .rejected(header("Upgrade", Invalid), 426),
                request("list", R13)
                    .edit("Upgrade: websocket", "^Upgrade: h2c, websocket")
                    .rejected(header("Upgrade", Invalid), 426),
                request("plain HTTP that offers HTTP/2", Page)
                    .edit(END, "\r\n^Upgrade: h2c\r\n\r\n")
                    .rejected(header("Upgrade", Invalid), 426),
            ],
        ),
        row(
            29,
            "`Connection` without `upgrade`",
            [
                // RQ-15
                request("missing", R76)
                    .edit("Connection: Upgrade\r\n", "")
                    .rejected(header("Connection", Missing), 400),
                request("other value", R76)
                    .edit("Connection: Upgrade", "^Connection: keep-alive")
                    .rejected(header("Connection", Invalid), 400),
            ],
        ),
        row(
            30,
            "missing or malformed `Host`",
            [
                // RQ-16
                request("missing", R76)
                    .edit("Host: example.com\r\n", "")
                    .rejected(header("Host", Missing), 400),
                with_host("space", "exam ple.com"),
                with_host("slash", "example.com/x"),
                with_host("invalid port", "example.com:0x50"),
                with_host("empty", ""),
                with_host("port alone", ":80"),
                with_host("port over 65535", "example.com:99999"),
                with_host("two hosts", "example.com, example.org"),
                request("non-ASCII", R76)
                    .edit("Host: example.com", b"^Host: exam\x80ple.com")
                    .rejected(header("Host", Invalid), 400),
                request("CR", R76)
                    .edit("Host: exam", "Host: exam^\r")
                    .rejected(line(BareCr), 400),
            ],
        ),
        row(
            31,
            "`Content-Length` of 8 or 0, which Hixie-76 allows",
            [
                // RQ-18
                request("", R76)
                    .edit(END, "\r\nContent-Length: 0\r\n\r\n")
                    .then(KEY3)
                    .gives(events.clone(), sent.clone()),
                request("", R76)
                    .edit(END, "\r\nContent-Length: 8\r\n\r\n")
                    .then(KEY3)
                    .gives(events.clone(), sent.clone()),
            ],
        ),
        row(
            32,
            "other `Content-Length`",
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
                    .rejected(header("Transfer-Encoding", Invalid), 400),
                request("", R13)
                    .edit(END, "\r\n^Transfer-Encoding: identity\r\n\r\n")
                    .rejected(header("Transfer-Encoding", Invalid), 400),
                request("", R75)
                    .edit(END, "\r\n^Transfer-Encoding: chunked\r\n\r\n")
                    .rejected(header("Transfer-Encoding", Invalid), 400),
            ],
        ),
        row(
            34,
            "`Content-Length` in RFC 6455",
            [
                // HY-10
                request("other than 0", R13)
                    .edit(END, "\r\n^Content-Length: 8\r\n\r\n")
                    .rejected(header(length, Invalid), 400),
                request("0", R13)
                    .edit(END, "\r\nContent-Length: 0\r\n\r\n")
                    .gives(rfc(), bytes(RFC6455_RESPONSE)),
            ],
        ),
        row(
            35,
            "missing or invalid `Origin`",
            [
                // H75-4, H76-11
                request("missing in Hixie-76, which is accepted", R76)
                    .edit("Origin: http://example.com\r\n", "")
                    .then(KEY3)
                    .gives(events.clone(), without_origin()),
                request("missing", R75)
                    .edit("Origin: http://example.com\r\n", "")
                    .rejected(header("Origin", Missing), 400),
                request("non-ASCII", R76)
                    .edit(ORIGIN, b"^Origin: http://\x80")
                    .rejected(header("Origin", Invalid), 400),
                request("tab", R76)
                    .edit(ORIGIN, "^Origin: a\tb")
                    .rejected(header("Origin", Invalid), 400),
                request("CR LF", R76)
                    .edit(ORIGIN, "Origin: a\r\nb^")
                    .rejected(line(Name), 400),
            ],
        ),
        row(
            36,
            "target that does not start with `/`",
            [
                // RQ-2, RQ-4
                request("", R76)
                    .edit("GET /", "GET ^")
                    .rejected(start_line, 400),
                request("absolute form, which is accepted", R13)
                    .edit("/chat", "ws://example.com/chat")
                    .gives(opened(Rfc6455, "/chat"), bytes(RFC6455_RESPONSE)),
                request("absolute form, user name", R76)
                    .edit("/demo", "http://me^@example.com/demo")
                    .rejected(start_line, 400),
                request("absolute form, other scheme", R76)
                    .edit("/demo", "^ftp://example.com/demo")
                    .rejected(start_line, 400),
                request("asterisk", R13)
                    .edit("/chat", "^*")
                    .rejected(start_line, 400),
            ],
        ),
        row(
            37,
            "second request, which is read as key3 and frames",
            [
                // H76-20
                request("", R76).then("GET / HTTP/1.1\r\n").eof().gives(
                    [
                        requested(Hixie76, "/demo"),
                        Observed::Open(Hixie76),
                        unexpected_eof(Phase::InMessage),
                    ],
                    challenge_answered(RESPONSE_TO_GET).1,
                ),
            ],
        ),
        row(
            38,
            "unsupported version",
            [
                // HY-9
                request("12", R13)
                    .edit("Sec-WebSocket-Version: 13", "^Sec-WebSocket-Version: 12")
                    .rejected(header("Sec-WebSocket-Version", Invalid), 426),
                request("x", R13)
                    .edit("Sec-WebSocket-Version: 13", "^Sec-WebSocket-Version: x")
                    .rejected(header("Sec-WebSocket-Version", Invalid), 426),
                request("intermediate draft", R76)
                    .edit(END, "\r\n^Sec-WebSocket-Draft: 1\r\n\r\n")
                    .rejected(header("Sec-WebSocket-Draft", Invalid), 426),
            ],
        ),
        row(
            39,
            "`Sec-WebSocket-Key` that is not 16 bytes in base64",
            [
                // HY-2
                with_key("no padding", "dGhlIHNhbXBsZSBub25jZQ"),
                with_key("17 bytes", "dGhlIHNhbXBsZSBub25jZWE="),
                with_key("base64url", "dGhlIHNhbXBsZSBub25_ZQ=="),
                with_key("empty", ""),
            ],
        ),
        row(
            40,
            "invalid subprotocol",
            [
                // H76-14, HY-4
                request("tab", R75)
                    .edit("WebSocket-Protocol: sample", "^WebSocket-Protocol: a\tb")
                    .rejected(header("WebSocket-Protocol", Invalid), 400),
                request("not a token", R13)
                    .edit(
                        "Sec-WebSocket-Protocol: chat",
                        "^Sec-WebSocket-Protocol: ch@t",
                    )
                    .rejected(header("Sec-WebSocket-Protocol", Invalid), 400),
                request("empty list member, which is ignored", R13)
                    .edit("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: ")
                    .gives(rfc(), bytes(RFC6455_RESPONSE)),
                request("64 KiB", R13)
                    .edit(
                        "Sec-WebSocket-Protocol: chat",
                        [("^Sec-WebSocket-Protocol: ", 1), ("a", 65536)],
                    )
                    .rejected(always(HeadTooLong { limit: 16_384 }), 431),
                request("duplicate, which is accepted", R13)
                    .edit("superchat", "chat")
                    .gives(rfc(), bytes(RFC6455_RESPONSE)),
            ],
        ),
        row(
            41,
            "malformed extensions",
            [
                // RFC-9.1-1
                request("RFC 6455 checks the grammar", R13)
                    .edit(END, "\r\n^Sec-WebSocket-Extensions: ;=,\"x\r\n\r\n")
                    .rejected(header("Sec-WebSocket-Extensions", Invalid), 400),
                request("Hixie-76 ignores them", R76)
                    .edit(END, "\r\nSec-WebSocket-Extensions: ;=,\"x\r\n\r\n")
                    .then(KEY3)
                    .gives(events, sent),
                request("unknown extensions", R13)
                    .edit(
                        END,
                        "\r\nSec-WebSocket-Extensions: constructor; __proto__\r\n\r\n",
                    )
                    .gives(rfc(), bytes(RFC6455_RESPONSE)),
            ],
        ),
        row(
            42,
            "bytes after a pending request, which are not consumed",
            [
                // H76-4
                request("", R76)
                    .then("^n:ds[4U\0Hello")
                    .unanswered()
                    .gives([requested(Hixie76, "/demo")], Nothing),
                request("", R75)
                    .then("\0Hello")
                    .unanswered()
                    .gives([requested(Hixie75, "/demo")], Nothing),
                request("", R13)
                    .then(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
                    .unanswered()
                    .gives([requested(Rfc6455, "/chat")], Nothing),
            ],
        ),
    ]
}

fn responses() -> Vec<Row> {
    let status = |to: &'static str, status| {
        response("", Hixie76, None)
            .edit("101 WebSocket Protocol Handshake", to)
            .rejects(status)
    };
    let (upgrade, protocol) = ("Upgrade", "Sec-WebSocket-Protocol");
    let (origin, location) = ("Sec-WebSocket-Origin", "Sec-WebSocket-Location");
    vec![
        row(
            43,
            "client receives a status other than 101",
            [
                // RFC-4.1-11
                status("200 OK", 200),
                status("301 Moved", 301),
                status("401 Unauthorized", 401),
                status("407 Proxy", 407),
                response("more than 8 interim responses", Rfc6455, None)
                    .edit(
                        "HTTP/1.1 101",
                        &*("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(9) + "HTTP/1.1 101"),
                    )
                    .fails(TooManyInterimResponses { limit: 8 }, Nothing),
                response("a status line of another protocol", Rfc6455, None)
                    .edit("HTTP/1.1 101 ", "^xyz 101 ")
                    .fails_at(|at| InvalidStartLine { at }, Nothing),
                response("", Rfc6455, None)
                    .edit("101 Switching Protocols", "200 OK")
                    .rejects(200),
            ],
        ),
        row(
            44,
            "client receives a wrong challenge response",
            [
                // H76-39, RFC-4.1-14
                response("", Hixie76, None)
                    .then("another answer!!")
                    .fails(ChallengeMismatch { at: 0 }, Nothing),
                response("", Rfc6455, None)
                    .edit("Sec-WebSocket-Accept: ", "^Sec-WebSocket-Accept: x")
                    .fails_at(header("Sec-WebSocket-Accept", Mismatch), Nothing),
            ],
        ),
        row(
            45,
            "client receives a different origin or location",
            [
                // H76-38
                response("", Hixie76, None)
                    .edit(
                        "Sec-WebSocket-Origin: http://",
                        "^Sec-WebSocket-Origin: https://",
                    )
                    .fails_at(header(origin, Mismatch), Nothing),
                response("", Hixie76, None)
                    .edit(
                        "Sec-WebSocket-Location: ws://",
                        "^Sec-WebSocket-Location: wss://",
                    )
                    .fails_at(header(location, Mismatch), Nothing),
                response("", Hixie75, None)
                    .edit("WebSocket-Location: ws://", "^WebSocket-Location: wss://")
                    .fails_at(header("WebSocket-Location", Mismatch), Nothing),
            ],
        ),
        row(
            46,
            "client receives a subprotocol that it did not request",
            [
                // H76-36, HY-4
                response("none requested", Hixie76, None)
                    .config(config!(.strict_reply(true)))
                    .edit(END, "\r\n^Sec-WebSocket-Protocol: default\r\n\r\n")
                    .fails_at(header(protocol, NotRequested), Nothing),
                response("other one requested", Hixie76, Some("sample"))
                    .edit(
                        "Sec-WebSocket-Protocol: sample",
                        "^Sec-WebSocket-Protocol: default",
                    )
                    .fails_at(header(protocol, Mismatch), Nothing),
                response("none requested", Rfc6455, None)
                    .edit(END, "\r\n^Sec-WebSocket-Protocol: default\r\n\r\n")
                    .fails_at(header(protocol, NotRequested), Nothing),
            ],
        ),
        row(
            47,
            "client receives no `Upgrade`, or two",
            [
                // H76-36
                response("", Hixie76, None)
                    .edit("Upgrade: WebSocket\r\n", "")
                    .fails_at(header(upgrade, Missing), Nothing),
                response("", Hixie76, None)
                    .edit(END, "\r\n^Upgrade: WebSocket\r\n\r\n")
                    .fails_at(header(upgrade, Duplicate), Nothing),
                response("", Rfc6455, None)
                    .edit("Upgrade: websocket\r\n", "")
                    .fails_at(header(upgrade, Missing), Nothing),
                response("", Rfc6455, None)
                    .edit(END, "\r\n^Upgrade: websocket\r\n\r\n")
                    .fails_at(header(upgrade, Duplicate), Nothing),
            ],
        ),
    ]
}

fn hixie_frames() -> Vec<Row> {
    let (hello, close) = (|| text("Hi"), || bytes(b"\xff\x00"));
    let skipped = |frame_type, length| Observed::Skipped(frame_type, length);
    let strict = config!(.strict_utf8(true));
    let frames = config!(.strict_frames(true));
    let closed = || Observed::Closed(Closed::Clean(Close::EMPTY));
    let endless: [(&[u8], usize); 1] = [(b"\x80", 1_000_000)];
    let long = |limit| FrameTooLong { limit };
    let five = || incomplete("aaaaa");
    vec![
        row(
            48,
            "text over `max_frame_len`, rejected before its FF",
            [
                // FR-14
                hixie("", Hixie76, b"\x00aaaaaa")
                    .config(config!(.max_frame_len(5)))
                    .gives([five(), protocol_error(long(5))], close()),
                hixie("", Hixie75, b"\x00aaaaaa")
                    .config(config!(.max_frame_len(5)))
                    .gives([five(), protocol_error(long(5))], Nothing),
            ],
        ),
        row(
            49,
            "invalid UTF-8 in text",
            [
                // FR-10
                hixie("", Hixie76, b"\x00\xc3\x28\xff").gives([text("\u{fffd}(")], Nothing),
                hixie("incomplete character", Hixie76, b"\x00\xe2\x82\xff")
                    .gives([text("\u{fffd}")], Nothing),
                hixie("", Hixie76, b"\x00H\xc3\x28\xff")
                    .config(strict.clone())
                    .gives(
                        [incomplete("H"), protocol_error(InvalidUtf8 { at: 1 })],
                        close(),
                    ),
                hixie("", Hixie75, b"\x00H\xc3\x28\xff")
                    .config(strict)
                    .gives(
                        [incomplete("H"), protocol_error(InvalidUtf8 { at: 1 })],
                        Nothing,
                    ),
            ],
        ),
        row(
            50,
            "frame of type 01 to 7F",
            [
                // FR-4
                hixie("", Hixie76, b"\x01He\xff\x00Hi\xff")
                    .gives([skipped(0x01, 2), hello()], Nothing),
                hixie("", Hixie75, b"\x7f\x00\xff\x00Hi\xff")
                    .gives([skipped(0x7f, 1), hello()], Nothing),
                hixie("", Hixie76, b"\x42")
                    .config(frames.clone())
                    .fails(UnknownFrameType { frame_type: 0x42 }, close()),
            ],
        ),
        row(
            51,
            "frame with a length",
            [
                // FR-6
                hixie("", Hixie76, b"\x80\x02\x00\xff\x00Hi\xff")
                    .gives([skipped(0x80, 2), hello()], Nothing),
                hixie("length 0", Hixie76, b"\x80\x00\x00Hi\xff")
                    .gives([skipped(0x80, 0), hello()], Nothing),
                hixie("", Hixie75, b"\xfe\x80\x01?\x00Hi\xff")
                    .gives([skipped(0xfe, 1), hello()], Nothing),
                hixie("", Hixie76, b"\x80\x00")
                    .config(frames)
                    .fails(UnknownFrameType { frame_type: 0x80 }, close()),
            ],
        ),
        row(
            52,
            "length over `max_frame_len` or over 63 bits",
            [
                // FR-7
                hixie("301", Hixie76, b"\x80\x82\x2d")
                    .config(config!(.max_frame_len(300)))
                    .fails(long(300), close()),
                hixie("301", Hixie75, b"\x80\x82\x2d")
                    .config(config!(.max_frame_len(300)))
                    .fails(long(300), Nothing),
                hixie(
                    "2^63",
                    Hixie76,
                    b"\x80\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00",
                )
                .fails(long(MAX_LENGTH), close()),
                hixie(
                    "2^64",
                    Hixie76,
                    b"\x80\x82\x80\x80\x80\x80\x80\x80\x80\x80\x00",
                )
                .fails(long(MAX_LENGTH), close()),
                hixie("", Hixie76, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00")
                    .fails(long(MAX_LENGTH), close()),
                hixie("endless length", Hixie76, endless).fails(InvalidLength { at: 10 }, close()),
                hixie("endless length", Hixie75, endless).fails(InvalidLength { at: 10 }, Nothing),
            ],
        ),
        row(
            53,
            "type FF with a length, which does not close",
            [
                // FR-8
                hixie("", Hixie76, b"\xff\x01?\x00Hi\xff")
                    .gives([skipped(0xff, 1), hello()], Nothing),
            ],
        ),
        row(
            54,
            "FF 00 in Hixie-75, which has no close frame",
            [
                // FR-9
                hixie("", Hixie75, b"\xff\x00\x00Hi\xff")
                    .gives([skipped(0xff, 0), hello()], Nothing),
            ],
        ),
        row(
            55,
            "bytes after FF 00",
            [
                // CL-4
                hixie("", Hixie76, b"\xff\x00\x00Hi\xff").gives([closed()], close()),
                hixie("two close frames", Hixie76, b"\xff\x00\xff\x00").gives([closed()], close()),
            ],
        ),
        row(
            56,
            "EOF without a close frame",
            [
                // CL-8
                hixie("", Hixie76, b"\x00Hi\xff")
                    .eof()
                    .gives([hello(), unexpected_eof(Phase::Open)], Nothing),
                hixie("", Hixie75, b"\x00Hi\xff")
                    .eof()
                    .gives([hello(), unexpected_eof(Phase::Open)], Nothing),
                from_server("", b"\x81\x02Hi")
                    .eof()
                    .gives([hello(), unexpected_eof(Phase::Open)], Nothing),
            ],
        ),
        row(
            57,
            "EOF within a frame",
            [
                // CL-10
                hixie("text", Hixie76, b"\x00Hi").eof().gives(
                    [incomplete("Hi"), unexpected_eof(Phase::InMessage)],
                    Nothing,
                ),
                hixie("skipped", Hixie76, b"\x80\x05ab")
                    .eof()
                    .gives([unexpected_eof(Phase::InMessage)], Nothing),
                hixie("incomplete close frame", Hixie76, b"\xff")
                    .eof()
                    .gives([unexpected_eof(Phase::InMessage)], Nothing),
                from_server("header", b"\x81")
                    .eof()
                    .gives([unexpected_eof(Phase::InMessage)], Nothing),
                from_server("message", b"\x01\x02Hi").eof().gives(
                    [incomplete("Hi"), unexpected_eof(Phase::InMessage)],
                    Nothing,
                ),
            ],
        ),
        row(
            58,
            "text with the character U+00FF, which is not the byte FF",
            [
                // FR-11
                succeeds(
                    Setup::Open(Role::Server, Hixie76),
                    call!(c.send_text("\u{ff}")),
                    b"\x00\xc3\xbf\xff",
                ),
                succeeds(
                    Setup::Open(Role::Client, Hixie75),
                    call!(c.send_text("\0\u{10ffff}")),
                    b"\x00\x00\xf4\x8f\xbf\xbf\xff",
                ),
            ],
        ),
        row(
            59,
            "features that Hixie-75 and Hixie-76 lack",
            hixie_lacks(),
        ), // FR-12
    ]
}

fn hixie_lacks() -> Vec<Case> {
    let mut cases = Vec::new();
    for dialect in [Hixie75, Hixie76] {
        let mut conn = established(&DEFAULT.0, Role::Server, dialect);
        let unsupported: &dyn Error = &conn.send_ping(b"a").unwrap_err();
        let setup = Setup::Open(Role::Server, dialect);
        cases.extend(calls(
            setup,
            "",
            &[
                (call!(c.send_binary(b"a")), unsupported),
                (call!(c.send_ping(b"a")), unsupported),
                (call!(c.send_pong(b"a")), unsupported),
                (call!(c.send_binary_fragment(b"a", false)), unsupported),
            ],
        ));
    }
    // CL-8: a code is ignored; CL-20: Hixie-75 writes nothing.
    let close: Call = call!(c.close(&Close::new(1000, "bye")));
    cases.push(succeeds(
        Setup::Open(Role::Server, Hixie76),
        close,
        b"\xff\x00",
    ));
    cases.push(succeeds(Setup::Open(Role::Server, Hixie75), close, ""));
    cases
}

fn rfc_frames() -> Vec<Row> {
    let protocol = || Output::Close(1002);
    let (invalid_text, too_big) = (|| Output::Close(1007), || Output::Close(1009));
    vec![
        row(
            60,
            "unmasked frame of a client, masked frame of a server",
            [
                // HY-5
                from_client("", b"\x81\x05").fails(UnmaskedFrameFromClient, protocol()),
                from_server("", b"\x81\x85").fails(MaskedFrameFromServer, protocol()),
            ],
        ),
        row(
            61,
            "reserved bit, unknown opcode",
            [
                // HY-6
                from_server("", b"\xc1").fails(ReservedBits { byte: 0xc1 }, protocol()),
                from_client("", b"\x91").fails(ReservedBits { byte: 0x91 }, protocol()),
                from_server("", b"\x83").fails(UnknownOpcode { opcode: 0x3 }, protocol()),
                from_server("", b"\x87").fails(UnknownOpcode { opcode: 0x7 }, protocol()),
                from_client("", b"\x8b").fails(UnknownOpcode { opcode: 0xb }, protocol()),
                from_client("", b"\x8f").fails(UnknownOpcode { opcode: 0xf }, protocol()),
            ],
        ),
        row(
            62,
            "control frame too long, or fragmented",
            [
                // HY-6
                from_server("", b"\x89\x7e").fails(ControlTooLong { opcode: 0x9 }, protocol()),
                from_client("", b"\x88\xff").fails(ControlTooLong { opcode: 0x8 }, protocol()),
                from_server("", b"\x09").fails(FragmentedControl { opcode: 0x9 }, protocol()),
            ],
        ),
        row(
            63,
            "length not minimal, or over 63 bits",
            [
                // HY-6
                from_server("", b"\x81\x7e\x00\x7d").fails(InvalidLength { at: 3 }, protocol()),
                from_client("", b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff")
                    .fails(InvalidLength { at: 9 }, protocol()),
                from_server("", b"\x82\x7f\x80").fails(InvalidLength { at: 2 }, protocol()),
                input(
                    "HyBi-8 accepts lengths that are not minimal",
                    Setup::Open(Role::Client, HyBi8),
                    None,
                )
                .then(b"\x81\x7e\x00\x02Hi")
                .gives([text("Hi")], Nothing),
            ],
        ),
        row(
            64,
            "unexpected data frame",
            [
                // HY-7
                from_server("continuation without a message", b"\x80")
                    .fails(UnexpectedContinuation, protocol()),
                from_server("new message within a message", b"\x01\x02Hi\x81").gives(
                    [
                        incomplete("Hi"),
                        protocol_error(ExpectedContinuation { opcode: 1 }),
                    ],
                    protocol(),
                ),
            ],
        ),
        row(
            65,
            "invalid UTF-8 in text",
            [
                // HY-7
                from_server("", b"\x81\x03H\xc3\x28").gives(
                    [incomplete("H"), protocol_error(InvalidUtf8 { at: 1 })],
                    invalid_text(),
                ),
                from_server("rejected at the first invalid byte", b"\x81\x7d\xc3\x28")
                    .fails(InvalidUtf8 { at: 0 }, invalid_text()),
                from_server("across two frames", b"\x01\x01\xe2\x00\x01\x28")
                    .fails(InvalidUtf8 { at: 0 }, invalid_text()),
                from_client("masked", b"\x81\x82\x01\x02\x03\x04\xc2\x2a")
                    .fails(InvalidUtf8 { at: 0 }, invalid_text()),
                from_server(
                    "character split between frames, which is valid",
                    b"\x01\x01\xe2\x80\x02\x98\x83",
                )
                .gives([text("\u{2603}")], Nothing),
            ],
        ),
        row(
            66,
            "invalid close frame",
            [
                // HY-8
                from_server("one byte", b"\x88\x01\x03").fails(InvalidCloseLength, protocol()),
                from_server("", b"\x88\x02\x03\xe7")
                    .fails(InvalidCloseCode { code: 999 }, protocol()),
                from_server("", b"\x88\x02\x03\xed")
                    .fails(InvalidCloseCode { code: 1005 }, protocol()),
                from_server("", b"\x88\x02\x03\xf7")
                    .fails(InvalidCloseCode { code: 1015 }, protocol()),
                from_server("invalid reason", b"\x88\x04\x03\xe8\xc3\x28")
                    .fails(InvalidUtf8 { at: 2 }, invalid_text()),
                from_server("valid, for comparison", b"\x88\x02\x03\xe8")
                    .gives([clean_close(1000, "")], Output::Close(1000)),
            ],
        ),
        row(
            67,
            "frame over `max_frame_len`, rejected at its header",
            [
                // HY-7
                from_client("", b"\x81\xfe\x00\x7e\x00\x00\x00\x00")
                    .config(config!(.max_frame_len(125)))
                    .fails(FrameTooLong { limit: 125 }, too_big()),
                from_server("2^63 - 1", b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff")
                    .config(config!(.max_frame_len(1048576)))
                    .fails(FrameTooLong { limit: 1_048_576 }, too_big()),
            ],
        ),
        row(
            68,
            "a million pings without writes: pongs are queued up to `high_water`",
            [
                // HY-7
                succeeds(
                    Setup::Open(Role::Server, Rfc6455),
                    (a_million_pings, "`receive` of `89 80 ..` a million times"),
                    [(&b"\x8a\x00"[..], 32 * 1024 + 1)],
                ),
            ],
        ),
    ]
}

fn a_million_pings(conn: &mut Connection) -> Result<(), String> {
    for _ in 0..1_000 {
        let mut pings = b"\x89\x80\0\0\0\0".repeat(1_000);
        let mut input = testkit::input(&mut pings);
        while conn.receive(&mut input).is_some() {}
    }
    Ok(())
}

fn late_calls() -> Vec<Row> {
    let late = |setup, bytes: &[u8]| {
        let pattern = Pattern(vec![(bytes.to_vec(), 1)]);
        let closing: &dyn Error = &SendError::Closing;
        let not_accepted: &dyn Error = &AcceptError::NoRequest;
        let not_answered: &dyn Error = &RespondError::NoRequest;
        calls(
            setup,
            pattern,
            &[
                (call!(c.send_text("a")), closing),
                (call!(c.send_text_vectored("a").map(drop)), closing),
                (call!(c.accept(&AcceptOptions::new())), not_accepted),
                (call!(c.respond(&Response::new(404))), not_answered),
            ],
        )
    };
    let mut after = Vec::new();
    after.extend(late(Setup::Server, b"POST / HTTP/1.1\r\n"));
    after.extend(late(Setup::Open(Role::Server, Hixie76), b"\xff\x00"));
    after.extend(late(Setup::Open(Role::Client, Rfc6455), b"\xc1"));
    let setups = [
        Setup::Server,
        Setup::Client(Hixie76, None),
        Setup::Open(Role::Server, Hixie75),
        Setup::Open(Role::Server, Hixie76),
        Setup::Open(Role::Client, Rfc6455),
    ];
    let receive_empty = (
        empty as fn(&mut Connection) -> _,
        "`receive` of empty input",
    );
    vec![
        row(69, "call after a fatal error or a close", after), // FR-16, CL-3
        row(
            70,
            "empty input, which is not EOF",
            setups.map(|setup| succeeds(setup, receive_empty, "")),
        ), // CL-11
    ]
}

fn other_protocols() -> Vec<Row> {
    let other = |description, bytes: &'static [u8]| {
        input(description, Setup::Server, None).then([(bytes, 1)])
    };
    let policy = "<policy-file-request/>\0";
    vec![
        row(
            71,
            "TLS ClientHello on a plain port",
            [
                // PX-3
                other("", b"\x16\x03\x01\x02\x00").fails(ProtocolError::TlsClientHello, Nothing),
                other("SSLv2", b"\x80\x2e\x01\x03\x01")
                    .fails(ProtocolError::TlsClientHello, Nothing),
            ],
        ),
        row(
            72,
            "Flash policy request",
            [
                // PX-1
                other("without a policy", policy.as_bytes())
                    .fails(ProtocolError::FlashPolicyRequest, Nothing),
                other("with a policy", policy.as_bytes())
                    .config(config!(.flash_policy("<cross-domain-policy/>")))
                    .gives(
                        [Observed::Closed(Closed::FlashPolicy)],
                        bytes("<cross-domain-policy/>\0"),
                    ),
                other("malformed", b"<policy-file-request>\0")
                    .fails(start_line(20), ErrorResponse(400, VERSIONS)),
            ],
        ),
        row(
            73,
            "message with too many fragments, counting empty ones",
            [
                // HY-7
                from_server("", b"\x01\x00\x00\x00\x00\x00")
                    .config(config!(.max_fragments(2)))
                    .fails(TooManyFragments { limit: 2 }, Output::Close(1009)),
            ],
        ),
    ]
}

fn empty(conn: &mut Connection) -> Result<(), String> {
    let before = format!("{conn:?}");
    assert!(conn.receive(&mut testkit::input(&mut [])).is_none());
    assert_eq!(format!("{conn:?}"), before);
    Ok(())
}
