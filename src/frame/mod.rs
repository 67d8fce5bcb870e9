//! Incremental frame decoders, one for Hixie-75 and Hixie-76, one for HyBi-7 and later, and the
//! encoding of frames. The state of a decoder is bounded, whatever the length of a frame or
//! message.

pub(crate) mod encode;
pub(crate) mod header;
mod hixie;
mod hybi;
#[cfg(feature = "deflate")]
mod inflation;
pub(crate) mod mask;
pub(crate) mod opcode;
mod payload;
pub(crate) mod utf8;
#[cfg(all(feature = "std", any(fuzzing, hybi_verify)))]
mod verify;

use alloc::boxed::Box;

use crate::config::{Config, Role};
#[cfg(feature = "deflate")]
use crate::deflate::{Format, Window};
use crate::dialect::{Dialect, FrameFormat};
use crate::error::ProtocolError;
use crate::event::{BinaryChunk, Close, Payload, SkippedFrame, TextChunk};
use crate::input::Storage;
use crate::work;

/// A decoded frame, or a chunk of a message.
pub(crate) enum FrameEvent<'i> {
    Text(TextChunk<'i>),
    Binary(BinaryChunk<'i>),
    Ping(Payload<'i>),
    Pong(Payload<'i>),
    /// The event refers to the bytes in the [`Storage`].
    Stored(Stored),
    Skipped(SkippedFrame),
    Close(Close),
}

/// An event whose bytes do not lie in the input as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stored {
    /// A chunk of text: a character that was split, text with U+FFFD, or text that was compressed.
    Text {
        is_final: bool,
    },
    /// A chunk of a binary message that was compressed.
    #[cfg(feature = "deflate")]
    Binary {
        is_final: bool,
    },
    Ping,
    Pong,
}

/// The result of [`Decoder::decode`]; `None` once all input is consumed.
type Decoded<'i> = Option<Result<FrameEvent<'i>, ProtocolError>>;

/// The result of [`Decoder::decode_fast`].
///
/// Not an [`Event`](crate::Event): the caller builds that where it is returned.
pub(crate) enum FastPath<'i> {
    /// Nothing to report: call [`Decoder::decode`], which goes on from the current state.
    ///
    /// Nothing was consumed, with two exceptions. Text that starts with invalid UTF-8 was consumed,
    /// and `decode` returns the error. A chunk that is an incomplete character was consumed and is
    /// buffered.
    Miss,
    /// All input is consumed, and there is nothing to report.
    NeedMore,
    Text {
        text: &'i str,
        is_final: bool,
    },
    /// Text in which U+FFFD replaced invalid sequences.
    Lossy {
        text: Box<str>,
        is_final: bool,
    },
    Binary {
        bytes: &'i [u8],
        is_final: bool,
    },
}

impl<'i> FastPath<'i> {
    /// Returns the valid text before invalid UTF-8. [`Decoder::decode`] returns the error next.
    fn before_failure(valid: &'i str) -> Self {
        match valid {
            "" => Self::Miss,
            text => Self::Text {
                text,
                is_final: false,
            },
        }
    }
}

#[derive(Debug)]
#[cfg_attr(any(fuzzing, hybi_verify), derive(Clone, PartialEq))]
pub(crate) enum Decoder {
    Hixie(hixie::Decoder),
    Hybi(hybi::Decoder),
}

impl Decoder {
    pub(crate) fn new(dialect: Dialect, role: Role) -> Self {
        match dialect.row().frames {
            FrameFormat::Hixie { has_close } => Self::Hixie(hixie::Decoder::new(has_close)),
            FrameFormat::Hybi { minimal_lengths } => {
                Self::Hybi(hybi::Decoder::new(role, minimal_lengths))
            }
        }
    }

    /// Accepts compressed messages, in dialects that can have them.
    #[cfg(feature = "deflate")]
    pub(crate) fn with_compression(self, format: Format, window: Window) -> Self {
        match self {
            Self::Hybi(decoder) => Self::Hybi(decoder.with_compression(format, window)),
            Self::Hixie(_) => self,
        }
    }

    /// Returns whether a compressed message is incomplete.
    #[cfg(feature = "deflate")]
    pub(crate) fn is_inflating(&self) -> bool {
        match self {
            Self::Hixie(_) => false,
            Self::Hybi(decoder) => decoder.is_inflating(),
        }
    }

    /// Returns whether the current message started since the last call.
    #[cfg(feature = "deflate")]
    pub(crate) fn take_started(&mut self) -> bool {
        match self {
            Self::Hixie(_) => false,
            Self::Hybi(decoder) => decoder.take_started(),
        }
    }

    /// Returns whether no frame and no fragmented message is incomplete.
    pub(crate) fn at_boundary(&self) -> bool {
        match self {
            Self::Hixie(decoder) => decoder.at_boundary(),
            Self::Hybi(decoder) => decoder.at_boundary(),
        }
    }

    /// Returns whether [`decode`](Self::decode) returns an error for any input, also if it is
    /// empty.
    pub(crate) fn has_failed(&self) -> bool {
        match self {
            Self::Hixie(decoder) => decoder.has_failed(),
            Self::Hybi(decoder) => decoder.has_failed(),
        }
    }

    /// Fast path: decodes a complete and valid data frame, or more of the payload of one.
    ///
    /// See [`FastPath::Miss`] for what it leaves to [`decode`](Self::decode). Sets `has_received` if
    /// there is input.
    #[inline]
    pub(crate) fn decode_fast<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
        has_received: &mut bool,
    ) -> FastPath<'i> {
        // The caller asks once more after the last event of a read.
        if input.is_empty() {
            return if self.has_failed() {
                FastPath::Miss
            } else {
                FastPath::NeedMore
            };
        }
        if cfg!(hybi_slow_path) {
            return FastPath::Miss;
        }
        #[cfg(all(feature = "std", any(fuzzing, hybi_verify)))]
        return verify::decode_fast(self, config, input, has_received);
        #[cfg(not(all(feature = "std", any(fuzzing, hybi_verify))))]
        self.fast_path(config, input, has_received)
    }

    // Not inlined, so that its callers are.
    #[inline(never)]
    fn fast_path<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
        has_received: &mut bool,
    ) -> FastPath<'i> {
        // Here, since a store in a function that is inlined costs 28 instructions for each message.
        *has_received = true;
        match self {
            Self::Hixie(decoder) => decoder.decode_fast(config, input),
            Self::Hybi(decoder) => decoder.decode_fast(config, input),
        }
    }

    /// Returns how many bytes of `input` the fast path consumes at most.
    #[cfg(any(fuzzing, hybi_verify))]
    fn fast_len(&self, input: &[u8]) -> usize {
        match self {
            Self::Hixie(decoder) => decoder.fast_len(input),
            Self::Hybi(decoder) => decoder.fast_len(input),
        }
    }

    /// Slow path: consumes bytes from the front of `input`, up to the next event.
    ///
    /// It decodes any input by itself. After [`FastPath::Miss`] it goes on from the state that the
    /// fast path left.
    ///
    /// It stores the bytes of [`FrameEvent::Stored`] in `storage`.
    pub(crate) fn decode<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
        storage: &mut Storage,
    ) -> Decoded<'i> {
        work::record_slow_path();
        match self {
            Self::Hixie(decoder) => decoder.decode(config, input, storage),
            Self::Hybi(decoder) => decoder.decode(config, input, storage),
        }
    }
}

