//! Compressed messages against miniz_oxide: two that a connection receives, and their content sent
//! back.
#![no_main]

use hybi::{Compression, Config, Connection, Deflate, Dialect, Event, Handshake, Input};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use testkit::reference_inflate;

/// More is not inflated: an input of 2 KiB can inflate to 2 MiB.
const MAX_LEN: usize = 100_000;

fuzz_target!(|data: &[u8]| {
    let &[bits, options, split, first_len, ref rest @ ..] = data else {
        return;
    };
    let bits = 8 + bits % 8;
    let takeover = options & 1 == 0;
    let level = 1 + (options >> 1) % 9;
    let split = usize::from(split).max(1);
    let (first, second) = rest.split_at(usize::from(first_len).min(rest.len()));

    let mut value = format!("permessage-deflate; server_max_window_bits={bits}");
    value += &format!("; client_max_window_bits={bits}");
    if !takeover {
        value += "; server_no_context_takeover; client_no_context_takeover";
    }
    let compression: Compression = value.parse().expect("valid parameters");
    let handshake = Handshake::new(Dialect::Rfc6455).with_compression(compression);
    let deflate = Deflate::new().level(level).send_window(Some(15));
    let deflate = deflate.threshold(0).max_inflated_len(MAX_LEN as u64);
    let mut conn = Connection::established_server(Config::new().deflate(deflate), &handshake);

    let (mut received, mut sent) = (Vec::new(), Vec::new());
    for payload in [first, second] {
        let expected = reference_inflate(if takeover { &received } else { &[] }, payload);
        match receive(&mut conn, payload, split) {
            Some(message) => {
                assert_eq!(Some(&message), expected.message.as_ref());
                received.extend(&message);
                send(&mut conn, &message, takeover, &mut sent);
            }
            None => {
                let is_invalid = expected.message.is_none();
                let is_too_long = expected
                    .message
                    .is_some_and(|message| message.len() > MAX_LEN);
                // The library does not keep more than the window for the blocks after a final one,
                // and accepts a limited number of those.
                let has_final_blocks = expected.final_blocks > if bits < 15 { 0 } else { 3 };
                let reaches = 1 << bits < received.len();
                assert!(
                    is_invalid || is_too_long || has_final_blocks || reaches,
                    "rejected"
                );
                return;
            }
        }
    }
});

/// Returns the message, or `None` if the connection has failed.
fn receive(conn: &mut Connection, payload: &[u8], split: usize) -> Option<Vec<u8>> {
    let mut frame = vec![0xC2, 0xFE];
    let len = u16::try_from(payload.len()).expect("at most 2 KiB");
    if len < 126 {
        frame[1] = 0x80 | len as u8;
    } else {
        frame.extend(len.to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    let mut message = Vec::new();
    let mut is_complete = false;
    for bytes in frame.chunks_mut(split) {
        let mut input = Input::new(bytes, Duration::ZERO);
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Binary(chunk) => {
                    message.extend(chunk.as_bytes());
                    is_complete = chunk.is_final();
                }
                Event::Closed(_) => return None,
                other => panic!("{other:?}"),
            }
        }
        assert!(input.remaining().is_empty());
    }
    assert!(is_complete);
    Some(message)
}

/// Sends a message, and checks what the peer inflates. `sent` is what it has received before.
fn send(conn: &mut Connection, message: &[u8], takeover: bool, sent: &mut Vec<u8>) {
    conn.send_binary(message).expect("within the limit");
    let frame = conn.transmit();
    let (header, payload) = match frame {
        [first, 126, _, _, payload @ ..] => (*first, payload),
        [first, 127, rest @ ..] => (*first, &rest[8..]),
        [first, _, payload @ ..] => (*first, payload),
        _ => panic!("no frame"),
    };
    if header == 0x82 {
        assert_eq!(payload, message);
    } else {
        assert_eq!(header, 0xC2);
        // The first messages may become longer.
        assert!(payload.len() < message.len() + 8);
        let inflated = reference_inflate(if takeover { sent } else { &[] }, payload);
        assert_eq!(inflated.message.as_deref(), Some(message));
        sent.extend(message);
    }
    conn.advance(conn.pending());
}
