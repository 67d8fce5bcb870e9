//! What the machine can do: the least work that the same result takes.

use std::hint::black_box;
use std::io::{Read, Write};

use memchr::memchr;

use crate::corpus::{Kind, Random};
use crate::entry::Receive;
use crate::frames;
use crate::memory::Aligned;
use crate::sink::Sink;
use crate::wire::Wire;

/// The end of a Hixie text.
const END: u8 = 0xFF;

/// How a [`Hixie`] pass looks for the end of a frame and checks its text.
pub trait Scan {
    /// The run up to [`END`], and whether that is there; without a character that the end of the
    /// input cuts. Stops the program at text that is not UTF-8.
    fn scan(input: &[u8]) -> (&[u8], bool);
}

/// memchr for the end, then simdutf8.
pub struct TwoPasses;

impl Scan for TwoPasses {
    fn scan(input: &[u8]) -> (&[u8], bool) {
        let end = memchr(END, input);
        let run = &input[..end.unwrap_or_else(|| whole(input))];
        let text = simdutf8::basic::from_utf8(run).expect("UTF-8");
        (text.as_bytes(), end.is_some())
    }
}

/// One pass that goes on while there is ASCII, which is all that most frames have. It ends in
/// bytes: a `str` would take another check, or unsafe code.
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

/// How much ASCII stands at the front.
fn ascii(input: &[u8]) -> usize {
    const STEP: usize = 32;
    let is_ascii = |chunk: &&[u8]| chunk.iter().fold(0, |all, byte| all | byte) < 0x80;
    let steps = input.chunks_exact(STEP).take_while(is_ascii).count();
    let rest = &input[steps * STEP..];
    let more = rest.iter().take_while(|byte| byte.is_ascii()).count();
    steps * STEP + more
}

/// The length without a character that the end cuts.
fn whole(run: &[u8]) -> usize {
    let from = run.len().saturating_sub(3);
    let tail = &run[from..];
    match tail.iter().rposition(|byte| *byte >= 0xC0) {
        Some(lead) if tail.len() - lead < width(tail[lead]) => from + lead,
        _ => run.len(),
    }
}

fn width(lead: u8) -> usize {
    match lead {
        0xF0.. => 4,
        0xE0.. => 3,
        _ => 2,
    }
}

/// Text frames of Hixie-75 and Hixie-76 read with nothing round it: no machine, no limits, no
/// other frames.
pub struct Hixie<S> {
    wire: Wire,
    buf: Aligned,
    /// The bytes of a cut character at the front of `buf`.
    cut: usize,
    within: bool,
    scan: std::marker::PhantomData<S>,
}

impl<S: Scan> Hixie<S> {
    pub fn new(wire: Wire) -> Self {
        Self {
            buf: Aligned::zeroed(wire.next_len() + 3),
            wire,
            cut: 0,
            within: false,
            scan: std::marker::PhantomData,
        }
    }
}

impl<S: Scan> Receive for Hixie<S> {
    fn read(&mut self, sink: &mut impl Sink) {
        let n = self.wire.read(&mut self.buf[self.cut..]).expect("a grant");
        let filled = self.cut + n;
        let mut rest = &self.buf[..filled];
        self.cut = 0;
        while !rest.is_empty() {
            if !self.within {
                assert_eq!(rest[0], 0x00, "a text frame");
                rest = &rest[1..];
                self.within = true;
                continue;
            }
            let (text, ends) = S::scan(rest);
            sink.piece(text, ends);
            self.within = !ends;
            if ends {
                rest = &rest[text.len() + 1..];
            } else {
                self.cut = rest.len() - text.len();
                rest = &[];
            }
        }
        self.buf.copy_within(filled - self.cut..filled, 0);
    }

    fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }
}

/// The copy out of the wire, and nothing else.
pub struct CopyOnly {
    wire: Wire,
    buf: Aligned,
}

impl CopyOnly {
    pub fn new(wire: Wire) -> Self {
        let buf = Aligned::zeroed(wire.next_len());
        Self { wire, buf }
    }

    /// Reads once; how many bytes.
    pub fn read(&mut self) -> usize {
        let n = self.wire.read(&mut self.buf).expect("a grant");
        black_box(&self.buf[..n]);
        n
    }
}

/// A head and a copy into a buffer that is used again.
pub struct Sender {
    pub wire: Wire,
    out: Vec<u8>,
    random: Random,
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            wire: Wire::silent(),
            out: Vec::new(),
            random: Random::default(),
        }
    }
}

impl Sender {
    pub fn server(&mut self, text: &str) {
        let text = black_box(text);
        self.out.clear();
        frames::head(Kind::Text, text.len(), None, &mut self.out);
        self.out.extend_from_slice(text.as_bytes());
        self.write();
    }

    pub fn client(&mut self, text: &str) {
        let text = black_box(text);
        self.out.clear();
        let mask = self.random.mask();
        frames::head(Kind::Text, text.len(), Some(mask), &mut self.out);
        let from = self.out.len();
        self.out.extend_from_slice(text.as_bytes());
        xor(&mut self.out[from..], mask);
        self.write();
    }

    pub fn hixie(&mut self, text: &str) {
        self.out.clear();
        frames::hixie(black_box(text).as_bytes(), &mut self.out);
        self.write();
    }

    fn write(&mut self) {
        self.wire.write_all(&self.out).expect("memory");
    }
}

/// A mask on a whole payload, 16 bytes at a step.
pub fn xor(bytes: &mut [u8], [a, b, c, d]: [u8; 4]) {
    let mask = [a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d];
    let mut chunks = bytes.chunks_exact_mut(16);
    for chunk in &mut chunks {
        chunk
            .iter_mut()
            .zip(mask)
            .for_each(|(byte, mask)| *byte ^= mask);
    }
    let rest = chunks.into_remainder().iter_mut();
    rest.zip(mask).for_each(|(byte, mask)| *byte ^= mask);
}
