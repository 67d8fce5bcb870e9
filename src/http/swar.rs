//! Searches for the end of a token, target or value, 8 bytes at a time (SWAR, SIMD within a
//! register).

/// Returns the length of the token at the start of `bytes`.
pub(super) fn token_len(bytes: &[u8]) -> usize {
    let common_len = common_token_len(bytes);
    let remaining = bytes.get(common_len..).unwrap_or_default().iter();
    common_len + remaining.take_while(|byte| is_token(**byte)).count()
}

/// Like [`token_len`], but may stop early, at token punctuation other than `-`.
pub(super) fn common_token_len(bytes: &[u8]) -> usize {
    prefix_len(bytes, not_common_name, is_token)
}

/// Returns the number of bytes before the first control character: 0x00 to 0x1F, tabs included, or
/// 0x7F.
pub(super) fn text_len(bytes: &[u8]) -> usize {
    prefix_len(bytes, not_text, |byte| !byte.is_ascii_control())
}

/// Returns the number of bytes before the first that is not visible ASCII, 0x21 to 0x7E.
pub(crate) fn visible_len(bytes: &[u8]) -> usize {
    prefix_len(bytes, not_visible, |byte| byte.is_ascii_graphic())
}

/// Returns the length of the request target at the start of `bytes` (RQ-2).
pub(super) fn target_len(bytes: &[u8]) -> usize {
    let not_target = |word| not_visible(word) | equal(word, b'#');
    let accept = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    prefix_len(bytes, not_target, accept)
}

/// Returns the number of bytes before the first rejected one.
///
/// `reject` sets the high bit of each rejected byte of a little-endian word; bytes after the first
/// rejected one may be marked wrongly. `accept` is applied to the last bytes, fewer than 8.
#[inline(always)]
fn prefix_len(bytes: &[u8], reject: impl Fn(u64) -> u64, accept: impl Fn(u8) -> bool) -> usize {
    let mut len = 0;
    let mut remaining = bytes;
    while let Some((word, after)) = remaining.split_first_chunk::<8>() {
        let rejected = reject(u64::from_le_bytes(*word));
        if rejected != 0 {
            return len + rejected.trailing_zeros() as usize / 8;
        }
        (len, remaining) = (len + 8, after);
    }
    len + remaining.iter().take_while(|byte| accept(**byte)).count()
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES << 7;

/// Marks the ASCII bytes less than `min`.
///
/// The subtraction sets their high bit. Its borrow may mark bytes after the first marked one
/// wrongly, which [`prefix_len`] allows.
fn below(word: u64, min: u8) -> u64 {
    word.wrapping_sub(ONES * u64::from(min)) & !word & HIGH
}

/// Marks the bytes equal to `byte`, which is ASCII, with the same inaccuracy as [`below`].
fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * u64::from(byte)), 1)
}

/// Marks control characters, tabs included.
fn not_text(word: u64) -> u64 {
    below(word, 0x20) | equal(word, 0x7F)
}

/// Marks bytes that are not visible ASCII.
fn not_visible(word: u64) -> u64 {
    below(word, 0x21) | equal(word, 0x7F) | word & HIGH
}

/// Marks bytes other than letters, digits and hyphens, exactly: no addition carries into the next
/// byte.
fn not_common_name(word: u64) -> u64 {
    const fn repeat(byte: u8) -> u64 {
        ONES * byte as u64
    }
    let low = word & !HIGH;
    let lower = low | repeat(0x20);
    let letter = (lower + repeat(0x80 - b'a')) & !(lower + repeat(0x7F - b'z'));
    let digit = (low + repeat(0x80 - b'0')) & !(low + repeat(0x7F - b'9'));
    let not_hyphen = (low ^ repeat(b'-')) + repeat(0x7F);
    ((!(letter | digit) & not_hyphen) | word) & HIGH
}

/// Returns `true` for control characters other than a tab, which a field value must not contain.
pub(crate) fn is_forbidden_control(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0A..=0x1F | 0x7F)
}

/// Returns `true` for the bytes of a token (RFC 9110, section 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    static TOKEN: [bool; 256] = table(b"!#$%&'*+-.^_`|~");
    TOKEN.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Returns `true` for the unreserved characters and the sub-delimiters of a registered name (RFC
/// 3986, section 3.2.2).
pub(crate) fn is_reg_name(byte: u8) -> bool {
    static REG_NAME: [bool; 256] = table(b"-._~!$&'()*+,;=");
    REG_NAME.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Returns the table of ASCII letters, digits and `punctuation`.
// Const-evaluated: an index out of range fails to compile.
#[allow(clippy::indexing_slicing)]
const fn table(punctuation: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut i = 0;
    while i < punctuation.len() {
        table[punctuation[i] as usize] = true;
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RQ-2, RQ-7, RQ-11. Every byte at every index, surrounded by bytes of several classes.
    #[test]
    fn eight_bytes_at_a_time_stop_where_single_bytes_do() {
        let step = if cfg!(miri) { 31 } else { 1 };
        let positions = (0..=17).flat_map(|len| (0..len).map(move |at| (len, at)));
        let pair_with_every_byte = |filler: &u8| {
            let filler = *filler;
            (0..=0xFF).map(move |byte| (filler, byte))
        };
        for (len, at) in positions.step_by(step) {
            for (filler, byte) in b"aZ-zA09"
                .iter()
                .flat_map(pair_with_every_byte)
                .step_by(step)
            {
                let mut bytes = alloc::vec![filler; len];
                bytes[at] = byte;
                let expected = |accepted: bool| if accepted { len } else { at };
                assert_eq!(token_len(&bytes), expected(is_token(byte)), "{bytes:?}");
                let is_in_word = at < len / 8 * 8;
                let is_common = matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-');
                let is_common = is_common || !is_in_word && is_token(byte);
                assert_eq!(common_token_len(&bytes), expected(is_common), "{bytes:?}");
                assert_eq!(
                    text_len(&bytes),
                    expected(!byte.is_ascii_control()),
                    "{bytes:?}"
                );
                let is_visible = matches!(byte, 0x21..=0x7E);
                assert_eq!(visible_len(&bytes), expected(is_visible), "{bytes:?}");
                assert_eq!(
                    target_len(&bytes),
                    expected(is_visible && byte != b'#'),
                    "{bytes:?}"
                );
            }
        }
    }
}
