//! Whole frames in a row, and what they hold.

use std::sync::Arc;

use crate::corpus::{Kind, Random, payload};
use crate::memory::Aligned;

/// So many bytes of frames at least: more than the first two caches hold of one feed.
const FEED: usize = 256 * 1024;

/// Frames of one size, and their payloads in order.
pub struct Frames {
    /// The same memory for all that read them: they then find it in the same caches.
    pub bytes: Arc<Aligned>,
    pub payloads: Vec<Vec<u8>>,
    /// Of one frame with all that goes round its payload; the same for every one.
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

    /// RFC 6455, from a client: each frame with a mask of its own.
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

    /// As [`hixie`](Self::hixie), at least so many bytes of them.
    pub fn hixie_feed(kind: Kind, size: usize, least: usize) -> Self {
        assert_ne!(kind, Kind::Binary, "the drafts have no binary frames");
        Self::new(kind, size, least, hixie)
    }

    /// Hixie-75 and Hixie-76: 0x80, a length, and as many bytes, which are skipped.
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
    out.push(0x00);
    out.extend_from_slice(text);
    out.push(0xFF);
}

/// The head of a whole message's frame in RFC 6455.
pub fn head(kind: Kind, length: usize, mask: Option<[u8; 4]>, out: &mut Vec<u8>) {
    out.push(if kind == Kind::Binary { 0x82 } else { 0x81 });
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match length {
        0..=125 => out.push(masked | length as u8),
        126..=0xFFFF => {
            out.push(masked | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if let Some(mask) = mask {
        out.extend_from_slice(&mask);
    }
}
