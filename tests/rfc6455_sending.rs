//! What a connection of HyBi-7, HyBi-8 or RFC 6455 sends: messages whole and in parts, masks, pings
//! and pongs, and what it refuses.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::escaped;
use common::rfc::{
    BINARY, BINARY_PART, CLOSE, Form, Found, HYBI, LAST, MORE, PING, PONG, ROLES, TEXT, TEXT_PART,
    body, clean, contents, every_end, frame, frames, open, other, ping, pong, text,
};
use data_encoding::BASE64;
use hybi::{
    ClientRequest, Close, Config, Connection, Dialect, Event, PreparedMessage, Refused, Role,
};
use proptest::prelude::*;
use proptest::sample::Index;

use Dialect::{Hixie75, Hixie76, Rfc6455};

fn server(dialect: Dialect) -> Connection {
    Connection::established(&Config::new(), Role::Server, dialect, [0; 32])
}

fn client(dialect: Dialect) -> Connection {
    Connection::established(&Config::new(), Role::Client, dialect, [5; 32])
}

fn every_conn() -> impl Iterator<Item = Connection> {
    every_end()
        .map(|(role, dialect)| Connection::established(&Config::new(), role, dialect, [5; 32]))
}

/// All output, taken.
fn drain(conn: &mut Connection) -> Vec<u8> {
    let sent = conn.transmit().to_vec();
    conn.advance(sent.len());
    sent
}

/// Feeds bytes and forgets what they mean.
fn feed(conn: &mut Connection, bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    let mut input = &mut bytes[..];
    while conn.receive(&mut input).is_some() {}
}

/// Refused, with the connection and its output as they were before.
#[track_caller]
fn refused<T>(
    conn: &mut Connection,
    call: impl FnOnce(&mut Connection) -> Result<T, Refused>,
) -> Refused {
    let before = (format!("{conn:?}"), conn.transmit().to_vec());
    let Err(why) = call(conn).map(drop) else {
        panic!("it was not refused by {}", before.0);
    };
    assert_eq!((format!("{conn:?}"), conn.transmit().to_vec()), before);
    why
}

// Bytes.

/// RFC-5.1-3, RFC-6.1-2, RFC-6.1-3, RFC-6.1-4: a server's bytes.
#[test]
fn hy_5_hy_6_what_a_server_sends() {
    for dialect in HYBI {
        let mut conn = server(dialect);
        conn.send_text("Hello").unwrap();
        conn.send_text("").unwrap();
        conn.send_binary(b"\0\xff").unwrap();
        conn.send_ping(b"?").unwrap();
        conn.send_pong(b"").unwrap();
        conn.send_text_fragment("Hel", false).unwrap();
        conn.send_ping(b"").unwrap();
        conn.send_text_fragment("", false).unwrap();
        conn.send_text_fragment("lo", true).unwrap();
        conn.send_binary_fragment(b"", false).unwrap();
        conn.send_binary_fragment(b"", true).unwrap();
        conn.send_binary_fragment(b"x", true).unwrap();
        conn.close(&Close::new(1000, "")).unwrap();
        let sent = b"\x81\x05Hello\x81\x00\x82\x02\0\xff\x89\x01?\x8a\x00\
            \x01\x03Hel\x89\x00\x00\x00\x80\x02lo\x02\x00\x80\x00\x82\x01x\x88\x02\x03\xe8";
        assert_eq!(escaped(conn.transmit()), escaped(sent));
    }
}

/// RFC-5.1-1, RFC-5.3-1, RFC-5.5.1-2, RFC-6.1-5: the same from a client, all of it masked.
#[test]
fn hy_5_what_a_client_sends() {
    for dialect in HYBI {
        let mut conn = client(dialect);
        conn.send_text("Hello").unwrap();
        conn.send_text("").unwrap();
        conn.send_binary(b"\0\xff").unwrap();
        conn.send_ping(b"?").unwrap();
        conn.send_pong(b"").unwrap();
        conn.send_text_fragment("Hel", false).unwrap();
        conn.send_text_fragment("lo", true).unwrap();
        conn.send_binary_fragment(b"x", true).unwrap();
        feed(&mut conn, b"\x89\x03ha!");
        conn.close(&Close::new(1000, "bye")).unwrap();
        let sent = drain(&mut conn);
        let plain: [(u8, &[u8]); 10] = [
            (TEXT, b"Hello"),
            (TEXT, b""),
            (BINARY, b"\0\xff"),
            (PING, b"?"),
            (PONG, b""),
            (TEXT_PART, b"Hel"),
            (LAST, b"lo"),
            (BINARY, b"x"),
            (PONG, b"ha!"),
            (CLOSE, b"\x03\xe8bye"),
        ];
        assert_eq!(
            contents(&sent),
            plain.map(|(first, payload)| (first, payload.to_vec()))
        );
        assert!(frames(&sent).iter().all(|frame| frame.key.is_some()));
        // The header, then the key, then each byte under its own.
        let [first, second, a, b, c, d, rest @ ..] = &sent[..] else {
            panic!();
        };
        assert_eq!([*first, *second], [0x81, 0x85]);
        let hello = [b'H' ^ a, b'e' ^ b, b'l' ^ c, b'l' ^ d, b'o' ^ a];
        assert_eq!(rest[..5], hello);
    }
}

