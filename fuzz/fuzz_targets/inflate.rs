//! Compressed messages against miniz_oxide: two that a connection receives, and their content sent
//! back.
#![no_main]

use hybi::{Compression, Config, Connection, Deflate, Dialect, Entropy, Handshake};
use hybi_oracles::take_work;
use libfuzzer_sys::fuzz_target;
use testkit::{
    BINARY, CONTINUATION, Driver, FINAL_CONTINUATION, Observed, PING, ProtocolError, Role, TEXT,
    binary, frame, frame_contents, other, ping, reference_inflate, text,
};

/// More is not inflated: an input of 2 KiB can inflate to 2 MiB.
const MAX_LEN: usize = 100_000;
const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;

#[derive(Clone, Copy)]
struct Case {
    role: Role,
    /// x-webkit-deflate-frame, which the connection sends without a window.
    is_per_frame: bool,
    bits: u8,
    takeover: bool,
    level: u8,
    is_text: bool,
    /// Each message has two fragments, with a ping between those that are received.
    in_fragments: bool,
}

fuzz_target!(|data: &[u8]| {
    let &[flags, options, split, first_len, ref rest @ ..] = data else {
        return;
    };
    let is_per_frame = flags & 0x20 != 0;
    let is_client = flags & 0x40 != 0 && !is_per_frame;
    let case = Case {
        role: if is_client {
            Role::Client
        } else {
            Role::Server
        },
        is_per_frame,
        bits: 8 + flags % 8,
        takeover: options & 1 == 0,
        level: 1 + (options >> 1) % 9,
        is_text: flags & 8 != 0,
        in_fragments: flags & 0x10 != 0,
    };
    let split = usize::from(split).max(1);
    let (first, second) = rest.split_at(usize::from(first_len).min(rest.len()));
    let mut driver = Driver::new(case.connection());
    let (mut received, mut sent) = (Vec::new(), Vec::new());
    for payload in [first, second] {
        let Some(message) = receive(case, &mut driver, payload, split, &mut received) else {
            return;
        };
        send(case, &mut driver, &message, &mut sent);
    }
});

impl Case {
    fn connection(self) -> Connection {
        let bits = self.bits;
        let mut value = if self.is_per_frame {
            format!("x-webkit-deflate-frame; max_window_bits={bits}")
        } else {
            format!(
                "permessage-deflate; server_max_window_bits={bits}; client_max_window_bits={bits}"
            )
        };
        if !self.takeover {
            value += if self.is_per_frame {
                "; no_context_takeover"
            } else {
                "; server_no_context_takeover; client_no_context_takeover"
            };
        }
        let compression: Compression = value.parse().expect("valid parameters");
        let handshake = Handshake::new(Dialect::Rfc6455).with_compression(compression);
        let deflate = Deflate::new().level(self.level).send_window(Some(15));
        let deflate = deflate.threshold(0).max_inflated_len(MAX_LEN as u64);
        let config = Config::new().deflate(deflate);
        match self.role {
            Role::Server => Connection::established_server(config, &handshake),
            Role::Client => {
                Connection::established_client(config, &handshake, Entropy::from_bytes([7; 32]))
            }
        }
    }
}

