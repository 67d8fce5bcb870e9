//! sockudo-ws' `Protocol`, which works without a socket.

use std::hint::black_box;
use std::io::Write;

use bytes::{Bytes, BytesMut};
use sockudo_ws::protocol::Protocol;
use sockudo_ws::{Message, Role};

use super::MAX_MESSAGE;
use crate::entry::{Echo, Receive, Send};
use crate::sink::Sink;
use crate::wire::Wire;

pub struct Receiver {
    protocol: Protocol,
    wire: Wire,
    input: BytesMut,
    messages: Vec<Message>,
    output: BytesMut,
}

impl Receiver {
    pub fn new(wire: Wire) -> Self {
        Self {
            protocol: Protocol::new(Role::Server, MAX_MESSAGE, MAX_MESSAGE),
            wire,
            input: BytesMut::new(),
            messages: Vec::new(),
            output: BytesMut::new(),
        }
    }

    fn receive(&mut self) {
        // Dropped before the read, so that the read buffer can be used again.
        self.messages.clear();
        self.wire.read_into(&mut self.input);
        let processed = self
            .protocol
            .process_into(&mut self.input, &mut self.messages);
        processed.expect("valid frames");
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        self.receive();
        for message in &self.messages {
            sink.chunk(message.as_bytes(), true);
        }
    }
}

impl Echo for Receiver {
    fn echo(&mut self) {
        while self.messages.is_empty() {
            self.receive();
        }
        for message in self.messages.drain(..) {
            send(
                &mut self.protocol,
                &message,
                &mut self.output,
                &mut self.wire,
            );
        }
    }
}

pub struct Sender {
    protocol: Protocol,
    message: Message,
    output: BytesMut,
    wire: Wire,
}

impl Sender {
    pub fn new(role: super::Role, text: &str, wire: Wire) -> Self {
        let role = match role {
            super::Role::Server => Role::Server,
            super::Role::Client => Role::Client,
        };
        Self {
            protocol: Protocol::new(role, MAX_MESSAGE, MAX_MESSAGE),
            message: Message::Text(Bytes::copy_from_slice(text.as_bytes())),
            output: BytesMut::new(),
            wire,
        }
    }
}

impl Send for Sender {
    fn send(&mut self) {
        let message = black_box(&self.message);
        send(
            &mut self.protocol,
            message,
            &mut self.output,
            &mut self.wire,
        );
    }
}

#[inline(always)]
fn send(protocol: &mut Protocol, message: &Message, output: &mut BytesMut, wire: &mut Wire) {
    output.clear();
    protocol.encode_message(message, output).expect("memory");
    wire.write_all(output).expect("memory");
}