/// RFC-5.2-1, RFC-5.2-4, RFC-5.2-5: the shortest form, at its edges, however it is sent.
#[test]
fn hy_6_the_shortest_form_of_a_length() {
    for length in [0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537] {
        let payload = "a".repeat(length);
        let bytes = payload.as_bytes();
        for mut conn in every_conn() {
            let masks = conn.role() == Role::Client;
            let dialect = conn.dialect().unwrap();
            conn.send_text(&payload).unwrap();
            conn.send_binary(bytes).unwrap();
            conn.send_text_fragment(&payload, false).unwrap();
            conn.send_text_fragment(&payload, true).unwrap();
            let mut firsts = vec![TEXT, BINARY, TEXT_PART, LAST];
            if !masks {
                conn.send_prepared(&PreparedMessage::text(dialect, &payload))
                    .unwrap();
                conn.send_prepared(&PreparedMessage::binary(dialect, bytes).unwrap())
                    .unwrap();
                firsts.extend([TEXT, BINARY]);
            }
            let mut sent = drain(&mut conn);
            if !masks {
                drop(conn.send_text_vectored(&payload).unwrap());
                sent.extend(drain(&mut conn));
                drop(conn.send_binary_vectored(bytes).unwrap());
                sent.extend(drain(&mut conn));
                firsts.extend([TEXT, BINARY]);
            }
            let found = frames(&sent);
            assert_eq!(found.iter().map(|f| f.first).collect::<Vec<_>>(), firsts);
            for frame in found {
                assert_eq!(frame.form, Form::shortest(length as u64));
                assert_eq!(frame.key.is_some(), masks);
                assert_eq!(frame.payload, bytes);
            }
        }
    }
    let mut conn = server(Rfc6455);
    conn.send_text(&"a".repeat(126)).unwrap();
    assert_eq!(conn.transmit()[..5], *b"\x81\x7e\x00\x7ea");
    drain(&mut conn);
    conn.send_binary(&[1; 65536]).unwrap();
    assert_eq!(conn.transmit()[..11], *b"\x82\x7f\0\0\0\0\0\x01\0\0\x01");
}

/// RFC-6.1-6: in order and once, however the socket takes it.
#[test]
fn what_is_pending_goes_out_in_order() {
    for step in 1..20 {
        for mut conn in every_conn() {
            let mut sent = Vec::new();
            for i in 0..50 {
                conn.send_text(&format!("message {i}")).unwrap();
                let n = step.min(conn.transmit().len());
                sent.extend_from_slice(&conn.transmit()[..n]);
                conn.advance(n);
            }
            sent.extend(drain(&mut conn));
            let expected: Vec<(u8, Vec<u8>)> = (0..50)
                .map(|i| (TEXT, format!("message {i}").into_bytes()))
                .collect();
            assert_eq!(contents(&sent), expected);
        }
    }
}

// Masks.

fn keys(sent: &[u8]) -> Vec<[u8; 4]> {
    let key = |frame: Found| frame.key.expect("a client masks");
    frames(sent).into_iter().map(key).collect()
}

/// The keys of a thousand frames.
fn thousand(seed: u8, payload: &str) -> Vec<[u8; 4]> {
    let mut conn = Connection::established(&Config::new(), Role::Client, Rfc6455, [seed; 32]);
    for _ in 0..1000 {
        conn.send_text(payload).unwrap();
    }
    let keys = keys(conn.transmit());
    assert_eq!(keys.len(), 1000);
    keys
}

/// RFC-5.3-2, RFC-5.3-3, RFC-10.3-1: no two alike, and none that follows from the one before in one of
/// the simple ways.
#[test]
fn hy_5_a_thousand_masks() {
    let keys = thousand(5, "");
    let distinct: BTreeSet<[u8; 4]> = keys.iter().copied().collect();
    assert_eq!(distinct.len(), 1000);
    let steps = |step: fn(u32, u32) -> u32, read: fn([u8; 4]) -> u32| {
        let numbers = keys.iter().map(|key| read(*key));
        let pairs = numbers.clone().zip(numbers.skip(1));
        pairs
            .map(|(a, b)| step(a, b))
            .collect::<BTreeSet<u32>>()
            .len()
    };
    // Neither a counter, nor a register with a constant put in, in either byte order.
    for read in [u32::from_be_bytes, u32::from_le_bytes] {
        assert!(steps(|a, b| b.wrapping_sub(a), read) > 990);
        assert!(steps(|a, b| a ^ b, read) > 990);
        assert!(steps(|a, b| a.rotate_left(8) ^ b, read) > 990);
        assert!(steps(|a, b| a.rotate_right(8) ^ b, read) > 990);
        // Nor a linear generator: b = m * a + c for one m and c.
        let numbers: Vec<u32> = keys.iter().map(|key| read(*key)).collect();
        let differences: Vec<u32> = numbers
            .windows(2)
            .map(|w| w[1].wrapping_sub(w[0]))
            .collect();
        let odd = differences.iter().position(|d| d % 2 == 1).unwrap();
        let inverse = (0..5).fold(differences[odd], |x, _| {
            x.wrapping_mul(2_u32.wrapping_sub(differences[odd].wrapping_mul(x)))
        });
        let factor = differences[odd + 1].wrapping_mul(inverse);
        let follow = |w: &&[u32]| w[0].wrapping_mul(factor) == w[1];
        assert!(differences.windows(2).filter(follow).count() < 10);
    }
    // Each bit is set about as often as not.
    for bit in 0..32 {
        let set = |key: &&[u8; 4]| u32::from_be_bytes(**key) >> bit & 1 == 1;
        let count = keys.iter().filter(set).count();
        assert!((400..600).contains(&count), "bit {bit}: {count}");
    }
    // And each of the four bytes takes about every value.
    for place in 0..4 {
        let values: BTreeSet<u8> = keys.iter().map(|key| key[place]).collect();
        assert!(values.len() > 230, "byte {place}: {}", values.len());
    }
}

