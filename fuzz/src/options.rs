//! The options in front of an input.

use std::time::Duration;

use hybi::Config;

/// The options in front of an input.
pub struct Options<'a>(pub &'a [u8]);

impl<'a> Options<'a> {
    /// The next one; 0 when there are no more.
    pub fn number(&mut self) -> usize {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        byte.wrapping_sub(b'0').into()
    }

    pub fn switches<const N: usize>(&mut self) -> [bool; N] {
        let bits = self.number();
        std::array::from_fn(|i| bits >> i & 1 == 1)
    }

    /// What stands behind the options and the byte that ends them.
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
                    opening: Duration::from_millis(n as u64),
                    closing: Duration::from_millis(1000 - n as u64),
                };
                limits.config = limits
                    .config
                    .max_head_len(8 * n)
                    .max_header_line_len(2 * n)
                    .max_headers(n / 8)
                    .max_send_buffer(2 * n)
                    .high_water(n)
                    .max_fragments(limits.max_fragments)
                    .handshake_timeout(limits.timeouts.opening)
                    .close_timeout(limits.timeouts.closing);
            }
        }
        match self.number() {
            0 => {}
            // FR-7: the format's own is still held to.
            255 => limits.config = limits.config.max_frame_len(u64::MAX),
            n => {
                limits.max_frame_len = n as u64 - 1;
                limits.config = limits.config.max_frame_len(limits.max_frame_len);
            }
        }
        limits
    }

    pub fn cuts(&mut self) -> Cuts {
        let [eof, eof_early, late] = self.switches();
        Cuts {
            sizes: std::array::from_fn(|_| self.number()),
            eof,
            eof_early,
            late,
        }
    }
}

/// A configuration, and what of it has to be known here.
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

/// How long a silent peer is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub opening: Duration,
    pub closing: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            opening: Duration::from_secs(10),
            closing: Duration::from_secs(5),
        }
    }
}

/// How the bytes come in.
#[derive(Clone, Copy, Debug)]
pub struct Cuts {
    /// Of the pieces, in turn; when all are 0 there is one piece.
    pub sizes: [usize; 4],
    pub eof: bool,
    /// The end is told of before the last piece is fed.
    pub eof_early: bool,
    /// A request is answered when the next piece has come.
    pub late: bool,
}

impl Cuts {
    pub fn none(self) -> Self {
        Self {
            sizes: [0; 4],
            eof: self.eof,
            eof_early: false,
            late: false,
        }
    }

    /// Where the pieces end.
    pub fn ends(&self, length: usize) -> Vec<usize> {
        let mut ends = Vec::new();
        if self.sizes != [0; 4] {
            let mut end = 0;
            ends.extend(self.sizes.iter().cycle().map_while(|size| {
                end += size;
                (end < length).then_some(end)
            }));
        }
        ends.push(length);
        ends
    }
}
