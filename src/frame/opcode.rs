//! The numbers of HyBi-7 and later: opcodes and close codes (RFC 6455, 5.2 and 7.4).

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xA,
}

impl Opcode {
    pub(crate) fn from_bits(number: u8) -> Option<Self> {
        Some(match number {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// What a close frame without a code is read as, and never sent (RFC 6455, 7.1.5).
pub(crate) const NO_STATUS_RECEIVED: u16 = 1005;

/// The longest header: two bytes, a 64-bit length, a mask.
pub(crate) const MAX_HEADER_LEN: usize = 14;

/// The longest payload of a control frame.
pub(crate) const MAX_CONTROL_LEN: usize = 125;

/// Whether a close frame may hold it (HY-8): those that the RFC and its registry name, and the
/// ranges of libraries and applications.
pub(crate) fn is_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}
