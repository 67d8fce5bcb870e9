//! Test driver: feeds bytes to a connection and records its events and output.

pub mod allocator;
pub mod hixie_reference;
pub mod pair;
pub mod rfc;

use hybi::{
    AcceptOptions, Close, Closed, Connection, Dialect, Event, Phase, ProtocolError, Request,
};

/// An event, with the chunks of a message joined.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    Request(Option<Dialect>, String),
    Open(Dialect),
    /// A complete message.
    Text(String),
    /// The chunks of a message that did not end before `Closed`, if not empty.
    IncompleteText(String),
    IncompleteBinary(Vec<u8>),
    Skipped(u8, u64),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Closed(Closed),
}

pub fn text(text: &str) -> Observed {
    Observed::Text(text.to_owned())
}

pub fn protocol_error(error: ProtocolError) -> Observed {
    Observed::Closed(Closed::Protocol(error))
}

pub fn clean_close(code: u16, reason: &str) -> Observed {
    Observed::Closed(Closed::Clean(Close::new(code, reason)))
}

/// A closing handshake without a code, as in Hixie-76.
pub fn clean_close_without_code() -> Observed {
    Observed::Closed(Closed::Clean(Close::EMPTY))
}

pub fn unexpected_eof(phase: Phase) -> Observed {
    Observed::Closed(Closed::Eof(phase))
}

/// All events and output of a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Transcript {
    pub events: Vec<Observed>,
    pub sent: Vec<u8>,
}

type RequestHandler<'a> = dyn FnMut(&mut Connection, &Request) + 'a;

/// Feeds a connection and records its transcript.
pub struct Driver<'a> {
    pub conn: Connection,
    pub transcript: Transcript,
    text: String,
    binary: Vec<u8>,
    on_request: Box<RequestHandler<'a>>,
}

impl<'a> Driver<'a> {
    /// Accepts every request.
    pub fn new(conn: Connection) -> Self {
        Self::with_request_handler(conn, |conn, _| conn.accept(&AcceptOptions::new()).unwrap())
    }

    pub fn with_request_handler(
        conn: Connection,
        on_request: impl FnMut(&mut Connection, &Request) + 'a,
    ) -> Self {
        Self {
            conn,
            transcript: Transcript::default(),
            text: String::new(),
            binary: Vec::new(),
            on_request: Box::new(on_request),
        }
    }

    /// Feeds `bytes`, takes all output and returns the number of bytes left.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        while let Some(event) = self.conn.receive(&mut input) {
            let observed = match event {
                Event::Request(request) => {
                    (self.on_request)(&mut self.conn, &request);
                    Observed::Request(request.dialect(), request.resource().to_owned())
                }
                Event::Open(handshake) => Observed::Open(handshake.dialect()),
                Event::Text(chunk) => {
                    self.text.push_str(chunk.as_str());
                    if !chunk.is_final() {
                        continue;
                    }
                    Observed::Text(std::mem::take(&mut self.text))
                }
                Event::Skipped(frame) => Observed::Skipped(frame.frame_type(), frame.payload_len()),
                Event::Binary(chunk) => {
                    self.binary.extend_from_slice(chunk.as_bytes());
                    if !chunk.is_final() {
                        continue;
                    }
                    Observed::Binary(std::mem::take(&mut self.binary))
                }
                Event::Ping(payload) => Observed::Ping(payload.as_bytes().to_vec()),
                Event::Pong(payload) => Observed::Pong(payload.as_bytes().to_vec()),
                Event::Closed(closed) => {
                    if !self.text.is_empty() {
                        let text = std::mem::take(&mut self.text);
                        self.transcript.events.push(Observed::IncompleteText(text));
                    }
                    if !self.binary.is_empty() {
                        let binary = std::mem::take(&mut self.binary);
                        self.transcript
                            .events
                            .push(Observed::IncompleteBinary(binary));
                    }
                    Observed::Closed(closed)
                }
                other => panic!("unexpected event: {other:?}"),
            };
            self.transcript.events.push(observed);
        }
        let remaining = input.len();
        self.drain();
        remaining
    }

    /// Reports the end of the input to the connection.
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

    /// Returns the events since the last call.
    pub fn events(&mut self) -> Vec<Observed> {
        std::mem::take(&mut self.transcript.events)
    }

    /// Returns the output since the last call.
    pub fn sent(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.transcript.sent)
    }
}

/// Returns the transcript of `bytes`, split at `splits`. Bytes that are not consumed are fed again.
pub fn run(conn: Connection, bytes: &[u8], splits: &[usize], eof: bool) -> Transcript {
    let mut driver = Driver::new(conn);
    let mut start = 0;
    for end in splits.iter().copied().chain([bytes.len()]) {
        start = end - driver.feed(&bytes[start..end]);
    }
    if eof {
        driver.eof();
    }
    driver.transcript
}

