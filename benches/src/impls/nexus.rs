//! nexus-web, the other peer without sockets inside: messages borrowed from its own buffer.

use nexus_web::ws::{FrameReader, Message, Role};

use crate::entry::Receive;
use crate::sink::Sink;
use crate::wire::Wire;

pub struct Receiver {
    reader: FrameReader,
    wire: Wire,
}

impl Receiver {
    pub fn new(wire: Wire) -> Self {
        let reader = FrameReader::builder().role(Role::Server).build();
        Self { reader, wire }
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        self.reader.read_from(&mut self.wire).expect("room");
        while let Some(message) = self.reader.next().expect("good frames") {
            match message {
                Message::Text(text) => sink.piece(text.as_bytes(), true),
                Message::Binary(bytes) => sink.piece(bytes, true),
                other => panic!("{other:?}"),
            }
        }
    }

    fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }
}
