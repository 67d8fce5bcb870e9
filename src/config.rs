//! The configuration of connections.

use alloc::sync::Arc;
use core::ops::Deref;
use core::time::Duration;

#[cfg(feature = "deflate")]
use crate::deflate::config::Deflate;
use crate::dialect::Dialects;

/// The role of an endpoint in a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// The endpoint that sends the request.
    Client,
    /// The endpoint that answers the request.
    Server,
}

/// The limits, options and timeouts of a connection.
///
/// Every setter takes the `Config` by value, returns it and is a `const fn`, so a `Config` can be a
/// constant or a `static`. Connections refer to it, as a [`SharedConfig`].
///
/// ```
/// use hybi::{Config, Connection, Dialects};
/// static CONFIG: Config = Config::new().dialects(Dialects::ALL).max_head_len(32 * 1024);
/// let conn = Connection::server(&CONFIG);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    pub(crate) dialects: Dialects,
    pub(crate) tls: bool,
    pub(crate) strict_utf8: bool,
    pub(crate) strict_frames: bool,
    pub(crate) strict_reply: bool,
    pub(crate) plain_http: bool,
    pub(crate) auto_pong: bool,
    pub(crate) auto_close: bool,
    pub(crate) flash_policy: Option<&'static str>,
    pub(crate) max_head_len: u32,
    pub(crate) max_header_line_len: u32,
    pub(crate) max_headers: u32,
    pub(crate) max_frame_len: u64,
    pub(crate) max_fragments: u32,
    pub(crate) high_water: usize,
    pub(crate) max_send_buffer: usize,
    pub(crate) handshake_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) keepalive: Option<Keepalive>,
    #[cfg(feature = "deflate")]
    pub(crate) deflate: Option<Deflate>,
}

/// See [`Config::keepalive`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Keepalive {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
}

/// The largest payload length that a frame can declare: 63 bits (FR-7, HY-6).
pub(crate) const MAX_LENGTH: u64 = i64::MAX as u64;

impl Config {
    /// Creates a configuration with the default of each setter.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            dialects: Dialects::DEFAULT,
            tls: false,
            strict_utf8: false,
            strict_frames: false,
            strict_reply: false,
            plain_http: false,
            auto_pong: true,
            auto_close: true,
            flash_policy: None,
            max_head_len: 16 * 1024,
            max_header_line_len: 16 * 1024,
            max_headers: 100,
            max_frame_len: MAX_LENGTH,
            max_fragments: 64 * 1024,
            high_water: 64 * 1024,
            // A message of 1 MiB, with the longest header.
            max_send_buffer: 1024 * 1024 + 14,
            handshake_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(30),
            keepalive: None,
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// Sets the dialects that a server accepts.
    ///
    /// Default: all except Hixie-75 ([`Dialects::DEFAULT`]). This includes Hixie-76; read
    /// [`Dialect`](crate::Dialect) before exposing a server to the internet without TLS. A client
    /// uses the dialect of its [`ClientRequest`](crate::ClientRequest) instead.
    #[must_use]
    pub const fn dialects(mut self, dialects: Dialects) -> Self {
        self.dialects = dialects;
        self
    }

    /// Sets whether clients reach this server over TLS, which may end at a reverse proxy.
    ///
    /// Default: `false`. If `true`, the location in a Hixie-75 or Hixie-76 response starts with
    /// `wss://` instead of `ws://` (H76-7). A client uses the scheme of its
    /// [`ClientRequest`](crate::ClientRequest) instead.
    #[must_use]
    pub const fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// Sets whether invalid UTF-8 in a text message fails a connection of Hixie-75 or Hixie-76.
    ///
    /// Default: `false`; each invalid sequence is replaced by U+FFFD, as both require (FR-10). From
    /// HyBi-7 on, invalid UTF-8 always fails the connection (HY-7).
    #[must_use]
    pub const fn strict_utf8(mut self, strict_utf8: bool) -> Self {
        self.strict_utf8 = strict_utf8;
        self
    }

    /// Sets whether a frame of a type that Hixie-75 or Hixie-76 skips fails the connection.
    ///
    /// Default: `false`; the frame is skipped and reported as
    /// [`Event::Skipped`](crate::Event::Skipped). Both allow a server to do either (FR-4).
    #[must_use]
    pub const fn strict_frames(mut self, strict_frames: bool) -> Self {
        self.strict_frames = strict_frames;
        self
    }

