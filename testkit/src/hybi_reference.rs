//! A reference decoder for the frames of HyBi-7, HyBi-8 and RFC 6455.

use hybi::{Close, Closed, Config, Connection, Dialect, Phase};

use crate::{
    CLOSE, Observed, PING, PONG, ProtocolError, Role, close_payload, established,
    is_valid_close_code, masked, ping, pong, protocol_error, unexpected_eof,
};

/// A decoder that reads all bytes at once and keeps no state, to compare connections with.
#[derive(Clone, Copy, Debug)]
pub struct ReferenceDecoder {
    pub dialect: Dialect,
    /// The role of the side that reads.
    pub role: Role,
    pub max_frame: u64,
    pub max_fragments: u32,
}

/// A message that is not complete yet.
#[derive(Default)]
struct Partial {
    is_text: bool,
    frames: u32,
    payload: Vec<u8>,
}

/// A frame header.
struct Header {
    first: u8,
    key: [u8; 4],
    length: u64,
    end: usize,
}

impl ReferenceDecoder {
    pub fn new(role: Role, dialect: Dialect) -> Self {
        Self {
            dialect,
            role,
            max_frame: i64::MAX as u64,
            max_fragments: u32::MAX,
        }
    }

    pub fn config(self) -> Config {
        Config::new()
            .max_frame_len(self.max_frame)
            .max_fragments(self.max_fragments)
    }

    pub fn connection(self) -> Connection {
        established(&self.config(), self.role, self.dialect)
    }

    /// Returns the events of an open connection for `bytes` and an EOF, and the frames it sends.
    pub fn decode(self, bytes: &[u8]) -> (Vec<Observed>, Vec<(u8, Vec<u8>)>) {
        let (mut events, mut sent, mut partial) = (Vec::new(), Vec::new(), None);
        let closed = self.read(bytes, &mut events, &mut sent, &mut partial);
        if let Observed::ProtocolError(error) = &closed {
            sent.push((CLOSE, close_payload(error.close_code(), "")));
        }
        if let Some(message) = partial {
            events.extend(message.incomplete());
        }
        events.push(closed);
        (events, sent)
    }

    fn read(
        self,
        mut bytes: &[u8],
        events: &mut Vec<Observed>,
        sent: &mut Vec<(u8, Vec<u8>)>,
        partial: &mut Option<Partial>,
    ) -> Observed {
        loop {
            let at_boundary = bytes.is_empty() && partial.is_none();
            let header = match self.header(bytes, partial.is_some()) {
                Err(error) => return protocol_error(error),
                Ok(None) if at_boundary => return unexpected_eof(Phase::Open),
                Ok(None) => return unexpected_eof(Phase::InMessage),
                Ok(Some(header)) => header,
            };
            if header.length > self.max_frame {
                let limit = self.max_frame;
                return protocol_error(ProtocolError::FrameTooLong { limit });
            }
            let remaining = &bytes[header.end..];
            let length = usize::try_from(header.length).unwrap_or(usize::MAX);
            let length = length.min(remaining.len());
            let payload = masked(&remaining[..length], header.key);
            let is_complete = length as u64 == header.length;
            bytes = &remaining[length..];
            let is_control = header.first & 0x08 != 0;
            if is_control && !is_complete {
                return unexpected_eof(Phase::InMessage);
            }
            match header.first {
                CLOSE => match parse_close(&payload) {
                    Ok(close) => {
                        sent.push((CLOSE, payload));
                        return Observed::Closed(Closed::Clean(close));
                    }
                    Err(error) => return protocol_error(error),
                },
                PING => {
                    events.push(ping(&payload));
                    sent.push((PONG, payload));
                }
                PONG => events.push(pong(&payload)),
                first => {
                    let message = partial.get_or_insert_with(|| Partial {
                        is_text: first & 0x0F == 1,
                        ..Partial::default()
                    });
                    message.frames += 1;
                    let extra = message.payload.len() as u64 / 16;
                    if u64::from(message.frames) > u64::from(self.max_fragments) + extra {
                        let limit = self.max_fragments;
                        return protocol_error(ProtocolError::TooManyFragments { limit });
                    }
                    message.payload.extend(payload);
                    let fin = is_complete && first & 0x80 != 0;
                    if let Some(at) = message.invalid_utf8_at(fin) {
                        return protocol_error(ProtocolError::InvalidUtf8 { at });
                    }
                    if fin {
                        events.extend(partial.take().map(Partial::complete));
                    }
                    if !is_complete {
                        return unexpected_eof(Phase::InMessage);
                    }
                }
            }
        }
    }

