//! The header fields of the handshake and an index of them for a parsed head.

use crate::config::Dialect;
use crate::error::{HeaderErrorKind, ProtocolError};
use crate::http::{Head, Header};

/// The name of a header field of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderName {
    Host,
    Origin,
    Upgrade,
    Connection,
    ContentLength,
    TransferEncoding,
    Key,
    Key1,
    Key2,
    Version,
    Draft,
    Accept,
    Extensions,
    Protocol,
    /// Used in replies of Hixie-76 and in requests of HyBi-7 and HyBi-8.
    HybiOrigin,
    Location,
    Hixie75Origin,
    Hixie75Location,
    Hixie75Protocol,
}

impl HeaderName {
    const ALL: [Self; 19] = [
        Self::Host,
        Self::Origin,
        Self::Upgrade,
        Self::Connection,
        Self::ContentLength,
        Self::TransferEncoding,
        Self::Key,
        Self::Key1,
        Self::Key2,
        Self::Version,
        Self::Draft,
        Self::Accept,
        Self::Extensions,
        Self::Protocol,
        Self::HybiOrigin,
        Self::Location,
        Self::Hixie75Origin,
        Self::Hixie75Location,
        Self::Hixie75Protocol,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Host => "Host",
            Self::Origin => "Origin",
            Self::Upgrade => "Upgrade",
            Self::Connection => "Connection",
            Self::ContentLength => "Content-Length",
            Self::TransferEncoding => "Transfer-Encoding",
            Self::Key => "Sec-WebSocket-Key",
            Self::Key1 => "Sec-WebSocket-Key1",
            Self::Key2 => "Sec-WebSocket-Key2",
            Self::Version => "Sec-WebSocket-Version",
            Self::Draft => "Sec-WebSocket-Draft",
            Self::Accept => "Sec-WebSocket-Accept",
            Self::Extensions => "Sec-WebSocket-Extensions",
            Self::Protocol => "Sec-WebSocket-Protocol",
            Self::HybiOrigin => "Sec-WebSocket-Origin",
            Self::Location => "Sec-WebSocket-Location",
            Self::Hixie75Origin => "WebSocket-Origin",
            Self::Hixie75Location => "WebSocket-Location",
            Self::Hixie75Protocol => "WebSocket-Protocol",
        }
    }

    /// Returns the name that equals `bytes` in any case.
    ///
    /// Length and last letter select the only candidate.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match (bytes.len(), bytes.last()?.to_ascii_lowercase()) {
            (4, _) => Self::Host.if_eq(bytes),
            (6, _) => Self::Origin.if_eq(bytes),
            (7, _) => Self::Upgrade.if_eq(bytes),
            (10, _) => Self::Connection.if_eq(bytes),
            (14, _) => Self::ContentLength.if_eq(bytes),
            (16, _) => Self::Hixie75Origin.if_eq(bytes),
            (17, b'g') => Self::TransferEncoding.if_eq(bytes),
            (17, _) => Self::Key.if_eq(bytes),
            (18, b'1') => Self::Key1.if_eq(bytes),
            (18, b'2') => Self::Key2.if_eq(bytes),
            (18, b'l') => Self::Hixie75Protocol.if_eq(bytes),
            (18, _) => Self::Hixie75Location.if_eq(bytes),
            (19, _) => Self::Draft.if_eq(bytes),
            (20, b'n') => Self::HybiOrigin.if_eq(bytes),
            (20, _) => Self::Accept.if_eq(bytes),
            (21, _) => Self::Version.if_eq(bytes),
            (22, b'l') => Self::Protocol.if_eq(bytes),
            (22, _) => Self::Location.if_eq(bytes),
            (24, _) => Self::Extensions.if_eq(bytes),
            _ => None,
        }
    }

    #[inline(always)]
    fn if_eq(self, bytes: &[u8]) -> Option<Self> {
        let name = self.as_str().as_bytes();
        // Most peers use this exact case, which is cheaper to compare.
        (bytes == name || bytes.eq_ignore_ascii_case(name)).then_some(self)
    }

    /// Returns the name of the header field for subprotocols.
    pub(super) const fn protocol(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Hixie75 => Self::Hixie75Protocol,
            Dialect::Hixie76 | Dialect::HyBi7 | Dialect::HyBi8 | Dialect::Rfc6455 => Self::Protocol,
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A complete head with an index of the header fields of the handshake.
#[derive(Debug)]
pub(super) struct HeaderIndex {
    head: Head,
    /// The index of the first header field with each name; 0 if the name is not present.
    first: [u32; HeaderName::ALL.len()],
    /// A bit for each name that occurs.
    present: u32,
    /// A bit for each name that occurs more than once.
    repeated: u32,
}

impl HeaderIndex {
    pub(super) fn new(head: Head) -> Self {
        let mut first = [0; HeaderName::ALL.len()];
        let mut present = 0;
        let mut repeated = 0;
        for (index, header) in head.headers().enumerate() {
            let Some(name) = HeaderName::from_bytes(header.name) else {
                continue;
            };
            repeated |= present & name.bit();
            if let Some(first) = first
                .get_mut(name as usize)
                .filter(|_| present & name.bit() == 0)
            {
                *first = index as u32;
            }
            present |= name.bit();
        }
        Self {
            head,
            first,
            present,
            repeated,
        }
    }

    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    pub(super) fn has(&self, name: HeaderName) -> bool {
        self.present & name.bit() != 0
    }

    /// Returns the first header field with this name.
    #[inline]
    pub(super) fn first(&self, name: HeaderName) -> Option<Header<'_>> {
        if !self.has(name) {
            return None;
        }
        let index = *self.first.get(name as usize)?;
        self.head.nth(index as usize)
    }

    /// Returns all header fields with this name.
    pub(super) fn all(&self, name: HeaderName) -> impl Iterator<Item = Header<'_>> {
        let first = match self.first.get(name as usize) {
            Some(index) if self.has(name) => *index as usize,
            _ => usize::MAX,
        };
        let count = if self.repeated & name.bit() != 0 {
            usize::MAX
        } else {
            1
        };
        let matches = move |header: &Header<'_>| HeaderName::from_bytes(header.name) == Some(name);
        self.head.headers_from(first, count).filter(matches)
    }

    /// Returns the header field with this name, or an error if there is more than one (RQ-12).
    #[inline]
    pub(super) fn at_most_one(
        &self,
        name: HeaderName,
    ) -> Result<Option<Header<'_>>, ProtocolError> {
        if self.repeated & name.bit() != 0 {
            return Err(self.duplicate(name));
        }
        Ok(self.first(name))
    }

    #[cold]
    fn duplicate(&self, name: HeaderName) -> ProtocolError {
        let second = self.all(name).nth(1);
        self.error_at(
            name,
            second.map(|header| header.at),
            HeaderErrorKind::Duplicate,
        )
    }

    /// Returns an error for `header`, whose name is `name`.
    pub(super) fn error(
        &self,
        name: HeaderName,
        header: &Header<'_>,
        kind: HeaderErrorKind,
    ) -> ProtocolError {
        self.error_at(name, Some(header.at), kind)
    }

    pub(super) fn missing(&self, name: HeaderName) -> ProtocolError {
        self.error_at(name, None, HeaderErrorKind::Missing)
    }

    fn error_at(&self, name: HeaderName, at: Option<u32>, kind: HeaderErrorKind) -> ProtocolError {
        ProtocolError::InvalidHeader {
            name: name.as_str(),
            at: at.unwrap_or(self.head.bytes().len() as u32),
            kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RQ-7
    #[test]
    fn known_names_are_recognized_in_any_case_and_no_others() {
        for (index, name) in HeaderName::ALL.into_iter().enumerate() {
            assert_eq!(name as usize, index);
            let text = name.as_str();
            assert_eq!(HeaderName::from_bytes(text.as_bytes()), Some(name));
            assert_eq!(
                HeaderName::from_bytes(text.to_ascii_uppercase().as_bytes()),
                Some(name)
            );
            assert_eq!(
                HeaderName::from_bytes(text.to_ascii_lowercase().as_bytes()),
                Some(name)
            );
            for at in 0..text.len() {
                let mut other = text.as_bytes().to_vec();
                other[at] = b'!';
                assert_eq!(HeaderName::from_bytes(&other), None, "{other:?}");
                other.remove(at);
                let shorter = HeaderName::from_bytes(&other);
                assert!(matches!(
                    (name, shorter),
                    (HeaderName::Key1 | HeaderName::Key2, Some(HeaderName::Key)) | (_, None)
                ));
            }
        }
        assert_eq!(HeaderName::from_bytes(b""), None);
    }
}
