//! The decoder for the frames of Hixie-75 and Hixie-76: text up to 0xFF, the close frame of
//! Hixie-76, and frames of other types, which are skipped.

use alloc::boxed::Box;

use memchr::memchr;

use super::{Decoded, FastPath, FrameEvent, Stored};
use crate::config::Config;
use crate::error::ProtocolError;
use crate::event::{Close, SkippedFrame, TextChunk};
use crate::frame::utf8::{self, Completion, IncompleteChar, InvalidUtf8};
use crate::input::{Storage, take, take_byte};
use crate::work;

/// The last byte of a text frame, and of a skipped frame of type 0x01 to 0x7F.
const TERMINATOR: u8 = super::encode::HIXIE_TERMINATOR;

/// FR-7: nine length bytes hold 63 bits. A tenth that does not exceed them follows leading 0x80s
/// only, and is an error.
const MAX_LENGTH_BYTES: u8 = 9;

#[derive(Debug)]
#[cfg_attr(any(fuzzing, hybi_verify), derive(Clone))]
pub(crate) struct Decoder {
    /// Whether a frame of type 0xFF with an empty payload is a close frame (FR-8).
    has_close: bool,
    state: State,
    /// Payload bytes of the current frame that were consumed.
    received: u64,
    incomplete_char: IncompleteChar,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(any(fuzzing, hybi_verify), derive(PartialEq))]
enum State {
    FrameStart,
    Text,
    /// A frame of type 0x01 to 0x7F, which ends with 0xFF.
    SkipToTerminator {
        frame_type: u8,
    },
    /// The length of a frame of type 0x80 to 0xFF.
    Length {
        frame_type: u8,
        length: u64,
        bytes: u8,
    },
    /// The payload of a frame of type 0x80 to 0xFF.
    SkipCounted {
        frame_type: u8,
        length: u64,
    },
    Failed(ProtocolError),
}

/// Ignores counts that the state does not use.
#[cfg(any(fuzzing, hybi_verify))]
impl PartialEq for Decoder {
    fn eq(&self, other: &Self) -> bool {
        let is_same = self.state == other.state;
        match self.state {
            State::FrameStart | State::Failed(_) => is_same,
            _ => {
                is_same
                    && self.received == other.received
                    && self.incomplete_char == other.incomplete_char
            }
        }
    }
}

#[cfg(any(fuzzing, hybi_verify))]
impl Decoder {
    /// Returns how many bytes of `input` the fast path consumes at most.
    pub(super) fn fast_len(&self, input: &[u8]) -> usize {
        match (self.state, input.first()) {
            (State::FrameStart, Some(0x00)) | (State::Text, _) => {
                memchr(TERMINATOR, input).map_or(input.len(), |end| end + 1)
            }
            (State::SkipCounted { .. }, _) => input.len(),
            _ => 0,
        }
    }
}

impl Decoder {
    pub(crate) fn new(has_close: bool) -> Self {
        Self {
            has_close,
            state: State::FrameStart,
            received: 0,
            incomplete_char: IncompleteChar::EMPTY,
        }
    }