/// RFC-10.3-1: what is sent has no say in it; what the seed is has.
#[test]
fn hy_5_masks_follow_from_the_seed_alone() {
    assert_eq!(thousand(5, "a"), thousand(5, "another"));
    let [one, two] = [5, 6].map(|seed| BTreeSet::from_iter(thousand(seed, "")));
    assert!(one.is_disjoint(&two));
}

/// RFC-5.3-2: each kind of frame has its own, also what the machine sends by itself.
#[test]
fn hy_5_every_frame_has_a_mask_of_its_own() {
    for dialect in HYBI {
        let mut conn = client(dialect);
        for i in 0..50 {
            conn.send_text("").unwrap();
            conn.send_binary(b"\0\0\0\0").unwrap();
            conn.send_text_fragment("", false).unwrap();
            conn.send_ping(b"").unwrap();
            conn.send_text_fragment("", true).unwrap();
            conn.send_pong(b"").unwrap();
            feed(&mut conn, &frame(Role::Server, PING, [i]));
        }
        conn.close(&Close::EMPTY).unwrap();
        let keys = keys(conn.transmit());
        assert_eq!(keys.len(), 351);
        assert_eq!(BTreeSet::from_iter(&keys).len(), 351);
    }
}

/// RFC-5.3-2, RFC-5.3-3: what masks are made from is given back in a silence; none comes again.
#[test]
fn hy_5_no_mask_comes_again_after_a_silence() {
    let mut conn = client(Rfc6455);
    let mut now = Duration::ZERO;
    let mut sent = Vec::new();
    for _ in 0..50 {
        conn.send_text("").unwrap();
        sent.extend(drain(&mut conn));
        while let Some(wait) = conn.tick(now) {
            now += wait;
        }
    }
    assert_eq!(now, Duration::from_secs(50));
    assert_eq!(BTreeSet::from_iter(keys(&sent)).len(), 50);
}

/// RFC-5.3-3: the key of the opening, which a proxy sees, tells none of them.
#[test]
fn hy_5_masks_are_not_in_the_opening() {
    for seed in 0..20 {
        let target = ClientRequest::new("ws://example.com/").unwrap();
        let mut conn = Connection::client(&Config::new(), &target, [seed; 32]);
        let request = String::from_utf8(drain(&mut conn)).unwrap();
        let (_, key) = request.split_once("Sec-WebSocket-Key: ").unwrap();
        let (key, _) = key.split_once("\r\n").unwrap();
        let nonce = BASE64.decode(key.as_bytes()).unwrap();
        let mut server = Connection::server(&Config::new());
        let mut bytes = request.clone().into_bytes();
        assert!(server.receive(&mut &mut bytes[..]).is_some());
        server.accept(&hybi::AcceptOptions::new()).unwrap();
        let mut reply = drain(&mut server);
        assert!(matches!(
            conn.receive(&mut &mut reply[..]),
            Some(Event::Open(_))
        ));
        for _ in 0..100 {
            conn.send_text("").unwrap();
        }
        let keys = keys(conn.transmit());
        assert_eq!(BTreeSet::from_iter(&keys).len(), 100);
        for key in keys {
            assert!(!nonce.windows(4).any(|window| window == key));
        }
    }
}

/// RFC-10.3-2: a payload is taken within the call.
#[test]
fn hy_5_a_payload_can_not_change_behind_the_call() {
    for mut conn in every_conn() {
        let mut payload = b"harmless".to_vec();
        conn.send_binary(&payload).unwrap();
        let before = conn.transmit().to_vec();
        payload.fill(b'!');
        assert_eq!(conn.transmit(), before);
        assert_eq!(contents(&before), [(BINARY, b"harmless".to_vec())]);
    }
}

// PreparedMessage once, and written without a copy.

#[test]
fn hy_6_messages_encoded_once() {
    for dialect in HYBI {
        let text = PreparedMessage::text(dialect, "to all");
        let binary = PreparedMessage::binary(dialect, b"\0\x01").unwrap();
        assert_eq!((text.dialect(), binary.dialect()), (dialect, dialect));
        let mut peers = [server(dialect), server(dialect)];
        for conn in &mut peers {
            conn.send_prepared(&text).unwrap();
            conn.send_prepared(&binary).unwrap();
            assert_eq!(conn.transmit(), b"\x81\x06to all\x82\x02\0\x01");
        }
        assert!(!format!("{text:?}{binary:?}").contains("to all"));
    }
    assert!(PreparedMessage::binary(Hixie75, b"").is_none());
    assert!(PreparedMessage::binary(Hixie76, b"").is_none());
}

/// RFC-5.1-1, RFC-5.3-2: a client masks anew each time, so nothing can be encoded for it.
#[test]
fn hy_5_a_client_sends_nothing_encoded_and_nothing_uncopied() {
    for dialect in HYBI {
        let mut conn = client(dialect);
        let unsupported = Refused::Unsupported(dialect);
        for message in [
            PreparedMessage::text(dialect, "a"),
            PreparedMessage::binary(dialect, b"a").unwrap(),
        ] {
            assert_eq!(
                refused(&mut conn, |c| c.send_prepared(&message)),
                unsupported
            );
        }
        assert_eq!(
            refused(&mut conn, |c| c.send_text_vectored("a").map(drop)),
            unsupported
        );
        assert_eq!(
            refused(&mut conn, |c| c.send_binary_vectored(b"a").map(drop)),
            unsupported
        );
    }
}

