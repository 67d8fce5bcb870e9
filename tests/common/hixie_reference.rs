//! The frames of Hixie-75 and Hixie-76 read naively: all bytes at once, no state, no cuts.

use hybi::{Close, Closed, Config, Dialect, Phase, ProtocolError};

use super::Observed;

/// What changes the meaning of frames.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub dialect: Dialect,
    pub strict_utf8: bool,
    pub strict_frames: bool,
    pub max_frame: u64,
}

impl Rules {
    pub fn config(self) -> Config {
        Config::new()
            .strict_utf8(self.strict_utf8)
            .strict_frames(self.strict_frames)
            .max_frame_len(self.max_frame)
    }

    /// What an open connection says of `bytes` and the end of file behind them.
    pub fn events(self, mut bytes: &[u8]) -> Vec<Observed> {
        let mut events = Vec::new();
        let why = loop {
            // FR-1
            let frame = match bytes.split_first() {
                None => Err(Closed::Eof(Phase::Open)),
                Some((0x00, body)) => self.text(body, &mut events),
                Some((kind @ 0x01..=0x7F, body)) => self.skimmed(*kind, body, &mut events),
                Some((kind, body)) => self.sized(*kind, body, &mut events),
            };
            match frame {
                Ok(body) => bytes = &bytes[1 + body..],
                Err(why) => break why,
            }
        };
        events.push(Observed::Closed(why));
        events
    }

    /// FR-2, FR-3, FR-10; the length up to and with 0xFF.
    fn text(self, body: &[u8], events: &mut Vec<Observed>) -> Result<usize, Closed> {
        let (payload, end) = self.up_to_ff(body);
        if let Err(error) = std::str::from_utf8(payload) {
            let certain = end.is_ok() || error.error_len().is_some();
            if self.strict_utf8 && certain {
                let valid = error.valid_up_to();
                unfinished(&payload[..valid], events);
                let at = valid as u64;
                return Err(Closed::Protocol(ProtocolError::InvalidUtf8 { at }));
            }
        }
        match &end {
            Ok(_) => events.push(Observed::Text(String::from_utf8_lossy(payload).into())),
            Err(_) => unfinished(payload, events),
        }
        end
    }

    /// FR-4
    fn skimmed(self, kind: u8, body: &[u8], events: &mut Vec<Observed>) -> Result<usize, Closed> {
        if self.strict_frames {
            return Err(Closed::Protocol(ProtocolError::UnknownFrameType {
                frame_type: kind,
            }));
        }
        let (payload, end) = self.up_to_ff(body);
        let end = end?;
        events.push(Observed::Skipped(kind, payload.len() as u64));
        Ok(end)
    }

    /// FR-14: the payload that is allowed, and what is behind it.
    fn up_to_ff(self, body: &[u8]) -> (&[u8], Result<usize, Closed>) {
        let ff = body.iter().position(|byte| *byte == 0xFF);
        let payload = &body[..ff.unwrap_or(body.len())];
        let limit = self.max_frame;
        if payload.len() as u64 > limit {
            let at = 1 + limit;
            let error = Closed::Protocol(ProtocolError::FrameTooLong { at, limit });
            return (&payload[..limit as usize], Err(error));
        }
        let end = ff.map(|ff| ff + 1).ok_or(Closed::Eof(Phase::InMessage));
        (payload, end)
    }

    /// FR-5 to FR-9
    fn sized(self, kind: u8, body: &[u8], events: &mut Vec<Observed>) -> Result<usize, Closed> {
        let mut length = 0_u128;
        for (i, byte) in body.iter().enumerate() {
            let (at, limit) = (1 + i as u64, self.max_frame);
            length = length * 128 + u128::from(byte % 128);
            if length > u128::from(limit) {
                return Err(Closed::Protocol(ProtocolError::FrameTooLong { at, limit }));
            }
            if i >= 9 {
                return Err(Closed::Protocol(ProtocolError::InvalidLength { at }));
            }
            if *byte >= 0x80 {
                continue;
            }
            if self.dialect == Dialect::Hixie76 && kind == 0xFF && length == 0 {
                return Err(Closed::Clean(Close::EMPTY));
            }
            if self.strict_frames {
                return Err(Closed::Protocol(ProtocolError::UnknownFrameType {
                    frame_type: kind,
                }));
            }
            let end = (i + 1) as u128 + length;
            if end > body.len() as u128 {
                break;
            }
            events.push(Observed::Skipped(kind, length as u64));
            return Ok(end as usize);
        }
        Err(Closed::Eof(Phase::InMessage))
    }
}

/// What was told of a message that never came to its end: no character that is not whole.
fn unfinished(payload: &[u8], events: &mut Vec<Observed>) {
    let last = payload.utf8_chunks().last();
    let tail = last.map_or(&[][..], |chunk| chunk.invalid());
    let cut = std::str::from_utf8(tail).is_err_and(|error| error.error_len().is_none());
    let whole = &payload[..payload.len() - if cut { tail.len() } else { 0 }];
    if !whole.is_empty() {
        events.push(Observed::Unfinished(String::from_utf8_lossy(whole).into()));
    }
}
