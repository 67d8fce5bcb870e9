//! Bytes on their way to the socket.

use alloc::vec::Vec;

use crate::frame::encode::{FrameHeader, Framing};
use crate::frame::mask;

/// Messages that together are no longer than this release the capacity that longer ones needed.
const RETAINED_LEN: usize = 64 * 1024;

/// The capacity retained for messages of [`SMALL`] bytes: `reserve_frame` asks for a whole
/// `Header::ROOM`, a terminator and a step of the mask besides the frame.
const RETAINED_CAPACITY: usize = RETAINED_LEN + 64;

/// Appending in blocks keeps clear of the slow path that some processors have for long copies
/// between addresses a few bytes apart modulo the page size.
const BLOCK: usize = 2 * 1024;

/// A payload that is copied and then masked, in its place.
const COPY_THEN_MASK_LIMIT: usize = 512;

#[derive(Default)]
pub(crate) struct SendBuffer {
    bytes: Vec<u8>,
    sent: usize,
    /// Sent bytes that `compact` has removed since nothing was last pending.
    compacted: usize,
    /// How much room is kept once all is sent: some from the first message on, so that the next
    /// finds it made. Many a connection only listens once its opening is through, and holds nothing.
    retained: usize,
    /// Whether anything was pushed since [`rest`](Self::rest).
    written_since_idle_check: bool,
}

impl SendBuffer {
    #[inline]
    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub(crate) fn has_capacity(&self, more: usize, limit: usize) -> bool {
        more <= limit.saturating_sub(self.len())
    }

    /// Appends a message. Inlined, since a header written to memory in two words is waited for when
    /// it is copied from there in one.
    #[inline(always)]
    pub(crate) fn push_framed(&mut self, envelope: Framing, payload: &[u8]) {
        self.reserve_frame(payload.len());
        envelope.header.write(&mut self.bytes);
        self.push(payload);
        if let Some(byte) = envelope.terminator {
            self.bytes.push(byte);
        }
    }

    /// Appends a header, and behind it a payload masked.
    #[inline(always)]
    pub(crate) fn push_masked(&mut self, header: FrameHeader, payload: &[u8], key: [u8; 4]) {
        self.reserve_frame(payload.len() + mask::MASK_BLOCK);
        header.write(&mut self.bytes);
        let begin = self.bytes.len();
        if payload.len() > COPY_THEN_MASK_LIMIT {
            return self.push_masked_blocks(payload, key);
        }
        self.bytes.extend_from_slice(payload);
        // The last step goes beyond the end, so that no byte is left to be masked alone.
        self.bytes.extend_from_slice(&[0; mask::MASK_BLOCK]);
        mask::apply_blocks(self.bytes.get_mut(begin..).unwrap_or_default(), key);
        self.bytes.truncate(begin + payload.len());
    }

    /// Masked as they are copied, which would be slower for short ones.
    #[inline(never)]
    fn push_masked_blocks(&mut self, payload: &[u8], key: [u8; 4]) {
        for block in payload.chunks(BLOCK) {
            let begin = self.bytes.len();
            self.bytes.resize(begin + block.len(), 0);
            // The key comes round with each block.
            let to = self.bytes.get_mut(begin..).unwrap_or_default();
            mask::copy_masked(block, key, to);
        }
    }

    /// Appends what is left of a message, or what was encoded before.
    pub(crate) fn push_all(&mut self, parts: [&[u8]; 3]) {
        self.reserve_frame(parts.map(<[u8]>::len).iter().sum());
        for part in parts {
            self.push(part);
        }
    }

    /// For a message with so much payload.
    #[inline]
    fn reserve_frame(&mut self, payload: usize) {
        const TAIL: usize = 1;
        self.retained = RETAINED_CAPACITY;
        self.written_since_idle_check = true;
        let more = FrameHeader::MAX_LEN + payload + TAIL;
        if more > self.bytes.capacity() - self.bytes.len() {
            self.grow(more);
        }
    }

    /// Doubles the capacity, but not past [`KEPT`] for messages that fit into it: `clear` would drop
    /// it, and the next messages would have to allocate again.
    #[cold]
    fn grow(&mut self, more: usize) {
        let len = self.bytes.len();
        let needed = len.saturating_add(more);
        let doubled = self.bytes.capacity().saturating_mul(2);
        let capacity = if needed <= RETAINED_CAPACITY {
            doubled.clamp(needed, RETAINED_CAPACITY)
        } else {
            doubled.max(needed)
        };
        self.bytes.reserve_exact(capacity - len);
    }

    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.written_since_idle_check = true;
        if bytes.len() <= BLOCK {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.push_blocks(bytes);
        }
    }

    #[inline(never)]
    fn push_blocks(&mut self, bytes: &[u8]) {
        for block in bytes.chunks(BLOCK) {
            self.bytes.extend_from_slice(block);
        }
    }

    /// Appends what was made for this, without a copy when nothing is before it.
    pub(crate) fn push_vec(&mut self, bytes: Vec<u8>) {
        if self.bytes.is_empty() && self.retained == 0 {
            self.bytes = bytes;
            self.written_since_idle_check = true;
        } else {
            self.push(&bytes);
        }
    }

    /// # Panics
    /// When `n` is more than is pending: the one way to misuse the crate that no type can stop.
    #[inline]
    pub(crate) fn advance(&mut self, n: usize) {
        let pending = self.len();
        assert!(n <= pending, "advance({n}) with {pending} bytes pending");
        if n == pending {
            self.clear();
        } else {
            self.sent += n;
            self.compact();
        }
    }

    /// At least as many bytes were sent as are moved here: amortised, each moves once.
    #[inline(never)]
    fn compact(&mut self) {
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.compacted = self.compacted.saturating_add(self.sent);
            self.sent = 0;
        }
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.bytes.capacity() > self.retained {
            self.clear_large();
        }
        self.bytes.clear();
        self.sent = 0;
        self.compacted = 0;
    }

    /// Drops the buffer unless what was queued since nothing was last pending needed it: large
    /// messages come in series, and to reallocate for each costs more than to write it.
    #[cold]
    fn clear_large(&mut self) {
        if self.bytes.len().saturating_add(self.compacted) <= RETAINED_LEN {
            self.bytes = Vec::new();
        }
    }

    /// Whether room is held that nothing is in.
    pub(crate) fn is_empty_but_allocated(&self) -> bool {
        self.bytes.is_empty() && self.bytes.capacity() > 0
    }

    /// Whether nothing was pushed since the last call.
    pub(crate) fn rest(&mut self) -> bool {
        !core::mem::take(&mut self.written_since_idle_check)
    }

    /// Drops the buffer; called when nothing is pending.
    pub(crate) fn release(&mut self) {
        self.bytes = Vec::new();
    }
}

/// Never shows what is sent.
impl core::fmt::Debug for SendBuffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Outbox({} bytes)", self.len())
    }
}
