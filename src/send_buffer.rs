//! The send buffer: bytes that are queued for the socket.

use alloc::vec::Vec;

use crate::call_errors::SendError;
use crate::frame::encode::Framing;
use crate::frame::header::HeaderBytes;
use crate::frame::mask;

/// The most bytes, queued from one empty state to the next, after which a buffer with more than
/// [`RETAINED_CAPACITY`] is dropped.
const RETAINED_LEN: usize = 64 * 1024;

/// The capacity needed for [`RETAINED_LEN`] bytes: `reserve_frame` adds [`HeaderBytes::PADDED_LEN`] and
/// a terminator.
const RETAINED_CAPACITY: u32 = RETAINED_LEN as u32 + 256;

/// What the full capacity has for the padding of a frame, and for the control frames that the
/// connection queues above the limit: a pong, a ping and a close frame.
const CONTROL_CAPACITY: usize = 1024;

/// Copies are made in blocks: some processors have a slow path for long copies between addresses a
/// few bytes apart modulo the page size.
const BLOCK: usize = 2 * 1024;

/// A byte queue: `bytes[sent..]` is pending. The memory is reused.
pub(crate) struct SendBuffer {
    bytes: Vec<u8>,
    sent: usize,
    /// Sent bytes that `compact` has removed since the buffer was last empty.
    compacted: usize,
    /// The most bytes that messages may leave pending.
    limit: usize,
    /// The capacity that an empty buffer retains: [`RETAINED_CAPACITY`] while messages are sent,
    /// otherwise 0, since many connections only receive, and answer pings.
    retained: u32,
    /// A message was queued since [`take_queued`](Self::take_queued).
    queued_message: bool,
}

