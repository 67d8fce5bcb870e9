//! Requests that a server rejects, with its response, and unusual ones that it accepts.

use hybi::{
    Closed, Config, Connection, Dialect, Dialects, Event, HeaderErrorKind, LineErrorKind, Phase,
};
use testkit::*;

use Dialect::{Hixie75, Hixie76};
use HeaderErrorKind::{Duplicate, Invalid, Missing};
use LineErrorKind::{BareCr, BareLf, Name, ObsFold, Value};
use ProtocolError::{
    DialectNotEnabled, HeadTooLong, InvalidKeyNumber, InvalidStartLine, LineTooLong, NotWebSocket,
    TlsClientHello, TooManyHeaders, UnsupportedHttpVersion, UnsupportedMethod,
};

/// Occurs in every value that the client chooses, and must not occur in an error response.
const MARK: &str = "zqxj";

const HEAD_76: &str = "GET /zqxj?zqxj HTTP/1.1\r\n\
    Host: zqxj.example\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key2: zqxj12998 5 Y3 1  .P00\r\n\
    Sec-WebSocket-Protocol: zqxj\r\n\
    Upgrade: WebSocket\r\n\
    Sec-WebSocket-Key1: zqxj4 @1  46546xW%0l 1 5\r\n\
    Cookie: zqxj=zqxj\r\n\
    Zqxj: zqxj\r\n\
    Origin: http://zqxj.example\r\n\r\n";

const HEAD_75: &str = "GET /zqxj?zqxj HTTP/1.1\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Host: zqxj.example\r\n\
    Origin: http://zqxj.example\r\n\
    WebSocket-Protocol: zqxj\r\n\
    Cookie: zqxj=zqxj\r\n\
    Zqxj: zqxj\r\n\r\n";

const BOTH: [&str; 2] = [HEAD_75, HEAD_76];

const CONFIG: Config = Config::new().dialects(Dialects::ALL);

/// Splits between all bytes.
fn every_split(bytes: &[u8]) -> Vec<usize> {
    (1..bytes.len()).collect()
}

/// Checks that the request gives this error and response, and nothing after it.
#[track_caller]
fn assert_rejected(
    name: &str,
    config: Config,
    bytes: &[u8],
    error: ProtocolError,
    status: Option<u16>,
) {
    let response = status.map(|status| error_response(status, VERSIONS));
    let response = response.unwrap_or_default(); // H76-2: no 101
    assert_rejected_with(name, config, bytes, error, status, &response);
}

#[track_caller]
fn assert_rejected_with(
    name: &str,
    config: Config,
    bytes: &[u8],
    error: ProtocolError,
    status: Option<u16>,
    response: &str,
) {
    let transcript = run(Connection::server(config.clone()), bytes, &[], false);
    assert_eq!(
        transcript.events,
        [protocol_error(error)],
        "{name}: {}",
        escaped(bytes)
    );
    assert_eq!(escaped(&transcript.sent), escaped(response), "{name}");
    assert!(!response.contains(MARK));
    assert_eq!(error.status(), status, "{name}");

    // RQ-20
    let bytewise = run(
        Connection::server(config.clone()),
        bytes,
        &every_split(bytes),
        false,
    );
    assert_eq!(bytewise, transcript, "{name}, byte by byte");

    // FR-16
    let mut server = Driver::new(Connection::server(config.clone()));
    server.feed(bytes);
    server.transcript = Transcript::default();
    let valid = [DRAFT_76_REQUEST.as_bytes(), DRAFT_76_KEY3, b"\x00Hello\xff"].concat();
    server.feed(&valid);
    server.eof();
    assert_eq!(
        server.transcript,
        Transcript::default(),
        "{name}, further input"
    );
    assert!(server.conn.is_done(), "{name}");
}

/// Description, replaced text, replacement, error and status of an edited request. A `^` in the
/// replacement marks the offset in the error; without one it is the length of the head.
type Row<'a> = (&'a str, &'a str, &'a [u8], fn(u32) -> ProtocolError, u16);

