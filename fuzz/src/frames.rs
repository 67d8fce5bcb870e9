//! Frames of HyBi-7 and later.

use hybi::{Closed, Connection, Dialect, Phase, Role};

use super::options::Options;
use super::reference::Reference;
use super::session::{App, ENTROPY, Observed, Run};

/// Options: switches, the two of `limits`, and those of `cuts`. A connection of RFC 6455, HyBi-8
/// or HyBi-7 that was opened elsewhere: a naive scanner reads the same.
pub fn frames(input: &[u8]) {
    let mut options = Options(input);
    let [client, seven, eight, quiet, echoes, closes, lazy] = options.switches();
    let limits = options.limits();
    let config = limits.config.auto_pong(!quiet);
    let cuts = options.cuts();
    let bytes = options.wire();
    let app = App {
        answer: 0,
        echoes,
        closes,
        lazy,
        quiet,
        high_water: limits.high_water,
        timeouts: limits.timeouts,
    };
    let role = if client { Role::Client } else { Role::Server };
    let dialect = match (seven, eight) {
        (true, _) => Dialect::HyBi7,
        (_, true) => Dialect::HyBi8,
        _ => Dialect::Rfc6455,
    };
    let conn = || Connection::established(&config, role, dialect, ENTROPY);
    let whole = Run::of(conn(), app, cuts.none(), bytes);
    let cut = Run::of(conn(), app, cuts, bytes);
    assert_eq!(
        cut.transcript, whole.transcript,
        "{config:?} {app:?} {cuts:?}"
    );
    cut.let_go(bytes.len());

    assert_eq!(whole.transcript.sent, whole.frames);
    let rules = Reference {
        masked: !client,
        minimal: dialect == Dialect::Rfc6455,
        max_frame_len: limits.max_frame_len,
        max_fragments: limits.max_fragments,
    };
    let mut read = rules.read(bytes);
    if cuts.eof && !matches!(read.events.last(), Some(Observed::Closed(_))) {
        let phase = match read.between {
            false => Phase::InMessage,
            true if whole.closing => Phase::Closing,
            true => Phase::Open,
        };
        read.events.push(Observed::Closed(Closed::Eof(phase)));
    }
    let events = whole.transcript.events;
    let refused = |events: &Observed| matches!(events, Observed::Refused(_));
    let events: Vec<_> = events
        .into_iter()
        .filter(|events| !refused(events))
        .collect();
    assert_eq!(events, read.events);
    assert_eq!(whole.transcript.piece, read.piece);
}
