//! Decoding of HyBi-7, HyBi-8 and RFC 6455 frames, with the input split at every byte.

use hybi::{Closed, Config, Connection, Dialect, Event, MessageAssembler, Phase};
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::hybi_reference::ReferenceDecoder;
use testkit::strategies::*;
use testkit::*;

use Dialect::{HyBi7, HyBi8, Rfc6455};
use ProtocolError::{
    ControlTooLong, ExpectedContinuation, FragmentedControl, FrameTooLong, InvalidLength,
    InvalidUtf8, MaskedFrameFromServer, ReservedBits, TooManyFragments, UnexpectedContinuation,
    UnknownOpcode, UnmaskedFrameFromClient,
};

fn connection(role: Role, dialect: Dialect) -> impl Fn() -> Connection {
    connection_with(&Config::new(), role, dialect)
}

fn connection_with(
    config: &Config,
    role: Role,
    dialect: Dialect,
) -> impl Fn() -> Connection + use<> {
    let config = config.clone();
    move || established(&config, role, dialect)
}

/// Expects these events, and no output, for each role and dialect, at every split.
#[track_caller]
fn expect_events_everywhere(frames: &[(u8, &[u8])], expected: &[Observed]) {
    for (role, dialect) in every_role_and_dialect() {
        expect_events(role, dialect, &from_peer(role, frames), expected);
    }
}

#[track_caller]
fn expect_events(role: Role, dialect: Dialect, bytes: &[u8], expected: &[Observed]) {
    let transcript = at_every_split(connection(role, dialect), bytes);
    assert_eq!(
        transcript.events,
        expected,
        "{role:?} {dialect} {}",
        escaped(bytes)
    );
    assert_eq!(escaped(transcript.sent), "");
}

fn from_peer(role: Role, frames: &[(u8, &[u8])]) -> Vec<u8> {
    let frames = frames.iter();
    frames
        .flat_map(|(first, payload)| frame(other(role), *first, payload))
        .collect()
}

/// Expects [`expect_failure`] for each role and dialect.
#[track_caller]
fn expect_failure_everywhere(
    frames: &[(u8, &[u8])],
    before: &[Observed],
    error: ProtocolError,
    code: u16,
) {
    for (role, dialect) in every_role_and_dialect() {
        let bytes = from_peer(role, frames);
        expect_failure(connection(role, dialect), &bytes, before, error, code);
    }
}

/// Expects `before`, then `error` and a close frame with `code`, at every split, and that later input
/// is ignored (RFC-7.1.7-1, RFC-7.1.7-2).
#[track_caller]
fn expect_failure(
    conn: impl Fn() -> Connection,
    bytes: &[u8],
    before: &[Observed],
    error: ProtocolError,
    code: u16,
) {
    let transcript = at_every_split(&conn, bytes);
    let expected = [before, &[protocol_error(error)]].concat();
    assert_eq!(transcript.events, expected, "{}", escaped(bytes));
    assert_eq!(close_code(&transcript.sent), code, "{}", escaped(bytes));
    assert_eq!(error.close_code(), code);

    let mut driver = Driver::new(conn());
    driver.feed(bytes);
    driver.transcript = Transcript::default();
    for peer in ROLES {
        driver.feed(&frame(peer, TEXT, "more"));
        driver.feed(&frame(peer, PING, "more"));
        driver.feed(&frame(peer, CLOSE, close_payload(1000, "")));
    }
    driver.eof();
    assert_eq!(driver.transcript, Transcript::default());
    assert!(driver.conn.is_done());
}

// Complete conversations.

/// RFC-6.2-1: the examples of section 5.7, which are B1 to B7.
#[test]
fn the_frames_of_the_rfc_examples_are_decoded_hy_5_hy_6_hy_7() {
    let client = |bytes: &[u8], expected: &[Observed]| {
        HYBI.into_iter()
            .for_each(|dialect| expect_events(Role::Client, dialect, bytes, expected));
    };
    let server = |bytes: &[u8], expected: &[Observed]| {
        HYBI.into_iter()
            .for_each(|dialect| expect_events(Role::Server, dialect, bytes, expected));
    };
    client(b"\x81\x05Hello", &[text("Hello")]);
    server(
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        &[text("Hello")],
    );
    client(b"\x01\x03Hel\x80\x02lo", &[text("Hello")]);
    server(
        b"\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        &[pong("Hello")],
    );
    client(
        &[b"\x82\x7e\x01\x00", &[7; 256][..]].concat(),
        &[binary([7; 256])],
    );
    let long = [b"\x82\x7f\0\0\0\0\0\x01\0\0", &[7; 65536][..]].concat();
    client(&long, &[binary([7; 65536])]);

    for dialect in HYBI {
        let transcript = at_every_split(connection(Role::Client, dialect), b"\x89\x05Hello");
        assert_eq!(transcript.events, [ping("Hello")]);
        assert_eq!(
            frame_contents(&transcript.sent),
            [(PONG, b"Hello".to_vec())]
        );
    }
}

