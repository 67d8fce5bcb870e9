//! The payload of a frame of HyBi-7 and later: unmasked, and validated if it is text.

use super::header::Header;
use super::mask::{self, Unmasked};
use super::opcode::Opcode;
use super::utf8::{self, Completion, IncompleteChar};
use crate::error::ProtocolError;
use crate::input::{Storage, take};
use crate::work;

/// A frame whose header is complete.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(any(fuzzing, hybi_verify), derive(PartialEq))]
pub(super) struct CurrentFrame {
    pub(super) header: Header,
    /// Payload bytes received.
    received: u64,
}

impl CurrentFrame {
    pub(super) fn new(header: Header) -> Self {
        Self {
            header,
            received: 0,
        }
    }

    pub(super) fn remaining(&self) -> u64 {
        self.header.payload_len - self.received
    }

    /// Consumes up to `max` bytes of payload from the front of `input`, and unmasks them.
    pub(super) fn take<'i>(&mut self, input: &mut &'i mut [u8], max: usize) -> Unmasked<'i> {
        let max = usize::try_from(self.remaining()).map_or(max, |n| n.min(max));
        let payload = unmask(take(input, max), &self.header, self.received);
        self.received += payload.bytes.len() as u64;
        payload
    }

    /// As [`take`](Self::take), for a message of which `offset` bytes were received before.
    pub(super) fn take_chunk<'i>(
        &mut self,
        input: &mut &'i mut [u8],
        max: usize,
        offset: u64,
    ) -> Chunk<'i> {
        let payload = self.take(input, max);
        let frame_ended = self.remaining() == 0;
        Chunk {
            payload,
            offset,
            frame_ended,
            is_final: frame_ended && self.header.fin,
        }
    }

    /// Returns payload after the first `skipped` bytes of `input`, unmasked in a copy, without
    /// consuming it.
    #[cfg(feature = "deflate")]
    pub(super) fn peek<'b>(&self, input: &'b [u8], skipped: usize, copy: &'b mut [u8]) -> &'b [u8] {
        let max = usize::try_from(self.remaining()).map_or(input.len(), |n| n.min(input.len()));
        let payload = input.get(skipped..max).unwrap_or_default();
        let Some(key) = self.header.key else {
            return payload;
        };
        let n = payload.len().min(copy.len());
        let copy = copy.get_mut(..n).unwrap_or_default();
        for (copy, byte) in copy.iter_mut().zip(payload) {
            *copy = *byte;
        }
        work::record(n);
        mask::unmask(copy, key, self.received + skipped as u64);
        copy
    }

    /// Consumes `n` bytes of payload from the front of `input`.
    #[cfg(feature = "deflate")]
    pub(super) fn consume(&mut self, input: &mut &mut [u8], n: usize) {
        take(input, n);
        self.received += n as u64;
    }
}

/// Unmasks payload bytes that follow `offset` others of their frame.
#[inline]
pub(super) fn unmask<'i>(payload: &'i mut [u8], header: &Header, offset: u64) -> Unmasked<'i> {
    work::record(payload.len());
    match header.key {
        Some(key) if header.opcode == Opcode::Binary => mask::unmask(payload, key, offset),
        Some(key) => return mask::unmask_text(payload, key, offset),
        None => {}
    }
    Unmasked::unchecked(payload)
}

/// Payload bytes of a message.
pub(super) struct Chunk<'i> {
    pub(super) payload: Unmasked<'i>,
    /// How many bytes of the message come before.
    pub(super) offset: u64,
    pub(super) frame_ended: bool,
    pub(super) is_final: bool,
}

/// What a chunk contains.
pub(super) enum Data<'i> {
    Text(&'i str),
    Binary(&'i [u8]),
}

/// Invalid UTF-8, with the valid text before it.
pub(super) struct InvalidText<'i> {
    pub(super) valid: &'i str,
    pub(super) error: ProtocolError,
}

impl<'i> Chunk<'i> {
    /// Decodes a chunk that follows complete characters of a message with this opcode, and moves an
    /// incomplete last one to `incomplete_char`.
    ///
    /// Returns `Ok(None)` if there is nothing to report.
    pub(super) fn decode(
        &self,
        opcode: Opcode,
        incomplete_char: &mut IncompleteChar,
    ) -> Result<Option<Data<'i>>, InvalidText<'i>> {
        let data = match opcode {
            Opcode::Text => {
                let text = match self.payload.ascii {
                    Some(ascii) => ascii,
                    None => validate_text(self.split_incomplete(incomplete_char), self.offset)?,
                };
                Data::Text(text)
            }
            _ => Data::Binary(self.payload.bytes),
        };
        let is_empty = match data {
            Data::Text(text) => text.is_empty(),
            Data::Binary(bytes) => bytes.is_empty(),
        };
        Ok((!is_empty || self.is_final).then_some(data))
    }

    /// Moves an incomplete last character to `incomplete_char`, and returns the bytes before it. At
    /// the end of the message such a character is invalid, and is not split off.
    fn split_incomplete(&self, incomplete_char: &mut IncompleteChar) -> &'i [u8] {
        let bytes = self.payload.bytes;
        let suffix_len = if self.is_final {
            0
        } else {
            utf8::incomplete_suffix_len(bytes)
        };
        let complete_len = bytes.len() - suffix_len;
        let (complete, suffix) = bytes.split_at_checked(complete_len).unwrap_or((bytes, &[]));
        incomplete_char.set(suffix);
        complete
    }

    /// Adds the chunk, which is at most one byte, to an incomplete character. Returns whether that
    /// is complete, and in `storage`.
    ///
    /// Byte by byte, so that the first byte that makes the character invalid is an error at once.
    pub(super) fn complete_char(
        &self,
        incomplete_char: &mut IncompleteChar,
        storage: &mut Storage,
    ) -> Result<bool, ProtocolError> {
        let at = self.offset - incomplete_char.len() as u64;
        match incomplete_char.complete(self.payload.bytes) {
            (_, Completion::Char(bytes)) => {
                storage.store(bytes.as_slice());
                Ok(true)
            }
            (_, Completion::Incomplete) if !self.is_final => Ok(false),
            (_, Completion::Incomplete | Completion::Invalid) => {
                Err(ProtocolError::InvalidUtf8 { at })
            }
        }
    }
}

/// HY-7: validates text that follows `offset` bytes of its message.
pub(super) fn validate_text(bytes: &[u8], offset: u64) -> Result<&str, InvalidText<'_>> {
    work::record(bytes.len());
    utf8::validate(bytes).map_err(|invalid| {
        let valid = invalid.valid_prefix();
        let at = offset + valid.len() as u64;
        let error = ProtocolError::InvalidUtf8 { at };
        InvalidText { valid, error }
    })
}
