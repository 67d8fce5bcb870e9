//! Incremental frame decoders, one for Hixie-75 and Hixie-76, one for HyBi-7 and later, and the
//! encoding of frames. The state of a decoder is bounded, whatever the length of a frame or
//! message.

pub(crate) mod encode;
pub(crate) mod header;
mod hixie;
mod hybi;
pub(crate) mod mask;
pub(crate) mod opcode;
pub(crate) mod utf8;
#[cfg(all(feature = "std", any(fuzzing, hybi_verify)))]
mod verify;

use alloc::boxed::Box;
use core::mem;

use crate::config::{Config, Role};
use crate::dialect::{Dialect, FrameFormat};
use crate::error::ProtocolError;
use crate::event::{BinaryChunk, Close, Payload, SkippedFrame, TextChunk};
use crate::frame::utf8::DecodedText;

/// A decoded frame, or a chunk of a message.
pub(crate) enum FrameEvent<'i> {
    Text(TextChunk<'i>),
    Binary(BinaryChunk<'i>),
    Ping(Payload<'i>),
    Pong(Payload<'i>),
    Skipped(SkippedFrame),
    Close(Close),
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

    /// Returns whether no frame and no fragmented message is incomplete.
    pub(crate) fn at_boundary(&self) -> bool {
        match self {
            Self::Hixie(decoder) => decoder.at_boundary(),
            Self::Hybi(decoder) => decoder.at_boundary(),
        }
    }

    /// Fast path: decodes a complete and valid data frame, or more of the payload of one.
    ///
    /// See [`FastPath::Miss`] for what it leaves to [`decode`](Self::decode).
    // Not inlined, so that its caller is.
    #[inline(never)]
    pub(crate) fn decode_fast<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
    ) -> FastPath<'i> {
        #[cfg(hybi_slow_path)]
        if !input.is_empty() {
            return FastPath::Miss;
        }
        #[cfg(all(feature = "std", any(fuzzing, hybi_verify)))]
        return verify::decode_fast(self, config, input);
        #[cfg(not(all(feature = "std", any(fuzzing, hybi_verify))))]
        self.fast_path(config, input)
    }

    #[inline(always)]
    fn fast_path<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> FastPath<'i> {
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
    pub(crate) fn decode<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Decoded<'i> {
        match self {
            Self::Hixie(decoder) => decoder.decode(config, input),
            Self::Hybi(decoder) => decoder.decode(config, input),
        }
    }
}

fn text(chunk: DecodedText<'_>, is_final: bool) -> FrameEvent<'_> {
    FrameEvent::Text(TextChunk { chunk, is_final })
}

fn take_byte(input: &mut &mut [u8]) -> Option<u8> {
    take(input, 1).first().copied()
}

/// Removes the first `n` bytes of `input` and returns them, or all bytes if there are fewer.
#[inline]
pub(crate) fn take<'i>(input: &mut &'i mut [u8], n: usize) -> &'i mut [u8] {
    let n = n.min(input.len());
    let (front, rest) = mem::take(input).split_at_mut(n);
    *input = rest;
    front
}
