//! Editing and showing bytes.

/// Returns the offset of `needle`, which must occur exactly once in `bytes`.
#[track_caller]
pub fn offset_of(bytes: impl AsRef<[u8]>, needle: impl AsRef<[u8]>) -> u32 {
    let (bytes, needle) = (bytes.as_ref(), needle.as_ref());
    let windows = bytes.windows(needle.len()).enumerate();
    let found: Vec<usize> = windows
        .filter(|(_, window)| *window == needle)
        .map(|(offset, _)| offset)
        .collect();
    let [offset] = found[..] else {
        panic!("{} occurs {} times", escaped(needle), found.len());
    };
    offset as u32
}

/// Returns `bytes` with `from`, which must occur exactly once, replaced by `to`.
#[track_caller]
pub fn replace_once(
    bytes: impl AsRef<[u8]>,
    from: impl AsRef<[u8]>,
    to: impl AsRef<[u8]>,
) -> Vec<u8> {
    let (bytes, from) = (bytes.as_ref(), from.as_ref());
    let (before, rest) = bytes.split_at(offset_of(bytes, from) as usize);
    [before, to.as_ref(), &rest[from.len()..]].concat()
}

/// Like [`replace_once`], but also returns the offset of the byte that a `^` in `to` precedes, or
/// the length of the result if there is no `^`. The `^` is removed.
pub fn replace_marked(
    bytes: impl AsRef<[u8]>,
    from: impl AsRef<[u8]>,
    to: impl AsRef<[u8]>,
) -> (Vec<u8>, u32) {
    let (start, to) = (offset_of(bytes.as_ref(), &from), to.as_ref());
    let Some(mark) = to.iter().position(|byte| *byte == b'^') else {
        let edited = replace_once(bytes, from, to);
        let len = edited.len() as u32;
        return (edited, len);
    };
    let to = [&to[..mark], &to[mark + 1..]].concat();
    (replace_once(bytes, from, to), start + mark as u32)
}

/// Escapes bytes for assertion messages.
pub fn escaped(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().escape_ascii().to_string()
}
