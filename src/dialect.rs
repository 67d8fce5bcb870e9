//! The dialects of WebSocket: a table with one row of properties each.
//!
//! Code elsewhere reads the properties and does not compare dialects by name. A dialect whose
//! frames and handshake have known forms is one more row.

use core::fmt;
use core::iter::FusedIterator;
use core::str::FromStr;

use crate::header_name::HeaderName;

/// The properties of a dialect.
#[derive(Debug)]
pub(crate) struct Row {
    name: &'static str,
    /// Whether [`Dialects::DEFAULT`] contains the dialect.
    is_default: bool,
    pub(crate) request: RequestForm,
    pub(crate) response: ResponseForm,
    pub(crate) protocol: ProtocolForm,
    /// Whether compression can be negotiated: no browser offered it in an earlier dialect (DF-3).
    #[cfg_attr(not(feature = "deflate"), expect(dead_code))]
    pub(crate) has_compression: bool,
    pub(crate) frames: FrameFormat,
}

/// A client's request.
#[derive(Debug)]
pub(crate) struct RequestForm {
    /// The header fields by which a server selects the dialect.
    pub(crate) selector: Selector,
    /// The value of `Upgrade` that a client sends.
    pub(crate) upgrade: &'static str,
    /// The header field for the origin (HY-3).
    pub(crate) origin: HeaderName,
    /// Whether a client always sends an origin (H75-1, H76-31).
    pub(crate) sends_origin: bool,
    /// Whether a server rejects a request without an origin (H75-4, H76-11).
    pub(crate) origin_required: bool,
    /// The values of `Content-Length` that are allowed; `None` if it is not checked (RQ-18).
    pub(crate) content_length: Option<&'static [&'static str]>,
}

/// The header fields by which a server selects a dialect (section 2 of the rules).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// None: the header fields of the other dialects are absent.
    None,
    /// `Sec-WebSocket-Key1` and `Sec-WebSocket-Key2`: key numbers (KEY-1). The server sends a
    /// challenge response (KEY-8).
    KeyNumbers,
    /// `Sec-WebSocket-Version` with this value (HY-1). The request also has `Sec-WebSocket-Key`,
    /// and the server sends `Sec-WebSocket-Accept` (HY-2).
    Version(&'static str),
}

/// A server's 101 response.
#[derive(Debug)]
pub(crate) struct ResponseForm {
    /// The first three lines, which browsers compare byte by byte (H75-2, H76-5, H76-6).
    pub(crate) prefix: &'static str,
    /// How a client checks them.
    pub(crate) check: ResponseCheck,
    /// What browsers check more exactly than that, for
    /// [`Config::strict_reply`](crate::Config::strict_reply).
    pub(crate) strict_check: StrictCheck,
    /// The header fields that repeat the request's origin and location.
    pub(crate) echoed: Option<EchoedHeaders>,
}

/// How a client checks the first lines of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseCheck {
    /// The values of `Upgrade` and `Connection`, in any case (H75-6, H76-36, H76-37).
    Values,
    /// The tokens of `Upgrade` and `Connection`, in any case (RFC 6455, section 4.1).
    Tokens,
}

/// What browsers check more exactly in the first lines of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StrictCheck {
    /// Nothing.
    None,
    /// The first three lines, byte by byte (H75-2, H75-6).
    Prefix,
    /// The case of the value of `Upgrade` (H76-37).
    UpgradeCase,
}

#[derive(Debug)]
pub(crate) struct EchoedHeaders {
    pub(crate) origin: HeaderName,
    pub(crate) location: HeaderName,
    /// Whether a client accepts a location that states the default port of its scheme, as Firefox
    /// 4 did (H76-38).
    pub(crate) allows_default_port: bool,
}

/// The header field for subprotocols.
#[derive(Debug)]
pub(crate) struct ProtocolForm {
    pub(crate) header: HeaderName,
    /// `true`: one string, which the server repeats (H75-9, H76-13, H76-14). `false`: a list of
    /// tokens, of which the server selects at most one (HY-4).
    pub(crate) is_single: bool,
}

/// How messages are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameFormat {
    /// Text between the bytes 0x00 and 0xFF, and frames of other types, which are skipped (FR-1).
    Hixie {
        /// Whether 0xFF 0x00 is a close frame (CL-1, FR-8).
        has_close: bool,
    },
    /// Frames with opcode, length and masking key (RFC 6455, section 5.2).
    Hybi {
        /// Whether a length that is not minimal is an error (HY-6).
        minimal_lengths: bool,
    },
}

impl Row {
    /// Returns `true` if frames have opcodes. The dialect then has binary messages, fragments,
    /// pings and pongs (FR-12), and a client masks its frames (HY-5).
    #[inline]
    pub(crate) const fn has_opcodes(&self) -> bool {
        matches!(self.frames, FrameFormat::Hybi { .. })
    }

