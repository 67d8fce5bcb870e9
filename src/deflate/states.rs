//! The states of the compression library. Each thread keeps a few, since creating one costs more
//! than most messages.

use std::boxed::Box;
use std::cell::RefCell;
use std::vec::Vec;

use zlib_rs::{Deflate, DeflateFlush, Inflate, InflateFlush, Status, compress_bound};

use super::history::History;
use crate::work;

/// How many states of each kind a thread keeps: 48 KB each for an inflater, and 150 KB (window of 9
/// bits) to 380 KB (15 bits) for a deflater. A server needs one deflater for each size of window
/// that it agrees on.
pub(super) const KEPT_STATES: usize = 4;

std::thread_local! {
    static DEFLATERS: RefCell<Vec<DeflateState>> = const { RefCell::new(Vec::new()) };
    static INFLATERS: RefCell<Vec<InflateState>> = const { RefCell::new(Vec::new()) };
}

struct DeflateState {
    zlib: Box<Deflate>,
    window_bits: u8,
    level: u8,
}

struct InflateState {
    zlib: Box<Inflate>,
}

/// Removes and returns a state of this thread.
fn take<T>(states: &RefCell<Vec<T>>, is_suitable: impl Fn(&T) -> bool) -> Option<T> {
    let mut states = states.borrow_mut();
    let index = states.iter().rposition(is_suitable)?;
    Some(states.remove(index))
}

/// Keeps a state, and drops the one that has not been used for the longest time if there are too
/// many.
fn put<T>(states: &RefCell<Vec<T>>, state: T) {
    let mut states = states.borrow_mut();
    if states.len() == KEPT_STATES {
        states.remove(0);
    }
    states.push(state);
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
                zlib: Box::new(Deflate::new(i32::from(level), false, window_bits)),
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
        self.is_reusable = produced.is_some();
        work::record(input.len() + produced.unwrap_or(0));
        self.is_reusable
    }

    pub(super) fn flush_to(&mut self, input: &[u8], output: &mut [u8]) -> Option<usize> {
        let zlib = &mut self.state.as_mut().filter(|_| self.is_reusable)?.zlib;
        let (total_in, total_out) = (zlib.total_in(), zlib.total_out());
        zlib.compress(input, output, DeflateFlush::SyncFlush).ok()?;
        let consumed = usize::try_from(zlib.total_in() - total_in).ok()?;
        let produced = usize::try_from(zlib.total_out() - total_out).ok()?;
        (consumed == input.len() && produced < output.len()).then_some(produced)
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
    /// The end of a final block.
    pub(super) is_end: bool,
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
                zlib: Box::new(Inflate::new(false, 15)),
            },
        };
        for part in history.parts() {
            // Cannot fail for a stream without header. If it did, references would be rejected.
            let _ = state.zlib.set_dictionary(part);
        }
        work::record(history.len());
        Self { state: Some(state) }
    }

    /// Returns `None` if the input is invalid.
    pub(super) fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Option<Step> {
        let zlib = &mut self.state.as_mut()?.zlib;
        let (total_in, total_out) = (zlib.total_in(), zlib.total_out());
        let status = zlib.decompress(input, output, InflateFlush::NoFlush).ok()?;
        let step = Step {
            consumed: usize::try_from(zlib.total_in() - total_in).ok()?,
            produced: usize::try_from(zlib.total_out() - total_out).ok()?,
            is_end: status == Status::StreamEnd,
        };
        work::record(step.consumed + step.produced);
        Some(step)
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
