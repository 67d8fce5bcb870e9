//! Inputs of property tests.

use proptest::prelude::*;
use proptest::sample::Index;

/// Runs `cases` cases, and writes no file for those that fail.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Where to split an input; [`split_points`] gives the offsets.
pub fn splits() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..24)
}

/// Returns sorted offsets in an input of `length` bytes.
pub fn split_points(indices: &[Index], length: usize) -> Vec<usize> {
    let mut splits: Vec<usize> = indices.iter().map(|i| i.index(length + 1)).collect();
    splits.sort_unstable();
    splits
}

/// Bytes at the edges of the UTF-8 ranges up to `last`, in any order.
pub fn almost_utf8(last: u8) -> impl Strategy<Value = Vec<u8>> {
    let edges: &[u8] = &[
        0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe2, 0xed,
        0xef, 0xf0, 0xf1, 0xf4, 0xf5,
    ];
    let edge = prop::sample::select(edges);
    prop::collection::vec(prop_oneof![20 => edge, 1 => Just(last)], 0..12)
}

pub fn string() -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>(), 0..8).prop_map(String::from_iter)
}