/// Receives a message, and returns it unless the connection has failed. `history` is the text
/// received before it.
fn receive(
    case: Case,
    driver: &mut Driver<'_>,
    payload: &[u8],
    split: usize,
    history: &mut Vec<u8>,
) -> Option<Vec<u8>> {
    let first = if case.is_text { TEXT } else { BINARY } | RSV1;
    let (start, end) = payload.split_at(payload.len() / 2);
    let peer = other(case.role);
    let (bytes, mut expected) = if case.in_fragments {
        let second_rsv1 = if case.is_per_frame { RSV1 } else { 0 };
        let frames = [
            frame(peer, first & !FIN, start),
            frame(peer, PING, "ping"),
            frame(peer, FINAL_CONTINUATION | second_rsv1, end),
        ];
        (frames.concat(), vec![ping("ping")])
    } else {
        (frame(peer, first, payload), vec![])
    };
    take_work();
    for bytes in bytes.chunks(split) {
        let remaining = driver.feed(bytes);
        assert!(remaining == 0 || driver.conn.closed().is_some());
    }
    let work = take_work();
    let events = driver.events();

    let streams: &[&[u8]] = if case.in_fragments && case.is_per_frame {
        &[start, end]
    } else {
        &[payload]
    };
    let history_len = history.len();
    let (message, final_blocks) = reference(case, streams, history);
    let inflated_len = message.as_ref().map_or(1032 * payload.len(), Vec::len);
    // Each block after a final block needs the text before it.
    let loaded = (history_len + inflated_len).min(1 << case.bits);
    let bound = 4 * (bytes.len() + inflated_len) + (final_blocks + 2) * loaded + 64;
    assert!(work <= bound as u64, "work of {work}, more than {bound}");
    let error = match events.last() {
        Some(Observed::ProtocolError(error)) => Some(error),
        _ => None,
    };
    let Some(message) = message else {
        assert!(error.is_some(), "accepted: {events:?}");
        return None;
    };
    let text_of_message = std::str::from_utf8(&message).ok().filter(|_| case.is_text);
    match error {
        None => {}
        Some(ProtocolError::InflatedTooLong { .. }) => {
            assert!(message.len() > MAX_LEN, "rejected");
            return None;
        }
        Some(ProtocolError::InvalidUtf8 { .. }) => {
            assert!(case.is_text && text_of_message.is_none(), "rejected");
            return None;
        }
        // The number of final blocks is limited.
        Some(ProtocolError::InvalidDeflate { .. }) => {
            assert!(final_blocks > 3, "rejected");
            return None;
        }
        Some(error) => panic!("{error:?}"),
    }
    assert!(message.len() <= MAX_LEN, "accepted");
    expected.push(match text_of_message {
        Some(message) => text(message),
        None => binary(&message),
    });
    assert_eq!(events, expected);
    Some(message)
}

/// Returns what the streams of a message inflate to, and the largest number of final blocks in one.
fn reference(case: Case, streams: &[&[u8]], history: &mut Vec<u8>) -> (Option<Vec<u8>>, usize) {
    let (mut message, mut final_blocks) = (Vec::new(), 0);
    for stream in streams {
        let inflated = reference_inflate(case.bits, history, stream);
        final_blocks = final_blocks.max(inflated.final_blocks);
        let Some(content) = inflated.message else {
            return (None, final_blocks);
        };
        if case.takeover {
            history.extend(&content);
        }
        message.extend(content);
    }
    (Some(message), final_blocks)
}

/// Sends a message, and checks what the peer inflates. `history` is what it has received before.
fn send(case: Case, driver: &mut Driver<'_>, message: &[u8], history: &mut Vec<u8>) {
    driver.drain();
    driver.sent();
    let conn = &mut driver.conn;
    let as_text = std::str::from_utf8(message).ok().filter(|_| case.is_text);
    let result = match (as_text, case.in_fragments) {
        (Some(text), false) => conn.send_text(text),
        (None, false) => conn.send_binary(message),
        (Some(text), true) => {
            let (start, end) = text.split_at(text.floor_char_boundary(text.len() / 2));
            let result = conn.send_text_fragment(start, false);
            result.and_then(|()| conn.send_text_fragment(end, true))
        }
        (None, true) => {
            let (start, end) = message.split_at(message.len() / 2);
            let result = conn.send_binary_fragment(start, false);
            result.and_then(|()| conn.send_binary_fragment(end, true))
        }
    };
    result.expect("within the limit");
    driver.drain();

    let frames = frame_contents(&driver.sent());
    let opcode = if as_text.is_some() { TEXT } else { BINARY };
    let firsts: Vec<_> = frames.iter().map(|(first, _)| first & !RSV1).collect();
    let expected = if case.in_fragments {
        vec![opcode & !FIN, CONTINUATION | FIN]
    } else {
        vec![opcode]
    };
    assert_eq!(firsts, expected);
    let mut content = Vec::new();
    let mut stream: Option<Vec<u8>> = None;
    for (first, payload) in frames {
        let is_compressed = first & RSV1 != 0 || stream.is_some();
        if !is_compressed {
            content.extend(payload);
            continue;
        }
        let stream_so_far = stream.get_or_insert_default();
        stream_so_far.extend(payload);
        if first & FIN != 0 || case.is_per_frame {
            let payload = stream.take().expect("a stream");
            // The first messages may become longer, and so may fragments.
            assert!(case.in_fragments || payload.len() < message.len() + 8);
            let has_history = case.takeover && !case.is_per_frame;
            let visible: &[u8] = if has_history { history } else { &[] };
            let bits = if case.is_per_frame { 15 } else { case.bits };
            let inflated = reference_inflate(bits, visible, &payload).message;
            let inflated = inflated.expect("valid data");
            history.extend(&inflated);
            content.extend(inflated);
        }
    }
    assert_eq!(content, message);
}
