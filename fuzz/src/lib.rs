//! What has to hold of hybi whatever comes off the wire: one function for each fuzz target, which
//! panics at a finding. The tests call them too, with the corpora and with what they make up.
//!
//! But for `head` and `keys` an input begins with options of one byte each, counted from `0`,
//! then a byte that is skipped: so a seed is a line of digits and what comes off the wire.
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

/// What a fuzz target does with an input.
pub type Oracle = fn(&[u8]);

/// Each fuzz target, by its name.
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
