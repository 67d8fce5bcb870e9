//! The decoder for the frames of HyBi-7, HyBi-8 and RFC 6455 (RFC 6455, 5.2).
//!
//! The slow path decodes any input by itself. On invalid UTF-8, and on a chunk that is an
//! incomplete character, the fast path consumes input, changes the state and returns
//! [`FastPath::Miss`]; the slow path goes on from that state.

use alloc::vec::Vec;
use core::mem;

use super::mask;
use super::{Decoded, FastPath, FrameEvent, take, take_byte, text};
use crate::config::{Config, Role};
use crate::error::ProtocolError;
use crate::event::{BinaryChunk, Close, Payload};
use crate::frame::opcode::{self, MAX_HEADER_LEN, Opcode};
use crate::frame::utf8::{self, Completion, DecodedText, IncompleteChar};
use crate::work;

pub(crate) struct Decoder {
    policy: FramePolicy,
    state: State,
    /// The first `header_len` bytes of an incomplete header.
    header: [u8; MAX_HEADER_LEN],
    header_len: u8,
    message: Option<CurrentMessage>,
    /// The payload of an incomplete control frame.
    control: Vec<u8>,
}

/// The rules for headers, by dialect and role.
#[derive(Clone, Copy, Debug)]
struct FramePolicy {
    /// HY-5: clients mask, servers do not.
    masked: bool,
    /// HY-6: RFC 6455 requires the shortest form of each length.
    minimal_lengths: bool,
}

/// A message whose last frame is incomplete or has not arrived.
#[derive(Debug)]
struct CurrentMessage {
    opcode: Opcode,
    fragments: u32,
    /// Payload bytes received, over all frames.
    received: u64,
    incomplete_char: IncompleteChar,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Header,
    Data(CurrentFrame),
    Control(CurrentFrame),
    Failed(ProtocolError),
}

/// A frame whose header is complete.
#[derive(Clone, Copy, Debug)]
struct CurrentFrame {
    fin: bool,
    opcode: Opcode,
    mask: Option<[u8; 4]>,
    length: u64,
    received: u64,
}

impl CurrentFrame {
    fn remaining(&self) -> u64 {
        self.length - self.received
    }

    /// Consumes up to `max` bytes of payload from the front of `input`, and unmasks them.
    fn take<'i>(&mut self, input: &mut &'i mut [u8], max: usize) -> &'i mut [u8] {
        let max = usize::try_from(self.remaining()).map_or(max, |n| n.min(max));
        let payload = take(input, max);
        if let Some(key) = self.mask {
            mask::apply(payload, key, self.received);
        }
        self.received += payload.len() as u64;
        work::record(payload.len());
        payload
    }
}

/// Omits payload bytes.
impl core::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Decoder")
            .field("policy", &self.policy)
            .field("state", &self.state)
            .field("header_len", &self.header_len)
            .field("message", &self.message)
            .field("control_len", &self.control.len())
            .finish()
    }
}

impl Decoder {
    pub(crate) fn new(role: Role, minimal_lengths: bool) -> Self {
        Self {
            policy: FramePolicy {
                masked: role == Role::Server,
                minimal_lengths,
            },
            state: State::Header,
            header: [0; MAX_HEADER_LEN],
            header_len: 0,
            message: None,
            control: Vec::new(),
        }
    }

    pub(crate) fn at_boundary(&self) -> bool {
        let at_header = matches!(self.state, State::Header) && self.header_len == 0;
        at_header && self.message.is_none()
    }

