//! Encoding of messages: what comes before and after a payload.

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

/// The last byte of a Hixie text frame.
pub(crate) const HIXIE_TERMINATOR: u8 = 0xFF;

/// The framing of a Hixie text message. Valid UTF-8 contains no 0xFF, so there are no escapes
/// (FR-11).
pub(crate) const HIXIE_TEXT_FRAMING: Framing = Framing {
    header: HeaderBytes::HIXIE_TEXT,
    terminator: Some(HIXIE_TERMINATOR),
};

/// Returns the framing of a fragment of a Hixie text message.
pub(crate) fn hixie_fragment_framing(is_first: bool, fin: bool) -> Framing {
    Framing {
        header: if is_first {
            HeaderBytes::HIXIE_TEXT
        } else {
            HeaderBytes::NONE
        },
        terminator: fin.then_some(HIXIE_TERMINATOR),
    }
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