#[cfg(all(feature = "std", not(hybi_slow_path)))]
#[cfg(test)]
mod tests {
    use crate::config::Role;
    use crate::dialect::FrameFormat;
    use crate::work::take_slow_path_calls;
    use crate::{Config, Connection, Dialect, Entropy, Event, Handshake, Input};
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::time::Duration;

    /// A connection and its peer.
    struct Pair {
        role: Role,
        conn: Connection,
        peer: Connection,
        is_hixie: bool,
        name: String,
    }

    fn established(role: Role, dialect: Dialect) -> Connection {
        let (config, handshake) = (Config::new(), Handshake::new(dialect));
        match role {
            Role::Client => {
                let entropy = Entropy::from_bytes([7; 32]);
                Connection::established_client(config, &handshake, entropy)
            }
            Role::Server => Connection::established_server(config, &handshake),
        }
    }

    fn every_pair() -> impl Iterator<Item = Pair> {
        let roles = [(Role::Server, Role::Client), (Role::Client, Role::Server)];
        Dialect::ALL.iter().flat_map(move |dialect| {
            roles.map(|(role, other)| Pair {
                role,
                conn: established(role, *dialect),
                peer: established(other, *dialect),
                is_hixie: matches!(dialect.row().frames, FrameFormat::Hixie { .. }),
                name: alloc::format!("{role:?}, {dialect}"),
            })
        })
    }

    impl Pair {
        /// Returns the bytes that the peer has queued.
        fn sent(&mut self) -> Vec<u8> {
            let sent = self.peer.transmit().to_vec();
            self.peer.advance(sent.len());
            sent
        }

        /// Receives `bytes` in one read; returns the payload of all chunks, and how many were
        /// final.
        fn receive(&mut self, bytes: &[u8]) -> (Vec<u8>, usize) {
            let mut bytes = bytes.to_vec();
            let mut input = Input::new(&mut bytes, Duration::ZERO);
            let (mut payload, mut messages) = (Vec::new(), 0);
            while let Some(event) = self.conn.receive(&mut input) {
                let (bytes, is_final) = match &event {
                    Event::Text(chunk) => (chunk.as_str().as_bytes(), chunk.is_final()),
                    Event::Binary(chunk) => (chunk.as_bytes(), chunk.is_final()),
                    _ => continue,
                };
                payload.extend_from_slice(bytes);
                messages += usize::from(is_final);
            }
            assert!(
                input.remaining().is_empty() && self.conn.is_open(),
                "{}",
                self.name
            );
            (payload, messages)
        }

