//! Sending: messages, control frames and deferred pongs.

use alloc::boxed::Box;

use crate::config::{Dialect, Role};
use crate::error::Refused;
use crate::frame::encode::{self, FrameHeader, Framing, PreparedMessage};
use crate::frame::opcode::{MAX_CONTROL_LEN, Opcode};
use crate::send_buffer::SendBuffer;

use super::{Connection, SendState, State};

/// The payload of a ping that is not answered yet.
pub(super) struct DeferredPong(Box<[u8]>);

/// Omits the bytes.
impl core::fmt::Debug for DeferredPong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "DeferredPong({} bytes)", self.0.len())
    }
}

impl Connection {
    /// Queues a complete text message.
    ///
    /// # Errors
    /// - [`Refused::NotOpen`] before [`Event::Open`](crate::Event::Open).
    /// - [`Refused::Closing`] after [`close`](Self::close), and after the connection has ended.
    /// - [`Refused::FragmentInProgress`] until the last fragment of a fragmented message was sent.
    /// - [`Refused::BufferFull`] if the message would bring the pending output above
    ///   [`max_send_buffer`](crate::Config::max_send_buffer) bytes.
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), Refused> {
        let dialect = self.message_dialect()?;
        let payload = text.as_bytes();
        // Separate branches, so that the opcode is a constant in each.
        if dialect.is_hixie() {
            self.send_framed(encode::HIXIE_TEXT_FRAMING, payload)
        } else if self.masks(dialect) {
            self.send_frame(Opcode::Text, true, payload)
        } else {
            self.send_framed(encode::hybi_framing(Opcode::Text, payload.len()), payload)
        }
    }

    /// Queues a complete binary message. Hixie-75 and Hixie-76 have no binary messages.
    ///
    /// # Errors
    /// - [`Refused::Unsupported`] in Hixie-75 and Hixie-76.
    /// - Otherwise as [`send_text`](Self::send_text).
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let dialect = self.message_dialect()?;
        if dialect.is_hixie() {
            return Err(Refused::Unsupported(dialect)); // FR-12
        }
        if self.masks(dialect) {
            return self.send_frame(Opcode::Binary, true, bytes);
        }
        self.send_framed(encode::hybi_framing(Opcode::Binary, bytes.len()), bytes)
    }

    #[inline(always)]
    fn send_framed(&mut self, framing: Framing, payload: &[u8]) -> Result<(), Refused> {
        self.reserve(framing.encoded_len(payload))?;
        self.send_buffer.push_framed(framing, payload);
        Ok(())
    }

    /// Queues one fragment of a text message as a frame of its own, so that a long message need not
    /// be in memory as a whole. `fin` marks the last fragment. Until it is sent, no other message
    /// can be.
    ///
    /// # Errors
    /// - [`Refused::Unsupported`] in Hixie-75 and Hixie-76, which have no fragments.
    /// - [`Refused::FragmentInProgress`] if a binary message is being sent in fragments.
    /// - [`Refused::NotOpen`], [`Refused::Closing`] and [`Refused::BufferFull`] as
    ///   [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Role};
    /// # let config = Config::new();
    /// # let mut conn = Connection::established(&config, Role::Server, Dialect::Rfc6455, [0; 32]);
    /// conn.send_text_fragment("Hel", false)?;
    /// conn.send_text_fragment("lo", true)?;
    /// assert_eq!(conn.transmit(), b"\x01\x03Hel\x80\x02lo");
    /// # Ok::<(), hybi::Refused>(())
    /// ```
    pub fn send_text_fragment(&mut self, text: &str, fin: bool) -> Result<(), Refused> {
        self.send_fragment(Opcode::Text, text.as_bytes(), fin)
    }

    /// Queues one fragment of a binary message; see
    /// [`send_text_fragment`](Self::send_text_fragment).
    ///
    /// # Errors
    /// As [`send_text_fragment`](Self::send_text_fragment); [`Refused::FragmentInProgress`] if a
    /// text message is being sent in fragments.
    pub fn send_binary_fragment(&mut self, bytes: &[u8], fin: bool) -> Result<(), Refused> {
        self.send_fragment(Opcode::Binary, bytes, fin)
    }

    fn send_fragment(
        &mut self,
        message_type: Opcode,
        payload: &[u8],
        fin: bool,
    ) -> Result<(), Refused> {
        self.check_has_opcodes()?;
        let opcode = match &self.state {
            State::Open {
                send_state: SendState::InFragments(current),
                ..
            } if *current == message_type => Opcode::Continuation,
            State::Open {
                send_state: SendState::InFragments(_),
                ..
            } => return Err(Refused::FragmentInProgress),
            _ => message_type,
        };
        self.send_frame(opcode, fin, payload)?;
        if let State::Open { send_state, .. } = &mut self.state {
            *send_state = if fin {
                SendState::Ready
            } else {
                SendState::InFragments(message_type)
            };
        }
        Ok(())
    }

    /// Queues a ping. It may be sent between the fragments of a message.
    ///
    /// # Errors
    /// - [`Refused::Unsupported`] in Hixie-75 and Hixie-76, which have no pings.
    /// - [`Refused::ControlTooLong`] if the payload is longer than 125 bytes.
    /// - [`Refused::NotOpen`], [`Refused::Closing`] and [`Refused::BufferFull`] as
    ///   [`send_text`](Self::send_text).
    pub fn send_ping(&mut self, payload: &[u8]) -> Result<(), Refused> {
        self.send_control(Opcode::Ping, payload)
    }

    /// Queues a pong, in answer to a ping if [`auto_pong`](crate::Config::auto_pong) is off, or
    /// unsolicited.
    ///
    /// # Errors
    /// As [`send_ping`](Self::send_ping).
    pub fn send_pong(&mut self, payload: &[u8]) -> Result<(), Refused> {
        self.send_control(Opcode::Pong, payload)
    }

    fn send_control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), Refused> {
        self.check_has_opcodes()?;
        if payload.len() > MAX_CONTROL_LEN {
            return Err(Refused::ControlTooLong);
        }
        self.send_frame(opcode, true, payload)
    }

    /// Queues a message that was encoded before, so that a message to many connections is encoded
    /// once.
    ///
    /// # Errors
    /// - [`Refused::Unsupported`] if the message was encoded for another dialect, or if this is a
    ///   client from HyBi-7 on, which has to mask each frame with a new key.
    /// - Otherwise as [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, PreparedMessage, Role};
    /// # let peer = || {
    /// #     Connection::established(&Config::new(), Role::Server, Dialect::Hixie76, [0; 32])
    /// # };
    /// # let mut peers = [peer(), peer()];
    /// let news = PreparedMessage::text(Dialect::Hixie76, "to all of you");
    /// for conn in &mut peers {
    ///     conn.send_prepared(&news)?;
    /// }
    /// # assert_eq!(peers[1].transmit(), b"\x00to all of you\xff");
    /// # Ok::<(), hybi::Refused>(())
    /// ```
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), Refused> {
        let dialect = self.message_dialect()?;
        if dialect != message.dialect() || self.masks(dialect) {
            return Err(Refused::Unsupported(message.dialect()));
        }
        self.reserve(message.bytes().len())?;
        self.send_buffer.push_all([message.bytes(), &[], &[]]);
        Ok(())
    }

    /// Returns a text message to write without copying it to the send buffer first.
    ///
    /// Pass [`VectoredMessage::slices`] to a vectored write, and the number of bytes written to
    /// [`VectoredMessage::advance`]. The bytes that were not written are queued.
    ///
    /// # Errors
    /// - [`Refused::BufferFull`] if output is pending, or if the message is larger than
    ///   [`max_send_buffer`](crate::Config::max_send_buffer) bytes.
    /// - [`Refused::Unsupported`] on a client from HyBi-7 on, which has to mask the payload and
    ///   therefore to copy it.
    /// - [`Refused::NotOpen`], [`Refused::Closing`] and [`Refused::FragmentInProgress`] as
    ///   [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Role};
    /// # use std::io::{IoSlice, Write};
    /// # let mut socket = Vec::new();
    /// # let config = Config::new();
    /// # let mut conn = Connection::established(&config, Role::Server, Dialect::Hixie76, [0; 32]);
    /// let message = conn.send_text_vectored("a large message")?;
    /// let n = socket.write_vectored(&message.slices().map(IoSlice::new))?;
    /// message.advance(n);
    /// # assert_eq!(socket, b"\x00a large message\xff");
    /// # assert!(!conn.wants_write());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_text_vectored<'c, 'p>(
        &'c mut self,
        text: &'p str,
    ) -> Result<VectoredMessage<'c, 'p>, Refused> {
        let dialect = self.message_dialect()?;
        self.vectored(
            dialect,
            encode::text_framing(dialect, text.len()),
            text.as_bytes(),
        )
    }

    /// Returns a binary message to write without copying it to the send buffer first; see
    /// [`send_text_vectored`](Self::send_text_vectored).
    ///
    /// # Errors
    /// - [`Refused::Unsupported`] in Hixie-75 and Hixie-76, which have no binary messages.
    /// - Otherwise as [`send_text_vectored`](Self::send_text_vectored).
    pub fn send_binary_vectored<'c, 'p>(
        &'c mut self,
        bytes: &'p [u8],
    ) -> Result<VectoredMessage<'c, 'p>, Refused> {
        let dialect = self.message_dialect()?;
        let framing = encode::binary_framing(dialect, bytes.len());
        self.vectored(
            dialect,
            framing.ok_or(Refused::Unsupported(dialect))?,
            bytes,
        )
    }

    fn vectored<'c, 'p>(
        &'c mut self,
        dialect: Dialect,
        framing: Framing,
        payload: &'p [u8],
    ) -> Result<VectoredMessage<'c, 'p>, Refused> {
        if self.masks(dialect) {
            return Err(Refused::Unsupported(dialect));
        }
        let limit = self.config.max_send_buffer;
        if self.wants_write() {
            return Err(Refused::BufferFull { limit });
        }
        self.check_capacity(framing.encoded_len(payload))?;
        Ok(VectoredMessage {
            send_buffer: &mut self.send_buffer,
            frame: FrameSlices {
                header: framing.header.bytes(),
                payload,
                terminator: framing.terminator,
            },
            written: 0,
        })
    }

    /// Queues a frame of HyBi-7 and later, masked if this is a client.
    #[inline]
    fn send_frame(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) -> Result<(), Refused> {
        self.reserve(self.frame_len(payload.len()))?;
        self.queue_frame(opcode, fin, payload);
        Ok(())
    }

    /// Queues a frame without checking `max_send_buffer`: for frames that the connection sends by
    /// itself, whose size is bounded.
    #[inline]
    pub(super) fn queue_frame(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) {
        // HY-5: a new key for each frame.
        let mask = self.entropy.as_mut().map(|entropy| entropy.mask());
        let header = FrameHeader::hybi(opcode, fin, payload.len(), mask);
        match mask {
            Some(key) => self.send_buffer.push_masked(header, payload, key),
            None => {
                let terminator = None;
                self.send_buffer
                    .push_framed(Framing { header, terminator }, payload);
            }
        }
    }

    /// Returns the length in bytes of a frame of HyBi-7 and later.
    #[inline]
    fn frame_len(&self, payload_len: usize) -> usize {
        FrameHeader::hybi_len(payload_len, self.entropy.is_some()) + payload_len
    }

    /// Checks that `len` more bytes fit. Queues a deferred pong first, so that messages cannot
    /// starve it; both have to fit.
    #[inline]
    fn reserve(&mut self, len: usize) -> Result<(), Refused> {
        match &self.deferred_pong {
            None => self.check_capacity(len),
            Some(pong) => self.reserve_after_pong(pong.0.len(), len),
        }
    }

    #[cold]
    fn reserve_after_pong(&mut self, pong_len: usize, len: usize) -> Result<(), Refused> {
        self.check_capacity(len.saturating_add(self.frame_len(pong_len)))?;
        self.queue_pong();
        Ok(())
    }

    /// Answers a ping. While more than `high_water` bytes are pending, the pong is deferred until
    /// they are sent, and only the latest ping is answered (RFC 6455, 5.5.3): pings cannot make the
    /// buffer grow.
    pub(super) fn answer_ping(&mut self, payload: &[u8]) {
        if self.send_buffer.len() <= self.config.high_water {
            self.queue_frame(Opcode::Pong, true, payload);
        } else {
            self.deferred_pong = Some(DeferredPong(payload.into()));
        }
    }

    /// Queues the deferred pong, if any.
    pub(super) fn queue_pong(&mut self) {
        if let Some(DeferredPong(payload)) = self.deferred_pong.take() {
            self.queue_frame(Opcode::Pong, true, &payload);
        }
    }

    /// Returns an error if `len` more bytes would exceed `max_send_buffer`.
    #[inline]
    pub(super) fn check_capacity(&self, len: usize) -> Result<(), Refused> {
        let limit = self.config.max_send_buffer;
        if self.send_buffer.has_capacity(len, limit) {
            Ok(())
        } else {
            Err(Refused::BufferFull { limit })
        }
    }

    /// Returns whether this endpoint masks its frames (HY-5).
    #[inline]
    fn masks(&self, dialect: Dialect) -> bool {
        self.role == Role::Client && !dialect.is_hixie()
    }

    /// Returns the dialect, or the reason why nothing can be sent.
    fn open_dialect(&self) -> Result<Dialect, Refused> {
        match &self.state {
            State::Handshaking(_) => Err(Refused::NotOpen),
            State::Closed { .. } => Err(Refused::Closing),
            State::Open { send_state, .. } => match send_state {
                SendState::NotOpen => Err(Refused::NotOpen),
                SendState::Closed => Err(Refused::Closing),
                SendState::Ready | SendState::InFragments(_) => {
                    self.dialect.ok_or(Refused::NotOpen)
                }
            },
        }
    }

    /// Returns the dialect, or the reason why no complete message can be sent.
    #[inline]
    fn message_dialect(&self) -> Result<Dialect, Refused> {
        match (&self.state, self.dialect) {
            (
                State::Open {
                    send_state: SendState::Ready,
                    ..
                },
                Some(dialect),
            ) => Ok(dialect),
            _ => Err(self
                .open_dialect()
                .err()
                .unwrap_or(Refused::FragmentInProgress)),
        }
    }

    /// FR-12: fragments and control frames are not supported in Hixie-75 and Hixie-76.
    fn check_has_opcodes(&self) -> Result<(), Refused> {
        let dialect = self.open_dialect()?;
        if dialect.is_hixie() {
            return Err(Refused::Unsupported(dialect));
        }
        Ok(())
    }
}

