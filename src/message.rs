//! Pieces to whole messages: the application's own, with the limit and the only payload buffer.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::{Binary, Text};

/// What is kept from one message to the next, unless that takes more: messages that large follow each
/// other, and to give their room back and ask for it again costs more than to fill it.
const KEPT: usize = 64 * 1024;

/// Puts the pieces of messages together, up to a limit in bytes.
///
/// A message that came in one piece is lent as it stands in the input; one that came in several
/// is gathered in a buffer. Of that, what exceeds 64 KiB is given back with the next message that
/// takes no more: an application with many silent connections may drop the assembler between
/// messages, since a new one costs nothing.
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Event, Message, Role};
/// # let mut conn = Connection::established(&Config::new(), Role::Server, Dialect::Hixie76, [0; 32]);
/// let mut message = Message::new(64 * 1024);
/// let mut texts = Vec::new();
/// for mut read in [b"\x00Hel".to_vec(), b"lo\xff\x00you\xff".to_vec()] {
///     let mut input = &mut read[..];
///     while let Some(Event::Text(piece)) = conn.receive(&mut input) {
///         if let Some(text) = message.text(&piece)? {
///             texts.push(text.to_owned());
///         }
///     }
/// }
/// assert_eq!(texts, ["Hello", "you"]);
/// # Ok::<(), hybi::TooLong>(())
/// ```
#[derive(Clone)]
pub struct Message {
    limit: usize,
    progress: Progress,
    text: String,
    binary: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The next piece begins a message.
    Between,
    /// The buffer holds the pieces before.
    Gathering,
    /// The message is too long and was reported.
    Dropping,
}

/// A message is longer than the [`Message`]'s limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of more than {limit} bytes")]
pub struct TooLong {
    /// The limit in bytes.
    pub limit: usize,
}

impl Message {
    /// An assembler for messages of at most `limit` bytes. It allocates nothing yet.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            progress: Progress::Between,
            text: String::new(),
            binary: Vec::new(),
        }
    }

    /// Adds a piece; the message once it is whole.
    ///
    /// # Errors
    /// [`TooLong`] once for a message over the limit, with the piece that passes it; the rest of
    /// that message is dropped, and the next begins anew.
    #[inline]
    pub fn text<'a>(&'a mut self, piece: &'a Text<'_>) -> Result<Option<&'a str>, TooLong> {
        let (text, last) = (piece.as_str(), piece.is_last());
        if lends(self.progress, self.limit, self.text.len(), text.len(), last) {
            return Ok(Some(text));
        }
        self.gather_text(text, last)
    }

    fn gather_text<'a>(
        &'a mut self,
        text: &'a str,
        last: bool,
    ) -> Result<Option<&'a str>, TooLong> {
        let buffer = &mut self.text;
        if self.progress == Progress::Between {
            buffer.clear();
        }
        let step = add(
            &mut self.progress,
            self.limit,
            buffer.len(),
            text.len(),
            last,
        );
        Ok(match step {
            Step::Lend => {
                buffer.shrink_to(KEPT);
                Some(text)
            }
            Step::Refuse => {
                *buffer = String::new();
                return Err(TooLong { limit: self.limit });
            }
            Step::Drop => None,
            Step::Keep { whole } => {
                buffer.push_str(text);
                if whole && buffer.len() <= KEPT {
                    buffer.shrink_to(KEPT);
                }
                whole.then_some(buffer.as_str())
            }
        })
    }

    /// As [`text`](Self::text), for binary messages.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    #[inline]
    pub fn binary<'a>(&'a mut self, piece: &'a Binary<'_>) -> Result<Option<&'a [u8]>, TooLong> {
        let (bytes, last) = (piece.as_bytes(), piece.is_last());
        if lends(
            self.progress,
            self.limit,
            self.binary.len(),
            bytes.len(),
            last,
        ) {
            return Ok(Some(bytes));
        }
        self.gather_binary(bytes, last)
    }

    fn gather_binary<'a>(
        &'a mut self,
        bytes: &'a [u8],
        last: bool,
    ) -> Result<Option<&'a [u8]>, TooLong> {
        let buffer = &mut self.binary;
        if self.progress == Progress::Between {
            buffer.clear();
        }
        let step = add(
            &mut self.progress,
            self.limit,
            buffer.len(),
            bytes.len(),
            last,
        );
        Ok(match step {
            Step::Lend => {
                buffer.shrink_to(KEPT);
                Some(bytes)
            }
            Step::Refuse => {
                *buffer = Vec::new();
                return Err(TooLong { limit: self.limit });
            }
            Step::Drop => None,
            Step::Keep { whole } => {
                buffer.extend_from_slice(bytes);
                if whole && buffer.len() <= KEPT {
                    buffer.shrink_to(KEPT);
                }
                whole.then_some(buffer.as_slice())
            }
        })
    }
}

/// Whether a piece is a whole message, and no buffer is to be given back first.
fn lends(progress: Progress, limit: usize, held: usize, piece: usize, last: bool) -> bool {
    last && progress == Progress::Between && held == 0 && piece <= limit
}

/// What to do with a piece.
enum Step {
    Lend,
    Keep { whole: bool },
    Refuse,
    Drop,
}

fn add(progress: &mut Progress, limit: usize, held: usize, more: usize, last: bool) -> Step {
    let before = *progress;
    *progress = match (before, last) {
        (_, true) => Progress::Between,
        (Progress::Dropping, false) => Progress::Dropping,
        (_, false) => Progress::Gathering,
    };
    match before {
        Progress::Dropping => return Step::Drop,
        Progress::Between | Progress::Gathering => {}
    }
    if held.checked_add(more).is_none_or(|whole| whole > limit) {
        if !last {
            *progress = Progress::Dropping;
        }
        return Step::Refuse;
    }
    match (before, last) {
        (Progress::Between, true) => Step::Lend,
        _ => Step::Keep { whole: last },
    }
}

/// Never shows what is gathered.
impl core::fmt::Debug for Message {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Message")
            .field("limit", &self.limit)
            .field("progress", &self.progress)
            .field("held", &(self.text.len() + self.binary.len()))
            .finish()
    }
}
