//! The frames of Hixie-75 and Hixie-76: text up to 0xFF, and frames with a length, which are
//! skipped.

use alloc::boxed::Box;

use memchr::memchr;

use super::{Piece, Quick, Scanned, take, take_byte, text};
use crate::config::{Config, Dialect};
use crate::error::ProtocolError;
use crate::event::{Close, Discarded};
use crate::frame::utf8::{self, Carry, Chunk, Damaged, Mend};
use crate::work;

/// The end of a text frame and of a frame of an unknown low type.
const END: u8 = 0xFF;

/// FR-7: so many length bytes hold 63 bits; a further one is none too many for leading 0x80 only.
const LENGTH_BYTES: u8 = 9;

#[derive(Debug)]
pub(crate) struct Scanner {
    dialect: Dialect,
    state: State,
    /// Payload bytes taken of the frame in the making.
    taken: u64,
    carry: Carry,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Between,
    Text,
    /// A frame of type 0x01 to 0x7F, up to 0xFF.
    Skim {
        kind: u8,
    },
    /// The length of a frame of type 0x80 to 0xFF.
    Length {
        kind: u8,
        length: u64,
        bytes: u8,
    },
    /// Its payload, by count.
    Skip {
        kind: u8,
        length: u64,
    },
    Failed(ProtocolError),
}

impl Scanner {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            state: State::Between,
            taken: 0,
            carry: Carry::default(),
        }
    }

    pub(crate) fn is_between(&self) -> bool {
        matches!(self.state, State::Between)
    }

    /// Of text, what stands before the end of the frame or of the input, but for a character that
    /// the input cuts. Of a frame that is skipped, what does not end it, of which nothing is told.
    #[inline]
    pub(crate) fn quick<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Quick<'i> {
        let (begin, before) = match (self.state, input.first()) {
            (State::Between, Some(0x00)) => (1, 0),
            (State::Text, Some(_)) if self.carry.is_empty() => (0, self.taken),
            (State::Skip { length, .. }, Some(_)) if length - self.taken > input.len() as u64 => {
                self.taken += take(input, input.len()).len() as u64;
                return Quick::Starved;
            }
            (State::Failed(_), _) | (_, Some(_)) => return Quick::Other,
            (_, None) => return Quick::Starved,
        };
        let payload = input.get(begin..).unwrap_or_default();
        let found = utf8::short_ascii(payload)
            .inspect(|(length, _)| work::record(*length))
            .unwrap_or_else(|| whole(payload));
        let (length, ends) = allowed(payload, found, config.max_frame - before);
        if length == 0 && !ends {
            return Quick::Other;
        }
        if !ends {
            self.taken = before + length as u64;
            self.state = State::Text;
        } else if begin == 0 {
            self.state = State::Between;
        }
        work::record(length);
        let run: &'i [u8] = take(input, begin + length + usize::from(ends));
        match utf8::check(run.get(begin..begin + length).unwrap_or_default()) {
            Ok(text) => Quick::Text { text, last: ends },
            Err(damaged) => match replaced(config, &damaged, before) {
                Ok(text) => Quick::Mended { text, last: ends },
                Err((valid, error)) => {
                    self.state = State::Failed(error);
                    Quick::before_failure(valid)
                }
            },
        }
    }

    pub(crate) fn next<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Scanned<'i> {
        loop {
            let piece = match self.state {
                State::Between => {
                    self.begin(take_byte(input)?);
                    continue;
                }
                State::Text => self.character(config, input)?,
                State::Skim { kind } => self.skim(config, kind, input)?,
                State::Length {
                    kind,
                    length,
                    bytes,
                } => {
                    let byte = take_byte(input)?;
                    if let Err(error) = self.length(config, kind, length, bytes, byte) {
                        Err(error)
                    } else {
                        continue;
                    }
                }
                State::Skip { kind, length } => self.skip(config, kind, length, input)?,
                State::Failed(error) => Err(error),
            };
            if let Err(error) = piece {
                self.state = State::Failed(error);
            }
            return Some(piece);
        }
    }

    /// FR-1
    fn begin(&mut self, kind: u8) {
        self.taken = 0;
        self.state = match kind {
            0x00 => State::Text,
            0x01..=0x7F => State::Skim { kind },
            0x80..=0xFF => State::Length {
                kind,
                length: 0,
                bytes: 0,
            },
        };
    }

    /// What the short way leaves of text: a character that the end of an input cuts, and what passes
    /// the limit. That and the frame's end are looked for before each byte, so that no cut of the
    /// input makes a difference.
    fn character<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Scanned<'i> {
        let front = input.get(..input.len().min(3)).unwrap_or_default();
        let room = config.max_frame - self.taken;
        let payload = memchr(END, front).unwrap_or(front.len());
        let allowed = usize::try_from(room).map_or(payload, |room| payload.min(room));
        let (used, mend) = self.carry.mend(front.get(..allowed).unwrap_or_default());
        work::record(front.len());
        take(input, used);
        self.taken += used as u64;
        let chunk = match mend {
            Mend::Whole(bytes, len) => Chunk::Character(bytes, len),
            Mend::Cut => match input.first() {
                None => return None,
                Some(&END) => match self.damaged(config) {
                    Ok(chunk) => chunk,
                    Err(error) => return Some(Err(error)),
                },
                Some(_) => return Some(Err(self.too_long(config))),
            },
            Mend::Bad => match self.damaged(config) {
                Ok(chunk) => chunk,
                Err(error) => return Some(Err(error)),
            },
        };
        let ends = input.first() == Some(&END);
        if ends {
            take(input, 1);
            self.state = State::Between;
        }
        Some(Ok(text(chunk, ends)))
    }

    /// The carried bytes can't become a character any more.
    fn damaged<'i>(&mut self, config: &Config) -> Result<Chunk<'i>, ProtocolError> {
        let before = self.taken - self.carry.len() as u64;
        self.carry.clear();
        if config.strict_utf8 {
            return Err(ProtocolError::Utf8 { at: before });
        }
        Ok(Chunk::Run("\u{FFFD}"))
    }

    /// How much of `input` is payload, and whether the frame ends behind it. An error when not one
    /// byte more is allowed and one has come (FR-14).
    fn run(&self, config: &Config, input: &[u8]) -> Option<Result<(usize, bool), ProtocolError>> {
        let room = config.max_frame - self.taken;
        let found = memchr(END, input);
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
            at: 1 + self.taken,
            limit: config.max_frame,
        }
    }

    /// FR-4
    fn skim<'i>(&mut self, config: &Config, kind: u8, input: &mut &'i mut [u8]) -> Scanned<'i> {
        if config.strict_frames {
            return Some(Err(ProtocolError::UnknownFrame { kind }));
        }
        loop {
            let (run, ends) = match self.run(config, input)? {
                Ok(run) => run,
                Err(error) => return Some(Err(error)),
            };
            take(input, run);
            self.taken += run as u64;
            if ends {
                take(input, 1);
                self.state = State::Between;
                return Some(Ok(discarded(kind, self.taken)));
            }
        }
    }

    /// FR-5, FR-7
    fn length(
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
            .filter(|length| *length <= config.max_frame)
            .ok_or(ProtocolError::FrameTooLong {
                at,
                limit: config.max_frame,
            })?;
        let bytes = bytes + 1;
        if bytes > LENGTH_BYTES {
            return Err(ProtocolError::Length { at });
        }
        self.state = if byte & 0x80 == 0 {
            State::Skip { kind, length }
        } else {
            State::Length {
                kind,
                length,
                bytes,
            }
        };
        Ok(())
    }

    /// FR-6: by count, whatever the bytes are. FR-8, FR-9: of Hixie-76 alone, a frame of type 0xFF
    /// and no payload closes.
    fn skip<'i>(
        &mut self,
        config: &Config,
        kind: u8,
        length: u64,
        input: &mut &'i mut [u8],
    ) -> Scanned<'i> {
        if self.dialect == Dialect::Hixie76 && kind == 0xFF && length == 0 {
            self.state = State::Between;
            return Some(Ok(Piece::Close(Close::new())));
        }
        if config.strict_frames {
            return Some(Err(ProtocolError::UnknownFrame { kind }));
        }
        let left = length - self.taken;
        let here = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
        take(input, here);
        self.taken += here as u64;
        if self.taken < length {
            return None;
        }
        self.state = State::Between;
        Some(Ok(discarded(kind, length)))
    }
}

