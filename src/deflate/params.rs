//! The agreed parameters.

use core::fmt;

use crate::config::Role;

/// The compression that both sides agreed to: an extension and its parameters.
///
/// [`Handshake::compression`](crate::Handshake::compression) and
/// [`Connection::compression`](crate::Connection::compression) return it. As text it is the value
/// of `Sec-WebSocket-Extensions` in the server's response, so that a connection whose handshake was
/// performed elsewhere can be created from it.
///
/// The response of x-webkit-deflate-frame does not contain what the client's offer requires of the
/// server. A parsed one therefore has the strictest values for the server, which every client can
/// decompress.
///
/// ```
/// use hybi::{Compression, Dialect, Handshake};
/// let value = "permessage-deflate; client_no_context_takeover; server_max_window_bits=10";
/// let compression: Compression = value.parse()?;
/// assert_eq!(compression.name(), "permessage-deflate");
/// assert_eq!(compression.server_max_window_bits(), 10);
/// assert!(compression.client_no_context_takeover());
/// assert_eq!(compression.to_string(), value);
///
/// let handshake = Handshake::new(Dialect::Rfc6455).with_compression(compression);
/// assert_eq!(handshake.compression(), Some(&compression));
/// # Ok::<(), hybi::ParseCompressionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Compression {
    pub(crate) format: Format,
    /// For what the server sends.
    pub(crate) server: Limit,
    /// For what the client sends.
    pub(crate) client: Limit,
}

/// How compressed messages are marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    /// permessage-deflate: RSV1 in the first frame of a message (RFC 7692, section 6).
    PerMessage,
    /// x-webkit-deflate-frame: RSV1 in each frame, also in a continuation.
    PerFrame,
}

/// The limit of a compressor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Limit {
    /// Messages do not refer to earlier ones.
    pub(crate) no_context_takeover: bool,
    /// 8 to 15. `None` is 15, and differs from it in text only.
    pub(crate) max_window_bits: Option<u8>,
}

/// What a message in one direction may refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    /// At most 2^`bits` bytes back; 8 to 15.
    pub(crate) bits: u8,
    /// Earlier messages too.
    pub(crate) context_takeover: bool,
}

impl Window {
    /// Returns the part of the window that a side uses which keeps 2^`ours` bytes, or nothing.
    pub(crate) fn limited_to(self, ours: Option<u8>) -> Self {
        Self {
            bits: self.bits.min(ours.unwrap_or(MAX_WINDOW_BITS)),
            context_takeover: self.context_takeover && ours.is_some(),
        }
    }
}

/// The largest window of deflate, 32 KiB.
pub(crate) const MAX_WINDOW_BITS: u8 = 15;

impl Compression {
    /// Returns the name of the extension: `permessage-deflate` or `x-webkit-deflate-frame`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.format.name()
    }

    /// Returns `true` if the server compresses each message on its own.
    #[must_use]
    pub const fn server_no_context_takeover(&self) -> bool {
        self.server.no_context_takeover
    }

    /// Returns `true` if the client compresses each message on its own.
    #[must_use]
    pub const fn client_no_context_takeover(&self) -> bool {
        self.client.no_context_takeover
    }

    /// Returns the binary logarithm of how far back the server's compressed data refers, from 8 to
    /// 15. 15 if the parameter is absent.
    #[must_use]
    pub const fn server_max_window_bits(&self) -> u8 {
        self.server.bits()
    }

    /// Returns the binary logarithm of how far back the client's compressed data refers, from 8 to
    /// 15. 15 if the parameter is absent.
    #[must_use]
    pub const fn client_max_window_bits(&self) -> u8 {
        self.client.bits()
    }

    /// Returns the window that the peer allows for what `role` sends. It may be larger than that of
    /// [`Deflate::send_window`](crate::Deflate::send_window).
    pub(crate) const fn send(&self, role: Role) -> Window {
        match role {
            Role::Server => self.server.window(),
            Role::Client => self.client.window(),
        }
    }

    /// Returns the window that the peer of `role` may use for what it sends.
    pub(crate) const fn receive(&self, role: Role) -> Window {
        match role {
            Role::Server => self.client.window(),
            Role::Client => self.server.window(),
        }
    }
}

