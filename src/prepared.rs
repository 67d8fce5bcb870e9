//! Messages that are sent to many connections.

use alloc::sync::Arc;
#[cfg(feature = "deflate")]
use alloc::vec::Vec;

#[cfg(feature = "deflate")]
use crate::deflate::{Deflate, MAX_WINDOW_BITS, compress_without_history};

/// A message to send to many connections with
/// [`Connection::send_prepared`](crate::Connection::send_prepared).
///
/// It does not depend on the dialect and role of a connection. Clones share the payload.
///
/// ```
/// # use hybi::PreparedMessage;
/// let message = PreparedMessage::text("to all of you");
/// let shared = message.clone(); // no copy
/// assert_eq!(shared.payload_len(), 13);
/// ```
#[derive(Clone)]
pub struct PreparedMessage {
    pub(crate) payload: PreparedPayload,
    #[cfg(feature = "deflate")]
    pub(crate) compressed: Option<Arc<Compressed>>,
}

#[derive(Clone)]
pub(crate) enum PreparedPayload {
    Text(Arc<str>),
    Binary(Arc<[u8]>),
}

/// A message that was compressed without those before it.
#[cfg(feature = "deflate")]
pub(crate) struct Compressed {
    /// How far back it refers.
    pub(crate) window_bits: u8,
    pub(crate) bytes: Vec<u8>,
}

impl PreparedMessage {
    /// Creates a text message. Copies the text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::new(PreparedPayload::Text(text.into()))
    }

    /// Creates a binary message. Copies the bytes. Hixie-75 and Hixie-76 have no binary messages.
    #[must_use]
    pub fn binary(bytes: &[u8]) -> Self {
        Self::new(PreparedPayload::Binary(bytes.into()))
    }

    fn new(payload: PreparedPayload) -> Self {
        Self {
            payload,
            #[cfg(feature = "deflate")]
            compressed: None,
        }
    }

    /// Compresses the message once for all connections that agreed to compression, instead of once
    /// for each.
    ///
    /// It is compressed without the messages before it, so it is longer than
    /// [`send_text`](crate::Connection::send_text) would make it on a connection with context
    /// takeover. A connection with a smaller window than that of `deflate`
    /// ([`Deflate::send_window`](crate::Deflate::send_window)), because its own configuration has
    /// one or its peer requires it, compresses the message by itself.
    ///
    /// ```
    /// # use hybi::{Compression, Config, Connection, Deflate, Dialect, Handshake, PreparedMessage};
    /// # let compression: Compression = "permessage-deflate".parse().unwrap();
    /// # let handshake = Handshake::new(Dialect::Rfc6455).with_compression(compression);
    /// # let mut peers = [(); 2].map(|()| Connection::established_server(Config::new(), &handshake));
    /// let news = PreparedMessage::text(&"to all of you ".repeat(100)).compressed(&Deflate::new());
    /// for conn in &mut peers {
    ///     conn.send_prepared(&news)?;
    ///     assert!(conn.pending() < 100);
    /// }
    /// # Ok::<(), hybi::SendError>(())
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn compressed(mut self, deflate: &Deflate) -> Self {
        let payload = match &self.payload {
            PreparedPayload::Text(text) => text.as_bytes(),
            PreparedPayload::Binary(bytes) => bytes,
        };
        let window_bits = deflate.send_window.unwrap_or(MAX_WINDOW_BITS);
        let bytes = compress_without_history(payload, window_bits, deflate.level);
        self.compressed = bytes.map(|bytes| Arc::new(Compressed { window_bits, bytes }));
        self
    }

    /// Returns the length of the payload in bytes.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        match &self.payload {
            PreparedPayload::Text(text) => text.len(),
            PreparedPayload::Binary(bytes) => bytes.len(),
        }
    }
}

/// Omits the payload.
impl core::fmt::Debug for PreparedMessage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PreparedMessage({} bytes)", self.payload_len())
    }
}
