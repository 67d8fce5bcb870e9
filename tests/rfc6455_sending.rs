//! Sending with HyBi-7, HyBi-8 and RFC 6455: messages and fragments, masks, pings and pongs, and
//! rejected calls.

use std::collections::BTreeSet;
use std::time::Duration;

use data_encoding::BASE64;
use hybi::{
    ClientRequest, Close, Config, Connection, Dialect, Entropy, Event, Handshake, Input,
    PreparedMessage, SendError,
};
use proptest::prelude::*;
use proptest::sample::Index;
use testkit::strategies::cases;
use testkit::*;

use Dialect::Rfc6455;

fn server(dialect: Dialect) -> Connection {
    established(&Config::new(), Role::Server, dialect)
}

fn client(dialect: Dialect) -> Connection {
    established(&Config::new(), Role::Client, dialect)
}

fn every_conn() -> impl Iterator<Item = Connection> {
    every_role_and_dialect().map(|(role, dialect)| established(&Config::new(), role, dialect))
}

// Bytes.

/// RFC-5.1-3, RFC-6.1-2, RFC-6.1-3, RFC-6.1-4
#[test]
fn a_server_sends_exactly_the_expected_unmasked_frames_hy_5_hy_6() {
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

/// RFC-5.1-1, RFC-5.3-1, RFC-5.5.1-2, RFC-6.1-5
#[test]
fn a_client_masks_every_frame_hy_5() {
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
            (TEXT_FRAGMENT, b"Hel"),
            (FINAL_CONTINUATION, b"lo"),
            (BINARY, b"x"),
            (PONG, b"ha!"),
            (CLOSE, b"\x03\xe8bye"),
        ];
        assert_eq!(
            frame_contents(&sent),
            plain.map(|(first, payload)| (first, payload.to_vec()))
        );
        assert!(parse_frames(&sent).iter().all(|frame| frame.key.is_some()));
        // The header, the key, and the masked payload.
        let [first, second, a, b, c, d, rest @ ..] = &sent[..] else {
            panic!();
        };
        assert_eq!([*first, *second], [0x81, 0x85]);
        let hello = [b'H' ^ a, b'e' ^ b, b'l' ^ c, b'l' ^ d, b'o' ^ a];
        assert_eq!(rest[..5], hello);
    }
}