/// RFC-5.4-2, RFC-5.4-4, RFC-5.4-5, RFC-6.2-1, RFC-6.2-2, RFC-6.2-3, RFC-6.2-4
#[test]
fn every_frame_type_is_received_and_pings_and_close_are_answered_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
        let bytes = from_peer(
            role,
            &[
                (TEXT, b"one"),
                (TEXT, b""),
                (BINARY, b"\0\xff"),
                (PING, b""),
                (TEXT_FRAGMENT, "\u{e9}".as_bytes()),
                (PING, b"within"),
                (CONTINUATION, b""),
                (CONTINUATION, &"\u{1f600}".as_bytes()[..2]),
                (PONG, b"unasked"),
                (FINAL_CONTINUATION, &"\u{1f600}".as_bytes()[2..]),
                (BINARY_FRAGMENT, b"\xfe"),
                (FINAL_CONTINUATION, b"\xff"),
                (BINARY, b""),
                (CLOSE, &close_payload(1001, "bye")),
            ],
        );
        let transcript = at_every_split_then_eof(connection(role, dialect), &bytes);
        assert_eq!(
            transcript.events,
            [
                text("one"),
                text(""),
                binary(b"\0\xff"),
                ping(""),
                ping("within"),
                pong("unasked"),
                text("\u{e9}\u{1f600}"),
                binary(b"\xfe\xff"),
                binary(""),
                clean_close(1001, "bye"),
            ]
        );
        assert_eq!(
            frame_contents(&transcript.sent),
            [
                (PONG, b"".to_vec()),
                (PONG, b"within".to_vec()),
                (CLOSE, close_payload(1001, "bye")),
            ]
        );
    }
}

// Masks.

/// RFC-5.1-2, RFC-5.1-4, RFC-10.7-1, B16, B17: rejected at the second byte, before any payload.
#[test]
fn unmasked_client_frames_and_masked_server_frames_are_rejected_hy_5() {
    for dialect in HYBI {
        let server = || connection(Role::Server, dialect);
        let client = || connection(Role::Client, dialect);
        for second in [0x00, 0x05, 0x7d, 0x7e, 0x7f] {
            let unmasked = [TEXT, second];
            expect_failure(server(), &unmasked, &[], UnmaskedFrameFromClient, 1002);
            let masked = [TEXT, 0x80 | second];
            expect_failure(client(), &masked, &[], MaskedFrameFromServer, 1002);
        }
        // Also within a message, and for control frames.
        for first in [CONTINUATION, FINAL_CONTINUATION, PING, PONG, CLOSE] {
            let fragments = [(TEXT_FRAGMENT, &b"a"[..])];
            let transcript = |role: Role, second: u8| {
                let bytes = [from_peer(role, &fragments), vec![first, second]].concat();
                at_every_split(connection(role, dialect), &bytes)
            };
            let incomplete = Observed::IncompleteText("a".into());
            let failed = transcript(Role::Server, 0x00);
            assert_eq!(
                failed.events,
                [incomplete.clone(), protocol_error(UnmaskedFrameFromClient)]
            );
            assert_eq!(failed.sent, b"\x88\x02\x03\xea");
            let failed = transcript(Role::Client, 0x80);
            assert_eq!(
                failed.events,
                [incomplete, protocol_error(MaskedFrameFromServer)]
            );
            assert_eq!(close_code(&failed.sent), 1002);
        }
        // Also if enough bytes follow to be taken for a mask.
        for times in [1, 2] {
            let unmasked = at_every_split(server(), &b"\x81\x05Hello".repeat(times));
            assert_eq!(unmasked.events, [protocol_error(UnmaskedFrameFromClient)]);
            let masked = at_every_split(client(), &b"\x81\x85\0\0\0\0Hello".repeat(times));
            assert_eq!(masked.events, [protocol_error(MaskedFrameFromServer)]);
        }
    }
}

/// RFC-5.3-1, RFC-6.2-4
#[test]
fn payloads_of_every_short_length_are_unmasked_hy_5() {
    let keys = [
        MASKING_KEY,
        [0; 4],
        [0xff; 4],
        [0, 0, 0, 1],
        [1, 2, 3, 4],
        [0x80, 0x40, 0x20, 0x10],
    ];
    for key in keys {
        for length in 0..40 {
            let payload: Vec<u8> = (0..length).map(|i| 255 - 6 * i).collect();
            let encoding = LengthEncoding::Bits7;
            let header = header(BINARY, Some(key), encoding, payload.len() as u64);
            let bytes = [header, masked(&payload, key)].concat();
            expect_events(Role::Server, Rfc6455, &bytes, &[binary(payload)]);
        }
    }
}

/// RFC-5.3-1
#[test]
fn each_frame_is_unmasked_with_its_own_key_hy_5() {
    let fragments: [&[u8]; 4] = [b"abc", b"", b"defgh", b"i"];
    let mut bytes = Vec::new();
    for (i, fragment) in (0_u8..).zip(fragments) {
        let first = match i {
            0 => TEXT_FRAGMENT,
            3 => FINAL_CONTINUATION,
            _ => CONTINUATION,
        };
        let key = [i, 200 - i, i * 3, 255];
        bytes.extend(header(
            first,
            Some(key),
            LengthEncoding::Bits7,
            fragment.len() as u64,
        ));
        bytes.extend(masked(fragment, key));
        let key = [0xaa, i, i, i];
        bytes.extend(header(PONG, Some(key), LengthEncoding::Bits7, 3));
        bytes.extend(masked(b"xyz", key));
    }
    for dialect in HYBI {
        let pongs = [pong("xyz"), pong("xyz"), pong("xyz")];
        let expected = [&pongs[..], &[text("abcdefghi"), pong("xyz")]].concat();
        expect_events(Role::Server, dialect, &bytes, &expected);
    }
}

// Lengths.

#[test]
fn lengths_at_the_limits_of_each_encoding_are_read_hy_6() {
    for length in [
        0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 70000,
    ] {
        let payload: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        for (role, dialect) in every_role_and_dialect() {
            let bytes = frame(other(role), BINARY, &payload);
            let header = bytes.len() - length - if role == Role::Server { 4 } else { 0 };
            let expected = match length {
                0..=125 => 2,
                126..=65535 => 4,
                _ => 10,
            };
            assert_eq!(header, expected);
            expect_events(role, dialect, &bytes, &[binary(&payload)]);
        }
    }
}

