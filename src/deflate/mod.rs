//! Compression of messages: permessage-deflate (RFC 7692) and x-webkit-deflate-frame.
//!
//! A connection keeps only the text that the next message may refer to. The states of the
//! compression library, which are many times larger, belong to the thread and work on one message
//! at a time: at the end of a message the stream is on a byte boundary between two blocks, so that
//! a state which is reset and given that text as its dictionary continues the stream.

mod buffer;
mod compress;
pub(crate) mod config;
mod history;
mod inflate;
mod output;
mod params;
mod pool;
mod states;
#[cfg(test)]
mod tests;

pub(crate) use buffer::Buffer;
pub(crate) use compress::{Compressor, MAX_GROWTH, compress_without_history};
pub use config::Deflate;
pub(crate) use inflate::{Decompressor, Status};
pub(crate) use output::Output;
pub use params::{Compression, ParseCompressionError};
pub(crate) use params::{Format, Limit, MAX_WINDOW_BITS, Window};
