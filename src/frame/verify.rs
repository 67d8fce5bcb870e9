//! Runs both the slow path and the fast path, and compares them: in fuzz targets, and in the tests
//! under `cfg(hybi_verify)`.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Decoder, FastPath, FrameEvent, Stored};
use crate::config::Config;
use crate::input::Storage;
use crate::work;

/// [`Decoder::decode_fast`], compared with [`Decoder::decode`] on a copy of what it consumes.
pub(super) fn decode_fast<'i>(
    decoder: &mut Decoder,
    config: &Config,
    input: &mut &'i mut [u8],
    has_received: &mut bool,
) -> FastPath<'i> {
    // At most one frame, so that the copies of one input are linear in its length.
    let (slow, mut copy) = work::uncounted(|| {
        let len = decoder.fast_len(input).min(input.len());
        let copy = input.get(..len).unwrap_or_default().to_vec();
        (decoder.clone(), copy)
    });
    let len = input.len();
    let result = decoder.fast_path(config, input, has_received);
    let consumed = len - input.len();
    work::uncounted(|| {
        assert!(
            consumed <= copy.len(),
            "the fast path consumed more than a frame"
        );
        let expected = Outcome::of_slow(slow, config, &mut copy, consumed);
        let actual = Outcome::of_fast(&result, decoder);
        assert_eq!(actual, expected, "the fast path differs from the slow path");
        drop((copy, expected, actual));
    });
    result
}

/// What a path reported, and the state that it left.
#[derive(Debug, PartialEq)]
struct Outcome {
    text: String,
    binary: Vec<u8>,
    is_reported: bool,
    is_final: bool,
    decoder: Decoder,
}

impl Outcome {
    fn of_fast(result: &FastPath<'_>, decoder: &Decoder) -> Self {
        let mut outcome = Self::new(decoder.clone());
        match result {
            FastPath::Miss | FastPath::NeedMore => {}
            FastPath::Text { text, is_final } => outcome.push(text, &[], *is_final),
            FastPath::Lossy { text, is_final } => outcome.push(text, &[], *is_final),
            FastPath::Binary { bytes, is_final } => outcome.push("", bytes, *is_final),
        }
        outcome
    }

    /// Decodes the first `consumed` bytes of `input`; both paths may look at the others.
    fn of_slow(decoder: Decoder, config: &Config, mut input: &mut [u8], consumed: usize) -> Self {
        let mut outcome = Self::new(decoder);
        let remaining = input.len() - consumed;
        while input.len() > remaining {
            let mut storage = Storage::Empty;
            let Some(Ok(event)) = outcome.decoder.decode(config, &mut input, &mut storage) else {
                break;
            };
            match event {
                FrameEvent::Text(chunk) => outcome.push(chunk.as_str(), &[], chunk.is_final()),
                FrameEvent::Binary(chunk) => outcome.push("", chunk.as_bytes(), chunk.is_final()),
                FrameEvent::Stored(Stored::Text { is_final }) => {
                    outcome.push(storage.text(), &[], is_final);
                }
                // The fast path leaves other frames to the slow path.
                FrameEvent::Ping(_)
                | FrameEvent::Pong(_)
                | FrameEvent::Stored(_)
                | FrameEvent::Skipped(_)
                | FrameEvent::Close(_) => outcome.is_final = true,
            }
        }
        outcome
    }

    fn new(decoder: Decoder) -> Self {
        Self {
            text: String::new(),
            binary: Vec::new(),
            is_reported: false,
            is_final: false,
            decoder,
        }
    }

    fn push(&mut self, text: &str, binary: &[u8], is_final: bool) {
        self.text.push_str(text);
        self.binary.extend_from_slice(binary);
        self.is_reported = true;
        self.is_final = is_final;
    }
}
