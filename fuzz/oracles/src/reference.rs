//! A simple decoder of HyBi-7, HyBi-8 and RFC 6455 frames: it has all of the input at once.

use hybi::{Close, Closed, ProtocolError};

use crate::session::Observed;

pub struct ReferenceDecoder {
    /// Frames have to be masked; otherwise they must not be.
    pub masked: bool,
    /// Lengths have to be in their shortest form.
    pub shortest_length: bool,
    pub max_frame_len: u64,
    pub max_fragments: u32,
}

/// What an input decodes to.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Up to the first error or close frame.
    pub events: Vec<Observed>,
    /// The payload received of an incomplete message.
    pub incomplete: Vec<u8>,
    /// Whether the input ends between two messages.
    pub at_boundary: bool,
}

/// A message in progress.
struct Message {
    is_text: bool,
    frames: u32,
    payload: Vec<u8>,
}

/// Why decoding ends.
enum End {
    Input,
    Error(ProtocolError),
    Close(Close),
}

impl ReferenceDecoder {
    pub fn decode(&self, bytes: &[u8]) -> Decoded {
        let mut decoded = Decoded::default();
        let mut message = None;
        let mut remaining = bytes;
        let end = loop {
            if remaining.is_empty() {
                break End::Input;
            }
            if let Err(end) = self.frame(&mut remaining, &mut message, &mut decoded) {
                break end;
            }
        };
        let closed = match end {
            End::Input => {
                decoded.at_boundary = remaining.is_empty() && message.is_none();
                None
            }
            End::Error(error) => Some(Closed::Protocol(error)),
            End::Close(close) => Some(Closed::Clean(close)),
        };
        decoded.events.extend(closed.map(Observed::Closed));
        if let Some(message) = message {
            decoded.incomplete = message.payload;
            if message.is_text {
                let len = valid_utf8_len(&decoded.incomplete);
                decoded.incomplete.truncate(len);
            }
        }
        decoded
    }

    /// Decodes one frame; consumes it from `remaining` only if it is complete.
    fn frame(
        &self,
        remaining: &mut &[u8],
        message: &mut Option<Message>,
        decoded: &mut Decoded,
    ) -> Result<(), End> {
        let mut bytes = Bytes(remaining);
        let first = bytes.take(1)?[0];
        let opcode = first & 0x0F;
        let fin = first & 0x80 != 0;
        if first & 0x70 != 0 {
            return Err(End::Error(ProtocolError::ReservedBits { byte: first }));
        }
        match opcode {
            0x0 if message.is_none() => return out_of_turn(opcode),
            0x1 | 0x2 if message.is_some() => return out_of_turn(opcode),
            0x8..=0xA if !fin => return Err(End::Error(ProtocolError::Control { opcode })),
            0x0..=0x2 | 0x8..=0xA => {}
            _ => return Err(End::Error(ProtocolError::UnknownOpcode { opcode })),
        }

        let second = bytes.take(1)?[0];
        match (self.masked, second & 0x80 != 0) {
            (true, false) => return Err(End::Error(ProtocolError::UnmaskedFrameFromClient)),
            (false, true) => return Err(End::Error(ProtocolError::MaskedFrameFromServer)),
            _ => {}
        }
        let len7 = second & 0x7F;
        if opcode >= 8 && len7 > 125 {
            return Err(End::Error(ProtocolError::Control { opcode }));
        }
        let (len, min_len) = match len7 {
            126 => (bytes.number(2)?, 126),
            127 if bytes.0.first().is_some_and(|top| *top >= 0x80) => {
                return Err(End::Error(ProtocolError::InvalidLength { at: 2 }));
            }
            127 => (bytes.number(8)?, 1 << 16),
            len => (u64::from(len), 0),
        };
        if self.shortest_length && len < min_len {
            let at = if len7 == 126 { 3 } else { 9 };
            return Err(End::Error(ProtocolError::InvalidLength { at }));
        }
        let key = if self.masked { bytes.take(4)? } else { &[0; 4] };
        if len > self.max_frame_len {
            let limit = self.max_frame_len;
            return Err(End::Error(ProtocolError::FrameTooLong { at: 1, limit }));
        }

        let available = bytes
            .0
            .len()
            .min(usize::try_from(len).unwrap_or(usize::MAX));
        let is_complete = available as u64 == len;
        let (payload, after) = bytes.0.split_at(available);
        let payload = payload.iter().zip(key.iter().cycle());
        let payload: Vec<u8> = payload.map(|(byte, key)| byte ^ key).collect();
        if opcode >= 8 {
            if !is_complete {
                return Err(End::Input);
            }
            *remaining = after;
            match opcode {
                0x8 => return Err(close(&payload)),
                0x9 => decoded.events.push(Observed::Ping(payload)),
                _ => decoded.events.push(Observed::Pong(payload)),
            }
            return Ok(());
        }

        let in_progress = message.get_or_insert_with(|| Message {
            is_text: opcode == 1,
            frames: 0,
            payload: Vec::new(),
        });
        in_progress.frames += 1;
        if in_progress.frames > self.max_fragments {
            let limit = self.max_fragments;
            return Err(End::Error(ProtocolError::TooManyFragments { limit }));
        }
        in_progress.payload.extend(payload);
        let is_final = is_complete && fin;
        match std::str::from_utf8(&in_progress.payload) {
            Err(error) if in_progress.is_text && (is_final || error.error_len().is_some()) => {
                let at = error.valid_up_to() as u64;
                return Err(End::Error(ProtocolError::InvalidUtf8 { at }));
            }
            _ => {}
        }
        if !is_complete {
            return Err(End::Input);
        }
        *remaining = after;
        if let Some(message) = message.take_if(|_| is_final) {
            decoded.events.push(if message.is_text {
                Observed::Text(String::from_utf8(message.payload).expect("just checked"))
            } else {
                Observed::Binary(message.payload)
            });
        }
        Ok(())
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], End> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or(End::Input)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next `n` bytes as a big-endian number.
    fn number(&mut self, n: usize) -> Result<u64, End> {
        let bytes = self.take(n)?.iter();
        Ok(bytes.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

fn out_of_turn(opcode: u8) -> Result<(), End> {
    Err(End::Error(ProtocolError::OutOfTurn { opcode }))
}

/// HY-8
fn close(payload: &[u8]) -> End {
    let (code, reason) = match payload {
        [] => return End::Close(Close::new(1005, "")),
        [_] => return End::Error(ProtocolError::InvalidCloseLength),
        [high, low, reason @ ..] => (u16::from(*high) << 8 | u16::from(*low), reason),
    };
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return End::Error(ProtocolError::InvalidCloseCode { code });
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => End::Close(Close::new(code, reason)),
        Err(error) => {
            let at = 2 + error.valid_up_to() as u64;
            End::Error(ProtocolError::InvalidUtf8 { at })
        }
    }
}

fn valid_utf8_len(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len)
}
