//! Runs the oracles of the fuzz targets on stored and generated inputs, without a fuzzer and on any
//! toolchain.

mod corpus;
mod generated;
mod grammar;
mod inputs;
mod round_trip;

use hybi_oracles::{METER, Oracle, TARGETS};
use testkit::allocator::{CountingAllocator, measure};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Returns the fuzz targets, with memory measured for their oracles.
fn targets() -> [(&'static str, Oracle); 9] {
    METER.get_or_init(|| |run| -measure(run).1.retained);
    TARGETS
}
