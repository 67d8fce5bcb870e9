//! The frame header of HyBi-7 and later (RFC 6455, 5.2): the only reader, and the only writer.

use alloc::vec::Vec;

use super::opcode::{MAX_CONTROL_LEN, Opcode};
#[cfg(feature = "deflate")]
use crate::deflate::Format;
use crate::error::ProtocolError;

/// The length of the longest header in bytes: two bytes, a 64-bit length and a masking key.
pub(crate) const MAX_HEADER_LEN: usize = 14;

/// The length of a masking key in bytes.
const KEY_LEN: usize = 4;

/// Which headers are valid, by dialect and role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FramePolicy {
    /// HY-5: clients mask, servers do not.
    pub(crate) masked: bool,
    /// HY-6: RFC 6455 requires the shortest form of each length.
    pub(crate) minimal_lengths: bool,
    /// DF-11: how compressed messages are marked, if compression is agreed.
    #[cfg(feature = "deflate")]
    pub(crate) compression: Option<Format>,
}

#[cfg(feature = "deflate")]
impl FramePolicy {
    /// See [`has_compression_bit`].
    pub(crate) fn has_compression_bit(self, opcode: Opcode) -> bool {
        self.compression
            .is_some_and(|format| has_compression_bit(format, opcode))
    }
}

/// DF-11: returns whether RSV1 of a frame with this opcode says whether it is compressed, or its
/// message. Otherwise it is a reserved bit.
#[cfg(feature = "deflate")]
pub(crate) fn has_compression_bit(format: Format, opcode: Opcode) -> bool {
    match opcode {
        Opcode::Text | Opcode::Binary => true,
        Opcode::Continuation => format == Format::PerFrame,
        Opcode::Close | Opcode::Ping | Opcode::Pong => false,
    }
}

/// The reserved bits of the first byte.
const RESERVED: u8 = 0x70;

/// The first reserved bit.
#[cfg(feature = "deflate")]
const RSV1: u8 = 0x40;

/// A header that was read.
#[derive(Clone, Copy)]
#[cfg_attr(any(fuzzing, hybi_verify), derive(PartialEq))]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) opcode: Opcode,
    pub(crate) key: Option<[u8; KEY_LEN]>,
    pub(crate) payload_len: u64,
    /// The length of the header itself in bytes.
    pub(crate) len: u8,
    /// RSV1 is set.
    #[cfg(feature = "deflate")]
    pub(crate) compressed: bool,
}

/// Omits the masking key.
impl core::fmt::Debug for Header {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Header")
            .field("fin", &self.fin)
            .field("opcode", &self.opcode)
            .field("payload_len", &self.payload_len)
            .finish_non_exhaustive()
    }
}

/// How a payload length is written: in 7 bits, or after them in 16 or 64 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LengthForm {
    Bits7,
    Bits16,
    Bits64,
}

impl LengthForm {
    /// The shortest form that can hold the length.
    #[inline]
    const fn shortest(payload_len: u64) -> Self {
        match payload_len {
            0..=125 => Self::Bits7,
            126..=0xFFFF => Self::Bits16,
            _ => Self::Bits64,
        }
    }

    /// The form that the 7 bits announce.
    #[inline]
    const fn from_len7(len7: u8) -> Self {
        match len7 {
            126 => Self::Bits16,
            127 => Self::Bits64,
            _ => Self::Bits7,
        }
    }

    /// The length of a header without its masking key.
    #[inline]
    const fn header_len(self) -> usize {
        match self {
            Self::Bits7 => 2,
            Self::Bits16 => 4,
            Self::Bits64 => 10,
        }
    }
}

/// The first byte of a frame.
#[inline]
const fn first_byte(opcode: Opcode, fin: bool) -> u8 {
    opcode as u8 | if fin { 0x80 } else { 0 }
}

/// Parses the header of a message in one frame; `None` for any other header, incomplete or invalid.
#[inline(always)]
pub(crate) fn parse_message(bytes: &[u8], policy: FramePolicy) -> Option<Header> {
    const TEXT: u8 = first_byte(Opcode::Text, true);
    const BINARY: u8 = first_byte(Opcode::Binary, true);
    let opcode = match *bytes.first()? {
        TEXT => Opcode::Text,
        BINARY => Opcode::Binary,
        _ => return None,
    };
    parse_from_second(bytes, policy, opcode, true).ok()?
}

/// Parses the header at the front of `bytes`; `None` if it is incomplete.
///
/// Each byte is checked even if the next has not arrived, so that the result does not depend on how
/// the input is split (HY-5, HY-6).
pub(crate) fn parse(
    bytes: &[u8],
    policy: FramePolicy,
    in_message: bool,
) -> Result<Option<Header>, ProtocolError> {
    let Some(&first) = bytes.first() else {
        return Ok(None);
    };
    let fin = first & 0x80 != 0;
    let number = first & 0x0F;
    #[cfg(not(feature = "deflate"))]
    let compressed = false;
    #[cfg(feature = "deflate")]
    let compressed = first & RESERVED == RSV1
        && Opcode::from_bits(number).is_some_and(|opcode| policy.has_compression_bit(opcode));
    if first & RESERVED != 0 && !compressed {
        return Err(ProtocolError::ReservedBits { byte: first });
    }
    let opcode =
        Opcode::from_bits(number).ok_or(ProtocolError::UnknownOpcode { opcode: number })?;
    if opcode.is_control() && !fin {
        return Err(ProtocolError::FragmentedControl { opcode: number });
    }
    match (opcode, in_message) {
        (Opcode::Continuation, false) => return Err(ProtocolError::UnexpectedContinuation),
        (Opcode::Text | Opcode::Binary, true) => {
            return Err(ProtocolError::ExpectedContinuation { opcode: number });
        }
        _ => {}
    }
    let header = parse_from_second(bytes, policy, opcode, fin);
    #[cfg(feature = "deflate")]
    let header = header.map(|header| {
        header.map(|header| Header {
            compressed,
            ..header
        })
    });
    header
}

