//! Helpers for HyBi-7, HyBi-8 and RFC 6455: building and parsing frames, feeding input at every
//! split, and a reference decoder.

use hybi::{Close, Closed, Config, Connection, Dialect, Phase, ProtocolError, Role};

pub use crate::{clean_close, protocol_error, text, unexpected_eof};

use crate::{Driver, Observed, Transcript, escaped};

pub const HYBI: [Dialect; 3] = [Dialect::HyBi7, Dialect::HyBi8, Dialect::Rfc6455];
pub const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// The request of RFC 6455, 1.3.
pub const REQUEST: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The response to `REQUEST` without a subprotocol.
pub const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// The masking key of RFC 6455, 5.7.
pub const MASKING_KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// First bytes of unfragmented frames.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8A;
/// First bytes of fragments: the first of a message, the following ones, and the last.
pub const TEXT_FRAGMENT: u8 = 0x01;
pub const BINARY_FRAGMENT: u8 = 0x02;
pub const CONTINUATION: u8 = 0x00;
pub const FINAL_CONTINUATION: u8 = 0x80;

pub fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// The encoding of a payload length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthEncoding {
    Bits7,
    Bits16,
    Bits64,
}

impl LengthEncoding {
    pub fn shortest(length: u64) -> Self {
        match length {
            0..=125 => Self::Bits7,
            126..=0xFFFF => Self::Bits16,
            _ => Self::Bits64,
        }
    }
}

/// Returns a frame header with the given length encoding.
pub fn header(first: u8, key: Option<[u8; 4]>, encoding: LengthEncoding, length: u64) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match encoding {
        LengthEncoding::Bits7 => bytes.push(masked | u8::try_from(length).unwrap()),
        LengthEncoding::Bits16 => {
            bytes.push(masked | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        LengthEncoding::Bits64 => {
            bytes.push(masked | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(key.iter().flatten());
    bytes
}

/// Masks `payload` byte by byte, as in RFC 6455, 5.3.
pub fn masked(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let keys = key.into_iter().cycle();
    payload.iter().zip(keys).map(|(byte, k)| byte ^ k).collect()
}

/// Returns a frame sent by `from`, with the shortest length encoding.
pub fn frame(from: Role, first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let encoding = LengthEncoding::shortest(payload.as_ref().len() as u64);
    frame_with_encoding(from, first, encoding, payload)
}

/// Returns a frame sent by `from`, with the given length encoding.
pub fn frame_with_encoding(
    from: Role,
    first: u8,
    encoding: LengthEncoding,
    payload: impl AsRef<[u8]>,
) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = payload.len() as u64;
    match from {
        Role::Client => {
            let header = header(first, Some(MASKING_KEY), encoding, length);
            [header, masked(payload, MASKING_KEY)].concat()
        }
        Role::Server => [&header(first, None, encoding, length)[..], payload].concat(),
    }
}

/// Returns the payload of a close frame.
pub fn close_payload(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_ref()].concat()
}

/// A parsed frame, unmasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub key: Option<[u8; 4]>,
    pub encoding: LengthEncoding,
    pub payload: Vec<u8>,
}

/// Parses `bytes`, which must consist of complete frames.
#[track_caller]
pub fn parse_frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let mut take = |n: usize| {
            let (taken, remaining) = bytes.split_at(n);
            bytes = remaining;
            taken
        };
        let (first, second) = (take(1)[0], take(1)[0]);
        let (encoding, length) = match second & 0x7F {
            126 => (LengthEncoding::Bits16, take(2)),
            127 => (LengthEncoding::Bits64, take(8)),
            _ => (LengthEncoding::Bits7, &[second & 0x7F][..]),
        };
        let length = length.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        let key = (second & 0x80 != 0).then(|| take(4).try_into().unwrap());
        let payload = masked(take(length), key.unwrap_or_default());
        frames.push(Frame {
            first,
            key,
            encoding,
            payload,
        });
    }
    frames
}

/// Returns the first byte and the payload of each frame in `bytes`.
#[track_caller]
pub fn frame_contents(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let frames = parse_frames(bytes).into_iter();
    frames.map(|frame| (frame.first, frame.payload)).collect()
}

/// Returns the code of the single close frame, without a reason, in `bytes`.
#[track_caller]
pub fn close_code(bytes: &[u8]) -> u16 {
    match &frame_contents(bytes)[..] {
        [(CLOSE, payload)] => u16::from_be_bytes(payload[..].try_into().unwrap()),
        frames => panic!("not a single close frame with only a code: {frames:02x?}"),
    }
}

/// Returns a driver for an open connection.
pub fn open(config: &Config, role: Role, dialect: Dialect) -> Driver<'static> {
    Driver::new(Connection::established(config, role, dialect, [9; 32]))
}

/// Returns every combination of role and HyBi dialect.
pub fn every_role_and_dialect() -> impl Iterator<Item = (Role, Dialect)> {
    ROLES
        .into_iter()
        .flat_map(|role| HYBI.map(|dialect| (role, dialect)))
}

/// Returns the transcript of `bytes`, which must be the same at every split and byte by byte.
#[track_caller]
pub fn at_every_split(conn: impl Fn() -> Connection, bytes: &[u8]) -> Transcript {
    every_split(conn, bytes, false)
}

/// Like [`at_every_split`], but with an EOF after `bytes`.
#[track_caller]
pub fn at_every_split_then_eof(conn: impl Fn() -> Connection, bytes: &[u8]) -> Transcript {
    every_split(conn, bytes, true)
}

