//! How the tests speak: bytes in, events and bytes out.
#![allow(dead_code)] // Each test file uses its part of it.

pub mod allocator;
pub mod hixie_reference;
pub mod pair;
pub mod rfc;

use hybi::{AcceptOptions, Closed, Connection, Dialect, Event, Request};

/// An event with the pieces of a message joined.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    Request(Option<Dialect>, String),
    Open(Dialect),
    /// A whole message.
    Text(String),
    /// The pieces of a message that never came to its end; none are not told.
    Unfinished(String),
    UnfinishedBinary(Vec<u8>),
    Skipped(u8, u64),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Closed(Closed),
}

/// All that a connection events and sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    pub events: Vec<Observed>,
    pub sent: Vec<u8>,
}

type Answer<'a> = dyn FnMut(&mut Connection, &Request) + 'a;

/// Feeds a connection and writes down what came of it.
pub struct Driver<'a> {
    pub conn: Connection,
    pub transcript: Transcript,
    piece: String,
    bytes: Vec<u8>,
    answer: Box<Answer<'a>>,
}

impl<'a> Driver<'a> {
    /// Requests are accepted as they come.
    pub fn new(conn: Connection) -> Self {
        Self::answering(conn, |conn, _| conn.accept(&AcceptOptions::new()).unwrap())
    }

    pub fn answering(conn: Connection, answer: impl FnMut(&mut Connection, &Request) + 'a) -> Self {
        Self {
            conn,
            transcript: Transcript::default(),
            piece: String::new(),
            bytes: Vec::new(),
            answer: Box::new(answer),
        }
    }

    /// Feeds `bytes` and takes all output; what the connection left of them.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        while let Some(event) = self.conn.receive(&mut input) {
            let events = match event {
                Event::Request(request) => {
                    (self.answer)(&mut self.conn, &request);
                    Observed::Request(request.dialect(), request.resource().to_owned())
                }
                Event::Open(open) => Observed::Open(open.dialect()),
                Event::Text(text) => {
                    self.piece.push_str(text.as_str());
                    if !text.is_final() {
                        continue;
                    }
                    Observed::Text(std::mem::take(&mut self.piece))
                }
                Event::Skipped(frame) => Observed::Skipped(frame.frame_type(), frame.payload_len()),
                Event::Binary(piece) => {
                    self.bytes.extend_from_slice(piece.as_bytes());
                    if !piece.is_final() {
                        continue;
                    }
                    Observed::Binary(std::mem::take(&mut self.bytes))
                }
                Event::Ping(payload) => Observed::Ping(payload.as_bytes().to_vec()),
                Event::Pong(payload) => Observed::Pong(payload.as_bytes().to_vec()),
                Event::Closed(why) => {
                    if !self.piece.is_empty() {
                        let piece = std::mem::take(&mut self.piece);
                        self.transcript.events.push(Observed::Unfinished(piece));
                    }
                    if !self.bytes.is_empty() {
                        let bytes = std::mem::take(&mut self.bytes);
                        self.transcript
                            .events
                            .push(Observed::UnfinishedBinary(bytes));
                    }
                    Observed::Closed(why)
                }
                other => panic!("an event that these dialects don't have: {other:?}"),
            };
            self.transcript.events.push(events);
        }
        let left = input.len();
        self.drain();
        left
    }

    pub fn eof(&mut self) {
        self.conn.receive_eof();
        self.feed(&[]);
    }

    /// Takes all output.
    pub fn drain(&mut self) {
        let pending = self.conn.transmit();
        self.transcript.sent.extend_from_slice(pending);
        let n = pending.len();
        self.conn.advance(n);
    }

    /// What was events since the last call.
    pub fn events(&mut self) -> Vec<Observed> {
        std::mem::take(&mut self.transcript.events)
    }

    /// What was sent since the last call.
    pub fn sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.transcript.sent)
    }
}

/// The transcript of `bytes`, cut at `cuts`; what a connection leaves is fed again with the next piece.
pub fn run(conn: Connection, bytes: &[u8], cuts: &[usize], eof: bool) -> Transcript {
    let mut driver = Driver::new(conn);
    let mut from = 0;
    for to in cuts.iter().copied().chain([bytes.len()]) {
        from = to - driver.feed(&bytes[from..to]);
    }
    if eof {
        driver.eof();
    }
    driver.transcript
}

