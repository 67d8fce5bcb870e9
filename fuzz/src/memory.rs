//! What a connection holds, where an allocator is there that counts.

use std::sync::OnceLock;

/// Runs something; how many bytes were freed by it.
pub type Meter = fn(&mut dyn FnMut()) -> isize;

/// Set by who has such an allocator: a fuzz target has none.
pub static METER: OnceLock<Meter> = OnceLock::new();

/// Lets go of a value, and holds what that frees against the most that it may have been.
pub fn let_go<T>(value: T, most: usize) {
    let mut value = Some(value);
    if let Some(meter) = METER.get() {
        let freed = meter(&mut || value = None);
        assert!(
            freed <= most as isize,
            "{freed} bytes were held, not {most}"
        );
    }
}
