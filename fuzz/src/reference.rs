//! Frames of HyBi-7 and later, read slowly and plainly: all of the input is there at once.

use hybi::{Close, Closed, ProtocolError};

use super::session::Observed;

/// What frames are held against.
pub struct Reference {
    pub masked: bool,
    pub minimal: bool,
    pub max_frame_len: u64,
    pub max_fragments: u32,
}

/// What the input came to.
#[derive(Debug, Default)]
pub struct Read {
    /// Up to the first error or close frame.
    pub events: Vec<Observed>,
    /// Of a message that did not come to its end.
    pub piece: Vec<u8>,
    /// Whether the input ends between two messages.
    pub between: bool,
}

/// A message of which a frame has come.
struct Message {
    is_text: bool,
    frames: u32,
    bytes: Vec<u8>,
}

/// Why reading ends.
enum End {
    Input,
    Error(ProtocolError),
    Close(Close),
}

impl Reference {
    pub fn read(&self, bytes: &[u8]) -> Read {
        let mut read = Read::default();
        let mut message = None;
        let mut rest = bytes;
        let end = loop {
            if rest.is_empty() {
                break End::Input;
            }
            if let Err(end) = self.frame(&mut rest, &mut message, &mut read) {
                break end;
            }
        };
        match end {
            End::Input => read.between = rest.is_empty() && message.is_none(),
            End::Error(error) => read.events.push(Observed::Closed(Closed::Protocol(error))),
            End::Close(close) => read.events.push(Observed::Closed(Closed::Clean(close))),
        }
        if let Some(message) = message {
            read.piece = message.bytes;
            if message.is_text {
                let valid = valid(&read.piece);
                read.piece.truncate(valid);
            }
        }
        read
    }

    /// One frame, taken off `rest` only when it is whole.
    fn frame(
        &self,
        rest: &mut &[u8],
        message: &mut Option<Message>,
        read: &mut Read,
    ) -> Result<(), End> {
        let mut bytes = Bytes(rest);
        let first = bytes.take(1)?[0];
        let opcode = first & 0x0F;
        let last = first & 0x80 != 0;
        if first & 0x70 != 0 {
            return Err(End::Error(ProtocolError::ReservedBits { byte: first }));
        }
        match opcode {
            0x0 if message.is_none() => return out_of_turn(opcode),
            0x1 | 0x2 if message.is_some() => return out_of_turn(opcode),
            0x8..=0xA if !last => return Err(End::Error(ProtocolError::Control { opcode })),
            0x0..=0x2 | 0x8..=0xA => {}
            _ => return Err(End::Error(ProtocolError::UnknownOpcode { opcode })),
        }

        let second = bytes.take(1)?[0];
        match (self.masked, second & 0x80 != 0) {
            (true, false) => return Err(End::Error(ProtocolError::UnmaskedFrameFromClient)),
            (false, true) => return Err(End::Error(ProtocolError::MaskedFrameFromServer)),
            _ => {}
        }
        let short = second & 0x7F;
        if opcode >= 8 && short > 125 {
            return Err(End::Error(ProtocolError::Control { opcode }));
        }
        let (length, shortest) = match short {
            126 => (bytes.number(2)?, 126),
            127 if bytes.0.first().is_some_and(|top| *top >= 0x80) => {
                return Err(End::Error(ProtocolError::InvalidLength { at: 2 }));
            }
            127 => (bytes.number(8)?, 1 << 16),
            short => (u64::from(short), 0),
        };
        if self.minimal && length < shortest {
            let at = if short == 126 { 3 } else { 9 };
            return Err(End::Error(ProtocolError::InvalidLength { at }));
        }
        let key = if self.masked { bytes.take(4)? } else { &[0; 4] };
        if length > self.max_frame_len {
            let limit = self.max_frame_len;
            return Err(End::Error(ProtocolError::FrameTooLong { at: 1, limit }));
        }

        let here = bytes
            .0
            .len()
            .min(usize::try_from(length).unwrap_or(usize::MAX));
        let whole = here as u64 == length;
        let (payload, behind) = bytes.0.split_at(here);
        let payload = payload.iter().zip(key.iter().cycle());
        let payload: Vec<u8> = payload.map(|(byte, key)| byte ^ key).collect();
        if opcode >= 8 {
            if !whole {
                return Err(End::Input);
            }
            *rest = behind;
            match opcode {
                0x8 => return Err(close(&payload)),
                0x9 => read.events.push(Observed::Ping(payload)),
                _ => read.events.push(Observed::Pong(payload)),
            }
            return Ok(());
        }

        let so_far = message.get_or_insert_with(|| Message {
            is_text: opcode == 1,
            frames: 0,
            bytes: Vec::new(),
        });
        so_far.frames += 1;
        if so_far.frames > self.max_fragments {
            let limit = self.max_fragments;
            return Err(End::Error(ProtocolError::TooManyFragments { limit }));
        }
        so_far.bytes.extend(payload);
        let ends = whole && last;
        match std::str::from_utf8(&so_far.bytes) {
            Err(error) if so_far.is_text && (ends || error.error_len().is_some()) => {
                let at = error.valid_up_to() as u64;
                return Err(End::Error(ProtocolError::InvalidUtf8 { at }));
            }
            _ => {}
        }
        if !whole {
            return Err(End::Input);
        }
        *rest = behind;
        if let Some(message) = message.take_if(|_| ends) {
            read.events.push(if message.is_text {
                Observed::Text(String::from_utf8(message.bytes).expect("just checked"))
            } else {
                Observed::Binary(message.bytes)
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

/// How much of it is whole characters.
fn valid(bytes: &[u8]) -> usize {
    std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len)
}