/// The draft's own request, with the fields in its order.
pub const DRAFT_76_HEAD: &str = "GET /demo HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
    Sec-WebSocket-Protocol: sample\r\n\
    Upgrade: WebSocket\r\n\
    Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
    Origin: http://example.com\r\n\r\n";
pub const DRAFT_76_KEY3: &[u8; 8] = b"^n:ds[4U";
pub const DRAFT_76_REPLY: &str = "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Origin: http://example.com\r\n\
    Sec-WebSocket-Location: ws://example.com/demo\r\n\
    Sec-WebSocket-Protocol: sample\r\n\r\n";
pub const DRAFT_76_ANSWER: &[u8; 16] = b"8jKS'y:G*Co,Wxa-";

/// The same of Hixie-75.
pub const DRAFT_75_HEAD: &str = "GET /demo HTTP/1.1\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Host: example.com\r\n\
    Origin: http://example.com\r\n\
    WebSocket-Protocol: sample\r\n\r\n";
pub const DRAFT_75_REPLY: &str = "HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    WebSocket-Origin: http://example.com\r\n\
    WebSocket-Location: ws://example.com/demo\r\n\
    WebSocket-Protocol: sample\r\n\r\n";

/// The dialects from HyBi-7 on, as a 426 lists them when all are on (HY-9).
pub const VERSIONS: &str = "13, 8, 7";

/// PX-3: all bytes of the answer to a bad request; a 426 lists these versions.
pub fn refusal(status: u16, versions: &str) -> String {
    let (reason, fields) = match status {
        400 => ("Bad Request", ""),
        405 => ("Method Not Allowed", "Allow: GET\r\n"),
        426 => ("Upgrade Required", "Upgrade: websocket\r\n"),
        431 => ("Request Header Fields Too Large", ""),
        505 => ("HTTP Version Not Supported", ""),
        _ => panic!("a bad request is never answered {status}"),
    };
    let list = match (status, versions) {
        (426, versions) if !versions.is_empty() => format!("Sec-WebSocket-Version: {versions}\r\n"),
        _ => String::new(),
    };
    let body = format!("{status} {reason}\n");
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\n\
         Connection: close\r\n\
         {fields}{list}\
         Content-Type: text/plain\r\n\
         Content-Length: {length}\r\n\r\n\
         {body}"
    )
}

/// Where `needle` begins, which stands in `bytes` once.
#[track_caller]
pub fn at(bytes: impl AsRef<[u8]>, needle: impl AsRef<[u8]>) -> u32 {
    let (bytes, needle) = (bytes.as_ref(), needle.as_ref());
    let windows = bytes.windows(needle.len()).enumerate();
    let found: Vec<usize> = windows
        .filter(|(_, window)| *window == needle)
        .map(|(at, _)| at)
        .collect();
    let [at] = found[..] else {
        panic!("{} stands there {}x", escaped(needle), found.len());
    };
    at as u32
}

/// `bytes` with `to` in the place of `from`, which stands there once.
#[track_caller]
pub fn edit(bytes: impl AsRef<[u8]>, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Vec<u8> {
    let (bytes, from) = (bytes.as_ref(), from.as_ref());
    let (before, rest) = bytes.split_at(at(bytes, from) as usize);
    [before, to.as_ref(), &rest[from.len()..]].concat()
}

/// [`edit`], where a `^` in `to` marks the byte behind it and is left out; and where that byte is,
/// or else how long it all is.
pub fn edit_marked(
    bytes: impl AsRef<[u8]>,
    from: impl AsRef<[u8]>,
    to: impl AsRef<[u8]>,
) -> (Vec<u8>, u32) {
    let (begin, to) = (at(bytes.as_ref(), &from), to.as_ref());
    let Some(mark) = to.iter().position(|byte| *byte == b'^') else {
        let edited = edit(bytes, from, to);
        let length = edited.len() as u32;
        return (edited, length);
    };
    let to = [&to[..mark], &to[mark + 1..]].concat();
    (edit(bytes, from, to), begin + mark as u32)
}

/// Bytes as a failed assertion is to print them; no two are shown alike.
pub fn escaped(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().escape_ascii().to_string()
}
