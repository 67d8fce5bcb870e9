//! Negotiation of compression: the offers of a client, and a server's choice (RFC 7692, section 5).

use alloc::string::{String, ToString};
use core::str::FromStr;

use super::extensions::{self, Extension, unquoted};
use crate::config::Role;
use crate::deflate::config::Deflate;
use crate::deflate::{Compression, Format, Limit, MAX_WINDOW_BITS, ParseCompressionError};
use crate::error::HeaderErrorKind;

/// Returns the offers in the values of `Sec-WebSocket-Extensions`, which are valid lists, that a
/// server can accept, in order: each as if the server had no limits of its own (DF-1, DF-2).
///
/// `client.max_window_bits` is `Some` if the server may limit the client: 15 if the offer names no
/// number.
pub(super) fn acceptable_offers<'h>(
    values: impl Iterator<Item = &'h [u8]>,
) -> impl Iterator<Item = Compression> {
    let extensions = values.flat_map(extensions::members);
    extensions.filter_map(|extension| read(extension, Role::Client).ok())
}

/// Returns what a server agrees to that received `offer`.
pub(super) fn accept_offer(offer: &Compression, deflate: &Deflate) -> Compression {
    Compression {
        format: offer.format,
        server: server_limit(offer.server, deflate.send_window),
        client: client_limit(offer.client, deflate.receive_window),
    }
}

/// Returns the limit of a server that keeps a window of `ours` bits of what it sends, or none.
fn server_limit(offered: Limit, ours: Option<u8>) -> Limit {
    let bits = ours.unwrap_or(MAX_WINDOW_BITS).min(offered.bits());
    let is_default = offered.max_window_bits.is_none() && bits == MAX_WINDOW_BITS;
    Limit {
        no_context_takeover: offered.no_context_takeover || ours.is_none(), // DF-4
        max_window_bits: (!is_default).then_some(bits),                     // DF-5
    }
}

/// Returns the limit of a client whose server keeps a window of `ours` bits of what it receives, or
/// none.
fn client_limit(offered: Limit, ours: Option<u8>) -> Limit {
    let bits = ours.unwrap_or(MAX_WINDOW_BITS);
    // DF-6: a client that cannot be limited would need a window of 32 KiB.
    let is_kept = offered.max_window_bits.is_some() || bits == MAX_WINDOW_BITS;
    let keeps_window = ours.is_some() && is_kept;
    let no_context_takeover = offered.no_context_takeover || !keeps_window;
    let bits = bits.min(offered.bits());
    // DF-7: with a window of fewer bits the client can be limited.
    let limits = !no_context_takeover && bits < MAX_WINDOW_BITS;
    Limit {
        no_context_takeover,
        max_window_bits: limits.then_some(bits),
    }
}

/// Returns the value of `Sec-WebSocket-Extensions` in a client's request (DF-9).
pub(super) fn offers(deflate: &Deflate) -> String {
    let limit = |window: Option<u8>| Limit {
        no_context_takeover: window.is_none(),
        max_window_bits: window.filter(|bits| *bits < MAX_WINDOW_BITS),
    };
    let offer = Compression {
        format: Format::PerMessage,
        server: limit(deflate.receive_window),
        client: limit(deflate.send_window),
    };
    let mut value = offer.to_string();
    if offer.client.max_window_bits.is_none() {
        // The server may limit this client.
        value.push_str("; client_max_window_bits");
    }
    if offer.server != Limit::default() || offer.client.max_window_bits.is_some() {
        // For servers that cannot do what the first offer requires of them. ws has to be allowed to
        // limit the client to its own number of bits.
        value.push_str(", ");
        value.push_str(Format::PerMessage.name());
        value.push_str("; client_max_window_bits");
    }
    value
}

