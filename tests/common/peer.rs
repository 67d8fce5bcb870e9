//! A client that knows bytes and nothing else: what it sends and what has to come are spelt out.
#![allow(dead_code)] // Each user takes its part of it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// How long anything may take that has no limit of its own.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The draft's own request, but for the subprotocol, and what belongs to it.
pub const HEAD: &str = "GET /demo HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
    Upgrade: WebSocket\r\n\
    Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
    Origin: http://example.com\r\n\r\n";
pub const KEY3: &str = "^n:ds[4U";
pub const REPLY: &str = "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Origin: http://example.com\r\n\
    Sec-WebSocket-Location: ws://example.com/demo\r\n\r\n";
pub const ANSWER: &str = "8jKS'y:G*Co,Wxa-";

/// The same of Hixie-75.
pub const HEAD_75: &str = "GET /demo HTTP/1.1\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Host: example.com\r\n\
    Origin: http://example.com\r\n\r\n";
pub const REPLY_75: &str = "HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    WebSocket-Origin: http://example.com\r\n\
    WebSocket-Location: ws://example.com/demo\r\n\r\n";

pub const GET_PAGE: &str = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
pub const POKE: &[u8] = b"\x00POKE\xff";
pub const COMPLAINT: &[u8] = b"\x00Quit poking me!\xff";
pub const CLOSE: &[u8] = b"\xff\x00";

/// The system's least, which it rounds up.
const NARROW: usize = 1;

/// That nobody took a byte for so long is taken for a sign that nobody reads.
const REFUSED: Duration = Duration::from_millis(500);

/// More than all buffers on the way hold.
const ENDLESS: usize = 256 << 20;

pub fn frame(text: &str) -> Vec<u8> {
    [b"\x00", text.as_bytes(), b"\xff"].concat()
}

pub struct Peer {
    stream: TcpStream,
}

impl Peer {
    #[track_caller]
    pub fn connect(server: SocketAddr) -> Self {
        Self::by(socket(), server)
    }

    /// One with an address of its own: each has ports for some ten thousands.
    #[track_caller]
    pub fn connect_from(source: IpAddr, server: SocketAddr) -> Self {
        let socket = socket();
        socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
        Self::by(socket, server)
    }

    /// One for whom the system takes next to nothing before it is read; read, it comes in drops.
    #[track_caller]
    pub fn narrow(server: SocketAddr) -> Self {
        let socket = socket();
        socket.set_recv_buffer_size(NARROW).unwrap();
        Self::by(socket, server)
    }

