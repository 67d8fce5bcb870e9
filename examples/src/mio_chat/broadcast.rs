//! A message to all clients.

use hybi::{Dialect, PreparedMessage};

/// A message that is encoded at most once per dialect.
pub struct Broadcast<'a> {
    payload: Payload<'a>,
    encoded: Vec<PreparedMessage>,
}

enum Payload<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

impl<'a> Broadcast<'a> {
    pub fn text(text: &'a str) -> Self {
        Self::new(Payload::Text(text))
    }

    pub fn binary(bytes: &'a [u8]) -> Self {
        Self::new(Payload::Binary(bytes))
    }

    fn new(payload: Payload<'a>) -> Self {
        let encoded = Vec::new();
        Self { payload, encoded }
    }

    /// Returns `None` for a binary message if the dialect has none.
    pub fn encode(&mut self, dialect: Dialect) -> Option<&PreparedMessage> {
        let found = self.encoded.iter().position(|m| m.dialect() == dialect);
        if let Some(index) = found {
            return self.encoded.get(index);
        }
        self.encoded.push(match self.payload {
            Payload::Text(text) => PreparedMessage::text(dialect, text),
            Payload::Binary(bytes) => PreparedMessage::binary(dialect, bytes)?,
        });
        self.encoded.last()
    }
}