    /// Fast path: decodes a complete message in one frame, or more payload of an incomplete frame.
    #[inline]
    pub(crate) fn decode_fast<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
    ) -> FastPath<'i> {
        if input.is_empty() {
            return match self.state {
                State::Failed(_) => FastPath::Miss,
                _ => FastPath::NeedMore,
            };
        }
        if !self.at_boundary() {
            return self.continue_payload_fast(input);
        }
        if config.max_fragments == 0 {
            return FastPath::Miss;
        }
        let Some((opcode, length, start)) = single_frame_header(input, self.policy) else {
            return FastPath::Miss;
        };
        let end = start + length;
        if length as u64 > config.max_frame_len || end > input.len() {
            return FastPath::Miss;
        }
        let frame: &'i mut [u8] = take(input, end);
        let (header, payload) = frame.split_at_mut(start.min(end));
        if let (true, Some(key)) = (self.policy.masked, header.last_chunk::<4>()) {
            mask::apply(payload, *key, 0);
        }
        work::record(2 * length);
        let payload: &'i [u8] = payload;
        if opcode == Opcode::Binary {
            return FastPath::Binary {
                bytes: payload,
                is_final: true,
            };
        }
        match utf8::validate(payload) {
            Ok(text) => FastPath::Text {
                text,
                is_final: true,
            },
            Err(invalid) => {
                let valid = invalid.valid_prefix();
                let at = valid.len() as u64;
                self.state = State::Failed(ProtocolError::InvalidUtf8 { at });
                FastPath::before_failure(valid)
            }
        }
    }

    /// Fast path: decodes more payload of an incomplete frame.
    fn continue_payload_fast<'i>(&mut self, input: &mut &'i mut [u8]) -> FastPath<'i> {
        let (State::Data(frame), Some(message)) = (&mut self.state, &mut self.message) else {
            return FastPath::Miss;
        };
        if !message.incomplete_char.is_empty() {
            return FastPath::Miss;
        }
        let chunk: &'i [u8] = frame.take(input, input.len());
        let frame_ended = frame.remaining() == 0;
        let is_final = frame_ended && frame.fin;
        let offset = message.received;
        message.received += chunk.len() as u64;
        let result = if message.opcode == Opcode::Text {
            match validate_text(message, offset, chunk, is_final) {
                Ok(Some(text)) => FastPath::Text { text, is_final },
                Ok(None) => FastPath::Miss,
                Err((valid, error)) => {
                    self.state = State::Failed(error);
                    return FastPath::before_failure(valid);
                }
            }
        } else {
            FastPath::Binary {
                bytes: chunk,
                is_final,
            }
        };
        if frame_ended {
            self.state = State::Header;
        }
        if is_final {
            self.message = None;
        }
        result
    }

    pub(crate) fn decode<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Decoded<'i> {
        loop {
            let result = match self.state {
                State::Header => match self.read_header(input)? {
                    Ok(frame) => match self.start_frame(config, frame) {
                        Ok(()) => continue,
                        Err(error) => Err(error),
                    },
                    Err(error) => Err(error),
                },
                State::Data(_) => match self.read_payload(input)? {
                    Ok(Some(event)) => Ok(event),
                    Ok(None) => continue,
                    Err(error) => Err(error),
                },
                State::Control(_) => self.read_control(input)?,
                State::Failed(error) => Err(error),
            };
            if let Err(error) = result {
                self.state = State::Failed(error);
            }
            return Some(result);
        }
    }

    /// Reads a header; `None` if it is incomplete.
    fn read_header(
        &mut self,
        input: &mut &mut [u8],
    ) -> Option<Result<CurrentFrame, ProtocolError>> {
        let in_message = self.message.is_some();
        if self.header_len == 0 && input.len() >= MAX_HEADER_LEN {
            // The header is complete: parse it in place.
            let parsed = parse_header(input, self.policy, in_message).transpose()?;
            return Some(parsed.map(|(frame, len)| {
                take(input, len);
                frame
            }));
        }
        loop {
            let byte = take_byte(input)?;
            let len = usize::from(self.header_len);
            *self.header.get_mut(len)? = byte;
            self.header_len += 1;
            let received = self.header.get(..=len)?;
            if let Some(parsed) = parse_header(received, self.policy, in_message).transpose() {
                self.header_len = 0;
                return Some(parsed.map(|(frame, _)| frame));
            }
        }
    }

    /// Starts the payload of a frame whose header is complete.
    fn start_frame(&mut self, config: &Config, frame: CurrentFrame) -> Result<(), ProtocolError> {
        if frame.length > config.max_frame_len {
            return Err(ProtocolError::FrameTooLong {
                at: 1,
                limit: config.max_frame_len,
            });
        }
        if frame.opcode.is_control() {
            self.control.clear();
            self.state = State::Control(frame);
            return Ok(());
        }
        let message = self.message.get_or_insert_with(|| CurrentMessage {
            opcode: frame.opcode,
            fragments: 0,
            received: 0,
            incomplete_char: IncompleteChar::default(),
        });
        // Empty fragments count: otherwise a message could have an endless number of them.
        message.fragments = message.fragments.saturating_add(1);
        if message.fragments > config.max_fragments {
            return Err(ProtocolError::TooManyFragments {
                limit: config.max_fragments,
            });
        }
        self.state = State::Data(frame);
        Ok(())
    }

    /// Decodes more payload. Returns `Ok(None)` if there is nothing to report yet.
    fn read_payload<'i>(
        &mut self,
        input: &mut &'i mut [u8],
    ) -> Option<Result<Option<FrameEvent<'i>>, ProtocolError>> {
        let State::Data(frame) = &mut self.state else {
            return None;
        };
        if input.is_empty() && frame.remaining() > 0 {
            return None;
        }
        let message = self.message.as_mut()?;
        // Byte by byte, so that the first byte that makes the character invalid is an error at
        // once.
        let is_char_incomplete = !message.incomplete_char.is_empty();
        let chunk: &'i [u8] = frame.take(input, if is_char_incomplete { 1 } else { input.len() });
        let offset = message.received;
        message.received += chunk.len() as u64;
        let frame_ended = frame.remaining() == 0;
        let is_final = frame_ended && frame.fin;
        let result = match message.opcode {
            Opcode::Text if is_char_incomplete => {
                complete_char(message, chunk, is_final).map_err(|error| ("", error))
            }
            Opcode::Text => {
                let valid = validate_text(message, offset, chunk, is_final);
                valid.map(|valid| valid.map(|valid| text(DecodedText::Borrowed(valid), is_final)))
            }
            _ if chunk.is_empty() && !is_final => Ok(None),
            _ => Ok(Some(FrameEvent::Binary(BinaryChunk {
                bytes: chunk,
                is_final,
            }))),
        };
        if frame_ended {
            self.state = State::Header;
        }
        if is_final {
            self.message = None;
        }
        Some(match result {
            Ok(event) => Ok(event),
            Err(("", error)) => Err(error),
            Err((valid, error)) => {
                self.state = State::Failed(error);
                Ok(Some(text(DecodedText::Borrowed(valid), false)))
            }
        })
    }

    /// Reads a control frame, which is reported when it is complete: it has at most 125 bytes.
    fn read_control<'i>(&mut self, input: &mut &'i mut [u8]) -> Decoded<'i> {
        let State::Control(frame) = &mut self.state else {
            return None;
        };
        let (opcode, bytes) = (frame.opcode, frame.take(input, input.len()));
        let is_complete = frame.remaining() == 0;
        if !is_complete || !self.control.is_empty() {
            self.control.extend_from_slice(bytes);
        }
        if !is_complete {
            return None;
        }
        self.state = State::Header;
        let payload = if self.control.is_empty() {
            Payload::borrowed(bytes)
        } else {
            Payload::owned(mem::take(&mut self.control))
        };
        Some(match opcode {
            Opcode::Ping => Ok(FrameEvent::Ping(payload)),
            Opcode::Pong => Ok(FrameEvent::Pong(payload)),
            _ => parse_close(payload.as_bytes()).map(FrameEvent::Close),
        })
    }
}

