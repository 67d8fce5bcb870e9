//! The frames of HyBi-7, HyBi-8 and RFC 6455, as they are read: at every cut, byte for byte.

mod common;

use common::rfc::{
    BINARY, BINARY_PART, CLOSE, Form, HYBI, KEY, LAST, MORE, PING, PONG, ROLES, Rules, TEXT,
    TEXT_PART, at_every_split, at_every_split_then_eof, binary, body, clean, close_code, contents,
    eof, every_end, frame, header, masked, open, other, ping, pong, protocol_error, sized, text,
    transcript,
};
use common::*;
use hybi::{
    Closed, Config, Connection, Dialect, Event, MessageAssembler, Phase, ProtocolError, Role,
};
use proptest::prelude::*;
use proptest::sample::Index;

use Dialect::{HyBi7, HyBi8, Rfc6455};
use ProtocolError::{
    Control, FrameTooLong, InvalidLength, InvalidUtf8, MaskedFrameFromServer, OutOfTurn,
    ReservedBits, TooManyFragments, UnknownOpcode, UnmaskedFrameFromClient,
};

fn end(role: Role, dialect: Dialect) -> impl Fn() -> Connection {
    limited(Config::new(), role, dialect)
}

fn limited(config: Config, role: Role, dialect: Dialect) -> impl Fn() -> Connection {
    move || Connection::established(&config, role, dialect, [9; 32])
}

/// What each end in each dialect hears of the frames that its peer sends, at every cut. It sends
/// nothing.
#[track_caller]
fn on_every_end(frames: &[(u8, &[u8])], expected: &[Observed]) {
    for (role, dialect) in every_end() {
        expect_events(role, dialect, &from_peer(role, frames), expected);
    }
}

#[track_caller]
fn expect_events(role: Role, dialect: Dialect, bytes: &[u8], expected: &[Observed]) {
    let transcript = at_every_split(end(role, dialect), bytes);
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

/// Each end in each dialect fails on the frames, at every cut, says `code`, and reads no more.
#[track_caller]
fn all_fail(frames: &[(u8, &[u8])], before: &[Observed], error: ProtocolError, code: u16) {
    for (role, dialect) in every_end() {
        let bytes = from_peer(role, frames);
        fails(end(role, dialect), &bytes, before, error, code);
    }
}

/// RFC-7.1.7-1, RFC-7.1.7-2
#[track_caller]
fn fails(
    conn: impl Fn() -> Connection,
    bytes: &[u8],
    before: &[Observed],
    error: ProtocolError,
    code: u16,
) {
    let whole = at_every_split(&conn, bytes);
    let expected = [before, &[protocol_error(error)]].concat();
    assert_eq!(whole.events, expected, "{}", escaped(bytes));
    assert_eq!(close_code(&whole.sent), code, "{}", escaped(bytes));
    assert_eq!(error.close_code(), code);

    let peer = other(conn().role());
    let mut driver = Driver::new(conn());
    driver.feed(bytes);
    driver.transcript = Transcript::default();
    driver.feed(&frame(peer, TEXT, "more"));
    driver.feed(&frame(peer, PING, "more"));
    driver.feed(&frame(peer, CLOSE, body(1000, "")));
    driver.eof();
    assert_eq!(driver.transcript, Transcript::default());
    assert!(driver.conn.is_done());
}

// Whole conversations.

/// RFC-6.2-1: the frames of the RFC's examples (5.7), which are also B1 to B7.
#[test]
fn hy_5_hy_6_hy_7_the_examples_of_the_rfc() {
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
        let transcript = at_every_split(end(Role::Client, dialect), b"\x89\x05Hello");
        assert_eq!(transcript.events, [ping("Hello")]);
        assert_eq!(contents(&transcript.sent), [(PONG, b"Hello".to_vec())]);
    }
}

/// RFC-5.4-2, RFC-5.4-4, RFC-5.4-5, RFC-6.2-1, RFC-6.2-2, RFC-6.2-3, RFC-6.2-4: everything that a
/// connection can hear.
#[test]
fn hy_7_a_conversation_with_all_kinds_of_frames() {
    for (role, dialect) in every_end() {
        let bytes = from_peer(
            role,
            &[
                (TEXT, b"one"),
                (TEXT, b""),
                (BINARY, b"\0\xff"),
                (PING, b""),
                (TEXT_PART, "\u{e9}".as_bytes()),
                (PING, b"within"),
                (MORE, b""),
                (MORE, &"\u{1f600}".as_bytes()[..2]),
                (PONG, b"unasked"),
                (LAST, &"\u{1f600}".as_bytes()[2..]),
                (BINARY_PART, b"\xfe"),
                (LAST, b"\xff"),
                (BINARY, b""),
                (CLOSE, &body(1001, "bye")),
            ],
        );
        let transcript = at_every_split_then_eof(end(role, dialect), &bytes);
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
                clean(1001, "bye"),
            ]
        );
        assert_eq!(
            contents(&transcript.sent),
            [
                (PONG, b"".to_vec()),
                (PONG, b"within".to_vec()),
                (CLOSE, body(1001, "")),
            ]
        );
    }
}

