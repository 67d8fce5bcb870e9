//! The frames of HyBi-7, HyBi-8 and RFC 6455: a header, a mask from clients, a payload by count.

use alloc::vec::Vec;
use core::mem;

use super::mask;
use super::{Decoded, FastPath, FrameEvent, take, take_byte, text};
use crate::config::{Config, Dialect, Role};
use crate::error::ProtocolError;
use crate::event::{BinaryChunk, Close, Payload};
use crate::frame::opcode::{self, MAX_HEADER_LEN, Opcode};
use crate::frame::utf8::{self, Completion, DecodedText, IncompleteChar};
use crate::work;

pub(crate) struct Decoder {
    policy: FramePolicy,
    state: State,
    /// The beginning of a header that the input cut.
    header: [u8; MAX_HEADER_LEN],
    header_len: u8,
    message: Option<CurrentMessage>,
    /// A control frame's payload that the input cut.
    control: Vec<u8>,
}

/// What a header is held against, for as long as the connection lasts.
#[derive(Clone, Copy, Debug)]
struct FramePolicy {
    /// HY-5: clients mask, servers don't.
    masked: bool,
    /// HY-6: RFC 6455 has one form for each length.
    minimal_lengths: bool,
}

/// A message of which a frame has come, and not the last.
#[derive(Debug)]
struct CurrentMessage {
    opcode: Opcode,
    fragments: u32,
    /// Payload bytes so far, over all frames.
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

/// A frame whose header is whole.
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

    /// Takes payload off the front of `input`, unmasked.
    fn take<'i>(&mut self, input: &mut &'i mut [u8], most: usize) -> &'i mut [u8] {
        let most = usize::try_from(self.remaining()).map_or(most, |left| left.min(most));
        let payload = take(input, most);
        if let Some(key) = self.mask {
            mask::apply(payload, key, self.received);
        }
        self.received += payload.len() as u64;
        work::record(payload.len());
        payload
    }
}

/// Never shows what is held of a payload.
impl core::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Scanner")
            .field("rules", &self.policy)
            .field("state", &self.state)
            .field("header_len", &self.header_len)
            .field("message", &self.message)
            .field("control", &self.control.len())
            .finish()
    }
}

impl Decoder {
    pub(crate) fn new(dialect: Dialect, role: Role) -> Self {
        Self {
            policy: FramePolicy {
                masked: role == Role::Server,
                minimal_lengths: dialect == Dialect::Rfc6455,
            },
            state: State::Header,
            header: [0; MAX_HEADER_LEN],
            header_len: 0,
            message: None,
            control: Vec::new(),
        }
    }

    pub(crate) fn at_boundary(&self) -> bool {
        let header = matches!(self.state, State::Header) && self.header_len == 0;
        header && self.message.is_none()
    }

