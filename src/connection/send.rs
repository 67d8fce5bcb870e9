//! Sending messages and control frames.

use crate::call_errors::SendError;
use crate::config::Config;
use crate::dialect::FrameFormat;
use crate::frame::encode::{self, Framing};
use crate::frame::header::HeaderBytes;
use crate::frame::opcode::{MAX_CONTROL_LEN, Opcode};
use crate::prepared::{PreparedMessage, PreparedPayload};
use crate::send_buffer::{Queue, SendBuffer};

use super::Connection;
use super::session::Session;
use super::state::{Handshaking, PeerClosed, State};

impl Connection {
    /// Queues a complete text message.
    ///
    /// # Errors
    /// - [`SendError::NotOpen`] before [`Event::Open`](crate::Event::Open).
    /// - [`SendError::Closing`] after [`close`](Self::close), and after the connection has ended.
    /// - [`SendError::FragmentInProgress`] until the last fragment of a fragmented message was
    ///   sent.
    /// - [`SendError::BufferFull`] if the message would bring the pending output above
    ///   [`max_send_buffer`](crate::Config::max_send_buffer) bytes.
    /// - [`SendError::MessageTooLong`] if it would do so although no output is pending.
    #[inline]
    pub fn send_text(&mut self, text: &str) -> Result<(), SendError> {
        let mut sender = self.message_sender()?;
        let payload = text.as_bytes();
        match sender.session.dialect.row().frames {
            FrameFormat::Hixie { .. } => sender.send_framed(encode::HIXIE_TEXT_FRAMING, payload),
            FrameFormat::Hybi { .. } => sender.send_message(Opcode::Text, payload),
        }
    }

    /// Queues a complete binary message. Hixie-75 and Hixie-76 have no binary messages.
    ///
    /// # Errors
    /// - [`SendError::Unsupported`] in Hixie-75 and Hixie-76.
    /// - Otherwise as [`send_text`](Self::send_text).
    pub fn send_binary(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        let mut sender = self.sender()?;
        sender.check_has_opcodes()?;
        sender.check_no_fragment()?;
        sender.send_message(Opcode::Binary, bytes)
    }

