//! Compression of messages: permessage-deflate (RFC 7692) and x-webkit-deflate-frame.

pub(crate) mod config;
mod params;

pub use config::Deflate;
pub use params::{Compression, ParseCompressionError};
pub(crate) use params::{Format, Limit, MAX_WINDOW_BITS};
