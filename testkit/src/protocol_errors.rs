//! Errors that tests can construct: outside its crate, a `hybi::ProtocolError` with fields cannot be.

use hybi::{AcceptError, Dialect, HeaderErrorKind, LineErrorKind};

/// Defines an enum with variants of `hybi`, and the conversion from it.
macro_rules! errors {
    ($name:ident: $($variant:ident $({ $($field:ident: $type:ty),+ })?,)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($variant $({ $($field: $type),+ })?,)+
        }

        impl From<hybi::$name> for $name {
            fn from(error: hybi::$name) -> Self {
                match error {
                    $(hybi::$name::$variant $({ $($field,)+ .. })? => {
                        Self::$variant $({ $($field: $field.into()),+ })?
                    })+
                    other => panic!("{other:?}"),
                }
            }
        }

        impl PartialEq<$name> for hybi::$name {
            fn eq(&self, other: &$name) -> bool {
                $name::from(*self) == *other
            }
        }
    };
}

errors! { ProtocolError:
    HeadTooLong { limit: u32 },
    LineTooLong { at: u32, limit: u32 },
    TooManyHeaders { limit: u32 },
    TooManyInterimResponses { limit: u32 },
    UnsupportedMethod,
    UnsupportedHttpVersion { at: u32, major: u8, minor: u8 },
    InvalidStartLine { at: u32 },
    InvalidLine { at: u32, kind: LineErrorKind },
    InvalidHeader { name: &'static str, at: u32, kind: HeaderErrorKind },
    InvalidKeyNumber { name: &'static str, kind: KeyErrorKind },
    NotWebSocket,
    DialectNotEnabled { dialect: Dialect },
    TlsClientHello,
    FlashPolicyRequest,
    ChallengeMismatch { at: u32 },
    ReservedBits { byte: u8 },
    UnknownOpcode { opcode: u8 },
    UnmaskedFrameFromClient,
    MaskedFrameFromServer,
    FragmentedControl { opcode: u8 },
    ControlTooLong { opcode: u8 },
    UnexpectedContinuation,
    ExpectedContinuation { opcode: u8 },
    TooManyFragments { limit: u32 },
    InvalidDeflate { at: u64 },
    InflatedTooLong { limit: u64 },
    InvalidCloseLength,
    InvalidCloseCode { code: u16 },
    InvalidLength { at: u64 },
    FrameTooLong { limit: u64 },
    UnknownFrameType { frame_type: u8 },
    InvalidUtf8 { at: u64 },
}

errors! { KeyErrorKind:
    NoSpaces,
    NoDigits,
    TooBig,
    NotMultiple { number: u32, spaces: u32 },
}

impl From<AcceptError> for ProtocolError {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Protocol(error) => error.into(),
            other => panic!("{other:?}"),
        }
    }
}

impl ProtocolError {
    /// Returns the status of the response to a request with this error (PX-3).
    pub fn status(self) -> Option<u16> {
        Some(match self {
            Self::HeadTooLong { .. } | Self::LineTooLong { .. } | Self::TooManyHeaders { .. } => {
                431
            }
            Self::UnsupportedMethod => 405,
            Self::UnsupportedHttpVersion { .. } => 505,
            Self::NotWebSocket | Self::DialectNotEnabled { .. } => 426,
            Self::InvalidHeader {
                name: "Sec-WebSocket-Version" | "Sec-WebSocket-Draft" | "Upgrade",
                kind: HeaderErrorKind::Invalid,
                ..
            } => 426,
            Self::InvalidHeader { .. }
            | Self::InvalidStartLine { .. }
            | Self::InvalidLine { .. }
            | Self::InvalidKeyNumber { .. } => 400,
            _ => return None,
        })
    }

    /// Returns the close code for this error (HY-5 to HY-8).
    pub fn close_code(self) -> u16 {
        match self {
            Self::InvalidUtf8 { .. } | Self::InvalidDeflate { .. } => 1007,
            Self::FrameTooLong { .. }
            | Self::TooManyFragments { .. }
            | Self::InflatedTooLong { .. } => 1009,
            _ => 1002,
        }
    }
}