    /// Queues one fragment of a text message, so that a long message need not be in memory as a
    /// whole. `fin` marks the last fragment. Until it is sent, no other message can be.
    ///
    /// If messages are compressed, so are all fragments of one whose first fragment becomes
    /// shorter.
    ///
    /// From HyBi-7 on, a fragment is a frame of its own. In Hixie-75 and Hixie-76, all fragments
    /// are parts of one frame, which the last one ends.
    ///
    /// # Errors
    /// - [`SendError::FragmentInProgress`] if a binary message is being sent in fragments.
    /// - [`SendError::NotOpen`], [`SendError::Closing`], [`SendError::BufferFull`] and
    ///   [`SendError::MessageTooLong`] as [`send_text`](Self::send_text), for this fragment.
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Handshake, SendError};
    /// # let mut conn = Connection::established_server(Config::new(), &Handshake::new(Dialect::Rfc6455));
    /// conn.send_text_fragment("Hel", false)?;
    /// conn.send_text_fragment("lo", true)?;
    /// assert_eq!(conn.transmit(), b"\x01\x03Hel\x80\x02lo");
    /// # Ok::<(), SendError>(())
    /// ```
    pub fn send_text_fragment(&mut self, text: &str, fin: bool) -> Result<(), SendError> {
        let mut sender = self.sender()?;
        let opcode = sender.fragment_opcode(Opcode::Text)?;
        let payload = text.as_bytes();
        match sender.session.dialect.row().frames {
            FrameFormat::Hixie { .. } => {
                let framing = encode::hixie_fragment_framing(opcode == Opcode::Text, fin);
                sender.send_framed(framing, payload)?;
            }
            FrameFormat::Hybi { .. } => sender.send_fragment(opcode, fin, payload)?,
        }
        sender.session.fragmented = (!fin).then_some(Opcode::Text);
        Ok(())
    }

    /// Queues one fragment of a binary message; see
    /// [`send_text_fragment`](Self::send_text_fragment).
    ///
    /// # Errors
    /// - [`SendError::Unsupported`] in Hixie-75 and Hixie-76, which have no binary messages.
    /// - Otherwise as [`send_text_fragment`](Self::send_text_fragment);
    ///   [`SendError::FragmentInProgress`] if a text message is being sent in fragments.
    pub fn send_binary_fragment(&mut self, bytes: &[u8], fin: bool) -> Result<(), SendError> {
        let mut sender = self.sender()?;
        sender.check_has_opcodes()?;
        let opcode = sender.fragment_opcode(Opcode::Binary)?;
        sender.send_fragment(opcode, fin, bytes)?;
        sender.session.fragmented = (!fin).then_some(Opcode::Binary);
        Ok(())
    }

    /// Queues a ping. It may be sent between the fragments of a message.
    ///
    /// # Errors
    /// - [`SendError::Unsupported`] in Hixie-75 and Hixie-76, which have no pings.
    /// - [`SendError::ControlTooLong`] if the payload is longer than 125 bytes.
    /// - [`SendError::NotOpen`], [`SendError::Closing`], [`SendError::BufferFull`] and
    ///   [`SendError::MessageTooLong`] as [`send_text`](Self::send_text).
    pub fn send_ping(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.send_control(Opcode::Ping, payload)
    }

    /// Queues a pong, in answer to a ping if [`auto_pong`](crate::Config::auto_pong) is off, or
    /// unsolicited.
    ///
    /// # Errors
    /// As [`send_ping`](Self::send_ping).
    pub fn send_pong(&mut self, payload: &[u8]) -> Result<(), SendError> {
        self.send_control(Opcode::Pong, payload)
    }

    fn send_control(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
        let sender = self.sender()?;
        sender.check_has_opcodes()?;
        if payload.len() > MAX_CONTROL_LEN {
            return Err(SendError::ControlTooLong);
        }
        let Sender {
            session,
            buffer,
            config,
            ..
        } = sender;
        let (queue, len) = (buffer.queue(), session.frame_len(payload.len()));
        session.reserve(queue, len, config.max_send_buffer)?;
        session.queue_frame(queue, opcode, true, payload);
        Ok(())
    }

    /// Queues a message that is sent to many connections, of any dialect and role.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text) or [`send_binary`](Self::send_binary).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Handshake, PreparedMessage};
    /// # let peer = |dialect| {
    /// #     Connection::established_server(Config::new(), &Handshake::new(dialect))
    /// # };
    /// # let mut peers = [peer(Dialect::Rfc6455), peer(Dialect::Hixie76)];
    /// let news = PreparedMessage::text("to all of you");
    /// for conn in &mut peers {
    ///     conn.send_prepared(&news)?;
    /// }
    /// # assert_eq!(peers[1].transmit(), b"\x00to all of you\xff");
    /// # Ok::<(), hybi::SendError>(())
    /// ```
    pub fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        #[cfg(feature = "deflate")]
        if let Some(compressed) = &message.compressed {
            let (opcode, payload) = match &message.payload {
                PreparedPayload::Text(text) => (Opcode::Text, text.as_bytes()),
                PreparedPayload::Binary(bytes) => (Opcode::Binary, &**bytes),
            };
            let mut sender = self.message_sender()?;
            if sender.send_precompressed(opcode, payload, compressed)? {
                return Ok(());
            }
        }
        match &message.payload {
            PreparedPayload::Text(text) => self.send_text(text),
            PreparedPayload::Binary(bytes) => self.send_binary(bytes),
        }
    }

    /// Returns a text message, together with the output that is pending, to write without copying
    /// the message to the send buffer first.
    ///
    /// Pass [`VectoredMessage::slices`] to a vectored write, and the number of bytes written to
    /// [`VectoredMessage::advance`]. The bytes of the message that were not written are queued when
    /// the `VectoredMessage` is dropped. A client from HyBi-7 on has to mask the payload, and
    /// therefore queues a copy. A message that is compressed is queued, too.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    ///
    /// ```
    /// # use hybi::{Config, Connection, Dialect, Handshake};
    /// # use std::io::{IoSlice, Write};
    /// # let mut socket = Vec::new();
    /// # let mut conn = Connection::established_server(Config::new(), &Handshake::new(Dialect::Hixie76));
    /// let mut message = conn.send_text_vectored("a large message")?;
    /// let n = socket.write_vectored(&message.slices().map(IoSlice::new))?;
    /// message.advance(n);
    /// drop(message);
    /// # assert_eq!(socket, b"\x00a large message\xff");
    /// # assert!(!conn.wants_write());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send_text_vectored<'a>(
        &'a mut self,
        text: &'a str,
    ) -> Result<VectoredMessage<'a>, SendError> {
        let sender = self.message_sender()?;
        let opcode = Opcode::Text;
        match sender.session.dialect.row().frames {
            FrameFormat::Hixie { .. } => {
                self.vectored(encode::HIXIE_TEXT_FRAMING, opcode, text.as_bytes())
            }
            FrameFormat::Hybi { .. } => self.vectored(
                encode::hybi_framing(opcode, text.len()),
                opcode,
                text.as_bytes(),
            ),
        }
    }

    /// Returns a binary message to write without copying it to the send buffer first; see
    /// [`send_text_vectored`](Self::send_text_vectored).
    ///
    /// # Errors
    /// As [`send_binary`](Self::send_binary).
    pub fn send_binary_vectored<'a>(
        &'a mut self,
        bytes: &'a [u8],
    ) -> Result<VectoredMessage<'a>, SendError> {
        self.sender()?.check_has_opcodes()?;
        let opcode = Opcode::Binary;
        self.vectored(encode::hybi_framing(opcode, bytes.len()), opcode, bytes)
    }

    fn vectored<'a>(
        &'a mut self,
        framing: Framing,
        opcode: Opcode,
        payload: &'a [u8],
    ) -> Result<VectoredMessage<'a>, SendError> {
        let mut sender = self.message_sender()?;
        let frame = if sender.is_sent_compressed(opcode, true, payload)? {
            FrameSlices::EMPTY
        } else if sender.session.is_masking() {
            sender.send_frame(opcode, true, payload)?;
            FrameSlices::EMPTY
        } else {
            sender.reserve_message(framing.encoded_len(payload))?;
            FrameSlices::new(framing, payload)
        };
        Ok(VectoredMessage {
            conn: self,
            frame,
            written: 0,
        })
    }

    /// Returns what a send needs if the connection is open.
    #[inline]
    fn sender(&mut self) -> Result<Sender<'_>, SendError> {
        let session = match &mut self.state {
            State::Open(session) => session,
            state => sending_session(state)?,
        };
        Ok(Sender {
            session,
            buffer: &mut self.send_buffer,
            config: &self.config,
            #[cfg(feature = "deflate")]
            compresses: self.compresses,
        })
    }

    /// As [`sender`](Self::sender), for a complete message.
    #[inline]
    fn message_sender(&mut self) -> Result<Sender<'_>, SendError> {
        let sender = self.sender()?;
        sender.check_no_fragment()?;
        Ok(sender)
    }
}

