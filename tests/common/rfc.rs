//! What the tests of HyBi-7, HyBi-8 and RFC 6455 share: frames written by hand, one conversation
//! at every cut, and the frames read naively.

use hybi::{Close, Closed, Config, Connection, Dialect, Phase, ProtocolError, Role};

use super::{Driver, Observed, Transcript, escaped};

pub const HYBI: [Dialect; 3] = [Dialect::HyBi7, Dialect::HyBi8, Dialect::Rfc6455];
pub const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// The RFC's own request (1.3).
pub const HEAD: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Origin: http://example.com\r\n\
    Sec-WebSocket-Protocol: chat, superchat\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// The reply to it, where none of its subprotocols is chosen.
pub const REPLY: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// The RFC's own masking key (5.7).
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// First bytes of frames.
pub const TEXT: u8 = 0x81;
pub const BINARY: u8 = 0x82;
pub const CLOSE: u8 = 0x88;
pub const PING: u8 = 0x89;
pub const PONG: u8 = 0x8A;
/// Of a message in fragments: the first, those within, the last.
pub const TEXT_PART: u8 = 0x01;
pub const BINARY_PART: u8 = 0x02;
pub const MORE: u8 = 0x00;
pub const LAST: u8 = 0x80;

pub fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

/// How a length is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Seven,
    Sixteen,
    SixtyFour,
}

impl Form {
    pub fn shortest(length: u64) -> Self {
        match length {
            0..=125 => Self::Seven,
            126..=0xFFFF => Self::Sixteen,
            _ => Self::SixtyFour,
        }
    }
}

