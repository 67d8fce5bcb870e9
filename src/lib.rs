#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

mod config;
mod connection;
mod entropy;
mod error;
mod event;
mod frame;
mod handshake;
mod http;
mod message;
mod proxy;
mod send_buffer;
mod sniff;
mod work;

pub use config::{Config, Dialect, Dialects, Role};
pub use connection::{Connection, VectoredMessage};
pub use error::{HeaderErrorKind, KeyErrorKind, LineErrorKind, ProtocolError, Refused};
pub use event::{
    BinaryChunk, Close, Closed, Event, Handshake, Payload, Phase, SkippedFrame, TextChunk,
};
pub use frame::encode::PreparedMessage;
pub use handshake::{AcceptOptions, ClientRequest, Request, Response, UpgradeResponse};
pub use message::{MessageAssembler, MessageTooLong};
pub use proxy::ProxyTunnel;

/// What fuzz targets look at beside the public surface.
#[cfg(all(fuzzing, feature = "std"))]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::handshake::challenge::key_part;
    pub use crate::work::take as steps;
}
