//! An allocator that counts, thread by thread: what another test does is not seen.
#![allow(dead_code)] // Each user takes its part of it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

pub struct Counting;

/// What happened on this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// How often memory was asked for, or a block made larger or smaller.
    pub allocations: u64,
    /// The largest block asked for.
    pub largest: usize,
    /// The most bytes held at once, over what was held at the beginning.
    pub peak: isize,
    /// The bytes held at the end, over what was held at the beginning.
    pub kept: isize,
}

const NOTHING: Used = Used {
    allocations: 0,
    largest: 0,
    peak: 0,
    kept: 0,
};

thread_local! {
    static USED: Cell<Used> = const { Cell::new(NOTHING) };
}

/// What `run` used on this thread.
pub fn measure<T>(run: impl FnOnce() -> T) -> (T, Used) {
    USED.set(NOTHING);
    let result = run();
    (result, USED.get())
}

fn count(freed: usize, asked: usize) {
    // A thread that ends frees what it holds after its counters are gone.
    let _ = USED.try_with(|cell| {
        let mut used = cell.get();
        if asked > 0 {
            used.allocations += 1;
            used.largest = used.largest.max(asked);
        }
        used.kept += asked as isize - freed as isize;
        used.peak = used.peak.max(used.kept);
        cell.set(used);
    });
}

// SAFETY: every call goes on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
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
