//! The send buffer: bytes that are queued for the socket.

use alloc::vec::Vec;

use crate::call_errors::SendError;
use crate::frame::encode::Framing;
use crate::frame::header::HeaderBytes;
use crate::frame::mask;

/// The most bytes, queued from one empty state to the next, after which a buffer with more than
/// [`RETAINED_CAPACITY`] is dropped.
const RETAINED_LEN: usize = 64 * 1024;

/// The capacity needed for [`RETAINED_LEN`] bytes: `reserve_frame` adds [`HeaderBytes::PADDED_LEN`], a
/// terminator and a [`mask::MASK_BLOCK`].
const RETAINED_CAPACITY: usize = RETAINED_LEN + 64;

/// Copies are made in blocks: some processors have a slow path for long copies between addresses a
/// few bytes apart modulo the page size.
const BLOCK: usize = 2 * 1024;

/// Payloads of up to this many bytes are copied, then masked in place.
const COPY_THEN_MASK_LIMIT: usize = 512;

/// A byte queue: `bytes[sent..]` is pending. The memory is reused.
#[derive(Default)]
pub(crate) struct SendBuffer {
    bytes: Vec<u8>,
    sent: usize,
    /// Sent bytes that `compact` has removed since the buffer was last empty.
    compacted: usize,
    /// The capacity that an empty buffer retains: 0 until the first message is queued, since many
    /// connections only receive; then [`RETAINED_CAPACITY`].
    retained: usize,
    /// Anything was pushed since [`take_queued`](Self::take_queued).
    queued_since_idle_check: bool,
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

    /// Returns how many bytes were sent since the buffer was last empty.
    #[inline]
    pub(crate) fn written(&self) -> usize {
        self.compacted.saturating_add(self.sent)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Checks that a message of `len` bytes can be pending, and `pong_len` bytes before it.
    #[inline]
    pub(crate) fn check_capacity(
        &self,
        len: usize,
        pong_len: usize,
        limit: usize,
    ) -> Result<(), SendError> {
        let Some(capacity) = limit.checked_sub(len) else {
            return Err(SendError::MessageTooLong { limit });
        };
        // 0 rather than never: a message that fits alone is sent once nothing is pending.
        let retry_at = capacity.saturating_sub(pong_len);
        if self.len() <= retry_at {
            Ok(())
        } else {
            Err(SendError::BufferFull { retry_at })
        }
    }

    /// Appends a message. Inlined, which avoids a store-forwarding stall on the header.
    #[inline(always)]
    pub(crate) fn push_framed(&mut self, framing: Framing, payload: &[u8]) {
        self.reserve_frame(payload.len());
        framing.header.write(&mut self.bytes);
        self.push(payload);
        if let Some(byte) = framing.terminator {
            self.bytes.push(byte);
        }
    }

    /// Appends a header and the masked payload.
    #[inline(always)]
    pub(crate) fn push_masked(&mut self, header: HeaderBytes, payload: &[u8], key: [u8; 4]) {
        self.reserve_frame(payload.len() + mask::MASK_BLOCK);
        header.write(&mut self.bytes);
        let start = self.bytes.len();
        if payload.len() > COPY_THEN_MASK_LIMIT {
            return self.push_masked_blocks(payload, key);
        }
        self.bytes.extend_from_slice(payload);
        // Padding to a whole block, so that no byte has to be masked alone.
        self.bytes.extend_from_slice(&[0; mask::MASK_BLOCK]);
        mask::apply_blocks(self.bytes.get_mut(start..).unwrap_or_default(), key);
        self.bytes.truncate(start + payload.len());
    }

    /// Masks while copying, which is slower for short payloads.
    #[inline(never)]
    fn push_masked_blocks(&mut self, payload: &[u8], key: [u8; 4]) {
        for block in payload.chunks(BLOCK) {
            let start = self.bytes.len();
            self.bytes.resize(start + block.len(), 0);
            // `BLOCK` is a multiple of the key length, so each block starts with the first byte of
            // the key.
            let target = self.bytes.get_mut(start..).unwrap_or_default();
            mask::copy_masked(block, key, target);
        }
    }

    /// Appends a message that is already encoded.
    pub(crate) fn push_all(&mut self, slices: [&[u8]; 3]) {
        self.reserve_frame(slices.map(<[u8]>::len).iter().sum());
        for slice in slices {
            self.push(slice);
        }
    }

    /// Reserves capacity for a message with a payload of `payload_len` bytes.
    #[inline]
    fn reserve_frame(&mut self, payload_len: usize) {
        const TERMINATOR_LEN: usize = 1;
        self.retained = RETAINED_CAPACITY;
        self.queued_since_idle_check = true;
        let additional = HeaderBytes::PADDED_LEN + payload_len + TERMINATOR_LEN;
        if additional > self.bytes.capacity() - self.bytes.len() {
            self.grow(additional);
        }
    }

    /// Doubles the capacity, but not beyond [`RETAINED_CAPACITY`] for messages that fit into it:
    /// `clear_large` would drop the buffer, and the next message would allocate again.
    #[cold]
    fn grow(&mut self, additional: usize) {
        let len = self.bytes.len();
        let needed = len.saturating_add(additional);
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
        self.queued_since_idle_check = true;
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

    /// Appends `bytes`; does not copy them if the buffer is empty and retains no capacity.
    pub(crate) fn push_vec(&mut self, bytes: Vec<u8>) {
        if self.bytes.is_empty() && self.retained == 0 {
            self.bytes = bytes;
            self.queued_since_idle_check = true;
        } else {
            self.push(&bytes);
        }
    }

    /// Removes the first `n` pending bytes.
    ///
    /// # Panics
    /// Panics if `n` is greater than the number of pending bytes.
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

    /// Removes the sent bytes once they are more than half of the buffer: fewer bytes move than
    /// were sent, so the amortized cost per byte is constant.
    #[inline(never)]
    fn compact(&mut self) {
        if self.sent > self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.compacted = self.compacted.saturating_add(self.sent);
            self.sent = 0;
        }
    }

    /// Returns all pending bytes, and makes `spare`, whose content is dropped, the buffer.
    pub(crate) fn take(&mut self, mut spare: Vec<u8>) -> Vec<u8> {
        spare.clear();
        let mut bytes = core::mem::replace(&mut self.bytes, spare);
        bytes.drain(..self.sent);
        self.sent = 0;
        self.compacted = 0;
        bytes
    }

    /// Drops all pending bytes.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.bytes.capacity() > self.retained {
            self.clear_large();
        }
        self.bytes.clear();
        self.sent = 0;
        self.compacted = 0;
    }

    /// Releases the memory unless what was queued since the buffer was last empty needed it: large
    /// messages often follow one another, and allocating for each costs more than writing it.
    #[cold]
    fn clear_large(&mut self) {
        if self.bytes.len().saturating_add(self.compacted) <= RETAINED_LEN {
            self.bytes = Vec::new();
        }
    }

    /// Returns whether the buffer is empty and has capacity.
    pub(crate) fn is_empty_but_allocated(&self) -> bool {
        self.bytes.is_empty() && self.bytes.capacity() > 0
    }

    /// Returns whether anything was pushed since the last call.
    pub(crate) fn take_queued(&mut self) -> bool {
        core::mem::take(&mut self.queued_since_idle_check)
    }

    /// Releases the memory. Called when nothing is pending.
    pub(crate) fn release(&mut self) {
        self.bytes = Vec::new();
    }
}

/// Omits the bytes.
impl core::fmt::Debug for SendBuffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SendBuffer({} bytes)", self.len())
    }
}
