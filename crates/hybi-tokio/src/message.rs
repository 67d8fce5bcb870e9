//! Messages.

use bytes::Bytes;
use bytestring::ByteString;

/// A message that is sent or received, complete.
///
/// Clones share the payload.
///
/// ```
/// use hybi_tokio::Message;
///
/// let message = Message::from("Hello");
/// assert_eq!(message.as_text(), Some("Hello"));
/// assert_eq!(message.payload(), b"Hello");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// Text.
    Text(ByteString),
    /// Bytes. Hixie-75 and Hixie-76 have no binary messages.
    Binary(Bytes),
    /// A ping, of at most 125 bytes. Hixie-75 and Hixie-76 have no pings.
    ///
    /// Received only with [`WebSocket::set_returns_pings`](crate::WebSocket::set_returns_pings),
    /// after it was answered.
    Ping(Bytes),
    /// A pong, of at most 125 bytes: the answer to a ping, or unsolicited. Hixie-75 and Hixie-76
    /// have no pongs.
    ///
    /// Received only with
    /// [`WebSocket::set_returns_pings`](crate::WebSocket::set_returns_pings).
    Pong(Bytes),
}

impl Message {
    /// Returns the text, or `None` if this is not a text message.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the payload of a message of any kind.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
        }
    }

    /// Returns the payload of a message of any kind, without a copy.
    #[must_use]
    pub fn into_payload(self) -> Bytes {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes,
        }
    }
}

/// A text message. Copies the text.
impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// A text message.
impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

/// A text message.
impl From<ByteString> for Message {
    fn from(text: ByteString) -> Self {
        Self::Text(text)
    }
}

/// A binary message.
impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

/// A binary message.
impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}
