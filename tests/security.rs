//! Vulnerabilities of other implementations that no other test covers.

use hybi::{Config, Connection, Dialect, Dialects, Event, MessageAssembler};
use testkit::*;

/// CVE-2020-27813, CVE-2026-1528: the sum of received and declared length must not overflow.
#[test]
fn lengths_of_63_and_64_bits_after_a_fragment_do_not_overflow_hy_6() {
    for role in ROLES {
        let key = (role == Role::Server).then_some(MASKING_KEY);
        let fragment = frame(other(role), BINARY_FRAGMENT, [7; 500]);
        let with_length = |length| {
            [
                fragment.clone(),
                header(FINAL_CONTINUATION, key, LengthEncoding::Bits64, length),
            ]
            .concat()
        };
        let conn = || established(&Config::new(), role, Dialect::Rfc6455);
        for length in [1 << 63, u64::MAX] {
            let incomplete = Observed::IncompleteBinary(vec![7; 500]);
            let error = protocol_error(ProtocolError::InvalidLength { at: 2 });
            assert_eq!(
                at_every_split(conn, &with_length(length)).events,
                [incomplete, error]
            );
        }
        // The largest valid length is accepted; `MessageAssembler` counts the received bytes.
        let payload = masked(&[7; 501], key.unwrap_or_default());
        let mut bytes = [with_length(i64::MAX as u64), payload].concat();
        let (mut conn, mut assembler) = (conn(), MessageAssembler::new(1000));
        let (mut input, mut results) = (input(&mut bytes), Vec::new());
        while let Some(event) = conn.receive(&mut input) {
            let Event::Binary(chunk) = event else {
                panic!("{event:?}");
            };
            results.push(
                assembler
                    .push_binary(chunk)
                    .map(|message| message.is_some())
                    .is_ok(),
            );
        }
        assert_eq!(results, [true, false]);
        assert_eq!(conn.closed(), None);
    }
}

/// CVE-2021-32640, CVE-2020-7662, CVE-2020-7663: lists are parsed in one pass. With a backtracking
/// regular expression this test would not end.
#[test]
fn lists_of_64_kib_are_answered_like_short_ones() {
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
                let headers = format!("\r\n{name}: {}\r\nConnection: Upgrade\r\n\r\n", list(n));
                let head = replace_once(RFC6455_REQUEST, "\r\n\r\n", headers);
                let head = replace_once(head, "Connection: Upgrade\r\nSec", "Sec");
                run(Connection::server(config.clone()), &head, &[], false)
            });
            let status = |transcript: &Transcript| escaped(&transcript.sent[..12]);
            assert_eq!(status(&long), status(&short), "{name}: {}", list(3));
        }
    }
}

/// CVE-2026-45736: without unsafe code no uninitialized memory can be sent.
#[test]
fn the_crate_forbids_unsafe_code() {
    let lib = include_str!("../src/lib.rs");
    assert!(lib.lines().any(|line| line == "#![forbid(unsafe_code)]"));
}