#[test]
fn a_message_encoded_for_another_dialect() {
    for dialect in HYBI {
        for spoken in [Hixie75, Hixie76].into_iter().chain(HYBI) {
            let message = PreparedMessage::text(dialect, "a");
            let mut conn = server(spoken);
            if spoken == dialect {
                assert_eq!(conn.send_prepared(&message), Ok(()));
                continue;
            }
            let why = refused(&mut conn, |c| c.send_prepared(&message));
            assert_eq!(why, Refused::Unsupported(dialect));
        }
    }
}

/// RFC-6.1-6: whatever part of it the socket takes, the rest follows.
#[test]
fn hy_6_messages_written_without_a_copy() {
    for dialect in HYBI {
        for (payload, header) in [
            ("", &b"\x81\x00"[..]),
            ("Hello", b"\x81\x05"),
            (&"a".repeat(126), b"\x81\x7e\x00\x7e"),
            (&"a".repeat(65536), b"\x81\x7f\0\0\0\0\0\x01\0\0"),
        ] {
            let whole = [header, payload.as_bytes()].concat();
            for n in [0, 1, 2, 3, whole.len() / 2, whole.len() - 1, whole.len()] {
                let mut conn = server(dialect);
                let frame = conn.send_text_vectored(payload).unwrap();
                assert_eq!(frame.slices().concat(), whole);
                assert_eq!(frame.slices()[1], payload.as_bytes());
                frame.advance(n.min(whole.len()));
                assert_eq!(conn.transmit(), &whole[n.min(whole.len())..]);
                drain(&mut conn);

                let frame = conn.send_binary_vectored(payload.as_bytes()).unwrap();
                let sent = frame.slices().concat();
                drop(frame);
                assert_eq!((sent[0], &sent[1..]), (BINARY, &whole[1..]));
                assert_eq!(conn.transmit(), sent);
            }
        }
        // While anything is pending its turn has not come.
        let mut conn = server(dialect);
        conn.send_text("").unwrap();
        let full = Refused::BufferFull { limit: 1 << 20 };
        assert_eq!(
            refused(&mut conn, |c| c.send_text_vectored("a").map(drop)),
            full
        );
        assert_eq!(
            refused(&mut conn, |c| c.send_binary_vectored(b"a").map(drop)),
            full
        );
    }
}

// Refusals.

/// RFC-5.4-3: another message within one in parts.
#[test]
fn hy_7_fragmented_is_a_message_within_another() {
    for mut conn in every_conn() {
        let dialect = conn.dialect().unwrap();
        for is_text in [true, false] {
            let part = |conn: &mut Connection, last: bool| match is_text {
                true => conn.send_text_fragment("a", last),
                false => conn.send_binary_fragment(b"a", last),
            };
            part(&mut conn, false).unwrap();
            for _ in 0..2 {
                assert_eq!(
                    refused(&mut conn, |c| c.send_text("b")),
                    Refused::FragmentInProgress
                );
                assert_eq!(
                    refused(&mut conn, |c| c.send_binary(b"b")),
                    Refused::FragmentInProgress
                );
                let whys = [
                    refused(&mut conn, |c| c.send_text_vectored("b").map(drop)),
                    refused(&mut conn, |c| c.send_binary_vectored(b"b").map(drop)),
                    refused(&mut conn, |c| {
                        c.send_prepared(&PreparedMessage::text(dialect, "b"))
                    }),
                ];
                assert_eq!(whys, [Refused::FragmentInProgress; 3]);
                for last in [false, true] {
                    let why = match is_text {
                        true => refused(&mut conn, |c| c.send_binary_fragment(b"b", last)),
                        false => refused(&mut conn, |c| c.send_text_fragment("b", last)),
                    };
                    assert_eq!(why, Refused::FragmentInProgress);
                }
                // RFC-5.4-4: control frames go between.
                conn.send_ping(b"").unwrap();
                conn.send_pong(b"").unwrap();
                part(&mut conn, false).unwrap();
            }
            part(&mut conn, true).unwrap();
            conn.send_text("c").unwrap();
        }
        let sent = contents(&drain(&mut conn));
        let firsts: Vec<u8> = sent.iter().map(|(first, _)| *first).collect();
        let rest = [PING, PONG, MORE, PING, PONG, MORE, LAST, TEXT];
        assert_eq!(
            firsts,
            [&[TEXT_PART], &rest[..], &[BINARY_PART], &rest].concat()
        );
    }
}

/// RFC-5.5-1
#[test]
fn hy_6_too_long_is_a_ping_or_pong_of_more_than_125_bytes() {
    for mut conn in every_conn() {
        for length in [126, 127, 65536] {
            let payload = vec![0; length];
            assert_eq!(
                refused(&mut conn, |c| c.send_ping(&payload)),
                Refused::ControlTooLong
            );
            assert_eq!(
                refused(&mut conn, |c| c.send_pong(&payload)),
                Refused::ControlTooLong
            );
        }
        conn.send_ping(&[1; 125]).unwrap();
        conn.send_pong(&[2; 125]).unwrap();
        let sent = drain(&mut conn);
        let expected = [(PING, vec![1; 125]), (PONG, vec![2; 125])];
        assert_eq!(contents(&sent), expected);
    }
}

