//! Sending messages and control frames.

use crate::dialect::FrameFormat;
use crate::error::Refused;
use crate::frame::encode::{self, Framing, PreparedMessage};
use crate::frame::header::HeaderBytes;
use crate::frame::opcode::{MAX_CONTROL_LEN, Opcode};
use crate::send_buffer::SendBuffer;

use super::Connection;
use super::session::Session;
use super::state::{Handshaking, Open, PeerClosed, State};

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
        let mut sender = self.message_sender()?;
        let payload = text.as_bytes();
        // Separate branches, so that the opcode is a constant in each.
        match sender.session.dialect.row().frames {
            FrameFormat::Hixie { .. } => sender.send_framed(encode::HIXIE_TEXT_FRAMING, payload),
            FrameFormat::Hybi { .. } if sender.session.is_masking() => {
                sender.send_frame(Opcode::Text, true, payload)
            }
            FrameFormat::Hybi { .. } => {
                sender.send_framed(encode::hybi_framing(Opcode::Text, payload.len()), payload)
            }
        }
    }

    /// Queues a complete binary message. Hixie-75 and Hixie-76 have no binary messages.
    ///
    /// # Errors
    /// - [`Refused::Unsupported`] in Hixie-75 and Hixie-76.
    /// - Otherwise as [`send_text`](Self::send_text).
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut sender = self.message_sender()?;
        sender.check_has_opcodes()?;
        if sender.session.is_masking() {
            return sender.send_frame(Opcode::Binary, true, bytes);
        }
        sender.send_framed(encode::hybi_framing(Opcode::Binary, bytes.len()), bytes)
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
        let mut sender = self.sender()?;
        sender.check_has_opcodes()?;
        let opcode = match *sender.fragmented {
            None => message_type,
            Some(current) if current == message_type => Opcode::Continuation,
            Some(_) => return Err(Refused::FragmentInProgress),
        };
        sender.send_frame(opcode, fin, payload)?;
        *sender.fragmented = (!fin).then_some(message_type);
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
        let mut sender = self.sender()?;
        sender.check_has_opcodes()?;
        if payload.len() > MAX_CONTROL_LEN {
            return Err(Refused::ControlTooLong);
        }
        sender.send_frame(opcode, true, payload)
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
        let sender = self.message_sender()?;
        if sender.session.dialect != message.dialect() || sender.session.is_masking() {
            return Err(Refused::Unsupported(message.dialect()));
        }
        let (bytes, limit) = (message.bytes(), sender.limit);
        sender.session.reserve(sender.buffer, bytes.len(), limit)?;
        sender.buffer.push_all([bytes, &[], &[]]);
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
        let sender = self.message_sender()?;
        let framing = encode::text_framing(sender.session.dialect, text.len());
        sender.vectored(framing, text.as_bytes())
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
        let sender = self.message_sender()?;
        sender.check_has_opcodes()?;
        sender.vectored(encode::hybi_framing(Opcode::Binary, bytes.len()), bytes)
    }

    /// Returns what a send needs if the connection is open.
    #[inline]
    fn sender(&mut self) -> Result<Sender<'_>, Refused> {
        match &mut self.state {
            State::Open(Open {
                session,
                fragmented,
            })
            | State::PeerClosed(PeerClosed {
                open:
                    Open {
                        session,
                        fragmented,
                    },
                ..
            }) => Ok(Sender {
                session,
                fragmented,
                buffer: &mut self.send_buffer,
                limit: self.config.max_send_buffer,
            }),
            State::Handshaking(Handshaking::Accepted {
                is_closing: true, ..
            })
            | State::Closing(_)
            | State::Closed(_) => Err(Refused::Closing),
            State::Handshaking(_) => Err(Refused::NotOpen),
        }
    }

    /// As [`sender`](Self::sender), for a complete message.
    #[inline]
    fn message_sender(&mut self) -> Result<Sender<'_>, Refused> {
        let sender = self.sender()?;
        if sender.fragmented.is_some() {
            return Err(Refused::FragmentInProgress);
        }
        Ok(sender)
    }
}

/// What a send needs.
struct Sender<'c> {
    session: &'c mut Session,
    /// See [`Open`].
    fragmented: &'c mut Option<Opcode>,
    buffer: &'c mut SendBuffer,
    limit: usize,
}

impl<'c> Sender<'c> {
    /// FR-12
    fn check_has_opcodes(&self) -> Result<(), Refused> {
        let dialect = self.session.dialect;
        if dialect.row().has_opcodes() {
            Ok(())
        } else {
            Err(Refused::Unsupported(dialect))
        }
    }

    #[inline(always)]
    fn send_framed(&mut self, framing: Framing, payload: &[u8]) -> Result<(), Refused> {
        let len = framing.encoded_len(payload);
        self.session.reserve(self.buffer, len, self.limit)?;
        self.buffer.push_framed(framing, payload);
        Ok(())
    }

    /// Queues a frame of HyBi-7 and later.
    #[inline]
    fn send_frame(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) -> Result<(), Refused> {
        let len = self.session.frame_len(payload.len());
        self.session.reserve(self.buffer, len, self.limit)?;
        self.session.queue_frame(self.buffer, opcode, fin, payload);
        Ok(())
    }

    fn vectored<'p>(
        self,
        framing: Framing,
        payload: &'p [u8],
    ) -> Result<VectoredMessage<'c, 'p>, Refused> {
        if self.session.is_masking() {
            return Err(Refused::Unsupported(self.session.dialect));
        }
        if !self.buffer.is_empty() {
            return Err(Refused::BufferFull { limit: self.limit });
        }
        self.buffer
            .check_capacity(framing.encoded_len(payload), self.limit)?;
        Ok(VectoredMessage {
            send_buffer: self.buffer,
            frame: FrameSlices {
                header: framing.header.padded(),
                payload,
                terminator: framing.terminator,
            },
            written: 0,
        })
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
    header: ([u8; HeaderBytes::PADDED_LEN], usize),
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