        /// [`receive`](Self::receive), by the fast path alone.
        fn receive_fast(&mut self, bytes: &[u8]) -> (Vec<u8>, usize) {
            take_slow_path_calls();
            let received = self.receive(bytes);
            let (name, len) = (&self.name, bytes.len());
            assert_eq!(take_slow_path_calls(), 0, "{name}: {len} bytes");
            received
        }
    }

    const LENGTHS: [usize; 7] = [0, 1, 16, 125, 126, 65_535, 65_536];

    fn lengths() -> impl Iterator<Item = usize> {
        let max = if cfg!(miri) { 126 } else { usize::MAX };
        LENGTHS.into_iter().filter(move |len| *len <= max)
    }

    /// Returns texts of a length in bytes: of ASCII, and of characters of two, three and four
    /// bytes.
    fn texts(len: usize) -> [String; 2] {
        let multilingual = "a".repeat(len % 9) + &"é€𝄞".repeat(len / 9);
        ["a".repeat(len), multilingual]
    }

    #[test]
    fn complete_messages_in_one_read_take_the_fast_path() {
        for mut pair in every_pair() {
            for (len, messages) in lengths().flat_map(|len| [(len, 1), (len, 3)]) {
                for text in texts(len) {
                    for _ in 0..messages {
                        pair.peer.send_text(&text).unwrap();
                    }
                    let bytes = pair.sent();
                    let expected = (text.repeat(messages).into_bytes(), messages);
                    assert!(pair.receive_fast(&bytes) == expected, "{}", pair.name);
                }
                if pair.is_hixie {
                    continue;
                }
                let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
                for _ in 0..messages {
                    pair.peer.send_binary(&payload).unwrap();
                }
                let bytes = pair.sent();
                let expected = (payload.repeat(messages), messages);
                assert!(pair.receive_fast(&bytes) == expected, "{}", pair.name);
            }
        }
    }

    #[test]
    fn more_payload_of_an_incomplete_frame_takes_the_fast_path() {
        for mut pair in every_pair() {
            let [ascii, multilingual] = texts(900);
            let mut frames = Vec::new();
            for text in [&ascii, &multilingual] {
                pair.peer.send_text(text).unwrap();
                frames.push(pair.sent());
            }
            if !pair.is_hixie {
                pair.peer.send_binary(ascii.as_bytes()).unwrap();
                frames.push(pair.sent());
                for fin in [false, true] {
                    pair.peer.send_text_fragment(&multilingual, fin).unwrap();
                    frames.push(pair.sent());
                }
            }
            for frame in frames {
                // 180 bytes after the header, and then in each read: no character is split.
                let terminator_len = usize::from(pair.is_hixie);
                let (first, rest) = frame.split_at(frame.len() - 720 - terminator_len);
                let mut len = pair.receive(first).0.len();
                for chunk in rest.chunks(180) {
                    len += pair.receive_fast(chunk).0.len();
                }
                assert_eq!(len, 900, "{}", pair.name);
            }
        }
    }

    #[test]
    fn hixie_text_with_invalid_utf8_takes_the_fast_path_fr_10() {
        for mut pair in every_pair().filter(|pair| pair.is_hixie) {
            let expected = ("a\u{FFFD}b".as_bytes().to_vec(), 1);
            assert_eq!(pair.receive_fast(b"\x00a\x80b\xFF"), expected);
        }
    }

    #[test]
    fn more_of_a_skipped_payload_takes_the_fast_path_fr_6() {
        for mut pair in every_pair().filter(|pair| pair.is_hixie) {
            pair.receive(b"\x80\x05a");
            pair.receive_fast(b"bc");
            pair.receive_fast(b"d");
            assert_eq!(pair.receive(b"e\x00text\xFF"), (b"text".to_vec(), 1));
        }
    }

    #[test]
    fn a_read_without_bytes_takes_the_fast_path() {
        let hixie = [&b""[..], b"\x00", b"\x00a", b"\x01", b"\x80", b"\x80\x05a"];
        let from_client = [
            &b""[..],
            b"\x81",
            b"\x82\x85keysa",
            b"\x01\x80keys",
            b"\x89\x85k",
        ];
        let from_server = [&b""[..], b"\x81", b"\x82\x05a", b"\x01\x00", b"\x89\x05a"];
        for mut pair in every_pair() {
            let incomplete = match (pair.is_hixie, pair.role) {
                (true, _) => &hixie[..],
                (false, Role::Server) => &from_client,
                (false, Role::Client) => &from_server,
            };
            for bytes in incomplete {
                pair.conn = established(pair.role, pair.conn.dialect().unwrap());
                pair.receive(bytes);
                pair.receive_fast(b"");
            }
        }
    }

    #[test]
    fn the_slow_path_counts_its_calls() {
        for mut pair in every_pair().filter(|pair| !pair.is_hixie) {
            pair.peer.send_ping(b"a").unwrap();
            let bytes = pair.sent();
            take_slow_path_calls();
            pair.receive(&bytes);
            assert_ne!(take_slow_path_calls(), 0);
        }
    }
}
