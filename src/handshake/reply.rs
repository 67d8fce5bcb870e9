//! A server's reply, as a client checks it.

use alloc::sync::Arc;

use super::request::name_value;
use super::{
    ACCEPT, CONNECTION, EXTENSIONS, Target, UPGRADE, echoed, has_member, missing, protocol_name,
    reply_lines, single, wrong,
};
use crate::challenge::Proof;
use crate::config::Dialect;
use crate::error::{HeaderFault, ProtocolError};
use crate::head::{Head, Header};

/// A reply that holds all that the request asked for.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    head: Arc<Head>,
    dialect: Dialect,
}

impl Reply {
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn protocol(&self) -> Option<&str> {
        let header = self.head.header(protocol_name(self.dialect))?;
        core::str::from_utf8(header.trimmed()).ok()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        Some(self.head.header(name)?.trimmed())
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        name_value(&self.head)
    }
}

/// Checks a reply with status 101.
pub(crate) fn check_reply(
    head: Head,
    target: &Target,
    proof: &Proof,
) -> Result<Reply, ProtocolError> {
    let dialect = target.speaks();
    match dialect {
        Dialect::Hixie75 => first_lines(&head, reply_lines(dialect).as_bytes())?,
        Dialect::Hixie76 => {
            expect(&head, UPGRADE, |header| header.value == b"WebSocket")?;
            let is_upgrade = |header: &Header<'_>| header.value.eq_ignore_ascii_case(b"Upgrade");
            expect(&head, CONNECTION, is_upgrade)?;
        }
        Dialect::HyBi7 | Dialect::HyBi8 | Dialect::Rfc6455 => {
            version(&head)?;
            let is_websocket =
                |header: &Header<'_>| header.trimmed().eq_ignore_ascii_case(b"websocket");
            expect(&head, UPGRADE, is_websocket)?;
            connection(&head)?;
        }
    }
    if let Some(echoed) = echoed(dialect) {
        let origin = target.expected_origin();
        expect(&head, echoed.origin, |header| {
            header.value == origin.as_bytes()
        })?;
        expect(&head, echoed.location, |header| {
            target.is_location(header.value)
        })?;
    }
    if let Proof::Accept(value) = proof {
        let value = value.as_str().as_bytes();
        expect(&head, ACCEPT, |header| header.trimmed() == value)?;
    }
    if let Some(header) = head.header(EXTENSIONS).filter(|_| !dialect.is_hixie()) {
        return Err(wrong(EXTENSIONS, &header, HeaderFault::Unasked)); // HY-4
    }
    protocol(&head, target)?;
    Ok(Reply {
        head: Arc::new(head),
        dialect,
    })
}

/// H75-2, H75-6: WebKit compared the first three lines byte by byte.
fn first_lines(head: &Head, expected: &[u8]) -> Result<(), ProtocolError> {
    let same = head
        .bytes()
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b);
    let at = same.count();
    if at < expected.len() {
        let lines = expected.iter().take(at).filter(|byte| **byte == b'\n');
        let (number, name) = match lines.count() {
            0 => return Err(ProtocolError::StartLine { at: at as u32 }),
            1 => (0, UPGRADE),
            _ => (1, CONNECTION),
        };
        let anywhere = head.header(name).ok_or_else(|| missing(name, head))?;
        let header = head.headers().nth(number).unwrap_or(anywhere);
        return Err(wrong(name, &header, HeaderFault::Mismatch));
    }
    single(head, UPGRADE)?;
    single(head, CONNECTION).map(drop)
}

/// No other version of HTTP knows of an upgrade.
fn version(head: &Head) -> Result<(), ProtocolError> {
    let expected = b"HTTP/1.1 ";
    let same = head
        .bytes()
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b);
    match same.count() {
        all if all == expected.len() => Ok(()),
        at => Err(ProtocolError::StartLine { at: at as u32 }),
    }
}

/// RFC 6455, 4.1: a list in which `Upgrade` is one member.
fn connection(head: &Head) -> Result<(), ProtocolError> {
    let mut fields = head.named(CONNECTION);
    let first = fields.next().ok_or_else(|| missing(CONNECTION, head))?;
    if has_member(&first, b"upgrade") || fields.any(|header| has_member(&header, b"upgrade")) {
        return Ok(());
    }
    Err(wrong(CONNECTION, &first, HeaderFault::Mismatch))
}

/// Hixie: exactly what was asked for (H75-6, H76-38). Later: one of those, or none (HY-4).
fn protocol(head: &Head, target: &Target) -> Result<(), ProtocolError> {
    let dialect = target.speaks();
    let name = protocol_name(dialect);
    let is_asked = |header: &Header<'_>| {
        let value = if dialect.is_hixie() {
            header.value
        } else {
            header.trimmed()
        };
        let asked = |one: &str| one.as_bytes() == value;
        target.protocols_asked().any(asked)
    };
    match single(head, name)? {
        Some(header) if target.protocols_asked().next().is_none() => {
            Err(wrong(name, &header, HeaderFault::Unasked))
        }
        Some(header) if !is_asked(&header) => Err(wrong(name, &header, HeaderFault::Mismatch)),
        None if dialect.is_hixie() && target.protocols_asked().next().is_some() => {
            Err(missing(name, head))
        }
        _ => Ok(()),
    }
}

fn expect(
    head: &Head,
    name: &'static str,
    is_right: impl Fn(&Header<'_>) -> bool,
) -> Result<(), ProtocolError> {
    let header = single(head, name)?.ok_or_else(|| missing(name, head))?;
    if !is_right(&header) {
        return Err(wrong(name, &header, HeaderFault::Mismatch));
    }
    Ok(())
}
