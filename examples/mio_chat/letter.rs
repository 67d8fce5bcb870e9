//! A message for everybody.

use hybi::{Dialect, Encoded};

/// A text, encoded once for each dialect that somebody in the room speaks.
pub struct Letter<'a> {
    text: &'a str,
    copies: Vec<Encoded>,
}

impl<'a> Letter<'a> {
    pub fn new(text: &'a str) -> Self {
        let copies = Vec::new();
        Self { text, copies }
    }

    pub fn copy_in(&mut self, dialect: Dialect) -> &Encoded {
        let known = self.copies.iter().position(|c| c.dialect() == dialect);
        let at = known.unwrap_or_else(|| {
            self.copies.push(Encoded::text(dialect, self.text));
            self.copies.len() - 1
        });
        &self.copies[at]
    }
}
