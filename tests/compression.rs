//! Compressed messages (RFC 7692; x-webkit-deflate-frame).
#![cfg(feature = "deflate")]

use std::time::Duration;

use flate2::{Compress, Compression as Level, FlushCompress};
use hybi::{
    Closed, Compression, Config, Connection, Deflate, Dialect, Entropy, Event, Handshake, Input,
    PreparedMessage, SendError, SharedConfig, Timeout,
};
use proptest::collection::vec;
use proptest::prelude::*;
use testkit::allocator::{CountingAllocator, measure};
use testkit::strategies::*;
use testkit::*;

use ProtocolError::{InflatedTooLong, InvalidDeflate, InvalidUtf8, ReservedBits};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const PER_MESSAGE: &str = "permessage-deflate";
const PER_FRAME: &str = "x-webkit-deflate-frame";

/// The first byte of a frame.
const TEXT: u8 = 0xC1;
const BINARY: u8 = 0xC2;
const PLAIN_TEXT: u8 = 0x81;

fn compressed(config: impl Into<SharedConfig>, role: Role, agreed: &str) -> Connection {
    let compression: Compression = agreed.parse().unwrap();
    let handshake = Handshake::new(Dialect::Rfc6455).with_compression(compression);
    match role {
        Role::Server => Connection::established_server(config, &handshake),
        Role::Client => {
            Connection::established_client(config, &handshake, Entropy::from_bytes([9; 32]))
        }
    }
}

/// What another implementation sends: one DEFLATE stream, flushed after each message or frame.
struct Peer(Compress);

impl Peer {
    fn new() -> Self {
        Self(Compress::new(Level::new(6), false))
    }

    fn compress(&mut self, message: impl AsRef<[u8]>) -> Vec<u8> {
        let message = message.as_ref();
        let mut out = Vec::with_capacity(message.len() + 1000);
        let flush = FlushCompress::Sync;
        self.0.compress_vec(message, &mut out, flush).unwrap();
        out.truncate(out.strip_suffix(&[0, 0, 0xff, 0xff]).unwrap().len());
        out
    }
}

/// Inflates the messages that a connection sent. Returns the first byte of each and its content.
fn contents(sent: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut history = Vec::new();
    let messages = joined(frame_contents(sent));
    let messages = messages.into_iter().map(|(first, payload)| {
        if first & 0x40 == 0 {
            return (first, payload);
        }
        let message = reference_inflate(15, &history, &payload).message.unwrap();
        history.extend_from_slice(&message);
        (first, message)
    });
    messages.collect()
}

/// Joins the payloads of continuations with that of the first frame.
fn joined(frames: Vec<(u8, Vec<u8>)>) -> Vec<(u8, Vec<u8>)> {
    let mut messages: Vec<(u8, Vec<u8>)> = Vec::new();
    for (first, payload) in frames {
        match messages.last_mut() {
            Some((_, message)) if first & 0x0F == 0 => message.extend(payload),
            _ => messages.push((first, payload)),
        }
    }
    messages
}

/// Bytes that cannot be compressed.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    };
    (0..len).map(|_| random()).collect()
}

fn first_bytes(sent: &[u8]) -> Vec<u8> {
    parse_frames(sent).iter().map(|frame| frame.first).collect()
}

/// Checks the events for frames from the peer, in both roles and at every split.
#[track_caller]
fn expect_events(agreed: &str, frames: &[(u8, Vec<u8>)], expected: &[Observed]) {
    expect_events_with(&Config::new(), agreed, frames, expected);
}

#[track_caller]
fn expect_events_with(
    config: &Config,
    agreed: &str,
    frames: &[(u8, Vec<u8>)],
    expected: &[Observed],
) {
    // No client offers x-webkit-deflate-frame.
    let roles = [Role::Server, Role::Client];
    let count = if agreed == PER_FRAME { 1 } else { 2 };
    for role in roles.into_iter().take(count) {
        let frames = frames.iter();
        let bytes: Vec<u8> = frames
            .flat_map(|(first, payload)| frame(other(role), *first, payload))
            .collect();
        let transcript = at_every_split(|| compressed(config.clone(), role, agreed), &bytes);
        assert_eq!(transcript.events, expected, "{role:?} {agreed}");
    }
}

/// Text whose characters are split between chunks, and more than one chunk of it.
fn long_text() -> String {
    (0..1200).map(|n| ["é", "€", "𝄞", "a"][n % 4]).collect()
}