    /// Sets whether a client checks a reply as exactly as the browsers of 2010 and 2011 did. Use it
    /// to test servers for them.
    ///
    /// Default: `false`. If `true`, these are errors as well:
    ///
    /// - in Hixie-75, first three lines that differ from
    ///   `HTTP/1.1 101 Web Socket Protocol Handshake`, `Upgrade: WebSocket`, `Connection: Upgrade`
    ///   in any byte (H75-6);
    /// - in Hixie-76, a value of `Upgrade` that differs from `WebSocket` in case (H76-37);
    /// - in both, a subprotocol if none was requested (H75-6, H76-36);
    /// - in each dialect, a status line without a space after the status 101 (H76-34).
    ///
    /// None of this shows whether the server has read the request. What does, such as the challenge
    /// response and the accept value, is checked in any case.
    #[must_use]
    pub const fn strict_reply(mut self, strict_reply: bool) -> Self {
        self.strict_reply = strict_reply;
        self
    }

    /// Sets whether a plain HTTP request, one without `Upgrade: websocket`, is reported to the
    /// application.
    ///
    /// Default: `false`; the request is rejected with status 426. If `true`, it is reported as a
    /// [`Request`](crate::Request) without a dialect, which the application answers with
    /// [`respond`](crate::Connection::respond). Its method may be `HEAD` instead of `GET`, its
    /// version HTTP/1.0, and it may have an `Upgrade` to something else (RQ-1, RQ-3, RQ-14).
    #[must_use]
    pub const fn plain_http(mut self, plain_http: bool) -> Self {
        self.plain_http = plain_http;
        self
    }

    /// Sets whether the connection answers pings itself.
    ///
    /// Default: `true`. While more than [`high_water`](Self::high_water) bytes of output are
    /// pending, no pong is queued, so that pings cannot grow the output. The latest ping is
    /// answered later: once at most `high_water` bytes are pending, or before the next message that
    /// is sent (RFC 6455, section 5.5.3).
    #[must_use]
    pub const fn auto_pong(mut self, auto_pong: bool) -> Self {
        self.auto_pong = auto_pong;
        self
    }

    /// Sets whether the connection answers the close frame of the peer itself.
    ///
    /// Default: `true`; the call of `receive` after [`Event::Closing`](crate::Event::Closing)
    /// answers with the peer's code and reason. If `false`, the application has to call
    /// [`close`](crate::Connection::close) within [`close_timeout`](Self::close_timeout).
    #[must_use]
    pub const fn auto_close(mut self, auto_close: bool) -> Self {
        self.auto_close = auto_close;
        self
    }

    /// Sets the cross-domain policy, an XML document, with which a server answers a Flash policy
    /// request (PX-1).
    ///
    /// Default: none; a policy request fails the connection. The policy ends at its first NUL, if
    /// it has one.
    #[must_use]
    pub const fn flash_policy(mut self, flash_policy: &'static str) -> Self {
        self.flash_policy = Some(flash_policy);
        self
    }

    /// Sets the maximum length of a request or response head in bytes, including the blank line
    /// (RQ-19). The heads of interim responses count as part of the final one (HY-11).
    ///
    /// Default: 16 KiB; a browser's cookie has up to 4 KiB. With this default, a server uses at
    /// most 40 KiB for a connection in the handshake. Values above `u32::MAX` are reduced to
    /// `u32::MAX`.
    #[must_use]
    pub const fn max_head_len(mut self, bytes: usize) -> Self {
        self.max_head_len = saturate(bytes);
        self
    }

    /// Sets the maximum length of a line of a head in bytes, including its CRLF (RQ-19).
    ///
    /// Default: 16 KiB. Values above `u32::MAX` are reduced to `u32::MAX`. The status line of a
    /// response is limited to 1024 bytes as well (H76-34).
    #[must_use]
    pub const fn max_header_line_len(mut self, bytes: usize) -> Self {
        self.max_header_line_len = saturate(bytes);
        self
    }

    /// Sets the maximum number of header fields in a head (RQ-19). Those of interim responses count
    /// as part of the final one (HY-11).
    ///
    /// Default: 100. Values above `u32::MAX` are reduced to `u32::MAX`.
    #[must_use]
    pub const fn max_headers(mut self, count: usize) -> Self {
        self.max_headers = saturate(count);
        self
    }

    /// Sets the maximum length of the payload of a received frame in bytes (FR-7, FR-14).
    ///
    /// Default: 2^63 - 1, the limit of the wire format; larger values are reduced to it. Skipped
    /// frames count as well. The connection does not buffer the payload of messages;
    /// [`MessageAssembler`](crate::MessageAssembler), which does, has a limit of its own.
    #[must_use]
    pub const fn max_frame_len(mut self, bytes: u64) -> Self {
        self.max_frame_len = if bytes < MAX_LENGTH {
            bytes
        } else {
            MAX_LENGTH
        };
        self
    }

