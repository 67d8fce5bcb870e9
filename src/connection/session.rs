//! What a connection has after the handshake, open or closing, and the frames that it queues.

use alloc::boxed::Box;

use crate::call_errors::SendError;
use crate::config::Role;
#[cfg(feature = "deflate")]
use crate::deflate::{Compressor, Window};
use crate::dialect::{Dialect, FrameFormat};
use crate::event::Close;
use crate::fixed_buf::FixedBuf;
use crate::frame::Decoder;
use crate::frame::encode::{Framing, HIXIE_CLOSE, HIXIE_TERMINATOR};
use crate::frame::header::{self, HeaderBytes};
use crate::frame::opcode::{MAX_CONTROL_LEN, Opcode};
use crate::handshake::Extensions;
use crate::random::Masks;
use crate::send_buffer::{Queue, SendBuffer};

#[derive(Debug)]
pub(super) struct Session {
    pub(super) dialect: Dialect,
    pub(super) extensions: Extensions,
    pub(super) decoder: Decoder,
    /// The type of the message of which fragments were sent, but not the last.
    pub(super) fragmented: Option<Opcode>,
    /// Generates the masking keys: `Some` on a client from HyBi-7 on (HY-5).
    masks: Option<Box<Masks>>,
    /// The payload of the latest ping that arrived while more than `high_water` bytes were pending.
    deferred_pong: Option<Box<FixedBuf<MAX_CONTROL_LEN>>>,
    /// The window that the peer allows for messages that are sent, if it allows compressed ones.
    #[cfg(feature = "deflate")]
    pub(super) send_window: Option<Window>,
    /// The message of which fragments were sent, but not the last, is compressed as a whole.
    #[cfg(feature = "deflate")]
    pub(super) is_compressing: bool,
    /// Created for the first message that is compressed.
    #[cfg(feature = "deflate")]
    pub(super) compressor: Option<Box<Compressor>>,
}

impl Session {
    pub(super) fn new(
        dialect: Dialect,
        role: Role,
        extensions: Extensions,
        masks: Option<Box<Masks>>,
    ) -> Self {
        let decoder = Decoder::new(dialect, role);
        #[cfg(feature = "deflate")]
        let decoder = match extensions.compression {
            Some(agreed) => decoder.with_compression(agreed.format, agreed.receive(role)),
            None => decoder,
        };
        Self {
            dialect,
            extensions,
            decoder,
            fragmented: None,
            masks,
            deferred_pong: None,
            #[cfg(feature = "deflate")]
            send_window: extensions.compression.map(|agreed| agreed.send(role)),
            #[cfg(feature = "deflate")]
            is_compressing: false,
            #[cfg(feature = "deflate")]
            compressor: None,
        }
    }

    /// Returns whether frames have to be masked.
    #[inline]
    pub(super) fn is_masking(&self) -> bool {
        self.masks.is_some()
    }

    /// Returns whether the random generator of the masking keys is allocated.
    pub(super) fn has_generator(&self) -> bool {
        self.masks
            .as_ref()
            .is_some_and(|masks| masks.is_allocated())
    }

    /// Releases the random generator of the masking keys; a new seed is kept.
    pub(super) fn reseed(&mut self) {
        if let Some(masks) = &mut self.masks {
            masks.reseed();
        }
    }

    /// Queues a frame of HyBi-7 and later, without checking the limit.
    #[inline]
    pub(super) fn queue_frame(
        &mut self,
        queue: &mut Queue,
        opcode: Opcode,
        fin: bool,
        payload: &[u8],
    ) {
        let key = self.masking_key();
        let header = HeaderBytes::encode(opcode, fin, payload.len(), key);
        push_frame(queue, header, payload, key);
    }

    /// Queues a frame with RSV1 set, without checking the limit (DF-11).
    #[cfg(feature = "deflate")]
    pub(super) fn queue_compressed(
        &mut self,
        queue: &mut Queue,
        opcode: Opcode,
        fin: bool,
        compressed: &[u8],
    ) {
        let key = self.masking_key();
        let header = HeaderBytes::encode(opcode, fin, compressed.len(), key);
        push_frame(queue, header.compressed(), compressed, key);
    }