#[track_caller]
fn assert_rows_rejected(heads: &[&str], rows: &[Row<'_>]) {
    for (name, from, to, error, status) in rows {
        for head in heads {
            let (bytes, at) = replace_marked(head, from, to);
            assert_rejected(name, CONFIG, &bytes, error(at), Some(*status));
        }
    }
}

#[test]
fn invalid_request_lines_are_rejected_rq_1_rq_2_rq_3_rq_4_rq_6_h76_2() {
    let line = "GET /zqxj?zqxj HTTP/1.1";
    let method = |_| UnsupportedMethod;
    fn version<const MAJOR: u8, const MINOR: u8>(at: u32) -> ProtocolError {
        let (major, minor) = (MAJOR, MINOR);
        UnsupportedHttpVersion { at, major, minor }
    }
    let malformed = |at| InvalidStartLine { at };
    assert_rows_rejected(
        &BOTH,
        &[
            ("POST", "GET ", b"POST ", method, 405),
            ("OPTIONS *", "GET /zqxj?zqxj", b"OPTIONS *", method, 405),
            ("lower-case method", "GET ", b"get ", method, 405),
            ("longer method", "GET ", b"GETS ", method, 405),
            ("HTTP/1.0", "HTTP/1.1", b"^HTTP/1.0", version::<1, 0>, 505),
            ("HTTP/0.9", "HTTP/1.1", b"^HTTP/0.9", version::<0, 9>, 505),
            (
                "HTTP/1.10",
                "HTTP/1.1",
                b"^HTTP/1.10",
                version::<1, 10>,
                505,
            ),
            ("HTTP/1.2", "HTTP/1.1", b"^HTTP/1.2", version::<1, 2>, 505),
            ("HTTP/2.0", "HTTP/1.1", b"^HTTP/2.0", version::<2, 0>, 505),
            ("HTTP/2", "HTTP/1.1", b"^HTTP/2", version::<2, 0>, 505),
            (
                "HTTP/256.9999",
                "HTTP/1.1",
                b"^HTTP/256.9999",
                version::<255, 255>,
                505,
            ),
            (
                "lower-case version",
                "HTTP/1.1",
                b"^http/1.1",
                malformed,
                400,
            ),
            ("another protocol", "HTTP/1.1", b"^RTSP/1.1", malformed, 400),
            ("no slash", "GET /", b"GET ^", malformed, 400),
            ("two spaces before", "GET /", b"GET ^ /", malformed, 400),
            (
                "two spaces after the target",
                " HTTP",
                b" ^ HTTP",
                malformed,
                400,
            ),
            ("space in front", "GET /", b"^ GET /", malformed, 400),
            ("tab before", "GET /", b"GET^\t/", malformed, 400),
            ("tab after the target", " HTTP", b"^\tHTTP", malformed, 400),
            ("space in the target", "/zqxj?", b"/zqxj ^?", malformed, 400),
            ("no target", "/zqxj?zqxj ", b"^", malformed, 400),
            ("no version", " HTTP/1.1", b"^", malformed, 400),
            ("empty version", "HTTP/1.1", b"^", malformed, 400),
            ("method alone", line, b"GET^", malformed, 400),
            ("2 empty lines", "GET /", b"\r\n^\r\nGET /", malformed, 400),
            ("no method", "GET ", b"^ ", malformed, 400),
            ("no token", "GET ", b"G^@T ", malformed, 400),
            ("fragment", "?zqxj", b"^#zqxj", malformed, 400),
            ("NUL in the target", "?zqxj", b"^\0", malformed, 400),
            ("DEL in the target", "?zqxj", b"^\x7f", malformed, 400),
            ("0x80 in the target", "?zqxj", b"^\x80", malformed, 400),
            ("lone CR", "?zqxj", b"^\r", malformed, 400),
            ("scheme", "/zqxj?", b"^ftp://zqxj/", malformed, 400),
            ("no host", "/zqxj?", b"http://^/", malformed, 400),
            ("no scheme", "/zqxj?", b"^://zqxj/", malformed, 400),
            ("user", "/zqxj?", b"http://zqxj^@zqxj/", malformed, 400),
            ("authority form", "/zqxj?zqxj", b"^zqxj:80", malformed, 400),
            ("asterisk", "/zqxj?zqxj", b"^*", malformed, 400),
            ("markup", line, b"<^html>", malformed, 400),
        ],
    );
}

#[test]
fn a_request_line_is_invalid_at_its_first_invalid_byte_rq_1() {
    let malformed = |at| InvalidStartLine { at };
    assert_rows_rejected(
        &BOTH,
        &[
            ("space at the end", "1.1\r\n", b"1.1^ \r\n", malformed, 400),
            ("tab at the end", "1.1\r\n", b"1.1^\t\r\n", malformed, 400),
            (
                "lone CR at the end",
                "1.1\r\n",
                b"1.1^\r\r\n",
                malformed,
                400,
            ),
            ("letter in the version", "/1.1", b"/1.^x", malformed, 400),
            ("version split short", "HTTP/1.1", b"HT^", malformed, 400),
            ("no number", "HTTP/1.1", b"HTTP/^", malformed, 400),
            ("no slash", "HTTP/1.1", b"HTTP^1.1", malformed, 400),
        ],
    );
}

#[test]
fn invalid_lines_are_rejected_rq_5_rq_7_rq_10_rq_11() {
    let host = "Host: zqxj.example\r\n";
    let cr = |at| line_error(at, BareCr);
    let lf = |at| line_error(at, BareLf);
    let fold = |at| line_error(at, ObsFold);
    let name = |at| line_error(at, Name);
    let value = |at| line_error(at, Value);
    assert_rows_rejected(
        &BOTH,
        &[
            (
                "first line, LF alone",
                "HTTP/1.1\r\n",
                b"HTTP/1.1^\n",
                lf,
                400,
            ),
            ("LF alone", host, b"Host: zqxj.example^\n", lf, 400),
            ("LF in a value", "Zqxj: zqxj", b"Zqxj: zq^\nxj", lf, 400),
            ("LF in a name", "Zqxj: zqxj", b"Zq^\nxj: zqxj", lf, 400),
            ("blank line, LF alone", "\r\n\r\n", b"\r\n^\n", lf, 400),
            ("LF at the very front", "GET /", b"^\nGET /", lf, 400),
            ("CR in a value", "Zqxj: zqxj", b"Zqxj: zq^\rxj", cr, 400),
            ("CR in a name", "Zqxj: zqxj", b"Zq^\rxj: zqxj", cr, 400),
            ("CR CR LF", host, b"Host: zqxj.example^\r\r\n", cr, 400),
            ("blank line, CR CR LF", "\r\n\r\n", b"\r\n^\r\r\n", cr, 400),
            (
                "fold, space",
                host,
                b"Host:\r\n^ zqxj.example\r\n",
                fold,
                400,
            ),
            (
                "fold, tab",
                host,
                b"Host:\r\n^\tzqxj.example\r\n",
                fold,
                400,
            ),
            ("fold of nothing", host, b"Host: zqxj\r\n^ \r\n", fold, 400),
            (
                "first field folded",
                "HTTP/1.1\r\n",
                b"HTTP/1.1\r\n^ ",
                fold,
                400,
            ),
            ("no colon", "Zqxj: zqxj", b"Zqxj^", name, 400),
            ("no name", "Zqxj: zqxj", b"^: zqxj", name, 400),
            ("space before the colon", "Zqxj: ", b"Zqxj^ : ", name, 400),
            ("space in a name", "Zqxj: ", b"Zq^ xj: ", name, 400),
            ("tab before the colon", "Zqxj: ", b"Zqxj^\t: ", name, 400),
            ("no token", "Zqxj: ", b"Zqxj^(: ", name, 400),
            ("0x80 in a name", "Zqxj: ", b"Zq^\x80xj: ", name, 400),
            ("NUL in a name", "Zqxj: ", b"Zq^\0xj: ", name, 400),
            ("NUL", "Zqxj: zqxj", b"Zqxj: zq^\0xj", value, 400),
            ("0x01", "Zqxj: zqxj", b"Zqxj: zq^\x01xj", value, 400),
            ("backspace", "Zqxj: zqxj", b"Zqxj:^\x08", value, 400),
            ("vertical tab", "Zqxj: zqxj", b"Zqxj: ^\x0b", value, 400),
            ("escape", "Zqxj: zqxj", b"Zqxj: ^\x1b[31m", value, 400),
            ("0x1f", "Zqxj: zqxj", b"Zqxj: zqxj^\x1f", value, 400),
            ("DEL", "Zqxj: zqxj", b"Zqxj: ^\x7f", value, 400),
            ("NUL in the host", host, b"Host: zqxj^\0\r\n", value, 400),
            ("NUL in the origin", "Origin: ", b"Origin: ^\0", value, 400),
        ],
    );
}

/// Checks that `value` is an invalid value of the field.
#[track_caller]
fn assert_value_rejected(
    heads: &[&str],
    name: &'static str,
    line: &str,
    value: &[u8],
    status: u16,
) {
    for head in heads {
        let line = format!("{line}\r\n");
        let invalid = [b"^", name.as_bytes(), b": ", value, b"\r\n"].concat();
        let (bytes, at) = replace_marked(head, line, invalid);
        let description = format!("{name}: {}", escaped(value));
        let error = header_error(name, at, Invalid);
        assert_rejected(&description, CONFIG, &bytes, error, Some(status));
    }
}

#[test]
fn an_invalid_host_is_rejected_rq_16() {
    let missing = |at| header_error("Host", at, Missing);
    let line = "Host: zqxj.example";
    let none = "Host: zqxj.example\r\n";
    assert_rows_rejected(&BOTH, &[("no Host", none, b"", missing, 400)]);
    for value in [
        &b""[..],
        b"example.com:0x50",
        b"example.com:0",
        b"example.com:65536",
        b"example.com:99999999999999999999",
        b"example.com:+80",
        b"example.com:-1",
        b"example.com:80:80",
        b":80",
        b"zqxj example",
        b"zqxj\texample",
        b"zqxj/example",
        b"zqxj@example",
        b"zqxj, example",
        b"zqxj%",
        b"zqxj%2",
        b"zqxj%2g",
        b"zqxj\"example",
        b"zqxj\x80",
        b"ws://zqxj",
        b"[::1",
        b"[]",
        b"[::1]zqxj",
        b"[zqxj]",
    ] {
        assert_value_rejected(&BOTH, "Host", line, value, 400);
    }
}

#[test]
fn an_invalid_origin_is_rejected_h75_4_h76_11() {
    let missing = |at| header_error("Origin", at, Missing);
    let line = "Origin: http://zqxj.example";
    let none = "Origin: http://zqxj.example\r\n";
    assert_rows_rejected(&[HEAD_75], &[("no Origin", none, b"", missing, 400)]);
    let empty = replace_once(HEAD_75, line, "Origin: \t"); // RQ-17
    let error = missing(empty.len() as u32);
    assert_rejected("empty", CONFIG, &empty, error, Some(400));
    for value in [&b"zqxj\texample"[..], b"zqxj\x80", b"zqxj\xc3\xa9"] {
        assert_value_rejected(&BOTH, "Origin", line, value, 400);
    }
}

#[test]
fn an_invalid_upgrade_field_is_rejected_rq_14() {
    let none = "Upgrade: WebSocket\r\n";
    let plain = |_| NotWebSocket;
    assert_rows_rejected(&BOTH, &[("no Upgrade", none, b"", plain, 426)]);
    for value in [
        &b""[..],
        b"NonWebSocket",
        b"WebSocket, zqxj",
        b"zqxj, WebSocket",
        b"WebSocket/13",
        b"Web Socket",
        b"zqxj",
    ] {
        assert_value_rejected(&BOTH, "Upgrade", "Upgrade: WebSocket", value, 426);
    }
}

#[test]
fn a_plain_http_request_is_rejected_rq_14() {
    let get = "GET /zqxj HTTP/1.1\r\n\
        Host: zqxj.example\r\n\
        User-Agent: zqxj/5.0 (zqxj)\r\n\
        Accept: */*\r\n\
        Cookie: zqxj=zqxj\r\n\
        Connection: keep-alive\r\n\r\n";
    assert_rejected("GET", CONFIG, get.as_bytes(), NotWebSocket, Some(426));
}

#[test]
fn an_invalid_connection_field_is_rejected_rq_15() {
    let missing = |at| header_error("Connection", at, Missing);
    let none = "Connection: Upgrade\r\n";
    assert_rows_rejected(&BOTH, &[("no Connection", none, b"", missing, 400)]);
    for value in [
        &b""[..],
        b"close",
        b"keep-alive",
        b"keep-alive, zqxj",
        b"keep-alive Upgrade",
        b"Upgraded",
        b"\"Upgrade\"",
    ] {
        assert_value_rejected(&BOTH, "Connection", "Connection: Upgrade", value, 400);
    }
}

#[test]
fn an_invalid_subprotocol_is_rejected_h75_9_h76_14() {
    for (head, name) in [
        (HEAD_75, "WebSocket-Protocol"),
        (HEAD_76, "Sec-WebSocket-Protocol"),
    ] {
        let line = format!("{name}: zqxj");
        for value in [&b"zq\txj"[..], b"zqxj\x80", b"zqxj\xc3\xa9"] {
            assert_value_rejected(&[head], name, &line, value, 400);
        }
        // One invalid field among valid ones.
        let more = format!("{line}\r\n^{name}: \u{e9}\r\n");
        let (bytes, at) = replace_marked(head, line + "\r\n", more);
        let error = header_error(name, at, Invalid);
        assert_rejected("two lines", CONFIG, &bytes, error, Some(400));
    }
}

#[test]
fn repeated_fields_are_rejected_rq_12() {
    let assert_duplicate_rejected = |head: &str, name: &'static str, first: &str| {
        for second in [first, &format!("{name}: zqxj"), &format!("{name}:")] {
            let end = format!("\r\n{first}\r\n^{second}\r\n\r\n");
            let (bytes, at) = replace_marked(head, "\r\n\r\n", end);
            let error = header_error(name, at, Duplicate);
            assert_rejected(second, CONFIG, &bytes, error, Some(400));
        }
    };
    for head in BOTH {
        for (name, first) in [
            ("Host", "Host: zqxj.example"),
            ("Origin", "Origin: http://zqxj.example"),
            ("Upgrade", "Upgrade: WebSocket"),
        ] {
            let without = replace_once(head, format!("{first}\r\n"), "");
            let without = String::from_utf8(without).unwrap();
            assert_duplicate_rejected(&without, name, first);
        }
        for (name, first) in [
            ("Sec-WebSocket-Version", "Sec-WebSocket-Version: 13"),
            ("Sec-WebSocket-Key", "sec-websocket-key: zqxj=="),
            ("Sec-WebSocket-Draft", "Sec-WebSocket-Draft: 0"),
        ] {
            assert_duplicate_rejected(head, name, first);
        }
    }
    assert_duplicate_rejected(HEAD_75, "Sec-WebSocket-Key1", "Sec-WebSocket-Key1: 1 1");
    assert_duplicate_rejected(HEAD_75, "Sec-WebSocket-Key2", "Sec-WebSocket-Key2: 1 1");
    let once = "\r\nSec-WebSocket-Key1: 1 1\r\nSec-WebSocket-Key2: 1 1\r\n\r\n";
    let twice = "\r\nSec-WebSocket-Key1: 1 1\r\n^sec-websocket-key1: 1 1\r\n\
        Sec-WebSocket-Key2: 1 1\r\n\r\n";
    let head = String::from_utf8(replace_once(HEAD_75, "\r\n\r\n", once)).unwrap();
    let (bytes, at) = replace_marked(&head, once, twice);
    let error = header_error("Sec-WebSocket-Key1", at, Duplicate);
    assert_rejected("Key1 twice beside Key2", CONFIG, &bytes, error, Some(400));
}

