//! The opening handshake of a server, from the bytes of the request to those of the response.

use std::sync::Arc;

use super::{Base, Group, HTTPARSE, HYBI, SOCKUDO, SOKETTO};
use crate::entry::Entry;
use crate::impls::openings::{
    self, HIXIE_75, HIXIE_75_LOCATION, HIXIE_76, HIXIE_76_ANSWER, RFC_6455, RFC_6455_ACCEPT,
};
use crate::impls::ours;
use crate::memory::Aligned;
use crate::wire::Wire;

const TUNGSTENITE: &str = "tungstenite, RFC 6455";
const BYTEWISE: &str = "hybi, byte by byte";

pub(super) fn groups() -> Vec<Group> {
    vec![
        Group::new("handshake/hixie75", || {
            vec![hybi(HYBI, HIXIE_75, HIXIE_75_LOCATION)]
        }),
        Group::new("handshake/hixie76", || {
            vec![
                hybi(HYBI, HIXIE_76, HIXIE_76_ANSWER),
                tungstenite(TUNGSTENITE),
                httparse(HIXIE_76),
            ]
        })
        .target(HYBI, Base::Entry(TUNGSTENITE), 2.8, 6.0)
        .target(HYBI, Base::Entry(HTTPARSE), 0.14, 0.4),
        Group::new("handshake/rfc6455", || {
            let soketto = openings::soketto;
            vec![
                hybi(HYBI, RFC_6455, RFC_6455_ACCEPT),
                tungstenite(super::TUNGSTENITE),
                entry(SOKETTO, RFC_6455, RFC_6455.len(), RFC_6455_ACCEPT, soketto),
                sockudo(),
                httparse(RFC_6455),
            ]
        })
        .best(0.7, 1.0),
        Group::new("handshake/bytewise", || {
            vec![
                hybi(HYBI, HIXIE_76, HIXIE_76_ANSWER),
                in_reads(BYTEWISE, HIXIE_76, 1, HIXIE_76_ANSWER),
            ]
        })
        .target(BYTEWISE, Base::Entry(HYBI), 1.0 / 8.0, None),
        large_head(),
    ]
}

/// Times per byte.
fn large_head() -> Group {
    const SHORT: &str = "hybi, 1 KiB byte by byte";
    const LONG: &str = "hybi, 8 KiB byte by byte";
    Group::new("handshake/large-head", || {
        let per_byte = |name, size: usize, chunk: usize| {
            in_reads(name, &openings::long(size), chunk, RFC_6455_ACCEPT).each_of(size)
        };
        vec![
            per_byte("hybi, 8 KiB whole", 8192, 8192),
            per_byte(SHORT, 1024, 1),
            per_byte(LONG, 8192, 1),
        ]
    })
    .target(LONG, Base::Entry(SHORT), 1.0 / 1.5, None)
}

fn hybi(name: &'static str, request: &[u8], answer: &[u8]) -> Entry {
    in_reads(name, request, request.len(), answer)
}

fn in_reads(name: &'static str, request: &[u8], chunk: usize, answer: &[u8]) -> Entry {
    let mut buf = vec![0; chunk];
    let open = move |wire: &mut Wire| ours::open(wire, &mut buf);
    entry(name, request, chunk, answer, open)
}

fn tungstenite(name: &'static str) -> Entry {
    let open = openings::tungstenite;
    entry(name, RFC_6455, RFC_6455.len(), RFC_6455_ACCEPT, open)
}

fn sockudo() -> Entry {
    let mut buf = vec![0; RFC_6455.len()];
    let open = move |wire: &mut Wire| openings::sockudo(wire, &mut buf);
    entry(SOCKUDO, RFC_6455, RFC_6455.len(), RFC_6455_ACCEPT, open)
}

fn httparse(request: &[u8]) -> Entry {
    let mut buf = vec![0; request.len()];
    let parse = move |wire: &mut Wire| openings::httparse(wire, &mut buf);
    entry(HTTPARSE, request, request.len(), b"", parse)
}

/// Searches for the expected response before the measurement, and checks the length of the output
/// after it.
fn entry(
    name: &'static str,
    request: &[u8],
    chunk: usize,
    answer: &[u8],
    mut open: impl FnMut(&mut Wire) + 'static,
) -> Entry {
    let mut wire = Wire::new(&Arc::new(Aligned::copy(request)), chunk);
    let kept = wire.keep();
    open(&mut wire);
    let reply = kept.take();
    let found = answer.is_empty() || reply.windows(answer.len()).any(|part| part == answer);
    assert!(found, "{name} gives another answer");
    let mut wire = Wire::new(&Arc::new(Aligned::copy(request)), chunk);
    let sent = wire.sent();
    Entry::new(name, move || {
        let before = sent.get();
        open(&mut wire);
        assert_eq!(sent.get() - before, reply.len() as u64);
        1
    })
}