/// The bytes before a payload of any length, in any form that can hold it.
pub fn header(first: u8, key: Option<[u8; 4]>, form: Form, length: u64) -> Vec<u8> {
    let masked = if key.is_some() { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match form {
        Form::Seven => bytes.push(masked | u8::try_from(length).unwrap()),
        Form::Sixteen => {
            bytes.push(masked | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        Form::SixtyFour => {
            bytes.push(masked | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes.extend(key.iter().flatten());
    bytes
}

/// RFC 6455, 5.3, byte by byte.
pub fn masked(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let keys = key.into_iter().cycle();
    payload.iter().zip(keys).map(|(byte, k)| byte ^ k).collect()
}

/// A frame as that end sends it: a client masks. The length in its shortest form.
pub fn frame(from: Role, first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let form = Form::shortest(payload.as_ref().len() as u64);
    sized(from, first, form, payload)
}

/// The same with the length in this form.
pub fn sized(from: Role, first: u8, form: Form, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let length = payload.len() as u64;
    match from {
        Role::Client => {
            let header = header(first, Some(KEY), form, length);
            [header, masked(payload, KEY)].concat()
        }
        Role::Server => [&header(first, None, form, length)[..], payload].concat(),
    }
}

/// The payload of a close frame.
pub fn body(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_ref()].concat()
}

/// A whole frame found in what a connection sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub first: u8,
    pub key: Option<[u8; 4]>,
    pub form: Form,
    pub payload: Vec<u8>,
}

/// The frames that `bytes` are, payloads unmasked.
#[track_caller]
pub fn frames(mut bytes: &[u8]) -> Vec<Found> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let mut take = |n: usize| {
            let (front, rest) = bytes.split_at(n);
            bytes = rest;
            front
        };
        let (first, second) = (take(1)[0], take(1)[0]);
        let (form, length) = match second & 0x7F {
            126 => (Form::Sixteen, take(2)),
            127 => (Form::SixtyFour, take(8)),
            _ => (Form::Seven, &[second & 0x7F][..]),
        };
        let length = length.iter().fold(0, |n, byte| n << 8 | usize::from(*byte));
        let key = (second & 0x80 != 0).then(|| take(4).try_into().unwrap());
        let payload = masked(take(length), key.unwrap_or_default());
        frames.push(Found {
            first,
            key,
            form,
            payload,
        });
    }
    frames
}

/// First bytes and payloads of the frames that `bytes` are.
#[track_caller]
pub fn contents(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let found = frames(bytes).into_iter();
    found.map(|frame| (frame.first, frame.payload)).collect()
}

/// The close code of the one frame that `bytes` are.
#[track_caller]
pub fn close_code(bytes: &[u8]) -> u16 {
    match &contents(bytes)[..] {
        [(CLOSE, payload)] => u16::from_be_bytes(payload[..].try_into().unwrap()),
        frames => panic!("no close frame alone with a code alone: {frames:02x?}"),
    }
}

/// Already open.
pub fn open(config: &Config, role: Role, dialect: Dialect) -> Driver<'static> {
    Driver::new(Connection::established(config, role, dialect, [9; 32]))
}

/// Each end in each dialect.
pub fn every_end() -> impl Iterator<Item = (Role, Dialect)> {
    ROLES
        .into_iter()
        .flat_map(|role| HYBI.map(|dialect| (role, dialect)))
}

/// What a connection says of `bytes`, and sends: the same at every cut and byte by byte.
#[track_caller]
pub fn at_every_split(conn: impl Fn() -> Connection, bytes: &[u8]) -> Transcript {
    every_split(conn, bytes, false)
}

/// The same of `bytes` and the end of file behind them.
#[track_caller]
pub fn at_every_split_then_eof(conn: impl Fn() -> Connection, bytes: &[u8]) -> Transcript {
    every_split(conn, bytes, true)
}

#[track_caller]
fn every_split(conn: impl Fn() -> Connection, bytes: &[u8], eof: bool) -> Transcript {
    let whole = transcript(conn(), bytes, &[], eof);
    // Of long ones only the ends, where headers are.
    let near_an_end = |cut: &usize| bytes.len() < 400 || *cut < 40 || *cut > bytes.len() - 40;
    for cut in (0..=bytes.len()).filter(near_an_end) {
        let cut_once = transcript(conn(), bytes, &[cut], eof);
        assert_eq!(cut_once, whole, "{} cut at {cut}", escaped(bytes));
    }
    let everywhere: Vec<usize> = (0..bytes.len()).collect();
    let bytewise = transcript(conn(), bytes, &everywhere, eof);
    assert_eq!(bytewise, whole, "{} byte by byte", escaped(bytes));
    whole
}

/// The transcript of `bytes`, cut at `cuts`. All is taken unless it is over, and `Closed` comes once.
#[track_caller]
pub fn transcript(conn: Connection, bytes: &[u8], cuts: &[usize], eof: bool) -> Transcript {
    let mut driver = Driver::new(conn);
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        let left = driver.feed(&bytes[from..to]);
        let over = driver.conn.closed().is_some();
        assert!(left == 0 || over, "{left} bytes left of {from}..{to}");
        from = to;
    }
    if eof {
        driver.eof();
    }
    let closed = |events: &&Observed| matches!(events, Observed::Closed(_));
    let count = driver.transcript.events.iter().filter(closed).count();
    assert_eq!(count, usize::from(driver.conn.closed().is_some()));
    assert!(
        count == 0
            || driver
                .transcript
                .events
                .last()
                .is_some_and(|events| closed(&events))
    );
    driver.transcript
}

pub fn text(text: &str) -> Observed {
    Observed::Text(text.to_owned())
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

pub fn protocol_error(error: ProtocolError) -> Observed {
    Observed::Closed(Closed::Protocol(error))
}

pub fn clean(code: u16, reason: &str) -> Observed {
    Observed::Closed(Closed::Clean(Close::new(code, reason)))
}

pub fn eof(phase: Phase) -> Observed {
    Observed::Closed(Closed::Eof(phase))
}

/// What changes the meaning of frames.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub dialect: Dialect,
    /// Side reads them.
    pub role: Role,
    pub max_frame: u64,
    pub max_fragments: u32,
}

/// A message of which not all has come.
#[derive(Default)]
struct Partial {
    is_text: bool,
    frames: u32,
    payload: Vec<u8>,
}

/// A header as the naive reader has it.
struct Header {
    first: u8,
    key: [u8; 4],
    length: u64,
    end: usize,
}