#[test]
fn a_request_body_is_rejected_rq_18() {
    let coded = |at| header_error("Transfer-Encoding", at, Invalid);
    let field = "Zqxj: zqxj\r\n";
    assert_rows_rejected(
        &BOTH,
        &[
            (
                "chunked",
                field,
                b"^Transfer-Encoding: chunked\r\n",
                coded,
                400,
            ),
            (
                "identity",
                field,
                b"^transfer-encoding:identity\r\n",
                coded,
                400,
            ),
        ],
    );
    for value in [
        &b"00"[..],
        b"9",
        b"80",
        b"-8",
        b"+8",
        b"08",
        b"8, 8",
        b"8;",
        b"",
        b"99999999999999999999",
        b"zqxj",
    ] {
        assert_value_rejected(&[HEAD_76], "Content-Length", "Zqxj: zqxj", value, 400);
    }
}

// Dialect selection (section 2).

#[test]
fn an_unknown_version_is_answered_426_despite_other_errors_hy_9() {
    for version in ["6", "12", "14", "0", "-1", "zqxj", ""] {
        let value = version.as_bytes();
        let name = "Sec-WebSocket-Version";
        assert_value_rejected(&BOTH, name, "Zqxj: zqxj", value, 426);
        let with_key = "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        for head in BOTH {
            let head = String::from_utf8(replace_once(head, "\r\n\r\n", with_key)).unwrap();
            assert_value_rejected(&[&head], name, "Zqxj: zqxj", value, 426);
        }
    }
}