    pub(crate) fn at_boundary(&self) -> bool {
        matches!(self.state, State::FrameStart)
    }

    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// Fast path: decodes text, and skips payload that does not complete its frame. `input` is not
    /// empty.
    #[inline]
    pub(crate) fn decode_fast<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
    ) -> FastPath<'i> {
        match (self.state, input.first()) {
            (State::FrameStart, Some(0x00)) => self
                .decode_text(config, input, 1, 0)
                .unwrap_or(FastPath::Miss),
            (State::Text, Some(_)) if self.incomplete_char.is_empty() => {
                let received = self.received;
                let result = self.decode_text(config, input, 0, received);
                result.unwrap_or(FastPath::Miss)
            }
            (State::SkipCounted { length, .. }, Some(_))
                if length - self.received > input.len() as u64 =>
            {
                self.skip(input, length);
                FastPath::NeedMore
            }
            _ => FastPath::Miss,
        }
    }

    /// Decodes text up to 0xFF or the end of the input, except an incomplete last character.
    ///
    /// `start` bytes of `input` come before the text, and `offset` bytes of the payload. `None` if
    /// there is no complete character within the limit.
    #[inline(always)]
    fn decode_text<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
        start: usize,
        offset: u64,
    ) -> Option<FastPath<'i>> {
        let payload = input.get(start..).unwrap_or_default();
        let text_end = utf8::short_ascii(payload)
            .inspect(|(len, _)| work::record(*len))
            .unwrap_or_else(|| find_text_end(payload));
        let (len, is_final) = apply_limit(payload, text_end, config.max_frame_len - offset);
        if len == 0 && !is_final {
            return None;
        }
        if is_final {
            self.state = State::FrameStart;
        } else {
            self.received = offset + len as u64;
            self.state = State::Text;
        }
        work::record(len);
        let consumed: &'i [u8] = take(input, start + len + usize::from(is_final));
        Some(
            match utf8::validate(consumed.get(start..start + len).unwrap_or_default()) {
                Ok(text) => FastPath::Text { text, is_final },
                Err(invalid) => match replace_invalid(config, &invalid, offset) {
                    Ok(text) => FastPath::Lossy { text, is_final },
                    Err((valid, error)) => {
                        self.state = State::Failed(error);
                        FastPath::before_failure(valid)
                    }
                },
            },
        )
    }

    /// Slow path: consumes bytes from the front of `input`, up to the next event.
    pub(crate) fn decode<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
        storage: &mut Storage,
    ) -> Decoded<'i> {
        loop {
            let result = match self.state {
                State::FrameStart => {
                    self.start_frame(take_byte(input)?);
                    continue;
                }
                State::Text => self.read_text(config, input, storage)?,
                State::SkipToTerminator { frame_type } => {
                    self.skip_to_terminator(config, frame_type, input)?
                }
                State::Length {
                    frame_type,
                    length,
                    bytes,
                } => {
                    let byte = take_byte(input)?;
                    if let Err(error) = self.read_length(config, frame_type, length, bytes, byte) {
                        Err(error)
                    } else {
                        continue;
                    }
                }
                State::SkipCounted { frame_type, length } => {
                    self.skip_counted(config, frame_type, length, input)?
                }
                State::Failed(error) => Err(error),
            };
            if let Err(error) = result {
                self.state = State::Failed(error);
            }
            return Some(result);
        }
    }

    /// FR-1: starts a frame of this type.
    fn start_frame(&mut self, frame_type: u8) {
        self.received = 0;
        self.state = match frame_type {
            0x00 => State::Text,
            0x01..=0x7F => State::SkipToTerminator { frame_type },
            0x80..=0xFF => State::Length {
                frame_type,
                length: 0,
                bytes: 0,
            },
        };
    }

    /// Decodes text that starts with ASCII or ends at once, or else a single character, which the
    /// input may split.
    fn read_text<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
        storage: &mut Storage,
    ) -> Decoded<'i> {
        let is_multibyte = matches!(input.first(), Some(0x80..=0xFE));
        if self.incomplete_char.is_empty() && !is_multibyte {
            match self.decode_text(config, input, 0, self.received) {
                Some(FastPath::Text { text, is_final }) => {
                    return Some(Ok(FrameEvent::Text(TextChunk::new(text, is_final))));
                }
                Some(FastPath::Lossy { text, is_final }) => {
                    *storage = Storage::Text(text);
                    return Some(Ok(FrameEvent::Stored(Stored::Text { is_final })));
                }
                _ => {}
            }
        }
        self.complete_char(config, input, storage)
    }

    /// Completes a character that the input splits, and reports a payload beyond the limit.
    ///
    /// The end of the frame and the limit are checked before each byte, so that the result does not
    /// depend on how the input is split.
    fn complete_char<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
        storage: &mut Storage,
    ) -> Decoded<'i> {
        let front = input.get(..input.len().min(4)).unwrap_or_default();
        let remaining = config.max_frame_len - self.received;
        let payload_len = memchr(TERMINATOR, front).unwrap_or(front.len());
        let allowed_len = usize::try_from(remaining).map_or(payload_len, |n| n.min(payload_len));
        let (n, completion) = self
            .incomplete_char
            .complete(front.get(..allowed_len).unwrap_or_default());
        work::record(front.len());
        take(input, n);
        self.received += n as u64;
        let is_invalid = match (&completion, input.first()) {
            (Completion::Char(_), _) => false,
            (Completion::Incomplete, None) => return None,
            (Completion::Incomplete, Some(&TERMINATOR)) | (Completion::Invalid, _) => true,
            (Completion::Incomplete, Some(_)) => return Some(Err(too_long(config))),
        };
        if is_invalid {
            if let Err(error) = self.discard_invalid(config) {
                return Some(Err(error));
            }
        }
        let is_final = input.first() == Some(&TERMINATOR);
        if is_final {
            take(input, 1);
            self.state = State::FrameStart;
        }
        Some(Ok(match completion {
            Completion::Char(bytes) => {
                storage.store(bytes.as_slice());
                FrameEvent::Stored(Stored::Text { is_final })
            }
            // FR-10
            Completion::Incomplete | Completion::Invalid => {
                FrameEvent::Text(TextChunk::new("\u{FFFD}", is_final))
            }
        }))
    }

    /// FR-10: discards the buffered bytes, which cannot be completed and are reported as U+FFFD; an
    /// error with `strict_utf8`.
    fn discard_invalid(&mut self, config: &Config) -> Result<(), ProtocolError> {
        let at = self.received - self.incomplete_char.len() as u64;
        self.incomplete_char.clear();
        if config.strict_utf8 {
            return Err(ProtocolError::InvalidUtf8 { at });
        }
        Ok(())
    }

    /// Returns how many bytes of `input` are payload within the limit, and whether the frame ends
    /// after them. `None` if the input is empty; an error if no more byte is within the limit and
    /// one has arrived (FR-14).
    fn find_terminator(
        &self,
        config: &Config,
        input: &[u8],
    ) -> Option<Result<(usize, bool), ProtocolError>> {
        let remaining = config.max_frame_len - self.received;
        let terminator = memchr(TERMINATOR, input);
        let len = terminator.unwrap_or(input.len());
        work::record(len);
        if len as u64 > remaining {
            if remaining == 0 {
                return Some(Err(too_long(config)));
            }
            return Some(Ok((remaining as usize, false)));
        }
        match terminator {
            None if len == 0 => None,
            _ => Some(Ok((len, terminator.is_some()))),
        }
    }

    /// FR-4: skips a payload that ends with 0xFF.
    fn skip_to_terminator<'i>(
        &mut self,
        config: &Config,
        frame_type: u8,
        input: &mut &'i mut [u8],
    ) -> Decoded<'i> {
        if config.strict_frames {
            return Some(Err(ProtocolError::UnknownFrameType { frame_type }));
        }
        loop {
            let (len, frame_ended) = match self.find_terminator(config, input)? {
                Ok(found) => found,
                Err(error) => return Some(Err(error)),
            };
            take(input, len);
            self.received += len as u64;
            if frame_ended {
                take(input, 1);
                self.state = State::FrameStart;
                return Some(Ok(skipped(frame_type, self.received)));
            }
        }
    }

    /// FR-5, FR-7: adds a byte to the length.
    fn read_length(
        &mut self,
        config: &Config,
        frame_type: u8,
        length: u64,
        bytes: u8,
        byte: u8,
    ) -> Result<(), ProtocolError> {
        work::record(1);
        let at = 1 + u64::from(bytes);
        let length = length
            .checked_mul(0x80)
            .and_then(|length| length.checked_add(u64::from(byte & 0x7F)))
            .filter(|length| *length <= config.max_frame_len)
            .ok_or_else(|| too_long(config))?;
        let bytes = bytes + 1;
        if bytes > MAX_LENGTH_BYTES {
            return Err(ProtocolError::InvalidLength { at });
        }
        self.state = if byte & 0x80 == 0 {
            State::SkipCounted { frame_type, length }
        } else {
            State::Length {
                frame_type,
                length,
                bytes,
            }
        };
        Ok(())
    }

    /// FR-6: skips a payload of known length, whatever its bytes are.
    ///
    /// FR-8, FR-9: in Hixie-76 alone, a frame of type 0xFF with an empty payload is a close frame.
    fn skip_counted<'i>(
        &mut self,
        config: &Config,
        frame_type: u8,
        length: u64,
        input: &mut &'i mut [u8],
    ) -> Decoded<'i> {
        if self.has_close && frame_type == 0xFF && length == 0 {
            self.state = State::FrameStart;
            return Some(Ok(FrameEvent::Close(Close::EMPTY)));
        }
        if config.strict_frames {
            return Some(Err(ProtocolError::UnknownFrameType { frame_type }));
        }
        if !self.skip(input, length) {
            return None;
        }
        self.state = State::FrameStart;
        Some(Ok(skipped(frame_type, length)))
    }

    /// Consumes payload; returns whether all of it is consumed.
    fn skip(&mut self, input: &mut &mut [u8], length: u64) -> bool {
        let remaining = length - self.received;
        let n = usize::try_from(remaining).map_or(input.len(), |n| n.min(input.len()));
        take(input, n);
        self.received += n as u64;
        self.received == length
    }
}

