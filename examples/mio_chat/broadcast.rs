//! A message for everybody.

use hybi::{Dialect, PreparedMessage};

/// A message, encoded once for each dialect that somebody in the room speaks.
pub struct Letter<'a> {
    content: Content<'a>,
    copies: Vec<PreparedMessage>,
}

enum Content<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
}

impl<'a> Letter<'a> {
    pub fn text(text: &'a str) -> Self {
        Self::new(Content::Text(text))
    }

    pub fn binary(bytes: &'a [u8]) -> Self {
        Self::new(Content::Binary(bytes))
    }

    fn new(content: Content<'a>) -> Self {
        let copies = Vec::new();
        Self { content, copies }
    }

    /// `None` for a binary message in a dialect that has none.
    pub fn copy_in(&mut self, dialect: Dialect) -> Option<&PreparedMessage> {
        let known = self.copies.iter().position(|c| c.dialect() == dialect);
        if let Some(at) = known {
            return self.copies.get(at);
        }
        self.copies.push(match self.content {
            Content::Text(text) => PreparedMessage::text(dialect, text),
            Content::Binary(bytes) => PreparedMessage::binary(dialect, bytes)?,
        });
        self.copies.last()
    }
}
