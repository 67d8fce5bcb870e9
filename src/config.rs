//! What a caller sets once and shares between connections.

use core::time::Duration;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The end that sent the request.
    Client,
    /// The end that answers it.
    Server,
}

/// A version of the protocol.
///
/// [`Hixie75`](Self::Hixie75) and [`Hixie76`](Self::Hixie76) were withdrawn: their frames carry
/// bytes of a page's choice unmasked, with which Huang, Chen, Barth, Rescorla and Jackson
/// (*Talking to Yourself for Fun and Profit*, W2SP 2011) poisoned the caches of transparent
/// proxies. Speak them over TLS, or on networks without such proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// draft-hixie-thewebsocketprotocol-75, February 2010: no keys, no closing handshake.
    Hixie75,
    /// draft-hixie-thewebsocketprotocol-76, May 2010, which became
    /// draft-ietf-hybi-thewebsocketprotocol-00: two key numbers and an MD5 challenge.
    Hixie76,
    /// draft-ietf-hybi-thewebsocketprotocol-07, April 2011: masked frames, `Sec-WebSocket-Version`
    /// 7.
    HyBi7,
    /// draft-ietf-hybi-thewebsocketprotocol-08 to 12, June to August 2011: version 8.
    HyBi8,
    /// RFC 6455, December 2011, and the drafts 13 to 17 before it: version 13.
    Rfc6455,
}

impl Dialect {
    /// All of them, the oldest first.
    const ALL: [Self; 5] = [
        Self::Hixie75,
        Self::Hixie76,
        Self::HyBi7,
        Self::HyBi8,
        Self::Rfc6455,
    ];

    const fn bit(self) -> u8 {
        match self {
            Dialect::Hixie75 => 1,
            Dialect::Hixie76 => 2,
            Dialect::HyBi7 => 4,
            Dialect::HyBi8 => 8,
            Dialect::Rfc6455 => 16,
        }
    }

    /// The number in `Sec-WebSocket-Version` (HY-1); the dialects before it had none.
    pub(crate) const fn version(self) -> Option<&'static str> {
        match self {
            Dialect::Hixie75 | Dialect::Hixie76 => None,
            Dialect::HyBi7 => Some("7"),
            Dialect::HyBi8 => Some("8"),
            Dialect::Rfc6455 => Some("13"),
        }
    }

    /// Whether frames are those of Hixie-75 and Hixie-76, and not those of RFC 6455.
    pub(crate) const fn is_hixie(self) -> bool {
        self.version().is_none()
    }

    /// The dialect of a `Sec-WebSocket-Version`.
    pub(crate) fn from_version(version: &[u8]) -> Option<Self> {
        let is = |one: &Self| one.version().is_some_and(|v| v.as_bytes() == version);
        Self::ALL.into_iter().find(is)
    }
}

impl core::fmt::Display for Dialect {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Dialect::Hixie75 => "Hixie-75",
            Dialect::Hixie76 => "Hixie-76",
            Dialect::HyBi7 => "HyBi-7",
            Dialect::HyBi8 => "HyBi-8",
            Dialect::Rfc6455 => "RFC 6455",
        })
    }
}

/// A set of [`Dialect`]s: those that a server answers. Read at [`Dialect`] what the two drafts
/// before HyBi-7 do to proxies, and leave them out where that may happen:
/// `Dialects::default().without(Dialect::Hixie76)`.
///
/// ```
/// use hybi::{Dialect, Dialects};
/// let both = Dialects::default().with(Dialect::Hixie75);
/// assert!(both.contains(Dialect::Hixie75) && both.contains(Dialect::Hixie76));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dialects(u8);

impl Dialects {
    /// No dialect.
    pub const NONE: Self = Self(0);

    /// Every dialect that this version of the crate speaks.
    pub const ALL: Self = Self::NONE
        .with(Dialect::Hixie75)
        .with(Dialect::Hixie76)
        .with(Dialect::HyBi7)
        .with(Dialect::HyBi8)
        .with(Dialect::Rfc6455);