/// RFC-5.2-5, B8
#[test]
fn only_rfc_6455_rejects_lengths_not_in_the_shortest_encoding_hy_6() {
    for (encoding, at, lengths) in [
        (LengthEncoding::Bits16, 3, &[0, 1, 124, 125][..]),
        (LengthEncoding::Bits64, 9, &[0, 1, 125, 126, 127, 65535][..]),
    ] {
        for length in lengths {
            let payload = vec![b'a'; *length];
            for role in ROLES {
                let bytes = frame_with_encoding(other(role), TEXT, encoding, &payload);
                let expected = [text(&"a".repeat(*length))];
                expect_events(role, HyBi7, &bytes, &expected);
                expect_events(role, HyBi8, &bytes, &expected);
                // Rejected at the last byte of the length, before a mask or payload.
                let error = InvalidLength { at: at as u64 };
                for bytes in [&bytes[..at + 1], &bytes] {
                    expect_failure(connection(role, Rfc6455), bytes, &[], error, 1002);
                }
            }
        }
    }
    for (role, dialect) in every_role_and_dialect() {
        let bytes = frame_with_encoding(other(role), BINARY, LengthEncoding::Bits64, [1; 65536]);
        expect_events(role, dialect, &bytes, &[binary([1; 65536])]);
    }
}

/// RFC-5.2-4, B9: rejected at the first byte of the length.
#[test]
fn a_64_bit_length_with_the_top_bit_set_is_rejected_hy_6() {
    for (role, dialect) in every_role_and_dialect() {
        let second = if role == Role::Server { 0xff } else { 0x7f };
        for top in [0x80, 0xff, 0x81] {
            let bytes = [BINARY, second, top];
            expect_failure(
                connection(role, dialect),
                &bytes,
                &[],
                InvalidLength { at: 2 },
                1002,
            );
        }
        // The largest valid length is accepted.
        let longest = [&[BINARY, second][..], &[0x7f], &[0xff; 7], &[0; 4], b"abc"].concat();
        let mut driver = open(&Config::new(), role, dialect);
        driver.feed(&longest);
        assert_eq!(driver.events(), []);
        assert_eq!(driver.conn.closed(), None);
        driver.eof();
        assert_eq!(
            driver.events().last(),
            Some(&unexpected_eof(Phase::InMessage))
        );
    }
}

// The first byte.

/// RFC-5.2-2, RFC-5.8-1, B18: no extension is ever negotiated.
#[test]
fn reserved_bits_are_rejected_hy_6() {
    for bits in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
        for opcode in 0..16 {
            for fin in [0x00, 0x80] {
                let byte = fin | bits | opcode;
                for (role, dialect) in every_role_and_dialect() {
                    let conn = connection(role, dialect);
                    expect_failure(conn, &[byte], &[], ReservedBits { byte }, 1002);
                }
            }
        }
        let byte = bits | FINAL_CONTINUATION;
        let fragments: [(u8, &[u8]); 2] = [(BINARY_FRAGMENT, b"a"), (byte, b"b")];
        let before = [Observed::IncompleteBinary(b"a".to_vec())];
        expect_failure_everywhere(&fragments, &before, ReservedBits { byte }, 1002);
    }
}

/// RFC-5.2-3, B19
#[test]
fn unknown_opcodes_are_rejected_hy_6() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for fin in [0x00, 0x80] {
            for (role, dialect) in every_role_and_dialect() {
                let conn = connection(role, dialect);
                expect_failure(conn, &[fin | opcode], &[], UnknownOpcode { opcode }, 1002);
            }
        }
        let fragments: [(u8, &[u8]); 2] =
            [(TEXT_FRAGMENT, b"a"), (FINAL_CONTINUATION | opcode, b"b")];
        let before = [Observed::IncompleteText("a".into())];
        expect_failure_everywhere(&fragments, &before, UnknownOpcode { opcode }, 1002);
    }
}

// Control frames.

/// RFC-5.4-1, B20
#[test]
fn a_fragmented_control_frame_is_rejected_hy_6() {
    for opcode in [8, 9, 10] {
        for (role, dialect) in every_role_and_dialect() {
            let conn = connection(role, dialect);
            expect_failure(conn, &[opcode], &[], FragmentedControl { opcode }, 1002);
        }
        let fragments: [(u8, &[u8]); 2] = [(TEXT_FRAGMENT, b"a"), (opcode, b"")];
        let before = [Observed::IncompleteText("a".into())];
        expect_failure_everywhere(&fragments, &before, FragmentedControl { opcode }, 1002);
    }
}

/// RFC-5.5-1, B21: rejected at the second byte, since both longer encodings are too long.
#[test]
fn a_control_frame_of_more_than_125_bytes_is_rejected_hy_6() {
    for (role, dialect) in every_role_and_dialect() {
        let mask = if role == Role::Server { 0x80 } else { 0 };
        for first in [CLOSE, PING, PONG] {
            for length in [126, 127] {
                let opcode = first & 0x0f;
                let bytes = [first, mask | length];
                expect_failure(
                    connection(role, dialect),
                    &bytes,
                    &[],
                    ControlTooLong { opcode },
                    1002,
                );
            }
        }
        let longest = [b'x'; 125];
        let transcript = at_every_split(
            connection(role, dialect),
            &from_peer(role, &[(PONG, &longest), (PING, &longest), (PING, b"")]),
        );
        assert_eq!(transcript.events, [pong(longest), ping(longest), ping("")]);
        let pongs = [(PONG, longest.to_vec()), (PONG, Vec::new())];
        assert_eq!(frame_contents(&transcript.sent), pongs);
    }
}

