//! What goes round a payload on its way out.

use alloc::vec::Vec;

use crate::config::Dialect;
use crate::opcode::{MAX_HEADER, Opcode};

/// The bytes before a payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    bytes: [u8; MAX_HEADER],
    len: u8,
}

impl Header {
    /// FR-11: the type of a text frame.
    const HIXIE_TEXT: Self = Self {
        bytes: [0; MAX_HEADER],
        len: 1,
    };

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// RFC 6455, 5.2, with the shortest form of the length.
    #[inline]
    pub(crate) fn hybi(opcode: Opcode, last: bool, length: usize, mask: Option<[u8; 4]>) -> Self {
        let first = opcode as u8 | if last { 0x80 } else { 0 };
        let masked = if mask.is_some() { 0x80 } else { 0 };
        let mut bytes = [0; MAX_HEADER];
        bytes[0] = first;
        let len = match length {
            0..=125 => {
                bytes[1] = length as u8 | masked;
                2
            }
            126..=0xFFFF => {
                bytes[1] = 126 | masked;
                [bytes[2], bytes[3]] = (length as u16).to_be_bytes();
                4
            }
            _ => {
                bytes[1] = 127 | masked;
                let long = bytes.iter_mut().skip(2).zip((length as u64).to_be_bytes());
                long.for_each(|(free, byte)| *free = byte);
                10
            }
        };
        let mut header = Self { bytes, len };
        if let Some(key) = mask {
            let free = header.bytes.iter_mut().skip(usize::from(len));
            free.zip(key).for_each(|(free, byte)| *free = byte);
            header.len += 4;
        }
        header
    }
}

/// What goes round the payload of a whole message, unmasked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) header: Header,
    pub(crate) tail: &'static [u8],
}

/// FR-11: valid UTF-8 holds no 0xFF, so nothing inside a Hixie text needs an escape.
#[inline]
pub(crate) fn text(dialect: Dialect, length: usize) -> Envelope {
    if dialect.is_hixie() {
        return Envelope {
            header: Header::HIXIE_TEXT,
            tail: &[0xFF],
        };
    }
    Envelope {
        header: Header::hybi(Opcode::Text, true, length, None),
        tail: &[],
    }
}

/// `None` where there are no binary messages (FR-12).
pub(crate) fn binary(dialect: Dialect, length: usize) -> Option<Envelope> {
    (!dialect.is_hixie()).then(|| Envelope {
        header: Header::hybi(Opcode::Binary, true, length, None),
        tail: &[],
    })
}

/// The close frame of Hixie-76 (CL-1).
pub(crate) const HIXIE_76_CLOSE: &[u8] = &[0xFF, 0x00];

/// A message encoded once, for any number of connections; see
/// [`Connection::send_encoded`](crate::Connection::send_encoded).
#[derive(Clone)]
pub struct Encoded {
    dialect: Dialect,
    bytes: Vec<u8>,
}

impl Encoded {
    /// Encodes a text message as a server sends it in `dialect`.
    #[must_use]
    pub fn text(dialect: Dialect, text: &str) -> Self {
        let envelope = self::text(dialect, text.len());
        Self::new(dialect, &envelope, text.as_bytes())
    }

    /// Encodes a binary message as a server sends it in `dialect`; `None` for Hixie-75 and
    /// Hixie-76, which have none.
    #[must_use]
    pub fn binary(dialect: Dialect, bytes: &[u8]) -> Option<Self> {
        let envelope = self::binary(dialect, bytes.len())?;
        Some(Self::new(dialect, &envelope, bytes))
    }

    fn new(dialect: Dialect, envelope: &Envelope, payload: &[u8]) -> Self {
        let bytes = [envelope.header.as_bytes(), payload, envelope.tail].concat();
        Self { dialect, bytes }
    }

    /// The dialect of the connections that it can be sent over.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Never shows the payload.
impl core::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Encoded({}, {} bytes)", self.dialect, self.bytes.len())
    }
}
