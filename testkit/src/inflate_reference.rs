//! Inflates complete messages by miniz_oxide, without state.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress, inflate_flags};

/// What follows the payload of a message: the end of the sender's flush (DF-11), and an empty final
/// block, which shows that the message did not end within a block. It is not needed if the end of
/// the flush ends a final block.
const END: [u8; 6] = [0, 0, 0xff, 0xff, 3, 0];

/// The result of [`reference_inflate`].
pub struct ReferenceInflated {
    /// `None` if the payload is invalid (DF-12).
    pub message: Option<Vec<u8>>,
    /// The number of final blocks up to the end or the error. One follows a message that does not
    /// end with one.
    pub final_blocks: usize,
}

/// Inflates the payload of a message, which may refer to the end of `history`, as far as the window
/// reaches. So may a block after a final block to the text before it.
pub fn reference_inflate(window_bits: u8, history: &[u8], payload: &[u8]) -> ReferenceInflated {
    let flags = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF
        | inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
    let (mut output, mut len) = (history.to_vec(), history.len());
    output.resize(len + 4096, 0);
    let mut start = len.saturating_sub(1 << window_bits);
    let (mut state, mut rest, mut is_end) = (None, payload, false);
    let mut final_blocks = 0;
    while !rest.is_empty() || state.is_some() {
        let block = state.get_or_insert_with(DecompressorOxide::new);
        let visible = &mut output[start..];
        let (status, consumed, produced) = decompress(block, rest, visible, len - start, flags);
        len += produced;
        rest = &rest[consumed..];
        match status {
            TINFLStatus::HasMoreOutput => output.resize(2 * output.len(), 0),
            TINFLStatus::NeedsMoreInput if !is_end => (rest, is_end) = (&END, true),
            TINFLStatus::Done if !is_end || rest.is_empty() || rest == [3, 0] => {
                final_blocks += 1;
                state = None;
                start = len.saturating_sub(1 << window_bits);
                if is_end {
                    rest = &[];
                }
            }
            _ => {
                let message = None;
                return ReferenceInflated {
                    message,
                    final_blocks,
                };
            }
        }
    }
    output.truncate(len);
    output.drain(..history.len());
    ReferenceInflated {
        message: Some(output),
        final_blocks,
    }
}