#[test]
fn sec_websocket_key_without_a_version_is_never_hixie() {
    let missing = |at| header_error("Sec-WebSocket-Version", at, Missing);
    let key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert_rows_rejected(&BOTH, &[("Key", "Zqxj: zqxj\r\n", key, missing, 400)]);
}

#[test]
fn a_sec_websocket_draft_field_is_an_unsupported_version() {
    for draft in ["1", "2", "3", "76", "00", "zqxj", ""] {
        let value = draft.as_bytes();
        assert_value_rejected(&BOTH, "Sec-WebSocket-Draft", "Zqxj: zqxj", value, 426);
    }
}

#[test]
fn a_request_with_one_key_never_falls_back_to_hixie_75() {
    let without_1 = |at| header_error("Sec-WebSocket-Key1", at, Missing);
    let without_2 = |at| header_error("Sec-WebSocket-Key2", at, Missing);
    let key1 = "Sec-WebSocket-Key1: zqxj4 @1  46546xW%0l 1 5\r\n";
    let key2 = "Sec-WebSocket-Key2: zqxj12998 5 Y3 1  .P00\r\n";
    let rows: [Row<'_>; 2] = [
        ("no Key1", key1, b"", without_1, 400),
        ("no Key2", key2, b"", without_2, 400),
    ];
    assert_rows_rejected(&[HEAD_76], &rows);
    let draft = b"Sec-WebSocket-Draft: 0\r\n";
    let rows: [Row<'_>; 1] = [("Draft: 0", "Zqxj: zqxj\r\n", draft, without_1, 400)];
    assert_rows_rejected(&[HEAD_75], &rows);
}

#[test]
fn a_disabled_dialect_is_answered_426() {
    let none = Config::new().dialects(Dialects::NONE);
    let no_version = error_response(426, "");
    let all_but = |dialect| CONFIG.dialects(Dialects::ALL.without(dialect));
    for (head, dialect, configs) in [
        (
            HEAD_75,
            Hixie75,
            [Config::new(), all_but(Hixie75), none.clone()],
        ),
        (
            HEAD_76,
            Hixie76,
            [all_but(Hixie76), none.clone(), none.clone()],
        ),
    ] {
        for config in configs {
            let error = DialectNotEnabled { dialect };
            let response = if config == none {
                no_version.clone()
            } else {
                error_response(426, VERSIONS)
            };
            assert_rejected_with("off", config, head.as_bytes(), error, Some(426), &response);
        }
    }
}

#[test]
fn a_tls_client_hello_is_not_answered_px_3() {
    for hello in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03zqxj"[..],
        b"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10zqxj",
        b"\x16",
        b"\x80",
    ] {
        assert_rejected("TLS", CONFIG, hello, TlsClientHello, None);
    }
}

