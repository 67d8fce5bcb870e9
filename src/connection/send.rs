//! What the application sends.

use alloc::boxed::Box;

use crate::config::{Dialect, Role};
use crate::error::Refused;
use crate::frame::encode::{self, Encoded, Envelope, Header};
use crate::frame::opcode::{MAX_CONTROL, Opcode};
use crate::send_buffer::Outbox;

use super::{Connection, Sending, State};

/// The payload of a ping that is not answered yet.
pub(super) struct Held(Box<[u8]>);

/// Never shows the bytes.
impl core::fmt::Debug for Held {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Held({} bytes)", self.0.len())
    }
}

impl Connection {
    /// Queues a whole text message.
    ///
    /// # Errors
    /// [`Refused::NotOpen`] before [`Event::Open`](crate::Event::Open), [`Refused::Closing`] after
    /// [`close`](Self::close) or [`Event::Closed`](crate::Event::Closed), [`Refused::Fragmented`]
    /// within a message of [`send_text_part`](Self::send_text_part), [`Refused::Full`] when it
    /// would bring the pending output over [`max_pending`](crate::Config::max_pending).
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), Refused> {
        let dialect = self.sending_message()?;
        let payload = text.as_bytes();
        // Apart, since what is constant of each costs nothing then.
        if dialect.is_hixie() {
            self.send_whole(encode::HIXIE_TEXT, payload)
        } else if self.masks(dialect) {
            self.send_frame(Opcode::Text, true, payload)
        } else {
            self.send_whole(encode::hybi(Opcode::Text, payload.len()), payload)
        }
    }

    /// Queues a whole binary message, where the dialect has them: from HyBi-7 on.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] where it has not, otherwise as [`send_text`](Self::send_text).
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let dialect = self.sending_message()?;
        if dialect.is_hixie() {
            return Err(Refused::Unsupported(dialect)); // FR-12
        }
        if self.masks(dialect) {
            return self.send_frame(Opcode::Binary, true, bytes);
        }
        self.send_whole(encode::hybi(Opcode::Binary, bytes.len()), bytes)
    }

    #[inline(always)]
    fn send_whole(&mut self, envelope: Envelope, payload: &[u8]) -> Result<(), Refused> {
        self.make_room(envelope.len_round(payload))?;
        self.outbox.push_message(envelope, payload);
        Ok(())
    }

    /// Queues a part of a text message, as a frame of its own, so that a long message needs not
    /// be there as a whole; `last` ends it. Until then no other message can be sent.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] in Hixie-75 and Hixie-76, which have no fragments;
    /// [`Refused::Fragmented`] within a binary message; otherwise as
    /// [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Role};
    /// # let config = Config::new();
    /// # let mut conn = Connection::established(&config, Role::Server, Dialect::Rfc6455, [0; 32]);
    /// conn.send_text_part("Hel", false)?;
    /// conn.send_text_part("lo", true)?;
    /// assert_eq!(conn.transmit(), b"\x01\x03Hel\x80\x02lo");
    /// # Ok::<(), hybi::Refused>(())
    /// ```
    pub fn send_text_part(&mut self, text: &str, last: bool) -> Result<(), Refused> {
        self.send_part(Opcode::Text, text.as_bytes(), last)
    }

    /// As [`send_text_part`](Self::send_text_part), of a binary message.
    ///
    /// # Errors
    /// As [`send_text_part`](Self::send_text_part).
    pub fn send_binary_part(&mut self, bytes: &[u8], last: bool) -> Result<(), Refused> {
        self.send_part(Opcode::Binary, bytes, last)
    }

    fn send_part(&mut self, message: Opcode, payload: &[u8], last: bool) -> Result<(), Refused> {
        self.sending_hybi()?;
        let opcode = match &self.state {
            State::Open {
                sending: Sending::Parts(begun),
                ..
            } if *begun == message => Opcode::Continuation,
            State::Open {
                sending: Sending::Parts(_),
                ..
            } => return Err(Refused::Fragmented),
            _ => message,
        };
        self.send_frame(opcode, last, payload)?;
        if let State::Open { sending, .. } = &mut self.state {
            *sending = if last {
                Sending::Anything
            } else {
                Sending::Parts(message)
            };
        }
        Ok(())
    }

    /// Queues a ping, also within a message in parts.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] in Hixie-75 and Hixie-76, which have none; [`Refused::TooLong`]
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
        self.sending_hybi()?;
        if payload.len() > MAX_CONTROL {
            return Err(Refused::TooLong);
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
    /// # use hybi::{Config, Connection, Dialect, Encoded, Role};
    /// # let peer = || {
    /// #     Connection::established(&Config::new(), Role::Server, Dialect::Hixie76, [0; 32])
    /// # };
    /// # let mut peers = [peer(), peer()];
    /// let news = Encoded::text(Dialect::Hixie76, "to all of you");
    /// for conn in &mut peers {
    ///     conn.send_encoded(&news)?;
    /// }
    /// # assert_eq!(peers[1].transmit(), b"\x00to all of you\xff");
    /// # Ok::<(), hybi::Refused>(())
    /// ```
    pub fn send_encoded(&mut self, message: &Encoded) -> Result<(), Refused> {
        let dialect = self.sending_message()?;
        if dialect != message.dialect() || self.masks(dialect) {
            return Err(Refused::Unsupported(message.dialect()));
        }
        self.make_room(message.bytes().len())?;
        self.outbox.push_encoded([message.bytes(), &[], &[]]);
        Ok(())
    }

    /// A text message to write without copying it first: hand [`Frame::slices`] to a vectored
    /// write, and say with [`Frame::wrote`] how much of it was taken; the rest is queued.
    ///
    /// # Errors
    /// [`Refused::Full`] while bytes are pending, or when the message is larger than
    /// [`max_pending`](crate::Config::max_pending); [`Refused::Unsupported`] from a client that
    /// has to mask, and so to copy; otherwise as [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Role};
    /// # use std::io::{IoSlice, Write};
    /// # let mut socket = Vec::new();
    /// # let config = Config::new();
    /// # let mut conn = Connection::established(&config, Role::Server, Dialect::Hixie76, [0; 32]);
    /// let frame = conn.frame_text("a large one")?;
    /// let n = socket.write_vectored(&frame.slices().map(IoSlice::new))?;
    /// frame.wrote(n);
    /// # assert_eq!(socket, b"\x00a large one\xff");
    /// # assert!(!conn.wants_write());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn frame_text<'c, 'p>(&'c mut self, text: &'p str) -> Result<Frame<'c, 'p>, Refused> {
        let dialect = self.sending_message()?;
        self.frame(dialect, encode::text(dialect, text.len()), text.as_bytes())
    }

    /// As [`frame_text`](Self::frame_text), of a binary message.
    ///
    /// # Errors
    /// [`Refused::Unsupported`] in Hixie-75 and Hixie-76, otherwise as
    /// [`frame_text`](Self::frame_text).
    pub fn frame_binary<'c, 'p>(&'c mut self, bytes: &'p [u8]) -> Result<Frame<'c, 'p>, Refused> {
        let dialect = self.sending_message()?;
        let envelope = encode::binary(dialect, bytes.len());
        self.frame(
            dialect,
            envelope.ok_or(Refused::Unsupported(dialect))?,
            bytes,
        )
    }

    fn frame<'c, 'p>(
        &'c mut self,
        dialect: Dialect,
        envelope: Envelope,
        payload: &'p [u8],
    ) -> Result<Frame<'c, 'p>, Refused> {
        if self.masks(dialect) {
            return Err(Refused::Unsupported(dialect));
        }
        let limit = self.config.max_pending;
        if self.wants_write() {
            return Err(Refused::Full { limit });
        }
        self.check_room(envelope.len_round(payload))?;
        Ok(Frame {
            outbox: &mut self.outbox,
            parts: Parts {
                header: envelope.header.bytes(),
                payload,
                tail: envelope.tail,
            },
            written: 0,
        })
    }

    /// A frame of HyBi-7 and later, masked if this is a client's.
    #[inline]
    fn send_frame(&mut self, opcode: Opcode, last: bool, payload: &[u8]) -> Result<(), Refused> {
        self.make_room(self.frame_length(payload.len()))?;
        self.queue_frame(opcode, last, payload);
        Ok(())
    }

    /// Queues without a limit; for what the machine sends by itself, which is bounded.
    #[inline]
    pub(super) fn queue_frame(&mut self, opcode: Opcode, last: bool, payload: &[u8]) {
        // HY-5: a fresh one for each frame.
        let mask = self.entropy.as_mut().map(|entropy| entropy.mask());
        let header = Header::hybi(opcode, last, payload.len(), mask);
        match mask {
            Some(key) => self.outbox.push_masked(header, payload, key),
            None => {
                let tail = None;
                self.outbox.push_message(Envelope { header, tail }, payload);
            }
        }
    }

    /// How long a frame of HyBi-7 and later is.
    #[inline]
    fn frame_length(&self, payload: usize) -> usize {
        Header::hybi_len(payload, self.entropy.is_some()) + payload
    }

    /// A pong that waited goes first, so that no stream of messages holds it back for ever; it has
    /// to fit as well.
    #[inline]
    fn make_room(&mut self, more: usize) -> Result<(), Refused> {
        match &self.pong {
            None => self.check_room(more),
            Some(pong) => self.make_room_behind(pong.0.len(), more),
        }
    }

    #[cold]
    fn make_room_behind(&mut self, pong: usize, more: usize) -> Result<(), Refused> {
        self.check_room(more.saturating_add(self.frame_length(pong)))?;
        self.queue_pong();
        Ok(())
    }

    /// Answers a ping: at once, but while more than `high_water` bytes stand, only the latest, and
    /// when they have gone out (RFC 6455, 5.5.3); so pings alone can't make the output grow.
    pub(super) fn answer_ping(&mut self, payload: &[u8]) {
        if self.outbox.len() <= self.config.high_water {
            self.queue_frame(Opcode::Pong, true, payload);
        } else {
            self.pong = Some(Held(payload.into()));
        }
    }

    pub(super) fn queue_pong(&mut self) {
        if let Some(Held(payload)) = self.pong.take() {
            self.queue_frame(Opcode::Pong, true, &payload);
        }
    }

    #[inline]
    pub(super) fn check_room(&self, more: usize) -> Result<(), Refused> {
        let limit = self.config.max_pending;
        if self.outbox.fits(more, limit) {
            Ok(())
        } else {
            Err(Refused::Full { limit })
        }
    }

    #[inline]
    fn masks(&self, dialect: Dialect) -> bool {
        self.role == Role::Client && !dialect.is_hixie()
    }

    /// The dialect to send anything in.
    fn sending(&self) -> Result<Dialect, Refused> {
        match &self.state {
            State::Opening(_) => Err(Refused::NotOpen),
            State::Over { .. } => Err(Refused::Closing),
            State::Open { sending, .. } => match sending {
                Sending::NotYet => Err(Refused::NotOpen),
                Sending::Closed => Err(Refused::Closing),
                Sending::Anything | Sending::Parts(_) => self.dialect.ok_or(Refused::NotOpen),
            },
        }
    }

    /// The dialect to send a whole message in.
    #[inline]
    fn sending_message(&self) -> Result<Dialect, Refused> {
        match (&self.state, self.dialect) {
            (
                State::Open {
                    sending: Sending::Anything,
                    ..
                },
                Some(dialect),
            ) => Ok(dialect),
            _ => Err(self.sending().err().unwrap_or(Refused::Fragmented)),
        }
    }

    /// FR-12: what Hixie-75 and Hixie-76 have not.
    fn sending_hybi(&self) -> Result<(), Refused> {
        let dialect = self.sending()?;
        if dialect.is_hixie() {
            return Err(Refused::Unsupported(dialect));
        }
        Ok(())
    }
}

