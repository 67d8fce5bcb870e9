//! The send buffer: bytes that are queued for the socket.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::call_errors::SendError;
use crate::config::Config;
use crate::frame::encode::Framing;
use crate::frame::header::HeaderBytes;
use crate::frame::mask;
use crate::time::Time;

/// The maximum number of bytes, queued from one empty state to the next, after which a buffer with
/// more than [`RETAINED_CAPACITY`] is dropped.
const RETAINED_LEN: usize = 64 * 1024;

/// The capacity needed for [`RETAINED_LEN`] bytes: `reserve_frame` adds [`HeaderBytes::PADDED_LEN`]
/// and a terminator.
const RETAINED_CAPACITY: u32 = RETAINED_LEN as u32 + 256;

/// What the full capacity has for the padding of a frame, and for the control frames that the
/// connection queues above the limit: a pong, a ping and a close frame.
const CONTROL_CAPACITY: usize = 1024;

/// The bytes that the peer has to accept within
/// [`write_timeout`](crate::Config::write_timeout).
const MIN_PROGRESS: usize = 16 * 1024;

/// A byte queue. It is allocated while bytes are pending or memory is kept for more of them, so
/// that an idle connection holds a pointer only.
pub(crate) struct SendBuffer {
    queue: Option<Box<Queue>>,
}

/// `bytes[sent..]` is pending. The memory is reused.
#[derive(Default)]
pub(crate) struct Queue {
    bytes: Vec<u8>,
    sent: usize,
    /// Sent bytes that `compact` has removed since the buffer was last empty.
    compacted: u64,
    /// The capacity that an empty buffer retains: [`RETAINED_CAPACITY`] while messages are sent,
    /// otherwise 0, since many connections only receive, and answer pings.
    retained: u32,
    /// The maximum number of bytes that messages may leave pending. 0 until messages are sent.
    limit: usize,
    /// A message was queued since [`SendBuffer::take_queued`].
    queued_message: bool,
    /// Runs while bytes are pending.
    timer: Option<WriteTimer>,
    /// The value of [`written`](Self::written) at which the close frame has been written; 0 if none
    /// is pending. Pongs may follow it.
    close_end: u64,
}

#[derive(Clone, Copy)]
struct WriteTimer {
    deadline: Time,
    /// The value of [`Queue::written`] that has to be reached.
    goal: u64,
}

impl SendBuffer {
    /// An empty buffer.
    pub(crate) const EMPTY: Self = Self { queue: None };

    #[inline]
    pub(crate) fn pending(&self) -> &[u8] {
        self.queue.as_ref().map_or(&[], |queue| queue.pending())
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.len())
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the queue to append to; allocates it if there is none.
    #[inline(always)]
    pub(crate) fn queue(&mut self) -> &mut Queue {
        self.queue.get_or_insert_default()
    }

    /// Returns the queue to append a message to, whose memory is worth keeping for more of them.
    /// That of control frames is not: a peer that sends pings would keep the buffer allocated.
    #[inline(always)]
    pub(crate) fn message_queue(&mut self, config: &Config) -> &mut Queue {
        if self.queue.as_ref().is_none_or(|queue| queue.retained == 0) {
            self.retain(config);
        }
        self.queue()
    }

    #[cold]
    fn retain(&mut self, config: &Config) {
        let queue = self.queue();
        queue.retained = RETAINED_CAPACITY;
        queue.limit = config.max_send_buffer;
    }

    /// Appends a message that is already encoded.
    pub(crate) fn push_all(&mut self, slices: [&[u8]; 3]) {
        let queue = self.queue();
        queue.reserve(slices.map(<[u8]>::len).iter().sum());
        for slice in slices {
            mask::extend_unmasked(&mut queue.bytes, slice);
        }
    }

