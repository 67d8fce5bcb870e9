//! Inflates messages in bounded steps.

use super::history::History;
use super::states::Inflater;

/// What follows a message: the end of the sender's flush, which RFC 7692 has the receiver append,
/// and an empty final block, by which the library reports that the message did not end within a
/// block.
pub(super) const END: [u8; 6] = [0, 0, 0xff, 0xff, 3, 0];

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

/// The number of bytes of input and of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) consumed: usize,
    pub(crate) produced: usize,
}

/// The number of bytes of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// The output is full, and there is more.
    More(usize),
    Done(usize),
}

/// The input is not a DEFLATE stream, refers to text before the start of the stream, or has too many
/// final blocks for its length. The decompressor must not be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InvalidDeflate;

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

    /// Inflates a part of a message, until the input is consumed or the output is full. If the
    /// output is full there may be more, for which no input is needed.
    pub(crate) fn inflate(
        &mut self,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<Progress, InvalidDeflate> {
        let mut progress = Progress::default();
        loop {
            let input = input.get(progress.consumed..).unwrap_or_default();
            let output = output.get_mut(progress.produced..).unwrap_or_default();
            if input.is_empty() && self.inflater.is_none() {
                return Ok(progress);
            }
            let (step, is_end) = self.step(input, output)?;
            progress.consumed += step.consumed;
            progress.produced += step.produced;
            if step.produced == output.len() || !is_end {
                return Ok(progress);
            }
        }
    }

    /// Inflates what is left when the last byte of a message has been consumed. To be repeated
    /// until it is done.
    pub(crate) fn finish_message(&mut self, output: &mut [u8]) -> Result<Finish, InvalidDeflate> {
        let mut produced = 0;
        // A message without a byte is accepted as empty, and nothing has to follow a final block.
        if self.inflater.is_some() {
            let end = END.get(self.end..).unwrap_or_default();
            let (step, is_end) = self.step(end, output)?;
            self.end += step.consumed;
            produced = step.produced;
            if !is_end && produced == output.len() {
                return Ok(Finish::More(produced));
            }
            // 0: the final block of the message itself ended in its last byte.
            if !is_end || ![0, END.len()].contains(&self.end) {
                return Err(InvalidDeflate);
            }
        }
        (self.end, self.debt) = (0, 0);
        if !self.takeover {
            self.history.clear();
        }
        Ok(Finish::Done(produced))
    }

    /// Returns whether a final block ended. The next byte starts another block then, which may
    /// refer to the same text: RFC 7692, section 7.2.3.4.
    fn step(
        &mut self,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<(Progress, bool), InvalidDeflate> {
        let history = &self.history;
        if self.inflater.is_none() {
            if self.debt > FREE_FINAL_BLOCKS << 15 {
                return Err(InvalidDeflate);
            }
            self.debt += history.len();
        }
        let inflater = self.inflater.get_or_insert_with(|| Inflater::new(history));
        let Some(step) = inflater.inflate(input, output) else {
            self.inflater = None;
            return Err(InvalidDeflate);
        };
        self.history
            .add(output.get(..step.produced).unwrap_or_default());
        let paid = step.consumed.saturating_mul(HISTORY_PER_BYTE);
        self.debt = self.debt.saturating_sub(paid);
        if step.is_end {
            self.inflater = None;
        }
        let progress = Progress {
            consumed: step.consumed,
            produced: step.produced,
        };
        Ok((progress, step.is_end))
    }
}
