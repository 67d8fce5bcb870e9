//! What goes round a payload on its way out.

use alloc::vec::Vec;

use crate::config::Dialect;
use crate::frame::opcode::Opcode;

/// The bytes before a payload, as one number whose first byte goes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHeader {
    number: u128,
    len: u8,
}

impl FrameHeader {
    /// Enough for any, and copied in one step.
    pub(crate) const MAX_LEN: usize = 16;

    /// Its bytes, and how many they are.
    #[inline]
    pub(crate) fn bytes(self) -> ([u8; Self::MAX_LEN], usize) {
        (self.number.to_be_bytes(), usize::from(self.len))
    }

    /// RFC 6455, 5.2, with the shortest form of the length.
    #[inline]
    pub(crate) fn hybi(opcode: Opcode, last: bool, length: usize, mask: Option<[u8; 4]>) -> Self {
        let fin = if last { 0x80 } else { 0 };
        let masked = if mask.is_some() { 0x80 } else { 0 };
        let front = u128::from(opcode as u8 | fin) << 8 | masked;
        let key = u128::from(mask.map_or(0, u32::from_be_bytes));
        // The key stands behind the length, whatever room that takes.
        let number = match length {
            0..=125 => (front | length as u128) << 112 | key << 80,
            126..=0xFFFF => (front | 126) << 112 | (length as u128) << 96 | key << 64,
            _ => (front | 127) << 112 | (length as u128) << 48 | key << 16,
        };
        let len = Self::hybi_len(length, mask.is_some()) as u8;
        Self { number, len }
    }

    /// How long a header of HyBi-7 and later is, before a payload of so many bytes.
    #[inline]
    pub(crate) fn hybi_len(length: usize, masked: bool) -> usize {
        let front = match length {
            0..=125 => 2,
            126..=0xFFFF => 4,
            _ => 10,
        };
        front + if masked { 4 } else { 0 }
    }

    /// Appends it.
    #[inline]
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let (bytes, len) = self.bytes();
        let end = out.len() + len;
        // All of the room: a copy of constant length takes no call.
        out.extend_from_slice(&bytes);
        out.truncate(end);
    }
}

/// What goes round the payload of a whole message, unmasked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    pub(crate) header: FrameHeader,
    pub(crate) terminator: Option<u8>,
}

impl Framing {
    /// How long the message is.
    #[inline]
    pub(crate) fn encoded_len(&self, payload: &[u8]) -> usize {
        usize::from(self.header.len) + payload.len() + usize::from(self.terminator.is_some())
    }
}

/// FR-11: valid UTF-8 holds no 0xFF, so nothing inside a Hixie text needs an escape.
pub(crate) const HIXIE_TEXT_FRAMING: Framing = Framing {
    header: FrameHeader { number: 0, len: 1 },
    terminator: Some(0xFF),
};

/// What goes round a text message.
pub(crate) fn text_framing(dialect: Dialect, length: usize) -> Framing {
    if dialect.is_hixie() {
        return HIXIE_TEXT_FRAMING;
    }
    hybi_framing(Opcode::Text, length)
}

/// `None` where there are no binary messages (FR-12).
pub(crate) fn binary_framing(dialect: Dialect, length: usize) -> Option<Framing> {
    (!dialect.is_hixie()).then(|| hybi_framing(Opcode::Binary, length))
}

/// From HyBi-7 on.
#[inline]
pub(crate) fn hybi_framing(opcode: Opcode, length: usize) -> Framing {
    Framing {
        header: FrameHeader::hybi(opcode, true, length, None),
        terminator: None,
    }
}

/// The close frame of Hixie-76 (CL-1).
pub(crate) const HIXIE_76_CLOSE: &[u8] = &[0xFF, 0x00];

/// A message encoded once, for any number of connections; see
/// [`Connection::send_prepared`](crate::Connection::send_prepared).
#[derive(Clone)]
pub struct PreparedMessage {
    dialect: Dialect,
    bytes: Vec<u8>,
}

impl PreparedMessage {
    /// Encodes a text message as a server sends it in `dialect`.
    #[must_use]
    pub fn text(dialect: Dialect, text: &str) -> Self {
        let envelope = self::text_framing(dialect, text.len());
        Self::new(dialect, &envelope, text.as_bytes())
    }

    /// Encodes a binary message as a server sends it in `dialect`; `None` for Hixie-75 and
    /// Hixie-76, which have none.
    #[must_use]
    pub fn binary(dialect: Dialect, bytes: &[u8]) -> Option<Self> {
        let envelope = self::binary_framing(dialect, bytes.len())?;
        Some(Self::new(dialect, &envelope, bytes))
    }

    fn new(dialect: Dialect, envelope: &Framing, payload: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(FrameHeader::MAX_LEN + payload.len());
        envelope.header.write(&mut bytes);
        bytes.extend_from_slice(payload);
        bytes.extend(envelope.terminator);
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
impl core::fmt::Debug for PreparedMessage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Encoded({}, {} bytes)", self.dialect, self.bytes.len())
    }
}