    /// Appends bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.push_all([bytes, &[], &[]]);
    }

    /// Appends `bytes`; does not copy them if the buffer is empty and retains no capacity.
    pub(crate) fn push_vec(&mut self, bytes: Vec<u8>) {
        let queue = self.queue();
        if queue.bytes.is_empty() && queue.retained == 0 {
            queue.bytes = bytes;
        } else {
            self.push(&bytes);
        }
    }

    /// Records that the close frame was queued last.
    pub(crate) fn end_with_close(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.close_end = queue.written() + queue.len() as u64;
        }
    }

    /// Returns whether the close frame, or a part of it, is pending.
    pub(crate) fn has_unsent_close(&self) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| queue.written() < queue.close_end)
    }

    /// Removes the first `n` pending bytes.
    ///
    /// # Panics
    /// Panics if `n` is greater than the number of pending bytes.
    #[inline(always)]
    pub(crate) fn advance(&mut self, n: usize) {
        match &mut self.queue {
            Some(queue) if n < queue.len() => queue.sent += n,
            Some(queue) if n == queue.len() && !queue.is_released_when_empty() => queue.clear(),
            _ => self.advance_to_release(n),
        }
    }

    /// [`advance`](Self::advance), for a queue that retains less than it has allocated.
    #[cold]
    fn advance_to_release(&mut self, n: usize) {
        let pending = self.len();
        assert!(n == pending, "advance({n}) with {pending} bytes pending");
        self.clear();
    }

    /// Returns all pending bytes, and makes `spare`, whose content is dropped, the buffer; returns
    /// `spare` if nothing is pending.
    pub(crate) fn take(&mut self, mut spare: Vec<u8>, config: &Config) -> Vec<u8> {
        spare.clear();
        if self.is_empty() {
            return spare;
        }
        // Kept until no message is queued for a time.
        let queue = self.message_queue(config);
        let mut bytes = mem::replace(&mut queue.bytes, spare);
        bytes.drain(..queue.sent);
        queue.clear();
        bytes
    }

    /// Drops all pending bytes.
    pub(crate) fn clear(&mut self) {
        match &mut self.queue {
            Some(queue) if queue.retained > 0 => {
                if queue.is_released_when_empty() {
                    queue.release_large();
                }
                queue.clear();
            }
            _ => self.queue = None,
        }
    }

    /// Returns whether memory is kept for more than what is pending.
    #[inline]
    pub(crate) fn is_retained(&self) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| queue.retained > 0 || queue.is_large() || queue.len() == 0)
    }

    /// Returns whether a message was queued since the last call.
    pub(crate) fn take_queued(&mut self) -> bool {
        let queue = self.queue.as_mut();
        queue.is_some_and(|queue| mem::take(&mut queue.queued_message))
    }

    /// Retains no memory from the next time on that the buffer is empty, until the next message.
    pub(crate) fn release_when_empty(&mut self) {
        if let Some(queue) = &mut self.queue {
            queue.retained = 0;
            if queue.len() == 0 {
                self.queue = None;
            }
        }
    }

    /// Returns whether little is pending in a large buffer. Not if nothing is: then large messages
    /// may be sent one by one.
    pub(crate) fn is_oversized(&self) -> bool {
        self.queue
            .as_ref()
            .is_some_and(|queue| queue.is_oversized())
    }

    /// Releases the unused capacity of a large buffer in which little is pending: a peer could
    /// leave a few bytes pending at all times.
    pub(crate) fn release_unused(&mut self) {
        if let Some(queue) = self.queue.as_mut().filter(|queue| queue.is_oversized()) {
            queue.bytes = queue.pending().to_vec();
            queue.compacted = queue.written();
            queue.sent = 0;
        }
    }

    /// Returns when [`run_timer`](Self::run_timer) has to be called next; `now` if the timer does
    /// not run yet. `None` if nothing is pending.
    pub(crate) fn deadline(&self, now: Time) -> Option<Time> {
        let queue = self.queue.as_ref().filter(|queue| queue.len() > 0)?;
        Some(queue.timer.map_or(now, |timer| timer.deadline))
    }

    /// Starts the timer again if [`MIN_PROGRESS`] bytes, or all, were written since it was started.
    /// Returns whether it has expired.
    pub(crate) fn run_timer(&mut self, now: Time, timeout: Duration) -> bool {
        let Some(queue) = self.queue.as_mut().filter(|queue| queue.len() > 0) else {
            return false;
        };
        match queue.timer {
            Some(timer) if queue.written() < timer.goal => now >= timer.deadline,
            _ => {
                let deadline = now.after(timeout);
                let goal = queue.written() + queue.len().min(MIN_PROGRESS) as u64;
                queue.timer = Some(WriteTimer { deadline, goal });
                false
            }
        }
    }
}

impl Queue {
    #[inline]
    fn pending(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    #[inline]
    fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Returns how many bytes were sent since the buffer was last empty.
    #[inline]
    fn written(&self) -> u64 {
        self.compacted + self.sent as u64
    }

    /// Checks that a message of `len` bytes can be pending, and `pong_len` bytes before it, with a
    /// limit of `limit` bytes.
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

    /// Returns the maximum number of bytes that messages may leave pending.
    #[inline]
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Records that a message is queued next.
    #[inline]
    pub(crate) fn start_message(&mut self) {
        self.queued_message = true;
    }

    /// Drops all bytes.
    #[inline]
    fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
        self.compacted = 0;
        self.timer = None;
        self.close_end = 0;
    }

    #[inline]
    fn is_released_when_empty(&self) -> bool {
        self.bytes.capacity() > self.retained as usize
    }

    /// Releases the memory unless what was queued since the buffer was last empty needed it: large
    /// messages often follow one another, and allocating for each costs more than writing it.
    fn release_large(&mut self) {
        let queued = self.bytes.len() as u64 + self.compacted;
        if queued <= RETAINED_LEN as u64 {
            self.bytes = Vec::new();
        }
    }

    #[inline]
    fn is_large(&self) -> bool {
        self.bytes.capacity() > RETAINED_CAPACITY as usize
    }

    fn is_oversized(&self) -> bool {
        self.is_large() && (1..=RETAINED_LEN).contains(&self.len())
    }

    /// Appends a frame. Inlined, which avoids a store-forwarding stall on the header.
    #[inline(always)]
    pub(crate) fn push_framed(&mut self, framing: Framing, payload: &[u8]) {
        self.reserve_frame(payload.len());
        framing.header.write(&mut self.bytes);
        mask::extend_unmasked(&mut self.bytes, payload);
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
        // `release_large` would drop a larger buffer, and the next message would allocate again.
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
        self.compacted = self.written();
        self.sent = 0;
    }
}

/// Omits the bytes.
impl core::fmt::Debug for SendBuffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SendBuffer({} bytes)", self.len())
    }
}
