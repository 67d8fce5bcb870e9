//! The oracles of the fuzz targets, without a fuzzer: `cargo test` asks them on any toolchain.

mod corpus;
mod generated;
mod grammar;
#[path = "../../fuzz/src/lib.rs"]
mod oracles;