impl SendBuffer {
    /// Creates a buffer for messages of at most `limit` bytes. It does not allocate.
    pub(crate) const fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            sent: 0,
            compacted: 0,
            limit,
            retained: 0,
            queued_message: false,
        }
    }

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
    pub(crate) fn check_capacity(&self, len: usize, pong_len: usize) -> Result<(), SendError> {
        let limit = self.limit;
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

    /// Records that a message is queued next, whose memory is worth keeping for more of them. Control
    /// frames are not: a peer that sends pings would keep the buffer allocated.
    #[inline]
    pub(crate) fn start_message(&mut self) {
        self.retained = RETAINED_CAPACITY;
        self.queued_message = true;
    }

    /// Appends a frame. Inlined, which avoids a store-forwarding stall on the header.
    #[inline(always)]
    pub(crate) fn push_framed(&mut self, framing: Framing, payload: &[u8]) {
        self.reserve_frame(payload.len());
        framing.header.write(&mut self.bytes);
        self.append(payload);
        if let Some(byte) = framing.terminator {
            self.bytes.push(byte);
        }
    }

    /// Appends a header and the masked payload.
    #[inline(always)]
    pub(crate) fn push_masked(&mut self, header: HeaderBytes, payload: &[u8], key: [u8; 4]) {
        self.reserve_frame(payload.len());
        header.write(&mut self.bytes);
        mask::extend_masked(&mut self.bytes, payload, key);
    }

    /// Appends a message that is already encoded.
    pub(crate) fn push_all(&mut self, slices: [&[u8]; 3]) {
        self.reserve(slices.map(<[u8]>::len).iter().sum());
        for slice in slices {
            self.append(slice);
        }
    }

    /// Appends bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.append(bytes);
    }

    /// Reserves capacity for a frame with a payload of `payload_len` bytes.
    #[inline]
    fn reserve_frame(&mut self, payload_len: usize) {
        const TERMINATOR_LEN: usize = 1;
        self.reserve(HeaderBytes::PADDED_LEN + payload_len + TERMINATOR_LEN);
    }

    #[inline]
    fn reserve(&mut self, additional: usize) {
        if additional > self.bytes.capacity() - self.bytes.len() {
            self.grow(additional);
        }
    }

    /// Removes the sent bytes; if less than a quarter of the capacity is free then, also grows. So
    /// at most three bytes are moved for each one that is queued.
    ///
    /// The full capacity is four thirds of the limit, of which the limit leaves a quarter free. No
    /// capacity above [`RETAINED_CAPACITY`] is between half of it and all of it, so that at most
    /// twice the limit is allocated while the buffer grows.
    #[cold]
    fn grow(&mut self, additional: usize) {
        self.compact();
        let len = self.bytes.len();
        let needed = len.saturating_add(additional);
        let current = self.bytes.capacity();
        if needed <= current / 4 * 3 {
            return;
        }
        let full = (self.limit.saturating_add(self.limit / 3)).saturating_add(CONTROL_CAPACITY);
        let mut capacity = current.saturating_mul(2).max(needed);
        if capacity > full / 2 && needed <= full {
            capacity = full;
        }
        // `clear_large` would drop a larger buffer, and the next message would allocate again.
        let retained = RETAINED_CAPACITY as usize;
        if needed <= retained && current < retained {
            capacity = capacity.min(retained);
        }
        if len == 0 {
            self.bytes = Vec::new();
        }
        self.bytes.reserve_exact(capacity - len);
    }

    /// Removes the sent bytes.
    fn compact(&mut self) {
        self.bytes.drain(..self.sent);
        self.compacted = self.compacted.saturating_add(self.sent);
        self.sent = 0;
    }

    /// Appends bytes for which there is capacity.
    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        if bytes.len() <= BLOCK {
            self.bytes.extend_from_slice(bytes);
        } else {
            self.append_blocks(bytes);
        }
    }

    #[inline(never)]
    fn append_blocks(&mut self, bytes: &[u8]) {
        for block in bytes.chunks(BLOCK) {
            self.bytes.extend_from_slice(block);
        }
    }

    /// Appends `bytes`; does not copy them if the buffer is empty and retains no capacity.
    pub(crate) fn push_vec(&mut self, bytes: Vec<u8>) {
        if self.bytes.is_empty() && self.retained == 0 {
            self.bytes = bytes;
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
        }
    }

    /// Returns all pending bytes, and makes `spare`, whose content is dropped, the buffer.
    pub(crate) fn take(&mut self, mut spare: Vec<u8>) -> Vec<u8> {
        spare.clear();
        let mut bytes = core::mem::replace(&mut self.bytes, spare);
        bytes.drain(..self.sent);
        self.sent = 0;
        self.compacted = 0;
        // Kept until no message is queued for a time.
        self.retained = RETAINED_CAPACITY;
        bytes
    }

    /// Drops all pending bytes.
    #[inline]
    pub(crate) fn clear(&mut self) {
        if self.bytes.capacity() > self.retained as usize {
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
        let queued = self.bytes.len().saturating_add(self.compacted);
        if self.retained == 0 || queued <= RETAINED_LEN {
            self.bytes = Vec::new();
        }
    }

    /// Returns whether capacity is kept for more than what is pending.
    #[inline]
    pub(crate) fn is_retained(&self) -> bool {
        self.bytes.capacity() > 0
            && (self.retained > 0 || self.bytes.capacity() > RETAINED_CAPACITY as usize)
    }

    /// Returns whether a message was queued since the last call.
    pub(crate) fn take_queued(&mut self) -> bool {
        core::mem::take(&mut self.queued_message)
    }

    /// Retains no memory from the next time on that the buffer is empty, until the next message.
    pub(crate) fn release_when_empty(&mut self) {
        self.retained = 0;
        if self.is_empty() {
            self.clear();
        }
    }

    /// Returns whether little is pending in a large buffer. Not if nothing is: then large messages
    /// may be sent one by one.
    pub(crate) fn is_oversized(&self) -> bool {
        let is_large = self.bytes.capacity() > RETAINED_CAPACITY as usize;
        is_large && (1..=RETAINED_LEN).contains(&self.len())
    }

    /// Releases the unused capacity of a large buffer in which little is pending: a peer could
    /// leave a few bytes pending at all times.
    pub(crate) fn release_unused(&mut self) {
        if self.is_oversized() {
            self.bytes = self.pending().to_vec();
            self.compacted = self.compacted.saturating_add(self.sent);
            self.sent = 0;
        }
    }
}

/// Omits the bytes.
impl core::fmt::Debug for SendBuffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SendBuffer({} bytes)", self.len())
    }
}