/// RFC-5.4-4, RFC-5.5.2-1
#[test]
fn control_frames_between_fragments_are_handled_at_once_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
        let frames = [
            (TEXT_FRAGMENT, &b"\xe2"[..]),
            (PING, b"1"),
            (PING, b"2"),
            (CONTINUATION, b"\x98"),
            (PONG, b"3"),
            (CONTINUATION, b""),
            (PING, b"4"),
            (FINAL_CONTINUATION, b"\x83"),
            (PING, b"5"),
        ];
        let transcript = at_every_split(connection(role, dialect), &from_peer(role, &frames));
        assert_eq!(
            transcript.events,
            [
                ping("1"),
                ping("2"),
                pong("3"),
                ping("4"),
                text("\u{2603}"),
                ping("5")
            ]
        );
        let pongs = [b"1", b"2", b"4", b"5"].map(|payload| (PONG, payload.to_vec()));
        assert_eq!(frame_contents(&transcript.sent), pongs);
    }
}

// Fragments.

/// RFC-5.4-3, RFC-5.4-6, RFC-6.2-2, RFC-6.2-3
#[test]
fn unexpected_continuations_and_interleaved_messages_are_rejected_hy_7() {
    for first in [CONTINUATION, FINAL_CONTINUATION] {
        expect_failure_everywhere(&[(first, b"a")], &[], UnexpectedContinuation, 1002);
        let complete: [(u8, &[u8]); 2] = [(TEXT, b"a"), (first, b"b")];
        expect_failure_everywhere(&complete, &[text("a")], UnexpectedContinuation, 1002);
        let finished: [(u8, &[u8]); 3] = [
            (BINARY_FRAGMENT, b"a"),
            (FINAL_CONTINUATION, b"b"),
            (first, b"c"),
        ];
        expect_failure_everywhere(&finished, &[binary("ab")], UnexpectedContinuation, 1002);
    }
    for first in [TEXT, BINARY, TEXT_FRAGMENT, BINARY_FRAGMENT] {
        let error = ExpectedContinuation {
            opcode: first & 0x0f,
        };
        let interleaved: [(u8, &[u8]); 2] = [(TEXT_FRAGMENT, b"a"), (first, b"b")];
        let before = [Observed::IncompleteText("a".into())];
        expect_failure_everywhere(&interleaved, &before, error, 1002);
        let interleaved: [(u8, &[u8]); 3] =
            [(BINARY_FRAGMENT, b"a"), (CONTINUATION, b"b"), (first, b"c")];
        let before = [Observed::IncompleteBinary(b"ab".to_vec())];
        expect_failure_everywhere(&interleaved, &before, error, 1002);
        let started: [(u8, &[u8]); 2] = [(TEXT_FRAGMENT, b""), (first, b"b")];
        expect_failure_everywhere(&started, &[], error, 1002);
    }
    // Rejected at the first byte.
    for (role, dialect) in every_role_and_dialect() {
        expect_failure(
            connection(role, dialect),
            &[FINAL_CONTINUATION],
            &[],
            UnexpectedContinuation,
            1002,
        );
    }
}

/// RFC-5.4-5
#[test]
fn empty_fragments_and_messages_are_received_hy_7() {
    expect_events_everywhere(
        &[(TEXT_FRAGMENT, b""), (FINAL_CONTINUATION, b"")],
        &[text("")],
    );
    expect_events_everywhere(
        &[(BINARY_FRAGMENT, b""), (FINAL_CONTINUATION, b"")],
        &[binary("")],
    );
    expect_events_everywhere(
        &[
            (TEXT_FRAGMENT, b""),
            (CONTINUATION, b""),
            (CONTINUATION, b"a"),
            (CONTINUATION, b""),
            (FINAL_CONTINUATION, b""),
        ],
        &[text("a")],
    );
    expect_events_everywhere(
        &[
            (BINARY_FRAGMENT, b"a"),
            (CONTINUATION, b""),
            (FINAL_CONTINUATION, b"b"),
            (BINARY, b""),
            (TEXT, b""),
        ],
        &[binary("ab"), binary(""), text("")],
    );
}

/// RFC-10.4-1
#[test]
fn max_fragments_counts_every_frame_of_a_message_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
        for limit in [1_u32, 2, 5] {
            let config = Config::new().max_fragments(limit);
            let fragments = |count: u32, payload: &'static [u8]| {
                let continuations = (1..count).map(|_| (CONTINUATION, payload));
                let frames: Vec<(u8, &[u8])> = [(TEXT_FRAGMENT, payload)]
                    .into_iter()
                    .chain(continuations)
                    .collect();
                from_peer(role, &frames)
            };
            for payload in [&b""[..], b"x"] {
                let conn = || connection_with(&config, role, dialect);
                // Each message may have `limit` frames; control frames do not count.
                let first_frames = fragments(limit - 1, payload);
                let first_frames = if limit == 1 { Vec::new() } else { first_frames };
                let last = if limit == 1 { TEXT } else { FINAL_CONTINUATION };
                let message_bytes = [
                    &first_frames[..],
                    &from_peer(role, &[(PONG, b""), (last, payload)]),
                ]
                .concat();
                let message = text(&String::from_utf8(payload.repeat(limit as usize)).unwrap());
                let transcript =
                    at_every_split(conn(), &[&message_bytes[..], &message_bytes].concat());
                assert_eq!(
                    transcript.events,
                    [pong(""), message.clone(), pong(""), message]
                );

                let too_many = [
                    fragments(limit, payload),
                    from_peer(role, &[(CONTINUATION, payload)]),
                ]
                .concat();
                let valid = payload.repeat(limit as usize);
                let incomplete = Observed::IncompleteText(String::from_utf8(valid).unwrap());
                let before = if payload.is_empty() {
                    vec![]
                } else {
                    vec![incomplete]
                };
                // The header of the first frame over the limit is enough.
                let too_many = &too_many[..too_many.len() - payload.len()];
                expect_failure(conn(), too_many, &before, TooManyFragments { limit }, 1009);
            }
        }
    }
}

