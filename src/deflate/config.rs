//! What this side agrees to.

use core::time::Duration;

/// The compression that a server accepts or a client offers, for
/// [`Config::deflate`](crate::Config::deflate).
///
/// Values out of range are replaced by the nearest one in range.
///
/// # Secrets
///
/// The length of a compressed message shows how much of it repeats other data of the message or of
/// its window. Where an attacker chooses part of that data, the lengths reveal a secret in the
/// rest, such as a session token (CRIME, BREACH). Do not compress messages with secrets:
/// [`Connection::set_compression`](crate::Connection::set_compression).
///
/// # Memory
///
/// A connection keeps at most its two windows, and allocates them with the first compressed
/// messages. A thread keeps compressors for the next messages of any connection, up to four, one
/// for each window and level that is used:
///
/// | window in bits | a connection keeps, for each direction | a thread keeps, for each compressor |
/// | --- | --- | --- |
/// | none | 0 | 380 KB |
/// | 9 | 0.5 KiB | 251 KB |
/// | 10, the default | 1 KiB | 253 KB |
/// | 12 | 4 KiB | 265 KB |
/// | 15 | 32 KiB | 380 KB |
///
/// Within a compressed message that it receives, a connection also holds a decompressor of 48 KB,
/// whatever the window, and the window itself even if none is kept between messages: up to 32 KiB of
/// text from a peer that does not let it be limited. A thread keeps up to four decompressors.
///
/// # Limits
///
/// A received message may be [`max_inflated_len`](Self::max_inflated_len) bytes long after
/// decompression, and take [`message_timeout`](Self::message_timeout) to arrive.
/// [`Config::max_send_buffer`](crate::Config::max_send_buffer) applies to a message before
/// compression, [`Config::max_frame_len`](crate::Config::max_frame_len) to a received frame before
/// decompression.
///
/// The page [`compression`](crate::guide::compression) of the guide has the lengths of compressed
/// messages and the time that they take.
///
/// ```
/// use hybi::{Config, Deflate};
/// static CONFIG: Config = Config::new().deflate(
///     Deflate::new()
///         .send_window(Some(12)) // 4 KiB for each connection
///         .receive_window(None)
///         .max_inflated_len(1 << 20),
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deflate {
    /// In bits.
    pub(crate) send_window: Option<u8>,
    /// In bits.
    pub(crate) receive_window: Option<u8>,
    pub(crate) level: u8,
    /// `None`: the default, which depends on what is negotiated.
    pub(crate) threshold: Option<usize>,
    pub(crate) max_inflated_len: u64,
    pub(crate) message_timeout: Duration,
}

/// The windows that zlib can use. RFC 7692 also allows 8 bits, which a peer may require.
const WINDOW_BITS: [u8; 2] = [9, 15];

impl Deflate {
    /// Creates a configuration with the default of each setter.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            send_window: Some(10),
            receive_window: Some(10),
            level: 1,
            threshold: None,
            max_inflated_len: 16 * 1024 * 1024,
            message_timeout: Duration::from_secs(120),
        }
    }

    /// Sets how much a connection keeps of the messages that it sent, so that later ones can refer
    /// to it: a window of 2^`bits` bytes, `bits` from 9 to 15. `None` keeps nothing: each message
    /// is compressed on its own ("no context takeover", RFC 7692, section 7.1.1).
    ///
    /// Default: 10, which is 1 KiB. The peer may require a smaller window, or none.
    #[must_use]
    pub const fn send_window(mut self, bits: Option<u8>) -> Self {
        self.send_window = clamp_window(bits);
        self
    }

    /// Sets how much a connection keeps of the messages that it received: as
    /// [`send_window`](Self::send_window), for the other direction.
    ///
    /// Default: 10, which is 1 KiB. A client has to allow a server to limit its window. For one
    /// that does not, such as Firefox, the server requires that the client compresses each message
    /// on its own. A client asks the server for its value, but also accepts a server that uses a
    /// larger window, of up to 32 KiB.
    #[must_use]
    pub const fn receive_window(mut self, bits: Option<u8>) -> Self {
        self.receive_window = clamp_window(bits);
        self
    }

    /// Sets the effort of compression, from 1 (fast) to 9 (small).
    ///
    /// Default: 1.
    #[must_use]
    pub const fn level(mut self, level: u8) -> Self {
        self.level = clamp(level, [1, 9]);
        self
    }

    /// Sets the length in bytes from which on messages are compressed. Shorter ones are sent as
    /// they are.
    ///
    /// Default: 32 for a connection that keeps a [window](Self::send_window) of what it sent, and
    /// 256 for one that does not, because a short message alone hardly becomes shorter.
    #[must_use]
    pub const fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = Some(bytes);
        self
    }

    /// Sets how long a compressed message may take to arrive; then the connection ends with
    /// [`Timeout::Message`](crate::Timeout::Message), also while the connection is
    /// [congested](crate::Connection::is_congested). [`Duration::MAX`] disables it.
    ///
    /// Default: 2 minutes. From the first to the last byte of a compressed message, a connection
    /// holds the state of the decompressor, which is 48 KB, and up to 32 KiB of text.
    #[must_use]
    pub const fn message_timeout(mut self, timeout: Duration) -> Self {
        self.message_timeout = timeout;
        self
    }

    /// Sets the maximum length of a received message after decompression, in bytes. A longer one
    /// fails the connection with the close code 1009.
    ///
    /// Default: 16 MiB. A message of deflate can be 1,032 times as long as what the peer sends.
    #[must_use]
    pub const fn max_inflated_len(mut self, bytes: u64) -> Self {
        self.max_inflated_len = bytes;
        self
    }
}

impl Deflate {
    /// Returns the length from which on messages are compressed.
    pub(crate) fn min_len(&self, context_takeover: bool) -> usize {
        let default = if context_takeover { 32 } else { 256 };
        self.threshold.unwrap_or(default)
    }
}

impl Default for Deflate {
    fn default() -> Self {
        Self::new()
    }
}

const fn clamp_window(bits: Option<u8>) -> Option<u8> {
    match bits {
        Some(bits) => Some(clamp(bits, WINDOW_BITS)),
        None => None,
    }
}

/// [`Ord::clamp`], which is not `const`.
const fn clamp(n: u8, [min, max]: [u8; 2]) -> u8 {
    if n < min {
        min
    } else if n > max {
        max
    } else {
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_replaced_by_the_nearest() {
        for (bits, expected) in [
            (0, 9),
            (8, 9),
            (9, 9),
            (12, 12),
            (15, 15),
            (16, 15),
            (255, 15),
        ] {
            let deflate = Deflate::new().send_window(Some(bits));
            let deflate = deflate.receive_window(Some(bits));
            assert_eq!(deflate.send_window, Some(expected));
            assert_eq!(deflate.receive_window, Some(expected));
        }
        for (level, expected) in [(0, 1), (1, 1), (6, 6), (9, 9), (10, 9), (255, 9)] {
            assert_eq!(Deflate::new().level(level).level, expected);
        }
        let none = Deflate::new().send_window(None).receive_window(None);
        assert_eq!((none.send_window, none.receive_window), (None, None));
        assert_eq!(none.threshold(7).threshold, Some(7));
        assert_eq!(Deflate::default(), Deflate::new());
    }
}