/// Returns the session of a connection that can send, though it is not open.
#[cold]
fn sending_session(state: &mut State) -> Result<&mut Session, SendError> {
    match state {
        State::Open(session) | State::PeerClosed(PeerClosed { session, .. }) => Ok(session),
        State::Handshaking(Handshaking::Accepted {
            is_closing: true, ..
        })
        | State::Closing(_)
        | State::Closed(_) => Err(SendError::Closing),
        State::Handshaking(_) => Err(SendError::NotOpen),
    }
}

/// What a send needs.
pub(super) struct Sender<'c> {
    pub(super) session: &'c mut Session,
    pub(super) buffer: &'c mut SendBuffer,
    pub(super) config: &'c Config,
    /// See [`Connection::set_compression`].
    #[cfg(feature = "deflate")]
    pub(super) compresses: bool,
}

impl Sender<'_> {
    /// FR-12
    fn check_has_opcodes(&self) -> Result<(), SendError> {
        let dialect = self.session.dialect;
        if dialect.row().has_opcodes() {
            Ok(())
        } else {
            Err(SendError::Unsupported { dialect })
        }
    }

    /// Checks that no message is being sent in fragments.
    #[inline]
    fn check_no_fragment(&self) -> Result<(), SendError> {
        match self.session.fragmented {
            None => Ok(()),
            Some(_) => Err(SendError::FragmentInProgress),
        }
    }

    /// Returns the opcode of the next fragment of a message.
    fn fragment_opcode(&self, message_type: Opcode) -> Result<Opcode, SendError> {
        match self.session.fragmented {
            None => Ok(message_type),
            Some(current) if current == message_type => Ok(Opcode::Continuation),
            Some(_) => Err(SendError::FragmentInProgress),
        }
    }

    /// Checks that a message, or a fragment of one, of `len` bytes can be queued. Returns what it
    /// is queued with.
    #[inline(always)]
    pub(super) fn reserve_message(
        &mut self,
        len: usize,
    ) -> Result<(&mut Session, &mut Queue), SendError> {
        let queue = self.buffer.message_queue(self.config);
        self.session.reserve(queue, len, queue.limit())?;
        queue.start_message();
        Ok((self.session, queue))
    }

    /// Queues a message, or a fragment of one, if compression is agreed on and makes it shorter.
    /// Returns whether it did.
    #[cfg(feature = "deflate")]
    #[inline(always)]
    fn is_sent_compressed(
        &mut self,
        opcode: Opcode,
        fin: bool,
        payload: &[u8],
    ) -> Result<bool, SendError> {
        match self.session.send_window {
            None => Ok(false),
            Some(_) => self.send_compressed(opcode, fin, payload),
        }
    }

    #[cfg(not(feature = "deflate"))]
    #[inline(always)]
    fn is_sent_compressed(&mut self, _: Opcode, _: bool, _: &[u8]) -> Result<bool, SendError> {
        Ok(false)
    }

    /// Queues a fragment of a message in HyBi-7 and later.
    fn send_fragment(
        &mut self,
        opcode: Opcode,
        fin: bool,
        payload: &[u8],
    ) -> Result<(), SendError> {
        if self.is_sent_compressed(opcode, fin, payload)? {
            return Ok(());
        }
        self.send_frame(opcode, fin, payload)
    }

    /// Queues a complete message of HyBi-7 and later.
    // Inlined, so that the opcode is a constant.
    #[inline(always)]
    fn send_message(&mut self, opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
        if self.is_sent_compressed(opcode, true, payload)? {
            return Ok(());
        }
        if self.session.is_masking() {
            return self.send_frame(opcode, true, payload);
        }
        self.send_framed(encode::hybi_framing(opcode, payload.len()), payload)
    }

    #[inline(always)]
    fn send_framed(&mut self, framing: Framing, payload: &[u8]) -> Result<(), SendError> {
        let (_, queue) = self.reserve_message(framing.encoded_len(payload))?;
        queue.push_framed(framing, payload);
        Ok(())
    }

    /// Queues a frame of a message of HyBi-7 and later.
    #[inline]
    fn send_frame(&mut self, opcode: Opcode, fin: bool, payload: &[u8]) -> Result<(), SendError> {
        let len = self.session.frame_len(payload.len());
        let (session, queue) = self.reserve_message(len)?;
        session.queue_frame(queue, opcode, fin, payload);
        Ok(())
    }
}

