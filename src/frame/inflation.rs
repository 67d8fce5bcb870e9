//! Decompression of payloads: what is between unmasking and the check of text.

use crate::deflate::{Decompressor, Format, Status, Window};
use crate::error::ProtocolError;

use super::payload::CurrentFrame;

/// How many bytes of a masked payload are unmasked at a time: in a copy, since not all of them may
/// be consumed.
const MASKED_LEN: usize = 1024;

/// The decompression of the messages of a connection.
pub(super) struct Inflation {
    format: Format,
    decompressor: Decompressor,
    /// The first byte of the payload that is left was inflated already.
    ///
    /// It is consumed once everything that it inflated to was returned: so the caller keeps input
    /// as long as there is more of a message, and can pause.
    is_first_inflated: bool,
}

/// A part of a message.
pub(super) struct Inflated {
    /// The number of bytes.
    pub(super) len: usize,
    pub(super) frame_ended: bool,
    /// What is wrong with the bytes that follow.
    pub(super) error: Option<ProtocolError>,
}

impl Inflation {
    pub(super) fn new(format: Format, window: Window) -> Self {
        Self {
            format,
            decompressor: Decompressor::new(window.bits, window.context_takeover),
            is_first_inflated: false,
        }
    }

    /// Inflates the payload at the front of `input`, until that is consumed or `output` is full.
    /// The message is `received` bytes long so far, and may be `limit` bytes long (DF-13).
    pub(super) fn read(
        &mut self,
        frame: &mut CurrentFrame,
        input: &mut &mut [u8],
        output: &mut [u8],
        received: u64,
        limit: u64,
    ) -> Inflated {
        let mut inflated = Inflated {
            len: 0,
            frame_ended: false,
            error: None,
        };
        // One byte over the limit is inflated, to know that there is one.
        let allowed = limit.saturating_sub(received);
        let allowed = usize::try_from(allowed).map_or(usize::MAX, |n| n.saturating_add(1));
        let (output, _) = output.split_at_mut(allowed.min(output.len()));
        let mut unmasked = [0; MASKED_LEN];
        loop {
            let space = output.get_mut(inflated.len..).unwrap_or_default();
            let skipped = usize::from(self.is_first_inflated);
            let is_end = self.ends_stream(frame) && frame.remaining() == skipped as u64;
            let progress = if is_end {
                self.decompressor.finish_message(space)
            } else {
                let payload = frame.peek(input, skipped, &mut unmasked);
                self.decompressor.inflate(payload, space)
            };
            inflated.len += progress.produced;
            let at = received + inflated.len as u64;
            if at > limit {
                // A message of x-webkit-deflate-frame may have been too long before.
                inflated.len = inflated.len.saturating_sub(1);
                inflated.error = Some(ProtocolError::InflatedTooLong { limit });
                return inflated;
            }
            self.consume(
                frame,
                input,
                skipped + progress.consumed,
                progress.status,
                is_end,
            );
            match progress.status {
                Status::Invalid => inflated.error = Some(ProtocolError::InvalidDeflate { at }),
                Status::OutputFull => {}
                Status::Done if frame.remaining() == 0 => inflated.frame_ended = true,
                Status::Done if input.is_empty() => {}
                Status::Done => continue,
            }
            return inflated;
        }
    }

    /// Consumes `n` bytes that were inflated, but not the last one if there may be more output.
    fn consume(
        &mut self,
        frame: &mut CurrentFrame,
        input: &mut &mut [u8],
        n: usize,
        status: Status,
        is_end: bool,
    ) {
        let is_last = frame.remaining() == n as u64;
        let has_more =
            status == Status::OutputFull || is_last && self.ends_stream(frame) && !is_end;
        self.is_first_inflated = has_more && n > 0;
        frame.consume(input, n - usize::from(self.is_first_inflated));
    }

    /// Returns whether the compressed data ends with the frame.
    fn ends_stream(&self, frame: &CurrentFrame) -> bool {
        match self.format {
            Format::PerMessage => frame.header.fin,
            Format::PerFrame => true,
        }
    }
}

/// Omits payload bytes.
impl core::fmt::Debug for Inflation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inflation")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// Without the decompressor, which the fast path does not use.
#[cfg(any(fuzzing, hybi_verify))]
impl Clone for Inflation {
    fn clone(&self) -> Self {
        Self {
            format: self.format,
            decompressor: Decompressor::new(8, false),
            is_first_inflated: self.is_first_inflated,
        }
    }
}

#[cfg(any(fuzzing, hybi_verify))]
impl PartialEq for Inflation {
    fn eq(&self, other: &Self) -> bool {
        (self.format, self.is_first_inflated) == (other.format, other.is_first_inflated)
    }
}
