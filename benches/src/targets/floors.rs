//! Lower bounds of the machine, on bytes in its caches. They have no targets.

use std::hint::black_box;

use memchr::memchr;

use super::Group;
use crate::corpus::{Kind, Random, payload};
use crate::entry::Entry;
use crate::impls::floors::unmask;

pub(super) fn groups() -> Vec<Group> {
    let sizes = [16, 125, 1024, 65_536, 1 << 20];
    let ascii = sizes.map(|size| floors("ascii", Kind::Text, size));
    let multi = [1024, 65_536].map(|size| floors("multi", Kind::Multi, size));
    ascii.into_iter().chain(multi).collect()
}

fn floors(name: &str, kind: Kind, size: usize) -> Group {
    Group::new(format!("floors/{name}/{size}"), move || {
        let text = payload(kind, size, &mut Random::default());
        let mut copy = text.clone();
        let mut masked = text.clone();
        vec![
            over(&text, "memcpy", move |text| {
                copy.copy_from_slice(text);
                black_box(&copy);
            }),
            over(&text, "memchr for FF", |text| {
                assert_eq!(memchr(0xFF, text), None);
            }),
            over(&text, "std from_utf8", |text| {
                assert!(std::str::from_utf8(text).is_ok());
            }),
            over(&text, "simdutf8", |text| {
                assert!(simdutf8::basic::from_utf8(text).is_ok());
            }),
            over(&text, "unmask and look for ASCII", move |_| {
                unmask(black_box(&mut masked), [1, 2, 3, 4]);
            }),
        ]
    })
}

fn over(text: &[u8], name: &'static str, mut work: impl FnMut(&[u8]) + 'static) -> Entry {
    let text = text.to_vec();
    Entry::new(name, move || {
        work(black_box(&text));
        1
    })
}