/// Checks the value of `Sec-WebSocket-Extensions` in the response to [`offers`] (DF-10).
pub(super) fn check_reply(value: &[u8]) -> Result<Compression, HeaderErrorKind> {
    use ParseCompressionError::{
        InvalidParameter, NotOne, Syntax, UnknownExtension, UnknownParameter,
    };
    let reply = parse_reply(value).map_err(|error| match error {
        Syntax | NotOne | InvalidParameter => HeaderErrorKind::Invalid,
        UnknownExtension | UnknownParameter => HeaderErrorKind::NotRequested,
    })?;
    if reply.format != Format::PerMessage {
        return Err(HeaderErrorKind::NotRequested);
    }
    // Bits are not compared: there is an offer that allows any. We compress with at most our own.
    Ok(reply)
}

/// Reads the value of `Sec-WebSocket-Extensions` in a response: one extension.
fn parse_reply(value: &[u8]) -> Result<Compression, ParseCompressionError> {
    let mut extensions = extensions::parse(value).ok_or(ParseCompressionError::Syntax)?;
    match (extensions.next(), extensions.next()) {
        (Some(extension), None) => read(extension, Role::Server),
        _ => Err(ParseCompressionError::NotOne),
    }
}

/// Reads an extension and its parameters.
///
/// Names are compared exactly, as other implementations do.
fn read(extension: Extension<'_>, sender: Role) -> Result<Compression, ParseCompressionError> {
    let (name, parameters) = extension.parts();
    let format = Format::ALL
        .into_iter()
        .find(|format| format.name().as_bytes() == name)
        .ok_or(ParseCompressionError::UnknownExtension)?;
    let (mut server, mut client) = (Limit::default(), Limit::default());
    for (name, value) in parameters {
        let (limit, name, may_omit_bits) = match format {
            Format::PerMessage => match name.split_at_checked("server_".len()) {
                Some((b"server_", name)) => (&mut server, name, false),
                Some((b"client_", name)) => (&mut client, name, sender == Role::Client),
                _ => return Err(ParseCompressionError::UnknownParameter),
            },
            // The sender of a parameter limits its receiver.
            Format::PerFrame if sender == Role::Client => (&mut server, name, false),
            Format::PerFrame => (&mut client, name, false),
        };
        match (name, value) {
            (b"no_context_takeover", None) if !limit.no_context_takeover => {
                limit.no_context_takeover = true;
            }
            (b"max_window_bits", value) if limit.max_window_bits.is_none() => {
                let bits = match value {
                    Some(value) => window_bits(value),
                    // RFC 7692, section 7.1.2.2: the client allows any limit.
                    None => may_omit_bits.then_some(MAX_WINDOW_BITS),
                };
                let bits = bits.ok_or(ParseCompressionError::InvalidParameter)?;
                limit.max_window_bits = Some(bits);
            }
            (b"no_context_takeover" | b"max_window_bits", _) => {
                return Err(ParseCompressionError::InvalidParameter);
            }
            _ => return Err(ParseCompressionError::UnknownParameter),
        }
    }
    if format == Format::PerFrame && sender == Role::Client {
        // A client of this extension always lets the server limit it (DF-8).
        client.max_window_bits = Some(MAX_WINDOW_BITS);
    }
    Ok(Compression {
        format,
        server,
        client,
    })
}

/// Parses a number from 8 to 15 without a leading zero.
fn window_bits(value: &[u8]) -> Option<u8> {
    let mut bytes = unquoted(value);
    match (bytes.next()?, bytes.next(), bytes.next()) {
        (digit @ b'8'..=b'9', None, None) => Some(digit - b'0'),
        (b'1', Some(digit @ b'0'..=b'5'), None) => Some(10 + digit - b'0'),
        _ => None,
    }
}

impl FromStr for Compression {
    type Err = ParseCompressionError;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let compression = parse_reply(value.as_bytes())?;
        Ok(match compression.format {
            Format::PerMessage => compression,
            Format::PerFrame => Self {
                server: Limit::STRICTEST,
                ..compression
            },
        })
    }
}
