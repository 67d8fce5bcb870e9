//! What a thread keeps for its next message.

use std::cell::RefCell;
use std::vec::Vec;

/// How many values of each kind a thread keeps.
pub(super) const KEPT: usize = 4;

/// Removes and returns a value.
pub(super) fn take<T>(kept: &RefCell<Vec<T>>, is_suitable: impl Fn(&T) -> bool) -> Option<T> {
    let mut kept = kept.borrow_mut();
    let index = kept.iter().rposition(is_suitable)?;
    Some(kept.remove(index))
}

/// Keeps a value, and drops the one that has not been used for the longest time if there are too
/// many.
pub(super) fn put<T>(kept: &RefCell<Vec<T>>, value: T) {
    let mut kept = kept.borrow_mut();
    if kept.len() == KEPT {
        kept.remove(0);
    }
    kept.push(value);
}