    /// This set and `dialect`.
    #[must_use]
    pub const fn with(self, dialect: Dialect) -> Self {
        Self(self.0 | dialect.bit())
    }

    /// This set but for `dialect`.
    #[must_use]
    pub const fn without(self, dialect: Dialect) -> Self {
        Self(self.0 & !dialect.bit())
    }

    /// Whether `dialect` is in the set.
    #[must_use]
    pub const fn contains(self, dialect: Dialect) -> bool {
        self.0 & dialect.bit() != 0
    }

    /// Those in the set, the newest first.
    pub(crate) fn newest_first(self) -> impl Iterator<Item = Dialect> {
        let all = Dialect::ALL.into_iter().rev();
        all.filter(move |dialect| self.contains(*dialect))
    }
}

impl Default for Dialects {
    /// All but Hixie-75: any request that lost its `Sec-` fields on the way looks like one, so it
    /// is asked for by name.
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Dialects {
    const DEFAULT: Self = Self::ALL.without(Dialect::Hixie75);
}

impl core::fmt::Debug for Dialects {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_set().entries(self.newest_first()).finish()
    }
}

/// Limits, switches and timeouts. Cheap to copy; every setter takes and returns it by value, so a
/// `Config` can be a constant.
///
/// ```
/// use hybi::{Config, Dialects};
/// const CONFIG: Config = Config::new().dialects(Dialects::ALL).max_head_len(4 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    pub(crate) dialects: Dialects,
    pub(crate) tls: bool,
    pub(crate) strict_utf8: bool,
    pub(crate) strict_frames: bool,
    pub(crate) plain_http: bool,
    pub(crate) auto_pong: bool,
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
}

/// The largest length that a frame can declare (FR-7): 63 bits.
pub(crate) const MAX_LENGTH: u64 = i64::MAX as u64;

