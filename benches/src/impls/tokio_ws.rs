//! tokio-websockets, polled by hand: the wire is always ready, so no runtime is in its time.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;
use tokio_websockets::{ServerBuilder, WebSocketStream};

use crate::entry::Receive;
use crate::sink::Sink;
use crate::wire::Wire;

pub struct Receiver(WebSocketStream<Wire>);

impl Receiver {
    pub fn new(wire: Wire) -> Self {
        Self(ServerBuilder::new().serve(wire))
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut self.0).poll_next(&mut context) {
            Poll::Ready(Some(Ok(message))) => match message.as_text() {
                Some(text) => sink.piece(text.as_bytes(), true),
                None => sink.piece(message.as_payload(), true),
            },
            other => panic!("{other:?}"),
        }
    }

    fn wire(&mut self) -> &mut Wire {
        self.0.get_mut()
    }
}