/// RFC-5.2-1, RFC-5.2-4, RFC-5.2-5: by every call, at the limits of each encoding.
#[test]
fn lengths_are_sent_in_the_shortest_encoding_hy_6() {
    for length in [0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537] {
        let payload = "a".repeat(length);
        let bytes = payload.as_bytes();
        for (role, dialect) in every_role_and_dialect() {
            let mut conn = established(&Config::new(), role, dialect);
            conn.send_text(&payload).unwrap();
            conn.send_binary(bytes).unwrap();
            conn.send_text_fragment(&payload, false).unwrap();
            conn.send_text_fragment(&payload, true).unwrap();
            conn.send_prepared(&PreparedMessage::text(&payload))
                .unwrap();
            conn.send_prepared(&PreparedMessage::binary(bytes)).unwrap();
            drop(conn.send_text_vectored(&payload).unwrap());
            drop(conn.send_binary_vectored(bytes).unwrap());
            let frames_sent = parse_frames(conn.transmit());
            assert_eq!(
                frames_sent.iter().map(|f| f.first).collect::<Vec<_>>(),
                [
                    TEXT,
                    BINARY,
                    TEXT_FRAGMENT,
                    FINAL_CONTINUATION,
                    TEXT,
                    BINARY,
                    TEXT,
                    BINARY
                ]
            );
            for frame in frames_sent {
                assert_eq!(frame.encoding, LengthEncoding::shortest(length as u64));
                assert_eq!(frame.key.is_some(), role == Role::Client);
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

/// RFC-6.1-6
#[test]
fn partial_writes_keep_the_output_complete_and_in_order() {
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
            assert_eq!(frame_contents(&sent), expected);
        }
    }
}

// Masks.

fn keys(sent: &[u8]) -> Vec<[u8; 4]> {
    let key = |frame: Frame| frame.key.expect("a client masks");
    parse_frames(sent).into_iter().map(key).collect()
}

/// Returns the masking keys of 1000 frames.
fn keys_of_1000_frames(seed: u8, payload: &str) -> Vec<[u8; 4]> {
    let entropy = Entropy::from_bytes([seed; 32]);
    let mut conn = Connection::established_client(Config::new(), &Handshake::new(Rfc6455), entropy);
    for _ in 0..1000 {
        conn.send_text(payload).unwrap();
    }
    let keys = keys(conn.transmit());
    assert_eq!(keys.len(), 1000);
    keys
}

/// RFC-5.3-2, RFC-5.3-3, RFC-10.3-1
#[test]
fn masking_keys_of_1000_frames_are_distinct_and_unpredictable_hy_5() {
    let keys = keys_of_1000_frames(5, "");
    let distinct: BTreeSet<[u8; 4]> = keys.iter().copied().collect();
    assert_eq!(distinct.len(), 1000);
    let distinct_steps = |step: fn(u32, u32) -> u32, read: fn([u8; 4]) -> u32| {
        let numbers = keys.iter().map(|key| read(*key));
        let pairs = numbers.clone().zip(numbers.skip(1));
        pairs
            .map(|(a, b)| step(a, b))
            .collect::<BTreeSet<u32>>()
            .len()
    };
    // No counter or shift register, in either byte order.
    for read in [u32::from_be_bytes, u32::from_le_bytes] {
        assert!(distinct_steps(|a, b| b.wrapping_sub(a), read) > 990);
        assert!(distinct_steps(|a, b| a ^ b, read) > 990);
        assert!(distinct_steps(|a, b| a.rotate_left(8) ^ b, read) > 990);
        assert!(distinct_steps(|a, b| a.rotate_right(8) ^ b, read) > 990);
        // No linear congruential generator: b = m * a + c with constant m and c.
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
        let is_predicted = |w: &&[u32]| w[0].wrapping_mul(factor) == w[1];
        assert!(differences.windows(2).filter(is_predicted).count() < 10);
    }
    // Each bit is set in about half of the keys.
    for bit in 0..32 {
        let set = |key: &&[u8; 4]| u32::from_be_bytes(**key) >> bit & 1 == 1;
        let count = keys.iter().filter(set).count();
        assert!((400..600).contains(&count), "bit {bit}: {count}");
    }
    // Each byte takes nearly every value.
    for i in 0..4 {
        let values: BTreeSet<u8> = keys.iter().map(|key| key[i]).collect();
        assert!(values.len() > 230, "byte {i}: {}", values.len());
    }
}

/// RFC-10.3-1
#[test]
fn masking_keys_depend_on_the_seed_and_not_on_the_payload_hy_5() {
    assert_eq!(
        keys_of_1000_frames(5, "a"),
        keys_of_1000_frames(5, "another")
    );
    let [one, two] = [5, 6].map(|seed| BTreeSet::from_iter(keys_of_1000_frames(seed, "")));
    assert!(one.is_disjoint(&two));
}

/// RFC-5.3-2: also automatic pongs and the close frame.
#[test]
fn each_frame_has_a_new_masking_key_hy_5() {
    for dialect in HYBI {
        let mut conn = client(dialect);
        for i in 0..50 {
            conn.send_text("").unwrap();
            conn.send_binary(b"\0\0\0\0").unwrap();
            conn.send_text_fragment("", false).unwrap();
            conn.send_ping(b"").unwrap();
            conn.send_text_fragment("", true).unwrap();
            conn.send_pong(b"").unwrap();
            feed(&mut conn, frame(Role::Server, PING, [i]));
        }
        conn.close(&Close::EMPTY).unwrap();
        let keys = keys(conn.transmit());
        assert_eq!(keys.len(), 351);
        assert_eq!(BTreeSet::from_iter(&keys).len(), 351);
    }
}

/// RFC-5.3-2, RFC-5.3-3: when idle, the connection frees its block of random bytes.
#[test]
fn masking_keys_do_not_repeat_after_idle_periods_hy_5() {
    let mut conn = client(Rfc6455);
    let mut now = Duration::ZERO;
    let mut sent = Vec::new();
    for _ in 0..50 {
        conn.send_text("").unwrap();
        sent.extend(drain(&mut conn));
        while let Some(deadline) = conn.deadline() {
            now = now.max(deadline);
            assert!(conn.receive(&mut Input::new(&mut [], now)).is_none());
        }
    }
    assert!(now >= Duration::from_secs(50));
    assert_eq!(BTreeSet::from_iter(keys(&sent)).len(), 50);
}

/// RFC-5.3-3: proxies see `Sec-WebSocket-Key`.
#[test]
fn masking_keys_do_not_occur_in_the_handshake_key_hy_5() {
    for seed in 0..20 {
        let target = ClientRequest::new("ws://example.com/").unwrap();
        let mut conn = Connection::client(Config::new(), &target, Entropy::from_bytes([seed; 32]));
        let request = String::from_utf8(drain(&mut conn)).unwrap();
        let (_, key) = request.split_once("Sec-WebSocket-Key: ").unwrap();
        let (key, _) = key.split_once("\r\n").unwrap();
        let nonce = BASE64.decode(key.as_bytes()).unwrap();
        let mut server = Connection::server(Config::new());
        let mut bytes = request.clone().into_bytes();
        assert!(server.receive(&mut input(&mut bytes)).is_some());
        server.accept(&hybi::AcceptOptions::new()).unwrap();
        let mut reply = drain(&mut server);
        assert!(matches!(
            conn.receive(&mut input(&mut reply)),
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

/// RFC-10.3-2
#[test]
fn a_payload_is_copied_within_the_call_hy_5() {
    for mut conn in every_conn() {
        let mut payload = b"harmless".to_vec();
        conn.send_binary(&payload).unwrap();
        let before = conn.transmit().to_vec();
        payload.fill(b'!');
        assert_eq!(conn.transmit(), before);
        assert_eq!(frame_contents(&before), [(BINARY, b"harmless".to_vec())]);
    }
}

// Prepared and vectored messages.

#[test]
fn a_prepared_message_is_sent_to_peers_of_every_dialect_fr_11_fr_12_hy_6() {
    let text = PreparedMessage::text("to all");
    let binary = PreparedMessage::binary(b"\0\x01");
    assert_eq!((text.payload_len(), binary.payload_len()), (6, 2));
    assert!(!format!("{text:?}{binary:?}").contains("to all"));
    for dialect in HYBI {
        let mut conn = server(dialect);
        conn.send_prepared(&text.clone()).unwrap();
        conn.send_prepared(&binary.clone()).unwrap();
        assert_eq!(conn.transmit(), b"\x81\x06to all\x82\x02\0\x01");
    }
    for dialect in HIXIE {
        let mut conn = server(dialect);
        conn.send_prepared(&text).unwrap();
        let error = rejected(&mut conn, |c| c.send_prepared(&binary));
        assert_eq!(
            error_field!(error, SendError::Unsupported { dialect }),
            dialect
        );
        assert_eq!(conn.transmit(), b"\x00to all\xff");
    }
}

/// RFC-5.1-1, RFC-5.3-2
#[test]
fn a_client_masks_prepared_and_vectored_messages_with_a_new_key_each_hy_5() {
    for dialect in HYBI {
        let mut conn = client(dialect);
        let payload = "a".repeat(70_000);
        let text = PreparedMessage::text(&payload);
        let binary = PreparedMessage::binary(payload.as_bytes());
        for message in [&text, &text, &binary] {
            conn.send_prepared(message).unwrap();
        }
        for _ in 0..2 {
            let message = conn.send_text_vectored(&payload).unwrap();
            // A copy is queued at once.
            let [pending, rest @ ..] = message.slices();
            assert!(pending.len() > 70_000 && rest.concat().is_empty());
            drop(message);
            drop(conn.send_binary_vectored(payload.as_bytes()).unwrap());
        }
        let frames = parse_frames(conn.transmit());
        let first: Vec<u8> = frames.iter().map(|frame| frame.first).collect();
        assert_eq!(first, [TEXT, TEXT, BINARY, TEXT, BINARY, TEXT, BINARY]);
        assert!(
            frames
                .iter()
                .all(|frame| frame.payload == payload.as_bytes())
        );
        let keys: BTreeSet<_> = frames.iter().map(|frame| frame.key).collect();
        assert_eq!(keys.len(), 7);
    }
}

/// RFC-6.1-6
#[test]
fn the_unwritten_rest_of_a_vectored_message_is_buffered_hy_6() {
    for dialect in HYBI {
        for (payload, header) in [
            ("", &b"\x81\x00"[..]),
            ("Hello", b"\x81\x05"),
            (&"a".repeat(126), b"\x81\x7e\x00\x7e"),
            (&"a".repeat(65536), b"\x81\x7f\0\0\0\0\0\x01\0\0"),
        ] {
            let encoded = [header, payload.as_bytes()].concat();
            for n in [
                0,
                1,
                2,
                3,
                encoded.len() / 2,
                encoded.len() - 1,
                encoded.len(),
            ] {
                let mut conn = server(dialect);
                let mut message = conn.send_text_vectored(payload).unwrap();
                assert_eq!(message.slices(), [b"", header, payload.as_bytes(), b""]);
                message.advance(n.min(encoded.len()));
                drop(message);
                let rest = &encoded[n.min(encoded.len())..];
                assert_eq!(conn.transmit(), rest);

                // While output is pending, which is the first slice.
                let message = conn.send_binary_vectored(payload.as_bytes()).unwrap();
                let [pending, header, bytes, _] = message.slices();
                assert_eq!((pending, bytes), (rest, payload.as_bytes()));
                assert_eq!(
                    (header[0], &header[1..]),
                    (BINARY, &encoded[1..header.len()])
                );
                let sent = message.slices().concat();
                drop(message);
                assert_eq!(conn.transmit(), sent);
            }
        }
    }
}

// Rejected calls.

/// RFC-5.4-3
#[test]
fn another_message_within_a_fragmented_one_is_rejected_hy_7() {
    for mut conn in every_conn() {
        for is_text in [true, false] {
            let send_fragment = |conn: &mut Connection, fin: bool| match is_text {
                true => conn.send_text_fragment("a", fin),
                false => conn.send_binary_fragment(b"a", fin),
            };
            send_fragment(&mut conn, false).unwrap();
            for _ in 0..2 {
                assert_eq!(
                    rejected(&mut conn, |c| c.send_text("b")),
                    SendError::FragmentInProgress
                );
                assert_eq!(
                    rejected(&mut conn, |c| c.send_binary(b"b")),
                    SendError::FragmentInProgress
                );
                let errors = [
                    rejected(&mut conn, |c| c.send_text_vectored("b").map(drop)),
                    rejected(&mut conn, |c| c.send_binary_vectored(b"b").map(drop)),
                    rejected(&mut conn, |c| c.send_prepared(&PreparedMessage::text("b"))),
                ];
                assert_eq!(errors, [SendError::FragmentInProgress; 3]);
                for fin in [false, true] {
                    let error = match is_text {
                        true => rejected(&mut conn, |c| c.send_binary_fragment(b"b", fin)),
                        false => rejected(&mut conn, |c| c.send_text_fragment("b", fin)),
                    };
                    assert_eq!(error, SendError::FragmentInProgress);
                }
                // RFC-5.4-4: control frames are allowed.
                conn.send_ping(b"").unwrap();
                conn.send_pong(b"").unwrap();
                send_fragment(&mut conn, false).unwrap();
            }
            send_fragment(&mut conn, true).unwrap();
            conn.send_text("c").unwrap();
        }
        let sent = frame_contents(&drain(&mut conn));
        let firsts: Vec<u8> = sent.iter().map(|(first, _)| *first).collect();
        let following = [
            PING,
            PONG,
            CONTINUATION,
            PING,
            PONG,
            CONTINUATION,
            FINAL_CONTINUATION,
            TEXT,
        ];
        assert_eq!(
            firsts,
            [
                &[TEXT_FRAGMENT],
                &following[..],
                &[BINARY_FRAGMENT],
                &following
            ]
            .concat()
        );
    }
}

/// RFC-5.5-1
#[test]
fn a_ping_or_pong_of_more_than_125_bytes_is_rejected_hy_6() {
    for mut conn in every_conn() {
        for length in [126, 127, 65536] {
            let payload = vec![0; length];
            assert_eq!(
                rejected(&mut conn, |c| c.send_ping(&payload)),
                SendError::ControlTooLong
            );
            assert_eq!(
                rejected(&mut conn, |c| c.send_pong(&payload)),
                SendError::ControlTooLong
            );
        }
        conn.send_ping(&[1; 125]).unwrap();
        conn.send_pong(&[2; 125]).unwrap();
        let sent = drain(&mut conn);
        let expected = [(PING, vec![1; 125]), (PONG, vec![2; 125])];
        assert_eq!(frame_contents(&sent), expected);
    }
}

#[test]
fn hixie_rejects_control_frames_and_binary_messages_fr_12() {
    for dialect in HIXIE {
        for role in ROLES {
            let mut conn = established(&Config::new(), role, dialect);
            let unsupported = |error| error_field!(error, SendError::Unsupported { dialect });
            for fin in [false, true] {
                let error = rejected(&mut conn, |c| c.send_binary_fragment(b"a", fin));
                assert_eq!(unsupported(error), dialect);
            }
            for payload in [&b""[..], b"a", &[0; 200]] {
                let errors = [
                    rejected(&mut conn, |c| c.send_ping(payload)),
                    rejected(&mut conn, |c| c.send_pong(payload)),
                    rejected(&mut conn, |c| c.send_binary(payload)),
                    rejected(&mut conn, |c| c.send_binary_vectored(payload).map(drop)),
                ];
                assert_eq!(errors.map(unsupported), [dialect; 4]);
            }
            conn.send_text("a").unwrap();
            assert_eq!(conn.transmit(), b"\x00a\xff");
        }
    }
}

/// RFC-6.1-1
#[test]
fn sends_before_open_and_after_close_are_rejected() {
    let all = |conn: &mut Connection| {
        [
            rejected(conn, |c| c.send_text("a")),
            rejected(conn, |c| c.send_binary(b"a")),
            rejected(conn, |c| c.send_text_fragment("a", false)),
            rejected(conn, |c| c.send_binary_fragment(b"a", true)),
            rejected(conn, |c| c.send_ping(b"a")),
            rejected(conn, |c| c.send_pong(b"a")),
            rejected(conn, |c| c.send_text_vectored("a").map(drop)),
            rejected(conn, |c| c.send_binary_vectored(b"a").map(drop)),
            rejected(conn, |c| c.send_prepared(&PreparedMessage::text("a"))),
        ]
    };
    let target = ClientRequest::new("ws://example.com/").unwrap();
    let mut conn = Connection::client(Config::new(), &target, Entropy::from_bytes([0; 32]));
    assert_eq!(all(&mut conn), [SendError::NotOpen; 9]);
    let mut conn = Connection::server(Config::new());
    assert_eq!(all(&mut conn), [SendError::NotOpen; 9]);
    for (role, dialect) in every_role_and_dialect() {
        let mut conn = established(&Config::new(), role, dialect);
        conn.send_text_fragment("a", false).unwrap();
        conn.close(&Close::EMPTY).unwrap();
        assert_eq!(all(&mut conn), [SendError::Closing; 9]);
        drain(&mut conn);
        assert_eq!(all(&mut conn), [SendError::Closing; 9]);
        feed(&mut conn, frame(other(role), CLOSE, ""));
        assert_eq!(all(&mut conn), [SendError::Closing; 9]);
    }
}

#[test]
fn sends_over_max_send_buffer_are_rejected() {
    let limit = 100;
    let config = Config::new().max_send_buffer(limit);
    let too_long = |error| error_field!(error, SendError::MessageTooLong { limit });
    for (role, dialect) in every_role_and_dialect() {
        let mut conn = established(&config, role, dialect);
        let (long, bytes) = ("a".repeat(100), [0; 100]);
        let errors = [
            rejected(&mut conn, |c| c.send_text(&long)),
            rejected(&mut conn, |c| c.send_binary(&bytes)),
            rejected(&mut conn, |c| c.send_text_fragment(&long, false)),
            rejected(&mut conn, |c| c.send_binary_fragment(&bytes, true)),
            rejected(&mut conn, |c| c.send_ping(&bytes)),
            rejected(&mut conn, |c| c.send_pong(&bytes)),
        ];
        assert_eq!(errors.map(too_long), [limit; 6]);
        conn.send_text_fragment("a", false).unwrap();
        // The rejected fragment did not end the message.
        let error = rejected(&mut conn, |c| c.send_text_fragment(&long, true));
        assert_eq!(too_long(error), limit);
        conn.send_text_fragment("b", true).unwrap();
        let retry_at = limit - frame(role, PING, [0; 10]).len();
        while conn.pending() <= retry_at {
            conn.send_ping(&[0; 10]).unwrap();
            assert!(conn.pending() <= limit);
        }
        let error = rejected(&mut conn, |c| c.send_ping(&[0; 10]));
        assert_eq!(
            error_field!(error, SendError::BufferFull { retry_at }),
            retry_at
        );
        // A close frame is sent even if it exceeds the limit.
        conn.close(&Close::new(1000, &"x".repeat(123))).unwrap();
        let sent = frame_contents(&drain(&mut conn));
        assert_eq!(
            sent.last(),
            Some(&(CLOSE, close_payload(1000, [b'x'; 123])))
        );
    }
    // The limit is exact to the byte.
    let mut conn = established(&config, Role::Server, Rfc6455);
    let error = rejected(&mut conn, |c| c.send_text(&"a".repeat(99)));
    assert_eq!(too_long(error), limit);
    conn.send_text(&"a".repeat(98)).unwrap();
    assert_eq!(conn.transmit().len(), limit);
    drain(&mut conn);
    conn.send_prepared(&PreparedMessage::text(&"a".repeat(98)))
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

/// RFC-5.5.2-1, RFC-5.5.3-1: with the same payload.
#[test]
fn a_ping_is_answered_at_once_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
        let mut driver = open(&Config::new(), role, dialect);
        for payload in [&b""[..], b"?", &[0xff; 125], b"?"] {
            driver.feed(&frame(other(role), PING, payload));
            assert_eq!(driver.events(), [ping(payload)]);
            assert_eq!(frame_contents(&driver.sent()), [(PONG, payload.to_vec())]);
        }
        // A pong is not answered.
        driver.feed(&frame(other(role), PONG, "?"));
        assert_eq!(driver.events(), [pong("?")]);
        assert_eq!(driver.sent(), b"");
    }
}

#[test]
fn without_auto_pong_the_application_answers_pings_hy_7() {
    let config = Config::new().auto_pong(false);
    for (role, dialect) in every_role_and_dialect() {
        let mut driver = open(&config, role, dialect);
        driver.feed(&frame(other(role), PING, "?"));
        assert_eq!(driver.events(), [ping("?")]);
        assert_eq!(driver.sent(), b"");
        driver.conn.send_pong(b"?").unwrap();
        driver.drain();
        assert_eq!(frame_contents(&driver.sent()), [(PONG, b"?".to_vec())]);
    }
}

/// RFC-5.5.3-1: as soon as no more than `high_water` bytes are pending.
#[test]
fn above_high_water_only_the_latest_ping_is_answered_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
        let config = Config::new().high_water(10);
        let mut conn = established(&config, role, dialect);
        let pings = |conn: &mut Connection, payloads: &[&str]| {
            for payload in payloads {
                feed(conn, frame(other(role), PING, payload));
            }
        };
        conn.send_binary(&[0; 10]).unwrap();
        assert!(conn.is_congested());
        let pending = conn.transmit().len();
        pings(&mut conn, &["one", "two", "three"]);
        assert_eq!(conn.transmit().len(), pending);

        let mut sent = conn.transmit()[..pending - 11].to_vec();
        conn.advance(pending - 11);
        assert_eq!(conn.transmit().len(), 11);
        sent.push(conn.transmit()[0]);
        conn.advance(1);
        // The remaining 10 bytes and the pong.
        assert!(conn.transmit().len() > 10);
        pings(&mut conn, &["four", "five"]);
        sent.extend(drain(&mut conn));
        sent.extend(drain(&mut conn));
        let pong = |payload: &str| (PONG, payload.as_bytes().to_vec());
        assert_eq!(
            frame_contents(&sent),
            [(BINARY, vec![0; 10]), pong("three"), pong("five")]
        );

        // A deferred pong goes out before the next message.
        conn.send_binary(&[0; 10]).unwrap();
        pings(&mut conn, &["six", "seven"]);
        conn.send_text("next").unwrap();
        pings(&mut conn, &["eight"]);
        conn.send_ping(b"next").unwrap();
        let next = b"next".to_vec();
        let sent = [drain(&mut conn), drain(&mut conn)].concat();
        assert_eq!(
            frame_contents(&sent),
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

/// RFC-5.5.2-1
#[test]
fn a_deferred_pong_is_dropped_by_the_peers_close_frame_but_not_by_ours_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
        let config = Config::new().high_water(0);
        let with_deferred_pong = || {
            let mut driver = open(&config, role, dialect);
            driver.conn.send_text("first").unwrap();
            let ping = frame(other(role), PING, "?");
            feed(&mut driver.conn, &ping);
            driver
        };
        let mut driver = with_deferred_pong();
        driver.feed(&frame(other(role), CLOSE, close_payload(1000, "")));
        driver.drain();
        assert_eq!(driver.events(), [clean_close(1000, "")]);
        let sent = frame_contents(&driver.sent());
        assert_eq!(
            sent,
            [(TEXT, b"first".to_vec()), (CLOSE, close_payload(1000, ""))]
        );

        let mut driver = with_deferred_pong();
        driver.conn.close(&Close::new(1000, "")).unwrap();
        driver.drain();
        driver.drain();
        let sent = frame_contents(&driver.sent());
        assert_eq!(sent.len(), 3);
        assert!(sent.contains(&(PONG, b"?".to_vec())));
    }
}

/// RFC-10.4-1
#[test]
fn pongs_to_a_million_pings_are_limited_to_high_water_hy_7() {
    for role in ROLES {
        let config = Config::new();
        let mut conn = established(&config, role, Rfc6455);
        let key = (role == Role::Server).then_some([0; 4]);
        // A masking key of zeros leaves the input unchanged, so it can be reused.
        let mut payload = [b'x'; 125];
        let longest = [
            testkit::header(PING, key, LengthEncoding::Bits7, 125),
            payload.to_vec(),
        ]
        .concat();
        let mut flood = longest.repeat(1000);
        let one_pong = if role == Role::Client { 6 } else { 2 } + 125;
        let mut pings = 0;
        for _ in 0..1000 {
            let mut input = input(&mut flood);
            while let Some(event) = conn.receive(&mut input) {
                assert!(matches!(event, Event::Ping(_)));
                pings += 1;
            }
            assert!(conn.transmit().len() <= 64 * 1024 + one_pong);
        }
        assert_eq!(pings, 1_000_000);
        assert!(conn.is_congested());
        // Only the latest deferred pong is sent.
        payload[0] = b'y';
        feed(&mut conn, frame(other(role), PING, payload));
        let sent = frame_contents(&drain(&mut conn));
        assert!(
            sent.iter()
                .all(|(first, payload)| (*first, &payload[..]) == (PONG, &[b'x'; 125]))
        );
        assert_eq!(
            frame_contents(&drain(&mut conn)),
            [(PONG, payload.to_vec())]
        );
        assert_eq!(conn.transmit(), b"");
    }
}

/// RFC-10.4-1: also between fragments; only sends can make the output exceed `high_water`.
#[test]
fn floods_of_control_frames_do_not_exceed_high_water_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
        let config = Config::new().high_water(1000).max_send_buffer(3000);
        let mut conn = established(&config, role, dialect);
        let peer = other(role);
        feed(&mut conn, frame(peer, TEXT_FRAGMENT, "a"));
        let flood = [
            frame(peer, PONG, [1; 125]),
            frame(peer, PING, ""),
            frame(peer, CONTINUATION, ""),
            frame(peer, PING, [2; 125]),
        ]
        .concat();
        for _ in 0..5000 {
            feed(&mut conn, &flood);
        }
        assert!(conn.transmit().len() <= 1000 + 131);
        let mut rejected = 0;
        for _ in 0..1000 {
            feed(&mut conn, &flood);
            rejected += usize::from(conn.send_text("to be sent").is_err());
            assert!(conn.transmit().len() <= 3000 + 131);
        }
        assert!(rejected > 900);
        assert_eq!(conn.closed(), None);
    }
}

#[test]
fn every_ping_is_answered_while_the_output_is_written_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
        let mut driver = open(&Config::new(), role, dialect);
        let (mut bytes, mut pongs) = (Vec::new(), Vec::new());
        for i in 0..2000_u32 {
            bytes.extend(frame(other(role), PING, i.to_be_bytes()));
            pongs.push((PONG, i.to_be_bytes().to_vec()));
        }
        for read in bytes.chunks(1000) {
            driver.feed(read);
        }
        assert_eq!(frame_contents(&driver.sent()), pongs);
    }
}

