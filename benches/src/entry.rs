//! An entry of a row: what is measured, after its results were checked.

use crate::frames::Frames;
use crate::sink::{Comparison, Sink, Tally};

/// Receives messages from a wire.
pub trait Receive {
    /// Reads once, or until there is a message, and passes everything received to `sink`.
    fn read(&mut self, sink: &mut impl Sink);
}

/// Sends one message, always the same, and flushes.
pub trait Send {
    fn send(&mut self);
}

/// Receives one message and sends it back.
pub trait Echo {
    fn echo(&mut self);
}

/// What is measured.
pub struct Entry {
    pub name: &'static str,
    step: Box<dyn FnMut() -> u64>,
}

impl Entry {
    /// `step` does some of the work and returns its number of units.
    pub fn new(name: &'static str, step: impl FnMut() -> u64 + 'static) -> Self {
        let step = Box::new(step);
        Self { name, step }
    }

    /// Measures the time per message.
    pub fn messages(
        name: &'static str,
        mut receiver: impl Receive + 'static,
        frames: &Frames,
    ) -> Self {
        compare(name, &mut receiver, frames);
        let size = frames.payloads[0].len();
        Self::new(name, move || {
            let mut tally = Tally::default();
            while tally.messages() == 0 {
                receiver.read(&mut tally);
            }
            tally.check(size);
            tally.messages()
        })
    }

    /// Counts `size` units instead of one: bytes instead of messages.
    #[must_use]
    pub fn each_of(mut self, size: usize) -> Self {
        Self::new(self.name, move || self.step() * size as u64)
    }

    pub fn step(&mut self) -> u64 {
        (self.step)()
    }
}

/// Every message once, byte for byte.
fn compare(name: &str, receiver: &mut impl Receive, frames: &Frames) {
    let mut comparison = Comparison::new(name, &frames.payloads);
    while comparison.messages() < frames.payloads.len() as u64 {
        receiver.read(&mut comparison);
    }
}
