//! Messages that wait to be sent. A client that reads slowly costs little: all clients share a
//! message, and its connection is given only a fragment of a long one at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hybi::{Close, Connection, Dialect, SendError};

/// The most bytes of a message that are copied to a send buffer at a time.
const FRAGMENT_LEN: usize = 16 * 1024;

/// What a message uses in addition to its payload.
const MESSAGE_OVERHEAD: usize = 64;

/// What a queue uses for a message: the capacity of a queue is at most twice its length.
const ENTRY_LEN: usize = 2 * size_of::<Entry>();

/// A queue that is empty keeps the memory of at most so many entries.
const RETAINED_ENTRIES: usize = 64;

static QUEUED: AtomicUsize = AtomicUsize::new(0);

/// Returns how many bytes wait to be sent in the whole process, without the send buffers of
/// connections. A message for many clients counts once.
pub fn queued_bytes() -> usize {
    QUEUED.load(Relaxed)
}

/// Bytes that count as queued until the value is dropped.
struct Counted(usize);

impl Counted {
    fn new(bytes: usize) -> Self {
        QUEUED.fetch_add(bytes, Relaxed);
        Self(bytes)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        QUEUED.fetch_sub(self.0, Relaxed);
    }
}

/// A message for any number of clients.
pub struct Message {
    payload: Payload,
    _counted: Counted,
}

enum Payload {
    Text(Box<str>),
    Binary(Box<[u8]>),
}

impl Message {
    pub fn text(text: impl Into<Box<str>>) -> Arc<Self> {
        Self::new(Payload::Text(text.into()))
    }

    pub fn binary(bytes: impl Into<Box<[u8]>>) -> Arc<Self> {
        Self::new(Payload::Binary(bytes.into()))
    }

    fn new(payload: Payload) -> Arc<Self> {
        let counted = Counted::new(MESSAGE_OVERHEAD + payload.len());
        Arc::new(Self {
            payload,
            _counted: counted,
        })
    }
}

impl Payload {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Returns the end of the fragment that starts at `start`.
    fn fragment_end(&self, start: usize) -> usize {
        let mut end = self.len().min(start + FRAGMENT_LEN);
        if let Self::Text(text) = self {
            while !text.is_char_boundary(end) {
                end -= 1;
            }
        }
        end
    }
}

type Entry = (Arc<Message>, Counted);

/// The messages that wait for one client, in order.
#[derive(Default)]
pub struct Outbox {
    queue: VecDeque<Entry>,
    /// How much of the first message was passed to the connection.
    sent: usize,
    /// The bytes that the queue would use if no message were shared.
    len: usize,
    /// To be sent after the queue.
    close: Option<Close>,
}

impl Outbox {
    /// Returns how many bytes the queue would use if no message were shared.
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Drops the queue.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Queues a message if the connection is open and its dialect has such messages. Returns whether
    /// it does.
    pub fn send(
        &mut self,
        conn: &mut Connection,
        message: &Arc<Message>,
    ) -> Result<bool, SendError> {
        let is_text = matches!(message.payload, Payload::Text(_));
        let has_type = is_text || conn.dialect().is_some_and(Dialect::has_binary);
        if !conn.is_open() || self.close.is_some() || !has_type {
            return Ok(false);
        }
        self.len += message.payload.len() + ENTRY_LEN;
        let entry = (Arc::clone(message), Counted::new(ENTRY_LEN));
        self.queue.push_back(entry);
        self.fill(conn)?;
        Ok(true)
    }

    /// Starts the closing handshake once the queue is sent. The code has to be valid.
    pub fn close(&mut self, conn: &mut Connection, close: Close) -> Result<(), SendError> {
        self.close.get_or_insert(close);
        self.fill(conn)
    }

    /// Passes messages to the connection until it is congested. To be called after each write.
    pub fn fill(&mut self, conn: &mut Connection) -> Result<(), SendError> {
        while let Some((message, _)) = self.queue.front() {
            if conn.is_congested() {
                return Ok(());
            }
            let (payload, start) = (&message.payload, self.sent);
            let (len, end) = (payload.len(), payload.fragment_end(start));
            let result = match payload {
                Payload::Text(text) if len <= FRAGMENT_LEN => conn.send_text(text),
                Payload::Text(text) => conn.send_text_fragment(&text[start..end], end == len),
                Payload::Binary(bytes) if len <= FRAGMENT_LEN => conn.send_binary(bytes),
                Payload::Binary(bytes) => conn.send_binary_fragment(&bytes[start..end], end == len),
            };
            match result {
                Ok(()) => self.sent = end,
                // Nothing can be sent any more.
                Err(SendError::Closing) => {
                    self.clear();
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
            if end == len {
                self.len -= len + ENTRY_LEN;
                self.queue.pop_front();
                self.sent = 0;
            }
        }
        if self.queue.capacity() > RETAINED_ENTRIES {
            self.queue = VecDeque::new();
        }
        if let Some(close) = &self.close {
            // Has no effect from the second time on. Cannot fail: the code is valid.
            let _ = conn.close(close);
        }
        Ok(())
    }
}
