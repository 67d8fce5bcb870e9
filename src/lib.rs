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
pub use connection::{Connection, Frame};
pub use error::{HeaderFault, KeyFault, LineFault, ProtocolError, Refused};
pub use event::{Binary, Close, Closed, Discarded, Event, Open, Payload, Phase, Text};
pub use frame::encode::Encoded;
pub use handshake::{Accept, Request, Response, Target, Upgrade};
pub use message::{Message, TooLong};
pub use proxy::Tunnel;

/// What fuzz targets look at beside the public surface.
#[cfg(all(fuzzing, feature = "std"))]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::handshake::challenge::part;
    pub use crate::work::take as steps;
}
