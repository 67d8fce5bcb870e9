//! A client's checks of the server's 101 response.

use alloc::sync::Arc;

#[cfg(feature = "deflate")]
use super::compression;
use super::headers::HeaderIndex;
use super::request::name_value;
use super::{ClientRequest, Extensions, check_connection};
use crate::config::Config;
use crate::dialect::{Dialect, ProtocolForm, ResponseCheck, StrictCheck};
use crate::error::{HeaderErrorKind, ProtocolError};
use crate::handshake::challenge::Proof;
use crate::header_name::HeaderName;
use crate::http::{Head, Header};

/// A 101 response that was checked against the request.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    headers: Arc<HeaderIndex>,
    dialect: Dialect,
    /// Whether the server selected a subprotocol that was requested.
    has_protocol: bool,
}

impl Reply {
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn protocol(&self) -> Option<&str> {
        let name = self.dialect.row().protocol.header;
        let header = self.headers.first(name).filter(|_| self.has_protocol)?;
        core::str::from_utf8(header.trimmed()).ok()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        Some(self.headers.head().header(name)?.trimmed())
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        name_value(self.headers.head())
    }
}

/// Checks a response with status 101 against the request.
pub(crate) fn check_response(
    head: Head,
    request: &ClientRequest,
    proof: &Proof,
    config: &Config,
) -> Result<(Reply, Extensions), ProtocolError> {
    let strict = config.strict_reply;
    let headers = HeaderIndex::new(head);
    let dialect = request.dialect();
    let row = dialect.row();
    if strict {
        check_second_space(&headers)?;
        let prefix = row.response.prefix.as_bytes();
        match row.response.strict_check {
            StrictCheck::None => {}
            StrictCheck::Prefix => check_prefix(&headers, prefix)?,
            StrictCheck::UpgradeCase => expect_header(&headers, HeaderName::Upgrade, |header| {
                header.value == row.request.upgrade.as_bytes()
            })?,
        }
    }
    match row.response.check {
        ResponseCheck::Values => {
            let is_websocket =
                |header: &Header<'_>| header.value.eq_ignore_ascii_case(b"WebSocket");
            expect_header(&headers, HeaderName::Upgrade, is_websocket)?;
            let is_upgrade = |header: &Header<'_>| header.value.eq_ignore_ascii_case(b"Upgrade");
            expect_header(&headers, HeaderName::Connection, is_upgrade)?;
        }
        ResponseCheck::Tokens => {
            let is_websocket =
                |header: &Header<'_>| header.trimmed().eq_ignore_ascii_case(b"websocket");
            expect_header(&headers, HeaderName::Upgrade, is_websocket)?;
            check_connection(&headers, HeaderErrorKind::Mismatch)?;
        }
    }
    if let Some(echoed) = &row.response.echoed {
        let origin = request.expected_origin();
        expect_header(&headers, echoed.origin, |header| {
            header.value == origin.as_bytes()
        })?;
        expect_header(&headers, echoed.location, |header| {
            request.is_location(header.value)
        })?;
    }
    let mut extensions = Extensions::NONE;
    if let Proof::Accept(expected) = proof {
        let expected = expected.as_str().as_bytes();
        expect_header(&headers, HeaderName::Accept, |header| {
            header.trimmed() == expected
        })?;
        extensions = check_extensions(&headers, dialect, config)?;
    }
    let has_protocol = check_protocol(&headers, request, strict)?;
    let reply = Reply {
        headers: Arc::new(headers),
        dialect,
        has_protocol,
    };
    Ok((reply, extensions))
}

/// Checks that the server selects no extension that was not offered (HY-4).
#[cfg_attr(not(feature = "deflate"), expect(unused_variables))]
fn check_extensions(
    headers: &HeaderIndex,
    dialect: Dialect,
    config: &Config,
) -> Result<Extensions, ProtocolError> {
    let name = HeaderName::Extensions;
    let Some(header) = headers.first(name) else {
        return Ok(Extensions::NONE);
    };
    #[cfg(feature = "deflate")]
    if config.deflate.is_some() && dialect.row().has_compression {
        headers.at_most_one(name)?;
        let compression = compression::check_reply(header.trimmed())
            .map_err(|kind| headers.error(name, &header, kind))?;
        return Ok(Extensions {
            compression: Some(compression),
        });
    }
    Err(headers.error(name, &header, HeaderErrorKind::NotRequested))
}

/// Checks the first three lines byte by byte, as WebKit did (H75-2, H75-6).
fn check_prefix(headers: &HeaderIndex, expected: &[u8]) -> Result<(), ProtocolError> {
    let matching = headers
        .head()
        .bytes()
        .iter()
        .zip(expected)
        .take_while(|(a, b)| a == b);
    let at = matching.count();
    if at < expected.len() {
        let lines = expected.iter().take(at).filter(|byte| **byte == b'\n');
        let (index, name) = match lines.count() {
            0 => return Err(ProtocolError::InvalidStartLine { at: at as u32 }),
            1 => (0, HeaderName::Upgrade),
            _ => (1, HeaderName::Connection),
        };
        let named = headers.first(name).ok_or_else(|| headers.missing(name))?;
        let header = headers.head().headers().nth(index).unwrap_or(named);
        return Err(headers.error(name, &header, HeaderErrorKind::Mismatch));
    }
    Ok(())
}

/// Checks that a space follows the status (H76-34).
fn check_second_space(headers: &HeaderIndex) -> Result<(), ProtocolError> {
    let at = "HTTP/1.1 101".len();
    match headers.head().bytes().get(at) {
        Some(b' ') => Ok(()),
        _ => Err(ProtocolError::InvalidStartLine { at: at as u32 }),
    }
}

/// Checks the subprotocol: the requested one in Hixie-75 and Hixie-76 (H75-6, H76-38), one of the
/// requested ones or none from HyBi-7 on (HY-4). Returns `true` if there is one.
///
/// If none was requested, Hixie-75 and Hixie-76 ignore the header field unless `strict`, since
/// servers of the time sent `*` or `default` (H76-36).
fn check_protocol(
    headers: &HeaderIndex,
    request: &ClientRequest,
    strict: bool,
) -> Result<bool, ProtocolError> {
    let ProtocolForm {
        header: name,
        is_single,
    } = request.dialect().row().protocol;
    let is_any_requested = request.requested_protocols().next().is_some();
    if is_single && !is_any_requested && !strict {
        return Ok(false);
    }
    let is_requested = |header: &Header<'_>| {
        let value = if is_single {
            header.value
        } else {
            header.trimmed()
        };
        request
            .requested_protocols()
            .any(|name| name.as_bytes() == value)
    };
    match headers.at_most_one(name)? {
        Some(header) if !is_any_requested => {
            Err(headers.error(name, &header, HeaderErrorKind::NotRequested))
        }
        Some(header) if !is_requested(&header) => {
            Err(headers.error(name, &header, HeaderErrorKind::Mismatch))
        }
        None if is_single && is_any_requested => Err(headers.missing(name)),
        header => Ok(header.is_some()),
    }
}

/// Checks that the header field occurs exactly once and that its value is valid.
fn expect_header(
    headers: &HeaderIndex,
    name: HeaderName,
    is_valid: impl Fn(&Header<'_>) -> bool,
) -> Result<(), ProtocolError> {
    let header = headers
        .at_most_one(name)?
        .ok_or_else(|| headers.missing(name))?;
    if !is_valid(&header) {
        return Err(headers.error(name, &header, HeaderErrorKind::Mismatch));
    }
    Ok(())
}
