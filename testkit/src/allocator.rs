//! An allocator that counts per thread, so that other tests do not interfere.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

pub struct CountingAllocator;

/// Memory use of the current thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Number of allocations and reallocations.
    pub allocations: u64,
    /// Size of the largest block requested.
    pub largest: usize,
    /// The maximum of `retained`. A block that is reallocated counts twice: it may have to move.
    pub peak: isize,
    /// Bytes allocated and not freed since the start of the measurement.
    pub retained: isize,
}

const ZERO: Usage = Usage {
    allocations: 0,
    largest: 0,
    peak: 0,
    retained: 0,
};

thread_local! {
    static USAGE: Cell<Usage> = const { Cell::new(ZERO) };
}

/// Runs `run` and returns its result and memory use.
pub fn measure<T>(run: impl FnOnce() -> T) -> (T, Usage) {
    USAGE.set(ZERO);
    let result = run();
    (result, USAGE.get())
}

/// Returns a figure of a document: the number between two parts of a sentence, in the unit after it.
pub fn figure(document: &str, before: &str, after: &str) -> usize {
    let words = document.split_whitespace().filter(|word| *word != "///");
    let document = words.collect::<Vec<_>>().join(" ");
    let (_, rest) = document.split_once(before).expect(before);
    let (number, rest) = rest.trim_start().split_once(' ').unwrap();
    assert!(rest.starts_with(after), "{before} {number} not {after}");
    let unit = match after.split([' ', ',']).next() {
        Some("MiB") => 1 << 20,
        Some("KiB") => 1 << 10,
        _ => 1,
    };
    number.replace(',', "").parse::<usize>().unwrap() * unit
}

fn count(freed: usize, requested: usize) {
    #[cfg(hybi_verify)]
    if hybi::fuzzing::is_verifying() {
        return;
    }
    // Thread-local values may be freed after the counters are destroyed.
    let _ = USAGE.try_with(|cell| {
        let mut usage = cell.get();
        if requested > 0 {
            usage.allocations += 1;
            usage.largest = usage.largest.max(requested);
        }
        usage.peak = usage.peak.max(usage.retained + requested as isize);
        usage.retained += requested as isize - freed as isize;
        cell.set(usage);
    });
}

// SAFETY: every call is passed unchanged to the system allocator.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(layout.size(), 0);
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), size);
        unsafe { System.realloc(block, layout, size) }
    }
}