#[track_caller]
fn every_split(conn: impl Fn() -> Connection, bytes: &[u8], eof: bool) -> Transcript {
    let expected = run_checked(conn(), bytes, &[], eof);
    // Long inputs are split only near their ends, where headers are.
    let is_tested = |at: &usize| bytes.len() < 400 || *at < 40 || *at > bytes.len() - 40;
    for at in (0..=bytes.len()).filter(is_tested) {
        let split = run_checked(conn(), bytes, &[at], eof);
        assert_eq!(split, expected, "{} split at {at}", escaped(bytes));
    }
    let everywhere: Vec<usize> = (0..bytes.len()).collect();
    let bytewise = run_checked(conn(), bytes, &everywhere, eof);
    assert_eq!(bytewise, expected, "{} byte by byte", escaped(bytes));
    expected
}

/// Returns the transcript of `bytes`, split at `splits`. Checks that all input is consumed unless
/// the connection is closed, and that `Closed` is returned once.
#[track_caller]
pub fn run_checked(conn: Connection, bytes: &[u8], splits: &[usize], eof: bool) -> Transcript {
    let mut driver = Driver::new(conn);
    let mut start = 0;
    for end in splits.iter().copied().chain([bytes.len()]) {
        let remaining = driver.feed(&bytes[start..end]);
        let is_closed = driver.conn.closed().is_some();
        assert!(
            remaining == 0 || is_closed,
            "{remaining} bytes left of {start}..{end}"
        );
        start = end;
    }
    if eof {
        driver.eof();
    }
    let is_closed = |event: &Observed| matches!(event, Observed::Closed(_));
    let events = &driver.transcript.events;
    let count = events.iter().filter(|event| is_closed(event)).count();
    assert_eq!(count, usize::from(driver.conn.closed().is_some()));
    assert!(count == 0 || events.last().is_some_and(is_closed));
    driver.transcript
}

pub fn binary(bytes: impl AsRef<[u8]>) -> Observed {
    Observed::Binary(bytes.as_ref().to_vec())
}

pub fn ping(bytes: impl AsRef<[u8]>) -> Observed {
    Observed::Ping(bytes.as_ref().to_vec())
}

pub fn pong(bytes: impl AsRef<[u8]>) -> Observed {
    Observed::Pong(bytes.as_ref().to_vec())
}

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
        Connection::established(&self.config(), self.role, self.dialect, [9; 32])
    }

    /// Returns the events of an open connection for `bytes` and an EOF, and the frames it sends.
    pub fn decode(self, bytes: &[u8]) -> (Vec<Observed>, Vec<(u8, Vec<u8>)>) {
        let (mut events, mut sent, mut partial) = (Vec::new(), Vec::new(), None);
        let closed = self.read(bytes, &mut events, &mut sent, &mut partial);
        if let Closed::Protocol(error) = &closed {
            sent.push((CLOSE, close_payload(error.close_code(), "")));
        }
        if let Some(message) = partial {
            events.extend(message.incomplete());
        }
        events.push(Observed::Closed(closed));
        (events, sent)
    }

    fn read(
        self,
        mut bytes: &[u8],
        events: &mut Vec<Observed>,
        sent: &mut Vec<(u8, Vec<u8>)>,
        partial: &mut Option<Partial>,
    ) -> Closed {
        loop {
            let at_boundary = bytes.is_empty() && partial.is_none();
            let header = match self.header(bytes, partial.is_some()) {
                Err(error) => return Closed::Protocol(error),
                Ok(None) if at_boundary => return Closed::Eof(Phase::Open),
                Ok(None) => return Closed::Eof(Phase::InMessage),
                Ok(Some(header)) => header,
            };
            if header.length > self.max_frame {
                let limit = self.max_frame;
                return Closed::Protocol(ProtocolError::FrameTooLong { at: 1, limit });
            }
            let remaining = &bytes[header.end..];
            let length = usize::try_from(header.length).unwrap().min(remaining.len());
            let payload = masked(&remaining[..length], header.key);
            let is_complete = length as u64 == header.length;
            bytes = &remaining[length..];
            let is_control = header.first & 0x08 != 0;
            if is_control && !is_complete {
                return Closed::Eof(Phase::InMessage);
            }
            match header.first {
                CLOSE => match parse_close(&payload) {
                    Ok(close) => {
                        let echo = payload.get(..2).unwrap_or_default();
                        sent.push((CLOSE, echo.to_vec()));
                        return Closed::Clean(close);
                    }
                    Err(error) => return Closed::Protocol(error),
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
                    if message.frames > self.max_fragments {
                        let limit = self.max_fragments;
                        return Closed::Protocol(ProtocolError::TooManyFragments { limit });
                    }
                    message.payload.extend(payload);
                    let fin = is_complete && first & 0x80 != 0;
                    if let Some(at) = message.invalid_utf8_at(fin) {
                        return Closed::Protocol(ProtocolError::InvalidUtf8 { at });
                    }
                    if fin {
                        events.extend(partial.take().map(Partial::complete));
                    }
                    if !is_complete {
                        return Closed::Eof(Phase::InMessage);
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
            (8..=10, false) => return Err(ProtocolError::Control { opcode }),
            (1 | 2, _) if in_message => return Err(ProtocolError::OutOfTurn { opcode }),
            (0, _) if !in_message => return Err(ProtocolError::OutOfTurn { opcode }),
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
            return Err(ProtocolError::Control { opcode });
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
        [] => return Ok(Close::new(1005, "")),
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

/// Returns whether a close frame may contain `code` (HY-8).
pub fn is_valid_close_code(code: u16) -> bool {
    match code {
        0..=999 => false,
        1000..=1003 => true,
        1004..=1006 => false,
        1007..=1014 => true,
        1015..=2999 => false,
        3000..=4999 => true,
        5000.. => false,
    }
}
