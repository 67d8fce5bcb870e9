//! What hybi costs: inputs, the subjects that read and write them, and how their times are taken.
//!
//! Every subject is driven through its public API, over the same in-memory socket, and its results
//! are compared with what was sent before any time is taken.

#![forbid(unsafe_code)]

pub mod clock;
pub mod corpus;
pub mod entry;
pub mod frames;
pub mod goals;
pub mod memory;
pub mod rounds;
pub mod sink;
pub mod subject;
pub mod wire;