// Keys.

/// Checks that `value` is invalid for either key.
#[track_caller]
fn assert_key_rejected(value: &str, kind: KeyErrorKind) {
    for (name, line) in [
        ("Sec-WebSocket-Key1", "zqxj4 @1  46546xW%0l 1 5"),
        ("Sec-WebSocket-Key2", "zqxj12998 5 Y3 1  .P00"),
    ] {
        let bytes = replace_once(HEAD_76, line, value);
        let config = CONFIG
            .max_header_line_len(16 * 1024)
            .max_head_len(32 * 1024);
        assert_rejected(
            value,
            config,
            &bytes,
            InvalidKeyNumber { name, kind },
            Some(400),
        );
    }
}

#[test]
fn a_key_without_spaces_is_rejected_key_3() {
    for key in [
        "4@146546xW%0l15", // N5
        "nospaces",
        "",
        "12\t",
        "12\u{a0}",
        "4294967296",
    ] {
        assert_key_rejected(key, KeyErrorKind::NoSpaces);
    }
}

#[test]
fn a_key_number_must_be_a_multiple_of_its_spaces_key_4() {
    for (key, number, spaces) in [
        ("2 L785 8o% s9Sy9@V. 4<1P5", 2_785_899_415, 4), // N1
        ("4 @1   46546xW%0l 1 5", 4_146_546_015, 6),     // N2
        ("12998  5 Y3 1  .P00", 1_299_853_100, 6),       // N3
        ("12998 5 Y3 1.P00", 1_299_853_100, 3),          // N4
        ("1 0 1", 101, 2),
        ("4294967295  ", 4_294_967_295, 2),
    ] {
        assert_key_rejected(key, KeyErrorKind::NotMultiple { number, spaces });
    }
}

#[test]
fn a_key_number_over_32_bits_is_rejected_key_5() {
    let many = "9".repeat(8_000) + " ";
    for key in [
        "8589934590!  !", // N7
        "4294967296 ",
        "4294967300 ",
        "18446744073709551616 ",
        "18446744073709551617 ",
        &many,
    ] {
        assert_key_rejected(key, KeyErrorKind::TooBig);
    }
}

#[test]
fn a_key_without_digits_is_rejected_key_6() {
    for key in [
        "abs @ew dsdsxWdd d s", // N6
        "a b",
        "x ",
        "\u{661} \u{ff11} \u{b2}",
    ] {
        assert_key_rejected(key, KeyErrorKind::NoDigits);
    }
}

// Limits.

#[test]
fn a_head_that_is_too_long_is_rejected_rq_19() {
    let fill = |length: usize| {
        let bytes = |filler: usize| {
            let end = format!("\r\nX: {}\r\nX: \r\n\r\n", "zqxj".repeat(1000));
            let head = replace_once(HEAD_76, "\r\n\r\n", end);
            replace_once(
                head,
                "\r\nX: \r\n",
                format!("\r\nX: {}\r\n", "x".repeat(filler)),
            )
        };
        bytes(length - bytes(0).len())
    };
    assert_accepted(CONFIG, &fill(16_384));
    for length in [16_385, 16_400] {
        let error = HeadTooLong { limit: 16_384 };
        assert_rejected("head", CONFIG, &fill(length), error, Some(431));
    }
    let endless = [b"GET / HTTP/1.1\r\n", &b"X: zqxj\r\n".repeat(9)[..]].concat();
    let config = CONFIG.max_head_len(endless.len() - 1);
    let limit = endless.len() as u32 - 1;
    assert_rejected(
        "unfinished",
        config,
        &endless,
        HeadTooLong { limit },
        Some(431),
    );
}

#[test]
fn a_line_that_is_too_long_is_rejected_rq_19() {
    for head in BOTH {
        let fill = |length: usize| {
            let value = "x".repeat(length - "Cookie: \r\n".len());
            replace_marked(head, "Cookie: zqxj=zqxj", format!("^Cookie: {value}"))
        };
        let config = CONFIG.max_header_line_len(4096);
        assert_accepted(config.clone(), &fill(4096).0);
        for length in [4097, 4100] {
            let ((bytes, at), limit) = (fill(length), 4096);
            let error = LineTooLong { at, limit };
            assert_rejected("line", config.clone(), &bytes, error, Some(431));
        }
    }
}

