//! The names of the header fields of the handshake.

/// The name of a header field of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderName {
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
    /// `Sec-WebSocket-Origin`: in responses of Hixie-76, and in requests of HyBi-7 and HyBi-8.
    SecOrigin,
    Location,
    Hixie75Origin,
    Hixie75Location,
    Hixie75Protocol,
}

impl HeaderName {
    pub(crate) const ALL: [Self; 19] = [
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
        Self::SecOrigin,
        Self::Location,
        Self::Hixie75Origin,
        Self::Hixie75Location,
        Self::Hixie75Protocol,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
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
            Self::SecOrigin => "Sec-WebSocket-Origin",
            Self::Location => "Sec-WebSocket-Location",
            Self::Hixie75Origin => "WebSocket-Origin",
            Self::Hixie75Location => "WebSocket-Location",
            Self::Hixie75Protocol => "WebSocket-Protocol",
        }
    }

    /// Returns the name that equals `bytes` in any case.
    ///
    /// The length and the last letter leave one candidate, which is compared.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
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
            (20, b'n') => Self::SecOrigin.if_eq(bytes),
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

    pub(crate) const fn bit(self) -> u32 {
        1 << self as u32
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
