//! What was received while a sender waited for the peer to read.

use std::collections::VecDeque;

use crate::Error;
use crate::receiver::Received;

/// The payload that is kept. With less, two peers that both send first would block each other.
const CAPACITY: usize = 1024 * 1024;

/// What an entry counts besides its payload.
const ENTRY_LEN: usize = 64;

/// A queue of at most [`CAPACITY`] bytes and one entry. Not allocated while it is empty.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    entries: VecDeque<Result<Received, Error>>,
    len: usize,
}

impl Inbox {
    pub(crate) fn is_full(&self) -> bool {
        self.len >= CAPACITY
    }

    pub(crate) fn push(&mut self, received: Result<Received, Error>) {
        self.len += entry_len(&received);
        self.entries.push_back(received);
    }

    pub(crate) fn pop(&mut self) -> Option<Result<Received, Error>> {
        let received = self.entries.pop_front()?;
        self.len -= entry_len(&received);
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
        Some(received)
    }
}

fn entry_len(received: &Result<Received, Error>) -> usize {
    let payload = match received {
        Ok(Received::Message(message)) => message.payload().len(),
        _ => 0,
    };
    payload + ENTRY_LEN
}