#[test]
fn too_many_fields_are_rejected_rq_19() {
    for head in BOTH {
        let fields = head.lines().count() - 2;
        let fill = |count: usize| {
            let more = "zqxj: zqxj\r\n".repeat(count - fields);
            replace_once(head, "\r\n\r\n", format!("\r\n{more}\r\n"))
        };
        assert_accepted(CONFIG, &fill(100));
        for count in [101, 200] {
            let error = TooManyHeaders { limit: 100 };
            assert_rejected("fields", CONFIG, &fill(count), error, Some(431));
        }
    }
}

#[test]
fn a_request_line_that_is_too_long_is_rejected_rq_19_px_3() {
    let fill = |length: usize| {
        let query = "x".repeat(length - "GET /zqxj? HTTP/1.1\r\n".len());
        replace_once(HEAD_76, "?zqxj", format!("?{query}"))
    };
    let config = CONFIG.max_header_line_len(4096);
    assert_accepted(config.clone(), &fill(4096));
    let (at, limit) = (0, 4096);
    let error = LineTooLong { at, limit };
    assert_rejected("line", config, &fill(4097), error, Some(431));
}

// EOF.

#[test]
fn eof_in_the_head_is_not_answered_rq_20() {
    for head in BOTH {
        for end in 0..head.len() {
            let conn = Connection::server(CONFIG);
            let transcript = run(conn, &head.as_bytes()[..end], &[], true);
            let eof = Observed::Closed(Closed::Eof(Phase::Handshaking));
            assert_eq!(transcript.events, [eof], "at {end}");
            assert_eq!(escaped(transcript.sent), "");
        }
    }
}

// Frames before the request is accepted.

#[test]
fn input_after_the_head_is_not_consumed_before_the_answer_h76_4() {
    for head in BOTH {
        let frames = b"^n:ds[4U\x00Hello\xff";
        let mut server = Driver::with_request_handler(Connection::server(CONFIG), |_, _| {});
        let remaining = server.feed(&[head.as_bytes(), frames].concat());
        assert_eq!(remaining, frames.len());
        assert_eq!(server.feed(frames), frames.len());
        assert!(matches!(server.events()[..], [Observed::Request(..)]));
        assert_eq!(escaped(server.sent()), "");
        assert!(!server.conn.wants_read());
    }
}

// Unusual but valid requests.

/// Checks that the request is accepted.
#[track_caller]
fn assert_accepted(config: Config, head: &[u8]) {
    let key1 = b"Sec-WebSocket-Key1";
    let mut windows = head.windows(key1.len());
    let hixie76 = windows.any(|name| name.eq_ignore_ascii_case(key1));
    let (dialect, key3, end) = if hixie76 {
        (
            Hixie76,
            &DRAFT_76_KEY3[..],
            &DRAFT_76_CHALLENGE_RESPONSE[..],
        )
    } else {
        (Hixie75, &b""[..], &b"\r\n\r\n"[..])
    };
    let bytes = [head, key3].concat();
    let transcript = run(Connection::server(config.clone()), &bytes, &[], false);
    assert!(
        matches!(&transcript.events[..], [Observed::Request(Some(requested), _), Observed::Open(opened)]
            if *requested == dialect && *opened == dialect),
        "{:?} of {}",
        transcript.events,
        escaped(head)
    );
    assert!(transcript.sent.starts_with(b"HTTP/1.1 101 Web"));
    assert!(
        transcript.sent.ends_with(end),
        "{}",
        escaped(&transcript.sent)
    );
    let bytewise = run(
        Connection::server(config.clone()),
        &bytes,
        &every_split(&bytes),
        false,
    );
    assert_eq!(bytewise, transcript, "byte by byte"); // RQ-20
}