    /// Returns the value of `Sec-WebSocket-Version`.
    pub(crate) const fn version(&self) -> Option<&'static str> {
        match self.request.selector {
            Selector::Version(version) => Some(version),
            Selector::None | Selector::KeyNumbers => None,
        }
    }
}

/// Defines [`Dialect`] and the table, so that each dialect has a row.
macro_rules! dialects {
    ($($(#[$doc:meta])* $name:ident => $row:expr,)*) => {
        /// A version of the WebSocket protocol.
        ///
        /// [`Hixie75`](Self::Hixie75) and [`Hixie76`](Self::Hixie76) were withdrawn because their
        /// frames are not masked: a web page chooses bytes that appear unchanged on the wire.
        /// Huang, Chen, Barth, Rescorla and Jackson (*Talking to Yourself for Fun and Profit*, W2SP
        /// 2011) poisoned the caches of transparent proxies that way. Use these two dialects over
        /// TLS, or on networks without such proxies.
        ///
        /// ```
        /// use hybi::{Dialect, Request};
        /// let request = Request::from_parts("GET", "/", "HTTP/1.1", [
        ///     ("Host", "example.com"),
        ///     ("Upgrade", "WebSocket"),
        ///     ("Connection", "Upgrade"),
        ///     ("Origin", "http://example.com"),
        /// ])?;
        /// assert_eq!(request.dialect(), Some(Dialect::Hixie75));
        /// assert_eq!(Dialect::Hixie75.to_string(), "Hixie-75");
        /// # Ok::<(), hybi::ProtocolError>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Dialect {
            $($(#[$doc])* $name,)*
        }

        impl Dialect {
            /// All dialects, oldest first.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            #[inline]
            pub(crate) const fn row(self) -> &'static Row {
                match self {
                    $(Self::$name => {
                        const ROW: &Row = &$row;
                        ROW
                    })*
                }
            }
        }
    };
}

dialects! {
    /// draft-hixie-thewebsocketprotocol-75, February 2010: no keys, no closing handshake.
    Hixie75 => Row {
        name: "Hixie-75",
        // A request whose `Sec-` header fields were removed looks like one of this dialect.
        is_default: false,
        request: RequestForm {
            selector: Selector::None,
            upgrade: "WebSocket",
            origin: HeaderName::Origin,
            sends_origin: true,
            origin_required: true,
            content_length: None,
        },
        response: ResponseForm {
            prefix: "HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
                     Upgrade: WebSocket\r\n\
                     Connection: Upgrade\r\n",
            check: ResponseCheck::Values,
            strict_check: StrictCheck::Prefix,
            echoed: Some(EchoedHeaders {
                origin: HeaderName::Hixie75Origin,
                location: HeaderName::Hixie75Location,
                allows_default_port: false,
            }),
        },
        protocol: ProtocolForm {
            header: HeaderName::Hixie75Protocol,
            is_single: true,
        },
        has_compression: false,
        frames: FrameFormat::Hixie { has_close: false },
    },
    /// draft-hixie-thewebsocketprotocol-76, May 2010, which became
    /// draft-ietf-hybi-thewebsocketprotocol-00: two key numbers and an MD5 challenge response.
    Hixie76 => Row {
        name: "Hixie-76",
        is_default: true,
        request: RequestForm {
            selector: Selector::KeyNumbers,
            upgrade: "WebSocket",
            origin: HeaderName::Origin,
            sends_origin: true,
            origin_required: false,
            // Some clients declare the 8 bytes of the third key; proxies add 0.
            content_length: Some(&["8", "0"]),
        },
        response: ResponseForm {
            prefix: "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
                     Upgrade: WebSocket\r\n\
                     Connection: Upgrade\r\n",
            check: ResponseCheck::Values,
            strict_check: StrictCheck::UpgradeCase,
            echoed: Some(EchoedHeaders {
                origin: HeaderName::SecOrigin,
                location: HeaderName::Location,
                allows_default_port: true,
            }),
        },
        protocol: ProtocolForm {
            header: HeaderName::Protocol,
            is_single: true,
        },
        has_compression: false,
        frames: FrameFormat::Hixie { has_close: true },
    },
    /// draft-ietf-hybi-thewebsocketprotocol-07, April 2011: masked frames,
    /// `Sec-WebSocket-Version: 7`.
    HyBi7 => Row {
        name: "HyBi-7",
        is_default: true,
        request: hybi_request("7", HeaderName::SecOrigin),
        response: HYBI_RESPONSE,
        protocol: HYBI_PROTOCOL,
        has_compression: false,
        frames: FrameFormat::Hybi { minimal_lengths: false },
    },
    /// draft-ietf-hybi-thewebsocketprotocol-08 to -12, June to August 2011:
    /// `Sec-WebSocket-Version: 8`.
    HyBi8 => Row {
        name: "HyBi-8",
        is_default: true,
        request: hybi_request("8", HeaderName::SecOrigin),
        response: HYBI_RESPONSE,
        protocol: HYBI_PROTOCOL,
        has_compression: false,
        frames: FrameFormat::Hybi { minimal_lengths: false },
    },
    /// RFC 6455, December 2011, and the drafts -13 to -17: `Sec-WebSocket-Version: 13`.
    Rfc6455 => Row {
        name: "RFC 6455",
        is_default: true,
        request: hybi_request("13", HeaderName::Origin),
        response: HYBI_RESPONSE,
        protocol: HYBI_PROTOCOL,
        has_compression: true,
        frames: FrameFormat::Hybi { minimal_lengths: true },
    },
}

const fn hybi_request(version: &'static str, origin: HeaderName) -> RequestForm {
    RequestForm {
        selector: Selector::Version(version),
        upgrade: "websocket",
        origin,
        sends_origin: false,
        origin_required: false,
        content_length: Some(&["0"]),
    }
}

const HYBI_RESPONSE: ResponseForm = ResponseForm {
    prefix: "HTTP/1.1 101 Switching Protocols\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n",
    check: ResponseCheck::Tokens,
    strict_check: StrictCheck::None,
    echoed: None,
};

const HYBI_PROTOCOL: ProtocolForm = ProtocolForm {
    header: HeaderName::Protocol,
    is_single: false,
};

impl Dialect {
    /// Returns the dialect that these header fields select.
    pub(crate) fn selected_by(selector: Selector) -> Option<Self> {
        let matches = |dialect: &&Self| dialect.row().request.selector == selector;
        Self::ALL.iter().find(matches).copied()
    }

    /// Returns the dialect with this value of `Sec-WebSocket-Version`.
    pub(crate) fn from_version(version: &[u8]) -> Option<Self> {
        let matches = |dialect: &&Self| {
            let row = dialect.row();
            row.version().is_some_and(|v| v.as_bytes() == version)
        };
        Self::ALL.iter().find(matches).copied()
    }

    /// Returns `true` if the dialect has binary messages: from HyBi-7 on (FR-12).
    #[must_use]
    pub const fn has_binary(self) -> bool {
        self.row().has_opcodes()
    }

    /// Returns `true` if the dialect has pings and pongs: from HyBi-7 on (FR-12).
    #[must_use]
    pub const fn has_ping(self) -> bool {
        self.row().has_opcodes()
    }

    /// Returns `true` if the dialect has a closing handshake: all except Hixie-75 (CL-20).
    #[must_use]
    pub const fn has_close(self) -> bool {
        match self.row().frames {
            FrameFormat::Hixie { has_close } => has_close,
            FrameFormat::Hybi { .. } => true,
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The name as in the specification: `Hixie-75`, `Hixie-76`, `HyBi-7`, `HyBi-8`, `RFC 6455`.
impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}

/// Accepts what `Display` writes, in upper or lower case, and with a space, a hyphen or nothing
/// before the number.
///
/// ```
/// use hybi::Dialect;
/// assert_eq!("hixie-76".parse(), Ok(Dialect::Hixie76));
/// assert_eq!("RFC 6455".parse(), Ok(Dialect::Rfc6455));
/// assert_eq!("rfc6455".parse(), Ok(Dialect::Rfc6455));
/// assert!("13".parse::<Dialect>().is_err());
/// ```
impl FromStr for Dialect {
    type Err = ParseDialectError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let separators = [' ', '-'];
        let matches = |dialect: &&Self| {
            let (series, number) = dialect.row().name.split_once(separators)?;
            let (prefix, rest) = name.split_at_checked(series.len())?;
            let rest = rest.strip_prefix(separators).unwrap_or(rest);
            (prefix.eq_ignore_ascii_case(series) && rest == number).then_some(())
        };
        let dialect = Self::ALL.iter().find(|dialect| matches(dialect).is_some());
        dialect.copied().ok_or(ParseDialectError(()))
    }
}

/// The error of parsing a [`Dialect`]: the text is not the name of one.
///
/// ```
/// let error = "Hixie-77".parse::<hybi::Dialect>().unwrap_err();
/// assert!(error.to_string().ends_with("HyBi-8, RFC 6455"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDialectError(());

impl fmt::Display for ParseDialectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown dialect; the dialects are ")?;
        for (i, dialect) in Dialects::ALL.into_iter().rev().enumerate() {
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{dialect}")?;
        }
        Ok(())
    }
}

impl core::error::Error for ParseDialectError {}

/// A set of [`Dialect`]s, used for those that a server accepts.
///
/// [`Dialect`] describes why Hixie-75 and Hixie-76 are unsafe in front of transparent proxies. To
/// disable both, use `Dialects::DEFAULT.without(Dialect::Hixie76)`.
///
/// ```
/// use hybi::{Dialect, Dialects};
/// let both = Dialects::DEFAULT.with(Dialect::Hixie75);
/// assert!(both.contains(Dialect::Hixie75) && both.contains(Dialect::Hixie76));
///
/// let with_binary: Dialects = both.iter().filter(|dialect| dialect.has_binary()).collect();
/// assert_eq!(with_binary.iter().next(), Some(Dialect::Rfc6455));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dialects(u8);

impl Dialects {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Every dialect that this version of the crate supports. Later versions may add dialects.
    pub const ALL: Self = Self::collect(false);

    /// All dialects except Hixie-75, the default of [`Config::dialects`](crate::Config::dialects).
    ///
    /// A request whose `Sec-` header fields were removed by an intermediary looks like a Hixie-75
    /// request, so Hixie-75 has to be enabled explicitly.
    pub const DEFAULT: Self = Self::collect(true);

    const fn collect(only_default: bool) -> Self {
        let mut set = Self::NONE;
        let mut rest = Dialect::ALL;
        while let [dialect, others @ ..] = rest {
            if !only_default || dialect.row().is_default {
                set = set.with(*dialect);
            }
            rest = others;
        }
        set
    }

    /// Returns this set with `dialect` added.
    #[must_use]
    pub const fn with(self, dialect: Dialect) -> Self {
        Self(self.0 | dialect.bit())
    }

    /// Returns this set with `dialect` removed.
    #[must_use]
    pub const fn without(self, dialect: Dialect) -> Self {
        Self(self.0 & !dialect.bit())
    }

    /// Returns `true` if the set contains `dialect`.
    #[must_use]
    pub const fn contains(self, dialect: Dialect) -> bool {
        self.0 & dialect.bit() != 0
    }

    /// Returns the dialects in the set, newest first.
    pub const fn iter(self) -> DialectsIter {
        DialectsIter(self)
    }
}

/// Returns [`Dialects::DEFAULT`].
impl Default for Dialects {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Debug for Dialects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(*self).finish()
    }
}