/// FR-2, FR-3: all but 0xFF is payload, and there may be none of it. What stands before the end of
/// the frame or, without the character that it cuts, of the input.
fn whole(payload: &[u8]) -> (usize, bool) {
    let found = memchr(END, payload);
    work::record(found.unwrap_or(payload.len()));
    match found {
        Some(length) => (length, true),
        None => (payload.len() - utf8::cut(payload), false),
    }
}

/// FR-14: what of that the limit leaves. A character that is cut counts as soon as it has begun.
fn allowed(payload: &[u8], found: (usize, bool), room: u64) -> (usize, bool) {
    let (length, ends) = found;
    let begun = if ends { length } else { payload.len() };
    if begun as u64 <= room {
        return found;
    }
    let payload = payload.get(..room as usize).unwrap_or(payload);
    (payload.len() - utf8::cut(payload), false)
}

/// FR-10: text with its damage replaced or, where that fails the connection, what is valid before
/// it. The text stands behind so many bytes of its frame.
#[cold]
fn replaced<'i>(
    config: &Config,
    damaged: &Damaged<'i>,
    before: u64,
) -> Result<Box<str>, (&'i str, ProtocolError)> {
    if !config.strict_utf8 {
        return Ok(damaged.mended());
    }
    let valid = damaged.valid();
    let at = before + valid.len() as u64;
    Err((valid, ProtocolError::Utf8 { at }))
}

fn discarded<'i>(kind: u8, len: u64) -> Piece<'i> {
    Piece::Discarded(Discarded { kind, len })
}
