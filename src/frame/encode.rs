//! Encoding of messages: what comes before and after a payload, and messages that are encoded once.

use alloc::vec::Vec;

use crate::dialect::{Dialect, FrameFormat};
use crate::frame::header::HeaderBytes;
use crate::frame::opcode::Opcode;

/// The bytes around the payload of an unfragmented message without a mask.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Framing {
    pub(crate) header: HeaderBytes,
    pub(crate) terminator: Option<u8>,
}

impl Framing {
    /// Returns the length of the encoded message.
    #[inline]
    pub(crate) fn encoded_len(&self, payload: &[u8]) -> usize {
        self.header.len() + payload.len() + usize::from(self.terminator.is_some())
    }
}

/// The framing of a Hixie text message. Valid UTF-8 contains no 0xFF, so there are no escapes
/// (FR-11).
pub(crate) const HIXIE_TEXT_FRAMING: Framing = Framing {
    header: HeaderBytes::HIXIE_TEXT,
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
        header: HeaderBytes::encode(opcode, true, payload_len, None),
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
        let mut bytes = Vec::with_capacity(HeaderBytes::PADDED_LEN + payload.len());
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