/// HY-7: validates a chunk of text that follows `offset` bytes of its message, and buffers an
/// incomplete last character.
///
/// Returns `Ok(None)` if there is nothing to report. An error comes with the valid text before it.
fn validate_text<'i>(
    message: &mut CurrentMessage,
    offset: u64,
    chunk: &'i [u8],
    is_final: bool,
) -> Result<Option<&'i str>, (&'i str, ProtocolError)> {
    let suffix_len = if is_final {
        0
    } else {
        utf8::incomplete_suffix_len(chunk)
    };
    let (complete, suffix) = chunk
        .split_at_checked(chunk.len() - suffix_len)
        .unwrap_or((chunk, &[]));
    message.incomplete_char.set(suffix);
    if complete.is_empty() && !is_final {
        return Ok(None);
    }
    work::record(complete.len());
    utf8::validate(complete).map(Some).map_err(|invalid| {
        let valid = invalid.valid_prefix();
        let at = offset + valid.len() as u64;
        (valid, ProtocolError::InvalidUtf8 { at })
    })
}

/// Adds a byte to an incomplete character, or none if the frame is empty.
fn complete_char<'i>(
    message: &mut CurrentMessage,
    byte: &[u8],
    is_final: bool,
) -> Result<Option<FrameEvent<'i>>, ProtocolError> {
    let at = message.received - (message.incomplete_char.len() + byte.len()) as u64;
    match message.incomplete_char.complete(byte) {
        (_, Completion::Char(bytes, len)) => {
            Ok(Some(text(DecodedText::Char(bytes, len), is_final)))
        }
        (_, Completion::Incomplete) if !is_final => Ok(None),
        _ => Err(ProtocolError::InvalidUtf8 { at }),
    }
}

