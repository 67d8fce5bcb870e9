//! Text frames of Hixie-75 and Hixie-76 and nothing else: no state machine, no limits, no other
//! frames.

use std::io::Read;

use memchr::memchr;

use crate::entry::Receive;
use crate::memory::Aligned;
use crate::sink::Sink;
use crate::wire::Wire;

/// The end of a Hixie text.
const END: u8 = 0xFF;

/// How a [`Receiver`] searches for the end of a frame and checks its text.
pub trait Scan {
    /// The text up to [`END`] or the end of input, less an incomplete last character, and whether
    /// [`END`] was found. Panics on text that is not UTF-8.
    fn scan(input: &[u8]) -> (&[u8], bool);
}

/// memchr for the end, then simdutf8.
pub struct TwoPasses;

impl Scan for TwoPasses {
    fn scan(input: &[u8]) -> (&[u8], bool) {
        let end = memchr(END, input);
        let text = &input[..end.unwrap_or_else(|| complete(input))];
        let text = simdutf8::basic::from_utf8(text).expect("UTF-8");
        (text.as_bytes(), end.is_some())
    }
}

/// One pass while there is only ASCII. Returns bytes: a `str` would need another check, or unsafe
/// code.
pub struct Fused;

impl Scan for Fused {
    fn scan(input: &[u8]) -> (&[u8], bool) {
        let ascii = ascii(input);
        match input.get(ascii) {
            None => (input, false),
            Some(&END) => (&input[..ascii], true),
            Some(_) => TwoPasses::scan(input),
        }
    }
}

/// The length of the leading ASCII.
fn ascii(input: &[u8]) -> usize {
    const STEP: usize = 32;
    let is_ascii = |chunk: &&[u8]| chunk.iter().fold(0, |all, byte| all | byte) < 0x80;
    let steps = input.chunks_exact(STEP).take_while(is_ascii).count();
    let rest = &input[steps * STEP..];
    let more = rest.iter().take_while(|byte| byte.is_ascii()).count();
    steps * STEP + more
}

/// The length without an incomplete last character.
fn complete(text: &[u8]) -> usize {
    let from = text.len().saturating_sub(3);
    let tail = &text[from..];
    match tail.iter().rposition(|byte| *byte >= 0xC0) {
        Some(lead) if tail.len() - lead < width(tail[lead]) => from + lead,
        _ => text.len(),
    }
}

fn width(lead: u8) -> usize {
    match lead {
        0xF0.. => 4,
        0xE0.. => 3,
        _ => 2,
    }
}

pub struct Receiver<S> {
    wire: Wire,
    buf: Aligned,
    /// Bytes of an incomplete character at the front of `buf`.
    incomplete: usize,
    within: bool,
    scan: std::marker::PhantomData<S>,
}

impl<S: Scan> Receiver<S> {
    pub fn new(wire: Wire) -> Self {
        Self {
            buf: Aligned::zeroed(wire.next_len() + 3),
            wire,
            incomplete: 0,
            within: false,
            scan: std::marker::PhantomData,
        }
    }
}

impl<S: Scan> Receive for Receiver<S> {
    fn read(&mut self, sink: &mut impl Sink) {
        let n = self
            .wire
            .read(&mut self.buf[self.incomplete..])
            .expect("memory");
        let filled = self.incomplete + n;
        let mut rest = &self.buf[..filled];
        self.incomplete = 0;
        while !rest.is_empty() {
            if !self.within {
                assert_eq!(rest[0], 0x00, "a text frame");
                rest = &rest[1..];
                self.within = true;
                continue;
            }
            let (text, ends) = S::scan(rest);
            sink.chunk(text, ends);
            self.within = !ends;
            if ends {
                rest = &rest[text.len() + 1..];
            } else {
                self.incomplete = rest.len() - text.len();
                rest = &[];
            }
        }
        self.buf.copy_within(filled - self.incomplete..filled, 0);
    }
}
