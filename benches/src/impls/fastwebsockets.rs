//! fastwebsockets.

use std::hint::black_box;

use fastwebsockets::{Frame, Payload, Role, WebSocket};

use super::{MAX_MESSAGE, ready};
use crate::entry::{Echo, Receive, Send};
use crate::sink::Sink;
use crate::wire::Wire;

pub struct Receiver(WebSocket<Wire>);

impl Receiver {
    pub fn new(wire: Wire) -> Self {
        let mut socket = WebSocket::after_handshake(wire, Role::Server);
        socket.set_max_message_size(MAX_MESSAGE);
        Self(socket)
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        let frame = ready(self.0.read_frame()).expect("valid frames");
        sink.chunk(&frame.payload, frame.fin);
    }
}

impl Echo for Receiver {
    fn echo(&mut self) {
        let frame = ready(self.0.read_frame()).expect("valid frames");
        // The frame as it was read still has the client's mask.
        let echo = Frame::text(frame.payload);
        ready(self.0.write_frame(echo)).expect("memory");
    }
}

pub struct Sender {
    socket: WebSocket<Wire>,
    text: &'static str,
}

impl Sender {
    pub fn new(role: super::Role, text: &'static str, wire: Wire) -> Self {
        let role = match role {
            super::Role::Server => Role::Server,
            super::Role::Client => Role::Client,
        };
        Self {
            socket: WebSocket::after_handshake(wire, role),
            text,
        }
    }
}

impl Send for Sender {
    fn send(&mut self) {
        let text = Payload::Borrowed(black_box(self.text.as_bytes()));
        ready(self.socket.write_frame(Frame::text(text))).expect("memory");
    }
}
