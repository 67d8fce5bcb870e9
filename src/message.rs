//! Assembles messages from chunks, up to a limit.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use crate::close_code;
use crate::event::{BinaryChunk, TextChunk};

/// Capacity above this is released when a message does not need it, but not after each message:
/// large messages often follow one another, and allocating for each costs more than the copy.
const RETAINED_CAPACITY: usize = 64 * 1024;

/// The default limit of a message in bytes.
const DEFAULT_LIMIT: usize = 1024 * 1024;

/// Assembles messages from their chunks, up to a limit in bytes.
///
/// A message that arrives in one chunk is returned without a copy. The chunks of other messages are
/// copied to a buffer, which text and binary messages share.
///
/// The buffer grows with the bytes received, to at most the limit; while it grows, the old and the
/// new buffer are at most twice the limit. It keeps its capacity for the next message. Capacity
/// above 64 KiB is released when a message needs at most 64 KiB of the buffer. To release all of
/// it, drop the assembler between two messages; a new one does not allocate.
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Event, Handshake, Input, MessageAssembler};
/// # use std::time::Duration;
/// # let now = Duration::ZERO;
/// # let mut conn = Connection::established_server(Config::new(), &Handshake::new(Dialect::Hixie76));
/// let mut assembler = MessageAssembler::new(64 * 1024);
/// let mut texts = Vec::new();
/// for mut read in [b"\x00Hel".to_vec(), b"lo\xff\x00you\xff".to_vec()] {
///     let mut input = Input::new(&mut read, now);
///     while let Some(Event::Text(chunk)) = conn.receive(&mut input) {
///         if let Some(text) = assembler.push_text(chunk)? {
///             texts.push(text.to_owned());
///         }
///     }
/// }
/// assert_eq!(texts, ["Hello", "you"]);
/// # Ok::<(), hybi::MessageTooLong>(())
/// ```
#[derive(Clone)]
pub struct MessageAssembler {
    limit: usize,
    state: AssemblerState,
    /// At most one of the two buffers is allocated.
    text: String,
    binary: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AssemblerState {
    /// The next chunk starts a message.
    AtBoundary,
    /// The buffer contains the chunks so far.
    Assembling,
    /// The message exceeds the limit, and the error was returned. Its other chunks are discarded.
    Discarding,
}

/// The error for a message that is longer than the limit of the [`MessageAssembler`].
///
/// The connection remains open. Close it with [`close_code`](Self::close_code), or continue: the
/// assembler discards the remaining chunks of the message.
///
/// ```
/// # use hybi::{Close, CloseError, Connection, MessageTooLong};
/// # fn reject(conn: &mut Connection, error: MessageTooLong) -> Result<(), CloseError> {
/// conn.close(&Close::new(error.close_code(), &error.to_string()))
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is longer than {limit} bytes")]
#[non_exhaustive]
pub struct MessageTooLong {
    /// The limit in bytes.
    pub limit: usize,
}

impl MessageTooLong {
    /// Returns the close code for this error, 1009 (RFC 6455, section 7.4.1).
    #[must_use]
    pub const fn close_code(&self) -> u16 {
        close_code::MESSAGE_TOO_BIG
    }
}

/// An assembler for messages of at most 1 MiB, which the default of
/// [`Config::max_send_buffer`](crate::Config::max_send_buffer) allows to send.
impl Default for MessageAssembler {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT)
    }
}