/// A message that is written without being copied, created by [`Connection::send_text_vectored`] or
/// [`Connection::send_binary_vectored`].
///
/// When dropped, it queues the bytes that were not written. If it is leaked
/// ([`mem::forget`](core::mem::forget)) after a part was written, [abort](Connection::abort) the
/// connection: the message is incomplete.
///
/// ```
/// # use hybi::{Config, Connection, Dialect, Handshake};
/// # let handshake = Handshake::new(Dialect::Rfc6455);
/// # let mut conn = Connection::established_server(Config::new(), &handshake);
/// let mut message = conn.send_binary_vectored(b"12345")?;
/// assert_eq!(message.slices().concat(), b"\x82\x0512345");
/// message.advance(4); // the socket accepted 4 bytes
/// drop(message);
/// assert_eq!(conn.transmit(), b"345");
/// # Ok::<(), hybi::SendError>(())
/// ```
#[must_use = "if dropped, the whole message is queued"]
pub struct VectoredMessage<'a> {
    conn: &'a mut Connection,
    frame: FrameSlices<'a>,
    /// Bytes of the frame that were written. Greater than 0 only if no output is pending.
    written: usize,
}

struct FrameSlices<'a> {
    /// The bytes of the header, and their number.
    header: ([u8; HeaderBytes::PADDED_LEN], usize),
    payload: &'a [u8],
    terminator: Option<u8>,
}

