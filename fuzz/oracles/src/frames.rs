//! Frames of HyBi-7, HyBi-8 and RFC 6455, compared with a reference decoder.

use arbitrary::Arbitrary;
use hybi::{Closed, Dialect, Phase};
use testkit::hybi_reference::ReferenceDecoder;
use testkit::{Observed, Role};

use crate::options::{Digit, LimitOptions, SplitOptions};
use crate::session::{Behaviour, Session, established};

/// What a connection is configured with, and the frames that it receives.
#[derive(Arbitrary, Debug)]
pub struct FramesInput<'a> {
    /// A client, HyBi-7, HyBi-8, no automatic pongs, echoes, a close frame after the first message,
    /// no output before the input ends, no automatic close.
    pub switches: Digit,
    pub limits: LimitOptions,
    pub splits: SplitOptions,
    pub separator: u8,
    pub wire: &'a [u8],
}

/// Feeds frames to a connection established by another library, and to the reference decoder.
pub fn frames(input: FramesInput<'_>) {
    let [
        client,
        hybi7,
        hybi8,
        no_pongs,
        echo,
        close,
        write_at_end,
        no_auto_close,
    ] = input.switches.switches();
    let limits = input.limits.limits();
    let config = limits
        .config
        .auto_pong(!no_pongs)
        .auto_close(!no_auto_close);
    let splits = input.splits.splits();
    let bytes = input.wire;
    let role = if client { Role::Client } else { Role::Server };
    let behaviour = Behaviour {
        role,
        answer: 0,
        echo,
        close,
        close_early: false,
        no_auto_close,
        write_at_end,
        no_pongs,
        high_water: limits.high_water,
        timeouts: limits.timeouts,
    };
    let dialect = match (hybi7, hybi8) {
        (true, _) => Dialect::HyBi7,
        (_, true) => Dialect::HyBi8,
        _ => Dialect::Rfc6455,
    };
    let conn = || established(&config, role, dialect);
    let unsplit = Session::run(conn(), behaviour, splits.unsplit(), bytes);
    let split = Session::run(conn(), behaviour, splits, bytes);
    assert_eq!(
        split.transcript, unsplit.transcript,
        "{config:?} {behaviour:?} {splits:?}"
    );
    split.check_freed(bytes.len());

    assert_eq!(unsplit.transcript.sent, unsplit.expected_frames);
    let decoder = ReferenceDecoder {
        dialect,
        role,
        max_frame: limits.max_frame_len,
        max_fragments: limits.max_fragments,
    };
    let (mut expected, _) = decoder.decode(bytes);
    match expected.last_mut() {
        Some(Observed::Closed(Closed::Eof(_))) if !splits.eof => drop(expected.pop()),
        Some(Observed::Closed(Closed::Eof(phase @ Phase::Open))) if unsplit.expects_close => {
            *phase = Phase::Closing;
        }
        _ => {}
    }
    assert_eq!(unsplit.transcript.events, expected);
}
