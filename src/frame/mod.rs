//! Bytes to pieces of frames. Constant state, each byte looked at as it comes; no header of an
//! opening is ever seen here.

pub(crate) mod encode;
mod hixie;
mod hybi;
pub(crate) mod mask;
pub(crate) mod opcode;
pub(crate) mod utf8;

use alloc::boxed::Box;
use core::mem;

use crate::config::{Config, Dialect, Role};
use crate::error::ProtocolError;
use crate::event::{BinaryChunk, Close, Payload, SkippedFrame, TextChunk};
use crate::frame::utf8::DecodedText;

/// What a stretch of input holds.
pub(crate) enum FrameEvent<'i> {
    Text(TextChunk<'i>),
    Binary(BinaryChunk<'i>),
    Ping(Payload<'i>),
    Pong(Payload<'i>),
    Skipped(SkippedFrame),
    Close(Close),
}

/// What a step through the input came to; `None` once all is taken.
type Decoded<'i> = Option<Result<FrameEvent<'i>, ProtocolError>>;

/// What can be told at once of the most usual inputs; not an event yet, so that this is put together
/// where it is used.
pub(crate) enum FastPath<'i> {
    /// Anything else, of which nothing was taken.
    Miss,
    /// There is no input, and nothing to tell without.
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
    /// What is valid of text that fails the connection; that it does is told next.
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
pub(crate) enum Decoder {
    Hixie(hixie::Decoder),
    Hybi(hybi::Decoder),
}

impl Decoder {
    pub(crate) fn new(dialect: Dialect, role: Role) -> Self {
        if dialect.is_hixie() {
            Self::Hixie(hixie::Decoder::new(dialect))
        } else {
            Self::Hybi(hybi::Decoder::new(dialect, role))
        }
    }

    /// Whether neither a frame nor a fragmented message is in the making.
    pub(crate) fn at_boundary(&self) -> bool {
        match self {
            Self::Hixie(scanner) => scanner.at_boundary(),
            Self::Hybi(scanner) => scanner.at_boundary(),
        }
    }

    /// Takes a frame off the front of `input` that is short, whole and sound, as most are, or a
    /// piece of one; anything else is left to [`next`](Self::next), which takes it in any pieces.
    // Not inlined, so that its caller is.
    #[inline(never)]
    pub(crate) fn decode_fast<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
    ) -> FastPath<'i> {
        match self {
            Self::Hixie(scanner) => scanner.decode_fast(config, input),
            Self::Hybi(scanner) => scanner.decode_fast(config, input),
        }
    }

    /// Takes bytes off the front of `input`, up to the end of the next piece.
    pub(crate) fn decode<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Decoded<'i> {
        match self {
            Self::Hixie(scanner) => scanner.decode(config, input),
            Self::Hybi(scanner) => scanner.decode(config, input),
        }
    }
}

fn text(chunk: DecodedText<'_>, last: bool) -> FrameEvent<'_> {
    FrameEvent::Text(TextChunk {
        chunk,
        is_final: last,
    })
}

fn take_byte(input: &mut &mut [u8]) -> Option<u8> {
    take(input, 1).first().copied()
}

/// Takes `n` bytes off the front, or all if there are fewer.
#[inline]
pub(crate) fn take<'i>(input: &mut &'i mut [u8], n: usize) -> &'i mut [u8] {
    let n = n.min(input.len());
    let (front, rest) = mem::take(input).split_at_mut(n);
    *input = rest;
    front
}
