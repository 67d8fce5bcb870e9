//! The frames of Hixie-75 and Hixie-76: text up to 0xFF, and frames with a length, which are
//! skipped.

use alloc::boxed::Box;

use memchr::memchr;

use super::{Decoded, FastPath, FrameEvent, take, take_byte, text};
use crate::config::{Config, Dialect};
use crate::error::ProtocolError;
use crate::event::{Close, SkippedFrame};
use crate::frame::utf8::{self, Completion, DecodedText, IncompleteChar, InvalidUtf8};
use crate::work;

/// The end of a text frame and of a frame of an unknown low type.
const TERMINATOR: u8 = 0xFF;

/// FR-7: so many length bytes hold 63 bits; a further one is none too many for leading 0x80 only.
const MAX_LENGTH_BYTES: u8 = 9;

#[derive(Debug)]
pub(crate) struct Decoder {
    dialect: Dialect,
    state: State,
    /// Payload bytes taken of the frame in the making.
    received: u64,
    incomplete_char: IncompleteChar,
}

#[derive(Clone, Copy, Debug)]
enum State {
    FrameStart,
    Text,
    /// A frame of type 0x01 to 0x7F, up to 0xFF.
    SkipToTerminator {
        frame_type: u8,
    },
    /// The length of a frame of type 0x80 to 0xFF.
    Length {
        frame_type: u8,
        length: u64,
        bytes: u8,
    },
    /// Its payload, by count.
    SkipCounted {
        frame_type: u8,
        length: u64,
    },
    Failed(ProtocolError),
}

