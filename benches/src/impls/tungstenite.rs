//! tungstenite, with a read buffer of the size of a read: it zeroes the buffer before every read,
//! and the default is 128 KiB.

use std::hint::black_box;

use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Bytes, Message, Utf8Bytes, WebSocket};

use super::MAX_MESSAGE;
use crate::entry::{Echo, Receive, Send};
use crate::sink::Sink;
use crate::wire::Wire;

/// For reads of `read` bytes.
pub fn config(read: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(read)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

pub struct Receiver(WebSocket<Wire>);

impl Receiver {
    pub fn new(wire: Wire) -> Self {
        let config = config(wire.next_len());
        Self(WebSocket::from_raw_socket(wire, Role::Server, Some(config)))
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        match self.0.read().expect("valid frames") {
            Message::Text(text) => sink.chunk(text.as_bytes(), true),
            Message::Binary(bytes) => sink.chunk(&bytes, true),
            other => panic!("{other:?}"),
        }
    }
}

impl Echo for Receiver {
    fn echo(&mut self) {
        let message = self.0.read().expect("valid frames");
        self.0.send(message).expect("memory");
    }
}

pub struct Sender {
    socket: WebSocket<Wire>,
    /// Shared, so that no message is copied for the call.
    text: Utf8Bytes,
}

impl Sender {
    pub fn new(role: super::Role, text: &str, wire: Wire) -> Self {
        let role = match role {
            super::Role::Server => Role::Server,
            super::Role::Client => Role::Client,
        };
        let text = Bytes::copy_from_slice(text.as_bytes());
        Self {
            socket: WebSocket::from_raw_socket(wire, role, None),
            text: Utf8Bytes::try_from(text).expect("UTF-8"),
        }
    }
}

impl Send for Sender {
    fn send(&mut self) {
        let message = Message::Text(black_box(&self.text).clone());
        self.socket.send(message).expect("memory");
    }
}
