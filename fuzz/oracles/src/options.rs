//! The options at the start of an input.

use std::time::Duration;

use hybi::Config;

/// Reads options, one byte each, from the start of an input.
pub struct Options<'a>(pub &'a [u8]);

impl<'a> Options<'a> {
    /// The next option; 0 when there are no more.
    pub fn number(&mut self) -> usize {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        byte.wrapping_sub(b'0').into()
    }

    /// The low bits of the next option, the lowest first.
    pub fn switches<const N: usize>(&mut self) -> [bool; N] {
        let bits = self.number();
        std::array::from_fn(|i| bits >> i & 1 == 1)
    }

    /// The input after the options and the separator byte that follows them.
    pub fn wire(self) -> &'a [u8] {
        self.0.get(1..).unwrap_or_default()
    }

    pub fn limits(&mut self) -> Limits {
        let mut limits = Limits::default();
        match self.number() {
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
                    .close_timeout(limits.timeouts.close);
            }
        }
        match self.number() {
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

    pub fn splits(&mut self) -> Splits {
        let [eof, eof_early, answer_late] = self.switches();
        Splits {
            sizes: std::array::from_fn(|_| self.number()),
            eof,
            eof_early,
            answer_late,
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
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            close: Duration::from_secs(5),
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
    /// A request is answered only when the next read has arrived.
    pub answer_late: bool,
}

impl Splits {
    /// The same input in one read.
    pub fn unsplit(self) -> Self {
        Self {
            sizes: [0; 4],
            eof: self.eof,
            eof_early: false,
            answer_late: false,
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
