//! The encoding of inputs, the inverse of `decode`: a seed can be written from values.

use crate::chat::{self, ChatInput};
use crate::client::ClientInput;
use crate::dialects::DialectsInput;
use crate::frames::FramesInput;
use crate::head::HeadInput;
use crate::keys::KeysInput;
use crate::mask::MaskInput;
use crate::options::{LimitOptions, SplitOptions};
use crate::pair::{self, PairInput};
use crate::reply::ReplyInput;
use crate::server::ServerInput;
use crate::steps::Steps;

/// A value with a canonical encoding.
pub trait Encode {
    /// Appends bytes that are decoded to this value.
    fn encode(&self, out: &mut Vec<u8>);
}

/// Returns the bytes of an input, as a seed has them.
pub fn encode(input: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    input.encode(&mut bytes);
    bytes
}

impl Encode for u8 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }
}

/// Legible, as options are.
impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(b'0' + u8::from(*self));
    }
}

impl<T: Encode, const N: usize> Encode for [T; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|value| value.encode(out));
    }
}

/// Only for the last field of an input: the length is not encoded.
impl Encode for &[u8] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<T: Encode> Encode for Steps<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|step| step.encode(out));
    }
}

/// Encodes the fields of a struct, which are to be in the order of their definition.
macro_rules! encode_fields {
    ($($type:ty { $($field:ident),* })*) => {$(
        impl Encode for $type {
            fn encode(&self, out: &mut Vec<u8>) {
                let Self { $($field),* } = self;
                $($field.encode(out);)*
            }
        }
    )*};
}

encode_fields! {
    LimitOptions { most, frame_len }
    SplitOptions { switches, sizes }
    chat::Step { action, slot, amount, turn }
    pair::Step { by_server, action, amount }
    ChatInput { switches, limit, separator, steps }
    ClientInput<'_> { switches, limits, response, offset, byte, splits, separator, wire }
    DialectsInput { counts, version, draft, enabled, plain_http, first }
    FramesInput<'_> { switches, limits, splits, separator, wire }
    HeadInput<'_> { wire }
    KeysInput<'_> { entropy, key }
    MaskInput<'_> { key, offset, alignment, is_ascii, payload }
    PairInput { dialect, switches, limit, pipe, separator, steps }
    ReplyInput<'_> { dialect, passed, status, separator, values }
    ServerInput<'_> { dialects, switches, limits, answer, splits, separator, wire }
}