impl Decoder {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            state: State::FrameStart,
            received: 0,
            incomplete_char: IncompleteChar::default(),
        }
    }

    pub(crate) fn at_boundary(&self) -> bool {
        matches!(self.state, State::FrameStart)
    }

    /// Of text, what stands before the end of the frame or of the input, but for a character that
    /// the input cuts. Of a frame that is skipped, what does not end it, of which nothing is told.
    #[inline]
    pub(crate) fn decode_fast<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
    ) -> FastPath<'i> {
        let (begin, before) = match (self.state, input.first()) {
            (State::FrameStart, Some(0x00)) => (1, 0),
            (State::Text, Some(_)) if self.incomplete_char.is_empty() => (0, self.received),
            (State::SkipCounted { length, .. }, Some(_))
                if length - self.received > input.len() as u64 =>
            {
                self.received += take(input, input.len()).len() as u64;
                return FastPath::NeedMore;
            }
            (State::Failed(_), _) | (_, Some(_)) => return FastPath::Miss,
            (_, None) => return FastPath::NeedMore,
        };
        let payload = input.get(begin..).unwrap_or_default();
        let found = utf8::short_ascii(payload)
            .inspect(|(length, _)| work::record(*length))
            .unwrap_or_else(|| find_text_end(payload));
        let (length, ends) = apply_limit(payload, found, config.max_frame_len - before);
        if length == 0 && !ends {
            return FastPath::Miss;
        }
        if !ends {
            self.received = before + length as u64;
            self.state = State::Text;
        } else if begin == 0 {
            self.state = State::FrameStart;
        }
        work::record(length);
        let run: &'i [u8] = take(input, begin + length + usize::from(ends));
        match utf8::validate(run.get(begin..begin + length).unwrap_or_default()) {
            Ok(text) => FastPath::Text {
                text,
                is_final: ends,
            },
            Err(damaged) => match replace_invalid(config, &damaged, before) {
                Ok(text) => FastPath::Lossy {
                    text,
                    is_final: ends,
                },
                Err((valid, error)) => {
                    self.state = State::Failed(error);
                    FastPath::before_failure(valid)
                }
            },
        }
    }

    pub(crate) fn decode<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Decoded<'i> {
        loop {
            let piece = match self.state {
                State::FrameStart => {
                    self.start_frame(take_byte(input)?);
                    continue;
                }
                State::Text => self.complete_char(config, input)?,
                State::SkipToTerminator { frame_type: kind } => {
                    self.skip_to_terminator(config, kind, input)?
                }
                State::Length {
                    frame_type: kind,
                    length,
                    bytes,
                } => {
                    let byte = take_byte(input)?;
                    if let Err(error) = self.read_length(config, kind, length, bytes, byte) {
                        Err(error)
                    } else {
                        continue;
                    }
                }
                State::SkipCounted {
                    frame_type: kind,
                    length,
                } => self.skip_counted(config, kind, length, input)?,
                State::Failed(error) => Err(error),
            };
            if let Err(error) = piece {
                self.state = State::Failed(error);
            }
            return Some(piece);
        }
    }

    /// FR-1
    fn start_frame(&mut self, kind: u8) {
        self.received = 0;
        self.state = match kind {
            0x00 => State::Text,
            0x01..=0x7F => State::SkipToTerminator { frame_type: kind },
            0x80..=0xFF => State::Length {
                frame_type: kind,
                length: 0,
                bytes: 0,
            },
        };
    }

    /// What the short way leaves of text: a character that the end of an input cuts, and what passes
    /// the limit. That and the frame's end are looked for before each byte, so that no cut of the
    /// input makes a difference.
    fn complete_char<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Decoded<'i> {
        let front = input.get(..input.len().min(3)).unwrap_or_default();
        let room = config.max_frame_len - self.received;
        let payload = memchr(TERMINATOR, front).unwrap_or(front.len());
        let allowed = usize::try_from(room).map_or(payload, |room| payload.min(room));
        let (used, mend) = self
            .incomplete_char
            .complete(front.get(..allowed).unwrap_or_default());
        work::record(front.len());
        take(input, used);
        self.received += used as u64;
        let chunk = match mend {
            Completion::Char(bytes, len) => DecodedText::Char(bytes, len),
            Completion::Incomplete => match input.first() {
                None => return None,
                Some(&TERMINATOR) => match self.take_invalid(config) {
                    Ok(chunk) => chunk,
                    Err(error) => return Some(Err(error)),
                },
                Some(_) => return Some(Err(self.too_long(config))),
            },
            Completion::Invalid => match self.take_invalid(config) {
                Ok(chunk) => chunk,
                Err(error) => return Some(Err(error)),
            },
        };
        let ends = input.first() == Some(&TERMINATOR);
        if ends {
            take(input, 1);
            self.state = State::FrameStart;
        }
        Some(Ok(text(chunk, ends)))
    }

    /// The carried bytes can't become a character any more.
    fn take_invalid<'i>(&mut self, config: &Config) -> Result<DecodedText<'i>, ProtocolError> {
        let before = self.received - self.incomplete_char.len() as u64;
        self.incomplete_char.clear();
        if config.strict_utf8 {
            return Err(ProtocolError::InvalidUtf8 { at: before });
        }
        Ok(DecodedText::Borrowed("\u{FFFD}"))
    }

    /// How much of `input` is payload, and whether the frame ends behind it. An error when not one
    /// byte more is allowed and one has come (FR-14).
    fn find_terminator(
        &self,
        config: &Config,
        input: &[u8],
    ) -> Option<Result<(usize, bool), ProtocolError>> {
        let room = config.max_frame_len - self.received;
        let found = memchr(TERMINATOR, input);
        let run = found.unwrap_or(input.len());
        work::record(run);
        if run as u64 > room {
            if room == 0 {
                return Some(Err(self.too_long(config)));
            }
            return Some(Ok((room as usize, false)));
        }
        match found {
            None if run == 0 => None,
            _ => Some(Ok((run, found.is_some()))),
        }
    }

    fn too_long(&self, config: &Config) -> ProtocolError {
        ProtocolError::FrameTooLong {
            at: 1 + self.received,
            limit: config.max_frame_len,
        }
    }

    /// FR-4
    fn skip_to_terminator<'i>(
        &mut self,
        config: &Config,
        kind: u8,
        input: &mut &'i mut [u8],
    ) -> Decoded<'i> {
        if config.strict_frames {
            return Some(Err(ProtocolError::UnknownFrameType { frame_type: kind }));
        }
        loop {
            let (run, ends) = match self.find_terminator(config, input)? {
                Ok(run) => run,
                Err(error) => return Some(Err(error)),
            };
            take(input, run);
            self.received += run as u64;
            if ends {
                take(input, 1);
                self.state = State::FrameStart;
                return Some(Ok(skipped(kind, self.received)));
            }
        }
    }

    /// FR-5, FR-7
    fn read_length(
        &mut self,
        config: &Config,
        kind: u8,
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
            .ok_or(ProtocolError::FrameTooLong {
                at,
                limit: config.max_frame_len,
            })?;
        let bytes = bytes + 1;
        if bytes > MAX_LENGTH_BYTES {
            return Err(ProtocolError::InvalidLength { at });
        }
        self.state = if byte & 0x80 == 0 {
            State::SkipCounted {
                frame_type: kind,
                length,
            }
        } else {
            State::Length {
                frame_type: kind,
                length,
                bytes,
            }
        };
        Ok(())
    }

    /// FR-6: by count, whatever the bytes are. FR-8, FR-9: of Hixie-76 alone, a frame of type 0xFF
    /// and no payload closes.
    fn skip_counted<'i>(
        &mut self,
        config: &Config,
        kind: u8,
        length: u64,
        input: &mut &'i mut [u8],
    ) -> Decoded<'i> {
        if self.dialect == Dialect::Hixie76 && kind == 0xFF && length == 0 {
            self.state = State::FrameStart;
            return Some(Ok(FrameEvent::Close(Close::EMPTY)));
        }
        if config.strict_frames {
            return Some(Err(ProtocolError::UnknownFrameType { frame_type: kind }));
        }
        let left = length - self.received;
        let here = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        take(input, here);
        self.received += here as u64;
        if self.received < length {
            return None;
        }
        self.state = State::FrameStart;
        Some(Ok(skipped(kind, length)))
    }
}

