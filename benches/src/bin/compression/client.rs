//! A client that sends short messages of JSON and reads the echoes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use hybi::{ClientRequest, Closed, Config, Connection, Deflate, Entropy, Event, Input};
use hybi_bench::corpus::Random;

use super::{Result, messages};

/// The messages of a turn, and those in flight.
pub const MESSAGES: u64 = 10_000;
const IN_FLIGHT: u64 = 50;

/// Different messages.
const TEXTS: u64 = 1_000;

pub struct Client {
    socket: TcpStream,
    conn: Connection,
    texts: Vec<String>,
    sent: usize,
    /// Of all echoes.
    messages: u64,
    bytes: u64,
}

impl Client {
    pub fn connect(port: u16, window: Option<u8>) -> Result<Self> {
        let config = match window {
            None => Config::new(),
            Some(bits) => Config::new().deflate(
                Deflate::new()
                    .send_window(Some(bits))
                    .receive_window(Some(bits)),
            ),
        };
        let request = ClientRequest::new("ws://127.0.0.1/")?;
        let socket = TcpStream::connect(("127.0.0.1", port))?;
        socket.set_nodelay(true)?;
        let mut random = Random::default();
        let mut client = Self {
            socket,
            conn: Connection::client(config, &request, Entropy::from_bytes([7; 32])),
            texts: messages::events(TEXTS, &mut random),
            sent: 0,
            messages: 0,
            bytes: 0,
        };
        while !client.conn.is_open() {
            client.exchange()?;
        }
        if client.conn.compression().is_some() != window.is_some() {
            return Err("compression was not agreed".into());
        }
        Ok(client)
    }

    /// Sends [`MESSAGES`], and reads the echoes.
    pub fn turn(&mut self) -> Result<()> {
        for _ in 0..MESSAGES / IN_FLIGHT {
            for _ in 0..IN_FLIGHT {
                self.conn
                    .send_text(&self.texts[self.sent % self.texts.len()])?;
                self.sent += 1;
            }
            let end = self.messages + IN_FLIGHT;
            while self.messages < end {
                self.exchange()?;
            }
        }
        Ok(())
    }

    /// Writes all output, and reads once.
    fn exchange(&mut self) -> Result<()> {
        while self.conn.wants_write() {
            let n = self.socket.write(self.conn.transmit())?;
            self.conn.advance(n);
        }
        let mut buf = [0; 64 * 1024];
        let n = self.socket.read(&mut buf)?;
        if self.conn.is_open() {
            self.bytes += n as u64;
        }
        let mut input = Input::new(&mut buf[..n], Duration::ZERO);
        while let Some(event) = self.conn.receive(&mut input) {
            match event {
                Event::Text(chunk) => self.messages += u64::from(chunk.is_final()),
                Event::Closed(Closed::Protocol(error)) => return Err(error.into()),
                Event::Closed(closed) => return Err(closed.into()),
                _ => {}
            }
        }
        if n == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(())
    }

    /// The bytes of an echo on the wire.
    pub fn mean_len(&self) -> f64 {
        self.bytes as f64 / self.messages as f64
    }
}