    /// A whole message in one frame, or what more there is of one that was cut.
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
            Err(damaged) => {
                let valid = damaged.valid_prefix();
                let at = valid.len() as u64;
                self.state = State::Failed(ProtocolError::InvalidUtf8 { at });
                FastPath::before_failure(valid)
            }
        }
    }

    /// What stands further on in a frame.
    fn continue_payload_fast<'i>(&mut self, input: &mut &'i mut [u8]) -> FastPath<'i> {
        let (State::Data(frame), Some(message)) = (&mut self.state, &mut self.message) else {
            return FastPath::Miss;
        };
        if !message.incomplete_char.is_empty() {
            return FastPath::Miss;
        }
        let run: &'i [u8] = frame.take(input, input.len());
        let ended = frame.remaining() == 0;
        let last = ended && frame.fin;
        let before = message.received;
        message.received += run.len() as u64;
        let piece = if message.opcode == Opcode::Text {
            match validate_text(message, before, run, last) {
                Ok(Some(text)) => FastPath::Text {
                    text,
                    is_final: last,
                },
                Ok(None) => FastPath::Miss,
                Err((valid, error)) => {
                    self.state = State::Failed(error);
                    return FastPath::before_failure(valid);
                }
            }
        } else {
            FastPath::Binary {
                bytes: run,
                is_final: last,
            }
        };
        if ended {
            self.state = State::Header;
        }
        if last {
            self.message = None;
        }
        piece
    }

    pub(crate) fn decode<'i>(&mut self, config: &Config, input: &mut &'i mut [u8]) -> Decoded<'i> {
        loop {
            let piece = match self.state {
                State::Header => match self.read_header(input)? {
                    Ok(frame) => match self.start_frame(config, frame) {
                        Ok(()) => continue,
                        Err(error) => Err(error),
                    },
                    Err(error) => Err(error),
                },
                State::Data(_) => match self.read_payload(input)? {
                    Ok(Some(piece)) => Ok(piece),
                    Ok(None) => continue,
                    Err(error) => Err(error),
                },
                State::Control(_) => self.read_control(input)?,
                State::Failed(error) => Err(error),
            };
            if let Err(error) = piece {
                self.state = State::Failed(error);
            }
            return Some(piece);
        }
    }

    fn read_header(
        &mut self,
        input: &mut &mut [u8],
    ) -> Option<Result<CurrentFrame, ProtocolError>> {
        let in_message = self.message.is_some();
        if self.header_len == 0 && input.len() >= MAX_HEADER_LEN {
            // It can't be cut, so it is read where it stands.
            let parsed = parse_header(input, self.policy, in_message).transpose()?;
            return Some(parsed.map(|(frame, length)| {
                take(input, length);
                frame
            }));
        }
        loop {
            let byte = take_byte(input)?;
            let len = usize::from(self.header_len);
            *self.header.get_mut(len)? = byte;
            self.header_len += 1;
            let so_far = self.header.get(..=len)?;
            if let Some(parsed) = parse_header(so_far, self.policy, in_message).transpose() {
                self.header_len = 0;
                return Some(parsed.map(|(frame, _)| frame));
            }
        }
    }

    /// A header is whole: its payload comes next.
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
        // Counted also when empty: endless fragments would keep a message from ever ending.
        message.fragments = message.fragments.saturating_add(1);
        if message.fragments > config.max_fragments {
            return Err(ProtocolError::TooManyFragments {
                limit: config.max_fragments,
            });
        }
        self.state = State::Data(frame);
        Ok(())
    }

    /// `Ok(None)` when a frame ended without a piece to show.
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
        // A cut character is mended byte by byte, so that the first impossible one is seen.
        let mending = !message.incomplete_char.is_empty();
        let run: &'i [u8] = frame.take(input, if mending { 1 } else { input.len() });
        let before = message.received;
        message.received += run.len() as u64;
        let ended = frame.remaining() == 0;
        let last = ended && frame.fin;
        let piece = match message.opcode {
            Opcode::Text if mending => {
                complete_char(message, run, last).map_err(|error| ("", error))
            }
            Opcode::Text => {
                let whole = validate_text(message, before, run, last);
                whole.map(|whole| whole.map(|whole| text(DecodedText::Borrowed(whole), last)))
            }
            _ if run.is_empty() && !last => Ok(None),
            _ => Ok(Some(FrameEvent::Binary(BinaryChunk {
                bytes: run,
                is_final: last,
            }))),
        };
        if ended {
            self.state = State::Header;
        }
        if last {
            self.message = None;
        }
        Some(match piece {
            Ok(piece) => Ok(piece),
            Err(("", error)) => Err(error),
            Err((valid, error)) => {
                self.state = State::Failed(error);
                Ok(Some(text(DecodedText::Borrowed(valid), false)))
            }
        })
    }

    /// A control frame is handed out whole: it has 125 bytes at most.
    fn read_control<'i>(&mut self, input: &mut &'i mut [u8]) -> Decoded<'i> {
        let State::Control(frame) = &mut self.state else {
            return None;
        };
        let (opcode, here) = (frame.opcode, frame.take(input, input.len()));
        let whole = frame.remaining() == 0;
        if !whole || !self.control.is_empty() {
            self.control.extend_from_slice(here);
        }
        if !whole {
            return None;
        }
        self.state = State::Header;
        let payload = if self.control.is_empty() {
            Payload::borrowed(here)
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

/// HY-7: checked as it comes, and once. `Ok(None)` when there is nothing to show; what is valid
/// before an error comes with it.
fn validate_text<'i>(
    message: &mut CurrentMessage,
    before: u64,
    run: &'i [u8],
    last: bool,
) -> Result<Option<&'i str>, (&'i str, ProtocolError)> {
    let cut = if last {
        0
    } else {
        utf8::incomplete_suffix_len(run)
    };
    let (whole, cut) = run.split_at_checked(run.len() - cut).unwrap_or((run, &[]));
    message.incomplete_char.set(cut);
    if whole.is_empty() && !last {
        return Ok(None);
    }
    work::record(whole.len());
    utf8::validate(whole).map(Some).map_err(|damaged| {
        let valid = damaged.valid_prefix();
        let at = before + valid.len() as u64;
        (valid, ProtocolError::InvalidUtf8 { at })
    })
}

