//! What went wrong elsewhere and was held off by no test yet; and that SECURITY.md names tests
//! that are there.

mod common;

use std::path::Path;
use std::{fs, io};

use common::rfc::{
    BINARY_PART, HEAD, LAST, ROLES, at_every_split, frame, header, masked, other, protocol_error,
};
use common::*;
use hybi::{Config, Connection, Dialect, Dialects, Event, MessageAssembler, ProtocolError, Role};

/// CVE-2020-27813, CVE-2026-1528: added to what has come, a length must not wrap.
#[test]
fn hy_6_lengths_of_63_bits_and_more_behind_half_a_message() {
    for role in ROLES {
        let key = (role == Role::Server).then_some(rfc::KEY);
        let begin = frame(other(role), BINARY_PART, [7; 500]);
        let next = |length| {
            [
                begin.clone(),
                header(LAST, key, rfc::Form::SixtyFour, length),
            ]
            .concat()
        };
        let conn = || Connection::established(&Config::new(), role, Dialect::Rfc6455, [9; 32]);
        for length in [1 << 63, u64::MAX] {
            let half = Observed::UnfinishedBinary(vec![7; 500]);
            let error = protocol_error(ProtocolError::InvalidLength { at: 2 });
            assert_eq!(at_every_split(conn, &next(length)).events, [half, error]);
        }
        // The largest there is passes no limit of its own, and `MessageAssembler` still counts right.
        let payload = masked(&[7; 501], key.unwrap_or_default());
        let mut bytes = [next(i64::MAX as u64), payload].concat();
        let (mut conn, mut message) = (conn(), MessageAssembler::new(1000));
        let (mut input, mut results) = (&mut bytes[..], Vec::new());
        while let Some(event) = conn.receive(&mut input) {
            let Event::Binary(piece) = event else {
                panic!("{event:?}");
            };
            results.push(
                message
                    .push_binary(&piece)
                    .map(|whole| whole.is_some())
                    .is_ok(),
            );
        }
        assert_eq!(results, [true, false]);
        assert_eq!(conn.closed(), None);
    }
}

/// CVE-2021-32640, CVE-2020-7662, CVE-2020-7663: lists are taken apart in one pass. Where a regular
/// expression goes back again and again, this does not end.
#[test]
fn lists_of_64_kib_are_answered_as_short_ones_are() {
    let config = Config::new()
        .dialects(Dialects::ALL)
        .max_header_line_len(1 << 20)
        .max_head_len(1 << 20);
    let lists: [fn(usize) -> String; 8] = [
        |n| " ".repeat(n),
        |n| ",".repeat(n),
        |n| " ,\t".repeat(n),
        |n| "a,".repeat(n),
        |n| "a;".repeat(n),
        |n| "a;b=".repeat(n),
        |n| format!("b{}x", " ".repeat(n)),
        |n| format!("a; b=\"{}", "\\c".repeat(n)),
    ];
    for name in [
        "Connection",
        "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions",
    ] {
        for list in lists {
            let [short, long] = [3, 64 * 1024].map(|n| {
                let fields = format!("\r\n{name}: {}\r\nConnection: Upgrade\r\n\r\n", list(n));
                let head = edit(HEAD, "\r\n\r\n", fields);
                let head = edit(head, "Connection: Upgrade\r\nSec", "Sec");
                run(Connection::server(&config), &head, &[], false)
            });
            let status = |transcript: &Transcript| escaped(&transcript.sent[..12]);
            assert_eq!(status(&long), status(&short), "{name}: {}", list(3));
        }
    }
}

/// CVE-2026-45736: what is handed out was received, since nothing can be read but that.
#[test]
fn no_code_is_unsafe() -> io::Result<()> {
    let lib = read("src/lib.rs")?;
    assert!(lib.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    Ok(())
}

#[test]
fn every_test_that_the_page_names_is_there() -> io::Result<()> {
    let page = read("SECURITY.md")?;
    let named = tests(&page);
    assert!(named.len() > 30, "{named:?}");
    for (file, name) in named {
        let text = read(file)?;
        let start = format!("fn {name}(");
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let at = lines.iter().position(|line| line.starts_with(&start));
        let at = at.unwrap_or_else(|| panic!("no {name} in {file}"));
        let above = lines[..at].iter().rev();
        let mut marks = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        // Alone in a line it is a row of a macro that makes tests.
        let is_test = marks.any(|line| *line == "#[test]") || lines.contains(&name);
        assert!(is_test, "{name} in {file} is no test");
    }
    Ok(())
}

/// What stands in code spans as `tests/file.rs::name`.
fn tests(page: &str) -> Vec<(&str, &str)> {
    let spans = page.split('`').skip(1).step_by(2);
    let tests = spans.filter_map(|span| {
        span.split_once(".rs::")
            .map(|(file, name)| (span, file, name))
    });
    tests
        .map(|(span, file, name)| (&span[..file.len() + 3], name))
        .collect()
}

fn read(path: &str) -> io::Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join(path))
        .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))
}

#[test]
fn a_test_is_named_in_a_code_span() {
    let page = "in `a/b.rs::c_d`, `e.rs`, f.rs::g and\n`h.rs::i`";
    assert_eq!(tests(page), [("a/b.rs", "c_d"), ("h.rs", "i")]);
}