/// The example of draft-hixie-thewebsocketprotocol-76.
pub const DRAFT_76_REQUEST: &str = "GET /demo HTTP/1.1\r\n\
    Host: example.com\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\n\
    Sec-WebSocket-Protocol: sample\r\n\
    Upgrade: WebSocket\r\n\
    Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\n\
    Origin: http://example.com\r\n\r\n";
pub const DRAFT_76_KEY3: &[u8; 8] = b"^n:ds[4U";
pub const DRAFT_76_RESPONSE: &str = "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Origin: http://example.com\r\n\
    Sec-WebSocket-Location: ws://example.com/demo\r\n\
    Sec-WebSocket-Protocol: sample\r\n\r\n";
pub const DRAFT_76_CHALLENGE_RESPONSE: &[u8; 16] = b"8jKS'y:G*Co,Wxa-";

/// The example of draft-hixie-thewebsocketprotocol-75.
pub const DRAFT_75_REQUEST: &str = "GET /demo HTTP/1.1\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    Host: example.com\r\n\
    Origin: http://example.com\r\n\
    WebSocket-Protocol: sample\r\n\r\n";
pub const DRAFT_75_RESPONSE: &str = "HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
    Upgrade: WebSocket\r\n\
    Connection: Upgrade\r\n\
    WebSocket-Origin: http://example.com\r\n\
    WebSocket-Location: ws://example.com/demo\r\n\
    WebSocket-Protocol: sample\r\n\r\n";

/// `Sec-WebSocket-Version` of a 426 response if every dialect is enabled (HY-9).
pub const VERSIONS: &str = "13, 8, 7";

/// Returns the complete response to an invalid request. A 426 lists `versions` (PX-3).
pub fn error_response(status: u16, versions: &str) -> String {
    let (reason, fields) = match status {
        400 => ("Bad Request", ""),
        405 => ("Method Not Allowed", "Allow: GET\r\n"),
        426 => ("Upgrade Required", "Upgrade: websocket\r\n"),
        431 => ("Request Header Fields Too Large", ""),
        505 => ("HTTP Version Not Supported", ""),
        _ => panic!("unexpected status {status}"),
    };
    let list = match (status, versions) {
        (426, versions) if !versions.is_empty() => format!("Sec-WebSocket-Version: {versions}\r\n"),
        _ => String::new(),
    };
    let body = format!("{status} {reason}\n");
    let len = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\n\
         Connection: close\r\n\
         {fields}{list}\
         Content-Type: text/plain\r\n\
         Content-Length: {len}\r\n\r\n\
         {body}"
    )
}

/// Returns the offset of `needle`, which must occur exactly once in `bytes`.
#[track_caller]
pub fn offset_of(bytes: impl AsRef<[u8]>, needle: impl AsRef<[u8]>) -> u32 {
    let (bytes, needle) = (bytes.as_ref(), needle.as_ref());
    let windows = bytes.windows(needle.len()).enumerate();
    let found: Vec<usize> = windows
        .filter(|(_, window)| *window == needle)
        .map(|(offset, _)| offset)
        .collect();
    let [offset] = found[..] else {
        panic!("{} occurs {} times", escaped(needle), found.len());
    };
    offset as u32
}

/// Returns `bytes` with `from`, which must occur exactly once, replaced by `to`.
#[track_caller]
pub fn replace_once(
    bytes: impl AsRef<[u8]>,
    from: impl AsRef<[u8]>,
    to: impl AsRef<[u8]>,
) -> Vec<u8> {
    let (bytes, from) = (bytes.as_ref(), from.as_ref());
    let (before, rest) = bytes.split_at(offset_of(bytes, from) as usize);
    [before, to.as_ref(), &rest[from.len()..]].concat()
}

/// Like [`replace_once`], but also returns the offset of the byte that a `^` in `to` precedes, or
/// the length of the result if there is no `^`. The `^` is removed.
pub fn replace_marked(
    bytes: impl AsRef<[u8]>,
    from: impl AsRef<[u8]>,
    to: impl AsRef<[u8]>,
) -> (Vec<u8>, u32) {
    let (start, to) = (offset_of(bytes.as_ref(), &from), to.as_ref());
    let Some(mark) = to.iter().position(|byte| *byte == b'^') else {
        let edited = replace_once(bytes, from, to);
        let len = edited.len() as u32;
        return (edited, len);
    };
    let to = [&to[..mark], &to[mark + 1..]].concat();
    (replace_once(bytes, from, to), start + mark as u32)
}

/// Escapes bytes for assertion messages.
pub fn escaped(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().escape_ascii().to_string()
}