/// One byte more of a character that was cut, or none when a frame is empty.
fn complete_char<'i>(
    message: &mut CurrentMessage,
    byte: &[u8],
    last: bool,
) -> Result<Option<FrameEvent<'i>>, ProtocolError> {
    let at = message.received - (message.incomplete_char.len() + byte.len()) as u64;
    match message.incomplete_char.complete(byte) {
        (_, Completion::Char(bytes, len)) => Ok(Some(text(DecodedText::Char(bytes, len), last))),
        (_, Completion::Incomplete) if !last => Ok(None),
        _ => Err(ProtocolError::InvalidUtf8 { at }),
    }
}

/// The header of a message in one frame of up to 64 KiB: opcode, length, and where the payload
/// begins. `None` for any other, and for what is wrong.
#[inline]
fn single_frame_header(bytes: &[u8], rules: FramePolicy) -> Option<(Opcode, usize, usize)> {
    let (opcode, second) = match *bytes {
        [0x81, second, ..] => (Opcode::Text, second),
        [0x82, second, ..] => (Opcode::Binary, second),
        _ => return None,
    };
    if (second & 0x80 != 0) != rules.masked {
        return None;
    }
    let mask = if rules.masked { 4 } else { 0 };
    match second & 0x7F {
        127 => None,
        126 => match *bytes {
            [_, _, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                (length > 125).then_some((opcode, length, 4 + mask))
            }
            _ => None,
        },
        short => Some((opcode, usize::from(short), 2 + mask)),
    }
}

/// Reads a header as far as `bytes` go: `None` when it goes on behind them. Each byte is judged as
/// soon as it is there, so that no cut of the input makes a difference (HY-5, HY-6).
fn parse_header(
    bytes: &[u8],
    rules: FramePolicy,
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
    let last = first & 0x80 != 0;
    if opcode.is_control() && !last {
        return Err(ProtocolError::Control { opcode: number });
    }
    if !opcode.is_control() && in_message != (opcode == Opcode::Continuation) {
        return Err(ProtocolError::OutOfTurn { opcode: number });
    }
    let Some(&second) = bytes.get(1) else {
        return Ok(None);
    };
    match (second & 0x80 != 0, rules.masked) {
        (false, true) => return Err(ProtocolError::UnmaskedFrameFromClient),
        (true, false) => return Err(ProtocolError::MaskedFrameFromServer),
        _ => {}
    }
    let short = second & 0x7F;
    if opcode.is_control() && short > 125 {
        return Err(ProtocolError::Control { opcode: number });
    }
    let Some((length, end)) = parse_length(bytes, short, rules)? else {
        return Ok(None);
    };
    let mask = if rules.masked {
        let Some(&[a, b, c, d]) = bytes.get(end..end + 4) else {
            return Ok(None);
        };
        Some([a, b, c, d])
    } else {
        None
    };
    let frame = CurrentFrame {
        fin: last,
        opcode,
        mask,
        length,
        received: 0,
    };
    Ok(Some((frame, end + if rules.masked { 4 } else { 0 })))
}

/// The length, and where it ends.
fn parse_length(
    bytes: &[u8],
    short: u8,
    rules: FramePolicy,
) -> Result<Option<(u64, usize)>, ProtocolError> {
    let (length, end, least) = match short {
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
        _ => (u64::from(short), 2, 0),
    };
    if rules.minimal_lengths && length < least {
        return Err(ProtocolError::InvalidLength { at: end as u64 - 1 });
    }
    Ok(Some((length, end)))
}

/// HY-8
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
        Err(damaged) => Err(ProtocolError::InvalidUtf8 {
            at: 2 + damaged.valid_prefix().len() as u64,
        }),
    }
}