/// RFC-10.4-1
#[test]
fn max_fragments_0_rejects_every_message_but_no_control_frame_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
        let conn = || connection_with(&Config::new().max_fragments(0), role, dialect);
        for message in [TEXT, BINARY, TEXT_FRAGMENT, BINARY_FRAGMENT] {
            let bytes = from_peer(role, &[(PONG, b"p"), (message, b"m")]);
            let error = TooManyFragments { limit: 0 };
            expect_failure(conn(), &bytes, &[pong("p")], error, 1009);
        }
    }
}

/// RFC-10.4-1
#[test]
fn a_header_over_max_frame_len_is_rejected_before_the_payload_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
        let key = (role == Role::Server).then_some(MASKING_KEY);
        for limit in [0_u64, 1, 125, 126, 65535, 65536, 1 << 40] {
            let config = Config::new().max_frame_len(limit);
            let conn = || connection_with(&config, role, dialect);
            for length in [limit + 1, limit + 1000, i64::MAX as u64] {
                for first in [TEXT, BINARY, TEXT_FRAGMENT, BINARY_FRAGMENT] {
                    let bytes = header(first, key, LengthEncoding::shortest(length), length);
                    let error = FrameTooLong { limit };
                    expect_failure(conn(), &bytes, &[], error, 1009);
                }
            }
            if limit <= 65536 {
                let payload = vec![0x7f; limit as usize];
                let bytes = from_peer(
                    role,
                    &[
                        (BINARY, &payload),
                        (TEXT_FRAGMENT, &payload),
                        (FINAL_CONTINUATION, &payload),
                    ],
                );
                let twice = String::from_utf8(payload.repeat(2)).unwrap();
                let transcript = at_every_split(conn(), &bytes);
                assert_eq!(transcript.events, [binary(payload), text(&twice)]);
            }
        }
    }
    // Also for control frames and later fragments.
    let config = Config::new().max_frame_len(3);
    let error = FrameTooLong { limit: 3 };
    for (role, dialect) in every_role_and_dialect() {
        let bytes = from_peer(
            role,
            &[(TEXT_FRAGMENT, b"abc"), (PONG, b"abc"), (PONG, b"abcd")],
        );
        let before = [pong("abc"), Observed::IncompleteText("abc".into())];
        expect_failure(
            connection_with(&config, role, dialect),
            &bytes,
            &before,
            error,
            1009,
        );
        let bytes = from_peer(
            role,
            &[(BINARY_FRAGMENT, b"abc"), (FINAL_CONTINUATION, b"abcd")],
        );
        let before = [Observed::IncompleteBinary(b"abc".to_vec())];
        expect_failure(
            connection_with(&config, role, dialect),
            &bytes,
            &before,
            error,
            1009,
        );
    }
}

// Text.

/// Payload, its valid text, the offset of the invalid character, and the length up to the byte that
/// makes it invalid (RFC-5.6-1, RFC-8.1-1).
const INVALID_UTF8: &[(&[u8], &str, u64, usize)] = &[
    (b"\x80", "", 0, 1),
    (b"\xbf", "", 0, 1),
    (b"\xc0\x80", "", 0, 1),
    (b"\xc1\xbf", "", 0, 1),
    (b"\xf5\x80\x80\x80", "", 0, 1),
    (b"\xff", "", 0, 1),
    (b"\xfe", "", 0, 1),
    (b"a\xffb", "a", 1, 2),
    (b"\xc3(", "", 0, 2),
    (b"\xc3\xc3\xa9", "", 0, 2),
    (b"\xe0\x9f\xbf", "", 0, 2),
    (b"\xe2\x28\xa1", "", 0, 2),
    (b"\xe2\x82(", "", 0, 3),
    (b"\xed\xa0\x80", "", 0, 2),
    (b"\xed\xbf\xbf", "", 0, 2),
    (b"\xf0\x8f\xbf\xbf", "", 0, 2),
    (b"\xf4\x90\x80\x80", "", 0, 2),
    (b"\xf0\x9f\x98(", "", 0, 4),
    (b"\xf0\x9f\x98\xf0", "", 0, 4),
    (
        b"abc\xc3\xa9\xe2\x98\x83\xf0\x9f\x98\x80\x80",
        "abc\u{e9}\u{2603}\u{1f600}",
        12,
        13,
    ),
    (
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        "\u{3ba}\u{1f79}\u{3c3}\u{3bc}\u{3b5}",
        11,
        13,
    ),
];

/// Payload that ends within a character, its valid text, and the offset of that character.
const INCOMPLETE_UTF8: &[(&[u8], &str, u64)] = &[
    (b"\xc3", "", 0),
    (b"\xe2\x98", "", 0),
    (b"\xf0\x9f\x98", "", 0),
    (b"ab\xe2", "ab", 2),
    (b"\xc3\xa9\xf0", "\u{e9}", 2),
];

fn incomplete_text(text: &str) -> Vec<Observed> {
    let event = (!text.is_empty()).then(|| Observed::IncompleteText(text.to_owned()));
    event.into_iter().collect()
}

#[test]
fn invalid_utf8_is_rejected_at_the_first_impossible_byte_hy_7() {
    for (payload, valid, at, invalid_len) in INVALID_UTF8 {
        let before = incomplete_text(valid);
        let error = InvalidUtf8 { at: *at };
        for (role, dialect) in every_role_and_dialect() {
            let bytes = frame(other(role), TEXT, payload);
            expect_failure(connection(role, dialect), &bytes, &before, error, 1007);
            // The first invalid byte is enough; without it there is no error yet.
            let unread = payload.len() - invalid_len;
            let invalid = &bytes[..bytes.len() - unread];
            expect_failure(connection(role, dialect), invalid, &before, error, 1007);
            let mut driver = open(&Config::new(), role, dialect);
            driver.feed(&invalid[..invalid.len() - 1]);
            assert_eq!(driver.conn.closed(), None, "{}", escaped(payload));
            assert_eq!(driver.sent(), b"");
        }
    }
}