#[test]
fn unusual_but_valid_fields_are_accepted_rq_7_rq_8_rq_9_rq_11_rq_12_rq_15_rq_17() {
    // Description, replaced text, replacement; the response is unchanged.
    let rows: [(&str, &str, &[u8]); 27] = [
        ("no space", "Host: example.com", b"Host:example.com"),
        ("more spaces", "Host: ", b"Host: \t  "),
        (
            "trailing spaces",
            "Host: example.com",
            b"Host: example.com \t ",
        ),
        ("upper-case names", "Host:", b"HOST:"),
        (
            "lower-case names",
            "Sec-WebSocket-Key1:",
            b"sec-websocket-key1:",
        ),
        ("key without a space", "Key1: 4", b"Key1:4"),
        (
            "spaces around the origin",
            "Origin: http://example.com",
            b"Origin:  http://example.com ",
        ),
        (
            "spaces around the upgrade",
            "WebSocket\r\n",
            b" WebSocket\t\r\n",
        ),
        (
            "spaces around the protocol",
            "sample\r\n",
            b"\t sample  \r\n",
        ),
        ("empty value", "\r\n\r\n", b"\r\nCookie:\r\n\r\n"),
        (
            "empty value, space",
            "\r\n\r\n",
            b"\r\nEmptyValue: \r\n\r\n",
        ),
        ("unknown", "\r\n\r\n", b"\r\nX-Any: thing\r\n\r\n"),
        ("unknown, twice", "\r\n\r\n", b"\r\nX: 1\r\nX: 2\r\n\r\n"),
        (
            "token name",
            "\r\n\r\n",
            b"\r\n!#$%&'*+-.^_`|~09: x\r\n\r\n",
        ),
        (
            "cookies, twice",
            "\r\n\r\n",
            b"\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n",
        ),
        ("colons", "\r\n\r\n", b"\r\nX: :a:b::\r\n\r\n"),
        ("leading colons", "\r\n\r\n", b"\r\nX:::\r\n\r\n"),
        ("tab", "\r\n\r\n", b"\r\nX: a\tb\t\r\n\r\n"),
        (
            "0x80 to 0xff",
            "\r\n\r\n",
            b"\r\nCookie: \x80\xc3\x28\xfe\xff\r\n\r\n",
        ),
        (
            "keep-alive first",
            "Connection: ",
            b"Connection: keep-alive, ",
        ),
        (
            "list without a space",
            "Connection: ",
            b"Connection: keep-alive,",
        ),
        (
            "empty list members",
            "Connection: Upgrade",
            b"Connection: ,,\tupgrade ,",
        ),
        (
            "two lists",
            "Connection: ",
            b"Connection: keep-alive\r\nConnection: ",
        ),
        (
            "second list at the end",
            "\r\n\r\n",
            b"\r\nConnection: keep-alive\r\n\r\n",
        ),
        ("0x80 to 0xff in a key", "Key1: 4", b"Key1: \x80\xff4"),
        ("draft 0", "\r\n\r\n", b"\r\nSec-WebSocket-Draft: 0\r\n\r\n"),
        (
            "extensions",
            "\r\n\r\n",
            b"\r\nSec-WebSocket-Extensions: ;=,\"x\r\n\r\n",
        ),
    ];
    for (name, from, to) in rows {
        let head = replace_once(DRAFT_76_REQUEST, from, to);
        assert_accepted(CONFIG, &head);
        let transcript = run(Connection::server(CONFIG), &head, &[], false);
        assert_eq!(
            escaped(transcript.sent),
            escaped(DRAFT_76_RESPONSE),
            "{name}"
        );
    }
}

#[test]
fn header_values_are_returned_as_raw_bytes_rq_11() {
    let raw: Vec<u8> = (0x80..=0xFF).collect();
    let cookie = [b"\r\nCookie: ", &raw[..], b"\r\nX: :a: b\r\n\r\n"].concat();
    let head = replace_once(DRAFT_76_REQUEST, "\r\n\r\n", cookie);
    let mut server = Driver::with_request_handler(Connection::server(CONFIG), |_, request| {
        assert_eq!(request.header("cookie"), Some(&raw[..]));
        assert_eq!(request.header("X"), Some(&b":a: b"[..])); // RQ-7
    });
    server.feed(&head);
    assert_eq!(server.events().len(), 1);
}

/// At every offset and with different neighbours. An LF would end the line.
#[test]
fn a_control_character_anywhere_in_a_value_is_rejected_rq_11() {
    let is_control = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    let config = CONFIG.plain_http(true);
    for (length, filler) in (1..=17).flat_map(|n| [(n, b'a'), (n, b'\t'), (n, 0xFF)]) {
        for (at, byte) in (0..length).flat_map(|at| (0..=0xFF).map(move |byte| (at, byte))) {
            for colon in [":", ": "] {
                let prefix = format!("GET / HTTP/1.1\r\nHost: a\r\nX{colon}");
                let mut head = [prefix.as_bytes(), &vec![filler; length], b"\r\n\r\n"].concat();
                head[prefix.len() + at] = byte;
                let expected = match byte {
                    b'\n' => continue,
                    b'\r' => Some(BareCr),
                    _ => is_control(byte).then_some(Value),
                };
                let expected =
                    expected.map(|expected| line_error((prefix.len() + at) as u32, expected));
                let error = match Connection::server(config.clone()).receive(&mut input(&mut head))
                {
                    Some(Event::Request(_)) => None,
                    Some(Event::Closed(Closed::Protocol(error))) => Some(error.into()),
                    other => panic!("{other:?}"),
                };
                assert_eq!(error, expected, "{}", escaped(&head));
            }
        }
    }
}

#[test]
fn request_fields_may_have_any_order_rq_13() {
    for head in BOTH {
        let lines: Vec<&str> = head.trim_end().split("\r\n").collect();
        for n in 0..lines.len() - 1 {
            let mut rotated = lines.clone();
            rotated[1..].rotate_left(n);
            assert_lines_accepted(&rotated);
            rotated[1..].reverse();
            assert_lines_accepted(&rotated);
        }
    }
}

#[track_caller]
fn assert_lines_accepted(lines: &[&str]) {
    let head = lines.join("\r\n") + "\r\n\r\n";
    assert_accepted(CONFIG, head.as_bytes());
}

#[test]
fn hixie_75_ignores_any_content_length_rq_18() {
    for length in ["0", "8", "9", "zqxj"] {
        let end = format!("\r\nContent-Length: {length}\r\n\r\n");
        assert_accepted(CONFIG, &replace_once(HEAD_75, "\r\n\r\n", end));
    }
}

/// The challenge response if both key parts are 4294967295 and key3 is 0x01 eight times (V15).
const RESPONSE_TO_MAX: &[u8; 16] =
    b"\x17\xd2\x9e\x98\xdd\x8c\x0b\x13\x58\xd9\xe4\x5f\x5a\x18\x6d\xf4";

/// The challenge response if both key parts are 0 and key3 is that of the draft.
const RESPONSE_TO_ZERO: &[u8; 16] =
    b"\x30\x51\x12\xde\x3e\x55\x1a\x5d\x07\x04\x16\xac\xd8\x57\x9f\xbc";