/// Hixie-75 and Hixie-76 have none of it (FR-12).
#[test]
fn fr_12_unsupported_is_what_hixie_has_not() {
    for dialect in [Hixie75, Hixie76] {
        for role in ROLES {
            let mut conn = Connection::established(&Config::new(), role, dialect, [0; 32]);
            let unsupported = Refused::Unsupported(dialect);
            for last in [false, true] {
                let why = refused(&mut conn, |c| c.send_text_fragment("a", last));
                assert_eq!(why, unsupported);
                let why = refused(&mut conn, |c| c.send_binary_fragment(b"a", last));
                assert_eq!(why, unsupported);
            }
            for payload in [&b""[..], b"a", &[0; 200]] {
                let whys = [
                    refused(&mut conn, |c| c.send_ping(payload)),
                    refused(&mut conn, |c| c.send_pong(payload)),
                    refused(&mut conn, |c| c.send_binary(payload)),
                    refused(&mut conn, |c| c.send_binary_vectored(payload).map(drop)),
                ];
                assert_eq!(whys, [unsupported; 4]);
            }
            conn.send_text("a").unwrap();
            assert_eq!(conn.transmit(), b"\x00a\xff");
        }
    }
}

/// RFC-6.1-1
#[test]
fn not_open_and_closing() {
    let all = |conn: &mut Connection| {
        [
            refused(conn, |c| c.send_text("a")),
            refused(conn, |c| c.send_binary(b"a")),
            refused(conn, |c| c.send_text_fragment("a", false)),
            refused(conn, |c| c.send_binary_fragment(b"a", true)),
            refused(conn, |c| c.send_ping(b"a")),
            refused(conn, |c| c.send_pong(b"a")),
            refused(conn, |c| c.send_text_vectored("a").map(drop)),
            refused(conn, |c| c.send_binary_vectored(b"a").map(drop)),
            refused(conn, |c| {
                c.send_prepared(&PreparedMessage::text(Rfc6455, "a"))
            }),
        ]
    };
    let target = ClientRequest::new("ws://example.com/").unwrap();
    let mut conn = Connection::client(&Config::new(), &target, [0; 32]);
    assert_eq!(all(&mut conn), [Refused::NotOpen; 9]);
    let mut conn = Connection::server(&Config::new());
    assert_eq!(all(&mut conn), [Refused::NotOpen; 9]);
    for mut conn in every_conn() {
        conn.send_text_fragment("a", false).unwrap();
        conn.close(&Close::EMPTY).unwrap();
        assert_eq!(all(&mut conn), [Refused::Closing; 9]);
        drain(&mut conn);
        assert_eq!(all(&mut conn), [Refused::Closing; 9]);
        let peer = other(conn.role());
        feed(&mut conn, &frame(peer, CLOSE, ""));
        assert_eq!(all(&mut conn), [Refused::Closing; 9]);
    }
}

#[test]
fn full_is_more_than_max_pending() {
    let limit = 100;
    let config = Config::new().max_send_buffer(limit);
    let full = Refused::BufferFull { limit };
    for (role, dialect) in every_end() {
        let mut conn = Connection::established(&config, role, dialect, [0; 32]);
        let (long, bytes) = ("a".repeat(100), [0; 100]);
        assert_eq!(refused(&mut conn, |c| c.send_text(&long)), full);
        assert_eq!(refused(&mut conn, |c| c.send_binary(&bytes)), full);
        assert_eq!(
            refused(&mut conn, |c| c.send_text_fragment(&long, false)),
            full
        );
        assert_eq!(
            refused(&mut conn, |c| c.send_binary_fragment(&bytes, true)),
            full
        );
        assert_eq!(refused(&mut conn, |c| c.send_ping(&bytes)), full);
        assert_eq!(refused(&mut conn, |c| c.send_pong(&bytes)), full);
        conn.send_text_fragment("a", false).unwrap();
        // The message in parts is where it was.
        assert_eq!(
            refused(&mut conn, |c| c.send_text_fragment(&long, true)),
            full
        );
        conn.send_text_fragment("b", true).unwrap();
        while conn.send_ping(&[0; 10]).is_ok() {
            assert!(conn.transmit().len() <= limit);
        }
        assert!(conn.transmit().len() > limit - 30);
        // The machine's own frame still finds its place.
        conn.close(&Close::new(1000, &"x".repeat(123))).unwrap();
        let sent = contents(&drain(&mut conn));
        assert_eq!(sent.last(), Some(&(CLOSE, body(1000, [b'x'; 123]))));
    }
    // A server's messages fit to the byte.
    let mut conn = Connection::established(&config, Role::Server, Rfc6455, [0; 32]);
    assert_eq!(refused(&mut conn, |c| c.send_text(&"a".repeat(99))), full);
    conn.send_text(&"a".repeat(98)).unwrap();
    assert_eq!(conn.transmit().len(), limit);
    drain(&mut conn);
    conn.send_prepared(&PreparedMessage::text(Rfc6455, &"a".repeat(98)))
        .unwrap();
    assert_eq!(conn.transmit().len(), limit);
    drain(&mut conn);
    let slices = conn
        .send_text_vectored(&"a".repeat(98))
        .unwrap()
        .slices()
        .concat();
    assert_eq!(slices.len(), limit);
}

// Pings and pongs.

/// RFC-5.5.2-1, RFC-5.5.3-1: at once and with the same bytes.
#[test]
fn hy_7_a_ping_is_answered_at_once() {
    for (role, dialect) in every_end() {
        let mut driver = open(&Config::new(), role, dialect);
        for payload in [&b""[..], b"?", &[0xff; 125], b"?"] {
            driver.feed(&frame(other(role), PING, payload));
            assert_eq!(driver.events(), [ping(payload)]);
            assert_eq!(contents(&driver.sent()), [(PONG, payload.to_vec())]);
        }
        // A pong is answered by nothing.
        driver.feed(&frame(other(role), PONG, "?"));
        assert_eq!(driver.events(), [pong("?")]);
        assert_eq!(driver.sent(), b"");
    }
}