/// Parses the header of an unfragmented data frame with a payload of up to 65,535 bytes. Returns
/// the opcode, the length of the payload and its offset; `None` for any other header, valid or not.
#[inline]
fn single_frame_header(bytes: &[u8], policy: FramePolicy) -> Option<(Opcode, usize, usize)> {
    let (opcode, second) = match *bytes {
        [0x81, second, ..] => (Opcode::Text, second),
        [0x82, second, ..] => (Opcode::Binary, second),
        _ => return None,
    };
    if (second & 0x80 != 0) != policy.masked {
        return None;
    }
    let mask_len = if policy.masked { 4 } else { 0 };
    match second & 0x7F {
        127 => None,
        126 => match *bytes {
            [_, _, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                (length > 125).then_some((opcode, length, 4 + mask_len))
            }
            _ => None,
        },
        len7 => Some((opcode, usize::from(len7), 2 + mask_len)),
    }
}

/// Parses a header and returns its length with it; `None` if it is incomplete.
///
/// Each byte is checked even if the next has not arrived, so that the result does not depend on how
/// the input is split (HY-5, HY-6).
fn parse_header(
    bytes: &[u8],
    policy: FramePolicy,
    in_message: bool,
) -> Result<Option<(CurrentFrame, usize)>, ProtocolError> {
    let Some(&first) = bytes.first() else {
        return Ok(None);
    };
    if first & 0x70 != 0 {
        return Err(ProtocolError::ReservedBits { byte: first });
    }
    let number = first & 0x0F;
    let opcode =
        Opcode::from_bits(number).ok_or(ProtocolError::UnknownOpcode { opcode: number })?;
    let fin = first & 0x80 != 0;
    if opcode.is_control() && !fin {
        return Err(ProtocolError::Control { opcode: number });
    }
    if !opcode.is_control() && in_message != (opcode == Opcode::Continuation) {
        return Err(ProtocolError::OutOfTurn { opcode: number });
    }
    let Some(&second) = bytes.get(1) else {
        return Ok(None);
    };
    match (second & 0x80 != 0, policy.masked) {
        (false, true) => return Err(ProtocolError::UnmaskedFrameFromClient),
        (true, false) => return Err(ProtocolError::MaskedFrameFromServer),
        _ => {}
    }
    let len7 = second & 0x7F;
    if opcode.is_control() && len7 > 125 {
        return Err(ProtocolError::Control { opcode: number });
    }
    let Some((length, end)) = parse_length(bytes, len7, policy)? else {
        return Ok(None);
    };
    let mask = if policy.masked {
        let Some(&[a, b, c, d]) = bytes.get(end..end + 4) else {
            return Ok(None);
        };
        Some([a, b, c, d])
    } else {
        None
    };
    let frame = CurrentFrame {
        fin,
        opcode,
        mask,
        length,
        received: 0,
    };
    Ok(Some((frame, end + if policy.masked { 4 } else { 0 })))
}

/// Parses the length of the payload. Returns it with the offset after it; `None` if it is
/// incomplete.
fn parse_length(
    bytes: &[u8],
    len7: u8,
    policy: FramePolicy,
) -> Result<Option<(u64, usize)>, ProtocolError> {
    let (length, end, min) = match len7 {
        126 => match bytes.get(2..4) {
            Some(&[a, b]) => (u64::from(u16::from_be_bytes([a, b])), 4, 126),
            _ => return Ok(None),
        },
        127 => {
            if bytes.get(2).is_some_and(|top| top & 0x80 != 0) {
                return Err(ProtocolError::InvalidLength { at: 2 });
            }
            match bytes.get(2..10) {
                Some(&[a, b, c, d, e, f, g, h]) => {
                    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10, 0x1_0000)
                }
                _ => return Ok(None),
            }
        }
        _ => (u64::from(len7), 2, 0),
    };
    if policy.minimal_lengths && length < min {
        return Err(ProtocolError::InvalidLength { at: end as u64 - 1 });
    }
    Ok(Some((length, end)))
}

/// HY-8: parses the payload of a close frame.
fn parse_close(payload: &[u8]) -> Result<Close, ProtocolError> {
    let (code, reason) = match payload {
        [] => return Ok(Close::without_code()),
        [_] => return Err(ProtocolError::InvalidCloseLength),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !opcode::is_close_code(code) {
        return Err(ProtocolError::InvalidCloseCode { code });
    }
    work::record(reason.len());
    match utf8::validate(reason) {
        Ok(reason) => Ok(Close::new(code, reason)),
        Err(invalid) => Err(ProtocolError::InvalidUtf8 {
            at: 2 + invalid.valid_prefix().len() as u64,
        }),
    }
}
