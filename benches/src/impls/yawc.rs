//! yawc, with its check of text enabled.

use std::hint::black_box;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Sink as _;
use yawc::frame::Frame;
use yawc::{Options, Role, WebSocket};

use super::{MAX_MESSAGE, context, done};
use crate::entry::{Receive, Send};
use crate::sink::Sink;
use crate::wire::Wire;

pub struct Receiver(WebSocket<Wire>);

impl Receiver {
    pub fn new(wire: Wire) -> Self {
        Self(socket(Role::Server, wire))
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        let frame = done(self.0.poll_next_frame(&mut context()));
        sink.chunk(frame.expect("valid frames").payload(), true);
    }
}

pub struct Sender {
    socket: WebSocket<Wire>,
    /// Shared, so that no message is copied for the call.
    text: Bytes,
}

impl Sender {
    pub fn new(role: super::Role, text: &str, wire: Wire) -> Self {
        let role = match role {
            super::Role::Server => Role::Server,
            super::Role::Client => Role::Client,
        };
        Self {
            socket: socket(role, wire),
            text: Bytes::copy_from_slice(text.as_bytes()),
        }
    }
}

impl Send for Sender {
    fn send(&mut self) {
        let frame = Frame::text(black_box(&self.text).clone());
        let mut socket = Pin::new(&mut self.socket);
        done(socket.as_mut().poll_ready(&mut context())).expect("memory");
        socket.as_mut().start_send(frame).expect("memory");
        done(socket.poll_flush(&mut context())).expect("memory");
    }
}

fn socket(role: Role, wire: Wire) -> WebSocket<Wire> {
    let options = Options::default()
        .with_utf8()
        .with_limits(MAX_MESSAGE, 2 * MAX_MESSAGE);
    WebSocket::from_stream(wire, role, options).expect("valid options")
}
