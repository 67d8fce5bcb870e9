//! The options at the start of an input.

use std::fmt;
use std::time::Duration;

use arbitrary::Arbitrary;
use hybi::Config;

use crate::encode::Encode;

/// An option: a number, as one byte that is legible up to 9.
#[derive(Arbitrary, Clone, Copy)]
pub struct Digit(u8);

impl Digit {
    /// The distance of the byte from `0`.
    pub fn value(self) -> usize {
        self.0.wrapping_sub(b'0').into()
    }

    /// The low bits of the number, the lowest first.
    pub fn switches<const N: usize>(self) -> [bool; N] {
        std::array::from_fn(|i| self.value() >> i & 1 == 1)
    }
}

impl From<u8> for Digit {
    fn from(value: u8) -> Self {
        Self(b'0'.wrapping_add(value))
    }
}

impl Encode for Digit {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

/// Options for the limits of a connection.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct LimitOptions {
    /// Most limits: 0 for the defaults, 1 for no limit of heads, more for small ones.
    pub most: Digit,
    /// The maximum frame length plus 1; 0 for the default, 255 for the largest possible.
    pub frame_len: Digit,
}

impl LimitOptions {
    pub fn limits(self) -> Limits {
        let mut limits = Limits::default();
        match self.most.value() {
            0 => {}
            1 => {
                limits.config = limits
                    .config
                    .max_head_len(usize::MAX)
                    .max_header_line_len(usize::MAX)
            }
            n => {
                limits.high_water = n;
                limits.max_fragments = n as u32 - 2;
                limits.timeouts = Timeouts {
                    handshake: Duration::from_millis(n as u64),
                    close: Duration::from_millis(1000 - n as u64),
                    write: Duration::from_millis(2000 - n as u64),
                };
                limits.config = limits
                    .config
                    .max_head_len(8 * n)
                    .max_header_line_len(2 * n)
                    .max_headers(n / 8)
                    .max_send_buffer(2 * n)
                    .high_water(n)
                    .max_fragments(limits.max_fragments)
                    .handshake_timeout(limits.timeouts.handshake)
                    .close_timeout(limits.timeouts.close)
                    .write_timeout(limits.timeouts.write);
            }
        }
        match self.frame_len.value() {
            0 => {}
            // FR-7: the maximum of the wire format still applies.
            255 => limits.config = limits.config.max_frame_len(u64::MAX),
            n => {
                limits.max_frame_len = n as u64 - 1;
                limits.config = limits.config.max_frame_len(limits.max_frame_len);
            }
        }
        limits
    }
}

/// Options for how the input is split into reads.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct SplitOptions {
    /// EOF at the end, EOF before the last read, late answers, pauses; see `Splits`.
    pub switches: Digit,
    /// Sizes of the reads, repeated in turn; all 0 means one read.
    pub sizes: [Digit; 4],
}

impl SplitOptions {
    pub fn splits(self) -> Splits {
        let [eof, eof_early, answer_late, pause] = self.switches.switches();
        Splits {
            sizes: self.sizes.map(Digit::value),
            eof,
            eof_early,
            answer_late,
            pause,
        }
    }
}

/// A configuration, and the values in it that the oracles need.
pub struct Limits {
    pub config: Config,
    pub max_frame_len: u64,
    pub max_fragments: u32,
    pub high_water: usize,
    pub timeouts: Timeouts,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            config: Config::default(),
            max_frame_len: i64::MAX as u64,
            max_fragments: 64 * 1024,
            high_water: 64 * 1024,
            timeouts: Timeouts::default(),
        }
    }
}

/// The configured timeouts.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub handshake: Duration,
    pub close: Duration,
    pub write: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            close: Duration::from_secs(5),
            write: Duration::from_secs(30),
        }
    }
}

/// How the input is split into reads.
#[derive(Clone, Copy, Debug)]
pub struct Splits {
    /// Sizes of the reads, repeated in turn; all 0 means one read.
    pub sizes: [usize; 4],
    /// The input ends with EOF.
    pub eof: bool,
    /// EOF is reported before the last read is fed.
    pub eof_early: bool,
    /// A request or a close frame is answered only when the next read has arrived.
    pub answer_late: bool,
    /// The application pauses after each event, and keeps the input that remains.
    pub pause: bool,
}

impl Splits {
    /// The same input in one read.
    pub fn unsplit(self) -> Self {
        Self {
            sizes: [0; 4],
            eof: self.eof,
            eof_early: false,
            answer_late: false,
            pause: false,
        }
    }

    /// The end offset of each read of `len` bytes of input.
    pub fn ends(&self, len: usize) -> Vec<usize> {
        let mut ends = Vec::new();
        if self.sizes != [0; 4] {
            let mut end = 0;
            ends.extend(self.sizes.iter().cycle().map_while(|size| {
                end += size;
                (end < len).then_some(end)
            }));
        }
        ends.push(len);
        ends
    }
}