// Masks.

/// RFC-5.1-2, RFC-5.1-4, RFC-10.7-1, B16, B17: seen at the second byte, before any payload.
#[test]
fn hy_5_a_mask_is_a_clients_alone() {
    for dialect in HYBI {
        let server = || end(Role::Server, dialect);
        let client = || end(Role::Client, dialect);
        for second in [0x00, 0x05, 0x7d, 0x7e, 0x7f] {
            let unmasked = [TEXT, second];
            fails(server(), &unmasked, &[], UnmaskedFrameFromClient, 1002);
            let masked = [TEXT, 0x80 | second];
            fails(client(), &masked, &[], MaskedFrameFromServer, 1002);
        }
        // Within a message, and of control frames too.
        for first in [MORE, LAST, PING, PONG, CLOSE] {
            let parts = [(TEXT_PART, &b"a"[..])];
            let transcript = |role: Role, second: u8| {
                let bytes = [from_peer(role, &parts), vec![first, second]].concat();
                at_every_split(end(role, dialect), &bytes)
            };
            let unfinished = Observed::Unfinished("a".into());
            let heard = transcript(Role::Server, 0x00);
            assert_eq!(
                heard.events,
                [unfinished.clone(), protocol_error(UnmaskedFrameFromClient)]
            );
            assert_eq!(heard.sent, b"\x88\x02\x03\xea");
            let heard = transcript(Role::Client, 0x80);
            assert_eq!(
                heard.events,
                [unfinished, protocol_error(MaskedFrameFromServer)]
            );
            assert_eq!(close_code(&heard.sent), 1002);
        }
        // Alone, and with as much behind it as a mask would take.
        for times in [1, 2] {
            let unmasked = at_every_split(server(), &b"\x81\x05Hello".repeat(times));
            assert_eq!(unmasked.events, [protocol_error(UnmaskedFrameFromClient)]);
            let masked = at_every_split(client(), &b"\x81\x85\0\0\0\0Hello".repeat(times));
            assert_eq!(masked.events, [protocol_error(MaskedFrameFromServer)]);
        }
    }
}

/// RFC-5.3-1, RFC-6.2-4: every key, every length up to a few words, every cut.
#[test]
fn hy_5_what_is_masked_is_unmasked() {
    let keys = [
        KEY,
        [0; 4],
        [0xff; 4],
        [0, 0, 0, 1],
        [1, 2, 3, 4],
        [0x80, 0x40, 0x20, 0x10],
    ];
    for key in keys {
        for length in 0..40 {
            let payload: Vec<u8> = (0..length).map(|i| 255 - 6 * i).collect();
            let form = Form::Seven;
            let header = header(BINARY, Some(key), form, payload.len() as u64);
            let bytes = [header, masked(&payload, key)].concat();
            expect_events(Role::Server, Rfc6455, &bytes, &[binary(payload)]);
        }
    }
}

