//! One thread that sends the same messages repeatedly and reads the echoes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use hybi_bench::corpus::{Kind, Random, payload};
use hybi_bench::frames;
use hybi_bench::impls::openings;

/// The size of a message.
pub const SIZE: usize = 64;

/// How long each load lasts.
const TIME: Duration = Duration::from_secs(2);

/// If an echo takes longer, the measurement fails.
const STUCK: Duration = Duration::from_secs(5);

/// The protocol of the client.
#[derive(Clone, Copy)]
pub enum Speech {
    Rfc6455,
    Hixie76,
    /// No handshake, no frames.
    Raw,
}

impl Speech {
    /// A message, and its echo.
    pub fn message(self, size: usize) -> [Vec<u8>; 2] {
        let text = payload(Kind::Text, size, &mut Random::default());
        let mut echo = Vec::new();
        match self {
            Speech::Raw => return [text.clone(), text],
            Speech::Hixie76 => {
                frames::hixie(&text, &mut echo);
                return [echo.clone(), echo];
            }
            Speech::Rfc6455 => {}
        }
        frames::head(Kind::Text, size, None, &mut echo);
        echo.extend_from_slice(&text);
        let mask = [1, 2, 3, 4];
        let mut message = Vec::new();
        frames::head(Kind::Text, size, Some(mask), &mut message);
        message.extend(text.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        [message, echo]
    }

    fn open(self, socket: &mut TcpStream) -> io::Result<()> {
        let (request, end): (_, &[u8]) = match self {
            Speech::Raw => return Ok(()),
            Speech::Rfc6455 => (openings::RFC_6455, b"\r\n\r\n"),
            Speech::Hixie76 => (openings::HIXIE_76, openings::HIXIE_76_ANSWER),
        };
        socket.write_all(request)?;
        let mut reply = Vec::new();
        while !reply.ends_with(end) {
            let mut byte = [0];
            socket.read_exact(&mut byte)?;
            reply.extend_from_slice(&byte);
        }
        Ok(())
    }
}

pub fn connect(server: SocketAddr, speech: Speech) -> io::Result<TcpStream> {
    let mut socket = TcpStream::connect(server)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(STUCK))?;
    speech.open(&mut socket)?;
    Ok(socket)
}

/// Messages per second over `connections`, with `in_flight` messages on each.
pub fn rate(
    server: SocketAddr,
    speech: Speech,
    connections: usize,
    in_flight: usize,
) -> io::Result<f64> {
    let mut sockets = (0..connections)
        .map(|_| connect(server, speech))
        .collect::<io::Result<Vec<_>>>()?;
    let [messages, echoes] = speech
        .message(SIZE)
        .map(|message| message.repeat(in_flight));
    let mut buf = vec![0; echoes.len()];
    let (begin, mut rounds) = (Instant::now(), 0);
    while begin.elapsed() < TIME {
        for socket in &mut sockets {
            socket.write_all(&messages)?;
        }
        for socket in &mut sockets {
            socket.read_exact(&mut buf)?;
            assert!(buf == echoes, "the echo is not what was sent");
        }
        rounds += 1;
    }
    let messages = rounds * connections * in_flight;
    Ok(messages as f64 / begin.elapsed().as_secs_f64())
}
