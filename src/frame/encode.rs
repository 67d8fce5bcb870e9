//! Encoding of frames: headers, terminators and messages that are encoded once.

use alloc::vec::Vec;

use crate::dialect::{Dialect, FrameFormat};
use crate::frame::opcode::Opcode;

/// The bytes before a payload, as a big-endian number: the first byte is the most significant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameHeader {
    number: u128,
    len: u8,
}

impl FrameHeader {
    /// The longest header has 14 bytes; 16 bytes are copied at once.
    pub(crate) const MAX_LEN: usize = 16;

    /// Returns the bytes of the header, and their number.
    #[inline]
    pub(crate) fn bytes(self) -> ([u8; Self::MAX_LEN], usize) {
        (self.number.to_be_bytes(), usize::from(self.len))
    }

    /// Returns the header of RFC 6455, 5.2, with the shortest form of the length.
    #[inline]
    pub(crate) fn hybi(
        opcode: Opcode,
        fin: bool,
        payload_len: usize,
        mask: Option<[u8; 4]>,
    ) -> Self {
        let fin = if fin { 0x80 } else { 0 };
        let masked = if mask.is_some() { 0x80 } else { 0 };
        let front = u128::from(opcode as u8 | fin) << 8 | masked;
        let key = u128::from(mask.map_or(0, u32::from_be_bytes));
        // The key follows the length, which takes 0, 2 or 8 bytes of its own.
        let number = match payload_len {
            0..=125 => (front | payload_len as u128) << 112 | key << 80,
            126..=0xFFFF => (front | 126) << 112 | (payload_len as u128) << 96 | key << 64,
            _ => (front | 127) << 112 | (payload_len as u128) << 48 | key << 16,
        };
        let len = Self::hybi_len(payload_len, mask.is_some()) as u8;
        Self { number, len }
    }

    /// Returns the length of a header of HyBi-7 and later.
    #[inline]
    pub(crate) fn hybi_len(payload_len: usize, masked: bool) -> usize {
        let len = match payload_len {
            0..=125 => 2,
            126..=0xFFFF => 4,
            _ => 10,
        };
        len + if masked { 4 } else { 0 }
    }

    /// Appends the header to `out`.
    #[inline]
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let (bytes, len) = self.bytes();
        let end = out.len() + len;
        // Copy all 16 bytes: a copy of constant length needs no call.
        out.extend_from_slice(&bytes);
        out.truncate(end);
    }
}

/// The bytes around the payload of an unfragmented message without a mask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    pub(crate) header: FrameHeader,
    pub(crate) terminator: Option<u8>,
}

impl Framing {
    /// Returns the length of the encoded message.
    #[inline]
    pub(crate) fn encoded_len(&self, payload: &[u8]) -> usize {
        usize::from(self.header.len) + payload.len() + usize::from(self.terminator.is_some())
    }
}

/// FR-11: valid UTF-8 contains no 0xFF, so a text needs no escapes.
pub(crate) const HIXIE_TEXT_FRAMING: Framing = Framing {
    header: FrameHeader { number: 0, len: 1 },
    terminator: Some(0xFF),
};

/// Returns the framing of a text message.
#[inline]
pub(crate) fn text_framing(dialect: Dialect, payload_len: usize) -> Framing {
    match dialect.row().frames {
        FrameFormat::Hixie { .. } => HIXIE_TEXT_FRAMING,
        FrameFormat::Hybi { .. } => hybi_framing(Opcode::Text, payload_len),
    }
}

/// Returns the framing of a binary message; `None` if the dialect has none (FR-12).
pub(crate) fn binary_framing(dialect: Dialect, payload_len: usize) -> Option<Framing> {
    dialect
        .row()
        .has_opcodes()
        .then(|| hybi_framing(Opcode::Binary, payload_len))
}

/// Returns the framing of a message of HyBi-7 and later.
#[inline]
pub(crate) fn hybi_framing(opcode: Opcode, payload_len: usize) -> Framing {
    Framing {
        header: FrameHeader::hybi(opcode, true, payload_len, None),
        terminator: None,
    }
}

/// The close frame of Hixie-76 (CL-1).
pub(crate) const HIXIE_CLOSE: &[u8] = &[0xFF, 0x00];

/// A message that is encoded once, and sent over any number of connections with
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
        let framing = text_framing(dialect, text.len());
        Self::new(dialect, &framing, text.as_bytes())
    }

    /// Encodes a binary message as a server sends it in `dialect`. Returns `None` for Hixie-75 and
    /// Hixie-76, which have no binary messages.
    #[must_use]
    pub fn binary(dialect: Dialect, bytes: &[u8]) -> Option<Self> {
        let framing = binary_framing(dialect, bytes.len())?;
        Some(Self::new(dialect, &framing, bytes))
    }

    fn new(dialect: Dialect, framing: &Framing, payload: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(FrameHeader::MAX_LEN + payload.len());
        framing.header.write(&mut bytes);
        bytes.extend_from_slice(payload);
        bytes.extend(framing.terminator);
        Self { dialect, bytes }
    }

    /// Returns the dialect of the connections over which the message can be sent.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Omits the payload.
impl core::fmt::Debug for PreparedMessage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "PreparedMessage({}, {} bytes)",
            self.dialect,
            self.bytes.len()
        )
    }
}
