//! Header and payload written into a buffer that is reused.

use std::hint::black_box;
use std::io::Write;

use super::repeat;
use crate::corpus::Random;
use crate::entry::Send;
use crate::frames::{MAX_HEAD, encode_head};
use crate::wire::Wire;

#[derive(Clone, Copy)]
pub enum Framing {
    Server,
    Client,
    Hixie,
}

pub struct Sender {
    framing: Framing,
    wire: Wire,
    text: &'static str,
    out: Vec<u8>,
    random: Random,
}

impl Sender {
    pub fn new(framing: Framing, text: &'static str, wire: Wire) -> Self {
        Self {
            framing,
            wire,
            text,
            out: vec![0; MAX_HEAD + text.len()],
            random: Random::default(),
        }
    }
}

impl Send for Sender {
    fn send(&mut self) {
        let text = black_box(self.text.as_bytes());
        let out = &mut self.out[..];
        let len = match self.framing {
            Framing::Server => {
                let head = head(text.len(), None, out);
                out[head..head + text.len()].copy_from_slice(text);
                head + text.len()
            }
            Framing::Client => {
                let mask = self.random.mask();
                let head = head(text.len(), Some(mask), out);
                mask_into(&mut out[head..head + text.len()], text, mask);
                head + text.len()
            }
            Framing::Hixie => {
                out[0] = 0x00;
                out[1..=text.len()].copy_from_slice(text);
                out[text.len() + 1] = 0xFF;
                text.len() + 2
            }
        };
        self.wire.write_all(&out[..len]).expect("memory");
    }
}

fn head(payload: usize, mask: Option<[u8; 4]>, out: &mut [u8]) -> usize {
    let (head, len) = encode_head(0x81, payload, mask);
    // All of it: a copy of constant length is a few instructions.
    out[..MAX_HEAD].copy_from_slice(&head);
    len
}

/// Copies and masks in one pass.
fn mask_into(out: &mut [u8], text: &[u8], mask: [u8; 4]) {
    let mask = repeat(mask);
    let (out, out_rest) = out.as_chunks_mut::<16>();
    let (text, text_rest) = text.as_chunks::<16>();
    for (out, text) in out.iter_mut().zip(text) {
        for i in 0..16 {
            out[i] = text[i] ^ mask[i];
        }
    }
    for ((out, text), mask) in out_rest.iter_mut().zip(text_rest).zip(mask) {
        *out = text ^ mask;
    }
}
