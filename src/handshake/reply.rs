//! A server's reply, as a client checks it.

use alloc::sync::Arc;

use super::request::name_value;
use super::{CONNECTION, Target, UPGRADE, missing, names, single, wrong};
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
        let header = self.head.header(names(self.dialect).protocol)?;
        core::str::from_utf8(header.value).ok()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        Some(self.head.header(name)?.trimmed())
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        name_value(&self.head)
    }
}

/// H75-6, H76-36 to H76-38, for a reply with status 101.
pub(crate) fn check_reply(head: Head, target: &Target) -> Result<Reply, ProtocolError> {
    let dialect = target.speaks();
    let names = names(dialect);
    match dialect {
        Dialect::Hixie75 => first_lines(&head, names.reply.as_bytes())?,
        Dialect::Hixie76 => {
            expect(&head, UPGRADE, |value| value == b"WebSocket")?;
            expect(&head, CONNECTION, |v| v.eq_ignore_ascii_case(b"Upgrade"))?;
        }
    }
    expect(&head, names.origin, |value| {
        value == target.expected_origin().as_bytes()
    })?;
    expect(&head, names.location, |value| target.is_location(value))?;
    match target.expected_protocol() {
        Some(protocol) => expect(&head, names.protocol, |v| v == protocol.as_bytes())?,
        None => {
            if let Some(header) = head.header(names.protocol) {
                return Err(wrong(names.protocol, &header, HeaderFault::Unasked));
            }
        }
    }
    Ok(Reply {
        head: Arc::new(head),
        dialect,
    })
}

/// WebKit compared the first three lines byte by byte (H75-2).
fn first_lines(head: &Head, expected: &[u8]) -> Result<(), ProtocolError> {
    let bytes = head.bytes();
    let same = bytes.iter().zip(expected).take_while(|(a, b)| a == b);
    let at = same.count();
    if at == expected.len() {
        return Ok(());
    }
    let field = |header: &Header<'_>| header.at as usize <= at;
    let name = match head.headers().take_while(field).count() {
        0 => return Err(ProtocolError::StartLine { at: at as u32 }),
        1 => UPGRADE,
        _ => CONNECTION,
    };
    Err(ProtocolError::Header {
        name,
        at: at as u32,
        fault: HeaderFault::Mismatch,
    })
}

fn expect(
    head: &Head,
    name: &'static str,
    is_right: impl Fn(&[u8]) -> bool,
) -> Result<(), ProtocolError> {
    let header = single(head, name)?.ok_or_else(|| missing(name, head))?;
    if !is_right(header.value) {
        return Err(wrong(name, &header, HeaderFault::Mismatch));
    }
    Ok(())
}
