//! The oracles of the fuzz targets, without a fuzzer: `cargo test` asks them on any toolchain.

#[path = "../common/allocator.rs"]
mod allocator;
mod corpus;
mod generated;
mod grammar;
#[path = "../../fuzz/src/lib.rs"]
mod oracles;

use allocator::{Counting, measure};
use oracles::{METER, Oracle, TARGETS};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The targets, whose oracles are told of memory too.
fn targets() -> [(&'static str, Oracle); 9] {
    METER.get_or_init(|| |run| -measure(run).1.kept);
    TARGETS
}
