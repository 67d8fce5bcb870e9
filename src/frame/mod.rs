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
use crate::event::{Binary, Close, Discarded, Payload, Text};
use crate::frame::utf8::Chunk;

/// What a stretch of input holds.
pub(crate) enum Piece<'i> {
    Text(Text<'i>),
    Binary(Binary<'i>),
    Ping(Payload<'i>),
    Pong(Payload<'i>),
    Discarded(Discarded),
    Close(Close),
}

/// What a step through the input came to; `None` once all is taken.
type Scanned<'i> = Option<Result<Piece<'i>, ProtocolError>>;

/// What can be told at once of the most usual inputs; not an event yet, so that this is put together
/// where it is used.
pub(crate) enum Quick<'i> {
    /// Anything else, of which nothing was taken.
    Other,
    /// There is no input, and nothing to tell without.
    Starved,
    Text {
        text: &'i str,
        last: bool,
    },
    Mended {
        text: Box<str>,
        last: bool,
    },
    Binary {
        bytes: &'i [u8],
        last: bool,
    },
}

impl<'i> Quick<'i> {
    /// What is valid of text that fails the connection; that it does is told next.
    fn before_failure(valid: &'i str) -> Self {
        match valid {
            "" => Self::Other,
            text => Self::Text { text, last: false },
        }
    }
}

#[derive(Debug)]
pub(crate) enum Scanner {
    Hixie(hixie::Scanner),
    Hybi(hybi::Scanner),
}

impl Scanner {
    pub(crate) fn new(dialect: Dialect, role: Role) -> Self {
        if dialect.is_hixie() {
            Self::Hixie(hixie::Scanner::new(dialect))
        } else {
            Self::Hybi(hybi::Scanner::new(dialect, role))
        }
    }

    /// Whether neither a frame nor a fragmented message is in the making.
    pub(crate) fn is_between(&self) -> bool {
        match self {
            Self::Hixie(scanner) => scanner.is_between(),
            Self::Hybi(scanner) => scanner.is_between(),
        }
    }

    /// Takes a frame off the front of `input` that is short, whole and sound, as most are, or a
    /// piece of one; anything else is left to [`next`](Self::next), which takes it in any pieces.
    // Not inlined, so that its caller is.
    #[inline(never)]
    pub(crate) fn quick<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Quick<'i> {
        match self {
            Self::Hixie(scanner) => scanner.quick(config, input),
            Self::Hybi(scanner) => scanner.quick(config, input),
        }
    }

    /// Takes bytes off the front of `input`, up to the end of the next piece.
    pub(crate) fn next<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Scanned<'i> {
        match self {
            Self::Hixie(scanner) => scanner.next(config, input),
            Self::Hybi(scanner) => scanner.next(config, input),
        }
    }
}

fn text(chunk: Chunk<'_>, last: bool) -> Piece<'_> {
    Piece::Text(Text { chunk, last })
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