#[test]
fn hy_7_the_application_may_answer_pings_itself() {
    let config = Config::new().auto_pong(false);
    for (role, dialect) in every_end() {
        let mut driver = open(&config, role, dialect);
        driver.feed(&frame(other(role), PING, "?"));
        assert_eq!(driver.events(), [ping("?")]);
        assert_eq!(driver.sent(), b"");
        driver.conn.send_pong(b"?").unwrap();
        driver.drain();
        assert_eq!(contents(&driver.sent()), [(PONG, b"?".to_vec())]);
    }
}

/// RFC-5.5.3-1: while more than `high_water` bytes are pending only the latest waits, and it goes out
/// as soon as no more are.
#[test]
fn hy_7_pings_while_the_output_stands() {
    for (role, dialect) in every_end() {
        let config = Config::new().high_water(10);
        let mut conn = Connection::established(&config, role, dialect, [0; 32]);
        let pings = |conn: &mut Connection, payloads: &[&str]| {
            for payload in payloads {
                feed(conn, &frame(other(role), PING, payload));
            }
        };
        conn.send_binary(&[0; 10]).unwrap();
        assert!(!conn.wants_read());
        let held = conn.transmit().len();
        pings(&mut conn, &["one", "two", "three"]);
        assert_eq!(conn.transmit().len(), held);

        let mut sent = conn.transmit()[..held - 11].to_vec();
        conn.advance(held - 11);
        assert_eq!(conn.transmit().len(), 11);
        sent.push(conn.transmit()[0]);
        conn.advance(1);
        // 10 bytes and the pong.
        assert!(conn.transmit().len() > 10);
        pings(&mut conn, &["four", "five"]);
        sent.extend(drain(&mut conn));
        sent.extend(drain(&mut conn));
        let pong = |payload: &str| (PONG, payload.as_bytes().to_vec());
        assert_eq!(
            contents(&sent),
            [(BINARY, vec![0; 10]), pong("three"), pong("five")]
        );

        // Before the next message, if one is sent first.
        conn.send_binary(&[0; 10]).unwrap();
        pings(&mut conn, &["six", "seven"]);
        conn.send_text("next").unwrap();
        pings(&mut conn, &["eight"]);
        conn.send_ping(b"next").unwrap();
        let next = b"next".to_vec();
        let sent = [drain(&mut conn), drain(&mut conn)].concat();
        assert_eq!(
            contents(&sent),
            [
                (BINARY, vec![0; 10]),
                pong("seven"),
                (TEXT, next.clone()),
                pong("eight"),
                (PING, next)
            ]
        );
        assert_eq!(conn.transmit(), b"");
    }
}

/// RFC-5.5.2-1: not once the peer's close frame has come; but our own does not drop it.
#[test]
fn hy_7_a_pong_that_waits_when_it_ends() {
    for (role, dialect) in every_end() {
        let config = Config::new().high_water(0);
        let waiting = || {
            let mut driver = open(&config, role, dialect);
            driver.conn.send_text("first").unwrap();
            let ping = frame(other(role), PING, "?");
            feed(&mut driver.conn, &ping);
            driver
        };
        let mut driver = waiting();
        driver.feed(&frame(other(role), CLOSE, body(1000, "")));
        driver.drain();
        assert_eq!(driver.events(), [clean(1000, "")]);
        let sent = contents(&driver.sent());
        assert_eq!(sent, [(TEXT, b"first".to_vec()), (CLOSE, body(1000, ""))]);

        let mut driver = waiting();
        driver.conn.close(&Close::new(1000, "")).unwrap();
        driver.drain();
        driver.drain();
        let sent = contents(&driver.sent());
        assert_eq!(sent.len(), 3);
        assert!(sent.contains(&(PONG, b"?".to_vec())));
    }
}

/// RFC-10.4-1: a million pings, and nothing is written.
#[test]
fn hy_7_a_flood_of_pings_undrained() {
    for role in ROLES {
        let config = Config::new();
        let mut conn = Connection::established(&config, role, Rfc6455, [0; 32]);
        let key = (role == Role::Server).then_some([0; 4]);
        // Under a key of zeros, so that the same bytes can be read again.
        let mut payload = [b'x'; 125];
        let longest = [
            common::rfc::header(PING, key, Form::Seven, 125),
            payload.to_vec(),
        ]
        .concat();
        let mut flood = longest.repeat(1000);
        let one_pong = if role == Role::Client { 6 } else { 2 } + 125;
        let mut pings = 0;
        for _ in 0..1000 {
            let mut input = &mut flood[..];
            while let Some(event) = conn.receive(&mut input) {
                assert!(matches!(event, Event::Ping(_)));
                pings += 1;
            }
            assert!(conn.transmit().len() <= 64 * 1024 + one_pong);
        }
        assert_eq!(pings, 1_000_000);
        assert!(!conn.wants_read());
        // Of those that waited the last is answered, once.
        payload[0] = b'y';
        feed(&mut conn, &frame(other(role), PING, payload));
        let sent = contents(&drain(&mut conn));
        assert!(
            sent.iter()
                .all(|(first, payload)| (*first, &payload[..]) == (PONG, &[b'x'; 125]))
        );
        assert_eq!(contents(&drain(&mut conn)), [(PONG, payload.to_vec())]);
        assert_eq!(conn.transmit(), b"");
    }
}

