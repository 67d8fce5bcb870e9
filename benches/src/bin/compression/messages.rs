//! Messages of JSON.

use hybi_bench::corpus::Random;

/// Returns `count` events of about 105 bytes.
pub fn events(count: u64, random: &mut Random) -> Vec<String> {
    (0..count).map(|n| event(n, random)).collect()
}

/// Returns `count` arrays of `len` events each.
pub fn arrays(count: u64, len: usize, random: &mut Random) -> Vec<String> {
    let events = events(count * len as u64, random);
    let arrays = events
        .chunks(len)
        .map(|events| format!("[{}]", events.join(",")));
    arrays.collect()
}

fn event(n: u64, random: &mut Random) -> String {
    const NAMES: [&str; 4] = ["alice", "bob", "carol", "dave"];
    const KINDS: [&str; 3] = ["trade", "quote", "order"];
    let mut below = |limit: usize| (random.number() % limit as u64) as usize;
    format!(
        r#"{{"id":{},"type":"{}","user":"{}","price":{}.{:02},"quantity":{},"time":"2026-11-29T10:{:02}:{:02}Z"}}"#,
        100_000 + n,
        KINDS[below(KINDS.len())],
        NAMES[below(NAMES.len())],
        100 + below(900),
        below(100),
        1 + below(1000),
        below(60),
        below(60),
    )
}
