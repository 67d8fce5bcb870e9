//! What the application sends.

use alloc::boxed::Box;

use crate::config::{Dialect, Role};
use crate::error::Refused;
use crate::frame::encode::{self, FrameHeader, Framing, PreparedMessage};
use crate::frame::opcode::{MAX_CONTROL_LEN, Opcode};
use crate::send_buffer::SendBuffer;

use super::{Connection, SendState, State};

/// The payload of a ping that is not answered yet.
pub(super) struct DeferredPong(Box<[u8]>);

/// Never shows the bytes.
impl core::fmt::Debug for DeferredPong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Held({} bytes)", self.0.len())
    }
}

impl Connection {
    /// Queues a whole text message.
    ///
    /// # Errors
    /// [`Refused::NotOpen`] before [`Event::Open`](crate::Event::Open), [`Refused::Closing`] after
    /// [`close`](Self::close) or [`Event::Closed`](crate::Event::Closed), [`Refused::FragmentInProgress`]
    /// within a message of [`send_text_fragment`](Self::send_text_fragment), [`Refused::BufferFull`] when it
    /// would bring the pending output over [`max_send_buffer`](crate::Config::max_send_buffer).
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), Refused> {
        let dialect = self.message_dialect()?;
        let payload = text.as_bytes();
        // Apart, since what is constant of each costs nothing then.
        if dialect.is_hixie() {
            self.send_framed(encode::HIXIE_TEXT_FRAMING, payload)
        } else if self.masks(dialect) {
            self.send_frame(Opcode::Text, true, payload)
        } else {
            self.send_framed(encode::hybi_framing(Opcode::Text, payload.len()), payload)
        }
    }

    /// Queues a whole binary message, where the dialect has them: from HyBi-7 on.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] where it has not, otherwise as [`send_text`](Self::send_text).
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
    fn send_framed(&mut self, envelope: Framing, payload: &[u8]) -> Result<(), Refused> {
        self.reserve(envelope.encoded_len(payload))?;
        self.send_buffer.push_framed(envelope, payload);
        Ok(())
    }

    /// Queues a part of a text message, as a frame of its own, so that a long message needs not
    /// be there as a whole; `last` ends it. Until then no other message can be sent.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] in Hixie-75 and Hixie-76, which have no fragments;
    /// [`Refused::FragmentInProgress`] within a binary message; otherwise as
    /// [`send_text`](Self::send_text).
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
    pub fn send_text_fragment(&mut self, text: &str, last: bool) -> Result<(), Refused> {
        self.send_fragment(Opcode::Text, text.as_bytes(), last)
    }

    /// As [`send_text_fragment`](Self::send_text_fragment), of a binary message.
    ///
    /// # Errors
    /// As [`send_text_fragment`](Self::send_text_fragment).
    pub fn send_binary_fragment(&mut self, bytes: &[u8], last: bool) -> Result<(), Refused> {
        self.send_fragment(Opcode::Binary, bytes, last)
    }

    fn send_fragment(
        &mut self,
        message: Opcode,
        payload: &[u8],
        last: bool,
    ) -> Result<(), Refused> {
        self.check_has_opcodes()?;
        let opcode = match &self.state {
            State::Open {
                send_state: SendState::InFragments(begun),
                ..
            } if *begun == message => Opcode::Continuation,
            State::Open {
                send_state: SendState::InFragments(_),
                ..
            } => return Err(Refused::FragmentInProgress),
            _ => message,
        };
        self.send_frame(opcode, last, payload)?;
        if let State::Open {
            send_state: sending,
            ..
        } = &mut self.state
        {
            *sending = if last {
                SendState::Ready
            } else {
                SendState::InFragments(message)
            };
        }
        Ok(())
    }

    /// Queues a ping, also within a message in parts.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] in Hixie-75 and Hixie-76, which have none; [`Refused::ControlTooLong`]
    /// above 125 bytes; otherwise as [`send_text`](Self::send_text).
    pub fn send_ping(&mut self, payload: &[u8]) -> Result<(), Refused> {
        self.send_control(Opcode::Ping, payload)
    }

    /// Queues a pong: unasked, or in answer to a ping where
    /// [`auto_pong`](crate::Config::auto_pong) is off.
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

    /// Queues a message that was encoded before, so that what goes to many is encoded once.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] when the connection speaks another dialect than the message, or is
    /// a client's that masks each frame anew; otherwise as [`send_text`](Self::send_text).
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

    /// A text message to write without copying it first: hand [`VectoredMessage::slices`] to a vectored
    /// write, and say with [`VectoredMessage::advance`] how much of it was taken; the rest is queued.
    ///
    /// # Errors
    /// [`Refused::BufferFull`] while bytes are pending, or when the message is larger than
    /// [`max_send_buffer`](crate::Config::max_send_buffer); [`Refused::Unsupported`] from a client that
    /// has to mask, and so to copy; otherwise as [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Role};
    /// # use std::io::{IoSlice, Write};
    /// # let mut socket = Vec::new();
    /// # let config = Config::new();
    /// # let mut conn = Connection::established(&config, Role::Server, Dialect::Hixie76, [0; 32]);
    /// let frame = conn.send_text_vectored("a large one")?;
    /// let n = socket.write_vectored(&frame.slices().map(IoSlice::new))?;
    /// frame.advance(n);
    /// # assert_eq!(socket, b"\x00a large one\xff");
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

    /// As [`send_text_vectored`](Self::send_text_vectored), of a binary message.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] in Hixie-75 and Hixie-76, otherwise as
    /// [`send_text_vectored`](Self::send_text_vectored).
    pub fn send_binary_vectored<'c, 'p>(
        &'c mut self,
        bytes: &'p [u8],
    ) -> Result<VectoredMessage<'c, 'p>, Refused> {
        let dialect = self.message_dialect()?;
        let envelope = encode::binary_framing(dialect, bytes.len());
        self.vectored(
            dialect,
            envelope.ok_or(Refused::Unsupported(dialect))?,
            bytes,
        )
    }

    fn vectored<'c, 'p>(
        &'c mut self,
        dialect: Dialect,
        envelope: Framing,
        payload: &'p [u8],
    ) -> Result<VectoredMessage<'c, 'p>, Refused> {
        if self.masks(dialect) {
            return Err(Refused::Unsupported(dialect));
        }
        let limit = self.config.max_send_buffer;
        if self.wants_write() {
            return Err(Refused::BufferFull { limit });
        }
        self.check_capacity(envelope.encoded_len(payload))?;
        Ok(VectoredMessage {
            send_buffer: &mut self.send_buffer,
            frame: FrameSlices {
                header: envelope.header.bytes(),
                payload,
                terminator: envelope.terminator,
            },
            written: 0,
        })
    }

    /// A frame of HyBi-7 and later, masked if this is a client's.
    #[inline]
    fn send_frame(&mut self, opcode: Opcode, last: bool, payload: &[u8]) -> Result<(), Refused> {
        self.reserve(self.frame_len(payload.len()))?;
        self.queue_frame(opcode, last, payload);
        Ok(())
    }

    /// Queues without a limit; for what the machine sends by itself, which is bounded.
    #[inline]
    pub(super) fn queue_frame(&mut self, opcode: Opcode, last: bool, payload: &[u8]) {
        // HY-5: a fresh one for each frame.
        let mask = self.entropy.as_mut().map(|entropy| entropy.mask());
        let header = FrameHeader::hybi(opcode, last, payload.len(), mask);
        match mask {
            Some(key) => self.send_buffer.push_masked(header, payload, key),
            None => {
                let tail = None;
                self.send_buffer.push_framed(
                    Framing {
                        header,
                        terminator: tail,
                    },
                    payload,
                );
            }
        }
    }

    /// How long a frame of HyBi-7 and later is.
    #[inline]
    fn frame_len(&self, payload: usize) -> usize {
        FrameHeader::hybi_len(payload, self.entropy.is_some()) + payload
    }

    /// A pong that waited goes first, so that no stream of messages holds it back for ever; it has
    /// to fit as well.
    #[inline]
    fn reserve(&mut self, more: usize) -> Result<(), Refused> {
        match &self.deferred_pong {
            None => self.check_capacity(more),
            Some(pong) => self.reserve_after_pong(pong.0.len(), more),
        }
    }

    #[cold]
    fn reserve_after_pong(&mut self, pong: usize, more: usize) -> Result<(), Refused> {
        self.check_capacity(more.saturating_add(self.frame_len(pong)))?;
        self.queue_pong();
        Ok(())
    }

    /// Answers a ping: at once, but while more than `high_water` bytes stand, only the latest, and
    /// when they have gone out (RFC 6455, 5.5.3); so pings alone can't make the output grow.
    pub(super) fn answer_ping(&mut self, payload: &[u8]) {
        if self.send_buffer.len() <= self.config.high_water {
            self.queue_frame(Opcode::Pong, true, payload);
        } else {
            self.deferred_pong = Some(DeferredPong(payload.into()));
        }
    }

    pub(super) fn queue_pong(&mut self) {
        if let Some(DeferredPong(payload)) = self.deferred_pong.take() {
            self.queue_frame(Opcode::Pong, true, &payload);
        }
    }

    #[inline]
    pub(super) fn check_capacity(&self, more: usize) -> Result<(), Refused> {
        let limit = self.config.max_send_buffer;
        if self.send_buffer.has_capacity(more, limit) {
            Ok(())
        } else {
            Err(Refused::BufferFull { limit })
        }
    }

    #[inline]
    fn masks(&self, dialect: Dialect) -> bool {
        self.role == Role::Client && !dialect.is_hixie()
    }

    /// The dialect to send anything in.
    fn open_dialect(&self) -> Result<Dialect, Refused> {
        match &self.state {
            State::Handshaking(_) => Err(Refused::NotOpen),
            State::Closed { .. } => Err(Refused::Closing),
            State::Open {
                send_state: sending,
                ..
            } => match sending {
                SendState::NotOpen => Err(Refused::NotOpen),
                SendState::Closed => Err(Refused::Closing),
                SendState::Ready | SendState::InFragments(_) => {
                    self.dialect.ok_or(Refused::NotOpen)
                }
            },
        }
    }

    /// The dialect to send a whole message in.
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

    /// FR-12: what Hixie-75 and Hixie-76 have not.
    fn check_has_opcodes(&self) -> Result<(), Refused> {
        let dialect = self.open_dialect()?;
        if dialect.is_hixie() {
            return Err(Refused::Unsupported(dialect));
        }
        Ok(())
    }
}

