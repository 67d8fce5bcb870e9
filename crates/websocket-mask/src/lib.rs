//! Masking of WebSocket payloads (RFC 6455, section 5.3), with the check for ASCII text in the same
//! pass.
//!
//! A payload is masked by an exclusive or with a key of 4 bytes, which repeats; the same operation
//! unmasks it. [`mask`] does so in place, and [`extend_masked`] while it copies. [`unmask_ascii`]
//! also returns the payload as text if all of it is ASCII, at the cost of the unmasking alone.
//! Other text has to be validated by the caller, for example by [`core::str::from_utf8`].
//!
//! ```
//! let key = [0x37, 0xfa, 0x21, 0x3d];
//! let mut sent = Vec::new();
//! websocket_mask::extend_masked(&mut sent, b"Hello", key);
//! assert_eq!(sent, b"\x7f\x9f\x4d\x51\x58");
//! assert_eq!(websocket_mask::unmask_ascii(&mut sent, key), Ok("Hello"));
//! ```
//!
//! # Payloads in several chunks
//!
//! A chunk that follows `offset` bytes of the same payload is masked with [`rotate`]`(key,
//! offset)`.

#![no_std]
#![deny(missing_docs, clippy::undocumented_unsafe_blocks)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod wide;
mod xor;

use alloc::vec::Vec;

/// Returns the key for the bytes that follow `offset` others of a payload.
///
/// ```
/// let key = [1, 2, 3, 4];
/// let (mut whole, mut first, mut second) = (*b"Hello", *b"He", *b"llo");
/// websocket_mask::mask(&mut whole, key);
/// websocket_mask::mask(&mut first, key);
/// websocket_mask::mask(&mut second, websocket_mask::rotate(key, 2));
/// assert_eq!(whole[..], [&first[..], &second].concat());
/// ```
#[inline]
#[must_use]
pub const fn rotate(key: [u8; 4], offset: u64) -> [u8; 4] {
    // The remainder fits into a `u32`.
    let bits = 8 * (offset % 4) as u32;
    u32::from_be_bytes(key).rotate_left(bits).to_be_bytes()
}

/// Masks or unmasks a payload in place.
///
/// ```
/// let mut payload = *b"Hello";
/// websocket_mask::mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d]);
/// assert_eq!(payload, *b"\x7f\x9f\x4d\x51\x58");
/// ```
#[inline]
pub fn mask(bytes: &mut [u8], key: [u8; 4]) {
    xor::in_place(bytes, key);
}

/// Unmasks a payload in place, and returns it as text if all of it is ASCII.
///
/// # Errors
/// Returns the unmasked bytes if any is not ASCII. They may still be valid UTF-8.
///
/// ```
/// let mut payload = *b"\xc3\xa9";
/// assert_eq!(websocket_mask::unmask_ascii(&mut payload, [0; 4]), Err(&b"\xc3\xa9"[..]));
/// ```
#[inline]
pub fn unmask_ascii(bytes: &mut [u8], key: [u8; 4]) -> Result<&str, &[u8]> {
    let is_ascii = xor::in_place(bytes, key).is_ascii();
    let bytes: &[u8] = bytes;
    if is_ascii {
        // SAFETY: `in_place` combined all bytes that it wrote, which are all bytes of the slice,
        // and no bit 7 was set in any of them. Each byte below 0x80 is a character of its own in
        // UTF-8.
        Ok(unsafe { core::str::from_utf8_unchecked(bytes) })
    } else {
        Err(bytes)
    }
}

/// Appends the masked payload to `out`.
///
/// ```
/// let mut frame = b"\x81\x85\x37\xfa\x21\x3d".to_vec();
/// websocket_mask::extend_masked(&mut frame, b"Hello", [0x37, 0xfa, 0x21, 0x3d]);
/// assert!(frame.ends_with(b"\x7f\x9f\x4d\x51\x58"));
/// ```
#[inline]
pub fn extend_masked(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    out.reserve(payload.len());
    let target = &mut out.spare_capacity_mut()[..payload.len()];
    xor::copy(payload, target, key);
    let len = out.len() + payload.len();
    // SAFETY: `reserve` made the capacity at least `len`, and `copy` wrote every byte of its
    // target, which is as long as the payload and starts at the previous length.
    unsafe { out.set_len(len) }
}

/// For fuzz targets: asserts that all registers of the processor mask alike.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn check_all_registers(bytes: &mut [u8], key: [u8; 4]) {
    if bytes.len() >= xor::WIDE_MIN {
        wide::check_all(bytes, key);
    }
}
