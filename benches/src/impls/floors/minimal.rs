//! Header, unmask and check in one loop over a buffer that always contains the whole message.

use std::io::Read;

use crate::corpus::Kind;
use crate::entry::Receive;
use crate::frames::{self, Head};
use crate::memory::Aligned;
use crate::sink::Sink;
use crate::wire::Wire;

pub struct Receiver {
    wire: Wire,
    kind: Kind,
    buf: Aligned,
    begin: usize,
    end: usize,
    /// A frame that spans reads.
    started: Option<Started>,
}

impl Receiver {
    /// For frames of `frame` bytes.
    pub fn new(kind: Kind, frame: usize, wire: Wire) -> Self {
        Self {
            buf: Aligned::zeroed(frame + wire.next_len()),
            wire,
            kind,
            begin: 0,
            end: 0,
            started: None,
        }
    }
}

struct Started {
    head: Head,
    unmasked: usize,
    is_ascii: bool,
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        if self.begin > 0 {
            self.buf.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
        }
        self.end += self.wire.read(&mut self.buf[self.end..]).expect("memory");
        let input = &mut self.buf[..self.end];
        loop {
            let (mut head, unmasked, mut is_ascii) = match self.started.take() {
                Some(started) => (started.head, started.unmasked, started.is_ascii),
                None => match frames::parse(&input[self.begin..]) {
                    Some(head) => (head, 0, true),
                    None => break,
                },
            };
            let payload = &mut input[self.begin + head.len..];
            let n = payload.len().min(head.payload);
            let payload = &mut payload[..n];
            // Immediately, while it is in the L1 cache.
            is_ascii &= super::unmask(&mut payload[unmasked..], head.mask);
            if n < head.payload {
                head.mask.rotate_left((n - unmasked) % 4);
                self.started = Some(Started {
                    head,
                    unmasked: n,
                    is_ascii,
                });
                break;
            }
            if !is_ascii {
                super::check(self.kind, payload);
            }
            sink.chunk(payload, true);
            self.begin += head.len + head.payload;
        }
    }
}