    #[track_caller]
    fn by(socket: Socket, server: SocketAddr) -> Self {
        socket.connect_timeout(&server.into(), PATIENCE).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream }
    }

    /// One with a Hixie-76 connection.
    #[track_caller]
    pub fn open(server: SocketAddr) -> Self {
        Self::connect(server).opened()
    }

    #[track_caller]
    pub fn open_75(server: SocketAddr) -> Self {
        let mut peer = Self::connect(server).sent(HEAD_75);
        peer.expect(REPLY_75);
        peer
    }

    /// Goes through the opening of Hixie-76.
    #[track_caller]
    pub fn opened(self) -> Self {
        let mut peer = self.sent([HEAD, KEY3].concat());
        peer.expect([REPLY, ANSWER].concat());
        peer
    }

    /// Goes through the opening of Hixie-76 but for the 8 bytes and the answer to them.
    #[track_caller]
    pub fn unkeyed(self) -> Self {
        let mut peer = self.sent(HEAD);
        peer.expect(REPLY);
        peer
    }

    /// Goes through the closing handshake.
    #[track_caller]
    pub fn closed(self) -> Self {
        let mut peer = self.sent(CLOSE);
        peer.expect(CLOSE);
        peer.end();
        peer
    }

    #[track_caller]
    pub fn sent(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.send(bytes);
        self
    }

    pub fn address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        if let Err(error) = self.stream.write_all(bytes) {
            panic!("can't send {}: {error}", shown(bytes));
        }
    }

    #[track_caller]
    pub fn say(&mut self, text: &str) {
        self.send(frame(text));
    }

    /// The next bytes are these.
    #[track_caller]
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut got = vec![0; bytes.len()];
        let (mut n, until) = (0, Instant::now() + PATIENCE);
        while n < bytes.len() {
            let read = self.read(&mut got[n..], until);
            n += match read {
                Ok(more) if more > 0 => more,
                end => panic!(
                    "{end:?} after {} instead of {}",
                    shown(&got[..n]),
                    shown(bytes)
                ),
            };
        }
        if got != bytes {
            let same = got.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            panic!(
                "{} instead of {} from byte {same} on",
                shown(&got[same..]),
                shown(&bytes[same..])
            );
        }
    }

    /// Reads once. Bytes that only trickle end as well.
    fn read(&mut self, buf: &mut [u8], until: Instant) -> io::Result<usize> {
        if until < Instant::now() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.read(buf)
    }

    /// The next bytes are this message.
    #[track_caller]
    pub fn hear(&mut self, text: &str) {
        self.expect(frame(text));
    }

    /// Pokes and is answered, so that all it sent before has been dealt with.
    #[track_caller]
    pub fn poke(&mut self) {
        self.send(POKE);
        self.expect(COMPLAINT);
    }

    /// The server has no more to say and says so.
    #[track_caller]
    pub fn end(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "{} before the end", shown(&rest));
    }

    /// All that comes until the end of file.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        match self.until_the_end() {
            (rest, Ok(())) => rest,
            (rest, Err(error)) => panic!("{error} after {} and before the end", shown(&rest)),
        }
    }

    /// All that comes until the end of file or a reset.
    #[track_caller]
    pub fn gone(&mut self) -> Vec<u8> {
        match self.until_the_end() {
            (rest, Err(error)) if error.kind() != ErrorKind::ConnectionReset => {
                panic!("{error} after {} and before the end", shown(&rest))
            }
            (rest, _) => rest,
        }
    }

    fn until_the_end(&mut self) -> (Vec<u8>, io::Result<()>) {
        let (mut rest, mut buf) = (Vec::new(), vec![0; 64 * 1024]);
        let until = Instant::now() + PATIENCE;
        loop {
            match self.read(&mut buf, until) {
                Ok(0) => return (rest, Ok(())),
                Ok(n) => rest.extend_from_slice(&buf[..n]),
                Err(error) => return (rest, Err(error)),
            }
        }
    }

    /// Waits for a byte or the end of file; none of them after `time`, it says `None`.
    #[track_caller]
    pub fn comes(&mut self, time: Duration) -> Option<usize> {
        self.stream.set_read_timeout(Some(time)).unwrap();
        let read = self.stream.read(&mut [0]);
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match read {
            Ok(n) => Some(n),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Whether the end of file or a reset has come, and nothing else.
    #[track_caller]
    pub fn is_over(&mut self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let read = self.stream.read(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        match read {
            Ok(n) => {
                assert_eq!(n, 0, "a byte before the end");
                true
            }
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Sends `bytes` again and again and reads nothing until nobody takes any more of them. How
    /// many were taken.
    #[track_caller]
    pub fn flood(&mut self, bytes: &[u8]) -> usize {
        let many = bytes.repeat((64 * 1024 / bytes.len()).max(1));
        self.stream.set_write_timeout(Some(REFUSED)).unwrap();
        let mut taken = 0;
        while taken < ENDLESS {
            match self.stream.write(&many[taken % many.len()..]) {
                Ok(n) => taken += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stream.set_write_timeout(Some(PATIENCE)).unwrap();
                    return taken;
                }
                Err(error) => panic!("{error} after a flood of {taken} bytes"),
            }
        }
        panic!("there is no end to what the server takes without being read");
    }

    /// Another hand on the same socket.
    pub fn twin(&self) -> Self {
        let stream = self.stream.try_clone().unwrap();
        Self { stream }
    }

    /// Sends no more; still reads.
    pub fn finish(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        let socket = Socket::from(self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

fn socket() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()
}

fn shown(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(200)];
    format!("{} bytes \"{}\"", bytes.len(), start.escape_ascii())
}
