//! In the style of uWebSockets' parser: frames are unmasked in the read buffer and returned
//! as borrowed slices; an incomplete header is buffered, and a message that spans reads is copied.

use std::io::Read;
use std::mem::take;

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
    header: Vec<u8>,
    message: Vec<u8>,
    /// The number of bytes of the current payload that have not arrived.
    remaining: usize,
    mask: [u8; 4],
}

impl Receiver {
    pub fn new(kind: Kind, wire: Wire) -> Self {
        Self {
            buf: Aligned::zeroed(wire.next_len()),
            wire,
            kind,
            header: Vec::new(),
            message: Vec::new(),
            remaining: 0,
            mask: [0; 4],
        }
    }

    /// Consumes a header, or buffers an incomplete one.
    fn head(&mut self, input: &mut &mut [u8]) -> Option<Head> {
        if self.header.is_empty() {
            let head = frames::parse(input);
            let len = head.as_ref().map_or(input.len(), |head| head.len);
            let (front, rest) = take(input).split_at_mut(len);
            if head.is_none() {
                self.header.extend_from_slice(front);
            }
            *input = rest;
            return head;
        }
        while let Some((byte, rest)) = take(input).split_first_mut() {
            *input = rest;
            self.header.push(*byte);
            if let Some(head) = frames::parse(&self.header) {
                self.header.clear();
                return Some(head);
            }
        }
        None
    }

    fn part(&mut self, payload: &mut [u8], sink: &mut impl Sink) {
        super::unmask(payload, self.mask);
        self.mask.rotate_left(payload.len() % 4);
        self.message.extend_from_slice(payload);
        self.remaining -= payload.len();
        if self.remaining == 0 {
            sink.chunk(super::check(self.kind, &self.message), true);
            self.message.clear();
        }
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        let mut buf = take(&mut self.buf);
        let n = self.wire.read(&mut buf).expect("memory");
        let mut input = &mut buf[..n];
        while !input.is_empty() {
            if self.remaining == 0 {
                let Some(head) = self.head(&mut input) else {
                    break;
                };
                if head.payload <= input.len() {
                    let (payload, rest) = input.split_at_mut(head.payload);
                    super::unmask(payload, head.mask);
                    sink.chunk(super::check(self.kind, payload), true);
                    input = rest;
                    continue;
                }
                (self.remaining, self.mask) = (head.payload, head.mask);
            }
            let n = self.remaining.min(input.len());
            let (payload, rest) = input.split_at_mut(n);
            self.part(payload, sink);
            input = rest;
        }
        self.buf = buf;
    }
}