// Any calls in any order.

#[derive(Clone, Debug)]
enum Call {
    Text(String),
    Binary(Vec<u8>),
    TextFragment(String, bool),
    BinaryFragment(Vec<u8>, bool),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Prepared(String),
    /// The numbers of bytes written, one after the other.
    Vectored(String, Vec<Index>),
    TakeOutput,
    ReceivePing(Vec<u8>),
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
        3 => (string(), any::<bool>()).prop_map(|(text, fin)| Call::TextFragment(text, fin)),
        2 => (bytes(), any::<bool>()).prop_map(|(bytes, fin)| Call::BinaryFragment(bytes, fin)),
        1 => bytes().prop_map(Call::Ping),
        1 => bytes().prop_map(Call::Pong),
        1 => string().prop_map(Call::Prepared),
        2 => (string(), prop::collection::vec(any::<Index>(), 0..3))
            .prop_map(|(text, writes)| Call::Vectored(text, writes)),
        1 => Just(Call::TakeOutput),
        1 => prop::collection::vec(any::<u8>(), 0..=125).prop_map(Call::ReceivePing),
        2 => any::<Index>().prop_map(Call::Drain),
        1 => Just(Call::Close),
    ]
}

/// Predicts the frames sent and the result of each call.
struct Model {
    frames: Vec<(u8, Vec<u8>)>,
    fragmented: Option<u8>,
    closing: bool,
}

