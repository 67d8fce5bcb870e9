//! An implementation at its work, ready to be timed, its results found right.

use crate::frames::Frames;
use crate::sink::{Comparison, Sink, Tally};
use crate::wire::Wire;

/// What reads messages from a wire.
pub trait Receive {
    /// Reads once, or as often as one message takes, and hands over what came of it.
    fn read(&mut self, sink: &mut impl Sink);

    fn wire(&mut self) -> &mut Wire;
}

/// Something to time.
pub struct Entry {
    pub name: &'static str,
    step: Box<dyn FnMut() -> u64>,
}

/// So many bytes at a time when a time per byte is taken: at their end some peers have work to do.
const GRANT: u64 = 4096;

impl Entry {
    /// `step` does some of the work, and says how many units of it.
    pub fn new(name: &'static str, step: impl FnMut() -> u64 + 'static) -> Self {
        let step = Box::new(step);
        Self { name, step }
    }

    /// Takes the time per message.
    pub fn messages(
        name: &'static str,
        mut receiver: impl Receive + 'static,
        frames: &Frames,
    ) -> Self {
        compare(&mut receiver, frames);
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

    /// Takes the time per byte of input.
    pub fn bytes(
        name: &'static str,
        mut receiver: impl Receive + 'static,
        frames: &Frames,
    ) -> Self {
        compare(&mut receiver, frames);
        Self::new(name, move || {
            let mut tally = Tally::default();
            receiver.wire().grant(GRANT);
            while receiver.wire().granted() > 0 {
                receiver.read(&mut tally);
            }
            GRANT
        })
    }

    /// Counts `size` units where it counted one: bytes for messages.
    #[must_use]
    pub fn each_of(mut self, size: usize) -> Self {
        Self::new(self.name, move || self.step() * size as u64)
    }

    pub fn step(&mut self) -> u64 {
        (self.step)()
    }
}

/// Every message once, byte for byte.
fn compare(receiver: &mut impl Receive, frames: &Frames) {
    let mut comparison = Comparison::new(&frames.payloads);
    while comparison.messages() < frames.payloads.len() as u64 {
        receiver.read(&mut comparison);
    }
}