/// A message on its way out that is not copied; see [`Connection::send_text_vectored`]. Dropped, it queues
/// whatever was not written.
#[must_use = "dropped, it queues the whole message"]
pub struct VectoredMessage<'c, 'p> {
    send_buffer: &'c mut SendBuffer,
    frame: FrameSlices<'p>,
    written: usize,
}

struct FrameSlices<'p> {
    /// The header's bytes, and how many they are.
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
    /// What to write, in this order; some may be empty.
    #[must_use]
    pub fn slices(&self) -> [&[u8]; 3] {
        self.frame.slices()
    }

    /// The socket took the first `n` bytes of the slices.
    ///
    /// # Panics
    /// When `n` is more than there are.
    pub fn advance(mut self, n: usize) {
        let length: usize = self.slices().map(<[u8]>::len).iter().sum();
        assert!(n <= length, "wrote({n}) of a frame of {length} bytes");
        self.written = n;
    }
}

impl Drop for VectoredMessage<'_, '_> {
    fn drop(&mut self) {
        let mut skip = self.written;
        let rest = self.frame.slices().map(|part| {
            let here = skip.min(part.len());
            skip -= here;
            part.get(here..).unwrap_or_default()
        });
        if rest.iter().any(|part| !part.is_empty()) {
            self.send_buffer.push_all(rest);
        }
    }
}

/// Never shows the payload.
impl core::fmt::Debug for VectoredMessage<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Frame")
            .field("payload", &self.frame.payload.len())
            .finish_non_exhaustive()
    }
}
