//! What was received while a sender waited for the peer to read.

use std::collections::VecDeque;

use crate::Error;
use crate::receiver::Received;

/// What an entry counts in addition to its payload.
const ENTRY_LEN: usize = 64;

/// Not allocated while it is empty.
#[derive(Default)]
pub(crate) struct Inbox {
    entries: VecDeque<Result<Received, Error>>,
    len: usize,
}

impl Inbox {
    /// Returns the bytes of payload, and some for each entry.
    pub(crate) fn len(&self) -> usize {
        self.len
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
