//! Benchmarks of hybi: inputs, the implementations that read and write them, and how they are
//! measured.
//!
//! Every implementation is driven through its public API, over the same in-memory socket, and its
//! results are compared with what was sent before they are measured.

#![forbid(unsafe_code)]

pub mod clock;
pub mod corpus;
pub mod entry;
pub mod frames;
pub mod impls;
pub mod memory;
pub mod rounds;
pub mod sink;
pub mod targets;
pub mod wire;
