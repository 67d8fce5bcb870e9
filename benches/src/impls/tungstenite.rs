//! tungstenite, as it comes: its own read buffer of 128 KiB, text checked, messages owned.

use std::hint::black_box;
use std::io::ErrorKind;

use tungstenite::protocol::Role;
use tungstenite::{Bytes, Error, Message, Utf8Bytes, WebSocket};

use crate::entry::Receive;
use crate::sink::Sink;
use crate::wire::Wire;

pub struct Receiver(WebSocket<Wire>);

impl Receiver {
    pub fn new(wire: Wire) -> Self {
        Self(WebSocket::from_raw_socket(wire, Role::Server, None))
    }

    /// As [`new`](Self::new), with messages of any size.
    pub fn unlimited(wire: Wire) -> Self {
        let mut receiver = Self::new(wire);
        receiver.0.set_config(|config| {
            config.max_message_size = None;
            config.max_frame_size = None;
        });
        receiver
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        match self.0.read() {
            Ok(Message::Text(text)) => sink.piece(text.as_bytes(), true),
            Ok(Message::Binary(bytes)) => sink.piece(&bytes, true),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
            other => panic!("{other:?}"),
        }
    }

    fn wire(&mut self) -> &mut Wire {
        self.0.get_mut()
    }
}

pub struct Sender {
    socket: WebSocket<Wire>,
    /// Shared, so that no message is copied for the call.
    text: Utf8Bytes,
}

impl Sender {
    pub fn server(text: &str) -> Self {
        Self::new(Role::Server, text)
    }

    pub fn client(text: &str) -> Self {
        Self::new(Role::Client, text)
    }

    fn new(role: Role, text: &str) -> Self {
        let text = Bytes::copy_from_slice(text.as_bytes());
        Self {
            socket: WebSocket::from_raw_socket(Wire::silent(), role, None),
            text: Utf8Bytes::try_from(text).expect("UTF-8"),
        }
    }

    /// One message, one flush.
    pub fn text(&mut self) {
        let message = Message::Text(black_box(&self.text).clone());
        self.socket.send(message).expect("memory");
    }

    pub fn wire(&mut self) -> &mut Wire {
        self.socket.get_mut()
    }
}
