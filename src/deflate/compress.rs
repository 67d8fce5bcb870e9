//! Compresses messages.

use std::vec::Vec;

use super::history::History;
use super::states::Deflater;

/// What ends each flush: an empty stored block without its header bits. RFC 7692 has the sender
/// remove it at the end of a message.
pub(super) const FLUSH_END: [u8; 4] = [0, 0, 0xff, 0xff];

/// The library refers to text at most the window less this many bytes before the current position.
const UNREACHABLE: usize = 262;

/// The first messages of a connection, together [`FIRST_LEN`] bytes of text, may become longer by
/// fewer than this many bytes. Otherwise one whose messages are all short would never have a
/// history.
pub(crate) const MAX_GROWTH: usize = 8;
const FIRST_LEN: usize = 128;

/// Compresses the messages of a connection.
pub(crate) struct Compressor {
    window_bits: u8,
    level: u8,
    /// Compressed text sent so far. Empty without context takeover.
    history: History,
}

/// Omits the text.
impl core::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Compressor")
            .field("window_bits", &self.window_bits)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

impl Compressor {
    /// `window_bits` from 8 to 15, `level` from 1 to 9.
    pub(crate) fn new(window_bits: u8, level: u8, takeover: bool) -> Self {
        let window_bits = supported(window_bits);
        let reach = (1 << window_bits) - UNREACHABLE;
        Self {
            window_bits,
            level: level.clamp(1, 9),
            history: History::new(if takeover { reach } else { 0 }),
        }
    }

    /// Appends the compressed message, or returns `false` if it would not be short enough. Then
    /// nothing was appended, and the message is to be sent as it is.
    ///
    /// It has to be shorter; with `may_grow`, if it is one of the first, it may also be longer by
    /// fewer than [`MAX_GROWTH`] bytes.
    #[must_use]
    pub(crate) fn compress(
        &mut self,
        message: &[u8],
        may_grow: bool,
        output: &mut Vec<u8>,
    ) -> bool {
        let mut deflater = Deflater::new(self.window_bits, self.level, &self.history);
        let is_first = self.history.is_kept() && self.history.len() < FIRST_LEN;
        let max_growth = if may_grow && is_first { MAX_GROWTH } else { 0 };
        let max_len = message.len() + max_growth;
        let is_compressed = compress_message(&mut deflater, message, max_len, output);
        if is_compressed {
            self.history.add(message);
        }
        is_compressed
    }

    /// Appends the first fragment of a message as [`compress`](Self::compress) does, for
    /// [`continue_message`](Self::continue_message) to go on with.
    #[must_use]
    pub(crate) fn start_message(&mut self, fragment: &[u8], output: &mut Vec<u8>) -> bool {
        let is_compressed = self.compress_fragment(fragment, &FLUSH_END, output);
        if is_compressed {
            self.history.add(fragment);
        }
        is_compressed
    }

    /// Appends a later fragment. It is stored if it would not become smaller, and then grows by at
    /// most 5 bytes for each [`MAX_STORED`] or fewer, and 1.
    pub(crate) fn continue_message(&mut self, fragment: &[u8], fin: bool, output: &mut Vec<u8>) {
        let end: &[u8] = if fin { &[] } else { &FLUSH_END };
        if !self.compress_fragment(fragment, end, output) {
            store(fragment, fin, output);
        }
        self.history.add(fragment);
    }

    /// Appends a fragment and `end`, if that is smaller than the fragment. Returns whether it is.
    fn compress_fragment(&self, fragment: &[u8], end: &[u8], output: &mut Vec<u8>) -> bool {
        let Some(max_len) = fragment.len().checked_sub(end.len()) else {
            return false;
        };
        let mut deflater = Deflater::new(self.window_bits, self.level, &self.history);
        let is_smaller = compress_message(&mut deflater, fragment, max_len, output);
        if is_smaller {
            output.extend_from_slice(end);
        }
        is_smaller
    }

    /// To be called for a message that was compressed by [`compress_without_history`] and sent: the
    /// distance to older text has grown by its length.
    pub(crate) fn add_to_history(&mut self, message: &[u8]) {
        self.history.add(message);
    }
}

/// Returns the compressed message, if it is smaller. Any receiver whose window is at least as large
/// can inflate it. `window_bits` from 8 to 15, `level` from 1 to 9.
pub(crate) fn compress_without_history(
    message: &[u8],
    window_bits: u8,
    level: u8,
) -> Option<Vec<u8>> {
    let mut output = Vec::new();
    let mut deflater = Deflater::new(supported(window_bits), level.clamp(1, 9), &History::new(0));
    let is_smaller = compress_message(&mut deflater, message, message.len(), &mut output);
    output.shrink_to_fit();
    is_smaller.then_some(output)
}

/// A window of 8 bits is not supported by the library, which panics. With 9 bits it refers to text
/// at most 250 bytes back, which a window of 8 bits holds.
fn supported(window_bits: u8) -> u8 {
    window_bits.clamp(9, 15)
}

/// Appends the compressed message if it is shorter than `max_len`. Returns whether it is.
fn compress_message(
    deflater: &mut Deflater,
    message: &[u8],
    max_len: usize,
    output: &mut Vec<u8>,
) -> bool {
    let start = output.len();
    let is_compressed = deflater.flush(message, output) && remove_flush_end(output);
    let is_shorter = is_compressed && output.len() - start < max_len;
    if !is_shorter {
        output.truncate(start);
    }
    is_shorter
}

/// The maximum number of bytes in a stored block.
const MAX_STORED: u16 = u16::MAX;

/// Appends stored blocks (RFC 1951, section 3.2.4), which start on a byte boundary.
fn store(fragment: &[u8], fin: bool, output: &mut Vec<u8>) {
    for block in fragment.chunks(MAX_STORED.into()) {
        let len = block.len() as u16;
        output.push(0);
        output.extend_from_slice(&len.to_le_bytes());
        output.extend_from_slice(&(!len).to_le_bytes());
        output.extend_from_slice(block);
    }
    if fin {
        // The header of an empty block, of which the receiver adds the rest.
        output.push(0);
    }
}

fn remove_flush_end(output: &mut Vec<u8>) -> bool {
    let has_end = output.ends_with(&FLUSH_END);
    if has_end {
        output.truncate(output.len() - FLUSH_END.len());
    }
    has_end
}
