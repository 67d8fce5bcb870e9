//! The decoder for the frames of HyBi-7, HyBi-8 and RFC 6455 (RFC 6455, 5.2).
//!
//! The slow path decodes any input by itself. [`FastPath::Miss`] says from which state it goes on.

use alloc::boxed::Box;
#[cfg(feature = "deflate")]
use core::mem;

#[cfg(feature = "deflate")]
use super::inflation::Inflation;
use super::mask::Unmasked;
use super::payload::{Chunk, CurrentFrame, Data, InvalidText, unmask, validate_text};
use super::{Decoded, FastPath, FrameEvent, Stored};
use crate::config::{Config, Role};
#[cfg(feature = "deflate")]
use crate::deflate::{Format, Window};
use crate::error::ProtocolError;
use crate::event::{BinaryChunk, Close, Payload, TextChunk};
use crate::fixed_buf::FixedBuf;
use crate::frame::header::{self, FramePolicy, Header, MAX_HEADER_LEN};
use crate::frame::opcode::{self, MAX_CONTROL_LEN, Opcode};
use crate::frame::utf8::{self, IncompleteChar};
use crate::input::{Storage, take, take_byte};
use crate::work;

#[derive(Debug)]
#[cfg_attr(any(fuzzing, hybi_verify), derive(Clone, PartialEq))]
pub(crate) struct Decoder {
    policy: FramePolicy,
    state: State,
    message: Option<CurrentMessage>,
    /// The payload of a control frame, if the input splits it.
    control: Option<Box<FixedBuf<MAX_CONTROL_LEN>>>,
    #[cfg(feature = "deflate")]
    inflation: Option<Box<Inflation>>,
}

/// A message whose last frame is incomplete or has not arrived.
#[derive(Debug)]
#[cfg_attr(any(fuzzing, hybi_verify), derive(Clone, PartialEq))]
struct CurrentMessage {
    opcode: Opcode,
    fragments: u32,
    /// Bytes of the message received: of the payloads of all frames, or what they inflated to.
    received: u64,
    /// The payload of the current frame is compressed.
    #[cfg(feature = "deflate")]
    compressed: bool,
    /// So is, or was, that of a frame of the message.
    #[cfg(feature = "deflate")]
    has_compressed: bool,
    /// See [`Decoder::take_started`].
    #[cfg(feature = "deflate")]
    is_new: bool,
    incomplete_char: IncompleteChar,
}

#[derive(Debug)]
#[cfg_attr(any(fuzzing, hybi_verify), derive(Clone, PartialEq))]
enum State {
    /// Reading a header; with the bytes of an incomplete one.
    Header(FixedBuf<MAX_HEADER_LEN>),
    Payload(CurrentFrame),
    /// Boxed, since the size of each connection depends on it.
    Failed(Box<ProtocolError>),
}

impl State {
    const FRAME_START: Self = Self::Header(FixedBuf::EMPTY);

    #[cold]
    fn failed(error: ProtocolError) -> Self {
        Self::Failed(Box::new(error))
    }
}

impl CurrentMessage {
    /// Consumes up to `max` bytes of payload from the front of `input`.
    fn take_chunk<'i>(
        &mut self,
        frame: &mut CurrentFrame,
        input: &mut &'i mut [u8],
        max: usize,
    ) -> Chunk<'i> {
        let chunk = frame.take_chunk(input, max, self.received);
        self.received += chunk.payload.bytes.len() as u64;
        chunk
    }

    /// See [`Chunk::decode`].
    fn decode<'i>(&mut self, chunk: &Chunk<'i>) -> Result<Option<Data<'i>>, InvalidText<'i>> {
        chunk.decode(self.opcode, &mut self.incomplete_char)
    }
}

/// The payload bytes that allow a message one more frame than `max_fragments` (HY-7).
const BYTES_PER_EXTRA_FRAGMENT: u64 = 16;

/// Checks the limits that apply to a frame: its length, and the number `fragments` of its message,
/// of which `received` bytes of payload came before.
#[inline]
fn check_limits(
    config: &Config,
    header: &Header,
    fragments: u32,
    received: u64,
) -> Result<(), ProtocolError> {
    if header.payload_len > config.max_frame_len {
        return Err(ProtocolError::FrameTooLong {
            limit: config.max_frame_len,
        });
    }
    // Empty fragments count: otherwise a message could have an endless number of them. Payload
    // allows more, since the work for a frame is then in proportion to it.
    let extra = received / BYTES_PER_EXTRA_FRAGMENT;
    if u64::from(fragments) > u64::from(config.max_fragments) + extra {
        return Err(ProtocolError::TooManyFragments {
            limit: config.max_fragments,
        });
    }
    Ok(())
}

