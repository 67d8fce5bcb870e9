//! wtx.

use std::io::{Read, Write};

use wtx::collection::Vector;
use wtx::rng::Xorshift64;
use wtx::stream::{StreamReader, StreamWriter};
use wtx::web_socket::{WebSocket, WebSocketBuffer, WebSocketOwned, WebSocketPayloadOrigin};

use super::ready;
use crate::entry::Receive;
use crate::sink::Sink;
use crate::wire::Wire;

struct Socket(Wire);

impl StreamReader for Socket {
    async fn read(&mut self, bytes: &mut [u8]) -> wtx::Result<usize> {
        Ok(self.0.read(bytes)?)
    }
}

impl StreamWriter for Socket {
    async fn write_all(&mut self, bytes: &[u8]) -> wtx::Result<()> {
        Ok(self.0.write_all(bytes)?)
    }

    async fn write_all_vectored(&mut self, slices: &[&[u8]]) -> wtx::Result<()> {
        for slice in slices {
            self.0.write_all(slice)?;
        }
        Ok(())
    }
}

pub struct Receiver {
    socket: WebSocketOwned<(), Xorshift64, Socket, false>,
    /// Of fragmented messages; others are borrowed from the socket.
    message: Vector<u8>,
}

impl Receiver {
    pub fn new(wire: Wire) -> Self {
        let (random, buffer) = (Xorshift64::new(1), WebSocketBuffer::new());
        Self {
            socket: WebSocket::new((), false, random, Socket(wire), buffer),
            message: Vector::new(),
        }
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        let origin = WebSocketPayloadOrigin::Adaptive;
        let frame = ready(self.socket.read_frame(&mut self.message, origin));
        sink.chunk(frame.expect("valid frames").payload(), true);
    }
}
