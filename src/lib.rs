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

mod challenge;
mod config;
mod connection;
mod encode;
mod entropy;
mod error;
mod event;
mod handshake;
mod head;
mod mask;
mod message;
mod opcode;
mod outbox;
mod preface;
mod scan;
mod steps;
mod tunnel;
mod utf8;

pub use config::{Config, Dialect, Dialects, Role};
pub use connection::{Connection, Frame};
pub use encode::Encoded;
pub use error::{HeaderFault, KeyFault, LineFault, ProtocolError, Refused};
pub use event::{Binary, Close, Closed, Discarded, Event, Open, Payload, Phase, Text};
pub use handshake::{Accept, Request, Response, Target, Upgrade};
pub use message::{Message, TooLong};
pub use tunnel::Tunnel;

/// What fuzz targets look at beside the public surface.
#[cfg(all(fuzzing, feature = "std"))]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::challenge::part;
    pub use crate::steps::take as steps;
}
