//! The states of the compression library. Each thread keeps a few, since creating one costs more
//! than most messages: 48 KB for each inflater, and 250 KB (window of 9 bits) to 380 KB (15 bits)
//! for each deflater. A server needs one deflater for each size of window that it agrees on.

use std::boxed::Box;
use std::cell::RefCell;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::vec::Vec;

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status, compress_bound};

use super::history::History;
use super::pool::{put, take};
use crate::work;

std::thread_local! {
    static DEFLATERS: RefCell<Vec<DeflateState>> = const { RefCell::new(Vec::new()) };
    static INFLATERS: RefCell<Vec<InflateState>> = const { RefCell::new(Vec::new()) };
}

struct DeflateState {
    // A state in which a call has panicked is not used again; see `Deflater::flush_to`.
    zlib: AssertUnwindSafe<Box<Deflate>>,
    window_bits: u8,
    level: u8,
}

struct InflateState {
    // A call that panicked leaves it in any state; it is reset before it is used again.
    zlib: AssertUnwindSafe<Box<Inflate>>,
}

/// A state that compresses one message. It returns to the thread that drops it.
pub(super) struct Deflater {
    /// `None` only while it is dropped.
    state: Option<DeflateState>,
    is_reusable: bool,
}

impl Deflater {
    /// `history` is text that the receiver has, too.
    pub(super) fn new(window_bits: u8, level: u8, history: &History) -> Self {
        let is_suitable =
            |state: &DeflateState| (state.window_bits, state.level) == (window_bits, level);
        let found = DEFLATERS.try_with(|states| take(states, is_suitable));
        let mut state = match found.ok().flatten() {
            Some(mut state) => {
                state.zlib.reset();
                state
            }
            None => DeflateState {
                zlib: AssertUnwindSafe(Box::new(Deflate::new(
                    i32::from(level),
                    false,
                    window_bits,
                ))),
                window_bits,
                level,
            },
        };
        let mut is_reusable = true;
        for part in history.parts() {
            is_reusable &= part.is_empty() || state.zlib.set_dictionary(part).is_ok();
        }
        work::record(history.len());
        Self {
            state: Some(state),
            is_reusable,
        }
    }

    /// Appends the compressed form of `input` and an empty stored block, which ends on a byte
    /// boundary. `false` leaves the output as it was, and the state must not be used again.
    pub(super) fn flush(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        let start = output.len();
        let space = output_space(input.len());
        output.resize(start.saturating_add(space), 0);
        let produced = self.flush_to(input, output.get_mut(start..).unwrap_or_default());
        output.truncate(start + produced.unwrap_or(0));
        work::record(input.len() + produced.unwrap_or(0));
        produced.is_some()
    }

    /// Writes to the front of `output`, and returns the length; `None` as `false` in
    /// [`flush`](Self::flush).
    pub(super) fn flush_to(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        // Not reusable if the library panics.
        let is_usable = mem::take(&mut self.is_reusable);
        let zlib = &mut self.state.as_mut().filter(|_| is_usable)?.zlib;
        let (total_in, total_out) = (zlib.total_in(), zlib.total_out());
        zlib.compress(input, output, DeflateFlush::SyncFlush).ok()?;
        let consumed = usize::try_from(zlib.total_in() - total_in).ok()?;
        let produced = usize::try_from(zlib.total_out() - total_out).ok()?;
        self.is_reusable = consumed == input.len() && produced < output.len();
        self.is_reusable.then_some(produced)
    }
}

impl Drop for Deflater {
    fn drop(&mut self) {
        // A state that ran out of output space panics after a reset.
        if let Some(state) = self.state.take().filter(|_| self.is_reusable) {
            let _ = DEFLATERS.try_with(|states| put(states, state));
        }
    }
}

/// The output space that zlib-rs 0.6.8 needs to compress `len` bytes in one call. With less it can
/// panic, if not at once then when it is used again after a reset.
fn output_space(len: usize) -> usize {
    compress_bound(len).saturating_add(64)
}

/// A state that inflates one message. It returns to the thread that drops it.
pub(super) struct Inflater {
    /// `None` only while it is dropped.
    state: Option<InflateState>,
}

/// What a call of [`Inflater::inflate`] did.
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    pub(super) result: StepResult,
}

impl Step {
    /// Invalid without any output.
    pub(super) const INVALID: Self = Self {
        consumed: 0,
        produced: 0,
        result: StepResult::Invalid,
    };
}

/// What comes after a [`Step`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum StepResult {
    /// More of the block.
    Continue,
    /// A final block ended.
    End,
    /// The input is invalid.
    Invalid,
}

impl Inflater {
    pub(super) fn new(history: &History) -> Self {
        let found = INFLATERS.try_with(|states| take(states, |_| true));
        let mut state = match found.ok().flatten() {
            Some(mut state) => {
                // Makes the text of the previous message unreachable.
                state.zlib.reset(false);
                state
            }
            None => InflateState {
                zlib: AssertUnwindSafe(Box::new(Inflate::new(false, 15))),
            },
        };
        for part in history.parts() {
            // Cannot fail for a stream without header. If it did, references would be rejected.
            let _ = state.zlib.set_dictionary(part);
        }
        work::record(history.len());
        Self { state: Some(state) }
    }

    /// Inflates until the input is consumed, the output is full or a final block ends.
    pub(super) fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let Some(InflateState { zlib }) = &mut self.state else {
            return Step::INVALID;
        };
        let (total_in, total_out) = (zlib.total_in(), zlib.total_out());
        let result = match zlib.decompress(input, output, InflateFlush::NoFlush) {
            Ok(Status::StreamEnd) => StepResult::End,
            Ok(_) => StepResult::Continue,
            Err(_) => StepResult::Invalid,
        };
        let step = Step {
            // At most the lengths of the slices.
            consumed: (zlib.total_in() - total_in) as usize,
            produced: (zlib.total_out() - total_out) as usize,
            result,
        };
        work::record(step.consumed + step.produced);
        step
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            let _ = INFLATERS.try_with(|states| put(states, state));
        }
    }
}

/// Returns the number of deflaters and of inflaters that this thread keeps.
#[cfg(test)]
pub(super) fn kept_states() -> (usize, usize) {
    let deflaters = DEFLATERS.with(|states| states.borrow().len());
    (deflaters, INFLATERS.with(|states| states.borrow().len()))
}
