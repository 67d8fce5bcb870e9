//! Inflates messages in bounded steps.

use super::history::History;
use super::states::{Inflater, Step, StepResult};

/// What follows a message: the end of the sender's flush, which RFC 7692 has the receiver append,
/// and an empty final block, by which the library reports that the message did not end within a
/// block.
pub(super) const END: [u8; 6] = [0, 0, 0xff, 0xff, 3, 0];

/// How much of [`END`] a valid message uses: nothing if its last byte ends a final block, the first
/// four bytes if they complete a final block, otherwise all.
const VALID_ENDS: [usize; 3] = [0, 4, END.len()];

/// How many bytes of history each byte of input pays for: as many as a byte can inflate to. A block
/// after a final block needs the history again, and final blocks can be two bytes long.
const HISTORY_PER_BYTE: usize = 1024;

/// For how many final blocks in a message nothing has to be paid.
const FREE_FINAL_BLOCKS: usize = 3;

/// Inflates the messages of a connection. Within a message it holds a state of the library, which
/// is 48 KB.
pub(crate) struct Decompressor {
    /// Inflated text that the next block may refer to.
    history: History,
    takeover: bool,
    /// `None` before the first byte of a message, and after a final block.
    inflater: Option<Inflater>,
    /// How much of [`END`] has been inflated.
    end: usize,
    /// How many bytes of history have been loaded in this message, and are not yet paid for.
    debt: usize,
}

/// What a call did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes of input.
    pub(crate) consumed: usize,
    /// Bytes of output.
    pub(crate) produced: usize,
    pub(crate) status: Status,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// All of the input was consumed, or all of the message was inflated.
    #[default]
    Done,
    /// The output is full. There may be more, for which no input is needed.
    OutputFull,
    /// The input is not a DEFLATE stream, refers to text before the start of the stream, or has too
    /// many final blocks for its length. The decompressor must not be used again.
    Invalid,
}

impl Decompressor {
    /// `window_bits` from 8 to 15. A message cannot refer to text of earlier messages farther than
    /// the window, or at all without takeover. Within a message references up to 32 KiB are
    /// accepted: the library does not limit them to the window.
    pub(crate) fn new(window_bits: u8, takeover: bool) -> Self {
        Self {
            history: History::new(1 << window_bits.clamp(8, 15)),
            takeover,
            inflater: None,
            end: 0,
            debt: 0,
        }
    }

    /// Inflates a part of a message.
    pub(crate) fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Progress {
        let mut progress = Progress::default();
        loop {
            let input = input.get(progress.consumed..).unwrap_or_default();
            let output = output.get_mut(progress.produced..).unwrap_or_default();
            if input.is_empty() && self.inflater.is_none() {
                return progress;
            }
            let step = self.step(input, output);
            progress.consumed += step.consumed;
            progress.produced += step.produced;
            progress.status = match step.result {
                StepResult::Invalid => Status::Invalid,
                _ if step.produced == output.len() => Status::OutputFull,
                StepResult::Continue => Status::Done,
                StepResult::End => continue,
            };
            return progress;
        }
    }

    /// Inflates what is left when the last byte of a message has been consumed. To be repeated
    /// while the output is full.
    pub(crate) fn finish_message(&mut self, output: &mut [u8]) -> Progress {
        let mut progress = Progress::default();
        // A message without a byte is accepted as empty, and nothing has to follow a final block.
        if self.inflater.is_some() {
            let end = END.get(self.end..).unwrap_or_default();
            let step = self.step(end, output);
            self.end += step.consumed;
            progress.produced = step.produced;
            progress.status = match step.result {
                StepResult::Continue if step.produced == output.len() => Status::OutputFull,
                StepResult::End if VALID_ENDS.contains(&self.end) => Status::Done,
                _ => Status::Invalid,
            };
        }
        if progress.status == Status::Done {
            (self.end, self.debt) = (0, 0);
            if !self.takeover {
                self.history.clear();
            }
        }
        progress
    }

    /// After a final block the next byte starts another block, which may refer to the same text:
    /// RFC 7692, section 7.2.3.4.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let history = &self.history;
        if self.inflater.is_none() {
            if self.debt > FREE_FINAL_BLOCKS << 15 {
                return Step::INVALID;
            }
            self.debt += history.len();
        }
        let inflater = self.inflater.get_or_insert_with(|| Inflater::new(history));
        let step = inflater.inflate(input, output);
        let produced = output.get(..step.produced).unwrap_or_default();
        self.history.add(produced);
        let paid = step.consumed.saturating_mul(HISTORY_PER_BYTE);
        self.debt = self.debt.saturating_sub(paid);
        if step.result != StepResult::Continue {
            self.inflater = None;
        }
        step
    }
}
