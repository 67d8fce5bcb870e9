//! Runs the oracles of the fuzz targets on stored and generated inputs, without a fuzzer and on any
//! toolchain.

mod corpus;
mod generated;
mod grammar;
mod inputs;
mod round_trip;

use testkit::allocator::CountingAllocator;

/// Lets the oracles check memory.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