    /// Sets the maximum number of frames of a received message, from HyBi-7 on. Each 16 bytes of
    /// the message's payload that were received before a frame allow one more (HY-7).
    ///
    /// Default: 65,536. Empty frames count as well: a peer could send an endless number of them,
    /// and of tiny ones, which cost work without ever reaching a limit of payload. With the bytes
    /// allowed for payload, that work stays in proportion to what the peer sends, while a long
    /// message in frames of 16 bytes or more is never rejected.
    #[must_use]
    pub const fn max_fragments(mut self, frames: u32) -> Self {
        self.max_fragments = frames;
        self
    }

    /// Sets the number of pending output bytes above which
    /// [`is_congested`](crate::Connection::is_congested) returns `true`.
    ///
    /// Default: 64 KiB. The connection itself only defers pongs above it; what the application does
    /// is described [here](crate#back-pressure).
    #[must_use]
    pub const fn high_water(mut self, bytes: usize) -> Self {
        self.high_water = bytes;
        self
    }

    /// Sets the maximum number of output bytes that calls of the application may leave pending.
    ///
    /// Default: 1 MiB and 14 bytes. A call that would exceed it returns
    /// [`SendError::BufferFull`](crate::SendError::BufferFull), so it also limits the length of a
    /// message that is sent, with its header of at most 14 bytes: with the default, what a
    /// [`MessageAssembler`](crate::MessageAssembler) with the default limit receives can be sent.
    /// An application that answers messages with ones of the same length, while up to
    /// [`high_water`](Self::high_water) bytes are pending, needs a limit greater than the sum of
    /// both.
    ///
    /// The memory of the send buffer is at most four thirds of this limit and 1 KiB, or 65,792
    /// bytes if that is more. While it grows, the old and the new buffer are at most twice this
    /// limit and 2 KiB, or 194 KiB if that is more.
    ///
    /// It is kept as long as messages follow one another. Capacity above 65,792 bytes is released
    /// once all output is written, if at most 64 KiB were queued since none was pending, and after
    /// one to two seconds if at most 64 KiB remain pending. All of it is released after one to two
    /// seconds in which no message was sent. These seconds count from one call of
    /// [`receive`](crate::Connection::receive) to another, while the connection is open and no
    /// compressed message is incomplete: otherwise it is kept until that message is complete, or
    /// until all output is written or dropped.
    #[must_use]
    pub const fn max_send_buffer(mut self, bytes: usize) -> Self {
        self.max_send_buffer = bytes;
        self
    }

    /// Sets the timeout of the opening handshake. [`Duration::MAX`] disables it.
    ///
    /// Default: 10 seconds, counted from the first call of
    /// [`receive`](crate::Connection::receive). On a server it includes the time that the
    /// application takes to answer the request.
    #[must_use]
    pub const fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets the timeout of the answer to a close frame. [`Duration::MAX`] disables it.
    ///
    /// Default: 5 seconds, counted from the time at which this side's close frame was written to
    /// the socket. With [`auto_close`](Self::auto_close) off it also limits the time from
    /// [`Event::Closing`](crate::Event::Closing) until the application calls
    /// [`close`](crate::Connection::close).
    #[must_use]
    pub const fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Sets the time in which the peer has to accept 16 KiB of output, or all that is pending.
    /// [`Duration::MAX`] disables it.
    ///
    /// Default: 30 seconds, which is 546 bytes per second. It applies whenever output is pending,
    /// before, during and after the closing handshake. A connection with a slower peer ends with
    /// [`Closed::TimedOut`](crate::Closed::TimedOut), and its output is dropped.
    ///
    /// The connection knows what the socket accepted, not what the peer read. The system buffers
    /// output and reports a socket as writable only after much of its buffer has drained: with
    /// default buffers, a peer that reads 50,000 bytes per second can appear to read nothing for 30
    /// seconds. Limit the send buffer of the socket (`SO_SNDBUF` or `TCP_NOTSENT_LOWAT`, to 128
    /// KiB), or try to write once more when [`deadline`](crate::Connection::deadline) is reached,
    /// before calling `receive`.
    #[must_use]
    pub const fn write_timeout(mut self, timeout: Duration) -> Self {
        self.write_timeout = timeout;
        self
    }