/// RFC-10.4-1: floods of other control frames, and of pings between fragments and messages that are
/// sent; only the application's own calls make the output grow past `high_water`.
#[test]
fn hy_7_floods_of_other_frames() {
    for (role, dialect) in every_end() {
        let config = Config::new().high_water(1000).max_send_buffer(3000);
        let mut conn = Connection::established(&config, role, dialect, [0; 32]);
        let peer = other(role);
        feed(&mut conn, &frame(peer, TEXT_PART, "a"));
        let some = [
            frame(peer, PONG, [1; 125]),
            frame(peer, PING, ""),
            frame(peer, MORE, ""),
            frame(peer, PING, [2; 125]),
        ]
        .concat();
        for _ in 0..5000 {
            feed(&mut conn, &some);
        }
        assert!(conn.transmit().len() <= 1000 + 131);
        let mut refusals = 0;
        for _ in 0..1000 {
            feed(&mut conn, &some);
            refusals += usize::from(conn.send_text("to be sent").is_err());
            assert!(conn.transmit().len() <= 3000 + 131);
        }
        assert!(refusals > 900);
        assert_eq!(conn.closed(), None);
    }
}

/// Drained, each of them is answered, in order.
#[test]
fn hy_7_every_ping_is_answered_by_a_peer_that_reads() {
    for (role, dialect) in every_end() {
        let mut driver = open(&Config::new(), role, dialect);
        let (mut bytes, mut pongs) = (Vec::new(), Vec::new());
        for i in 0..2000_u32 {
            bytes.extend(frame(other(role), PING, i.to_be_bytes()));
            pongs.push((PONG, i.to_be_bytes().to_vec()));
        }
        for read in bytes.chunks(1000) {
            driver.feed(read);
        }
        assert_eq!(contents(&driver.sent()), pongs);
    }
}

// Any calls in any order.

#[derive(Clone, Debug)]
enum Call {
    Text(String),
    Binary(Vec<u8>),
    TextPart(String, bool),
    BinaryPart(Vec<u8>, bool),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Encoded(String),
    Frame(String, Index),
    Pinged(Vec<u8>),
    Drain(Index),
    Close,
}

fn call() -> impl Strategy<Value = Call> {
    let string = || prop_oneof![4 => "[a-z\u{e9}]{0,6}", 1 => "a{120,130}"];
    let bytes = || {
        prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..6),
            1 => prop::collection::vec(any::<u8>(), 120..130),
        ]
    };
    prop_oneof![
        2 => string().prop_map(Call::Text),
        2 => bytes().prop_map(Call::Binary),
        3 => (string(), any::<bool>()).prop_map(|(text, last)| Call::TextPart(text, last)),
        2 => (bytes(), any::<bool>()).prop_map(|(bytes, last)| Call::BinaryPart(bytes, last)),
        1 => bytes().prop_map(Call::Ping),
        1 => bytes().prop_map(Call::Pong),
        1 => string().prop_map(Call::Encoded),
        2 => (string(), any::<Index>()).prop_map(|(text, n)| Call::Frame(text, n)),
        1 => prop::collection::vec(any::<u8>(), 0..=125).prop_map(Call::Pinged),
        2 => any::<Index>().prop_map(Call::Drain),
        1 => Just(Call::Close),
    ]
}

/// What the calls are to come to: the frames, and what is refused.
struct Model {
    role: Role,
    dialect: Dialect,
    frames: Vec<(u8, Vec<u8>)>,
    part: Option<u8>,
    closing: bool,
}

impl Model {
    fn push(&mut self, first: u8, payload: &[u8]) -> Result<(), Refused> {
        self.frames.push((first, payload.to_vec()));
        Ok(())
    }

    /// Whether anything, and whether a message, may be sent.
    fn check(&self, message: bool) -> Result<(), Refused> {
        match (self.closing, self.part) {
            (true, _) => Err(Refused::Closing),
            (false, Some(_)) if message => Err(Refused::FragmentInProgress),
            _ => Ok(()),
        }
    }

    fn part(&mut self, opcode: u8, payload: &[u8], last: bool) -> Result<(), Refused> {
        self.check(false)?;
        if self.part.is_some_and(|part| part != opcode) {
            return Err(Refused::FragmentInProgress);
        }
        let fin = if last { 0x80 } else { 0 };
        let first = if self.part.is_some() {
            fin
        } else {
            fin | opcode
        };
        self.part = (!last).then_some(opcode);
        self.push(first, payload)
    }

    fn control(&mut self, first: u8, payload: &[u8]) -> Result<(), Refused> {
        self.check(false)?;
        if payload.len() > 125 {
            return Err(Refused::ControlTooLong);
        }
        self.push(first, payload)
    }