impl<'a> FrameSlices<'a> {
    /// A frame that is queued already.
    const EMPTY: Self = Self {
        header: ([0; HeaderBytes::PADDED_LEN], 0),
        payload: &[],
        terminator: None,
    };

    fn new(framing: Framing, payload: &'a [u8]) -> Self {
        Self {
            header: framing.header.padded(),
            payload,
            terminator: framing.terminator,
        }
    }

    /// Returns the slices after the first `written` bytes.
    fn after(&self, written: usize) -> [&[u8]; 3] {
        let (header, len) = &self.header;
        let header = header.get(..*len).unwrap_or_default();
        let mut skip = written;
        [header, self.payload, self.terminator.as_slice()].map(|slice| {
            let n = skip.min(slice.len());
            skip -= n;
            slice.get(n..).unwrap_or_default()
        })
    }

    fn len(&self) -> usize {
        self.after(0).map(<[u8]>::len).iter().sum()
    }
}

impl VectoredMessage<'_> {
    /// Returns the slices to write, in order: the output that was pending before, the header of the
    /// message, its payload and its terminator. Some may be empty.
    #[must_use]
    pub fn slices(&self) -> [&[u8]; 4] {
        let [header, payload, terminator] = self.frame.after(self.written);
        [self.conn.transmit(), header, payload, terminator]
    }

    /// Removes the first `n` bytes of the slices, which were written to the socket. Can be called
    /// repeatedly.
    ///
    /// # Panics
    /// Panics if `n` is greater than the total length of the slices. All of them count as written
    /// then.
    pub fn advance(&mut self, n: usize) {
        let pending = self.conn.pending().min(n);
        let frame_len = self.frame.len();
        let written = self.written.saturating_add(n - pending);
        self.written = written.min(frame_len);
        self.conn.advance(pending);
        assert!(
            written <= frame_len,
            "advance({n}) is greater than the length of the slices"
        );
    }
}

impl Drop for VectoredMessage<'_> {
    fn drop(&mut self) {
        let remaining = self.frame.after(self.written);
        if remaining.iter().any(|slice| !slice.is_empty()) {
            self.conn.send_buffer.push_all(remaining);
        }
    }
}

/// Omits the payload.
impl core::fmt::Debug for VectoredMessage<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("VectoredMessage")
            .field("payload_len", &self.frame.payload.len())
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}