/// FR-2, FR-3: all but 0xFF is payload, and there may be none of it. What stands before the end of
/// the frame or, without the character that it cuts, of the input.
fn find_text_end(payload: &[u8]) -> (usize, bool) {
    let found = memchr(TERMINATOR, payload);
    work::record(found.unwrap_or(payload.len()));
    match found {
        Some(length) => (length, true),
        None => (payload.len() - utf8::incomplete_suffix_len(payload), false),
    }
}

/// FR-14: what of that the limit leaves. A character that is cut counts as soon as it has begun.
fn apply_limit(payload: &[u8], found: (usize, bool), room: u64) -> (usize, bool) {
    let (length, ends) = found;
    let begun = if ends { length } else { payload.len() };
    if begun as u64 <= room {
        return found;
    }
    let payload = payload.get(..room as usize).unwrap_or(payload);
    (payload.len() - utf8::incomplete_suffix_len(payload), false)
}

/// FR-10: text with its damage replaced or, where that fails the connection, what is valid before
/// it. The text stands behind so many bytes of its frame.
#[cold]
fn replace_invalid<'i>(
    config: &Config,
    damaged: &InvalidUtf8<'i>,
    before: u64,
) -> Result<Box<str>, (&'i str, ProtocolError)> {
    if !config.strict_utf8 {
        return Ok(damaged.to_lossy());
    }
    let valid = damaged.valid_prefix();
    let at = before + valid.len() as u64;
    Err((valid, ProtocolError::InvalidUtf8 { at }))
}

fn skipped<'i>(kind: u8, len: u64) -> FrameEvent<'i> {
    FrameEvent::Skipped(SkippedFrame {
        frame_type: kind,
        payload_len: len,
    })
}