    fn uncopied(&mut self, text: &str) -> Result<(), Refused> {
        self.check(true)?;
        if self.role == Role::Client {
            return Err(Refused::Unsupported(self.dialect));
        }
        self.push(TEXT, text.as_bytes())
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    // RFC-5.4-3, RFC-6.1-1, RFC-6.1-2, RFC-6.1-3, RFC-6.1-4, RFC-6.1-5, RFC-6.1-6
    #[test]
    fn hy_5_hy_6_hy_7_any_calls_in_any_order(
        role in prop::sample::select(&ROLES[..]),
        dialect in prop::sample::select(&HYBI[..]),
        calls in prop::collection::vec(call(), 0..24),
    ) {
        let mut conn = Connection::established(&Config::new(), role, dialect, [5; 32]);
        let mut model = Model {
            role,
            dialect,
            frames: Vec::new(),
            part: None,
            closing: false,
        };
        let mut sent = Vec::new();
        for call in calls {
            let before = format!("{conn:?}");
            let (result, expected) = match &call {
                Call::Text(text) => {
                    let expected = model.check(true).and_then(|()| model.push(TEXT, text.as_bytes()));
                    (conn.send_text(text), expected)
                }
                Call::Binary(bytes) => {
                    let expected = model.check(true).and_then(|()| model.push(BINARY, bytes));
                    (conn.send_binary(bytes), expected)
                }
                Call::TextPart(text, last) => {
                    let expected = model.part(1, text.as_bytes(), *last);
                    (conn.send_text_fragment(text, *last), expected)
                }
                Call::BinaryPart(bytes, last) => {
                    (conn.send_binary_fragment(bytes, *last), model.part(2, bytes, *last))
                }
                Call::Ping(bytes) => (conn.send_ping(bytes), model.control(PING, bytes)),
                Call::Pong(bytes) => (conn.send_pong(bytes), model.control(PONG, bytes)),
                Call::Encoded(text) => {
                    let message = PreparedMessage::text(dialect, text);
                    (conn.send_prepared(&message), model.uncopied(text))
                }
                Call::Frame(text, n) => {
                    sent.extend(drain(&mut conn));
                    let before = sent.len();
                    let result = conn.send_text_vectored(text).map(|frame| {
                        let whole = frame.slices().concat();
                        let n = n.index(whole.len() + 1);
                        sent.extend_from_slice(&whole[..n]);
                        frame.advance(n);
                    });
                    prop_assert!(result.is_ok() || sent.len() == before);
                    prop_assert_eq!(&result, &model.uncopied(text));
                    continue;
                }
                Call::Pinged(payload) => {
                    // What comes of it while we are closing is tested elsewhere.
                    if !model.closing {
                        feed(&mut conn, &frame(other(role), PING, payload));
                        model.frames.push((PONG, payload.clone()));
                    }
                    continue;
                }
                Call::Drain(n) => {
                    let n = n.index(conn.transmit().len() + 1);
                    sent.extend_from_slice(&conn.transmit()[..n]);
                    conn.advance(n);
                    continue;
                }
                Call::Close => {
                    let expected = model.check(false).and_then(|()| {
                        model.closing = true;
                        model.push(CLOSE, &body(1000, "bye"))
                    });
                    (conn.close(&Close::new(1000, "bye")), expected)
                }
            };
            prop_assert_eq!(&result, &expected, "{:?}", call);
            if result.is_err() {
                prop_assert_eq!(format!("{conn:?}"), before);
            }
        }
        sent.extend(drain(&mut conn));
        prop_assert_eq!(contents(&sent), model.frames);
        for frame in frames(&sent) {
            prop_assert_eq!(frame.key.is_some(), role == Role::Client);
            prop_assert_eq!(frame.form, Form::shortest(frame.payload.len() as u64));
        }
    }
}

/// What is sent is heard as it was sent.
#[test]
fn hy_5_hy_6_hy_7_messages_of_every_kind_between_our_own_ends() {
    for (role, dialect) in every_end() {
        let mut one = open(&Config::new(), role, dialect);
        let mut two = open(&Config::new(), other(role), dialect);
        one.conn.send_text("a\u{2603}").unwrap();
        one.conn.send_text_fragment("\u{1f600}", false).unwrap();
        one.conn.send_ping(b"?").unwrap();
        one.conn.send_text_fragment("", true).unwrap();
        one.drain();
        two.feed(&one.sent());
        assert_eq!(
            two.events(),
            [text("a\u{2603}"), ping("?"), text("\u{1f600}")]
        );
        one.feed(&two.sent());
        assert_eq!(one.events(), [pong("?")]);
    }
}

/// The docs of `Refused::BufferFull`: what would bring the output over the limit, and nothing less.
#[test]
fn max_pending_counts_each_frame_as_long_as_it_is() {
    for (role, dialect) in every_end() {
        for length in [0, 1, 125, 126, 0xFFFF, 0x1_0000] {
            let payload = vec![b'x'; length];
            let whole = frame(role, BINARY, &payload).len();
            for (limit, fits) in [(whole, true), (whole - 1, false)] {
                let config = Config::new().max_send_buffer(limit);
                let full = Err(Refused::BufferFull { limit });
                let expected = if fits { Ok(()) } else { full };
                let new = || Connection::established(&config, role, dialect, [0; 32]);
                let mut parts = new();
                assert_eq!(parts.send_binary_fragment(&payload, true), expected);
                assert_eq!(parts.transmit().len(), if fits { whole } else { 0 });
                if length <= 125 {
                    assert_eq!(new().send_ping(&payload), expected);
                }
            }
        }
    }
}

/// A pong that waited goes out before a message, and is counted with it.
#[test]
fn a_pong_that_waited_never_passes_max_pending() {
    let limit = 1_000;
    let config = Config::new().high_water(10).max_send_buffer(limit);
    let mut conn = Connection::established(&config, Role::Server, Rfc6455, [0; 32]);
    conn.send_binary(&[0; 700]).unwrap();
    for _ in 0..10 {
        let mut ping = frame(Role::Client, 0x89, [7; 125]);
        conn.receive(&mut &mut ping[..]).unwrap();
        let _ = conn.send_text("");
        assert!(conn.transmit().len() <= limit, "{}", conn.transmit().len());
    }
}
