//! Sequences of whole frames, and their payloads.

use std::sync::Arc;

use crate::corpus::{Kind, Random, payload};
use crate::memory::Aligned;

/// The least number of bytes: more than the L1 and L2 caches contain.
const FEED: usize = 256 * 1024;

/// Frames of one size, and their payloads in order.
pub struct Frames {
    /// Shared by all readers, so that all find it in the same caches.
    pub bytes: Arc<Aligned>,
    pub payloads: Vec<Vec<u8>>,
    /// The length of each frame, header and payload.
    pub frame: usize,
}

impl Frames {
    fn new(
        kind: Kind,
        size: usize,
        least: usize,
        mut frame: impl FnMut(&[u8], &mut Vec<u8>),
    ) -> Self {
        let mut random = Random::default();
        let (mut bytes, mut payloads) = (Vec::new(), Vec::new());
        while bytes.len() < least {
            let payload = payload(kind, size, &mut random);
            frame(&payload, &mut bytes);
            payloads.push(payload);
        }
        let frame = bytes.len() / payloads.len();
        Self {
            bytes: Arc::new(Aligned::copy(&bytes)),
            payloads,
            frame,
        }
    }

    /// RFC 6455, from a client: each frame with its own mask.
    pub fn masked(kind: Kind, size: usize) -> Self {
        let mut random = Random::default();
        Self::new(kind, size, FEED, |payload, out| {
            let mask = random.mask();
            head(kind, payload.len(), Some(mask), out);
            out.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        })
    }

    /// Hixie-75 and Hixie-76: 0x00, text, 0xFF.
    pub fn hixie(kind: Kind, size: usize) -> Self {
        Self::hixie_feed(kind, size, FEED)
    }

    /// As [`hixie`](Self::hixie), at least `least` bytes of them.
    pub fn hixie_feed(kind: Kind, size: usize, least: usize) -> Self {
        assert_ne!(kind, Kind::Binary, "the drafts have no binary frames");
        Self::new(kind, size, least, hixie)
    }

    /// Hixie-75 and Hixie-76: 0x80, a length, and that many bytes, which are skipped.
    pub fn skipped(size: usize) -> Self {
        Self::new(Kind::Binary, size, FEED, |payload, out| {
            out.push(0x80);
            let groups = (1..).find(|n| size >> (7 * n) == 0).unwrap_or(1);
            for n in (0..groups).rev() {
                let more = if n > 0 { 0x80 } else { 0 };
                out.push((size >> (7 * n)) as u8 & 0x7F | more);
            }
            out.extend_from_slice(payload);
        })
    }
}

/// A text frame of Hixie-75 and Hixie-76.
pub fn hixie(text: &[u8], out: &mut Vec<u8>) {
    let text = std::str::from_utf8(text).expect("text");
    out.extend(testkit::hixie_frame(text));
}

/// The header of a frame that is a whole message, in RFC 6455.
pub fn head(kind: Kind, length: usize, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    let first = if kind == Kind::Binary {
        testkit::BINARY
    } else {
        testkit::TEXT
    };
    let length = length as u64;
    let encoding = testkit::LengthEncoding::shortest(length);
    out.extend(testkit::header(first, mask, encoding, length));
}

pub const MAX_HEAD: usize = 14;

/// The header of a frame, and its length: without allocation, for the floors and raw peers, which
/// are measured.
pub fn encode_head(first: u8, payload: usize, mask: Option<[u8; 4]>) -> ([u8; MAX_HEAD], usize) {
    let mut head = [0; MAX_HEAD];
    head[0] = first;
    let masked = if mask.is_some() { 0x80 } else { 0 };
    let mut len = match payload {
        0..=125 => {
            head[1] = masked | payload as u8;
            2
        }
        126..=0xFFFF => {
            head[1] = masked | 126;
            head[2..4].copy_from_slice(&(payload as u16).to_be_bytes());
            4
        }
        _ => {
            head[1] = masked | 127;
            head[2..10].copy_from_slice(&(payload as u64).to_be_bytes());
            10
        }
    };
    if let Some(mask) = mask {
        head[len..len + 4].copy_from_slice(&mask);
        len += 4;
    }
    (head, len)
}

/// The header of a masked frame.
pub struct Head {
    pub len: usize,
    pub payload: usize,
    pub mask: [u8; 4],
}

/// `None` if it is incomplete. Its first byte is ignored.
pub fn parse(input: &[u8]) -> Option<Head> {
    let (payload, mask) = match input.get(1)? & 0x7F {
        126 => (
            u16::from_be_bytes(*input.get(2..)?.first_chunk()?).into(),
            4,
        ),
        127 => {
            let payload = u64::from_be_bytes(*input.get(2..)?.first_chunk()?);
            (usize::try_from(payload).ok()?, 10)
        }
        short => (short.into(), 2),
    };
    Some(Head {
        len: mask + 4,
        payload,
        mask: *input.get(mask..)?.first_chunk()?,
    })
}