impl Extend<Dialect> for Dialects {
    fn extend<I: IntoIterator<Item = Dialect>>(&mut self, dialects: I) {
        *self = dialects.into_iter().fold(*self, Self::with);
    }
}

impl FromIterator<Dialect> for Dialects {
    fn from_iter<I: IntoIterator<Item = Dialect>>(dialects: I) -> Self {
        dialects.into_iter().fold(Self::NONE, Self::with)
    }
}

/// As [`Dialects::iter`].
impl IntoIterator for Dialects {
    type Item = Dialect;
    type IntoIter = DialectsIter;

    fn into_iter(self) -> DialectsIter {
        self.iter()
    }
}

/// The iterator over the dialects in a set, newest first, that [`Dialects::iter`] returns.
///
/// ```
/// use hybi::{Dialect, Dialects};
/// let mut dialects = Dialects::ALL.iter();
/// assert_eq!(dialects.next(), Some(Dialect::Rfc6455));
/// assert_eq!(dialects.next_back(), Some(Dialect::Hixie75));
/// assert_eq!(dialects.len(), 3);
/// ```
#[derive(Clone, Debug)]
pub struct DialectsIter(Dialects);

impl Iterator for DialectsIter {
    type Item = Dialect;

    fn next(&mut self) -> Option<Dialect> {
        let mut newest_first = Dialect::ALL.iter().rev().copied();
        let newest = newest_first.find(|dialect| self.0.contains(*dialect))?;
        self.0 = self.0.without(newest);
        Some(newest)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.0.0.count_ones() as usize;
        (len, Some(len))
    }
}

impl DoubleEndedIterator for DialectsIter {
    fn next_back(&mut self) -> Option<Dialect> {
        let mut oldest_first = Dialect::ALL.iter().copied();
        let oldest = oldest_first.find(|dialect| self.0.contains(*dialect))?;
        self.0 = self.0.without(oldest);
        Some(oldest)
    }
}

impl ExactSizeIterator for DialectsIter {}

impl FusedIterator for DialectsIter {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_is_selected_by_fields_of_its_own() {
        for dialect in Dialect::ALL.iter().copied() {
            let selector = dialect.row().request.selector;
            assert_eq!(Dialect::selected_by(selector), Some(dialect));
        }
    }
}