impl Model {
    fn push(&mut self, first: u8, payload: &[u8]) -> Result<(), SendError> {
        self.frames.push((first, payload.to_vec()));
        Ok(())
    }

    /// Returns the error of a send in the current state; messages cannot be sent between fragments.
    fn check(&self, is_message: bool) -> Result<(), SendError> {
        match (self.closing, self.fragmented) {
            (true, _) => Err(SendError::Closing),
            (false, Some(_)) if is_message => Err(SendError::FragmentInProgress),
            _ => Ok(()),
        }
    }

    fn fragment(&mut self, opcode: u8, payload: &[u8], is_final: bool) -> Result<(), SendError> {
        self.check(false)?;
        if self.fragmented.is_some_and(|current| current != opcode) {
            return Err(SendError::FragmentInProgress);
        }
        let fin = if is_final { 0x80 } else { 0 };
        let first = if self.fragmented.is_some() {
            fin
        } else {
            fin | opcode
        };
        self.fragmented = (!is_final).then_some(opcode);
        self.push(first, payload)
    }

    fn control(&mut self, first: u8, payload: &[u8]) -> Result<(), SendError> {
        self.check(false)?;
        if payload.len() > 125 {
            return Err(SendError::ControlTooLong);
        }
        self.push(first, payload)
    }