#[test]
fn text_that_ends_in_an_incomplete_character_is_rejected_hy_7() {
    for (payload, valid, at) in INCOMPLETE_UTF8 {
        let before = incomplete_text(valid);
        let error = InvalidUtf8 { at: *at };
        expect_failure_everywhere(&[(TEXT, payload)], &before, error, 1007);
        expect_failure_everywhere(
            &[(TEXT_FRAGMENT, payload), (FINAL_CONTINUATION, b"")],
            &before,
            error,
            1007,
        );
        expect_failure_everywhere(
            &[
                (TEXT_FRAGMENT, payload),
                (CONTINUATION, b""),
                (FINAL_CONTINUATION, b""),
            ],
            &before,
            error,
            1007,
        );
        // There is no error while the character can still be completed.
        for (role, dialect) in every_role_and_dialect() {
            let mut driver = open(&Config::new(), role, dialect);
            driver.feed(&from_peer(
                role,
                &[(TEXT_FRAGMENT, payload), (CONTINUATION, b"")],
            ));
            assert_eq!(driver.conn.closed(), None);
            driver.eof();
            let expected = [
                incomplete_text(valid),
                vec![unexpected_eof(Phase::InMessage)],
            ]
            .concat();
            assert_eq!(driver.events(), expected);
        }
    }
}

/// RFC-5.6-1: in two frames, split at each byte, and in frames of one byte.
#[test]
fn invalid_utf8_is_rejected_however_it_is_fragmented_hy_7() {
    for (payload, valid, at, invalid_len) in INVALID_UTF8 {
        let before = incomplete_text(valid);
        let error = InvalidUtf8 { at: *at };
        for split in 0..=payload.len() {
            let (first, second) = payload.split_at(split);
            let fragments = [(TEXT_FRAGMENT, first), (FINAL_CONTINUATION, second)];
            // Bytes after the invalid byte are not read.
            expect_failure_everywhere(&fragments, &before, error, 1007);
        }
        let single = payload.iter().enumerate().map(|(i, byte)| {
            let first = if i == 0 { TEXT_FRAGMENT } else { CONTINUATION };
            (first, std::slice::from_ref(byte))
        });
        let single: Vec<(u8, &[u8])> = single.take(*invalid_len).collect();
        expect_failure_everywhere(&single, &before, error, 1007);
        let with_empty: Vec<(u8, &[u8])> = single
            .into_iter()
            .flat_map(|fragment| [fragment, (CONTINUATION, &b""[..]), (PONG, b"")])
            .collect();
        for (role, dialect) in every_role_and_dialect() {
            let transcript =
                at_every_split(connection(role, dialect), &from_peer(role, &with_empty));
            assert_eq!(transcript.events.last(), Some(&protocol_error(error)));
            assert_eq!(close_code(&transcript.sent), 1007);
        }
    }
}

#[test]
fn text_may_be_fragmented_within_characters_hy_7() {
    let string = "\u{0}a\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10000}\
        \u{10ffff}\u{feff}";
    let payload = string.as_bytes();
    expect_events_everywhere(&[(TEXT, payload)], &[text(string)]);
    for split in 0..=payload.len() {
        let (first, second) = payload.split_at(split);
        expect_events_everywhere(
            &[(TEXT_FRAGMENT, first), (FINAL_CONTINUATION, second)],
            &[text(string)],
        );
    }
    for size in 1..5 {
        let mut frames: Vec<(u8, &[u8])> = payload
            .chunks(size)
            .map(|fragment| (CONTINUATION, fragment))
            .collect();
        frames[0].0 = TEXT_FRAGMENT;
        frames.push((FINAL_CONTINUATION, b""));
        expect_events_everywhere(&frames, &[text(string)]);
    }
}

#[test]
fn binary_and_control_payloads_are_not_checked_for_utf8_hy_7() {
    let all: Vec<u8> = (0..=255).collect();
    expect_events_everywhere(&[(BINARY, &all)], &[binary(&all)]);
    for (payload, ..) in INVALID_UTF8 {
        let (first, second) = payload.split_at(payload.len() / 2);
        expect_events_everywhere(&[(BINARY, payload)], &[binary(payload)]);
        expect_events_everywhere(
            &[(BINARY_FRAGMENT, first), (FINAL_CONTINUATION, second)],
            &[binary(payload)],
        );
    }
    expect_events_everywhere(&[(PONG, &all[150..])], &[pong(&all[150..])]);
}

#[test]
fn text_chunks_hold_complete_characters_and_only_the_last_chunk_may_be_empty_hy_7() {
    for dialect in HYBI {
        let bytes = b"\x01\x04ab\xe2\x98\x00\x00\x80\x03\x83cd\x02\x02xy\x00\x00\x80\x00";
        let mut conn = connection(Role::Client, dialect)();
        let (mut chunks, mut copy) = (Vec::new(), bytes.to_vec());
        for read in copy.chunks_mut(3) {
            let mut input = input(read);
            while let Some(event) = conn.receive(&mut input) {
                chunks.push(match event {
                    Event::Text(chunk) => (chunk.as_str().to_owned(), chunk.is_final()),
                    Event::Binary(chunk) => {
                        let bytes = chunk.as_bytes().to_vec();
                        (String::from_utf8(bytes).unwrap(), chunk.is_final())
                    }
                    other => panic!("{other:?}"),
                });
            }
        }
        let expected = [
            ("a", false),
            ("b", false),
            ("\u{2603}", false),
            ("c", false),
            ("d", true),
            ("xy", false),
            ("", true),
        ];
        let chunks: Vec<(&str, bool)> = chunks
            .iter()
            .map(|(string, is_final)| (string.as_str(), *is_final))
            .collect();
        assert_eq!(chunks, expected);
    }
}

