//! Checks of the memory that a value uses, where the allocator counts bytes.

use std::sync::OnceLock;

/// Runs a closure and returns how many bytes it freed.
pub type Meter = fn(&mut dyn FnMut()) -> isize;

/// Set where such an allocator is installed: by `tests/oracles`, not by the fuzz targets.
pub static METER: OnceLock<Meter> = OnceLock::new();

/// Drops a value and asserts that this frees at most `max` bytes.
pub fn check_freed<T>(value: T, max: usize) {
    let mut value = Some(value);
    if let Some(meter) = METER.get() {
        let freed = meter(&mut || value = None);
        assert!(
            freed <= max as isize,
            "{freed} bytes were allocated, more than {max}"
        );
    }
}
