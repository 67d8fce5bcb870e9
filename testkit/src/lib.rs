//! What the tests of hybi share: a driver, builders of heads and frames, reference
//! decoders, and what a server computes from keys.

pub mod allocator;
mod bytes;
mod driver;
mod errors;
mod frames;
mod heads;
pub mod hixie_reference;
pub mod hybi_reference;
mod inflate_reference;
mod keys;
mod offers;
pub mod pair;
pub mod pipes;
mod protocol_errors;
#[cfg(feature = "proptest")]
pub mod strategies;

pub use bytes::*;
pub use driver::*;
pub use frames::*;
pub use heads::*;
pub use inflate_reference::*;
pub use keys::*;
pub use offers::*;
pub use protocol_errors::*;
