//! The oracles of the fuzz targets: for each target a function that checks hybi on an input and
//! panics if a property does not hold. `tests/oracles` calls them too, with the seeds, the corpora
//! and generated inputs.
//!
//! Except for `head` and `keys`, an input starts with options of one byte each, where `0` is zero,
//! and a separator byte: so a seed is a line of digits, then the bytes on the wire.
#![forbid(unsafe_code)]

mod chat;
mod client;
mod dialect;
mod dialects;
mod frame_encoding;
mod frames;
mod head;
mod http;
mod key_response;
mod keys;
mod memory;
mod options;
mod pair;
mod redaction;
mod reference;
mod reply;
mod server;
mod session;
mod socket;

pub use chat::chat;
pub use client::client;
pub use dialects::dialects;
pub use frames::frames;
pub use head::head;
pub use keys::keys;
pub use memory::METER;
pub use pair::pair;
pub use reply::reply;
pub use server::server;

/// Checks one input.
pub type Oracle = fn(&[u8]);

/// The fuzz targets by name.
pub const TARGETS: [(&str, Oracle); 9] = [
    ("chat", chat),
    ("client", client),
    ("dialects", dialects),
    ("frames", frames),
    ("head", head),
    ("keys", keys),
    ("pair", pair),
    ("reply", reply),
    ("server", server),
];