    fn text(&mut self, text: &str) -> Result<(), SendError> {
        self.check(true)?;
        self.push(TEXT, text.as_bytes())
    }
}

proptest! {
    #![proptest_config(cases(512))]

    // RFC-5.4-3, RFC-6.1-1, RFC-6.1-2, RFC-6.1-3, RFC-6.1-4, RFC-6.1-5, RFC-6.1-6
    #[test]
    fn random_calls_match_the_model_hy_5_hy_6_hy_7(
        role in prop::sample::select(&ROLES[..]),
        dialect in prop::sample::select(&HYBI[..]),
        calls in prop::collection::vec(call(), 0..24),
    ) {
        let mut conn = established(&Config::new(), role, dialect);
        let mut model = Model {
            frames: Vec::new(),
            fragmented: None,
            closing: false,
        };
        let mut sent = Vec::new();
        for call in calls {
            let before = format!("{conn:?}");
            let (result, expected) = match &call {
                Call::Text(text) => {
                    (conn.send_text(text), model.text(text))
                }
                Call::Binary(bytes) => {
                    let expected = model.check(true).and_then(|()| model.push(BINARY, bytes));
                    (conn.send_binary(bytes), expected)
                }
                Call::TextFragment(text, fin) => {
                    let expected = model.fragment(1, text.as_bytes(), *fin);
                    (conn.send_text_fragment(text, *fin), expected)
                }
                Call::BinaryFragment(bytes, fin) => {
                    (conn.send_binary_fragment(bytes, *fin), model.fragment(2, bytes, *fin))
                }
                Call::Ping(bytes) => (conn.send_ping(bytes), model.control(PING, bytes)),
                Call::Pong(bytes) => (conn.send_pong(bytes), model.control(PONG, bytes)),
                Call::Prepared(text) => {
                    (conn.send_prepared(&PreparedMessage::text(text)), model.text(text))
                }
                Call::Vectored(text, writes) => {
                    let result = conn.send_text_vectored(text).map(|mut frame| {
                        let mut unwritten = frame.slices().concat();
                        for n in writes {
                            let n = n.index(unwritten.len() + 1);
                            sent.extend(unwritten.drain(..n));
                            frame.advance(n);
                            assert_eq!(frame.slices().concat(), unwritten);
                        }
                        unwritten
                    });
                    if let Ok(unwritten) = &result {
                        prop_assert_eq!(conn.transmit(), &unwritten[..]);
                    }
                    (result.map(drop), model.text(text))
                }
                Call::TakeOutput => {
                    sent.extend(conn.take_output(b"spare".to_vec()));
                    prop_assert_eq!(conn.transmit(), b"");
                    continue;
                }
                Call::ReceivePing(payload) => {
                    // Pings while closing are tested in rfc6455_closing.rs.
                    if !model.closing {
                        feed(&mut conn, frame(other(role), PING, payload));
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
                    if !model.closing {
                        model.closing = true;
                        model.frames.push((CLOSE, close_payload(1000, "bye")));
                    }
                    prop_assert_eq!(conn.close(&Close::new(1000, "bye")), Ok(()));
                    continue;
                }
            };
            prop_assert_eq!(&result, &expected, "{:?}", call);
            if result.is_err() {
                prop_assert_eq!(format!("{conn:?}"), before);
            }
        }
        sent.extend(drain(&mut conn));
        prop_assert_eq!(frame_contents(&sent), model.frames);
        for frame in parse_frames(&sent) {
            prop_assert_eq!(frame.key.is_some(), role == Role::Client);
            prop_assert_eq!(frame.encoding, LengthEncoding::shortest(frame.payload.len() as u64));
        }
    }
}

#[test]
fn our_client_and_server_exchange_every_kind_of_message_hy_5_hy_6_hy_7() {
    for (role, dialect) in every_role_and_dialect() {
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

/// `SendError::MessageTooLong` is returned exactly if the frame is longer than the limit.
#[test]
fn max_send_buffer_counts_the_exact_frame_length() {
    for (role, dialect) in every_role_and_dialect() {
        for length in [0, 1, 125, 126, 0xFFFF, 0x1_0000] {
            let payload = vec![b'x'; length];
            let frame_len = frame(role, BINARY, &payload).len();
            for (limit, is_within) in [(frame_len, true), (frame_len - 1, false)] {
                let config = Config::new().max_send_buffer(limit);
                let too_long = |error| error_field!(error, SendError::MessageTooLong { limit });
                let expected = if is_within { Ok(()) } else { Err(limit) };
                let new = || established(&config, role, dialect);
                let mut conn = new();
                let result = conn.send_binary_fragment(&payload, true);
                assert_eq!(result.map_err(too_long), expected);
                assert_eq!(conn.transmit().len(), if is_within { frame_len } else { 0 });
                if length <= 125 {
                    assert_eq!(new().send_ping(&payload).map_err(too_long), expected);
                }
            }
        }
    }
}

/// A deferred pong goes out before a message and counts with it.
#[test]
fn a_deferred_pong_never_exceeds_max_send_buffer() {
    let limit = 1_000;
    let config = Config::new().high_water(10).max_send_buffer(limit);
    let mut conn = established(&config, Role::Server, Rfc6455);
    conn.send_binary(&[0; 700]).unwrap();
    for _ in 0..10 {
        let mut ping = frame(Role::Client, 0x89, [7; 125]);
        conn.receive(&mut input(&mut ping)).unwrap();
        let _ = conn.send_text("");
        assert!(conn.transmit().len() <= limit, "{}", conn.transmit().len());
    }
}