impl Rules {
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

    /// What an open connection says of `bytes` and the end of file behind them, and the frames
    /// that it sends, all bytes at once, no state, no cuts.
    pub fn transcript(self, bytes: &[u8]) -> (Vec<Observed>, Vec<(u8, Vec<u8>)>) {
        let (mut events, mut sent, mut partial) = (Vec::new(), Vec::new(), None);
        let why = self.read(bytes, &mut events, &mut sent, &mut partial);
        if let Closed::Protocol(error) = &why {
            sent.push((CLOSE, body(error.close_code(), "")));
        }
        if let Some(message) = partial {
            events.extend(message.unfinished());
        }
        events.push(Observed::Closed(why));
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
            let between = bytes.is_empty() && partial.is_none();
            let header = match self.header(bytes, partial.is_some()) {
                Err(error) => return Closed::Protocol(error),
                Ok(None) if between => return Closed::Eof(Phase::Open),
                Ok(None) => return Closed::Eof(Phase::InMessage),
                Ok(Some(header)) => header,
            };
            if header.length > self.max_frame {
                let limit = self.max_frame;
                return Closed::Protocol(ProtocolError::FrameTooLong { at: 1, limit });
            }
            let rest = &bytes[header.end..];
            let length = usize::try_from(header.length).unwrap().min(rest.len());
            let payload = masked(&rest[..length], header.key);
            let whole = length as u64 == header.length;
            bytes = &rest[length..];
            let control = header.first & 0x08 != 0;
            if control && !whole {
                return Closed::Eof(Phase::InMessage);
            }
            match header.first {
                CLOSE => match closing(&payload) {
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
                    let last = whole && first & 0x80 != 0;
                    if let Some(at) = message.damage(last) {
                        return Closed::Protocol(ProtocolError::InvalidUtf8 { at });
                    }
                    if last {
                        events.extend(partial.take().map(Partial::whole));
                    }
                    if !whole {
                        return Closed::Eof(Phase::InMessage);
                    }
                }
            }
        }
    }

    /// `None` when it is cut, and nothing wrong is to be seen yet.
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
        let (size, least) = match second % 128 {
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
        if self.dialect == Dialect::Rfc6455 && length < least {
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
    /// Where it stops being UTF-8.
    fn damage(&self, last: bool) -> Option<u64> {
        let error = std::str::from_utf8(&self.payload).err()?;
        let certain = last || error.error_len().is_some();
        (self.is_text && certain).then_some(error.valid_up_to() as u64)
    }

    fn valid(&self) -> &str {
        let chunk = self.payload.utf8_chunks().next();
        chunk.map_or("", |chunk| chunk.valid())
    }

    fn whole(self) -> Observed {
        if self.is_text {
            Observed::Text(String::from_utf8(self.payload).unwrap())
        } else {
            Observed::Binary(self.payload)
        }
    }

    /// What was told of it, if anything.
    fn unfinished(&self) -> Option<Observed> {
        if self.is_text {
            let valid = self.valid();
            (!valid.is_empty()).then(|| Observed::Unfinished(valid.to_owned()))
        } else {
            let some = !self.payload.is_empty();
            some.then(|| Observed::UnfinishedBinary(self.payload.clone()))
        }
    }
}

/// What the payload of a close frame says.
fn closing(payload: &[u8]) -> Result<Close, ProtocolError> {
    let (high, low, reason) = match payload {
        [] => return Ok(Close::new(1005, "")),
        [_] => return Err(ProtocolError::InvalidCloseLength),
        [high, low, reason @ ..] => (*high, *low, reason),
    };
    let code = 256 * u16::from(high) + u16::from(low);
    if !may_be_sent(code) {
        return Err(ProtocolError::InvalidCloseCode { code });
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok(Close::new(code, reason)),
        Err(error) => Err(ProtocolError::InvalidUtf8 {
            at: 2 + error.valid_up_to() as u64,
        }),
    }
}

/// HY-8: the close codes that a frame may hold.
pub fn may_be_sent(code: u16) -> bool {
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
