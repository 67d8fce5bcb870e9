//! Lists of extensions, and what a handshake agrees on.

use super::list_members;
#[cfg(feature = "deflate")]
use crate::deflate::Compression;
use crate::http::{is_token, trim};

/// The extensions that both sides agreed to. Without features for any it has no size.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extensions {
    #[cfg(feature = "deflate")]
    pub(crate) compression: Option<Compression>,
}

impl Extensions {
    pub(crate) const NONE: Self = Self {
        #[cfg(feature = "deflate")]
        compression: None,
    };
}

/// Returns the extensions of a valid list, as in `name; parameter; parameter=value, name`. Empty
/// members are ignored (RQ-17).
///
/// No comma or semicolon is part of a value, since also a quoted one has to be a token (RFC 6455,
/// section 9.1).
pub(super) fn members(list: &[u8]) -> impl Iterator<Item = Extension<'_>> {
    list_members(list).map(Extension)
}

/// A name, and a value as it was sent, perhaps quoted.
type Parameter<'h> = (&'h [u8], Option<&'h [u8]>);

/// A member of a list of extensions.
#[derive(Clone, Copy)]
pub(super) struct Extension<'h>(&'h [u8]);

impl<'h> Extension<'h> {
    /// Returns the name and the parameters.
    pub(super) fn parts(self) -> (&'h [u8], impl Iterator<Item = Parameter<'h>>) {
        let mut segments = self.0.split(|byte| *byte == b';');
        let name = trim(segments.next().unwrap_or_default());
        let parameters = segments.map(|parameter| {
            let equals = parameter.iter().position(|byte| *byte == b'=');
            match equals.and_then(|at| parameter.split_at_checked(at)) {
                Some((name, value)) => (trim(name), Some(trim(value.get(1..).unwrap_or_default()))),
                None => (trim(parameter), None),
            }
        });
        (name, parameters)
    }

    fn is_valid(self) -> bool {
        let is_token = |token: &[u8]| !token.is_empty() && token.iter().copied().all(is_token);
        let is_value = |value: &[u8]| match value {
            [b'"', quoted @ .., b'"'] => is_quoted_token(quoted),
            _ => is_token(value),
        };
        let is_parameter =
            |(name, value): Parameter<'_>| is_token(name) && value.is_none_or(is_value);
        let (name, mut parameters) = self.parts();
        is_token(name) && parameters.all(is_parameter)
    }
}

/// Returns `true` for a valid list of extensions: tokens, except that a value may be quoted
/// (RFC 6455, section 9.1).
pub(super) fn is_extension_list(value: &[u8]) -> bool {
    members(value).all(Extension::is_valid)
}

/// Returns the extensions of a list, or `None` if it is not valid.
#[cfg(feature = "deflate")]
pub(super) fn parse(list: &[u8]) -> Option<impl Iterator<Item = Extension<'_>>> {
    is_extension_list(list).then(|| members(list))
}

/// Returns `true` for the inside of a quoted string that is a token once each backslash, which
/// quotes the next byte, is removed.
fn is_quoted_token(mut quoted: &[u8]) -> bool {
    let is_empty = quoted.is_empty();
    while let [b'\\', byte, rest @ ..] | [byte, rest @ ..] = quoted {
        if !is_token(*byte) {
            return false;
        }
        quoted = rest;
    }
    !is_empty
}

/// Returns the bytes of a valid value, without quotes and backslashes. Neither is part of a token.
#[cfg(feature = "deflate")]
pub(super) fn unquoted(value: &[u8]) -> impl Iterator<Item = u8> {
    let bytes = value.iter().copied();
    bytes.filter(|byte| !matches!(byte, b'"' | b'\\'))
}
