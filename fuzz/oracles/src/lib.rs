//! The oracles of the fuzz targets: for each target a function that checks hybi on an input and
//! panics if a property does not hold. `tests/oracles` calls them too, with the seeds, the corpora
//! and generated inputs.
//!
//! Inputs derive `Arbitrary`. Except for `head`, `keys` and `mask`, they start with options of one byte
//! each, where `0` is zero, and a separator byte: so a seed is a line of digits, then the bytes on
//! the wire, or for `pair` and `chat` steps of letters and digits.
#![forbid(unsafe_code)]

mod chat;
mod checked;
mod client;
mod connect;
mod dialect;
mod dialects;
mod encode;
mod frames;
mod head;
mod http;
mod keys;
mod mask;
mod memory;
mod options;
mod pair;
mod redaction;
mod reply;
mod server;
mod session;
mod socket;
mod steps;

use arbitrary::Unstructured;

pub use arbitrary::Arbitrary;
pub use chat::{Action as ChatAction, ChatInput, Step as ChatStep, chat};
pub use client::{ClientInput, client};
pub use dialects::{DialectsInput, dialects};
pub use encode::{Encode, encode};
pub use frames::{FramesInput, frames};
pub use head::{HeadInput, head};
pub use keys::{KeysInput, keys};
pub use mask::{MaskInput, mask};
pub use options::{Digit, LimitOptions, SplitOptions};
pub use pair::{Action as PairAction, PairInput, Step as PairStep, pair};
pub use reply::{ReplyInput, reply};
pub use server::{ServerInput, server};
pub use session::take_work;
pub use steps::Steps;

/// Checks one input, given as the bytes that libFuzzer passes.
pub type Oracle = fn(&[u8]);

/// The fuzz targets by name.
pub const TARGETS: [(&str, Oracle); 10] = [
    ("chat", |bytes| chat(decode(bytes))),
    ("client", |bytes| client(decode(bytes))),
    ("dialects", |bytes| dialects(decode(bytes))),
    ("frames", |bytes| frames(decode(bytes))),
    ("head", |bytes| head(decode(bytes))),
    ("keys", |bytes| keys(decode(bytes))),
    ("mask", |bytes| mask(decode(bytes))),
    ("pair", |bytes| pair(decode(bytes))),
    ("reply", |bytes| reply(decode(bytes))),
    ("server", |bytes| server(decode(bytes))),
];

/// Decodes an input as `fuzz_target!` does. Panics if it is too short, where a target skips it.
pub fn decode<'a, I: Arbitrary<'a>>(bytes: &'a [u8]) -> I {
    let (min, _) = I::size_hint(0);
    assert!(bytes.len() >= min, "an input has at least {min} bytes");
    I::arbitrary_take_rest(Unstructured::new(bytes)).expect("each input can be decoded")
}