    /// Parses a frame header; returns `None` if it is incomplete and valid so far.
    fn header(self, bytes: &[u8], in_message: bool) -> Result<Option<Header>, ProtocolError> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        let opcode = first % 16;
        if first / 16 % 8 != 0 {
            return Err(ProtocolError::ReservedBits { byte: first });
        }
        match (opcode, first >= 0x80) {
            (3..=7 | 11..=15, _) => return Err(ProtocolError::UnknownOpcode { opcode }),
            (8..=10, false) => return Err(ProtocolError::FragmentedControl { opcode }),
            (1 | 2, _) if in_message => return Err(ProtocolError::ExpectedContinuation { opcode }),
            (0, _) if !in_message => return Err(ProtocolError::UnexpectedContinuation),
            _ => {}
        }
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        match (self.role, second >= 0x80) {
            (Role::Server, false) => return Err(ProtocolError::UnmaskedFrameFromClient),
            (Role::Client, true) => return Err(ProtocolError::MaskedFrameFromServer),
            _ => {}
        }
        if opcode >= 8 && second % 128 > 125 {
            return Err(ProtocolError::ControlTooLong { opcode });
        }
        let (size, min) = match second % 128 {
            126 => (2, 126),
            127 => (8, 0x1_0000),
            _ => (0, 0),
        };
        if size == 8 && bytes.get(2).is_some_and(|top| *top >= 0x80) {
            return Err(ProtocolError::InvalidLength { at: 2 });
        }
        let Some(length) = bytes.get(2..2 + size) else {
            return Ok(None);
        };
        let length = match size {
            0 => u64::from(second % 128),
            _ => length.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)),
        };
        if self.dialect == Dialect::Rfc6455 && length < min {
            let at = 1 + size as u64;
            return Err(ProtocolError::InvalidLength { at });
        }
        let (key, end) = match self.role {
            Role::Client => ([0; 4], 2 + size),
            Role::Server => match bytes.get(2 + size..6 + size) {
                Some(key) => (key.try_into().unwrap(), 6 + size),
                None => return Ok(None),
            },
        };
        Ok(Some(Header {
            first,
            key,
            length,
            end,
        }))
    }
}

impl Partial {
    /// Returns the offset of the first invalid UTF-8 sequence.
    fn invalid_utf8_at(&self, fin: bool) -> Option<u64> {
        let error = std::str::from_utf8(&self.payload).err()?;
        let is_invalid = fin || error.error_len().is_some();
        (self.is_text && is_invalid).then_some(error.valid_up_to() as u64)
    }

    fn valid(&self) -> &str {
        let chunk = self.payload.utf8_chunks().next();
        chunk.map_or("", |chunk| chunk.valid())
    }

    fn complete(self) -> Observed {
        if self.is_text {
            Observed::Text(String::from_utf8(self.payload).unwrap())
        } else {
            Observed::Binary(self.payload)
        }
    }

    /// Returns the chunks reported so far, joined, if any.
    fn incomplete(&self) -> Option<Observed> {
        if self.is_text {
            let valid = self.valid();
            (!valid.is_empty()).then(|| Observed::IncompleteText(valid.to_owned()))
        } else {
            let payload = &self.payload;
            (!payload.is_empty()).then(|| Observed::IncompleteBinary(payload.clone()))
        }
    }
}

/// Parses the payload of a close frame.
fn parse_close(payload: &[u8]) -> Result<Close, ProtocolError> {
    let (high, low, reason) = match payload {
        [] => return Ok(Close::EMPTY),
        [_] => return Err(ProtocolError::InvalidCloseLength),
        [high, low, reason @ ..] => (*high, *low, reason),
    };
    let code = 256 * u16::from(high) + u16::from(low);
    if !is_valid_close_code(code) {
        return Err(ProtocolError::InvalidCloseCode { code });
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok(Close::new(code, reason)),
        Err(error) => Err(ProtocolError::InvalidUtf8 {
            at: 2 + error.valid_up_to() as u64,
        }),
    }
}
