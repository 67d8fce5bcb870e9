//! An index from names to header fields.

use crate::error::{HeaderErrorKind, ProtocolError};
use crate::header_name::HeaderName;
use crate::http::{Head, Header};

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