/// Returns the challenge response if `key` follows the colon of both keys.
fn challenge_response(key: &str, key3: &[u8]) -> Vec<u8> {
    let head = replace_once(DRAFT_76_REQUEST, " 4 @1  46546xW%0l 1 5", key);
    let head = replace_once(head, " 12998 5 Y3 1  .P00", key);
    let mut server = Driver::new(Connection::server(CONFIG));
    server.feed(&head);
    assert_eq!(
        escaped(server.sent()),
        escaped(DRAFT_76_RESPONSE),
        "{key:?}"
    );
    server.feed(key3);
    server.sent()
}

#[test]
fn unusual_but_valid_keys_are_accepted_rq_8_key_1_key_2_key_7_key_11() {
    for key in [
        " 4294967295 ",
        "4294967295 ",
        "  4294967295", // The second space belongs to the key.
        " 4294967295 x",
        " x4294967295 ",
        " 0000000000000004294967295 ",
        " 4 294967295",
        " \t4294967295\t \t",
        " 42\u{661}949\u{ff12}67295 ",
        " 4294967295\u{a0} \u{2003}",
        " +4294967295 .e-x",
    ] {
        let response = challenge_response(key, &[0x01; 8]);
        assert_eq!(escaped(response), escaped(RESPONSE_TO_MAX), "{key:?}");
    }
}

#[test]
fn a_key_part_may_be_zero_key_7() {
    let many = format!(" 0{}", " ".repeat(1000));
    for key in [" 0 0", " 0 ", "  000", " x0 y  z ", &many] {
        let response = challenge_response(key, DRAFT_76_KEY3);
        assert_eq!(escaped(response), escaped(RESPONSE_TO_ZERO), "{key:?}");
    }
}

// Plain HTTP.

#[test]
fn plain_http_requests_are_returned_if_enabled() {
    let config = CONFIG.plain_http(true);
    let get = "GET /zqxj HTTP/1.1\r\nHost: zqxj.example\r\n\r\n";
    let mut server =
        Driver::with_request_handler(Connection::server(config.clone()), |conn, request| {
            assert_eq!(request.origin(), None);
            let page = hybi::Response::new(200).body(b"page");
            conn.respond(&page).unwrap();
        });
    server.feed(get.as_bytes());
    let request = Observed::Request(None, "/zqxj".to_owned());
    assert_eq!(
        server.events(),
        [request, Observed::Closed(Closed::Responded(200))]
    );
    let response = "HTTP/1.1 200 OK\r\n\
        Connection: close\r\n\
        Content-Type: text/plain\r\n\
        Content-Length: 4\r\n\r\n\
        page";
    assert_eq!(escaped(server.sent()), escaped(response));

    // Invalid requests are still rejected.
    let post = replace_once(get, "GET", "POST");
    assert_rejected("POST", config.clone(), &post, UnsupportedMethod, Some(405));
    let (body, at) = replace_marked(get, "\r\n\r\n", "\r\n^Content-Length: 4\r\n\r\n");
    let error = header_error("Content-Length", at, Invalid);
    assert_rejected("body", config.clone(), &body, error, Some(400));

    // So are WebSocket requests whose `Upgrade` field was removed by a proxy.
    for field in ["Key", "Key1", "Key2", "Version", "Draft"] {
        let without_upgrade = replace_once(
            get,
            "\r\n\r\n",
            format!("\r\nSec-WebSocket-{field}: 0\r\n\r\n"),
        );
        assert_rejected(
            field,
            config.clone(),
            &without_upgrade,
            NotWebSocket,
            Some(426),
        );
    }
}

/// RFC 9110, 15.3.5, 15.3.6, 15.4.5: a given body is ignored.
#[test]
fn responses_without_content_have_no_body() {
    for (status, has_length) in [(204, false), (205, true), (304, false)] {
        for response in [
            hybi::Response::new(status),
            hybi::Response::new(status).body(b"text"),
        ] {
            let server = Connection::server(CONFIG.plain_http(true));
            let mut server =
                Driver::with_request_handler(server, |conn, _| conn.respond(&response).unwrap());
            server.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let sent = String::from_utf8(server.sent()).unwrap();
            assert!(sent.ends_with("\r\n\r\n"), "{sent}");
            assert_eq!(sent.contains("Content-Length: 0\r\n"), has_length, "{sent}");
        }
    }
}

/// The phrase of the status (RFC 9110, 15; RFC 6585, 4 and 5), or of its class.
#[test]
fn each_status_has_a_reason_phrase() {
    let phrases = [
        (200, "OK"),
        (201, "Created"),
        (202, "Accepted"),
        (203, "Success"),
        (204, "No Content"),
        (205, "Reset Content"),
        (300, "Redirection"),
        (301, "Moved Permanently"),
        (302, "Found"),
        (303, "See Other"),
        (304, "Not Modified"),
        (307, "Temporary Redirect"),
        (308, "Permanent Redirect"),
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (408, "Request Timeout"),
        (409, "Conflict"),
        (410, "Gone"),
        (414, "URI Too Long"),
        (418, "Client Error"),
        (421, "Misdirected Request"),
        (426, "Upgrade Required"),
        (429, "Too Many Requests"),
        (431, "Request Header Fields Too Large"),
        (500, "Internal Server Error"),
        (501, "Not Implemented"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Gateway Timeout"),
        (505, "HTTP Version Not Supported"),
        (599, "Server Error"),
    ];
    for (status, phrase) in phrases {
        let server = Connection::server(CONFIG.plain_http(true));
        let mut server = Driver::with_request_handler(server, |conn, _| {
            conn.respond(&hybi::Response::new(status)).unwrap();
        });
        server.feed(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let sent = String::from_utf8(server.sent()).unwrap();
        let line = sent.lines().next().unwrap();
        assert_eq!(line, format!("HTTP/1.1 {status} {phrase}"));
    }
}