    /// HY-5: a new key for each frame of a client.
    #[inline]
    fn masking_key(&mut self) -> Option<[u8; 4]> {
        self.masks.as_mut().map(|masks| masks.next_key())
    }

    /// Queues a close frame if the dialect has one (CL-1, CL-20).
    pub(super) fn queue_close(&mut self, buffer: &mut SendBuffer, close: &Close) {
        match self.dialect.row().frames {
            FrameFormat::Hixie { has_close: false } => {}
            FrameFormat::Hixie { has_close: true } => {
                if self.fragmented.is_some() {
                    buffer.push(&[HIXIE_TERMINATOR]);
                }
                buffer.push(HIXIE_CLOSE);
            }
            FrameFormat::Hybi { .. } => {
                let reason = close.reason().as_bytes();
                let code = close.code();
                let payload = code.map(|code| [&code.to_be_bytes(), reason].concat());
                self.queue_frame(
                    buffer.queue(),
                    Opcode::Close,
                    true,
                    &payload.unwrap_or_default(),
                );
            }
        }
        buffer.end_with_close();
        buffer.release_when_empty();
    }

    /// Returns the length of a frame of HyBi-7 and later.
    #[inline]
    pub(super) fn frame_len(&self, payload_len: usize) -> usize {
        header::encoded_len(payload_len, self.is_masking()) + payload_len
    }

    /// Checks that a message or control frame of `len` bytes can be queued, with at most `limit`
    /// pending.
    ///
    /// Queues a deferred pong first, which then has to fit as well, so that messages cannot starve
    /// it.
    #[inline]
    pub(super) fn reserve(
        &mut self,
        queue: &mut Queue,
        len: usize,
        limit: usize,
    ) -> Result<(), SendError> {
        match &self.deferred_pong {
            None => queue.check_capacity(len, 0, limit),
            Some(pong) => {
                let pong_len = self.frame_len(pong.len());
                queue.check_capacity(len, pong_len, limit)?;
                self.queue_pong(queue);
                Ok(())
            }
        }
    }

    /// Queues a pong, or defers it while more than `high_water` bytes are pending: until they are
    /// at most `high_water`, or until the next message. Only the latest ping is deferred (RFC 6455,
    /// 5.5.3), so that pings cannot grow the output.
    pub(super) fn answer_ping(
        &mut self,
        buffer: &mut SendBuffer,
        high_water: usize,
        payload: &[u8],
    ) {
        if buffer.len() <= high_water {
            self.queue_frame(buffer.queue(), Opcode::Pong, true, payload);
        } else {
            let mut pong = FixedBuf::EMPTY;
            pong.fill(payload);
            self.deferred_pong = Some(Box::new(pong));
        }
    }

    #[inline]
    pub(super) fn has_deferred_pong(&self) -> bool {
        self.deferred_pong.is_some()
    }

    /// Queues the deferred pong once the pending output is at most `high_water`.
    #[inline]
    pub(super) fn flush_pong(&mut self, buffer: &mut SendBuffer, high_water: usize) {
        if self.deferred_pong.is_some() && buffer.len() <= high_water {
            self.queue_pong(buffer.queue());
        }
    }

    #[cold]
    fn queue_pong(&mut self, queue: &mut Queue) {
        if let Some(pong) = self.deferred_pong.take() {
            self.queue_frame(queue, Opcode::Pong, true, pong.as_slice());
        }
    }
}

/// Queues a frame of HyBi-7 and later.
#[inline]
fn push_frame(queue: &mut Queue, header: HeaderBytes, payload: &[u8], key: Option<[u8; 4]>) {
    match key {
        Some(key) => queue.push_masked(header, payload, key),
        None => {
            let terminator = None;
            queue.push_framed(Framing { header, terminator }, payload);
        }
    }
}
