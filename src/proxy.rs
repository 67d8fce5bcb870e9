//! Tunnels through HTTP proxies with `CONNECT` (PX-2).

use core::mem;

use crate::call_errors::InvalidHeader;
use crate::config::Config;
use crate::event::{Closed, Phase};
use crate::handshake::{
    ClientRequest, Rejection, is_connection_or_framing, is_valid_header, push_header,
};
use crate::http::{Head, Limits, Progress};
use crate::send_buffer::SendBuffer;

/// A client's tunnel through an HTTP proxy, established with `CONNECT` (PX-2).
///
/// Once the tunnel is established, use the same socket for TLS, if the URL
/// [requires it](ClientRequest::is_tls), and then for
/// [`Connection::client`](crate::Connection::client).
///
/// ```
/// use hybi::{Config, ClientRequest, ProxyTunnel};
/// let request = ClientRequest::new("ws://example.com/demo")?;
/// let mut tunnel = ProxyTunnel::new(&Config::new(), &request, &[])?;
/// assert!(tunnel.transmit().starts_with(b"CONNECT example.com:80 HTTP/1.1\r\n"));
/// tunnel.advance(tunnel.transmit().len());
/// let mut input = &b"HTTP/1.1 200 Connection established\r\n\r\n"[..];
/// assert_eq!(tunnel.receive(&mut input), Some(Ok(())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ProxyTunnel {
    head: Head,
    send_buffer: SendBuffer,
    outcome: Option<Result<(), Closed>>,
}

impl ProxyTunnel {
    /// Creates a tunnel to the host and port of `request` and queues the `CONNECT` request.
    ///
    /// `headers` are added to the request, for example `Proxy-Authorization`. The limits of
    /// `config` for heads apply to the response of the proxy.
    ///
    /// # Errors
    /// [`InvalidHeader`] if a name is not a token (RFC 9110, section 5.6.2), if a value contains a
    /// control character other than a tab, or if the name is `Host`, `Upgrade`, `Connection`,
    /// `Content-Length` or `Transfer-Encoding`.
    pub fn new(
        config: &Config,
        request: &ClientRequest,
        headers: &[(&str, &[u8])],
    ) -> Result<Self, InvalidHeader> {
        let authority = request.authority_with_port();
        let head = alloc::format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n");
        let mut head = head.into_bytes();
        for (name, value) in headers {
            let is_reserved = name.eq_ignore_ascii_case("Host") || is_connection_or_framing(name);
            if is_reserved || !is_valid_header(name, value) {
                return Err(InvalidHeader::new(name));
            }
            push_header(&mut head, name, &[value]);
        }
        head.extend_from_slice(b"\r\n");
        let mut send_buffer = SendBuffer::EMPTY;
        send_buffer.push_vec(head);
        Ok(Self {
            head: Head::response(Limits::from_config(config)),
            send_buffer,
            outcome: None,
        })
    }

    /// Returns the bytes to write to the socket.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.send_buffer.pending()
    }

    /// Removes the first `n` bytes of [`transmit`](Self::transmit), which the socket has accepted.
    ///
    /// # Panics
    /// Panics if `n` is greater than the length of `transmit`.
    pub fn advance(&mut self, n: usize) {
        self.send_buffer.advance(n);
    }

    /// Consumes bytes from `input` and returns the result, or `None` if more input is needed.
    ///
    /// `Ok` means that the tunnel is established. The bytes after the head of the proxy's response
    /// are from the server and are left in `input`. Further calls return the same result and
    /// consume nothing. Interim responses are skipped, at most 8 of them (HY-11).
    ///
    /// The error is [`Closed::Rejected`] if the status is not one of 200 to 299 (407 requests
    /// authorization, on a new connection), [`Closed::Protocol`] if the response is
    /// malformed, or that of [`receive_eof`](Self::receive_eof).
    pub fn receive(&mut self, input: &mut &[u8]) -> Option<Result<(), Closed>> {
        while self.outcome.is_none() {
            match self.head.read(input) {
                Ok(Progress::Complete) => {
                    let head = mem::replace(&mut self.head, Head::response(Limits::NONE));
                    self.outcome = Some(match head.status() {
                        200..=299 => Ok(()),
                        _ => Err(Closed::Rejected(Rejection::new(head))),
                    });
                }
                Ok(Progress::NeedMore) => return None,
                Err(error) => self.outcome = Some(Err(Closed::Protocol(error))),
            }
        }
        self.outcome.clone()
    }

    /// Records that the proxy has closed its sending side, and returns the result.
    ///
    /// # Errors
    /// That of [`receive`](Self::receive), or [`Closed::Eof`] if there was no result yet.
    pub fn receive_eof(&mut self) -> Result<(), Closed> {
        let eof = Err(Closed::Eof(Phase::Handshaking));
        self.outcome.get_or_insert(eof).clone()
    }
}
