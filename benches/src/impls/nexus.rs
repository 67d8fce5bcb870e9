//! nexus-web's frame reader and writer, which work without a socket. Text that spans reads is not
//! checked; in rows with mostly such text its entry is named `unchecked`.

use std::hint::black_box;
use std::io::Write;

use nexus_web::ws::{FrameReader, FrameWriter, Message, Role};

use super::MAX_MESSAGE;
use crate::entry::{Echo, Receive, Send};
use crate::sink::Sink;
use crate::wire::Wire;

pub struct Receiver {
    reader: FrameReader,
    wire: Wire,
}

impl Receiver {
    pub fn new(wire: Wire) -> Self {
        let reader = FrameReader::builder()
            .role(Role::Server)
            .max_frame_size(MAX_MESSAGE as u64)
            .max_message_size(MAX_MESSAGE)
            .build();
        Self { reader, wire }
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        self.reader.read_from(&mut self.wire).expect("capacity");
        while let Some(message) = self.reader.next().expect("valid frames") {
            match message {
                Message::Text(text) => sink.chunk(text.as_bytes(), true),
                Message::Binary(bytes) => sink.chunk(bytes, true),
                other => panic!("{other:?}"),
            }
        }
    }
}

pub struct EchoServer {
    receiver: Receiver,
    output: Output,
}

impl EchoServer {
    pub fn new(wire: Wire) -> Self {
        Self {
            receiver: Receiver::new(wire),
            output: Output::new(Role::Server),
        }
    }
}

impl Echo for EchoServer {
    fn echo(&mut self) {
        let Self { receiver, output } = self;
        while !receiver.reader.poll().expect("valid frames") {
            let read = receiver.reader.read_from(&mut receiver.wire);
            read.expect("capacity");
        }
        match receiver.reader.next() {
            Ok(Some(Message::Text(text))) => output.send(text.as_bytes(), &mut receiver.wire),
            other => panic!("{other:?}"),
        }
    }
}

pub struct Sender {
    output: Output,
    wire: Wire,
    text: &'static str,
}

impl Sender {
    pub fn new(role: super::Role, text: &'static str, wire: Wire) -> Self {
        let role = match role {
            super::Role::Server => Role::Server,
            super::Role::Client => Role::Client,
        };
        Self {
            output: Output::new(role),
            wire,
            text,
        }
    }
}

impl Send for Sender {
    fn send(&mut self) {
        let text = black_box(self.text.as_bytes());
        self.output.send(text, &mut self.wire);
    }
}

struct Output {
    writer: FrameWriter,
    buf: Vec<u8>,
}

impl Output {
    fn new(role: Role) -> Self {
        Self {
            writer: FrameWriter::new(role),
            buf: Vec::new(),
        }
    }

    #[inline(always)]
    fn send(&mut self, text: &[u8], wire: &mut Wire) {
        let most = self.writer.max_encoded_len(text.len());
        if self.buf.len() < most {
            self.buf.resize(most, 0);
        }
        let n = self.writer.encode_text(text, &mut self.buf);
        wire.write_all(&self.buf[..n]).expect("memory");
    }
}
