//! The input of a connection: bytes, and the time at which they were read.

use alloc::boxed::Box;
use core::fmt;
use core::mem;
use core::time::Duration;

#[cfg(feature = "deflate")]
use crate::deflate::Buffer;
use crate::fixed_buf::FixedBuf;

/// The maximum number of bytes that an event refers to and that are not the caller's: the payload
/// of a control frame.
const STORAGE_LEN: usize = crate::frame::opcode::MAX_CONTROL_LEN;

/// The bytes of one read and the current time, passed to
/// [`Connection::receive`](crate::Connection::receive).
///
/// Create one for each read. Events borrow from it: from the bytes, or from memory of the `Input`
/// for what does not lie in the bytes as a whole. That is a character or a control frame that was
/// split between two reads, which lies in the `Input` itself, and text in which U+FFFD replaces
/// invalid UTF-8 (FR-10), which is allocated: at most 3 bytes for each byte of the input, and 7
/// while it is made. With the feature `deflate`, chunks of compressed messages lie in 8 KiB of
/// memory, which the thread keeps for the next `Input`.
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Event, Handshake, Input};
/// # use std::time::{Duration, Instant};
/// # let mut conn = Connection::established_server(Config::new(), &Handshake::new(Dialect::Hixie76));
/// let start = Instant::now();
/// let mut buf = *b"\x00Hello\xff";
/// let n = buf.len(); // the number of bytes read
/// let mut input = Input::new(&mut buf[..n], start.elapsed());
/// while let Some(event) = conn.receive(&mut input) {
///     assert!(matches!(event, Event::Text(chunk) if chunk.as_str() == "Hello"));
/// }
/// assert!(input.remaining().is_empty());
/// ```
pub struct Input<'b> {
    pub(crate) bytes: &'b mut [u8],
    pub(crate) now: Duration,
    /// The caller passed any bytes.
    pub(crate) has_bytes: bool,
    pub(crate) storage: Storage,
}

impl<'b> Input<'b> {
    /// Creates the input of one read.
    ///
    /// `bytes` may be empty: the end of input and expired timeouts are reported without bytes.
    /// Masked payloads are unmasked in place.
    ///
    /// `now` is the time since a fixed moment that the caller chooses, the same for the whole
    /// connection. A time before the latest one that the connection has seen counts as that one, so
    /// a clock that goes back delays timeouts but causes none. Pass [`Duration::ZERO`] each time to
    /// have no timeouts.
    #[must_use]
    #[inline]
    pub const fn new(bytes: &'b mut [u8], now: Duration) -> Self {
        let has_bytes = !bytes.is_empty();
        Self {
            bytes,
            now,
            has_bytes,
            storage: Storage::Empty,
        }
    }

    /// Returns the bytes that were not consumed. The caller keeps them for a later call.
    ///
    /// Bytes remain while a request awaits an answer, while the caller pauses before `receive` has
    /// returned `None`, and after the end of the connection, where they follow its last frame, for
    /// example as the body of an HTTP response.
    #[must_use]
    #[inline]
    pub fn remaining(&self) -> &[u8] {
        self.bytes
    }
}

/// Omits the bytes.
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("remaining", &self.bytes.len())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// What an event refers to if it does not lie in the input as a whole.
pub(crate) enum Storage {
    // Not an array alone: an `Input` is created without initializing it.
    Empty,
    Bytes(FixedBuf<STORAGE_LEN>),
    /// Text with U+FFFD.
    Text(Box<str>),
    /// A chunk of a message that was compressed.
    #[cfg(feature = "deflate")]
    Inflated(Buffer),
}

impl Storage {
    /// Stores at most [`STORAGE_LEN`] bytes.
    #[cold]
    pub(crate) fn store(&mut self, bytes: &[u8]) {
        let mut stored = FixedBuf::EMPTY;
        stored.fill(bytes);
        *self = Self::Bytes(stored);
    }

    /// Returns the buffer for an inflated chunk.
    #[cfg(feature = "deflate")]
    pub(crate) fn inflate_buffer(&mut self) -> &mut Buffer {
        loop {
            if let Self::Inflated(buffer) = self {
                return buffer;
            }
            *self = Self::Inflated(Buffer::new());
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Empty => &[],
            Self::Bytes(bytes) => bytes.as_slice(),
            Self::Text(text) => text.as_bytes(),
            #[cfg(feature = "deflate")]
            Self::Inflated(buffer) => buffer.bytes(),
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            #[cfg(feature = "deflate")]
            Self::Inflated(buffer) => buffer.text(),
            Self::Empty | Self::Bytes(_) => core::str::from_utf8(self.bytes()).unwrap_or_default(),
        }
    }
}

pub(crate) fn take_byte(input: &mut &mut [u8]) -> Option<u8> {
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
