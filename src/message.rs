//! Assembles messages from chunks, up to a limit.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::{BinaryChunk, TextChunk};

/// Capacity above this is released when a message does not need it, but not after each message:
/// large messages often follow one another, and allocating for each costs more than the copy.
const RETAINED_CAPACITY: usize = 64 * 1024;

/// Assembles messages from their chunks, up to a limit in bytes.
///
/// A message that arrives in one chunk is returned without a copy. The chunks of other messages are
/// copied to a buffer, one for text and one for binary messages.
///
/// A buffer keeps its capacity for the next message. Capacity above 64 KiB is released when a
/// message of its type needs at most 64 KiB of the buffer. To release all of it, drop the assembler
/// between two messages; a new one does not allocate.
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Event, Input, MessageAssembler, Role};
/// # use std::time::Duration;
/// # let now = Duration::ZERO;
/// # let mut conn = Connection::established(&Config::new(), Role::Server, Dialect::Hixie76, [0; 32]);
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
/// The connection remains open. Close it with code 1009 (RFC 6455, section 7.4.1), or continue: the
/// assembler discards the remaining chunks of the message.
///
/// ```
/// # use hybi::{Close, Connection, MessageTooLong, Refused};
/// # fn reject(conn: &mut Connection, error: MessageTooLong) -> Result<(), Refused> {
/// conn.close(&Close::new(1009, &error.to_string()))
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is longer than {limit} bytes")]
pub struct MessageTooLong {
    /// The limit in bytes.
    pub limit: usize,
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
        if is_borrowable(
            self.state,
            self.limit,
            self.text.len(),
            text.len(),
            is_final,
        ) {
            return Ok(Some(text));
        }
        self.append_text(text, is_final)
    }

    fn append_text<'a>(
        &'a mut self,
        text: &'a str,
        is_final: bool,
    ) -> Result<Option<&'a str>, MessageTooLong> {
        let buffer = &mut self.text;
        if self.state == AssemblerState::AtBoundary {
            buffer.clear();
        }
        let action = next_action(
            &mut self.state,
            self.limit,
            buffer.len(),
            text.len(),
            is_final,
        );
        Ok(match action {
            Action::Borrow => {
                buffer.shrink_to(RETAINED_CAPACITY);
                Some(text)
            }
            Action::Reject => {
                *buffer = String::new();
                return Err(MessageTooLong { limit: self.limit });
            }
            Action::Discard => None,
            Action::Append { is_final } => {
                buffer.push_str(text);
                if is_final && buffer.len() <= RETAINED_CAPACITY {
                    buffer.shrink_to(RETAINED_CAPACITY);
                }
                is_final.then_some(buffer.as_str())
            }
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
        if is_borrowable(
            self.state,
            self.limit,
            self.binary.len(),
            bytes.len(),
            is_final,
        ) {
            return Ok(Some(bytes));
        }
        self.append_binary(bytes, is_final)
    }

    fn append_binary<'a>(
        &'a mut self,
        bytes: &'a [u8],
        is_final: bool,
    ) -> Result<Option<&'a [u8]>, MessageTooLong> {
        let buffer = &mut self.binary;
        if self.state == AssemblerState::AtBoundary {
            buffer.clear();
        }
        let action = next_action(
            &mut self.state,
            self.limit,
            buffer.len(),
            bytes.len(),
            is_final,
        );
        Ok(match action {
            Action::Borrow => {
                buffer.shrink_to(RETAINED_CAPACITY);
                Some(bytes)
            }
            Action::Reject => {
                *buffer = Vec::new();
                return Err(MessageTooLong { limit: self.limit });
            }
            Action::Discard => None,
            Action::Append { is_final } => {
                buffer.extend_from_slice(bytes);
                if is_final && buffer.len() <= RETAINED_CAPACITY {
                    buffer.shrink_to(RETAINED_CAPACITY);
                }
                is_final.then_some(buffer.as_slice())
            }
        })
    }
}

/// Returns `true` if a chunk is a complete message and the buffer has no content to clear.
fn is_borrowable(
    state: AssemblerState,
    limit: usize,
    buffered: usize,
    chunk_len: usize,
    is_final: bool,
) -> bool {
    is_final && state == AssemblerState::AtBoundary && buffered == 0 && chunk_len <= limit
}

/// What to do with a chunk.
enum Action {
    Borrow,
    Append { is_final: bool },
    Reject,
    Discard,
}

/// Returns what to do with a chunk of `chunk_len` bytes, and updates the state.
fn next_action(
    state: &mut AssemblerState,
    limit: usize,
    buffered: usize,
    chunk_len: usize,
    is_final: bool,
) -> Action {
    let previous = *state;
    *state = match (previous, is_final) {
        (_, true) => AssemblerState::AtBoundary,
        (AssemblerState::Discarding, false) => AssemblerState::Discarding,
        (_, false) => AssemblerState::Assembling,
    };
    match previous {
        AssemblerState::Discarding => return Action::Discard,
        AssemblerState::AtBoundary | AssemblerState::Assembling => {}
    }
    if buffered
        .checked_add(chunk_len)
        .is_none_or(|len| len > limit)
    {
        if !is_final {
            *state = AssemblerState::Discarding;
        }
        return Action::Reject;
    }
    match (previous, is_final) {
        (AssemblerState::AtBoundary, true) => Action::Borrow,
        _ => Action::Append { is_final },
    }
}

/// Omits the content of the buffers.
impl core::fmt::Debug for MessageAssembler {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("MessageAssembler")
            .field("limit", &self.limit)
            .field("state", &self.state)
            .field("buffered", &(self.text.len() + self.binary.len()))
            .finish()
    }
}