// Ends of input.

#[test]
fn eof_reports_whether_a_frame_or_message_was_incomplete() {
    for (role, dialect) in every_role_and_dialect() {
        let bytes = frame(other(role), TEXT, "Hello");
        for len in 0..bytes.len() {
            let mut driver = open(&Config::new(), role, dialect);
            driver.feed(&bytes[..len]);
            driver.events();
            driver.eof();
            let phase = if len == 0 {
                Phase::Open
            } else {
                Phase::InMessage
            };
            assert_eq!(
                driver.events().last(),
                Some(&unexpected_eof(phase)),
                "{len} bytes"
            );
            assert_eq!(driver.sent(), b"");
        }
        let fragments = from_peer(
            role,
            &[(BINARY_FRAGMENT, b"ab"), (PONG, b""), (CONTINUATION, b"")],
        );
        let transcript = at_every_split_then_eof(connection(role, dialect), &fragments);
        let incomplete = Observed::IncompleteBinary(b"ab".to_vec());
        assert_eq!(
            transcript.events,
            [pong(""), incomplete, unexpected_eof(Phase::InMessage)]
        );
    }
}

#[test]
fn an_empty_input_changes_nothing_and_is_not_eof() {
    for (role, dialect) in every_role_and_dialect() {
        let bytes = from_peer(
            role,
            &[
                (TEXT_FRAGMENT, b"a"),
                (PING, b"b"),
                (FINAL_CONTINUATION, b"c"),
            ],
        );
        let mut driver = open(&Config::new(), role, dialect);
        for byte in bytes {
            driver.feed(&[byte]);
            driver.feed(&[]); // starts the timer of an empty send buffer
            let before = (format!("{:?}", driver.conn), driver.transcript.clone());
            for _ in 0..3 {
                driver.feed(&[]);
            }
            assert_eq!(
                (format!("{:?}", driver.conn), driver.transcript.clone()),
                before
            );
        }
        assert_eq!(driver.events(), [ping("b"), text("ac")]);
    }
}

// Properties.

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(&HYBI[..])
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(&ROLES[..])
}

fn decoders() -> impl Strategy<Value = ReferenceDecoder> {
    let max_frame = prop_oneof![3 => Just(i64::MAX as u64), 1 => 0..200_u64];
    let max_fragments = prop_oneof![3 => Just(u32::MAX), 1 => 1..5_u32];
    (role(), dialect(), max_frame, max_fragments).prop_map(
        |(role, dialect, max_frame, max_fragments)| ReferenceDecoder {
            max_frame,
            max_fragments,
            ..ReferenceDecoder::new(role, dialect)
        },
    )
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => string().prop_map(String::into_bytes),
        1 => almost_utf8(0xff),
        1 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::collection::vec(any::<u8>(), 120..130),
        1 => (120..300_usize).prop_map(|n| vec![b'a'; n]),
    ]
}

/// The first byte, payload and length encoding of a frame, and whether to mask it wrongly.
fn any_frame() -> impl Strategy<Value = (u8, Vec<u8>, Option<LengthEncoding>, bool)> {
    let first = prop_oneof![
        6 => prop::sample::select(&[TEXT, BINARY, TEXT_FRAGMENT, BINARY_FRAGMENT, PING, PONG][..]),
        6 => prop::sample::select(&[CONTINUATION, FINAL_CONTINUATION][..]),
        1 => any::<u8>(),
    ];
    let encoding = prop_oneof![
        8 => Just(None),
        1 => Just(Some(LengthEncoding::Bits16)),
        1 => Just(Some(LengthEncoding::Bits64)),
    ];
    (first, payload(), encoding, prop::bool::weighted(0.02))
}

fn close_frame() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![3 => 995..1020_u16, 1 => any::<u16>(), 1 => 2995..5005_u16];
    prop_oneof![
        1 => Just(Vec::new()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        4 => (code, payload()).prop_map(|(code, mut reason)| {
            reason.truncate(123);
            close_payload(code, reason)
        }),
    ]
}

