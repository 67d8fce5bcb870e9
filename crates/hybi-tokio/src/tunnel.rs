//! Tunnels through HTTP proxies.

use std::io;

use hybi::{ClientRequest, Config, InvalidHeader, ProxyTunnel};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::Error;

/// Establishes a tunnel to the server of `request` through the HTTP proxy at the other end of `io`,
/// with `CONNECT`.
///
/// `headers` are added to the request to the proxy, for example `Proxy-Authorization`. Then use
/// `io` for TLS, if the URL [requires it](hybi::ClientRequest::is_tls), and for
/// [`WebSocket::connect`](crate::WebSocket::connect).
///
/// There is no timeout: use [`tokio::time::timeout`].
///
/// # Errors
/// - [`Error::Io`] if the stream failed, if a header field is invalid
///   ([`InvalidInput`](io::ErrorKind::InvalidInput)), or if bytes follow the response before the
///   client has sent anything ([`InvalidData`](io::ErrorKind::InvalidData)).
/// - [`Error::Closed`] if the proxy did not establish the tunnel
///   ([`Closed::Rejected`](hybi::Closed::Rejected), for example with status 407), or if its
///   response is invalid or incomplete.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use hybi_tokio::WebSocket;
/// use hybi_tokio::hybi::{ClientRequest, Config};
/// use std::time::Duration;
/// use tokio::net::TcpStream;
/// use tokio::time::timeout;
///
/// let request = ClientRequest::new("ws://example.com/chat")?;
/// let config = Config::new();
/// let mut proxy = TcpStream::connect("proxy.example.com:3128").await?;
/// let connected = hybi_tokio::tunnel(&mut proxy, &config, &request, &[]);
/// timeout(Duration::from_secs(10), connected).await??;
/// let (socket, _) = WebSocket::connect(proxy, config, &request).await?;
/// # Ok(())
/// # }
/// ```
pub async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(
    io: &mut S,
    config: &Config,
    request: &ClientRequest,
    headers: &[(&str, &[u8])],
) -> Result<(), Error> {
    let invalid = |error: InvalidHeader| io::Error::new(io::ErrorKind::InvalidInput, error);
    let mut tunnel = ProxyTunnel::new(config, request, headers).map_err(invalid)?;
    io.write_all(tunnel.transmit()).await?;
    tunnel.advance(tunnel.transmit().len());
    io.flush().await?;
    loop {
        let mut buf = [0; 1024];
        let n = io.read(&mut buf).await?;
        let mut input = &buf[..n];
        let outcome = match n {
            0 => Some(tunnel.receive_eof()),
            _ => tunnel.receive(&mut input),
        };
        match outcome {
            None => {}
            Some(Ok(())) if !input.is_empty() => {
                let message = "bytes after the response of the proxy";
                return Err(io::Error::new(io::ErrorKind::InvalidData, message).into());
            }
            Some(result) => return result.map_err(Error::Closed),
        }
    }
}
