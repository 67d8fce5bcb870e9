//! Checks of the memory that a value uses.

use testkit::allocator::measure;

/// Drops a value and asserts that this frees at most `max` bytes.
///
/// Checks nothing without `CountingAllocator`: `tests/oracles` installs it, the fuzz targets do not.
pub(crate) fn check_freed<T>(value: T, max: usize) {
    let ((), usage) = measure(|| drop(value));
    let freed = -usage.retained;
    assert!(
        freed <= max as isize,
        "{freed} bytes were allocated, more than {max}"
    );
}