/// A message on its way out that is not copied; see [`Connection::frame_text`]. Dropped, it queues
/// whatever was not written.
#[must_use = "dropped, it queues the whole message"]
pub struct Frame<'c, 'p> {
    outbox: &'c mut Outbox,
    parts: Parts<'p>,
    written: usize,
}

struct Parts<'p> {
    /// The header's bytes, and how many they are.
    header: ([u8; Header::ROOM], usize),
    payload: &'p [u8],
    tail: Option<u8>,
}

impl Parts<'_> {
    fn slices(&self) -> [&[u8]; 3] {
        let (header, len) = &self.header;
        let header = header.get(..*len).unwrap_or_default();
        [header, self.payload, self.tail.as_slice()]
    }
}

impl Frame<'_, '_> {
    /// What to write, in this order; some may be empty.
    #[must_use]
    pub fn slices(&self) -> [&[u8]; 3] {
        self.parts.slices()
    }

    /// The socket took the first `n` bytes of the slices.
    ///
    /// # Panics
    /// When `n` is more than there are.
    pub fn wrote(mut self, n: usize) {
        let length: usize = self.slices().map(<[u8]>::len).iter().sum();
        assert!(n <= length, "wrote({n}) of a frame of {length} bytes");
        self.written = n;
    }
}

impl Drop for Frame<'_, '_> {
    fn drop(&mut self) {
        let mut skip = self.written;
        let rest = self.parts.slices().map(|part| {
            let here = skip.min(part.len());
            skip -= here;
            part.get(here..).unwrap_or_default()
        });
        if rest.iter().any(|part| !part.is_empty()) {
            self.outbox.push_encoded(rest);
        }
    }
}

/// Never shows the payload.
impl core::fmt::Debug for Frame<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Frame")
            .field("payload", &self.parts.payload.len())
            .finish_non_exhaustive()
    }
}