/// RFC-5.3-1: each frame has a key of its own.
#[test]
fn hy_5_keys_change_from_frame_to_frame() {
    let parts: [&[u8]; 4] = [b"abc", b"", b"defgh", b"i"];
    let mut bytes = Vec::new();
    for (i, part) in (0_u8..).zip(parts) {
        let first = match i {
            0 => TEXT_PART,
            3 => LAST,
            _ => MORE,
        };
        let key = [i, 200 - i, i * 3, 255];
        bytes.extend(header(first, Some(key), Form::Seven, part.len() as u64));
        bytes.extend(masked(part, key));
        let key = [0xaa, i, i, i];
        bytes.extend(header(PONG, Some(key), Form::Seven, 3));
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
fn hy_6_each_form_at_its_edges() {
    for length in [
        0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 70000,
    ] {
        let payload: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        for (role, dialect) in every_end() {
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

/// RFC-5.2-5, B8: a length that a shorter form could hold.
#[test]
fn hy_6_rfc_6455_alone_demands_the_shortest_form() {
    for (form, at, lengths) in [
        (Form::Sixteen, 3, &[0, 1, 124, 125][..]),
        (Form::SixtyFour, 9, &[0, 1, 125, 126, 127, 65535][..]),
    ] {
        for length in lengths {
            let payload = vec![b'a'; *length];
            for role in ROLES {
                let bytes = sized(other(role), TEXT, form, &payload);
                let whole = [text(&"a".repeat(*length))];
                expect_events(role, HyBi7, &bytes, &whole);
                expect_events(role, HyBi8, &bytes, &whole);
                // At the last byte of the length, without waiting for a mask or payload.
                let error = InvalidLength { at: at as u64 };
                for bytes in [&bytes[..at + 1], &bytes] {
                    fails(end(role, Rfc6455), bytes, &[], error, 1002);
                }
            }
        }
    }
    for (role, dialect) in every_end() {
        let bytes = sized(other(role), BINARY, Form::SixtyFour, [1; 65536]);
        expect_events(role, dialect, &bytes, &[binary([1; 65536])]);
    }
}

/// RFC-5.2-4, B9: at the first byte of the length.
#[test]
fn hy_6_the_top_bit_of_a_long_length() {
    for (role, dialect) in every_end() {
        let second = if role == Role::Server { 0xff } else { 0x7f };
        for top in [0x80, 0xff, 0x81] {
            let bytes = [BINARY, second, top];
            fails(
                end(role, dialect),
                &bytes,
                &[],
                InvalidLength { at: 2 },
                1002,
            );
        }
        // One bit less is a frame that will never end.
        let longest = [&[BINARY, second][..], &[0x7f], &[0xff; 7], &[0; 4], b"abc"].concat();
        let mut driver = open(&Config::new(), role, dialect);
        driver.feed(&longest);
        assert_eq!(driver.events(), []);
        assert_eq!(driver.conn.closed(), None);
        driver.eof();
        assert_eq!(driver.events().last(), Some(&eof(Phase::InMessage)));
    }
}

// The first byte.

/// RFC-5.2-2, RFC-5.8-1, B18: no extension gives them a meaning.
#[test]
fn hy_6_reserved_bits() {
    for bits in [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70] {
        for opcode in 0..16 {
            for fin in [0x00, 0x80] {
                let byte = fin | bits | opcode;
                for (role, dialect) in every_end() {
                    let end = end(role, dialect);
                    fails(end, &[byte], &[], ReservedBits { byte }, 1002);
                }
            }
        }
        let byte = bits | LAST;
        let parts: [(u8, &[u8]); 2] = [(BINARY_PART, b"a"), (byte, b"b")];
        let before = [Observed::UnfinishedBinary(b"a".to_vec())];
        all_fail(&parts, &before, ReservedBits { byte }, 1002);
    }
}

/// RFC-5.2-3, B19
#[test]
fn hy_6_opcodes_without_a_meaning() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        for fin in [0x00, 0x80] {
            for (role, dialect) in every_end() {
                let end = end(role, dialect);
                fails(end, &[fin | opcode], &[], UnknownOpcode { opcode }, 1002);
            }
        }
        let parts: [(u8, &[u8]); 2] = [(TEXT_PART, b"a"), (LAST | opcode, b"b")];
        let before = [Observed::Unfinished("a".into())];
        all_fail(&parts, &before, UnknownOpcode { opcode }, 1002);
    }
}

// Control frames.

/// RFC-5.4-1, B20
#[test]
fn hy_6_a_control_frame_in_fragments() {
    for opcode in [8, 9, 10] {
        for (role, dialect) in every_end() {
            let end = end(role, dialect);
            fails(end, &[opcode], &[], Control { opcode }, 1002);
        }
        let parts: [(u8, &[u8]); 2] = [(TEXT_PART, b"a"), (opcode, b"")];
        let before = [Observed::Unfinished("a".into())];
        all_fail(&parts, &before, Control { opcode }, 1002);
    }
}

/// RFC-5.5-1, B21: at the second byte; a form that is too long for it tells enough.
#[test]
fn hy_6_a_control_frame_of_more_than_125_bytes() {
    for (role, dialect) in every_end() {
        let mask = if role == Role::Server { 0x80 } else { 0 };
        for first in [CLOSE, PING, PONG] {
            for length in [126, 127] {
                let opcode = first & 0x0f;
                let bytes = [first, mask | length];
                fails(end(role, dialect), &bytes, &[], Control { opcode }, 1002);
            }
        }
        let longest = [b'x'; 125];
        let transcript = at_every_split(
            end(role, dialect),
            &from_peer(role, &[(PONG, &longest), (PING, &longest), (PING, b"")]),
        );
        assert_eq!(transcript.events, [pong(longest), ping(longest), ping("")]);
        let pongs = [(PONG, longest.to_vec()), (PONG, Vec::new())];
        assert_eq!(contents(&transcript.sent), pongs);
    }
}

/// RFC-5.4-4, RFC-5.5.2-1: between any two fragments, and in any number.
#[test]
fn hy_7_control_frames_between_fragments() {
    for (role, dialect) in every_end() {
        let frames = [
            (TEXT_PART, &b"\xe2"[..]),
            (PING, b"1"),
            (PING, b"2"),
            (MORE, b"\x98"),
            (PONG, b"3"),
            (MORE, b""),
            (PING, b"4"),
            (LAST, b"\x83"),
            (PING, b"5"),
        ];
        let transcript = at_every_split(end(role, dialect), &from_peer(role, &frames));
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
        assert_eq!(contents(&transcript.sent), pongs);
    }
}

// Fragments.

/// RFC-5.4-3, RFC-5.4-6, RFC-6.2-2, RFC-6.2-3
#[test]
fn hy_7_frames_out_of_turn() {
    let out_of_turn = |opcode| OutOfTurn { opcode };
    for first in [MORE, LAST] {
        all_fail(&[(first, b"a")], &[], out_of_turn(0), 1002);
        let whole: [(u8, &[u8]); 2] = [(TEXT, b"a"), (first, b"b")];
        all_fail(&whole, &[text("a")], out_of_turn(0), 1002);
        let ended: [(u8, &[u8]); 3] = [(BINARY_PART, b"a"), (LAST, b"b"), (first, b"c")];
        all_fail(&ended, &[binary("ab")], out_of_turn(0), 1002);
    }
    for first in [TEXT, BINARY, TEXT_PART, BINARY_PART] {
        let opcode = first & 0x0f;
        let mixed: [(u8, &[u8]); 2] = [(TEXT_PART, b"a"), (first, b"b")];
        let before = [Observed::Unfinished("a".into())];
        all_fail(&mixed, &before, out_of_turn(opcode), 1002);
        let mixed: [(u8, &[u8]); 3] = [(BINARY_PART, b"a"), (MORE, b"b"), (first, b"c")];
        let before = [Observed::UnfinishedBinary(b"ab".to_vec())];
        all_fail(&mixed, &before, out_of_turn(opcode), 1002);
        let begun: [(u8, &[u8]); 2] = [(TEXT_PART, b""), (first, b"b")];
        all_fail(&begun, &[], out_of_turn(opcode), 1002);
    }
    // Seen at the first byte.
    for (role, dialect) in every_end() {
        fails(end(role, dialect), &[LAST], &[], out_of_turn(0), 1002);
    }
}

/// RFC-5.4-5
#[test]
fn hy_7_empty_fragments_and_messages() {
    on_every_end(&[(TEXT_PART, b""), (LAST, b"")], &[text("")]);
    on_every_end(&[(BINARY_PART, b""), (LAST, b"")], &[binary("")]);
    on_every_end(
        &[
            (TEXT_PART, b""),
            (MORE, b""),
            (MORE, b"a"),
            (MORE, b""),
            (LAST, b""),
        ],
        &[text("a")],
    );
    on_every_end(
        &[
            (BINARY_PART, b"a"),
            (MORE, b""),
            (LAST, b"b"),
            (BINARY, b""),
            (TEXT, b""),
        ],
        &[binary("ab"), binary(""), text("")],
    );
}

/// RFC-10.4-1
#[test]
fn hy_7_max_fragments_counts_every_frame_of_a_message() {
    for (role, dialect) in every_end() {
        for limit in [1_u32, 2, 5] {
            let config = Config::new().max_fragments(limit);
            let parts = |count: u32, payload: &'static [u8]| {
                let within = (1..count).map(|_| (MORE, payload));
                let frames: Vec<(u8, &[u8])> =
                    [(TEXT_PART, payload)].into_iter().chain(within).collect();
                from_peer(role, &frames)
            };
            for payload in [&b""[..], b"x"] {
                let conn = || limited(config, role, dialect);
                // As many as that, and as many again in the next message, and control frames.
                let most = parts(limit - 1, payload);
                let most = if limit == 1 { Vec::new() } else { most };
                let last = if limit == 1 { TEXT } else { LAST };
                let whole = [&most[..], &from_peer(role, &[(PONG, b""), (last, payload)])].concat();
                let message = text(&String::from_utf8(payload.repeat(limit as usize)).unwrap());
                let transcript = at_every_split(conn(), &[&whole[..], &whole].concat());
                assert_eq!(
                    transcript.events,
                    [pong(""), message.clone(), pong(""), message]
                );

                let many = [parts(limit, payload), from_peer(role, &[(MORE, payload)])].concat();
                let told_of = payload.repeat(limit as usize);
                let unfinished = Observed::Unfinished(String::from_utf8(told_of).unwrap());
                let before = if payload.is_empty() {
                    vec![]
                } else {
                    vec![unfinished]
                };
                // The header of the one too many is enough.
                let many = &many[..many.len() - payload.len()];
                fails(conn(), many, &before, TooManyFragments { limit }, 1009);
            }
        }
    }
}

/// RFC-10.4-1: with no frame allowed there is no message, but control frames.
#[test]
fn hy_7_max_fragments_of_0_takes_no_message() {
    for (role, dialect) in every_end() {
        let conn = || limited(Config::new().max_fragments(0), role, dialect);
        for message in [TEXT, BINARY, TEXT_PART, BINARY_PART] {
            let bytes = from_peer(role, &[(PONG, b"p"), (message, b"m")]);
            let error = TooManyFragments { limit: 0 };
            fails(conn(), &bytes, &[pong("p")], error, 1009);
        }
    }
}

/// RFC-10.4-1: the header is enough, whatever the length claims.
#[test]
fn hy_7_max_frame_by_the_header_alone() {
    for (role, dialect) in every_end() {
        let key = (role == Role::Server).then_some(KEY);
        for limit in [0_u64, 1, 125, 126, 65535, 65536, 1 << 40] {
            let config = Config::new().max_frame_len(limit);
            let conn = || limited(config, role, dialect);
            for length in [limit + 1, limit + 1000, i64::MAX as u64] {
                for first in [TEXT, BINARY, TEXT_PART, BINARY_PART] {
                    let bytes = header(first, key, Form::shortest(length), length);
                    // Told where the length begins.
                    let error = FrameTooLong { at: 1, limit };
                    fails(conn(), &bytes, &[], error, 1009);
                }
            }
            if limit <= 65536 {
                let payload = vec![0x7f; limit as usize];
                let bytes = from_peer(
                    role,
                    &[(BINARY, &payload), (TEXT_PART, &payload), (LAST, &payload)],
                );
                let twice = String::from_utf8(payload.repeat(2)).unwrap();
                let transcript = at_every_split(conn(), &bytes);
                assert_eq!(transcript.events, [binary(payload), text(&twice)]);
            }
        }
    }
    // Of control frames too, and of a fragment within.
    let config = Config::new().max_frame_len(3);
    let error = FrameTooLong { at: 1, limit: 3 };
    for (role, dialect) in every_end() {
        let bytes = from_peer(
            role,
            &[(TEXT_PART, b"abc"), (PONG, b"abc"), (PONG, b"abcd")],
        );
        let before = [pong("abc"), Observed::Unfinished("abc".into())];
        fails(limited(config, role, dialect), &bytes, &before, error, 1009);
        let bytes = from_peer(role, &[(BINARY_PART, b"abc"), (LAST, b"abcd")]);
        let before = [Observed::UnfinishedBinary(b"abc".to_vec())];
        fails(limited(config, role, dialect), &bytes, &before, error, 1009);
    }
}

// Text.

/// RFC-5.6-1, RFC-8.1-1: payload, how much of it is told, where it goes wrong, and at which byte that
/// shows: the first that no character can go on with.
const NOT_UTF8: &[(&[u8], &str, u64, usize)] = &[
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

/// A message that ends within a character.
const CUT_SHORT: &[(&[u8], &str, u64)] = &[
    (b"\xc3", "", 0),
    (b"\xe2\x98", "", 0),
    (b"\xf0\x9f\x98", "", 0),
    (b"ab\xe2", "ab", 2),
    (b"\xc3\xa9\xf0", "\u{e9}", 2),
];

fn unfinished(told: &str) -> Vec<Observed> {
    let some = !told.is_empty();
    some.then(|| Observed::Unfinished(told.to_owned()))
        .into_iter()
        .collect()
}

#[test]
fn hy_7_text_fails_at_the_first_impossible_byte() {
    for (payload, told_of, at, shown) in NOT_UTF8 {
        let before = unfinished(told_of);
        let error = InvalidUtf8 { at: *at };
        for (role, dialect) in every_end() {
            let whole = frame(other(role), TEXT, payload);
            fails(end(role, dialect), &whole, &before, error, 1007);
            // The rest of the frame need not come, and one byte less is not wrong yet.
            let behind = payload.len() - shown;
            let shown = &whole[..whole.len() - behind];
            fails(end(role, dialect), shown, &before, error, 1007);
            let mut driver = open(&Config::new(), role, dialect);
            driver.feed(&shown[..shown.len() - 1]);
            assert_eq!(driver.conn.closed(), None, "{}", escaped(payload));
            assert_eq!(driver.sent(), b"");
        }
    }
}

#[test]
fn hy_7_text_that_ends_within_a_character() {
    for (payload, told_of, at) in CUT_SHORT {
        let before = unfinished(told_of);
        let error = InvalidUtf8 { at: *at };
        all_fail(&[(TEXT, payload)], &before, error, 1007);
        all_fail(&[(TEXT_PART, payload), (LAST, b"")], &before, error, 1007);
        all_fail(
            &[(TEXT_PART, payload), (MORE, b""), (LAST, b"")],
            &before,
            error,
            1007,
        );
        // As long as more can come nothing is wrong.
        for (role, dialect) in every_end() {
            let mut driver = open(&Config::new(), role, dialect);
            driver.feed(&from_peer(role, &[(TEXT_PART, payload), (MORE, b"")]));
            assert_eq!(driver.conn.closed(), None);
            driver.eof();
            let expected = [unfinished(told_of), vec![eof(Phase::InMessage)]].concat();
            assert_eq!(driver.events(), expected);
        }
    }
}

/// RFC-5.6-1: a message in two frames, cut at each byte, and in frames of one byte.
#[test]
fn hy_7_text_that_is_not_utf8_cut_by_frames() {
    for (payload, told_of, at, shown) in NOT_UTF8 {
        let before = unfinished(told_of);
        let error = InvalidUtf8 { at: *at };
        for cut in 0..=payload.len() {
            let (front, back) = payload.split_at(cut);
            let parts = [(TEXT_PART, front), (LAST, back)];
            // What stands behind the bad byte is not looked at.
            all_fail(&parts, &before, error, 1007);
        }
        let single = payload.iter().enumerate().map(|(i, byte)| {
            let first = if i == 0 { TEXT_PART } else { MORE };
            (first, std::slice::from_ref(byte))
        });
        let single: Vec<(u8, &[u8])> = single.take(*shown).collect();
        all_fail(&single, &before, error, 1007);
        let with_empty: Vec<(u8, &[u8])> = single
            .into_iter()
            .flat_map(|part| [part, (MORE, &b""[..]), (PONG, b"")])
            .collect();
        for (role, dialect) in every_end() {
            let transcript = at_every_split(end(role, dialect), &from_peer(role, &with_empty));
            assert_eq!(transcript.events.last(), Some(&protocol_error(error)));
            assert_eq!(close_code(&transcript.sent), 1007);
        }
    }
}

#[test]
fn hy_7_text_cut_by_frames_within_its_characters() {
    let whole = "\u{0}a\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10000}\
        \u{10ffff}\u{feff}";
    let payload = whole.as_bytes();
    on_every_end(&[(TEXT, payload)], &[text(whole)]);
    for cut in 0..=payload.len() {
        let (front, back) = payload.split_at(cut);
        on_every_end(&[(TEXT_PART, front), (LAST, back)], &[text(whole)]);
    }
    for size in 1..5 {
        let mut frames: Vec<(u8, &[u8])> = payload.chunks(size).map(|part| (MORE, part)).collect();
        frames[0].0 = TEXT_PART;
        frames.push((LAST, b""));
        on_every_end(&frames, &[text(whole)]);
    }
}

/// Nothing of it is looked at.
#[test]
fn hy_7_binary_is_any_bytes() {
    let all: Vec<u8> = (0..=255).collect();
    on_every_end(&[(BINARY, &all)], &[binary(&all)]);
    for (payload, ..) in NOT_UTF8 {
        let (front, back) = payload.split_at(payload.len() / 2);
        on_every_end(&[(BINARY, payload)], &[binary(payload)]);
        on_every_end(&[(BINARY_PART, front), (LAST, back)], &[binary(payload)]);
    }
    // A pong's and a ping's neither.
    on_every_end(&[(PONG, &all[150..])], &[pong(&all[150..])]);
}

/// The pieces of a message as they come: text only in whole characters, and no empty piece but the
/// last.
#[test]
fn hy_7_pieces() {
    for dialect in HYBI {
        let bytes = b"\x01\x04ab\xe2\x98\x00\x00\x80\x03\x83cd\x02\x02xy\x00\x00\x80\x00";
        let mut conn = end(Role::Client, dialect)();
        let (mut pieces, mut copy) = (Vec::new(), bytes.to_vec());
        for read in copy.chunks_mut(3) {
            let mut input = read;
            while let Some(event) = conn.receive(&mut input) {
                pieces.push(match event {
                    Event::Text(piece) => (piece.as_str().to_owned(), piece.is_final()),
                    Event::Binary(piece) => {
                        let bytes = piece.as_bytes().to_vec();
                        (String::from_utf8(bytes).unwrap(), piece.is_final())
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
        let pieces: Vec<(&str, bool)> =
            pieces.iter().map(|(s, last)| (s.as_str(), *last)).collect();
        assert_eq!(pieces, expected);
    }
}

// Ends.

#[test]
fn an_end_of_file_within_a_frame_or_message() {
    for (role, dialect) in every_end() {
        let whole = frame(other(role), TEXT, "Hello");
        for cut in 0..whole.len() {
            let mut driver = open(&Config::new(), role, dialect);
            driver.feed(&whole[..cut]);
            driver.events();
            driver.eof();
            let phase = if cut == 0 {
                Phase::Open
            } else {
                Phase::InMessage
            };
            assert_eq!(driver.events().last(), Some(&eof(phase)), "cut at {cut}");
            assert_eq!(driver.sent(), b"");
        }
        let parts = from_peer(role, &[(BINARY_PART, b"ab"), (PONG, b""), (MORE, b"")]);
        let transcript = at_every_split_then_eof(end(role, dialect), &parts);
        let unfinished = Observed::UnfinishedBinary(b"ab".to_vec());
        assert_eq!(
            transcript.events,
            [pong(""), unfinished, eof(Phase::InMessage)]
        );
    }
}

/// An empty read is no end of file and changes nothing.
#[test]
fn nothing_comes_of_an_empty_input() {
    for (role, dialect) in every_end() {
        let bytes = from_peer(role, &[(TEXT_PART, b"a"), (PING, b"b"), (LAST, b"c")]);
        let mut driver = open(&Config::new(), role, dialect);
        for byte in bytes {
            driver.feed(&[byte]);
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

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..24)
}

fn cut_at(indices: &[Index], length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = indices.iter().map(|i| i.index(length + 1)).collect();
    cuts.sort_unstable();
    cuts
}

fn rules() -> impl Strategy<Value = Rules> {
    let max_frame = prop_oneof![3 => Just(i64::MAX as u64), 1 => 0..200_u64];
    let max_fragments = prop_oneof![3 => Just(u32::MAX), 1 => 1..5_u32];
    (role(), dialect(), max_frame, max_fragments).prop_map(
        |(role, dialect, max_frame, max_fragments)| Rules {
            max_frame,
            max_fragments,
            ..Rules::new(role, dialect)
        },
    )
}

/// Bytes at every edge of UTF-8, in any order.
fn nearly_text() -> impl Strategy<Value = Vec<u8>> {
    let edges: &[u8] = &[
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe2, 0xed,
        0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff,
    ];
    prop::collection::vec(prop::sample::select(edges), 0..12)
}

fn string() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter)
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => string().prop_map(String::into_bytes),
        1 => nearly_text(),
        1 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::collection::vec(any::<u8>(), 120..130),
        1 => (120..300_usize).prop_map(|n| vec![b'a'; n]),
    ]
}

/// A frame of any kind with any header, and what its header is wrong in, if in anything.
fn any_frame() -> impl Strategy<Value = (u8, Vec<u8>, Option<Form>, bool)> {
    let first = prop_oneof![
        6 => prop::sample::select(&[TEXT, BINARY, TEXT_PART, BINARY_PART, PING, PONG][..]),
        6 => prop::sample::select(&[MORE, LAST][..]),
        1 => any::<u8>(),
    ];
    let form = prop_oneof![
        8 => Just(None),
        1 => Just(Some(Form::Sixteen)),
        1 => Just(Some(Form::SixtyFour)),
    ];
    (first, payload(), form, prop::bool::weighted(0.02))
}

fn close_frame() -> impl Strategy<Value = Vec<u8>> {
    let code = prop_oneof![3 => 995..1020_u16, 1 => any::<u16>(), 1 => 2995..5005_u16];
    prop_oneof![
        1 => Just(Vec::new()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
        4 => (code, payload()).prop_map(|(code, mut reason)| {
            reason.truncate(123);
            body(code, reason)
        }),
    ]
}

/// Frames that a peer of `role` sends, mostly right ones, and bytes that are none.
fn conversation(role: Role) -> impl Strategy<Value = Vec<u8>> {
    let from = other(role);
    let frame = any_frame().prop_map(move |(first, payload, form, wrong_mask)| {
        let from = if wrong_mask { role } else { from };
        let shortest = Form::shortest(payload.len() as u64);
        sized(from, first, form.unwrap_or(shortest), payload)
    });
    let close = close_frame().prop_map(move |body| common::rfc::frame(from, CLOSE, body));
    let message = prop::collection::vec(string(), 1..5).prop_map(move |parts| {
        let count = parts.len();
        let first = |i: usize| match (i, i + 1 == count) {
            (0, true) => TEXT,
            (0, false) => TEXT_PART,
            (_, false) => MORE,
            (_, true) => LAST,
        };
        let parts = parts.iter().enumerate();
        let frames = parts.map(|(i, part)| common::rfc::frame(from, first(i), part));
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

fn heard() -> impl Strategy<Value = (Rules, Vec<u8>)> {
    rules().prop_flat_map(|rules| (Just(rules), conversation(rules.role)))
}

/// What a connection says is what the naive reader says.
fn agrees(rules: Rules, bytes: &[u8], cuts: &[usize]) -> Result<(), TestCaseError> {
    let (events, sent) = rules.transcript(bytes);
    let whole = transcript(rules.connection(), bytes, &[], true);
    prop_assert_eq!(&whole.events, &events);
    prop_assert_eq!(contents(&whole.sent), sent);
    prop_assert_eq!(&transcript(rules.connection(), bytes, cuts, true), &whole);
    let everywhere: Vec<usize> = (0..bytes.len()).collect();
    prop_assert_eq!(
        &transcript(rules.connection(), bytes, &everywhere, true),
        &whole
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1024,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // HY-5, HY-6, HY-7, HY-8
    #[test]
    fn any_frames_at_any_cuts_mean_what_they_mean_at_once(
        (rules, bytes) in heard(),
        cuts in cuts(),
    ) {
        agrees(rules, &bytes, &cut_at(&cuts, bytes.len()))?;
    }

    #[test]
    fn any_bytes_at_any_cuts_mean_what_they_mean_at_once(
        rules in rules(),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        cuts in cuts(),
    ) {
        agrees(rules, &bytes, &cut_at(&cuts, bytes.len()))?;
    }
}

/// A message and where it is cut.
#[derive(Clone, Debug)]
enum Sent {
    Text(String, Vec<Index>),
    Binary(Vec<u8>, Vec<Index>),
    Ping(Vec<u8>),
}

fn sent() -> impl Strategy<Value = Sent> {
    let parts = || prop::collection::vec(any::<Index>(), 0..4);
    let long = prop_oneof![4 => 0..20_usize, 2 => 120..130_usize, 1 => 65530..65540_usize];
    let long = (any::<u8>(), long).prop_map(|(byte, n)| vec![byte; n]);
    prop_oneof![
        3 => (string(), parts()).prop_map(|(text, parts)| Sent::Text(text, parts)),
        3 => (long, parts()).prop_map(|(bytes, parts)| Sent::Binary(bytes, parts)),
        1 => prop::collection::vec(any::<u8>(), 0..=125).prop_map(Sent::Ping),
    ]
}

/// Sends it, in as many frames as there are cuts and one.
fn send(conn: &mut Connection, message: &Sent) {
    match message {
        Sent::Ping(payload) => conn.send_ping(payload).unwrap(),
        Sent::Text(text, cuts) if cuts.is_empty() => conn.send_text(text).unwrap(),
        Sent::Binary(bytes, cuts) if cuts.is_empty() => conn.send_binary(bytes).unwrap(),
        Sent::Text(text, cuts) => {
            let chars: Vec<char> = text.chars().collect();
            let mut from = 0;
            for to in cut_at(cuts, chars.len()) {
                let part = String::from_iter(&chars[from..to]);
                conn.send_text_fragment(&part, false).unwrap();
                from = to;
            }
            let rest = String::from_iter(&chars[from..]);
            conn.send_text_fragment(&rest, true).unwrap();
        }
        Sent::Binary(bytes, cuts) => {
            let mut from = 0;
            for to in cut_at(cuts, bytes.len()) {
                conn.send_binary_fragment(&bytes[from..to], false).unwrap();
                from = to;
            }
            conn.send_binary_fragment(&bytes[from..], true).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // RFC-5.4-2, RFC-5.4-5; RFC-6.1-2, RFC-6.1-3, RFC-6.1-4, RFC-6.1-5, RFC-6.1-6; RFC-6.2-1,
    // RFC-6.2-2, RFC-6.2-3, RFC-6.2-4
    #[test]
    fn hy_5_hy_6_hy_7_what_one_end_sends_the_other_hears(
        role in role(),
        dialect in dialect(),
        messages in prop::collection::vec(sent(), 0..8),
        seed: [u8; 32],
        cuts in cuts(),
    ) {
        let config = Config::new();
        let mut sender = Connection::established(&config, role, dialect, seed);
        for message in &messages {
            send(&mut sender, message);
        }
        let bytes = sender.transmit().to_vec();
        let hearer = Connection::established(&config, other(role), dialect, [1; 32]);
        let transcript = transcript(hearer, &bytes, &cut_at(&cuts, bytes.len()), false);
        let expected: Vec<Observed> = messages
            .iter()
            .map(|message| match message {
                Sent::Text(string, _) => text(string),
                Sent::Binary(bytes, _) => binary(bytes),
                Sent::Ping(payload) => ping(payload),
            })
            .collect();
        prop_assert_eq!(transcript.events, expected);
        // And the pongs come back.
        let mut sender = Driver::new(sender);
        sender.feed(&transcript.sent);
        let pings = messages.iter().filter_map(|message| match message {
            Sent::Ping(payload) => Some(pong(payload)),
            _ => None,
        });
        prop_assert_eq!(sender.events(), pings.collect::<Vec<_>>());
    }
}

/// RFC-10.4-1: a whole message has a limit of its own, however small its frames are.
#[test]
fn hy_7_a_message_of_many_small_frames_is_too_long() {
    let mut conn = end(Role::Client, Rfc6455)();
    let mut message = MessageAssembler::new(1000);
    let mut bytes = [&b"\x02\x01a"[..], &b"\x00\x01b".repeat(2000)].concat();
    let mut input = &mut bytes[..];
    let (mut pieces, mut refused) = (0, 0);
    while let Some(Event::Binary(piece)) = conn.receive(&mut input) {
        pieces += 1;
        match message.push_binary(&piece) {
            Ok(whole) => assert_eq!(whole, None),
            Err(error) => {
                assert_eq!((error.limit, pieces), (1000, 1001));
                refused += 1;
            }
        }
    }
    assert_eq!((pieces, refused), (2001, 1));
    assert_eq!(conn.closed(), None::<&Closed>);
}