/// Mostly valid frames of a peer of `role`, mixed with random bytes.
fn conversation(role: Role) -> impl Strategy<Value = Vec<u8>> {
    let from = other(role);
    let frame = any_frame().prop_map(move |(first, payload, encoding, wrong_mask)| {
        let from = if wrong_mask { role } else { from };
        let shortest = LengthEncoding::shortest(payload.len() as u64);
        frame_with_encoding(from, first, encoding.unwrap_or(shortest), payload)
    });
    let close = close_frame().prop_map(move |body| testkit::frame(from, CLOSE, body));
    let message = prop::collection::vec(string(), 1..5).prop_map(move |fragments| {
        let count = fragments.len();
        let first = |i: usize| match (i, i + 1 == count) {
            (0, true) => TEXT,
            (0, false) => TEXT_FRAGMENT,
            (_, false) => CONTINUATION,
            (_, true) => FINAL_CONTINUATION,
        };
        let fragments = fragments.iter().enumerate();
        let frames = fragments.map(|(i, fragment)| testkit::frame(from, first(i), fragment));
        frames.collect::<Vec<_>>().concat()
    });
    let some = prop_oneof![
        4 => message,
        4 => frame,
        1 => close,
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(some, 0..8).prop_map(|frames| frames.concat())
}

fn decoders_and_input() -> impl Strategy<Value = (ReferenceDecoder, Vec<u8>)> {
    decoders().prop_flat_map(|decoder| (Just(decoder), conversation(decoder.role)))
}

/// Checks that events and output match the reference decoder, at these splits and at every byte.
fn check_against_reference(
    decoder: ReferenceDecoder,
    bytes: &[u8],
    splits: &[usize],
) -> Result<(), TestCaseError> {
    let (events, sent) = decoder.decode(bytes);
    let transcript = run_checked(decoder.connection(), bytes, &[], true);
    prop_assert_eq!(&transcript.events, &events);
    prop_assert_eq!(frame_contents(&transcript.sent), sent);
    prop_assert_eq!(
        &run_checked(decoder.connection(), bytes, splits, true),
        &transcript
    );
    let every_split: Vec<usize> = (0..bytes.len()).collect();
    prop_assert_eq!(
        &run_checked(decoder.connection(), bytes, &every_split, true),
        &transcript
    );
    Ok(())
}

proptest! {
    #![proptest_config(cases(1024))]

    // HY-5, HY-6, HY-7, HY-8
    #[test]
    fn random_frames_match_the_reference_decoder_at_any_split(
        (decoder, bytes) in decoders_and_input(),
        splits in splits(),
    ) {
        check_against_reference(decoder, &bytes, &split_points(&splits, bytes.len()))?;
    }

    #[test]
    fn random_bytes_match_the_reference_decoder_at_any_split(
        decoder in decoders(),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        splits in splits(),
    ) {
        check_against_reference(decoder, &bytes, &split_points(&splits, bytes.len()))?;
    }
}

/// A message and where it is split into fragments.
#[derive(Clone, Debug)]
enum Sent {
    Text(String, Vec<Index>),
    Binary(Vec<u8>, Vec<Index>),
    Ping(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let fragments = || prop::collection::vec(any::<Index>(), 0..4);
    let long = prop_oneof![4 => 0..20_usize, 2 => 120..130_usize, 1 => 65530..65540_usize];
    let long = (any::<u8>(), long).prop_map(|(byte, n)| vec![byte; n]);
    prop_oneof![
        3 => (string(), fragments()).prop_map(|(text, fragments)| Sent::Text(text, fragments)),
        3 => (long, fragments()).prop_map(|(bytes, fragments)| Sent::Binary(bytes, fragments)),
        1 => prop::collection::vec(any::<u8>(), 0..=125).prop_map(Sent::Ping),
    ]
}

/// Sends a message in one frame, or in one more fragment than split points.
fn send(conn: &mut Connection, message: &Sent) {
    match message {
        Sent::Ping(payload) => conn.send_ping(payload).unwrap(),
        Sent::Text(text, splits) if splits.is_empty() => conn.send_text(text).unwrap(),
        Sent::Binary(bytes, splits) if splits.is_empty() => conn.send_binary(bytes).unwrap(),
        Sent::Text(text, splits) => {
            let chars: Vec<char> = text.chars().collect();
            let mut from = 0;
            for to in split_points(splits, chars.len()) {
                let fragment = String::from_iter(&chars[from..to]);
                conn.send_text_fragment(&fragment, false).unwrap();
                from = to;
            }
            let rest = String::from_iter(&chars[from..]);
            conn.send_text_fragment(&rest, true).unwrap();
        }
        Sent::Binary(bytes, splits) => {
            let mut from = 0;
            for to in split_points(splits, bytes.len()) {
                conn.send_binary_fragment(&bytes[from..to], false).unwrap();
                from = to;
            }
            conn.send_binary_fragment(&bytes[from..], true).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    // RFC-5.4-2, RFC-5.4-5; RFC-6.1-2, RFC-6.1-3, RFC-6.1-4, RFC-6.1-5, RFC-6.1-6; RFC-6.2-1,
    // RFC-6.2-2, RFC-6.2-3, RFC-6.2-4
    #[test]
    fn messages_sent_by_one_side_are_received_by_the_other_hy_5_hy_6_hy_7(
        role in role(),
        dialect in dialect(),
        messages in prop::collection::vec(sent(), 0..8),
        seed: [u8; 32],
        splits in splits(),
    ) {
        let config = Config::new();
        let mut sender = established(&config, role, dialect);
        for message in &messages {
            send(&mut sender, message);
        }
        let bytes = sender.transmit().to_vec();
        let receiver = established(&config, other(role), dialect);
        let transcript = run_checked(receiver, &bytes, &split_points(&splits, bytes.len()), false);
        let expected: Vec<Observed> = messages
            .iter()
            .map(|message| match message {
                Sent::Text(string, _) => text(string),
                Sent::Binary(bytes, _) => binary(bytes),
                Sent::Ping(payload) => ping(payload),
            })
            .collect();
        prop_assert_eq!(transcript.events, expected);
        let mut sender = Driver::new(sender);
        sender.feed(&transcript.sent);
        let pings = messages.iter().filter_map(|message| match message {
            Sent::Ping(payload) => Some(pong(payload)),
            _ => None,
        });
        prop_assert_eq!(sender.events(), pings.collect::<Vec<_>>());
    }
}

/// RFC-10.4-1
#[test]
fn a_message_of_many_small_frames_over_the_message_limit_is_rejected_hy_7() {
    let mut conn = connection(Role::Client, Rfc6455)();
    let mut assembler = MessageAssembler::new(1000);
    let mut bytes = [&b"\x02\x01a"[..], &b"\x00\x01b".repeat(2000)].concat();
    let mut input = input(&mut bytes);
    let (mut chunks, mut errors) = (0, 0);
    while let Some(Event::Binary(chunk)) = conn.receive(&mut input) {
        chunks += 1;
        match assembler.push_binary(chunk) {
            Ok(message) => assert_eq!(message, None),
            Err(error) => {
                assert_eq!((error.limit, chunks), (1000, 1001));
                errors += 1;
            }
        }
    }
    assert_eq!((chunks, errors), (2001, 1));
    assert_eq!(conn.closed(), None::<&Closed>);
}
