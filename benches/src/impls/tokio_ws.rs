//! tokio-websockets.

use std::hint::black_box;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::{Sink as _, Stream};
use tokio_websockets::{ClientBuilder, Limits, Message, Payload, ServerBuilder, WebSocketStream};

use super::{MAX_MESSAGE, Role, context, done};
use crate::entry::{Echo, Receive, Send};
use crate::sink::Sink;
use crate::wire::Wire;

pub struct Receiver(WebSocketStream<Wire>);

impl Receiver {
    pub fn new(wire: Wire) -> Self {
        let limits = Limits::default().max_payload_len(Some(MAX_MESSAGE));
        Self(ServerBuilder::new().limits(limits).serve(wire))
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        let message = receive(&mut self.0);
        match message.as_text() {
            Some(text) => sink.chunk(text.as_bytes(), true),
            None => sink.chunk(message.as_payload(), true),
        }
    }
}

impl Echo for Receiver {
    fn echo(&mut self) {
        let message = receive(&mut self.0);
        send(&mut self.0, message);
    }
}

pub struct Sender {
    stream: WebSocketStream<Wire>,
    /// Shared, so that no message is copied for the call.
    text: Payload,
}

impl Sender {
    pub fn new(role: Role, text: &str, wire: Wire) -> Self {
        let stream = match role {
            Role::Server => ServerBuilder::new().serve(wire),
            Role::Client => ClientBuilder::new().take_over(wire),
        };
        let text = Bytes::copy_from_slice(text.as_bytes()).into();
        Self { stream, text }
    }
}

impl Send for Sender {
    fn send(&mut self) {
        send(
            &mut self.stream,
            Message::text(black_box(&self.text).clone()),
        );
    }
}

fn receive(stream: &mut WebSocketStream<Wire>) -> Message {
    let next = done(Pin::new(stream).poll_next(&mut context()));
    next.expect("more input").expect("valid frames")
}

fn send(stream: &mut WebSocketStream<Wire>, message: Message) {
    let mut stream = Pin::new(stream);
    done(stream.as_mut().poll_ready(&mut context())).expect("memory");
    stream.as_mut().start_send(message).expect("memory");
    done(stream.poll_flush(&mut context())).expect("memory");
}
