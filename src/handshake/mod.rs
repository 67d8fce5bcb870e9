//! The opening handshake: from heads to what they mean, and from what the caller wants to heads.
//! No frame is ever seen here.

pub(crate) mod challenge;
mod client;
mod headers;
mod reply;
mod request;
mod response;

pub use client::ClientRequest;
pub(crate) use reply::{Reply, check_reply};
pub use request::Request;
pub use response::{AcceptOptions, Response, UpgradeResponse};
pub(crate) use response::{accept, error_response, respond};

use core::net::Ipv6Addr;

use crate::config::Dialect;
use crate::error::{HeaderErrorKind, ProtocolError};
use crate::http::{Header, is_token, trim, visible_len};

use headers::{HeaderIndex, HeaderName};

/// The fields with which a reply of Hixie-75 and Hixie-76 repeats the request's.
struct EchoedHeaders {
    origin: HeaderName,
    location: HeaderName,
}

fn echoed_headers(dialect: Dialect) -> Option<EchoedHeaders> {
    match dialect {
        Dialect::Hixie75 => Some(EchoedHeaders {
            origin: HeaderName::Hixie75Origin,
            location: HeaderName::Hixie75Location,
        }),
        Dialect::Hixie76 => Some(EchoedHeaders {
            origin: HeaderName::HybiOrigin,
            location: HeaderName::Location,
        }),
        Dialect::HyBi7 | Dialect::HyBi8 | Dialect::Rfc6455 => None,
    }
}

/// How a reply begins; browsers compare these bytes (H75-2, H76-5, H76-6).
fn reply_prefix(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Hixie75 => {
            "HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
             Upgrade: WebSocket\r\n\
             Connection: Upgrade\r\n"
        }
        Dialect::Hixie76 => {
            "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
             Upgrade: WebSocket\r\n\
             Connection: Upgrade\r\n"
        }
        Dialect::HyBi7 | Dialect::HyBi8 | Dialect::Rfc6455 => {
            "HTTP/1.1 101 Switching Protocols\r\n\
             Upgrade: websocket\r\n\
             Connection: Upgrade\r\n"
        }
    }
}

/// The members of a comma list.
fn list_members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// RQ-16: host or host:port, an IPv6 address in brackets.
fn is_authority(value: &[u8]) -> bool {
    invalid_authority_at(value).is_none()
}

/// Where an authority goes wrong.
fn invalid_authority_at(value: &[u8]) -> Option<usize> {
    let in_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    let in_address = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
    let host = match value {
        [b'[', rest @ ..] => {
            let length = rest.iter().take_while(|byte| in_address(byte)).count();
            let address = rest
                .get(..length)
                .and_then(|a| core::str::from_utf8(a).ok());
            if rest.get(length) != Some(&b']') {
                return Some(1 + length);
            }
            if address.is_none_or(|address| address.parse::<Ipv6Addr>().is_err()) {
                return Some(1);
            }
            length + 2
        }
        _ => value.iter().take_while(|byte| in_name(byte)).count(),
    };
    match value.get(host..) {
        Some([]) if host > 0 => None,
        Some([b':', port @ ..]) if host > 0 && parse_port(port).is_none() => {
            let digits = port.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let wrong = if digits < port.len() { digits } else { 0 };
            Some(host + 1 + wrong)
        }
        Some([b':', ..]) if host > 0 => None,
        _ => Some(host),
    }
}

fn parse_port(digits: &[u8]) -> Option<u16> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    let port: u16 = core::str::from_utf8(digits).ok()?.parse().ok()?;
    (all_digits && port > 0).then_some(port)
}

/// What stands in our own output: no white space, no control, no byte above ASCII.
fn is_visible(value: &[u8]) -> bool {
    !value.is_empty() && visible_len(value) == value.len()
}

/// One string in Hixie-75 and Hixie-76 (H75-9, H76-14), a list of tokens later (HY-4).
fn is_protocol_value(dialect: Dialect, value: &[u8]) -> bool {
    if dialect.is_hixie() {
        return !value.is_empty() && value.iter().all(|byte| matches!(byte, 0x20..=0x7E));
    }
    let is_member = |member: &[u8]| !member.is_empty() && member.iter().copied().all(is_token);
    value.split(|byte| *byte == b',').map(trim).all(is_member)
}

/// RFC 6455, 9.1: `name; parameter; parameter=value, name`, all of them tokens, a value perhaps in
/// quotes.
fn is_extension_list(value: &[u8]) -> bool {
    let is_token = |part: &[u8]| !part.is_empty() && part.iter().copied().all(is_token);
    let is_value = |part: &[u8]| {
        let quoted = part
            .strip_prefix(b"\"")
            .map(|part| part.strip_suffix(b"\""));
        is_token(quoted.unwrap_or(Some(part)).unwrap_or_default())
    };
    let is_parameter = |part: &[u8]| match part.iter().position(|byte| *byte == b'=') {
        None => is_token(trim(part)),
        Some(at) => {
            let (name, value) = part.split_at_checked(at).unwrap_or((part, &[]));
            let value = value.get(1..).unwrap_or_default();
            is_token(trim(name)) && is_value(trim(value))
        }
    };
    let is_extension = |one: &[u8]| {
        let mut parts = one.split(|byte| *byte == b';');
        parts.next().is_some_and(|name| is_token(trim(name))) && parts.all(is_parameter)
    };
    value.split(|byte| *byte == b',').all(is_extension)
}

/// RQ-15, and RFC 6455, 4.1: `Connection` is a list in which `Upgrade` is one member, in any case.
fn check_connection(fields: &HeaderIndex, otherwise: HeaderErrorKind) -> Result<(), ProtocolError> {
    let name = HeaderName::Connection;
    let first = fields.first(name).ok_or_else(|| fields.missing(name))?;
    let is_upgrade = |member: &[u8]| member.eq_ignore_ascii_case(b"upgrade");
    let upgrades = |header: Header<'_>| list_members(header.value).any(is_upgrade);
    if fields.all(name).any(upgrades) {
        return Ok(());
    }
    Err(fields.error(name, &first, otherwise))
}
