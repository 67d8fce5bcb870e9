//! The opening handshake: from heads to what they mean, and from what the caller wants to heads.
//! No frame is ever seen here.

mod reply;
mod request;
mod response;
mod target;

pub(crate) use reply::{Reply, check_reply};
pub use request::Request;
pub use response::{Accept, Response, Upgrade};
pub(crate) use response::{accept, refusal, respond};
pub use target::Target;

use crate::config::Dialect;
use crate::error::{HeaderFault, ProtocolError};
use crate::head::{Head, Header};

const HOST: &str = "Host";
const ORIGIN: &str = "Origin";
const UPGRADE: &str = "Upgrade";
const CONNECTION: &str = "Connection";
const CONTENT_LENGTH: &str = "Content-Length";
const TRANSFER_ENCODING: &str = "Transfer-Encoding";
const KEY: &str = "Sec-WebSocket-Key";
const KEY1: &str = "Sec-WebSocket-Key1";
const KEY2: &str = "Sec-WebSocket-Key2";
const VERSION: &str = "Sec-WebSocket-Version";
const DRAFT: &str = "Sec-WebSocket-Draft";

/// The fields that a reply answers with, whose names changed from one dialect to the next.
struct Names {
    origin: &'static str,
    location: &'static str,
    protocol: &'static str,
    /// The reply up to the first of them; browsers compare these bytes (H75-2, H76-5, H76-6).
    reply: &'static str,
}

fn names(dialect: Dialect) -> Names {
    match dialect {
        Dialect::Hixie75 => Names {
            origin: "WebSocket-Origin",
            location: "WebSocket-Location",
            protocol: "WebSocket-Protocol",
            reply: "HTTP/1.1 101 Web Socket Protocol Handshake\r\n\
                    Upgrade: WebSocket\r\n\
                    Connection: Upgrade\r\n",
        },
        Dialect::Hixie76 => Names {
            origin: "Sec-WebSocket-Origin",
            location: "Sec-WebSocket-Location",
            protocol: "Sec-WebSocket-Protocol",
            reply: "HTTP/1.1 101 WebSocket Protocol Handshake\r\n\
                    Upgrade: WebSocket\r\n\
                    Connection: Upgrade\r\n",
        },
    }
}

fn wrong(name: &'static str, header: &Header<'_>, fault: HeaderFault) -> ProtocolError {
    ProtocolError::Header {
        name,
        at: header.at,
        fault,
    }
}

fn missing(name: &'static str, head: &Head) -> ProtocolError {
    ProtocolError::Header {
        name,
        at: head.bytes().len() as u32,
        fault: HeaderFault::Missing,
    }
}

/// A field that may stand once (RQ-12).
fn single<'h>(head: &'h Head, name: &'static str) -> Result<Option<Header<'h>>, ProtocolError> {
    let mut found = head.headers().filter(|header| header.is(name));
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(second) => Err(wrong(name, &second, HeaderFault::Duplicate)),
    }
}

/// The members of a comma list.
fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

/// RQ-16: host or host:port, an IPv6 address in brackets.
fn is_authority(value: &[u8]) -> bool {
    let bracketed = || {
        let end = value.iter().position(|byte| *byte == b']')?;
        let (address, rest) = value.split_at_checked(end + 1)?;
        let inner = address.get(1..end)?;
        let hex = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        (!inner.is_empty() && inner.iter().all(hex)).then_some(rest)
    };
    let named = || {
        let end = value.iter().position(|byte| *byte == b':');
        let (name, rest) = value.split_at_checked(end.unwrap_or(value.len()))?;
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        (!name.is_empty() && name.iter().all(plain)).then_some(rest)
    };
    let rest = if value.first() == Some(&b'[') {
        bracketed()
    } else {
        named()
    };
    rest.is_some_and(|rest| match rest.split_first() {
        None => true,
        Some((b':', port)) => parse_port(port).is_some(),
        Some(_) => false,
    })
}

fn parse_port(digits: &[u8]) -> Option<u16> {
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    let port: u16 = core::str::from_utf8(digits).ok()?.parse().ok()?;
    (all_digits && port > 0).then_some(port)
}

/// What stands in our own output: no white space, no control, no byte above ASCII.
fn is_visible(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| matches!(byte, 0x21..=0x7E))
}

/// H75-9, H76-14
fn is_protocol(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| matches!(byte, 0x20..=0x7E))
}
