//! Messages that are sent to many connections.

use alloc::sync::Arc;

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
pub struct PreparedMessage(pub(crate) Payload);

#[derive(Clone)]
pub(crate) enum Payload {
    Text(Arc<str>),
    Binary(Arc<[u8]>),
}

impl PreparedMessage {
    /// Creates a text message. Copies the text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(Payload::Text(text.into()))
    }

    /// Creates a binary message. Copies the bytes. Hixie-75 and Hixie-76 have no binary messages.
    #[must_use]
    pub fn binary(bytes: &[u8]) -> Self {
        Self(Payload::Binary(bytes.into()))
    }

    /// Returns the length of the payload in bytes.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        match &self.0 {
            Payload::Text(text) => text.len(),
            Payload::Binary(bytes) => bytes.len(),
        }
    }
}

/// Omits the payload.
impl core::fmt::Debug for PreparedMessage {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "PreparedMessage({} bytes)", self.payload_len())
    }
}