#[cfg(any(fuzzing, hybi_verify))]
impl Decoder {
    /// Returns how many bytes of `input` the fast path consumes at most.
    pub(super) fn fast_len(&self, input: &[u8]) -> usize {
        let len = match &self.state {
            State::Payload(frame) => frame.remaining(),
            State::Header(_) => match header::parse(input, self.policy, false) {
                Ok(Some(header)) => u64::from(header.len).saturating_add(header.payload_len),
                Ok(None) | Err(_) => 0,
            },
            State::Failed(_) => 0,
        };
        usize::try_from(len).unwrap_or(usize::MAX)
    }
}

impl Decoder {
    pub(crate) fn new(role: Role, minimal_lengths: bool) -> Self {
        Self {
            policy: FramePolicy {
                masked: role == Role::Server,
                minimal_lengths,
                #[cfg(feature = "deflate")]
                compression: None,
            },
            state: State::FRAME_START,
            message: None,
            control: None,
            #[cfg(feature = "deflate")]
            inflation: None,
        }
    }

    /// Accepts compressed messages.
    #[cfg(feature = "deflate")]
    pub(crate) fn with_compression(mut self, format: Format, window: Window) -> Self {
        self.policy.compression = Some(format);
        self.inflation = Some(Box::new(Inflation::new(format, window)));
        self
    }