impl Config {
    /// The defaults, as each setter names them.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            dialects: Dialects::DEFAULT,
            tls: false,
            strict_utf8: false,
            strict_frames: false,
            plain_http: false,
            auto_pong: true,
            flash_policy: None,
            max_head_len: 8 * 1024,
            max_header_line_len: 4 * 1024,
            max_headers: 100,
            max_frame_len: MAX_LENGTH,
            max_fragments: 64 * 1024,
            high_water: 64 * 1024,
            max_send_buffer: 1024 * 1024,
            handshake_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
        }
    }

    /// The dialects that a server answers; a client's is its [`ClientRequest`](crate::ClientRequest)'s.
    /// Default: all but Hixie-75 ([`Dialects::default`]), so Hixie-76 is among them: see
    /// [`Dialect`] before you put it on the open net without TLS.
    #[must_use]
    pub const fn dialects(self, dialects: Dialects) -> Self {
        Self { dialects, ..self }
    }

    /// Whether the client reached this server over TLS, also when a proxy in front took the TLS
    /// off: the location in the reply is then `wss://` (H76-7). Default: no. A client takes this
    /// from its [`ClientRequest`](crate::ClientRequest).
    #[must_use]
    pub const fn tls(self, secure: bool) -> Self {
        Self {
            tls: secure,
            ..self
        }
    }

    /// Whether text that is not UTF-8 fails a connection of Hixie-75 or Hixie-76. Default: no; each
    /// bad sequence becomes U+FFFD, as the drafts ask (FR-10). From HyBi-7 on it always fails.
    #[must_use]
    pub const fn strict_utf8(self, strict: bool) -> Self {
        Self {
            strict_utf8: strict,
            ..self
        }
    }

    /// Whether a frame of a type that Hixie-75 or Hixie-76 skips fails the connection, as these
    /// drafts let a server do (FR-4). Default: no; such a frame is reported as
    /// [`Event::Skipped`](crate::Event::Skipped).
    #[must_use]
    pub const fn strict_frames(self, strict: bool) -> Self {
        Self {
            strict_frames: strict,
            ..self
        }
    }

    /// Whether a `GET` without `Upgrade` is handed to the application as a
    /// [`Request`](crate::Request) without a dialect, to be answered with
    /// [`respond`](crate::Connection::respond). Default: no; it is refused with 426.
    #[must_use]
    pub const fn plain_http(self, allowed: bool) -> Self {
        Self {
            plain_http: allowed,
            ..self
        }
    }

    /// Whether a ping is answered by the machine itself. Default: yes; while more than
    /// [`high_water`](Self::high_water) bytes are pending, only the latest ping is.
    #[must_use]
    pub const fn auto_pong(self, answer: bool) -> Self {
        Self {
            auto_pong: answer,
            ..self
        }
    }

    /// The cross-domain policy that a Flash socket asks for before it connects (PX-1); what
    /// stands behind a NUL in it is not sent. Default: none, and such a request is refused.
    #[must_use]
    pub const fn flash_policy(self, policy: &'static str) -> Self {
        Self {
            flash_policy: Some(policy),
            ..self
        }
    }

    /// The largest head in bytes, from the first byte to its blank line. Default: 8 KiB.
    #[must_use]
    pub const fn max_head_len(self, bytes: usize) -> Self {
        Self {
            max_head_len: saturate(bytes),
            ..self
        }
    }

    /// The longest line of a head in bytes, its CR LF counted. Default: 4 KiB.
    #[must_use]
    pub const fn max_header_line_len(self, bytes: usize) -> Self {
        Self {
            max_header_line_len: saturate(bytes),
            ..self
        }
    }

    /// The most header fields in a head. Default: 100.
    #[must_use]
    pub const fn max_headers(self, count: usize) -> Self {
        Self {
            max_headers: saturate(count),
            ..self
        }
    }

    /// The largest payload of one frame in bytes, counted as it streams, also in frames that are
    /// skipped. Default: no limit but the format's own of 2^63 - 1, since the connection keeps
    /// none of it; [`MessageAssembler`](crate::MessageAssembler) has the limit for what is kept.
    #[must_use]
    pub const fn max_frame_len(self, bytes: u64) -> Self {
        Self {
            max_frame_len: if bytes < MAX_LENGTH {
                bytes
            } else {
                MAX_LENGTH
            },
            ..self
        }
    }

    /// The most frames that a message may come in, from HyBi-7 on; empty ones count as well.
    /// Default: 65,536.
    #[must_use]
    pub const fn max_fragments(self, frames: u32) -> Self {
        Self {
            max_fragments: frames,
            ..self
        }
    }

    /// Above this many bytes of pending output
    /// [`wants_read`](crate::Connection::wants_read) is false, so that TCP slows the peer down.
    /// Default: 64 KiB.
    #[must_use]
    pub const fn high_water(self, bytes: usize) -> Self {
        Self {
            high_water: bytes,
            ..self
        }
    }

    /// The most bytes of output that calls of the application may have pending; past it they are
    /// [`Refused::BufferFull`](crate::Refused::BufferFull), so it is also the limit of one message sent.
    /// Default: 1 MiB.
    #[must_use]
    pub const fn max_send_buffer(self, bytes: usize) -> Self {
        Self {
            max_send_buffer: bytes,
            ..self
        }
    }

    /// How long the whole opening may take, from the first
    /// [`tick`](crate::Connection::tick) on. Default: 10 s.
    #[must_use]
    pub const fn handshake_timeout(self, timeout: Duration) -> Self {
        Self {
            handshake_timeout: timeout,
            ..self
        }
    }

    /// How long the peer may take to answer the closing handshake, and then again to take the
    /// last bytes off us, each from the first [`tick`](crate::Connection::tick) on. Default: 5 s.
    #[must_use]
    pub const fn close_timeout(self, timeout: Duration) -> Self {
        Self {
            close_timeout: timeout,
            ..self
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// Sizes of heads are kept in 32 bits; more than that is never meant.
const fn saturate(n: usize) -> u32 {
    if n > u32::MAX as usize {
        u32::MAX
    } else {
        n as u32
    }
}
