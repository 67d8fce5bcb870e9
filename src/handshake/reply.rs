//! A server's reply, as a client checks it.

use alloc::sync::Arc;

use super::headers::{HeaderIndex, HeaderName};
use super::request::name_value;
use super::{ClientRequest, check_connection, echoed_headers, reply_prefix};
use crate::config::Dialect;
use crate::error::{HeaderErrorKind, ProtocolError};
use crate::handshake::challenge::Proof;
use crate::http::{Head, Header};

/// A reply that holds all that the request asked for.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    headers: Arc<HeaderIndex>,
    dialect: Dialect,
}

impl Reply {
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn protocol(&self) -> Option<&str> {
        let header = self.headers.first(HeaderName::protocol(self.dialect))?;
        core::str::from_utf8(header.trimmed()).ok()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        Some(self.headers.head().header(name)?.trimmed())
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        name_value(self.headers.head())
    }
}

/// Checks a reply with status 101.
pub(crate) fn check_reply(
    head: Head,
    target: &ClientRequest,
    proof: &Proof,
) -> Result<Reply, ProtocolError> {
    let fields = HeaderIndex::new(head);
    let dialect = target.dialect();
    match dialect {
        Dialect::Hixie75 => check_prefix(&fields, reply_prefix(dialect).as_bytes())?,
        Dialect::Hixie76 => {
            expect_header(&fields, HeaderName::Upgrade, |header| {
                header.value == b"WebSocket"
            })?;
            let is_upgrade = |header: &Header<'_>| header.value.eq_ignore_ascii_case(b"Upgrade");
            expect_header(&fields, HeaderName::Connection, is_upgrade)?;
        }
        Dialect::HyBi7 | Dialect::HyBi8 | Dialect::Rfc6455 => {
            check_version(&fields)?;
            let is_websocket =
                |header: &Header<'_>| header.trimmed().eq_ignore_ascii_case(b"websocket");
            expect_header(&fields, HeaderName::Upgrade, is_websocket)?;
            check_connection(&fields, HeaderErrorKind::Mismatch)?;
        }
    }
    if let Some(echoed) = echoed_headers(dialect) {
        let origin = target.expected_origin();
        expect_header(&fields, echoed.origin, |header| {
            header.value == origin.as_bytes()
        })?;
        expect_header(&fields, echoed.location, |header| {
            target.is_location(header.value)
        })?;
    }
    if let Proof::Accept(value) = proof {
        let value = value.as_str().as_bytes();
        expect_header(&fields, HeaderName::Accept, |header| {
            header.trimmed() == value
        })?;
    }
    if let Some(header) = fields
        .first(HeaderName::Extensions)
        .filter(|_| !dialect.is_hixie())
    {
        return Err(fields.error(
            HeaderName::Extensions,
            &header,
            HeaderErrorKind::NotRequested,
        )); // HY-4
    }
    check_protocol(&fields, target)?;
    Ok(Reply {
        headers: Arc::new(fields),
        dialect,
    })
}

/// H75-2, H75-6: WebKit compared the first three lines byte by byte.
fn check_prefix(fields: &HeaderIndex, expected: &[u8]) -> Result<(), ProtocolError> {
    let same = fields
        .head()
        .bytes()
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b);
    let at = same.count();
    if at < expected.len() {
        let lines = expected.iter().take(at).filter(|byte| **byte == b'\n');
        let (number, name) = match lines.count() {
            0 => return Err(ProtocolError::InvalidStartLine { at: at as u32 }),
            1 => (0, HeaderName::Upgrade),
            _ => (1, HeaderName::Connection),
        };
        let anywhere = fields.first(name).ok_or_else(|| fields.missing(name))?;
        let header = fields.head().headers().nth(number).unwrap_or(anywhere);
        return Err(fields.error(name, &header, HeaderErrorKind::Mismatch));
    }
    fields.at_most_one(HeaderName::Upgrade)?;
    fields.at_most_one(HeaderName::Connection).map(drop)
}

/// No other version of HTTP knows of an upgrade.
fn check_version(fields: &HeaderIndex) -> Result<(), ProtocolError> {
    let expected = b"HTTP/1.1 ";
    let same = fields
        .head()
        .bytes()
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b);
    match same.count() {
        all if all == expected.len() => Ok(()),
        at => Err(ProtocolError::InvalidStartLine { at: at as u32 }),
    }
}

/// Hixie: exactly what was asked for (H75-6, H76-38). Later: one of those, or none (HY-4).
fn check_protocol(fields: &HeaderIndex, target: &ClientRequest) -> Result<(), ProtocolError> {
    let dialect = target.dialect();
    let name = HeaderName::protocol(dialect);
    let is_asked = |header: &Header<'_>| {
        let value = if dialect.is_hixie() {
            header.value
        } else {
            header.trimmed()
        };
        let asked = |one: &str| one.as_bytes() == value;
        target.requested_protocols().any(asked)
    };
    match fields.at_most_one(name)? {
        Some(header) if target.requested_protocols().next().is_none() => {
            Err(fields.error(name, &header, HeaderErrorKind::NotRequested))
        }
        Some(header) if !is_asked(&header) => {
            Err(fields.error(name, &header, HeaderErrorKind::Mismatch))
        }
        None if dialect.is_hixie() && target.requested_protocols().next().is_some() => {
            Err(fields.missing(name))
        }
        _ => Ok(()),
    }
}

fn expect_header(
    fields: &HeaderIndex,
    name: HeaderName,
    is_right: impl Fn(&Header<'_>) -> bool,
) -> Result<(), ProtocolError> {
    let header = fields
        .at_most_one(name)?
        .ok_or_else(|| fields.missing(name))?;
    if !is_right(&header) {
        return Err(fields.error(name, &header, HeaderErrorKind::Mismatch));
    }
    Ok(())
}