/// A message that is written without being copied, created by [`Connection::send_text_vectored`] or
/// [`Connection::send_binary_vectored`].
///
/// When dropped, it queues the bytes that were not written.
#[must_use = "if dropped, the whole message is queued"]
pub struct VectoredMessage<'c, 'p> {
    send_buffer: &'c mut SendBuffer,
    frame: FrameSlices<'p>,
    written: usize,
}

struct FrameSlices<'p> {
    /// The bytes of the header, and their number.
    header: ([u8; FrameHeader::MAX_LEN], usize),
    payload: &'p [u8],
    terminator: Option<u8>,
}

impl FrameSlices<'_> {
    fn slices(&self) -> [&[u8]; 3] {
        let (header, len) = &self.header;
        let header = header.get(..*len).unwrap_or_default();
        [header, self.payload, self.terminator.as_slice()]
    }
}

impl VectoredMessage<'_, '_> {
    /// Returns the slices to write, in order. Some may be empty.
    #[must_use]
    pub fn slices(&self) -> [&[u8]; 3] {
        self.frame.slices()
    }

    /// Records that the first `n` bytes of the slices were written, and queues the others.
    ///
    /// # Panics
    /// Panics if `n` is greater than the total length of the slices.
    pub fn advance(mut self, n: usize) {
        let len: usize = self.slices().map(<[u8]>::len).iter().sum();
        assert!(n <= len, "advance({n}) on a message of {len} bytes");
        self.written = n;
    }
}

impl Drop for VectoredMessage<'_, '_> {
    fn drop(&mut self) {
        let mut skip = self.written;
        let remaining = self.frame.slices().map(|slice| {
            let n = skip.min(slice.len());
            skip -= n;
            slice.get(n..).unwrap_or_default()
        });
        if remaining.iter().any(|slice| !slice.is_empty()) {
            self.send_buffer.push_all(remaining);
        }
    }
}

/// Omits the payload.
impl core::fmt::Debug for VectoredMessage<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("VectoredMessage")
            .field("payload_len", &self.frame.payload.len())
            .finish_non_exhaustive()
    }
}
