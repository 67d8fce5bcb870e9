//! A reference decoder for the frames of Hixie-75 and Hixie-76.

use hybi::{Config, Dialect, Phase};

use crate::{Observed, ProtocolError, clean_close_without_code, protocol_error, unexpected_eof};

/// A decoder that reads all bytes at once and keeps no state, to compare connections with.
#[derive(Clone, Copy, Debug)]
pub struct ReferenceDecoder {
    pub dialect: Dialect,
    pub strict_utf8: bool,
    pub strict_frames: bool,
    pub max_frame: u64,
}

impl ReferenceDecoder {
    pub fn config(self) -> Config {
        Config::new()
            .strict_utf8(self.strict_utf8)
            .strict_frames(self.strict_frames)
            .max_frame_len(self.max_frame)
    }

    /// Returns the events of an open connection for `bytes` and an EOF.
    pub fn decode(self, mut bytes: &[u8]) -> Vec<Observed> {
        let mut events = Vec::new();
        let closed = loop {
            // FR-1
            let frame = match bytes.split_first() {
                None => Err(unexpected_eof(Phase::Open)),
                Some((0x00, body)) => self.text(body, &mut events),
                Some((frame_type @ 0x01..=0x7F, body)) => {
                    self.terminated(*frame_type, body, &mut events)
                }
                Some((frame_type, body)) => self.counted(*frame_type, body, &mut events),
            };
            match frame {
                Ok(body) => bytes = &bytes[1 + body..],
                Err(closed) => break closed,
            }
        };
        events.push(closed);
        events
    }

    /// Decodes a text frame; returns its length including the 0xFF (FR-2, FR-3, FR-10).
    fn text(self, body: &[u8], events: &mut Vec<Observed>) -> Result<usize, Observed> {
        let (payload, end) = self.up_to_ff(body);
        if let Err(error) = std::str::from_utf8(payload) {
            let is_invalid = end.is_ok() || error.error_len().is_some();
            if self.strict_utf8 && is_invalid {
                let valid = error.valid_up_to();
                push_incomplete(&payload[..valid], events);
                let at = valid as u64;
                return Err(protocol_error(ProtocolError::InvalidUtf8 { at }));
            }
        }
        match &end {
            Ok(_) => events.push(Observed::Text(String::from_utf8_lossy(payload).into())),
            Err(_) => push_incomplete(payload, events),
        }
        end
    }

    /// Skips a frame that ends with 0xFF (FR-4).
    fn terminated(
        self,
        frame_type: u8,
        body: &[u8],
        events: &mut Vec<Observed>,
    ) -> Result<usize, Observed> {
        if self.strict_frames {
            return Err(protocol_error(ProtocolError::UnknownFrameType {
                frame_type,
            }));
        }
        let (payload, end) = self.up_to_ff(body);
        let end = end?;
        events.push(Observed::Skipped(frame_type, payload.len() as u64));
        Ok(end)
    }

    /// Returns the payload up to the limit, and the offset after the 0xFF (FR-14).
    fn up_to_ff(self, body: &[u8]) -> (&[u8], Result<usize, Observed>) {
        let ff = body.iter().position(|byte| *byte == 0xFF);
        let payload = &body[..ff.unwrap_or(body.len())];
        let limit = self.max_frame;
        if payload.len() as u64 > limit {
            let error = protocol_error(ProtocolError::FrameTooLong { limit });
            return (&payload[..limit as usize], Err(error));
        }
        let end = ff.map(|ff| ff + 1).ok_or(unexpected_eof(Phase::InMessage));
        (payload, end)
    }

    /// Skips a frame with a length, or decodes a close frame (FR-5 to FR-9).
    fn counted(
        self,
        frame_type: u8,
        body: &[u8],
        events: &mut Vec<Observed>,
    ) -> Result<usize, Observed> {
        let mut length = 0_u128;
        for (i, byte) in body.iter().enumerate() {
            let (at, limit) = (1 + i as u64, self.max_frame);
            length = length * 128 + u128::from(byte % 128);
            if length > u128::from(limit) {
                return Err(protocol_error(ProtocolError::FrameTooLong { limit }));
            }
            if i >= 9 {
                return Err(protocol_error(ProtocolError::InvalidLength { at }));
            }
            if *byte >= 0x80 {
                continue;
            }
            if self.dialect == Dialect::Hixie76 && frame_type == 0xFF && length == 0 {
                return Err(clean_close_without_code());
            }
            if self.strict_frames {
                return Err(protocol_error(ProtocolError::UnknownFrameType {
                    frame_type,
                }));
            }
            let end = (i + 1) as u128 + length;
            if end > body.len() as u128 {
                break;
            }
            events.push(Observed::Skipped(frame_type, length as u64));
            return Ok(end as usize);
        }
        Err(unexpected_eof(Phase::InMessage))
    }
}

/// Records the chunks of a message without an end, less an incomplete last character.
fn push_incomplete(payload: &[u8], events: &mut Vec<Observed>) {
    let last = payload.utf8_chunks().last();
    let suffix = last.map_or(&[][..], |chunk| chunk.invalid());
    let is_incomplete = std::str::from_utf8(suffix).is_err_and(|error| error.error_len().is_none());
    let suffix_len = if is_incomplete { suffix.len() } else { 0 };
    let decoded = String::from_utf8_lossy(&payload[..payload.len() - suffix_len]);
    if !decoded.is_empty() {
        events.push(Observed::IncompleteText(decoded.into()));
    }
}