/// Parses the header from the second byte on.
// Inlined into the fast path, where the opcode is known.
#[inline(always)]
fn parse_from_second(
    bytes: &[u8],
    policy: FramePolicy,
    opcode: Opcode,
    fin: bool,
) -> Result<Option<Header>, ProtocolError> {
    let Some(&second) = bytes.get(1) else {
        return Ok(None);
    };
    match (second & 0x80 != 0, policy.masked) {
        (false, true) => return Err(ProtocolError::UnmaskedFrameFromClient),
        (true, false) => return Err(ProtocolError::MaskedFrameFromServer),
        (true, true) | (false, false) => {}
    }
    let len7 = second & 0x7F;
    if opcode.is_control() && usize::from(len7) > MAX_CONTROL_LEN {
        let opcode = opcode as u8;
        return Err(ProtocolError::ControlTooLong { opcode });
    }
    let (payload_len, key_at) = match LengthForm::from_len7(len7) {
        form @ LengthForm::Bits7 => (u64::from(len7), form.header_len()),
        form => match parse_extended_length(bytes, form, policy)? {
            Some(payload_len) => (payload_len, form.header_len()),
            None => return Ok(None),
        },
    };
    let (key, len) = if policy.masked {
        let Some(key) = bytes.get(key_at..).and_then(|rest| rest.first_chunk()) else {
            return Ok(None);
        };
        (Some(*key), key_at + KEY_LEN)
    } else {
        (None, key_at)
    };
    Ok(Some(Header {
        fin,
        opcode,
        key,
        payload_len,
        len: len as u8, // at most MAX_HEADER_LEN
        #[cfg(feature = "deflate")]
        compressed: false,
    }))
}

/// Parses a length of 16 or 64 bits; `None` if it is incomplete.
#[inline(always)]
fn parse_extended_length(
    bytes: &[u8],
    form: LengthForm,
    policy: FramePolicy,
) -> Result<Option<u64>, ProtocolError> {
    let extended = bytes.get(2..).unwrap_or_default();
    let payload_len = if form == LengthForm::Bits16 {
        let extended = extended.first_chunk();
        extended.map(|bytes| u64::from(u16::from_be_bytes(*bytes)))
    } else {
        if extended.first().is_some_and(|top| top & 0x80 != 0) {
            return Err(ProtocolError::InvalidLength { at: 2 });
        }
        let extended = extended.first_chunk();
        extended.map(|bytes| u64::from_be_bytes(*bytes))
    };
    match payload_len {
        Some(len) if policy.minimal_lengths && LengthForm::shortest(len) != form => {
            let at = form.header_len() as u64 - 1;
            Err(ProtocolError::InvalidLength { at })
        }
        payload_len => Ok(payload_len),
    }
}

/// The bytes before a payload, as a big-endian number: the first byte is the most significant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderBytes {
    number: u128,
    len: u8,
}

impl HeaderBytes {
    /// A header is copied with the bytes after it, as one number.
    pub(crate) const PADDED_LEN: usize = 16;

    /// No header.
    pub(crate) const NONE: Self = Self { number: 0, len: 0 };

    /// The first byte of a Hixie text frame.
    pub(crate) const HIXIE_TEXT: Self = Self { number: 0, len: 1 };

    /// Returns the bytes of the header, and their number.
    #[inline]
    pub(crate) fn padded(self) -> ([u8; Self::PADDED_LEN], usize) {
        (self.number.to_be_bytes(), self.len())
    }

    #[inline]
    pub(crate) fn len(self) -> usize {
        usize::from(self.len)
    }

    /// Encodes a header with the shortest form of the length.
    #[inline]
    pub(crate) fn encode(
        opcode: Opcode,
        fin: bool,
        payload_len: usize,
        key: Option<[u8; KEY_LEN]>,
    ) -> Self {
        let masked = if key.is_some() { 0x80 } else { 0 };
        let front = u128::from(first_byte(opcode, fin)) << 8 | masked;
        let mask = u128::from(key.map_or(0, u32::from_be_bytes));
        // The key follows the length, which takes 0, 2 or 8 bytes of its own.
        let number = match LengthForm::shortest(payload_len as u64) {
            LengthForm::Bits7 => (front | payload_len as u128) << 112 | mask << 80,
            LengthForm::Bits16 => (front | 126) << 112 | (payload_len as u128) << 96 | mask << 64,
            LengthForm::Bits64 => (front | 127) << 112 | (payload_len as u128) << 48 | mask << 16,
        };
        let len = encoded_len(payload_len, key.is_some()) as u8;
        Self { number, len }
    }

    /// Sets RSV1.
    #[cfg(feature = "deflate")]
    pub(crate) fn compressed(self) -> Self {
        let number = self.number | u128::from(RSV1) << 120;
        Self { number, ..self }
    }

    /// Appends the header to `out`.
    #[inline]
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        let (bytes, len) = self.padded();
        let end = out.len() + len;
        // Copy all 16 bytes: a copy of constant length needs no call.
        out.extend_from_slice(&bytes);
        out.truncate(end);
    }
}

/// Returns the length of the header before a payload.
#[inline]
pub(crate) fn encoded_len(payload_len: usize, masked: bool) -> usize {
    let key_len = if masked { KEY_LEN } else { 0 };
    LengthForm::shortest(payload_len as u64).header_len() + key_len
}