    pub(crate) fn at_boundary(&self) -> bool {
        let at_header = matches!(&self.state, State::Header(read) if read.is_empty());
        at_header && self.message.is_none()
    }

    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.state, State::Failed(_))
    }

    /// Returns whether a compressed message is incomplete.
    #[cfg(feature = "deflate")]
    pub(crate) fn is_inflating(&self) -> bool {
        let message = self.message.as_ref();
        message.is_some_and(|message| message.has_compressed)
    }

    /// Returns whether the current message started since the last call.
    #[cfg(feature = "deflate")]
    pub(crate) fn take_started(&mut self) -> bool {
        let message = self.message.as_mut();
        message.is_some_and(|message| mem::take(&mut message.is_new))
    }

    /// Fast path: decodes a complete message in one frame, or more payload of an incomplete frame.
    /// `input` is not empty.
    #[inline]
    pub(crate) fn decode_fast<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
    ) -> FastPath<'i> {
        if !self.at_boundary() {
            return self.continue_payload_fast(input);
        }
        let Some(header) = header::parse_message(input, self.policy) else {
            return FastPath::Miss;
        };
        let header_len = usize::from(header.len);
        let available = input.len() - header_len;
        if header.payload_len > available as u64 || check_limits(config, &header, 1, 0).is_err() {
            return FastPath::Miss;
        }
        let frame: &'i mut [u8] = take(input, header_len + header.payload_len as usize);
        let payload = frame.get_mut(header_len..).unwrap_or_default();
        let Unmasked { bytes, ascii } = unmask(payload, &header, 0);
        let is_final = true;
        if header.opcode == Opcode::Binary {
            return FastPath::Binary { bytes, is_final };
        }
        match ascii.map_or_else(|| validate_text(bytes, 0), Ok) {
            Ok(text) => FastPath::Text { text, is_final },
            Err(invalid) => self.fail_fast(invalid),
        }
    }

    /// Fast path: decodes more payload of an incomplete frame.
    fn continue_payload_fast<'i>(&mut self, input: &mut &'i mut [u8]) -> FastPath<'i> {
        let (State::Payload(frame), Some(message)) = (&mut self.state, &mut self.message) else {
            return FastPath::Miss;
        };
        if frame.header.opcode.is_control() || !message.incomplete_char.is_empty() {
            return FastPath::Miss;
        }
        #[cfg(feature = "deflate")]
        if message.compressed {
            return FastPath::Miss;
        }
        let chunk = message.take_chunk(frame, input, usize::MAX);
        let data = message.decode(&chunk);
        let is_final = chunk.is_final;
        self.finish_chunk(&chunk);
        match data {
            Ok(Some(Data::Text(text))) => FastPath::Text { text, is_final },
            Ok(Some(Data::Binary(bytes))) => FastPath::Binary { bytes, is_final },
            Ok(None) => FastPath::Miss,
            Err(invalid) => self.fail_fast(invalid),
        }
    }

    #[cold]
    fn fail_fast<'i>(&mut self, invalid: InvalidText<'i>) -> FastPath<'i> {
        self.state = State::failed(invalid.error);
        FastPath::before_failure(invalid.valid)
    }

    /// Leaves the frame and the message that end with a chunk.
    #[inline]
    fn finish_chunk(&mut self, chunk: &Chunk<'_>) {
        if chunk.frame_ended {
            self.state = State::FRAME_START;
        }
        if chunk.is_final {
            self.message = None;
        }
    }

    /// Slow path: consumes bytes from the front of `input`, up to the next event.
    pub(crate) fn decode<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
        storage: &mut Storage,
    ) -> Decoded<'i> {
        loop {
            let result = match &self.state {
                State::Header(_) => match self.read_header(input)? {
                    Ok(frame) => match self.start_frame(config, frame) {
                        Ok(()) => continue,
                        Err(error) => Err(error),
                    },
                    Err(error) => Err(error),
                },
                State::Payload(frame) if frame.header.opcode.is_control() => {
                    self.read_control(input, storage)?
                }
                State::Payload(_) => match self.read_payload(config, input, storage)? {
                    Ok(Some(event)) => Ok(event),
                    Ok(None) => continue,
                    Err(error) => Err(error),
                },
                State::Failed(error) => Err(**error),
            };
            if let Err(error) = result {
                self.state = State::failed(error);
            }
            return Some(result);
        }
    }

    /// Reads a header; `None` if it is incomplete.
    fn read_header(&mut self, input: &mut &mut [u8]) -> Option<Result<Header, ProtocolError>> {
        let State::Header(read) = &mut self.state else {
            return None;
        };
        let in_message = self.message.is_some();
        if read.is_empty() && input.len() >= MAX_HEADER_LEN {
            // The header is complete: parse it in place.
            let parsed = header::parse(input, self.policy, in_message).transpose()?;
            return Some(parsed.inspect(|header| {
                take(input, usize::from(header.len));
            }));
        }
        loop {
            read.push(take_byte(input)?);
            let parsed = header::parse(read.as_slice(), self.policy, in_message);
            if let Some(parsed) = parsed.transpose() {
                return Some(parsed);
            }
        }
    }

    /// Starts the payload of a frame whose header is complete.
    fn start_frame(&mut self, config: &Config, header: Header) -> Result<(), ProtocolError> {
        let frame = CurrentFrame::new(header);
        if header.opcode.is_control() {
            check_limits(config, &header, 0, 0)?;
            self.state = State::Payload(frame);
            return Ok(());
        }
        let message = self.message.as_ref();
        let (fragments, received) = message.map_or((0, 0), |m| (m.fragments, m.received));
        let fragments = fragments.saturating_add(1);
        check_limits(config, &header, fragments, received)?;
        let message = self.message.get_or_insert(CurrentMessage {
            opcode: header.opcode,
            fragments: 0,
            received: 0,
            #[cfg(feature = "deflate")]
            compressed: false,
            #[cfg(feature = "deflate")]
            has_compressed: false,
            #[cfg(feature = "deflate")]
            is_new: true,
            incomplete_char: IncompleteChar::EMPTY,
        });
        #[cfg(feature = "deflate")]
        if self.policy.has_compression_bit(header.opcode) {
            message.compressed = header.compressed;
            message.has_compressed |= header.compressed;
        }
        message.fragments = fragments;
        self.state = State::Payload(frame);
        Ok(())
    }

    /// Decodes more payload. Returns `Ok(None)` if there is nothing to report yet.
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables))]
    fn read_payload<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
        storage: &mut Storage,
    ) -> Option<Result<Option<FrameEvent<'i>>, ProtocolError>> {
        #[cfg(feature = "deflate")]
        if self.message.as_ref()?.compressed {
            return self.read_compressed(config, input, storage);
        }
        let State::Payload(frame) = &mut self.state else {
            return None;
        };
        if input.is_empty() && frame.remaining() > 0 {
            return None;
        }
        let message = self.message.as_mut()?;
        let is_char_incomplete = !message.incomplete_char.is_empty();
        let max = if is_char_incomplete { 1 } else { usize::MAX };
        let chunk = message.take_chunk(frame, input, max);
        let is_final = chunk.is_final;
        if is_char_incomplete {
            let completed = chunk.complete_char(&mut message.incomplete_char, storage);
            self.finish_chunk(&chunk);
            let stored = FrameEvent::Stored(Stored::Text { is_final });
            return Some(completed.map(|is_complete| is_complete.then_some(stored)));
        }
        let data = message.decode(&chunk);
        self.finish_chunk(&chunk);
        Some(match data {
            Ok(Some(Data::Text(text))) => {
                Ok(Some(FrameEvent::Text(TextChunk::new(text, is_final))))
            }
            Ok(Some(Data::Binary(bytes))) => {
                Ok(Some(FrameEvent::Binary(BinaryChunk::new(bytes, is_final))))
            }
            Ok(None) => Ok(None),
            Err(InvalidText { valid: "", error }) => Err(error),
            // The error is returned by the next call.
            Err(InvalidText { valid, error }) => {
                self.state = State::failed(error);
                Ok(Some(FrameEvent::Text(TextChunk::new(valid, false))))
            }
        })
    }

    /// Inflates more payload of a compressed message to `storage`. As
    /// [`read_payload`](Self::read_payload).
    #[cfg(feature = "deflate")]
    fn read_compressed<'i>(
        &mut self,
        config: &Config,
        input: &mut &'i mut [u8],
        storage: &mut Storage,
    ) -> Option<Result<Option<FrameEvent<'i>>, ProtocolError>> {
        let inflation = self.inflation.as_mut()?;
        let State::Payload(frame) = &mut self.state else {
            return None;
        };
        if input.is_empty() && frame.remaining() > 0 {
            return None;
        }
        let message = self.message.as_mut()?;
        let buffer = storage.inflate_buffer();
        let (bytes, valid) = buffer.start()?;
        // The first bytes of a character, which the last chunk ended with.
        let prefix_len = message.incomplete_char.copy_to(bytes);
        let limit = config.deflate_or_default().max_inflated_len;
        let output = bytes.get_mut(prefix_len..)?;
        let inflated = inflation.read(frame, input, output, message.received, limit);
        let fin = frame.header.fin;
        let len = prefix_len + inflated.len;
        let chunk = Chunk {
            payload: Unmasked::unchecked(bytes.get(..len)?),
            offset: message.received - prefix_len as u64,
            frame_ended: inflated.frame_ended,
            is_final: inflated.frame_ended && fin,
        };
        message.received += inflated.len as u64;
        let (is_final, is_text) = (chunk.is_final, message.opcode == Opcode::Text);
        let (is_reported, error) = match message.decode(&chunk) {
            Ok(Some(Data::Text(text))) => {
                valid.push_str(text);
                (true, inflated.error)
            }
            Ok(Some(Data::Binary(_))) => (true, inflated.error),
            Ok(None) => (false, inflated.error),
            Err(InvalidText { valid: text, error }) => {
                valid.push_str(text);
                (!text.is_empty(), Some(error))
            }
        };
        self.finish_chunk(&chunk);
        buffer.set_len(len);
        match (is_reported, error) {
            (false, Some(error)) => return Some(Err(error)),
            // The error is returned by the next call.
            (true, Some(error)) => self.state = State::failed(error),
            (_, None) => {}
        }
        let is_final = is_final && error.is_none();
        let stored = if is_text {
            Stored::Text { is_final }
        } else {
            Stored::Binary { is_final }
        };
        Some(Ok(is_reported.then_some(FrameEvent::Stored(stored))))
    }

    /// Reads a control frame, which is reported when it is complete: it has at most 125 bytes.
    fn read_control<'i>(&mut self, input: &mut &'i mut [u8], storage: &mut Storage) -> Decoded<'i> {
        let State::Payload(frame) = &mut self.state else {
            return None;
        };
        let (opcode, bytes) = (frame.header.opcode, frame.take(input, usize::MAX).bytes);
        let is_complete = frame.remaining() == 0;
        if self.control.is_some() || !is_complete {
            let buffer = self
                .control
                .get_or_insert_with(|| Box::new(FixedBuf::EMPTY));
            buffer.fill(bytes);
        }
        if !is_complete {
            return None;
        }
        self.state = State::FRAME_START;
        let split = self.control.take();
        let payload = split.as_ref().map_or(bytes, |payload| payload.as_slice());
        Some(match (opcode, &split) {
            (Opcode::Close, _) => parse_close(payload).map(FrameEvent::Close),
            (Opcode::Ping, None) => Ok(FrameEvent::Ping(Payload::new(bytes))),
            (_, None) => Ok(FrameEvent::Pong(Payload::new(bytes))),
            (_, Some(payload)) => {
                storage.store(payload.as_slice());
                let is_ping = opcode == Opcode::Ping;
                let stored = if is_ping { Stored::Ping } else { Stored::Pong };
                Ok(FrameEvent::Stored(stored))
            }
        })
    }
}

/// HY-8: parses the payload of a close frame.
fn parse_close(payload: &[u8]) -> Result<Close, ProtocolError> {
    let (code, reason) = match payload {
        [] => return Ok(Close::EMPTY),
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
