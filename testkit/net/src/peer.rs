//! A raw TCP client: sends bytes and compares what it receives.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// Timeout of everything without a timeout of its own.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// The example of the Hixie-76 draft, without the subprotocol.
pub const REQUEST: &str = "GET /demo HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
    Upgrade: WebSocket\r\n\
    Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
    Origin: http://example.com\r\n\r\n";
pub const KEY3: &str = "^n:ds[4U";
pub const RESPONSE: &str = "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Origin: http://example.com\r\n\
    Sec-WebSocket-Location: ws://example.com/demo\r\n\r\n";
pub const CHALLENGE_RESPONSE: &str = "8jKS'y:G*Co,Wxa-";

/// The example of the Hixie-75 draft, without the subprotocol.
pub const REQUEST_75: &str = "GET /demo HTTP/1.1\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Host: example.com\r\n\
    Origin: http://example.com\r\n\r\n";
pub const RESPONSE_75: &str = "HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    WebSocket-Origin: http://example.com\r\n\
    WebSocket-Location: ws://example.com/demo\r\n\r\n";

/// The example of RFC 6455, for `/`.
pub const REQUEST_RFC: &str = "GET / HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";
pub const RESPONSE_RFC: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

pub const GET_PAGE: &str = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
pub const POKE: &[u8] = b"\x00POKE\xff";
pub const POKE_REPLY: &[u8] = b"\x00Quit poking me!\xff";
pub const CLOSE: &[u8] = b"\xff\x00";

/// Rounded up to the minimum of the system.
const SMALL_BUFFER: usize = 1;

/// A write that blocks this long means that the server does not read.
const BLOCKED_AFTER: Duration = Duration::from_millis(500);

/// More than all buffers between client and server can hold.
const MAX_BUFFERED: usize = 256 << 20;

pub fn frame(text: &str) -> Vec<u8> {
    [b"\x00", text.as_bytes(), b"\xff"].concat()
}

/// A frame of RFC 6455 as a server sends it, with the first byte `start`.
pub fn server_frame(start: u8, payload: &[u8]) -> Vec<u8> {
    rfc_frame(start, 0, payload)
}

/// A frame as a client sends it, masked with zeros.
pub fn client_frame(start: u8, payload: &[u8]) -> Vec<u8> {
    rfc_frame(start, 0x80, payload)
}

fn rfc_frame(start: u8, mask_bit: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u64;
    let mut frame = vec![start];
    match len {
        0..126 => frame.push(mask_bit | len as u8),
        126..0x1_0000 => {
            frame.push(mask_bit | 126);
            frame.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            frame.push(mask_bit | 127);
            frame.extend_from_slice(&len.to_be_bytes());
        }
    }
    if mask_bit != 0 {
        frame.extend_from_slice(&[0; 4]);
    }
    frame.extend_from_slice(payload);
    frame
}

pub struct Peer {
    stream: TcpStream,
}

impl Peer {
    #[track_caller]
    pub fn connect(server: SocketAddr) -> Self {
        Self::connect_socket(socket(), server)
    }

    /// Connects from `source`; each address has ports for some ten thousand connections.
    #[track_caller]
    pub fn connect_from(source: IpAddr, server: SocketAddr) -> Self {
        let socket = socket();
        socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
        Self::connect_socket(socket, server)
    }

    /// Connects with a minimal receive buffer, so that data arrives in small reads.
    #[track_caller]
    pub fn connect_with_small_buffer(server: SocketAddr) -> Self {
        let socket = socket();
        socket.set_recv_buffer_size(SMALL_BUFFER).unwrap();
        Self::connect_socket(socket, server)
    }

    #[track_caller]
    fn connect_socket(socket: Socket, server: SocketAddr) -> Self {
        socket.connect_timeout(&server.into(), TIMEOUT).unwrap();
        Self::from(TcpStream::from(socket))
    }

    /// Connects and opens a Hixie-76 connection.
    #[track_caller]
    pub fn open_76(server: SocketAddr) -> Self {
        Self::connect(server).after_handshake()
    }

    /// Connects and opens a Hixie-75 connection.
    #[track_caller]
    pub fn open_75(server: SocketAddr) -> Self {
        let mut peer = Self::connect(server).after_sending(REQUEST_75);
        peer.expect(RESPONSE_75);
        peer
    }

    /// Connects and opens an RFC 6455 connection.
    #[track_caller]
    pub fn open_rfc(server: SocketAddr) -> Self {
        Self::connect(server).after_rfc_handshake()
    }

    /// Performs the RFC 6455 handshake.
    #[track_caller]
    pub fn after_rfc_handshake(self) -> Self {
        let mut peer = self.after_sending(REQUEST_RFC);
        peer.expect(RESPONSE_RFC);
        peer
    }

    /// Performs the Hixie-76 handshake.
    #[track_caller]
    pub fn after_handshake(self) -> Self {
        let mut peer = self.after_sending([REQUEST, KEY3].concat());
        peer.expect([RESPONSE, CHALLENGE_RESPONSE].concat());
        peer
    }

    /// Performs the Hixie-76 handshake up to key3.
    #[track_caller]
    pub fn after_request_head(self) -> Self {
        let mut peer = self.after_sending(REQUEST);
        peer.expect(RESPONSE);
        peer
    }

    /// Performs the closing handshake.
    #[track_caller]
    pub fn after_closing_handshake(self) -> Self {
        let mut peer = self.after_sending(CLOSE);
        peer.expect(CLOSE);
        peer.expect_eof();
        peer
    }

