//! Pieces to whole messages: the application's own, with the limit and the only payload buffer.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::{BinaryChunk, TextChunk};

/// What is kept from one message to the next, unless that takes more: messages that large follow each
/// other, and to give their room back and ask for it again costs more than to fill it.
const RETAINED_CAPACITY: usize = 64 * 1024;

/// Puts the pieces of messages together, up to a limit in bytes.
///
/// A message that came in one piece is lent as it stands in the input; one that came in several
/// is gathered in a buffer. Of that, what exceeds 64 KiB is given back with the next message that
/// takes no more: an application with many silent connections may drop the assembler between
/// messages, since a new one costs nothing.
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Event, MessageAssembler, Role};
/// # let mut conn = Connection::established(&Config::new(), Role::Server, Dialect::Hixie76, [0; 32]);
/// let mut message = MessageAssembler::new(64 * 1024);
/// let mut texts = Vec::new();
/// for mut read in [b"\x00Hel".to_vec(), b"lo\xff\x00you\xff".to_vec()] {
///     let mut input = &mut read[..];
///     while let Some(Event::Text(piece)) = conn.receive(&mut input) {
///         if let Some(text) = message.push_text(&piece)? {
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
    /// The next piece begins a message.
    AtBoundary,
    /// The buffer holds the pieces before.
    Assembling,
    /// The message is too long and was reported.
    Discarding,
}

/// A message is longer than the [`MessageAssembler`]'s limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of more than {limit} bytes")]
pub struct MessageTooLong {
    /// The limit in bytes.
    pub limit: usize,
}

impl MessageAssembler {
    /// An assembler for messages of at most `limit` bytes. It allocates nothing yet.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            state: AssemblerState::AtBoundary,
            text: String::new(),
            binary: Vec::new(),
        }
    }

    /// Adds a piece; the message once it is whole.
    ///
    /// # Errors
    /// [`MessageTooLong`] once for a message over the limit, with the piece that passes it; the rest of
    /// that message is dropped, and the next begins anew.
    #[inline]
    pub fn push_text<'a>(
        &'a mut self,
        piece: &'a TextChunk<'_>,
    ) -> Result<Option<&'a str>, MessageTooLong> {
        let (text, last) = (piece.as_str(), piece.is_final());
        if is_borrowable(self.state, self.limit, self.text.len(), text.len(), last) {
            return Ok(Some(text));
        }
        self.append_text(text, last)
    }

    fn append_text<'a>(
        &'a mut self,
        text: &'a str,
        last: bool,
    ) -> Result<Option<&'a str>, MessageTooLong> {
        let buffer = &mut self.text;
        if self.state == AssemblerState::AtBoundary {
            buffer.clear();
        }
        let step = next_action(&mut self.state, self.limit, buffer.len(), text.len(), last);
        Ok(match step {
            Action::Borrow => {
                buffer.shrink_to(RETAINED_CAPACITY);
                Some(text)
            }
            Action::Reject => {
                *buffer = String::new();
                return Err(MessageTooLong { limit: self.limit });
            }
            Action::Discard => None,
            Action::Append { whole } => {
                buffer.push_str(text);
                if whole && buffer.len() <= RETAINED_CAPACITY {
                    buffer.shrink_to(RETAINED_CAPACITY);
                }
                whole.then_some(buffer.as_str())
            }
        })
    }

    /// As [`push_text`](Self::push_text), for binary messages.
    ///
    /// # Errors
    /// As [`push_text`](Self::push_text).
    #[inline]
    pub fn push_binary<'a>(
        &'a mut self,
        piece: &'a BinaryChunk<'_>,
    ) -> Result<Option<&'a [u8]>, MessageTooLong> {
        let (bytes, last) = (piece.as_bytes(), piece.is_final());
        if is_borrowable(self.state, self.limit, self.binary.len(), bytes.len(), last) {
            return Ok(Some(bytes));
        }
        self.append_binary(bytes, last)
    }

    fn append_binary<'a>(
        &'a mut self,
        bytes: &'a [u8],
        last: bool,
    ) -> Result<Option<&'a [u8]>, MessageTooLong> {
        let buffer = &mut self.binary;
        if self.state == AssemblerState::AtBoundary {
            buffer.clear();
        }
        let step = next_action(&mut self.state, self.limit, buffer.len(), bytes.len(), last);
        Ok(match step {
            Action::Borrow => {
                buffer.shrink_to(RETAINED_CAPACITY);
                Some(bytes)
            }
            Action::Reject => {
                *buffer = Vec::new();
                return Err(MessageTooLong { limit: self.limit });
            }
            Action::Discard => None,
            Action::Append { whole } => {
                buffer.extend_from_slice(bytes);
                if whole && buffer.len() <= RETAINED_CAPACITY {
                    buffer.shrink_to(RETAINED_CAPACITY);
                }
                whole.then_some(buffer.as_slice())
            }
        })
    }
}

/// Whether a piece is a whole message, and no buffer is to be given back first.
fn is_borrowable(
    progress: AssemblerState,
    limit: usize,
    held: usize,
    piece: usize,
    last: bool,
) -> bool {
    last && progress == AssemblerState::AtBoundary && held == 0 && piece <= limit
}

/// What to do with a piece.
enum Action {
    Borrow,
    Append { whole: bool },
    Reject,
    Discard,
}

fn next_action(
    progress: &mut AssemblerState,
    limit: usize,
    held: usize,
    more: usize,
    last: bool,
) -> Action {
    let before = *progress;
    *progress = match (before, last) {
        (_, true) => AssemblerState::AtBoundary,
        (AssemblerState::Discarding, false) => AssemblerState::Discarding,
        (_, false) => AssemblerState::Assembling,
    };
    match before {
        AssemblerState::Discarding => return Action::Discard,
        AssemblerState::AtBoundary | AssemblerState::Assembling => {}
    }
    if held.checked_add(more).is_none_or(|whole| whole > limit) {
        if !last {
            *progress = AssemblerState::Discarding;
        }
        return Action::Reject;
    }
    match (before, last) {
        (AssemblerState::AtBoundary, true) => Action::Borrow,
        _ => Action::Append { whole: last },
    }
}

/// Never shows what is gathered.
impl core::fmt::Debug for MessageAssembler {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Message")
            .field("limit", &self.limit)
            .field("progress", &self.state)
            .field("held", &(self.text.len() + self.binary.len()))
            .finish()
    }
}
