//! Sending compressed messages.

use alloc::boxed::Box;

use super::Connection;
use super::send::Sender;
use crate::call_errors::SendError;
use crate::deflate::{Compression, Compressor, Format, MAX_GROWTH, Output, Window};
use crate::frame::header;
use crate::frame::opcode::Opcode;
use crate::prepared::Compressed;

impl Connection {
    /// Returns the compression that both sides agreed to, or `None` if messages are not compressed,
    /// before it is known, and once the connection has ended.
    #[must_use]
    pub fn compression(&self) -> Option<&Compression> {
        self.state.extensions()?.compression.as_ref()
    }

    /// Sets whether the messages that are sent from now on are compressed. Has no effect without an
    /// agreed [`compression`](Self::compression).
    ///
    /// Default: `true`. Pass `false` before a message that contains a secret together with data of
    /// another party, or that is compressed already, such as an image.
    ///
    /// Control frames are never compressed, nor are messages that would not become shorter. With
    /// context takeover, the first messages may become a few bytes longer, so that the next ones
    /// can refer to them. Whether a message in fragments is compressed is decided by the first one.
    ///
    /// ```
    /// # use hybi::{Compression, Config, Connection, Dialect, Handshake, SendError};
    /// # let compression: Compression = "permessage-deflate".parse().unwrap();
    /// # let handshake = Handshake::new(Dialect::Rfc6455).with_compression(compression);
    /// # let mut conn = Connection::established_server(Config::new(), &handshake);
    /// let message = "a".repeat(1000);
    /// conn.send_text(&message)?;
    /// assert!(conn.pending() < 100);
    ///
    /// conn.set_compression(false);
    /// conn.send_text(&message)?;
    /// assert!(conn.pending() > 1000);
    /// # Ok::<(), SendError>(())
    /// ```
    pub fn set_compression(&mut self, on: bool) {
        self.compresses = on;
    }
}

impl Sender<'_> {
    /// Compresses and queues a message, or a fragment of one. Returns `Ok(false)` if it is to be
    /// sent as it is.
    ///
    /// The limit of the send buffer applies to the payload before compression, so that the result
    /// does not depend on its content.
    #[inline(never)]
    pub(super) fn send_compressed(
        &mut self,
        opcode: Opcode,
        fin: bool,
        payload: &[u8],
    ) -> Result<bool, SendError> {
        if self.session.is_compressing {
            self.continue_compressed(fin, payload)?;
            return Ok(true);
        }
        let Some((format, window)) = self.format().zip(self.window()) else {
            return Ok(false);
        };
        let min_len = self
            .config
            .deflate_or_default()
            .min_len(window.context_takeover);
        if payload.len() < min_len || !header::has_compression_bit(format, opcode) {
            return Ok(false);
        }
        self.reserve_message(self.session.frame_len(payload.len()))?;
        let longer = self.session.frame_len(payload.len() + MAX_GROWTH);
        let may_grow = self.reserve_message(longer).is_ok();
        let is_continued = !fin && format == Format::PerMessage;
        let mut compressed = Output::new();
        let compressor = self.compressor(window);
        let is_compressed = if is_continued {
            compressor.start_message(payload, compressed.as_mut())
        } else {
            compressor.compress(payload, may_grow, compressed.as_mut())
        };
        if is_compressed {
            let queue = self.buffer.queue();
            self.session
                .queue_compressed(queue, opcode, fin, compressed.as_mut());
            self.session.is_compressing = is_continued;
        }
        Ok(is_compressed)
    }

    /// Compresses and queues a later fragment of a message that is compressed as a whole.
    fn continue_compressed(&mut self, fin: bool, payload: &[u8]) -> Result<(), SendError> {
        self.reserve_message(self.session.frame_len(payload.len()))?;
        let mut compressed = Output::new();
        if let Some(compressor) = &mut self.session.compressor {
            compressor.continue_message(payload, fin, compressed.as_mut());
        }
        let (queue, opcode) = (self.buffer.queue(), Opcode::Continuation);
        self.session
            .queue_frame(queue, opcode, fin, compressed.as_mut());
        self.session.is_compressing = !fin;
        Ok(())
    }

    /// Queues a message that was compressed for many connections. As
    /// [`send_compressed`](Self::send_compressed).
    pub(super) fn send_precompressed(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        compressed: &Compressed,
    ) -> Result<bool, SendError> {
        let window = self.window();
        let Some(window) = window.filter(|window| compressed.window_bits <= window.bits) else {
            return Ok(false);
        };
        self.reserve_message(self.session.frame_len(payload.len()))?;
        self.session
            .queue_compressed(self.buffer.queue(), opcode, true, &compressed.bytes);
        // The receiver adds it to its window.
        self.compressor(window).add_to_history(payload);
        Ok(true)
    }

    fn format(&self) -> Option<Format> {
        let agreed = self.session.extensions.compression.as_ref();
        agreed.map(|agreed| agreed.format)
    }

    /// Returns the window for messages that are sent, if they are compressed.
    fn window(&self) -> Option<Window> {
        let allowed = self.session.send_window.filter(|_| self.compresses)?;
        Some(allowed.limited_to(self.config.deflate_or_default().send_window))
    }

    fn compressor(&mut self, window: Window) -> &mut Compressor {
        let level = self.config.deflate_or_default().level;
        let new = || Box::new(Compressor::new(window.bits, level, window.context_takeover));
        self.session.compressor.get_or_insert_with(new)
    }
}
