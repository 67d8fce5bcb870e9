//! The memory of compressed messages.

use std::cell::RefCell;
use std::vec::Vec;

use super::pool::{put, take};

/// The most capacity that a thread keeps for another message.
const MAX_KEPT: usize = 64 * 1024;

std::thread_local! {
    static OUTPUTS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty buffer. It returns to the thread that drops it.
pub(crate) struct Output(Vec<u8>);

impl Output {
    pub(crate) fn new() -> Self {
        let found = OUTPUTS.try_with(|outputs| take(outputs, |_| true));
        Self(found.ok().flatten().unwrap_or_default())
    }

    pub(crate) fn as_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let mut output = core::mem::take(&mut self.0);
        output.clear();
        if output.capacity() <= MAX_KEPT {
            let _ = OUTPUTS.try_with(|outputs| put(outputs, output));
        }
    }
}
