//! Runs of bytes of one kind, as the lines of a head are made of.

/// How many bytes of a token stand at the front.
pub(super) fn token_len(bytes: &[u8]) -> usize {
    let usual = common_token_len(bytes);
    let rest = bytes.get(usual..).unwrap_or_default().iter();
    usual + rest.take_while(|byte| is_token(**byte)).count()
}

/// As [`token_len`], but what most names have none of may end it: another mark than a hyphen.
pub(super) fn common_token_len(bytes: &[u8]) -> usize {
    span(bytes, not_common_name, is_token)
}

/// How many bytes stand before the first that is below 0x20, or 0x7F.
pub(super) fn text_len(bytes: &[u8]) -> usize {
    span(bytes, controls, |byte| !byte.is_ascii_control())
}

/// How many bytes stand before the first that is not visible ASCII: 0x21 to 0x7E.
pub(crate) fn visible_len(bytes: &[u8]) -> usize {
    span(bytes, not_visible, |byte| byte.is_ascii_graphic())
}

/// How many bytes of a request's target stand at the front (RQ-2).
pub(super) fn target_len(bytes: &[u8]) -> usize {
    let but_in_targets = |eight| not_visible(eight) | equal(eight, b'#');
    let goes_on = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    span(bytes, but_in_targets, goes_on)
}

/// How many bytes stand before the first that does not go on. Of eight at once, that is the first
/// that `ends` marks by its high bit; the last few are looked at one by one.
#[inline(always)]
fn span(bytes: &[u8], ends: impl Fn(u64) -> u64, goes_on: impl Fn(u8) -> bool) -> usize {
    let mut length = 0;
    let mut rest = bytes;
    while let Some((eight, more)) = rest.split_first_chunk::<8>() {
        let ends = ends(u64::from_le_bytes(*eight));
        if ends != 0 {
            return length + ends.trailing_zeros() as usize / 8;
        }
        (length, rest) = (length + 8, more);
    }
    length + rest.iter().take_while(|byte| goes_on(**byte)).count()
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = ONES << 7;

/// Marks the bytes that are less than `least`, of ASCII: a subtraction sets their high bit. Behind
/// the first of them, what was borrowed can mark others too.
fn below(eight: u64, least: u8) -> u64 {
    eight.wrapping_sub(ONES * u64::from(least)) & !eight & HIGH
}

/// Marks the bytes that are `byte`, of ASCII, and as [`below`] perhaps others behind the first.
fn equal(eight: u64, byte: u8) -> u64 {
    below(eight ^ (ONES * u64::from(byte)), 1)
}

fn controls(eight: u64) -> u64 {
    below(eight, 0x20) | equal(eight, 0x7F)
}

fn not_visible(eight: u64) -> u64 {
    below(eight, 0x21) | equal(eight, 0x7F) | eight & HIGH
}

/// Marks what is neither a letter, a digit nor a hyphen. No sum of two bytes carries into the next.
fn not_common_name(eight: u64) -> u64 {
    const fn all(byte: u8) -> u64 {
        ONES * byte as u64
    }
    let low = eight & !HIGH;
    let lower = low | all(0x20);
    let letter = (lower + all(0x80 - b'a')) & !(lower + all(0x7F - b'z'));
    let digit = (low + all(0x80 - b'0')) & !(low + all(0x7F - b'9'));
    let but_hyphen = (low ^ all(b'-')) + all(0x7F);
    ((!(letter | digit) & but_hyphen) | eight) & HIGH
}

/// No field value holds it. A tab is none of them.
pub(crate) fn is_control(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0A..=0x1F | 0x7F)
}

/// RFC 7230, 3.2.6
pub(crate) fn is_token(byte: u8) -> bool {
    static TOKEN: [bool; 256] = tokens();
    TOKEN.get(usize::from(byte)).copied().unwrap_or_default()
}

// Run by the compiler, which would not build a wrong index.
#[allow(clippy::indexing_slicing)]
const fn tokens() -> [bool; 256] {
    let marks = b"!#$%&'*+-.^_`|~";
    let mut tokens = [false; 256];
    let mut byte = 0;
    while byte < tokens.len() {
        tokens[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut i = 0;
    while i < marks.len() {
        tokens[marks[i] as usize] = true;
        i += 1;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte at each place, whatever stands round it.
    #[test]
    fn rq_2_rq_7_rq_11_eight_at_once_stop_where_one_by_one_does() {
        let step = if cfg!(miri) { 31 } else { 1 };
        let places = (0..=17).flat_map(|length| (0..length).map(move |at| (length, at)));
        let round_it = |round: &u8| {
            let round = *round;
            (0..=0xFF).map(move |byte| (round, byte))
        };
        for (length, at) in places.step_by(step) {
            for (round, byte) in b"aZ-zA09".iter().flat_map(round_it).step_by(step) {
                let mut bytes = alloc::vec![round; length];
                bytes[at] = byte;
                let so_far = |goes_on: bool| if goes_on { length } else { at };
                assert_eq!(token_len(&bytes), so_far(is_token(byte)), "{bytes:?}");
                let among_eight = at < length / 8 * 8;
                let usual = matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-');
                let usual = usual || !among_eight && is_token(byte);
                assert_eq!(common_token_len(&bytes), so_far(usual), "{bytes:?}");
                assert_eq!(
                    text_len(&bytes),
                    so_far(!byte.is_ascii_control()),
                    "{bytes:?}"
                );
                let visible = matches!(byte, 0x21..=0x7E);
                assert_eq!(visible_len(&bytes), so_far(visible), "{bytes:?}");
                assert_eq!(
                    target_len(&bytes),
                    so_far(visible && byte != b'#'),
                    "{bytes:?}"
                );
            }
        }
    }
}
