//! Prints times over sizes as a table for `plot.py`, one row per point: `plot line x y`.

mod connections;

use std::error::Error;

use hybi::Dialect::{Hixie76, Rfc6455};
use hybi_bench::corpus::Kind::Text;
use hybi_bench::entry::Entry;
use hybi_bench::frames::Frames;
use hybi_bench::impls::{fastwebsockets, nexus, ours, tokio_ws, tungstenite};
use hybi_bench::memory;
use hybi_bench::rounds::Times;
use hybi_bench::wire::Wire;

const READ: usize = 16 * 1024;
const MIB: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    memory::tuned()?;
    memory::settle();
    println!("plot\tline\tx\ty");
    for size in powers_of_4(16).take_while(|size| *size <= 64 * MIB) {
        print("message size", size, lines(size, READ));
    }
    for read in powers_of_4(1).take_while(|read| *read <= 64 * 1024) {
        print("read size", read, lines(MIB, read));
    }
    for count in [1, 10, 100, 1_000, 10_000] {
        print("connections", count, connections::lines(count));
    }
    Ok(())
}

fn powers_of_4(first: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(first), |power| Some(power * 4))
}

fn print(plot: &str, x: usize, mut entries: Vec<Entry>) {
    let times = Times::take(&mut entries);
    for (i, entry) in entries.iter().enumerate() {
        println!("{plot}\t{}\t{x}\t{:.4}", entry.name, times.median(i));
    }
}

/// Times per byte of messages of `size` bytes in reads of `read` bytes.
fn lines(size: usize, read: usize) -> Vec<Entry> {
    let (masked, hixie) = (Frames::masked(Text, size), Frames::hixie(Text, size));
    let wire = || Wire::new(&masked.bytes, read);
    let hixie_76 = Wire::new(&hixie.bytes, read);
    let mut entries = vec![
        Entry::messages(
            "hybi, RFC 6455",
            ours::Receiver::whole(Rfc6455, wire()),
            &masked,
        ),
        Entry::messages(
            "hybi, Hixie-76",
            ours::Receiver::whole(Hixie76, hixie_76),
            &hixie,
        ),
        Entry::messages("tungstenite", tungstenite::Receiver::new(wire()), &masked),
        Entry::messages("tokio-websockets", tokio_ws::Receiver::new(wire()), &masked),
        Entry::messages(
            "fastwebsockets",
            fastwebsockets::Receiver::new(wire()),
            &masked,
        ),
    ];
    // nexus-web does not check text that spans reads.
    if masked.frame < read {
        entries.push(Entry::messages(
            "nexus-web",
            nexus::Receiver::new(wire()),
            &masked,
        ));
    }
    let per_byte = entries.into_iter().map(|entry| entry.each_of(size));
    per_byte.collect()
}
