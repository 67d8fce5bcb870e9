//! Only the copy that a read makes.

use std::hint::black_box;
use std::io::Read;

use crate::entry::Entry;
use crate::memory::Aligned;
use crate::wire::Wire;

/// The time per `unit` bytes.
pub fn entry(name: &'static str, mut wire: Wire, unit: usize) -> Entry {
    let mut buf = Aligned::zeroed(wire.next_len());
    let mut bytes = 0;
    Entry::new(name, move || {
        while bytes < unit {
            let n = wire.read(&mut buf).expect("memory");
            black_box(&buf[..n]);
            bytes += n;
        }
        let units = bytes / unit;
        bytes %= unit;
        units as u64
    })
}