#[test]
fn the_examples_of_rfc_7692_are_inflated_df_11() {
    let hello = |payload: &[u8]| (TEXT, payload.to_vec());
    let frames = [
        hello(b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
        // The same with the window.
        hello(b"\xf2\x00\x11\x00\x00"),
        // Without compression.
        hello(b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"),
        // A final block.
        hello(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
        // Two blocks.
        hello(b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"),
        // No data.
        hello(b"\x00"),
    ];
    let texts = ["Hello", "Hello", "Hello", "Hello", "Hello", ""];
    expect_events(PER_MESSAGE, &frames, &texts.map(text));
}

/// gobwas/ws: the block whose end the receiver appends is a final one. The next message may refer to
/// the text before it.
#[test]
fn a_message_may_end_with_an_empty_final_block_df_11() {
    let frames = [
        (TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\0\0\0\xff\xff\x01".to_vec()),
        (TEXT, b"\xf2\x00\x11\x00\x00".to_vec()),
        (TEXT, vec![1]),
        (TEXT, b"\xf2\x00\x11\x00\x00".to_vec()),
    ];
    let expected = ["Hello", "Hello", "", "Hello"].map(text);
    for agreed in [PER_MESSAGE, PER_FRAME] {
        expect_events(agreed, &frames, &expected);
    }
    let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    let frames = [0, 2, 0].map(|index| frames[index].clone());
    expect_events(agreed, &frames, &["Hello", "", "Hello"].map(text));
}

#[test]
fn messages_of_any_length_are_inflated_at_every_split_df_11() {
    let mut peer = Peer::new();
    let (mut frames, mut expected) = (Vec::new(), Vec::new());
    let texts = ["", "a", "Hello, Hello, Hello", &long_text(), "Hello, Hello"];
    for message in texts {
        frames.push((TEXT, peer.compress(message)));
        expected.push(text(message));
    }
    // Multiples of the length of a chunk, and one byte less and more.
    for len in [4095, 4096, 4097, 8192] {
        let message = vec![b'x'; len];
        frames.push((BINARY, peer.compress(&message)));
        expected.push(binary(&message));
    }
    expect_events(PER_MESSAGE, &frames, &expected);
}

#[test]
fn messages_in_fragments_and_control_frames_between_them_are_inflated_df_11() {
    let mut peer = Peer::new();
    let (first, second) = ("one, two, ".repeat(5), "two, one".repeat(5));
    let payload = peer.compress([&*first, &*second].concat());
    let (head, tail) = payload.split_at(3);
    let frames = [
        (0x41, head.to_vec()),
        (0x89, b"ping".to_vec()),
        (0x00, tail.to_vec()),
        (0x80, vec![]),
        // A message that is not compressed is not part of the window.
        (PLAIN_TEXT, b"plain".to_vec()),
        (TEXT, peer.compress("one, two, plain")),
    ];
    let both = [&*first, &*second].concat();
    let expected = [
        ping("ping"),
        text(&both),
        text("plain"),
        text("one, two, plain"),
    ];
    expect_events(PER_MESSAGE, &frames, &expected);
}

#[test]
fn a_message_ends_with_an_empty_frame_at_the_end_of_the_input_df_11() {
    let start = (0x41, Peer::new().compress("Hello"));
    for (agreed, end) in [(PER_MESSAGE, 0x80), (PER_FRAME, 0xC0), (PER_FRAME, 0x80)] {
        let frames = [start.clone(), (end, vec![])];
        expect_events(agreed, &frames, &[text("Hello")]);
    }
    for agreed in [PER_MESSAGE, PER_FRAME] {
        expect_events(agreed, &[(TEXT, vec![])], &[text("")]);
    }
}

#[test]
fn each_frame_of_x_webkit_deflate_frame_has_its_own_mark_df_11() {
    let mut peer = Peer::new();
    let frames = [
        (0x41, peer.compress("compressed, \u{e9}")),
        (0x00, b"plain, \xc3".to_vec()),
        (0xC0, peer.compress(b"\xa9 compressed, ")),
        (PLAIN_TEXT, b"plain".to_vec()),
        (TEXT, peer.compress("compressed, ")),
    ];
    let first = "compressed, éplain, é compressed, ";
    let expected = [text(first), text("plain"), text("compressed, ")];
    expect_events("x-webkit-deflate-frame", &frames, &expected);
}

/// websockets#1720, jetty#3159, bun#33001
#[test]
fn rsv1_is_rejected_where_it_has_no_meaning_df_11() {
    let hello = Peer::new().compress("Hello");
    let start = (0x41, hello.clone());
    let reserved = |byte| [protocol_error(ReservedBits { byte })];
    for agreed in [PER_MESSAGE, PER_FRAME] {
        for control in [0xC8, 0xC9, 0xCA] {
            expect_events(agreed, &[(control, vec![])], &reserved(control));
        }
        for other_bits in [0xE1, 0xD1, 0xF1, 0xA1, 0x91] {
            expect_events(
                agreed,
                &[(other_bits, hello.clone())],
                &reserved(other_bits),
            );
        }
    }
    let continuation = [start, (0xC0, vec![])];
    let mut expected = vec![Observed::IncompleteText("Hello".to_owned())];
    expected.extend(reserved(0xC0));
    expect_events(PER_MESSAGE, &continuation, &expected);
    for role in [Role::Server, Role::Client] {
        let mut driver = open(
            &Config::new().deflate(Deflate::new()),
            role,
            Dialect::Rfc6455,
        );
        driver.feed(&frame(other(role), TEXT, &hello));
        assert_eq!(driver.events(), reserved(TEXT));
    }
}

#[test]
fn invalid_data_is_rejected_with_1007_after_the_valid_data_before_it_df_12() {
    let mut valid = Peer::new().compress("Hello, Hello");
    valid.extend([0, 0, 0xff, 0xff]);
    let after_valid = |bytes: &[u8]| [&*valid, bytes].concat();
    let incomplete = |text: &str| Observed::IncompleteText(text.to_owned());
    let invalid = |at| protocol_error(InvalidDeflate { at });
    for (payload, expected) in [
        // A reserved type of block.
        (vec![0x07], vec![invalid(0)]),
        (
            after_valid(&[0x07]),
            vec![incomplete("Hello, Hello"), invalid(12)],
        ),
        // A reference before the start of the stream.
        (
            b"\xf2\x00\x11\x00\x00".to_vec(),
            vec![incomplete("H"), invalid(1)],
        ),
        // The end of the flush was not removed.
        (valid.clone(), vec![incomplete("Hello, Hello"), invalid(12)]),
    ] {
        for agreed in [PER_MESSAGE, PER_FRAME] {
            expect_events(agreed, &[(TEXT, payload.clone())], &expected);
        }
    }
    // The message ends within a block.
    let text = "Hello, Hello, what a message";
    let mut payload = Peer::new().compress(text);
    payload.truncate(payload.len() / 2);
    for role in [Role::Server, Role::Client] {
        let conn = || compressed(Config::new(), role, PER_MESSAGE);
        let transcript = at_every_split(conn, &frame(other(role), TEXT, &payload));
        let last = transcript.events.last().unwrap();
        assert!(matches!(
            last,
            Observed::ProtocolError(InvalidDeflate { .. })
        ));
        assert_eq!(close_code(&transcript.sent), 1007);
    }
}

#[test]
fn text_is_validated_after_decompression_hy_7() {
    let mut peer = Peer::new();
    let frames = [
        (TEXT, peer.compress("é")),
        (TEXT, peer.compress(b"abc\xff")),
    ];
    let incomplete = Observed::IncompleteText("abc".to_owned());
    let expected = [text("é"), incomplete, protocol_error(InvalidUtf8 { at: 3 })];
    expect_events(PER_MESSAGE, &frames, &expected);
    // A character that the end of the message cuts.
    let frames = [(TEXT, Peer::new().compress(b"a\xe2\x82"))];
    let expected = [
        Observed::IncompleteText("a".to_owned()),
        protocol_error(InvalidUtf8 { at: 1 }),
    ];
    for role in [Role::Server, Role::Client] {
        let bytes = frame(other(role), frames[0].0, &frames[0].1);
        let transcript = at_every_split(|| compressed(Config::new(), role, PER_MESSAGE), &bytes);
        let events = transcript.events;
        assert_eq!(events.last(), expected.last());
    }
}

/// Frames that are not compressed count, too.
#[test]
fn the_limit_applies_to_all_frames_of_a_message_df_13() {
    let config = Config::new().deflate(Deflate::new().max_inflated_len(8));
    let error = protocol_error(InflatedTooLong { limit: 8 });
    for (plain, next, received) in [(9, "", 9), (8, "", 8), (8, "b", 8), (5, "bbbb", 8)] {
        let next_len = next.len();
        let frames = [
            (0x01, vec![b'a'; plain]),
            (0xC0, Peer::new().compress(next)),
        ];
        let message = format!("{}{next}", "a".repeat(plain));
        let expected = if message.len() <= 8 {
            vec![text(&message)]
        } else {
            let received = message[..received].to_owned();
            vec![Observed::IncompleteText(received), error.clone()]
        };
        let name = format!("{plain} and {next_len}");
        println!("{name}");
        expect_events_with(&config, PER_FRAME, &frames, &expected);
    }
}

/// CVE-2018-1000518, CVE-2026-1526, tornado#2391
#[test]
fn the_limit_applies_to_the_decompressed_message_df_13() {
    const LIMIT: u64 = 5000;
    let config = Config::new().deflate(Deflate::new().max_inflated_len(LIMIT));
    for len in [4999, 5000, 5001, 100_000] {
        let message = "a".repeat(len);
        let frames = [(TEXT, Peer::new().compress(&message))];
        let expected = if len as u64 <= LIMIT {
            vec![text(&message)]
        } else {
            let limit = LIMIT;
            vec![
                Observed::IncompleteText("a".repeat(5000)),
                protocol_error(InflatedTooLong { limit }),
            ]
        };
        for agreed in [PER_MESSAGE, PER_FRAME] {
            expect_events_with(&config, agreed, &frames, &expected);
        }
    }
}

#[test]
fn a_decompression_bomb_uses_little_memory_df_13() {
    // 1 GiB of zeros in 1 MB.
    let part = [
        &Peer::new().compress(vec![0; 1 << 20])[..],
        &[0, 0, 0xff, 0xff],
    ]
    .concat();
    let half = part.repeat(512);
    let mut bytes = [
        frame(Role::Client, BINARY & 0x7F, &half),
        frame(Role::Client, FINAL_CONTINUATION, &half),
    ]
    .concat();
    assert!(bytes.len() < 1_100_000);
    let mut conn = compressed(Config::new(), Role::Server, PER_MESSAGE);
    let ((), usage) = measure(|| {
        let mut input = input(&mut bytes);
        let mut len = 0;
        while let Some(event) = conn.receive(&mut input) {
            if let hybi::Event::Binary(chunk) = event {
                assert!(chunk.as_bytes().len() <= 4096);
                len += chunk.as_bytes().len();
            }
        }
        assert_eq!(len, 16 << 20);
    });
    assert!(usage.peak < 200_000, "{usage:?}");
    assert_eq!(close_code(conn.transmit()), 1009);
}

/// A caller that pauses keeps the input that is not consumed. While there is more of a message there
/// is some, although the decompressor has read all of it.
/// The mask is removed from less than the payload at a time.
#[test]
fn a_message_that_fits_is_one_chunk_however_long_its_payload_is() {
    for role in [Role::Server, Role::Client] {
        for len in [1000, 2000, 4095] {
            let message = noise(len);
            let payload = Peer::new().compress(&message);
            assert!(payload.len() >= len);
            let mut conn = compressed(Config::new(), role, PER_MESSAGE);
            let mut bytes = frame(other(role), BINARY, &payload);
            let mut input = input(&mut bytes);
            let Some(Event::Binary(chunk)) = conn.receive(&mut input) else {
                panic!("no chunk");
            };
            assert_eq!((chunk.as_bytes(), chunk.is_final()), (&message[..], true));
            assert!(conn.receive(&mut input).is_none());
        }
    }
}

#[test]
fn a_pause_within_a_message_keeps_the_rest_of_it() {
    let now = Duration::from_secs(1);
    for message_len in (8192..16_384).step_by(101) {
        let payload = Peer::new().compress("a".repeat(message_len));
        let mut bytes = frame(Role::Client, TEXT, &payload);
        let mut conn = compressed(Config::new(), Role::Server, PER_MESSAGE);
        let (mut len, mut is_complete) = (0, false);
        let mut input = Input::new(&mut bytes, now);
        while let Some(event) = conn.receive(&mut input) {
            let hybi::Event::Text(chunk) = event else {
                panic!("no chunk");
            };
            len += chunk.as_str().len();
            is_complete = chunk.is_final();
            assert_eq!(is_complete, input.remaining().is_empty());
            // Time passes during the pause, and nothing is returned.
            assert!(conn.receive(&mut Input::new(&mut [], now)).is_none());
        }
        assert!(is_complete);
        assert_eq!(len, message_len);
    }
}

/// While it is incomplete, the connection holds the state of the decompressor.
#[test]
fn a_compressed_message_has_to_be_complete_in_time() {
    let config = Config::new().deflate(Deflate::new().message_timeout(Duration::from_secs(10)));
    let seconds = Duration::from_secs;
    for agreed in [PER_MESSAGE, PER_FRAME] {
        let mut peer = Peer::new();
        let mut driver = Driver::new(compressed(config.clone(), Role::Server, agreed));
        let messages = [1, 2, 3].map(|n| frame(Role::Client, TEXT, peer.compress(json(n))));
        let [first, second, third] = &messages;
        let (start, end) = first.split_at(20);
        driver.feed(start);
        assert_eq!(driver.conn.deadline(), Some(seconds(10)), "{agreed}");
        // The next message starts the timeout again.
        driver.now = seconds(9);
        driver.feed(&[end, &second[..20]].concat());
        assert_eq!(driver.conn.deadline(), Some(seconds(19)));
        driver.now = seconds(18);
        driver.feed(&second[20..]);
        assert_eq!(driver.conn.deadline(), None);
        driver.feed(&third[..20]);
        assert_eq!(driver.at(seconds(27)), Some(seconds(28)));
        driver.at(seconds(28));
        let timed_out = Observed::Closed(Closed::TimedOut(Timeout::Message));
        let events = driver.events();
        assert_eq!(events[..2], [text(&json(1)), text(&json(2))]);
        assert_eq!(events.last(), Some(&timed_out));
    }
    // In x-webkit-deflate-frame, frames of one message can be compressed or not.
    let mut driver = Driver::new(compressed(config.clone(), Role::Server, PER_FRAME));
    let start = frame(Role::Client, TEXT & 0x7F, Peer::new().compress(json(1)));
    driver.feed(&[start, frame(Role::Client, CONTINUATION, "")].concat());
    assert_eq!(driver.conn.deadline(), Some(seconds(10)));
    // Messages that are not compressed may take any time.
    let mut driver = Driver::new(compressed(config, Role::Server, PER_MESSAGE));
    driver.feed(&frame(Role::Client, PLAIN_TEXT, "Hello")[..9]);
    assert_eq!(driver.conn.deadline(), None);
}

#[test]
fn a_congested_connection_does_not_delay_the_timeout_of_a_message() {
    let deflate = Deflate::new().message_timeout(Duration::from_secs(10));
    let config = Config::new().deflate(deflate).high_water(100);
    let mut driver = Driver::new(compressed(config, Role::Server, PER_MESSAGE));
    let fragment = frame(Role::Client, TEXT & 0x7F, Peer::new().compress(json(1)));
    driver.feed(&fragment);
    let pings = frame(Role::Client, PING, vec![b'a'; 125]).repeat(2);
    for now in [4, 8] {
        driver.now = Duration::from_secs(now);
        driver
            .conn
            .receive(&mut Input::new(&mut pings.clone(), driver.now));
        while driver
            .conn
            .receive(&mut Input::new(&mut [], driver.now))
            .is_some()
        {}
        assert!(driver.conn.is_congested());
        assert_eq!(driver.conn.deadline(), Some(Duration::from_secs(10)));
        driver.conn.advance(driver.conn.pending());
    }
    driver.at(Duration::from_secs(10));
    let timed_out = Observed::Closed(Closed::TimedOut(Timeout::Message));
    assert_eq!(driver.events().last(), Some(&timed_out));
}

fn json(n: usize) -> String {
    format!(
        r#"{{"id":{n},"user":"user{}","text":"the quick brown fox {n}","ok":true}}"#,
        n % 7
    )
}

#[test]
fn messages_are_sent_compressed_df_11() {
    for role in [Role::Server, Role::Client] {
        for agreed in [PER_MESSAGE, PER_FRAME] {
            let mut conn = compressed(Config::new(), role, agreed);
            let mut expected = Vec::new();
            let mut plain_len = 0;
            for n in 0..20 {
                conn.send_text(&json(n)).unwrap();
                conn.send_binary(json(n).as_bytes()).unwrap();
                let vectored = conn.send_text_vectored(&json(n)).map(drop);
                assert_eq!(vectored, Ok(()));
                for first in [TEXT, BINARY, TEXT] {
                    expected.push((first, json(n).into_bytes()));
                    plain_len += json(n).len();
                }
            }
            let sent = drain(&mut conn);
            // x-webkit-deflate-frame does not say what the client can inflate.
            let takeover = agreed == PER_MESSAGE;
            if takeover {
                assert!(sent.len() < plain_len / 2, "{}", sent.len());
                assert_eq!(contents(&sent), expected);
            }
        }
    }
}

#[test]
fn short_messages_and_what_does_not_shrink_are_sent_as_they_are() {
    let noise = noise(1000);
    let long = "a".repeat(1000);
    let mut conn = compressed(Config::new(), Role::Server, PER_MESSAGE);
    conn.send_text(&"a".repeat(31)).unwrap();
    conn.send_binary(&noise).unwrap();
    // The first fragment decides.
    conn.send_binary_fragment(&noise, false).unwrap();
    conn.send_binary_fragment(long.as_bytes(), true).unwrap();
    conn.send_ping(&[b'a'; 100]).unwrap();
    conn.set_compression(false);
    conn.send_text(&long).unwrap();
    conn.set_compression(true);
    let firsts = first_bytes(conn.transmit());
    assert_eq!(firsts, [0x81, 0x82, 0x02, 0x80, 0x89, 0x81]);
    drain(&mut conn);
    conn.send_text(&long).unwrap();
    assert_eq!(contents(&drain(&mut conn)), [(TEXT, long.into_bytes())]);
    // Thresholds: with and without context takeover, and a configured one.
    let alone = "permessage-deflate; server_no_context_takeover";
    let seven = Config::new().deflate(Deflate::new().threshold(7));
    for (config, agreed, min_len) in [
        (Config::new(), PER_MESSAGE, 32),
        (Config::new(), alone, 256),
        (seven, alone, 7),
    ] {
        let mut conn = compressed(config, Role::Server, agreed);
        for len in [min_len - 1, min_len] {
            conn.send_text(&"a".repeat(len)).unwrap();
        }
        assert_eq!(
            first_bytes(conn.transmit()),
            [PLAIN_TEXT, TEXT],
            "{min_len}"
        );
    }
}

#[test]
fn a_message_that_would_keep_its_length_is_sent_as_it_is() {
    let agreed = "permessage-deflate; server_no_context_takeover";
    let config = Config::new().deflate(Deflate::new().threshold(0));
    let mut conn = compressed(config, Role::Server, agreed);
    // From the fourth `h` on each one costs nothing, so one message is as long as its compressed form.
    let firsts = (1..30).map(|count| {
        let text = format!("abcdefg{}", "h".repeat(count));
        conn.send_text(&text).unwrap();
        let sent = drain(&mut conn);
        let frames = parse_frames(&sent);
        let (first, len) = (frames[0].first, frames[0].payload.len());
        assert_eq!(first == TEXT, len < text.len(), "{text}");
        first
    });
    let firsts: Vec<u8> = firsts.collect();
    assert!(firsts.contains(&TEXT) && firsts.contains(&PLAIN_TEXT));
}

#[test]
fn all_fragments_of_a_message_are_compressed_if_the_first_is_df_11() {
    for role in [Role::Server, Role::Client] {
        let mut conn = compressed(Config::new(), role, PER_MESSAGE);
        let fragments: Vec<String> = (0..40).map(|n| json(n) + &json(n + 1)).collect();
        conn.send_text_fragment(&fragments[0], false).unwrap();
        conn.send_ping(b"ping").unwrap();
        // Has no effect on a message that was started.
        conn.set_compression(false);
        for fragment in &fragments[1..] {
            conn.send_text_fragment(fragment, false).unwrap();
        }
        conn.send_text_fragment("", true).unwrap();
        conn.set_compression(true);
        // It is a part of the window.
        conn.send_text(&fragments[39]).unwrap();
        let sent = drain(&mut conn);
        let firsts = first_bytes(&sent);
        assert_eq!(firsts[..3], [0x41, 0x89, 0x00]);
        assert_eq!(firsts[40..], [0x00, 0x80, TEXT]);
        let last = frame_contents(&sent).pop().unwrap().1;
        assert!(last.len() < 12, "{last:?}");
        assert!(sent.len() < fragments.concat().len() / 2);
        let frames = frame_contents(&sent).into_iter();
        let messages = frames.filter(|(first, _)| *first != 0x89).collect();
        let [(0x41, message), (TEXT, _)] = &joined(messages)[..] else {
            panic!("{firsts:?}");
        };
        let message = reference_inflate(15, &[], message).message;
        assert_eq!(message, Some(fragments.concat().into_bytes()));
    }
}

#[test]
fn fragments_that_do_not_shrink_are_stored_df_11() {
    let stored_growth = |len: usize| 5 * len.div_ceil(65_535) + 1;
    for len in [1, 125, 65_535, 65_536, 200_000] {
        let mut conn = compressed(Config::new(), Role::Server, PER_MESSAGE);
        let noise = noise(len);
        for (fragment, fin) in [(&[b'a'; 100][..], false), (&noise, false), (&noise, true)] {
            conn.send_binary_fragment(fragment, fin).unwrap();
        }
        let sent = drain(&mut conn);
        for (_, payload) in &frame_contents(&sent)[1..] {
            assert!(payload.len() <= len + stored_growth(len), "{len}");
        }
        let message = [&[b'a'; 100][..], &noise, &noise].concat();
        assert_eq!(contents(&sent), [(0x42, message)]);
    }
}

#[test]
fn each_fragment_of_x_webkit_deflate_frame_is_compressed_by_itself_df_11() {
    let mut conn = compressed(Config::new(), Role::Server, PER_FRAME);
    let long = "a".repeat(1000);
    conn.send_binary_fragment(long.as_bytes(), false).unwrap();
    conn.send_binary_fragment(&noise(1000), false).unwrap();
    conn.send_binary_fragment(long.as_bytes(), true).unwrap();
    let sent = drain(&mut conn);
    assert_eq!(first_bytes(&sent), [0x42, 0x00, 0xC0]);
    for (first, payload) in frame_contents(&sent) {
        if first != 0x00 {
            let inflated = reference_inflate(15, &[], &payload).message;
            assert_eq!(inflated.as_deref(), Some(long.as_bytes()));
        }
    }
}

#[test]
fn a_fragment_that_is_rejected_changes_nothing_df_11() {
    let config = Config::new().max_send_buffer(2000);
    let mut conn = compressed(config, Role::Server, PER_MESSAGE);
    let long = "a".repeat(1000);
    conn.send_text_fragment(&long, false).unwrap();
    let too_long = "b".repeat(2000);
    let error = rejected(&mut conn, |conn| conn.send_text_fragment(&too_long, true));
    assert!(matches!(
        error,
        SendError::MessageTooLong { limit: 2000, .. }
    ));
    conn.send_text_fragment(&long, true).unwrap();
    assert_eq!(
        contents(&drain(&mut conn)),
        [(0x41, long.repeat(2).into_bytes())]
    );
}

/// The limit applies before compression: to a later fragment as to the first.
#[test]
fn fragments_of_the_greatest_length_can_be_sent_df_11() {
    let len = 2000 - 4;
    let config = Config::new().max_send_buffer(2000);
    let mut conn = compressed(config, Role::Server, PER_MESSAGE);
    let (long, noise) = (vec![b'a'; len], noise(len));
    let mut sent = Vec::new();
    for (fragment, fin) in [(&long, false), (&noise, false), (&noise, true)] {
        conn.send_binary_fragment(fragment, fin).unwrap();
        sent.extend(drain(&mut conn));
    }
    assert_eq!(
        contents(&sent),
        [(0x42, [&long[..], &noise, &noise].concat())]
    );
}

/// Alone, each of them would become longer.
#[test]
fn short_messages_are_compressed_once_there_is_a_window() {
    for (agreed, is_compressed) in [
        (PER_MESSAGE, true),
        ("permessage-deflate; server_max_window_bits=9", true),
        ("permessage-deflate; server_no_context_takeover", false),
    ] {
        let config = Config::new().deflate(Deflate::new().threshold(32));
        let mut conn = compressed(config, Role::Server, agreed);
        let message = |n: usize| {
            format!(
                r#"{{"symbol":"SYM{}","bid":{n},"size":{}}}"#,
                n % 7,
                n * 7 % 90
            )
        };
        let (mut plain_len, mut expected) = (0, Vec::new());
        for n in 0..200 {
            conn.send_text(&message(n)).unwrap();
            plain_len += message(n).len() + 2;
            expected.push(message(n).into_bytes());
        }
        let sent = drain(&mut conn);
        assert_eq!(sent.len() < plain_len * 2 / 3, is_compressed, "{agreed}");
        assert!(sent.len() < plain_len + 10, "{agreed}");
        let received = contents(&sent).into_iter().map(|(_, message)| message);
        assert_eq!(received.collect::<Vec<_>>(), expected);
    }
    // The limit of the send buffer holds for the longer form, too.
    let config = Config::new()
        .deflate(Deflate::new().threshold(0))
        .max_send_buffer(14);
    let mut conn = compressed(config, Role::Server, PER_MESSAGE);
    conn.send_text("Hello, 12345").unwrap();
    assert_eq!(drain(&mut conn), b"\x81\x0cHello, 12345");
    let config = Config::new()
        .deflate(Deflate::new().threshold(0))
        .max_send_buffer(22);
    let mut conn = compressed(config, Role::Server, PER_MESSAGE);
    conn.send_text("Hello, 12345").unwrap();
    assert_eq!(conn.transmit()[0], TEXT);
}

/// A message that was compressed for all is part of the window of each receiver.
#[test]
fn a_prepared_message_is_compressed_once_and_part_of_the_window() {
    let deflate = Deflate::new();
    let news = PreparedMessage::text(&json(1).repeat(4)).compressed(&deflate);
    let picture = PreparedMessage::binary(&[7; 500]).compressed(&deflate);
    for agreed in [PER_MESSAGE, "permessage-deflate; server_max_window_bits=9"] {
        let mut conn = compressed(Config::new(), Role::Server, agreed);
        let mut expected = Vec::new();
        for n in 0..10 {
            conn.send_text(&json(n)).unwrap();
            conn.send_prepared(&news).unwrap();
            conn.send_prepared(&picture).unwrap();
            expected.push((TEXT, json(n).into_bytes()));
            expected.push((TEXT, json(1).repeat(4).into_bytes()));
            expected.push((BINARY, vec![7; 500]));
        }
        assert_eq!(contents(&drain(&mut conn)), expected, "{agreed}");
    }
    // The same bytes for each connection whose window is large enough, whatever it sent before.
    let payload = |agreed, first: &str| {
        let mut conn = compressed(Config::new(), Role::Server, agreed);
        conn.send_text(first).unwrap();
        drain(&mut conn);
        conn.send_prepared(&news).unwrap();
        parse_frames(&drain(&mut conn)).remove(0).payload
    };
    let small = "permessage-deflate; server_max_window_bits=9";
    let once = payload(PER_MESSAGE, "");
    assert_eq!(payload(PER_MESSAGE, &json(1)), once);
    assert_ne!(payload(small, &json(1)), once);
    let mut plain = established(&Config::new(), Role::Server, Dialect::Hixie76);
    plain.send_prepared(&news).unwrap();
    assert_eq!(drain(&mut plain), hixie_frame(&json(1).repeat(4)));
}

#[test]
fn a_prepared_message_refers_no_farther_back_than_the_own_window_df_10() {
    // Bytes that are repeated 600 bytes later, and do not compress otherwise.
    let unique: Vec<u8> = (0..600)
        .map(|n: u32| (n.pow(3).wrapping_mul(2_654_435_769) >> 24) as u8)
        .collect();
    let message = PreparedMessage::binary(&unique.repeat(2));
    let message = message.compressed(&Deflate::new().send_window(Some(12)));
    for role in [Role::Server, Role::Client] {
        for (window, is_compressed) in [(Some(9), false), (Some(12), true), (None, true)] {
            let config = Config::new().deflate(Deflate::new().send_window(window));
            let mut conn = compressed(config, role, PER_MESSAGE);
            // Not one of the first messages, which may become longer.
            conn.send_text(&"a".repeat(300)).unwrap();
            drain(&mut conn);
            conn.send_prepared(&message).unwrap();
            let first = parse_frames(conn.transmit())[0].first;
            assert_eq!(first == BINARY, is_compressed, "{role:?}, {window:?}");
        }
    }
}

/// The result does not depend on how well a message compresses.
#[test]
fn the_limit_of_the_send_buffer_applies_before_compression() {
    let config = Config::new().max_send_buffer(2000);
    let mut conn = compressed(config, Role::Server, PER_MESSAGE);
    let error = rejected(&mut conn, |conn| conn.send_text(&"a".repeat(2001)));
    let too_long = error.to_string();
    assert!(matches!(error, SendError::MessageTooLong { .. }));
    let prepared = PreparedMessage::text(&"a".repeat(2001)).compressed(&Deflate::new());
    let error = rejected(&mut conn, |conn| conn.send_prepared(&prepared));
    assert_eq!(error.to_string(), too_long);
    conn.send_text(&"a".repeat(1900)).unwrap();
    assert!(conn.pending() < 100);
    let error = conn.send_text(&"b".repeat(1990)).unwrap_err();
    assert!(matches!(error, SendError::BufferFull { .. }));
    // What was rejected is not part of the window.
    conn.send_text(&"b".repeat(200)).unwrap();
    let expected = [(TEXT, vec![b'a'; 1900]), (TEXT, vec![b'b'; 200])];
    assert_eq!(contents(&drain(&mut conn)), expected);
}

/// The state of the compression library is shared by the connections of a thread.
#[test]
fn the_text_of_one_connection_cannot_be_reached_from_another() {
    let secret = Peer::new().compress("the password is swordfish");
    for agreed in [
        PER_MESSAGE,
        "permessage-deflate; client_no_context_takeover",
    ] {
        for distance in 1..40 {
            let mut victim = Driver::new(compressed(Config::new(), Role::Server, agreed));
            victim.feed(&frame(Role::Client, TEXT, &secret));
            assert_eq!(victim.events(), [text("the password is swordfish")]);
            // Three bytes at a distance, as a block of its own.
            let bytes = reference(distance);
            let mut attacker = Driver::new(compressed(Config::new(), Role::Server, agreed));
            attacker.feed(&frame(Role::Client, BINARY, &bytes));
            let expected = [protocol_error(InvalidDeflate { at: 0 })];
            assert_eq!(attacker.events(), expected, "{distance}");
        }
    }
}

/// A block of the fixed codes that repeats the three bytes at a distance of at most 40.
fn reference(distance: usize) -> Vec<u8> {
    const BASES: [usize; 11] = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33];
    let code = BASES.iter().rposition(|base| *base <= distance).unwrap();
    let extra_bits = (code / 2).saturating_sub(1);
    let mut bits = vec![0, 1, 0]; // not final, fixed codes
    let mut push_code = |value: usize, len: usize, is_huffman: bool| {
        let bit = |n: usize| (value >> n & 1) as u8;
        if is_huffman {
            bits.extend((0..len).rev().map(bit));
        } else {
            bits.extend((0..len).map(bit));
        }
    };
    push_code(1, 7, true); // length 3
    push_code(code, 5, true);
    push_code(distance - BASES[code], extra_bits, false);
    push_code(0, 7, true); // end of block
    push_code(0, 3, false); // an empty stored block, without its length
    let byte = |bits: &[u8]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | bit);
    bits[..].chunks(8).map(byte).collect()
}

#[test]
fn compressed_messages_do_not_allocate_once_the_windows_are_full() {
    let agreed = "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10";
    let mut peer = compressed(Config::new(), Role::Client, agreed);
    let mut conn = compressed(Config::new(), Role::Server, agreed);
    let mut message = |n: usize| {
        peer.send_text(&json(n)).unwrap();
        drain(&mut peer)
    };
    let mut exchange = |bytes: &mut [u8], n: usize| {
        let text = json(n);
        let ((), usage) = measure(|| {
            let mut input = input(bytes);
            while conn.receive(&mut input).is_some() {}
            conn.send_text(&text).unwrap();
            conn.advance(conn.pending());
        });
        usage.allocations
    };
    for n in 0..50 {
        exchange(&mut message(n), n);
    }
    for n in 50..60 {
        assert_eq!(exchange(&mut message(n), n), 0);
    }
}

/// Passes the time after which an idle connection releases memory.
fn idle(conn: &mut Connection) {
    for seconds in 0..3 {
        let now = Duration::from_secs(seconds);
        assert!(conn.receive(&mut Input::new(&mut [], now)).is_none());
    }
}

#[test]
fn ten_thousand_idle_connections_keep_at_most_25_mb_after_4_kib_each_way() {
    static CONFIG: Config = Config::new();
    const AGREED: &str = "permessage-deflate; server_max_window_bits=10; \
        client_max_window_bits=10";
    let long: String = (0..64).map(json).collect();
    assert!(long.len() >= 4096);
    let mut peer = compressed(&CONFIG, Role::Client, AGREED);
    let [first, next] = [long, json(64)].map(|text| {
        peer.send_text(&text).unwrap();
        (text, drain(&mut peer))
    });
    let exchange = |conn: &mut Connection, (text, received): &(String, Vec<u8>)| {
        feed(conn, received);
        conn.send_text(text).unwrap();
        drain(conn)
    };
    let open = || {
        let mut conn = compressed(&CONFIG, Role::Server, AGREED);
        exchange(&mut conn, &first);
        conn
    };
    // This also creates the states of the thread.
    let sent_without_a_pause = exchange(&mut open(), &next);
    assert!(sent_without_a_pause.len() < next.0.len() / 2);

    let (connections, usage) = measure(|| {
        let mut connections: Vec<_> = (0..10_000).map(|_| open()).collect();
        connections.iter_mut().for_each(idle);
        connections
    });
    assert!(usage.retained <= 25_000_000, "{}", usage.retained);
    for mut conn in connections {
        assert_eq!(exchange(&mut conn, &next), sent_without_a_pause);
    }
}

#[test]
fn an_idle_connection_without_a_window_keeps_at_most_512_bytes() {
    static CONFIG: Config = Config::new();
    let agreed = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";
    let run = || {
        let mut conn = compressed(&CONFIG, Role::Server, agreed);
        conn.send_text(&json(1).repeat(5)).unwrap();
        drain(&mut conn);
        idle(&mut conn);
        conn
    };
    drop(run());
    let (conn, usage) = measure(run);
    let kept = usize::try_from(usage.retained).unwrap() + size_of_val(&conn);
    assert!(kept <= 512, "{kept}");
}

/// The README has these numbers.
#[test]
#[cfg(target_pointer_width = "64")]
fn an_incomplete_message_keeps_a_decompressor_and_the_window() {
    let figure =
        |before, after| testkit::allocator::figure(include_str!("../README.md"), before, after);
    let limited = "permessage-deflate; client_max_window_bits=10";
    let unlimited = "permessage-deflate; client_no_context_takeover";
    // Holds the decompressors that the thread had.
    let mut others = Vec::new();
    for (agreed, stated) in [
        (limited, figure("within a compressed message", "KB, or")),
        (unlimited, figure("message 48 KB, or", "KB if")),
    ] {
        let payload = Peer::new().compress(vec![b'a'; 100_000]);
        let first = frame(Role::Client, BINARY & 0x7F, payload);
        let run = || {
            let mut conn = compressed(Config::new(), Role::Server, agreed);
            feed(&mut conn, &first);
            conn
        };
        others.push(run());
        let (_conn, usage) = measure(run);
        let kept = usize::try_from(usage.retained).unwrap();
        let stated = stated * 1000;
        assert!((stated - 1000..stated + 2000).contains(&kept), "{kept}");
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// Any messages, whole or in fragments, agreed parameters and splits: what one side sends, the
    /// other receives.
    #[test]
    fn messages_survive_a_round_trip(
        server_bits in 8..=15_u8,
        client_bits in 8..=15_u8,
        no_takeover in any::<[bool; 2]>(),
        level in 1..=9_u8,
        send_window in proptest::option::of(9..=15_u8),
        messages in vec((0..3000_usize, any::<u8>(), any::<bool>(), vec(0..3000_usize, 0..4)), 1..10),
        splits in splits(),
    ) {
        let mut agreed = PER_MESSAGE.to_owned();
        for (name, on) in ["server", "client"].iter().zip(no_takeover) {
            if on {
                agreed += &format!("; {name}_no_context_takeover");
            }
        }
        agreed += &format!("; server_max_window_bits={server_bits}");
        agreed += &format!("; client_max_window_bits={client_bits}");
        let deflate = Deflate::new().level(level).send_window(send_window);
        let config = Config::new().deflate(deflate);
        for role in [Role::Server, Role::Client] {
            let mut sender = compressed(config.clone(), role, &agreed);
            let mut expected = Vec::new();
            for (len, seed, is_text, fragments) in &messages {
                let message: String = (0..*len).map(|n| {
                    char::from(b'a' + (n.wrapping_mul(usize::from(*seed)) >> 3) as u8 % 26)
                }).collect();
                let mut rest = &message[..];
                for len in fragments {
                    let (fragment, after) = rest.split_at(rest.len().min(*len));
                    rest = after;
                    if *is_text {
                        sender.send_text_fragment(fragment, false).unwrap();
                    } else {
                        sender.send_binary_fragment(fragment.as_bytes(), false).unwrap();
                    }
                }
                match (is_text, fragments.is_empty()) {
                    (true, true) => sender.send_text(rest),
                    (true, false) => sender.send_text_fragment(rest, true),
                    (false, true) => sender.send_binary(rest.as_bytes()),
                    (false, false) => sender.send_binary_fragment(rest.as_bytes(), true),
                }
                .unwrap();
                expected.push(if *is_text { text(&message) } else { binary(&message) });
            }
            let bytes = drain(&mut sender);
            let points = split_points(&splits, bytes.len());
            let receiver = compressed(config.clone(), other(role), &agreed);
            let transcript = run_checked(receiver, &bytes, &points, false);
            prop_assert_eq!(transcript.events, expected);
        }
    }

    /// A changed byte never causes a panic, and the result does not depend on the split.
    #[test]
    fn damaged_messages_give_the_same_events_however_they_are_split(
        text in string(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        splits in splits(),
    ) {
        let mut peer = Peer::new();
        let mut payload = peer.compress(text.repeat(30));
        for (at, byte) in changes {
            let at = at.index(payload.len());
            payload[at] = byte;
        }
        let bytes = frame(Role::Client, TEXT, &payload);
        let conn = || compressed(Config::new(), Role::Server, PER_MESSAGE);
        let whole = run_checked(conn(), &bytes, &[], true);
        let split = run_checked(conn(), &bytes, &split_points(&splits, bytes.len()), true);
        prop_assert_eq!(split, whole);
    }
}