    /// Sets how to detect that the peer of an open connection has gone: after `interval` without
    /// any byte from it a ping is sent, and after another `timeout` the connection ends with
    /// [`Closed::TimedOut`](crate::Closed::TimedOut).
    ///
    /// Default: none; an open connection may be idle for any time. Any byte counts, not only a
    /// pong. Hixie-75 and Hixie-76 have no pings: such a connection ends after `interval` and
    /// `timeout` if the peer sends nothing of its own accord.
    ///
    /// Keep-alive is paused while the connection is
    /// [congested](crate::Connection::is_congested), because the application may have stopped
    /// reading.
    #[must_use]
    pub const fn keepalive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.keepalive = Some(Keepalive { interval, timeout });
        self
    }

    /// Sets that a server accepts compression and a client offers it, and with which parameters.
    ///
    /// Default: neither; offers are declined. What both sides agreed to is
    /// [`Handshake::compression`](crate::Handshake::compression).
    ///
    /// A compressed message costs some microseconds, and a connection keeps
    /// [memory](crate::Deflate#memory) for it. Control frames and short messages are not
    /// compressed, and the limits of messages have [setters of their own](crate::Deflate#limits).
    /// The page [`compression`](crate::guide::compression) of the guide says when compression pays,
    /// with figures.
    ///
    /// A server declines it for one request with
    /// [`AcceptOptions::no_compression`](crate::AcceptOptions::no_compression), and either side for
    /// one message with [`Connection::set_compression`](crate::Connection::set_compression).
    ///
    /// ```
    /// use hybi::{AcceptOptions, Config, Connection, Deflate, Event, Input};
    /// static CONFIG: Config = Config::new().deflate(Deflate::new());
    ///
    /// let mut conn = Connection::server(&CONFIG);
    /// # let mut bytes = *b"GET /pictures HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\n\
    /// #     Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    /// #     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    /// # let mut input = Input::new(&mut bytes, std::time::Duration::ZERO);
    /// while let Some(event) = conn.receive(&mut input) {
    ///     if let Event::Request(request) = event {
    ///         let options = match request.resource() {
    ///             // They are compressed already.
    ///             "/pictures" => AcceptOptions::new().no_compression(),
    ///             _ => AcceptOptions::new(),
    ///         };
    ///         conn.accept(&options)?;
    ///     }
    /// }
    /// # assert!(conn.is_open());
    /// assert_eq!(conn.compression(), None);
    /// # Ok::<(), hybi::AcceptError>(())
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub const fn deflate(mut self, deflate: Deflate) -> Self {
        self.deflate = Some(deflate);
        self
    }
}

#[cfg(feature = "deflate")]
impl Config {
    /// Returns the configuration of compression; the default if compression was agreed elsewhere.
    pub(crate) fn deflate_or_default(&self) -> &Deflate {
        const DEFAULT: &Deflate = &Deflate::new();
        self.deflate.as_ref().unwrap_or(DEFAULT)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// A [`Config`] that any number of connections refer to.
///
/// Functions that create connections accept anything that converts into it: a reference to a
/// `static`, an [`Arc`], or a `Config` by value, which is allocated.
///
/// ```
/// use hybi::{Config, Connection, SharedConfig};
/// use std::sync::Arc;
/// # fn argument() -> usize { 1 << 20 }
/// let config = Config::new().max_send_buffer(argument()); // not known at compile time
/// let config = SharedConfig::from(Arc::new(config));
/// let conns: Vec<_> = (0..10).map(|_| Connection::server(config.clone())).collect();
/// ```
#[derive(Clone, Debug)]
pub struct SharedConfig(Shared);

#[derive(Clone, Debug)]
enum Shared {
    Static(&'static Config),
    Counted(Arc<Config>),
}

impl From<&'static Config> for SharedConfig {
    fn from(config: &'static Config) -> Self {
        Self(Shared::Static(config))
    }
}

impl From<Arc<Config>> for SharedConfig {
    fn from(config: Arc<Config>) -> Self {
        Self(Shared::Counted(config))
    }
}

/// Allocates. For more than a few connections, use an [`Arc`] or a `static`.
impl From<Config> for SharedConfig {
    fn from(config: Config) -> Self {
        Self(Shared::Counted(Arc::new(config)))
    }
}

impl Deref for SharedConfig {
    type Target = Config;

    #[inline]
    fn deref(&self) -> &Config {
        match &self.0 {
            Shared::Static(config) => config,
            Shared::Counted(config) => config,
        }
    }
}

/// Converts to `u32`, the type of offsets in a head.
const fn saturate(n: usize) -> u32 {
    if n > u32::MAX as usize {
        u32::MAX
    } else {
        n as u32
    }
}
