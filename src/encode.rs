//! What goes round a payload on its way out.

use alloc::vec::Vec;

use crate::config::Dialect;

/// The bytes before and behind a text message (FR-11): valid UTF-8 holds no 0xFF, so nothing
/// inside needs an escape.
pub(crate) fn text(dialect: Dialect) -> (&'static [u8], &'static [u8]) {
    match dialect {
        Dialect::Hixie75 | Dialect::Hixie76 => (&[0x00], &[0xFF]),
    }
}

/// The frame that starts or answers the closing handshake, where there is one (CL-1, CL-20).
pub(crate) fn close(dialect: Dialect) -> Option<&'static [u8]> {
    match dialect {
        Dialect::Hixie75 => None,
        Dialect::Hixie76 => Some(&[0xFF, 0x00]),
    }
}

/// A text message encoded once, for any number of connections of its dialect; see
/// [`Connection::send_encoded`](crate::Connection::send_encoded).
#[derive(Clone)]
pub struct Encoded {
    dialect: Dialect,
    bytes: Vec<u8>,
}

impl Encoded {
    /// Encodes a text message.
    #[must_use]
    pub fn text(dialect: Dialect, text: &str) -> Self {
        let (head, tail) = self::text(dialect);
        let bytes = [head, text.as_bytes(), tail].concat();
        Self { dialect, bytes }
    }

    /// The dialect of the connections that it can be sent over.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Never shows the payload.
impl core::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Encoded({}, {} bytes)", self.dialect, self.bytes.len())
    }
}