impl Format {
    pub(crate) const ALL: [Self; 2] = [Self::PerMessage, Self::PerFrame];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PerMessage => "permessage-deflate",
            Self::PerFrame => "x-webkit-deflate-frame",
        }
    }
}

impl Limit {
    /// The strictest limit.
    pub(crate) const STRICTEST: Self = Self {
        no_context_takeover: true,
        max_window_bits: Some(8),
    };

    pub(crate) const fn bits(self) -> u8 {
        match self.max_window_bits {
            Some(bits) => bits,
            None => MAX_WINDOW_BITS,
        }
    }

    const fn window(self) -> Window {
        Window {
            bits: self.bits(),
            context_takeover: !self.no_context_takeover,
        }
    }
}

/// The value of `Sec-WebSocket-Extensions` in the server's response.
impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, client, .. } = self;
        f.write_str(self.name())?;
        let limits = match self.format {
            Format::PerMessage => [("server_", Some(server)), ("client_", Some(client))],
            // The sender of a parameter limits its receiver.
            Format::PerFrame => [("", None), ("", Some(client))],
        };
        for (prefix, limit) in limits {
            if limit.is_some_and(|limit| limit.no_context_takeover) {
                write!(f, "; {prefix}no_context_takeover")?;
            }
        }
        for (prefix, limit) in limits {
            if let Some(bits) = limit.and_then(|limit| limit.max_window_bits) {
                write!(f, "; {prefix}max_window_bits={bits}")?;
            }
        }
        Ok(())
    }
}

/// The error of parsing a [`Compression`].
///
/// ```
/// use hybi::{Compression, ParseCompressionError};
/// let error = "permessage-deflate; server_max_window_bits=16".parse::<Compression>();
/// assert_eq!(error, Err(ParseCompressionError::InvalidParameter));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseCompressionError {
    /// The text is not a list of extensions (RFC 6455, section 9.1).
    #[error("not a list of extensions as of RFC 6455, section 9.1")]
    Syntax,
    /// The list is empty, or has more than one extension.
    #[error("not exactly one extension")]
    NotOne,
    /// The extension is neither permessage-deflate nor x-webkit-deflate-frame.
    #[error("the extension is neither permessage-deflate nor x-webkit-deflate-frame")]
    UnknownExtension,
    /// The extension has a parameter that it does not define.
    #[error("the extension has a parameter that it does not define")]
    UnknownParameter,
    /// A parameter is repeated, lacks its value, has one although it must not, or has a window
    /// that is not in 8 to 15.
    #[error("a parameter is repeated or has an invalid value; a window has 8 to 15 bits")]
    InvalidParameter,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DF-4 to DF-7
    #[test]
    fn each_side_sends_what_the_other_receives() {
        let value = "permessage-deflate; client_no_context_takeover; server_max_window_bits=9";
        let compression: Compression = value.parse().unwrap();
        let window = |bits, context_takeover| Window {
            bits,
            context_takeover,
        };
        assert_eq!(compression.send(Role::Server), window(9, true));
        assert_eq!(compression.send(Role::Client), window(15, false));
        for (role, other) in [(Role::Server, Role::Client), (Role::Client, Role::Server)] {
            assert_eq!(compression.receive(role), compression.send(other));
        }
        assert_eq!(window(12, true).limited_to(Some(10)), window(10, true));
        assert_eq!(window(8, true).limited_to(Some(10)), window(8, true));
        assert_eq!(window(12, false).limited_to(Some(10)), window(10, false));
        assert_eq!(window(12, true).limited_to(None), window(12, false));
    }
}
