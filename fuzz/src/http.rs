//! Heads, read slowly and plainly.

pub type Fields<'a> = Vec<(String, &'a [u8])>;

/// The fields of a head that was found good, and what stands behind it; slow and plain.
pub fn split(bytes: &[u8]) -> (Fields<'_>, &[u8]) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, behind) = bytes.split_at(end.expect("a blank line") + 4);
    let lines = head.split(|byte| *byte == b'\n').skip(1);
    let fields = lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        let value = line[colon + 1..].strip_suffix(b"\r")?;
        Some((name, value.strip_prefix(b" ").unwrap_or(value)))
    });
    (fields.collect(), behind)
}

pub fn trim(value: &[u8]) -> &[u8] {
    let inner = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let begin = value.iter().position(inner).unwrap_or(value.len());
    let end = value.iter().rposition(inner).map_or(begin, |last| last + 1);
    &value[begin..end]
}

pub fn assert_same_fields<V: AsRef<[u8]>>(
    found: impl IntoIterator<Item = (String, V)>,
    known: impl IntoIterator<Item = (impl Into<String>, String)>,
) {
    let text = |value: V| String::from_utf8_lossy(value.as_ref()).into_owned();
    let mut found: Vec<_> = found.into_iter().map(|(n, v)| (n, text(v))).collect();
    let mut known: Vec<_> = known.into_iter().map(|(n, v)| (n.into(), v)).collect();
    found.sort();
    known.sort();
    assert_eq!(found, known);
}
