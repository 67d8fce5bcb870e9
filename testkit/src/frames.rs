//! Builds frames of every dialect, and parses those of HyBi-7, HyBi-8 and RFC 6455.

use crate::Role;
use hybi::Dialect;

pub const HIXIE: [Dialect; 2] = [Dialect::Hixie75, Dialect::Hixie76];
pub const HYBI: [Dialect; 3] = [Dialect::HyBi7, Dialect::HyBi8, Dialect::Rfc6455];
pub const ROLES: [Role; 2] = [Role::Client, Role::Server];

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

/// Returns a text frame of Hixie-75 and Hixie-76.
pub fn hixie_frame(text: &str) -> Vec<u8> {
    [b"\0", text.as_bytes(), b"\xff"].concat()
}

/// Returns the payload of a close frame.
pub fn close_payload(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_ref()].concat()
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

/// Returns every combination of role and HyBi dialect.
pub fn every_role_and_dialect() -> impl Iterator<Item = (Role, Dialect)> {
    ROLES
        .into_iter()
        .flat_map(|role| HYBI.map(|dialect| (role, dialect)))
}
