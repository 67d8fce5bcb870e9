//! A server's reply, as a client checks it.

use alloc::sync::Arc;

use super::headers::{Fields, Name};
use super::request::name_value;
use super::{Target, connection, echoed, reply_lines};
use crate::config::Dialect;
use crate::error::{HeaderFault, ProtocolError};
use crate::handshake::challenge::Proof;
use crate::http::{Head, Header};

/// A reply that holds all that the request asked for.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    fields: Arc<Fields>,
    dialect: Dialect,
}

impl Reply {
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn protocol(&self) -> Option<&str> {
        let header = self.fields.first(Name::protocol(self.dialect))?;
        core::str::from_utf8(header.trimmed()).ok()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        Some(self.fields.head().header(name)?.trimmed())
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        name_value(self.fields.head())
    }
}

/// Checks a reply with status 101.
pub(crate) fn check_reply(
    head: Head,
    target: &Target,
    proof: &Proof,
) -> Result<Reply, ProtocolError> {
    let fields = Fields::of(head);
    let dialect = target.speaks();
    match dialect {
        Dialect::Hixie75 => first_lines(&fields, reply_lines(dialect).as_bytes())?,
        Dialect::Hixie76 => {
            expect(&fields, Name::Upgrade, |header| {
                header.value == b"WebSocket"
            })?;
            let is_upgrade = |header: &Header<'_>| header.value.eq_ignore_ascii_case(b"Upgrade");
            expect(&fields, Name::Connection, is_upgrade)?;
        }
        Dialect::HyBi7 | Dialect::HyBi8 | Dialect::Rfc6455 => {
            version(&fields)?;
            let is_websocket =
                |header: &Header<'_>| header.trimmed().eq_ignore_ascii_case(b"websocket");
            expect(&fields, Name::Upgrade, is_websocket)?;
            connection(&fields, HeaderFault::Mismatch)?;
        }
    }
    if let Some(echoed) = echoed(dialect) {
        let origin = target.expected_origin();
        expect(&fields, echoed.origin, |header| {
            header.value == origin.as_bytes()
        })?;
        expect(&fields, echoed.location, |header| {
            target.is_location(header.value)
        })?;
    }
    if let Proof::Accept(value) = proof {
        let value = value.as_str().as_bytes();
        expect(&fields, Name::Accept, |header| header.trimmed() == value)?;
    }
    if let Some(header) = fields
        .first(Name::Extensions)
        .filter(|_| !dialect.is_hixie())
    {
        return Err(fields.wrong(Name::Extensions, &header, HeaderFault::Unasked)); // HY-4
    }
    protocol(&fields, target)?;
    Ok(Reply {
        fields: Arc::new(fields),
        dialect,
    })
}

/// H75-2, H75-6: WebKit compared the first three lines byte by byte.
fn first_lines(fields: &Fields, expected: &[u8]) -> Result<(), ProtocolError> {
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
            0 => return Err(ProtocolError::StartLine { at: at as u32 }),
            1 => (0, Name::Upgrade),
            _ => (1, Name::Connection),
        };
        let anywhere = fields.first(name).ok_or_else(|| fields.missing(name))?;
        let header = fields.head().headers().nth(number).unwrap_or(anywhere);
        return Err(fields.wrong(name, &header, HeaderFault::Mismatch));
    }
    fields.single(Name::Upgrade)?;
    fields.single(Name::Connection).map(drop)
}

/// No other version of HTTP knows of an upgrade.
fn version(fields: &Fields) -> Result<(), ProtocolError> {
    let expected = b"HTTP/1.1 ";
    let same = fields
        .head()
        .bytes()
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b);
    match same.count() {
        all if all == expected.len() => Ok(()),
        at => Err(ProtocolError::StartLine { at: at as u32 }),
    }
}

/// Hixie: exactly what was asked for (H75-6, H76-38). Later: one of those, or none (HY-4).
fn protocol(fields: &Fields, target: &Target) -> Result<(), ProtocolError> {
    let dialect = target.speaks();
    let name = Name::protocol(dialect);
    let is_asked = |header: &Header<'_>| {
        let value = if dialect.is_hixie() {
            header.value
        } else {
            header.trimmed()
        };
        let asked = |one: &str| one.as_bytes() == value;
        target.protocols_asked().any(asked)
    };
    match fields.single(name)? {
        Some(header) if target.protocols_asked().next().is_none() => {
            Err(fields.wrong(name, &header, HeaderFault::Unasked))
        }
        Some(header) if !is_asked(&header) => {
            Err(fields.wrong(name, &header, HeaderFault::Mismatch))
        }
        None if dialect.is_hixie() && target.protocols_asked().next().is_some() => {
            Err(fields.missing(name))
        }
        _ => Ok(()),
    }
}

fn expect(
    fields: &Fields,
    name: Name,
    is_right: impl Fn(&Header<'_>) -> bool,
) -> Result<(), ProtocolError> {
    let header = fields.single(name)?.ok_or_else(|| fields.missing(name))?;
    if !is_right(&header) {
        return Err(fields.wrong(name, &header, HeaderFault::Mismatch));
    }
    Ok(())
}