    #[track_caller]
    pub fn after_sending(mut self, bytes: impl AsRef<[u8]>) -> Self {
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
            panic!("can't send {}: {error}", excerpt(bytes));
        }
    }

    #[track_caller]
    pub fn send_text(&mut self, text: &str) {
        self.send(frame(text));
    }

    /// Reads and compares the next bytes.
    #[track_caller]
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        let mut received = vec![0; bytes.len()];
        let (mut n, deadline) = (0, Instant::now() + TIMEOUT);
        while n < bytes.len() {
            let read = self.read(&mut received[n..], deadline);
            n += match read {
                Ok(len) if len > 0 => len,
                result => panic!(
                    "{result:?} after {} instead of {}",
                    excerpt(&received[..n]),
                    excerpt(bytes)
                ),
            };
        }
        if received != bytes {
            let same = received
                .iter()
                .zip(bytes)
                .take_while(|(a, b)| a == b)
                .count();
            panic!(
                "{} instead of {} from byte {same} on",
                excerpt(&received[same..]),
                excerpt(&bytes[same..])
            );
        }
    }

    /// Reads once; fails after the deadline even if bytes keep arriving.
    fn read(&mut self, buf: &mut [u8], deadline: Instant) -> io::Result<usize> {
        if deadline < Instant::now() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.read(buf)
    }

    /// Reads and compares the next message.
    #[track_caller]
    pub fn expect_text(&mut self, text: &str) {
        self.expect(frame(text));
    }

    /// Sends a poke and waits for the reply, so that everything sent before is processed.
    #[track_caller]
    pub fn poke(&mut self) {
        self.send(POKE);
        self.expect(POKE_REPLY);
    }

    /// Checks that the next event is EOF.
    #[track_caller]
    pub fn expect_eof(&mut self) {
        let received = self.read_to_eof();
        assert!(received.is_empty(), "{} before EOF", excerpt(&received));
    }

    /// Reads until EOF.
    #[track_caller]
    pub fn read_to_eof(&mut self) -> Vec<u8> {
        match self.read_to_end() {
            (received, Ok(())) => received,
            (received, Err(error)) => panic!("{error} after {} and before EOF", excerpt(&received)),
        }
    }

    /// Reads until EOF or a reset.
    #[track_caller]
    pub fn read_to_eof_or_reset(&mut self) -> Vec<u8> {
        match self.read_to_end() {
            (received, Err(error)) if error.kind() != ErrorKind::ConnectionReset => {
                panic!("{error} after {} and before EOF", excerpt(&received))
            }
            (received, _) => received,
        }
    }

    fn read_to_end(&mut self) -> (Vec<u8>, io::Result<()>) {
        let (mut received, mut buf) = (Vec::new(), vec![0; 64 * 1024]);
        let deadline = Instant::now() + TIMEOUT;
        loop {
            match self.read(&mut buf, deadline) {
                Ok(0) => return (received, Ok(())),
                Ok(n) => received.extend_from_slice(&buf[..n]),
                Err(error) => return (received, Err(error)),
            }
        }
    }

    /// Reads the head of a response; returns it, or what was received before EOF or a reset.
    #[track_caller]
    pub fn read_head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            match self.stream.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => head.extend(byte),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
                Err(error) => panic!("{error} after {}", excerpt(&head)),
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// Reads `len` bytes ten times per second for `duration`; fails at EOF.
    #[track_caller]
    pub fn read_slowly(&mut self, len: usize, duration: Duration) {
        let (mut buf, start) = (vec![0; len], Instant::now());
        while start.elapsed() < duration {
            if let Err(error) = self.stream.read_exact(&mut buf) {
                panic!("{error} after {:?}", start.elapsed());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Reads one byte; returns the number of bytes read, 0 after a reset, or `None` after the
    /// timeout.
    #[track_caller]
    pub fn read_one(&mut self, timeout: Duration) -> Option<usize> {
        self.stream.set_read_timeout(Some(timeout)).unwrap();
        let read = self.stream.read(&mut [0]);
        self.stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        match read {
            Ok(n) => Some(n),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => None,
                ErrorKind::ConnectionReset => Some(0),
                _ => panic!("{error}"),
            },
        }
    }

    /// Returns whether EOF or a reset was received; checks that no byte was.
    #[track_caller]
    pub fn is_disconnected(&mut self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let read = self.stream.read(&mut [0]);
        self.stream.set_nonblocking(false).unwrap();
        match read {
            Ok(n) => {
                assert_eq!(n, 0, "a byte before EOF");
                true
            }
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        }
    }

    /// Sends `bytes` repeatedly without reading until writes block; returns the number of bytes
    /// written.
    #[track_caller]
    pub fn send_until_blocked(&mut self, bytes: &[u8]) -> usize {
        let repeated = bytes.repeat((64 * 1024 / bytes.len()).max(1));
        self.stream.set_write_timeout(Some(BLOCKED_AFTER)).unwrap();
        let mut written = 0;
        while written < MAX_BUFFERED {
            match self.stream.write(&repeated[written % repeated.len()..]) {
                Ok(n) => written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.stream.set_write_timeout(Some(TIMEOUT)).unwrap();
                    return written;
                }
                Err(error) => panic!("{error} after {written} bytes"),
            }
        }
        panic!("the server reads without limit while its output is not read");
    }

    /// Returns another handle of the same socket.
    pub fn duplicate(&self) -> Self {
        let stream = self.stream.try_clone().unwrap();
        Self { stream }
    }

    /// Shuts down the write half.
    pub fn shutdown_write(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        let socket = Socket::from(self.stream);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl From<TcpStream> for Peer {
    #[track_caller]
    fn from(stream: TcpStream) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TIMEOUT)).unwrap();
        Self { stream }
    }
}

fn socket() -> Socket {
    Socket::new(Domain::IPV4, Type::STREAM, None).unwrap()
}

fn excerpt(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(200)];
    format!("{} bytes \"{}\"", bytes.len(), start.escape_ascii())
}
