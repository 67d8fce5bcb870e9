//! The opening handshake: checks and encoding of requests and responses. Independent of frames.

pub(crate) mod challenge;
mod client;
#[cfg(feature = "deflate")]
mod compression;
mod extensions;
mod headers;
mod rejection;
mod reply;
mod request;
mod response;

pub use client::ClientRequest;
pub(crate) use extensions::Extensions;
pub use rejection::Rejection;
pub(crate) use reply::{Reply, check_response};
pub use request::Request;
#[cfg(feature = "http")]
pub(crate) use response::error_headers;
pub use response::{AcceptOptions, Response, UpgradeResponse};
pub(crate) use response::{
    accept, error_response, is_connection_or_framing, is_valid_header, push_header, respond,
};

use core::net::Ipv6Addr;

use crate::dialect::Dialect;
use crate::error::{HeaderErrorKind, ProtocolError};
use crate::header_name::HeaderName;
use crate::http::{Header, is_reg_name, is_token, visible_len};

use headers::HeaderIndex;

/// Returns the non-empty members of a comma-separated list.
fn list_members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// Returns `true` for `host` or `host:port`, an IPv6 address in brackets (RQ-16).
fn is_authority(value: &[u8]) -> bool {
    invalid_authority_at(value).is_none()
}

/// Returns the offset of the first invalid byte of an authority.
///
/// The host is a `reg-name` of RFC 3986 or an IPv6 address, and the port may be empty.
fn invalid_authority_at(value: &[u8]) -> Option<usize> {
    let is_ipv6_byte = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let host_len = match value {
        [b'[', rest @ ..] => {
            let len = rest.iter().take_while(|byte| is_ipv6_byte(byte)).count();
            let address = rest
                .get(..len)
                .and_then(|address| core::str::from_utf8(address).ok());
            if rest.get(len) != Some(&b']') {
                return Some(1 + len);
            }
            if address.is_none_or(|address| address.parse::<Ipv6Addr>().is_err()) {
                return Some(1);
            }
            len + 2
        }
        _ => reg_name_len(value),
    };
    match value.get(host_len..) {
        Some([] | [b':']) if host_len > 0 => None,
        Some([b':', port @ ..]) if host_len > 0 && parse_port(port).is_none() => {
            let digits = port.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let invalid = if digits < port.len() { digits } else { 0 };
            Some(host_len + 1 + invalid)
        }
        Some([b':', ..]) if host_len > 0 => None,
        _ => Some(host_len),
    }
}

/// Returns the length of the registered name at the start of `value` (RFC 3986, section 3.2.2).
fn reg_name_len(value: &[u8]) -> usize {
    let mut len = 0;
    loop {
        let remaining = value.get(len..).unwrap_or_default();
        len += remaining
            .iter()
            .take_while(|byte| is_reg_name(**byte))
            .count();
        match value.get(len..) {
            Some([b'%', high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                len += 3;
            }
            _ => return len,
        }
    }
}

/// Parses a port from 1 to 65535; `str::parse` alone would accept a sign.
fn parse_port(digits: &[u8]) -> Option<u16> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    let port: u16 = core::str::from_utf8(digits).ok()?.parse().ok()?;
    (all_digits && port > 0).then_some(port)
}

/// Returns `true` for a valid `Origin` of a request: printable ASCII, since it may be a list that
/// is separated by spaces (RFC 6454, section 7.1). It is safe to repeat in a response. It may be
/// empty (RQ-17).
fn is_origin(value: &[u8]) -> bool {
    let remaining = value.get(visible_len(value)..).unwrap_or_default();
    remaining.iter().all(|byte| matches!(byte, 0x20..=0x7E))
}

/// Returns `true` for a valid subprotocol header field of a request: one string in Hixie-75 and
/// Hixie-76 (H75-9, H76-14), a list of tokens from HyBi-7 on (HY-4). It may be empty (RQ-17).
fn is_protocol_value(dialect: Dialect, value: &[u8]) -> bool {
    if dialect.row().protocol.is_single {
        return value.iter().all(|byte| matches!(byte, 0x20..=0x7E));
    }
    list_members(value).all(|member| member.iter().copied().all(is_token))
}

/// Checks that `Connection` is a list with the member `Upgrade`, in any case (RQ-15; RFC 6455,
/// section 4.1). `kind` is the error if it is not.
fn check_connection(headers: &HeaderIndex, kind: HeaderErrorKind) -> Result<(), ProtocolError> {
    let name = HeaderName::Connection;
    let first = headers.first(name).ok_or_else(|| headers.missing(name))?;
    let is_upgrade = |member: &[u8]| member.eq_ignore_ascii_case(b"upgrade");
    let has_upgrade = |header: Header<'_>| list_members(header.value).any(is_upgrade);
    if headers.all(name).any(has_upgrade) {
        return Ok(());
    }
    Err(headers.error(name, &first, kind))
}