impl MessageAssembler {
    /// Creates an assembler for messages of at most `limit` bytes. It does not allocate.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            state: AssemblerState::AtBoundary,
            text: String::new(),
            binary: Vec::new(),
        }
    }

    /// Sets the maximum length of a message in bytes. It also applies to the rest of a message
    /// whose first chunks were added before.
    pub const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds a chunk. Returns the message if it is complete, and `None` if more chunks follow.
    ///
    /// # Errors
    /// [`MessageTooLong`] if the message becomes longer than the limit. The error is returned once
    /// for each such message: its remaining chunks are discarded. The next message is assembled
    /// again.
    #[inline]
    pub fn push_text<'a>(
        &'a mut self,
        chunk: TextChunk<'a>,
    ) -> Result<Option<&'a str>, MessageTooLong> {
        let (text, is_final) = (chunk.as_str(), chunk.is_final());
        if self.is_borrowable(text.len(), is_final) {
            return Ok(Some(text));
        }
        if self.is_appendable(text.len(), is_final, self.text.capacity()) {
            self.text.push_str(text);
            return Ok(None);
        }
        Ok(match self.start_push(text.len(), is_final)? {
            Action::Borrow => Some(text),
            Action::Append => {
                let buffer = self.append_text(text, is_final);
                is_final.then_some(buffer.as_str())
            }
            Action::Discard => None,
        })
    }

    /// Adds a chunk of a binary message; see [`push_text`](Self::push_text).
    ///
    /// # Errors
    /// As [`push_text`](Self::push_text).
    #[inline]
    pub fn push_binary<'a>(
        &'a mut self,
        chunk: BinaryChunk<'a>,
    ) -> Result<Option<&'a [u8]>, MessageTooLong> {
        let (bytes, is_final) = (chunk.as_bytes(), chunk.is_final());
        if self.is_borrowable(bytes.len(), is_final) {
            return Ok(Some(bytes));
        }
        if self.is_appendable(bytes.len(), is_final, self.binary.capacity()) {
            self.binary.extend_from_slice(bytes);
            return Ok(None);
        }
        Ok(match self.start_push(bytes.len(), is_final)? {
            Action::Borrow => Some(bytes),
            Action::Append => {
                let buffer = self.append_binary(bytes, is_final);
                is_final.then_some(buffer.as_slice())
            }
            Action::Discard => None,
        })
    }

    /// As [`push_text`](Self::push_text), but returns a message that the caller owns, for another
    /// thread or task. Each chunk is copied once, also if the message arrives in one chunk; the
    /// assembler keeps no capacity.
    ///
    /// # Errors
    /// As [`push_text`](Self::push_text).
    pub fn push_text_owned(
        &mut self,
        chunk: TextChunk<'_>,
    ) -> Result<Option<String>, MessageTooLong> {
        let (text, is_final) = (chunk.as_str(), chunk.is_final());
        Ok(match self.start_push(text.len(), is_final)? {
            Action::Borrow => Some(text.into()),
            Action::Append => {
                let buffer = self.append_text(text, is_final);
                is_final.then(|| mem::take(buffer))
            }
            Action::Discard => None,
        })
    }

    /// As [`push_text_owned`](Self::push_text_owned), for a binary message.
    ///
    /// # Errors
    /// As [`push_text`](Self::push_text).
    pub fn push_binary_owned(
        &mut self,
        chunk: BinaryChunk<'_>,
    ) -> Result<Option<Vec<u8>>, MessageTooLong> {
        let (bytes, is_final) = (chunk.as_bytes(), chunk.is_final());
        Ok(match self.start_push(bytes.len(), is_final)? {
            Action::Borrow => Some(bytes.into()),
            Action::Append => {
                let buffer = self.append_binary(bytes, is_final);
                is_final.then(|| mem::take(buffer))
            }
            Action::Discard => None,
        })
    }

    /// Returns whether a chunk is a complete message, and there is no content to clear.
    #[inline]
    fn is_borrowable(&self, chunk_len: usize, is_final: bool) -> bool {
        is_final
            && self.state == AssemblerState::AtBoundary
            && self.buffered() == 0
            && chunk_len <= self.limit
    }

    /// Returns whether a chunk is neither the first nor the last of its message, and fits into the
    /// buffer, which has `capacity`.
    #[inline]
    fn is_appendable(&self, chunk_len: usize, is_final: bool, capacity: usize) -> bool {
        !is_final
            && self.state == AssemblerState::Assembling
            && chunk_len <= capacity.min(self.limit).saturating_sub(self.buffered())
    }

    #[inline]
    fn buffered(&self) -> usize {
        self.text.len() + self.binary.len()
    }

    /// Updates the state for a chunk of `chunk_len` bytes; returns what to do with it.
    fn start_push(&mut self, chunk_len: usize, is_final: bool) -> Result<Action, MessageTooLong> {
        let previous = self.state;
        self.state = match (previous, is_final) {
            (_, true) => AssemblerState::AtBoundary,
            (AssemblerState::Discarding, false) => AssemblerState::Discarding,
            (_, false) => AssemblerState::Assembling,
        };
        match previous {
            AssemblerState::Discarding => return Ok(Action::Discard),
            AssemblerState::AtBoundary => {
                self.text.clear();
                self.binary.clear();
            }
            AssemblerState::Assembling => {}
        }
        if self.buffered().saturating_add(chunk_len) > self.limit {
            if !is_final {
                self.state = AssemblerState::Discarding;
            }
            self.text = String::new();
            self.binary = Vec::new();
            return Err(MessageTooLong { limit: self.limit });
        }
        if previous == AssemblerState::AtBoundary && is_final {
            self.text.shrink_to(RETAINED_CAPACITY);
            self.binary.shrink_to(RETAINED_CAPACITY);
            return Ok(Action::Borrow);
        }
        Ok(Action::Append)
    }

    fn append_text(&mut self, text: &str, is_final: bool) -> &mut String {
        if self.binary.capacity() > 0 {
            // Empty: the message before was cleared.
            self.text = String::from_utf8(mem::take(&mut self.binary)).unwrap_or_default();
        }
        let buffer = &mut self.text;
        let needed = buffer.len() + text.len();
        let capacity = next_capacity(buffer.capacity(), needed, self.limit);
        buffer.reserve_exact(capacity - buffer.len());
        buffer.push_str(text);
        if is_final && needed <= RETAINED_CAPACITY {
            buffer.shrink_to(RETAINED_CAPACITY);
        }
        buffer
    }

    fn append_binary(&mut self, bytes: &[u8], is_final: bool) -> &mut Vec<u8> {
        if self.text.capacity() > 0 {
            self.binary = mem::take(&mut self.text).into_bytes();
        }
        let buffer = &mut self.binary;
        let needed = buffer.len() + bytes.len();
        let capacity = next_capacity(buffer.capacity(), needed, self.limit);
        buffer.reserve_exact(capacity - buffer.len());
        buffer.extend_from_slice(bytes);
        if is_final && needed <= RETAINED_CAPACITY {
            buffer.shrink_to(RETAINED_CAPACITY);
        }
        buffer
    }
}

/// Returns the capacity for `needed` bytes: doubled, but not above `limit`, so that at most twice
/// the limit is allocated while the content moves.
fn next_capacity(capacity: usize, needed: usize, limit: usize) -> usize {
    if needed <= capacity {
        return needed;
    }
    capacity.saturating_mul(2).min(limit).max(needed)
}

/// What to do with a chunk.
enum Action {
    Borrow,
    Append,
    Discard,
}

/// Omits the content of the buffers.
impl core::fmt::Debug for MessageAssembler {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MessageAssembler")
            .field("limit", &self.limit)
            .field("state", &self.state)
            .field("buffered", &self.buffered())
            .finish()
    }
}
