//! The text that the next message may refer to.

use std::collections::VecDeque;

/// The last bytes of a stream, up to a limit. It allocates when the first byte is added, and never
/// more than the limit.
pub(super) struct History {
    bytes: VecDeque<u8>,
    limit: usize,
}

impl History {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            limit,
        }
    }

    pub(super) fn add(&mut self, text: &[u8]) {
        let kept = text.len().min(self.limit);
        let (_, text) = text.split_at(text.len() - kept);
        let dropped = (self.bytes.len() + kept).saturating_sub(self.limit);
        self.bytes.drain(..dropped);
        let len = self.bytes.len() + kept;
        if len > self.bytes.capacity() {
            // `reserve` could double the capacity past the limit.
            let capacity = len.next_power_of_two().min(self.limit);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend(text);
    }

    /// Releases the memory too.
    pub(super) fn clear(&mut self) {
        self.bytes = VecDeque::new();
    }

    /// Returns the older and the newer part.
    pub(super) fn parts(&self) -> [&[u8]; 2] {
        let (older, newer) = self.bytes.as_slices();
        [older, newer]
    }

    /// Returns whether text is kept at all.
    pub(super) fn is_kept(&self) -> bool {
        self.limit > 0
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}
