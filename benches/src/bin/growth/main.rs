//! How times grow: a table for `plot.py`, one line for each point, `plot line x y`.

mod connections;

use std::error::Error;

use hybi::Dialect;
use hybi_bench::corpus::Kind::Text;
use hybi_bench::entry::{Entry, Receive};
use hybi_bench::frames::Frames;
use hybi_bench::impls::{ours, tungstenite};
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
    for piece in powers_of_4(1).take_while(|piece| *piece <= 64 * 1024) {
        print("piece size", piece, lines(MIB, piece));
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

/// Times per byte of messages of `size` bytes in reads of `piece` bytes.
fn lines(size: usize, piece: usize) -> Vec<Entry> {
    let (masked, hixie) = (Frames::masked(Text, size), Frames::hixie(Text, size));
    let wire = |frames: &Frames| Wire::new(&frames.bytes, piece);
    let rfc_6455 = ours::Receiver::whole(Dialect::Rfc6455, wire(&masked));
    let hixie_76 = ours::Receiver::whole(Dialect::Hixie76, wire(&hixie));
    let peer = tungstenite::Receiver::unlimited(wire(&masked));
    vec![
        line("hybi, RFC 6455", rfc_6455, &masked, piece),
        line("hybi, Hixie-76", hixie_76, &hixie, piece),
        line("tungstenite", peer, &masked, piece),
    ]
}

fn line(
    name: &'static str,
    receiver: impl Receive + 'static,
    frames: &Frames,
    piece: usize,
) -> Entry {
    // A whole message in tiny pieces would take some of them seconds.
    if piece < 64 {
        return Entry::bytes(name, receiver, frames);
    }
    let size = frames.payloads[0].len();
    Entry::messages(name, receiver, frames).each_of(size)
}