/// FR-2, FR-3: the payload of a text frame is everything up to 0xFF, and may be empty.
///
/// Returns how many bytes of text come before 0xFF, or before the end of the input less an
/// incomplete last character, and whether 0xFF is there.
fn find_text_end(payload: &[u8]) -> (usize, bool) {
    let terminator = memchr(TERMINATOR, payload);
    work::record(terminator.unwrap_or(payload.len()));
    match terminator {
        Some(len) => (len, true),
        None => (payload.len() - utf8::incomplete_suffix_len(payload), false),
    }
}

/// FR-14: applies the limit to the result of [`find_text_end`]. Bytes of an incomplete character
/// count towards the limit.
fn apply_limit(payload: &[u8], text_end: (usize, bool), remaining: u64) -> (usize, bool) {
    let (len, is_final) = text_end;
    let received = if is_final { len } else { payload.len() };
    if received as u64 <= remaining {
        return text_end;
    }
    let payload = payload.get(..remaining as usize).unwrap_or(payload);
    (payload.len() - utf8::incomplete_suffix_len(payload), false)
}

/// FR-10: returns the text with U+FFFD for each invalid sequence or, with `strict_utf8`, an error
/// and the valid text before it. `offset` bytes of payload come before the text.
#[cold]
fn replace_invalid<'i>(
    config: &Config,
    invalid: &InvalidUtf8<'i>,
    offset: u64,
) -> Result<Box<str>, (&'i str, ProtocolError)> {
    if !config.strict_utf8 {
        return Ok(invalid.to_lossy());
    }
    let valid = invalid.valid_prefix();
    let at = offset + valid.len() as u64;
    Err((valid, ProtocolError::InvalidUtf8 { at }))
}

#[cold]
fn too_long(config: &Config) -> ProtocolError {
    ProtocolError::FrameTooLong {
        limit: config.max_frame_len,
    }
}

fn skipped<'i>(frame_type: u8, payload_len: u64) -> FrameEvent<'i> {
    FrameEvent::Skipped(SkippedFrame {
        frame_type,
        payload_len,
    })
}
