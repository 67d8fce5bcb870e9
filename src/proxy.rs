//! A client's way through an HTTP proxy, before its opening handshake (PX-2).

use alloc::string::String;
use core::fmt::Write;

use crate::config::Config;
use crate::error::Refused;
use crate::event::{Closed, Phase};
use crate::handshake::ClientRequest;
use crate::http::{Head, Limits, Progress, is_control};
use crate::send_buffer::SendBuffer;

/// Asks an HTTP proxy for a tunnel to a [`ClientRequest`]. Once it stands, TLS (for `wss`) and then a
/// [`Connection::client`](crate::Connection::client) go on over the same socket.
///
/// ```
/// use hybi::{Config, ClientRequest, ProxyTunnel};
/// let target = ClientRequest::new("ws://example.com/demo")?;
/// let mut tunnel = ProxyTunnel::new(&Config::new(), &target, None)?;
/// assert!(tunnel.transmit().starts_with(b"CONNECT example.com:80 HTTP/1.1\r\n"));
/// tunnel.advance(tunnel.transmit().len());
/// let mut input = &b"HTTP/1.1 200 Connection established\r\n\r\n"[..];
/// assert_eq!(tunnel.receive(&mut input), Some(Ok(())));
/// # Ok::<(), hybi::Refused>(())
/// ```
#[derive(Debug)]
pub struct ProxyTunnel {
    head: Head,
    send_buffer: SendBuffer,
    outcome: Option<Result<(), Closed>>,
}

impl ProxyTunnel {
    /// A tunnel to ask for; `transmit` holds the request. `authorization` is the value of
    /// `Proxy-Authorization`.
    ///
    /// # Errors
    /// [`Refused::InvalidHeader`] when `authorization` holds a control character.
    pub fn new(
        config: &Config,
        target: &ClientRequest,
        authorization: Option<&str>,
    ) -> Result<Self, Refused> {
        let authority = target.authority_with_port();
        let mut request = String::new();
        // Writing to a String can't fail.
        let _ = write!(
            request,
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
        );
        if let Some(value) = authorization {
            if value.bytes().any(is_control) {
                return Err(Refused::InvalidHeader);
            }
            let _ = write!(request, "Proxy-Authorization: {value}\r\n");
        }
        request.push_str("\r\n");
        let mut outbox = SendBuffer::default();
        outbox.push(request.as_bytes());
        Ok(Self {
            head: Head::response(Limits::of(config)),
            send_buffer: outbox,
            outcome: None,
        })
    }

    /// Bytes for the socket.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.send_buffer.pending()
    }

    /// The socket took the first `n` bytes of `transmit`.
    ///
    /// # Panics
    /// When `n` is more than there are.
    pub fn advance(&mut self, n: usize) {
        self.send_buffer.advance(n);
    }

    /// Takes bytes off the front of `input`: `None` while more is needed, then whether the tunnel
    /// stands. What follows the proxy's head is left in `input`: it is the server's.
    ///
    /// The error is [`Closed::Rejected`] with the proxy's status (407 asks for authorization, to
    /// be tried on a new connection), or [`Closed::Protocol`].
    pub fn receive(&mut self, input: &mut &[u8]) -> Option<Result<(), Closed>> {
        while self.outcome.is_none() {
            match self.head.read(input) {
                Ok(Progress::Complete) => self.outcome = Some(Ok(())),
                Ok(Progress::StartLine) if self.head.status() != 200 => {
                    self.outcome = Some(Err(Closed::Rejected(self.head.status())));
                }
                Ok(Progress::StartLine) => {}
                Ok(Progress::NeedMore) => return None,
                Err(error) => self.outcome = Some(Err(Closed::Protocol(error))),
            }
        }
        self.outcome.clone()
    }

    /// The proxy's end of file: what it meant.
    pub fn receive_eof(&mut self) -> Result<(), Closed> {
        let eof = Err(Closed::Eof(Phase::Handshaking));
        self.outcome.get_or_insert(eof).clone()
    }
}
