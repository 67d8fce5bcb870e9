//! The policy file that Flash asks for before it connects (PX-1).

mod common;

use common::*;
use hybi::{Closed, Config, Connection, Phase, ProtocolError};

const REQUEST: &[u8; 23] = b"<policy-file-request/>\0";

const POLICY: &str = "<?xml version=\"1.0\"?>\
    <cross-domain-policy>\
    <allow-access-from domain=\"*\" to-ports=\"*\"/>\
    </cross-domain-policy>";

const ON: Config = Config::new().flash_policy(POLICY);

fn sent() -> Observed {
    Observed::Closed(Closed::FlashPolicy)
}

fn protocol_error(error: ProtocolError) -> Observed {
    Observed::Closed(Closed::Protocol(error))
}

/// The document and a NUL, and it is over.
#[track_caller]
fn gets_the_policy(config: &Config, request: &[u8], cuts: &[usize]) {
    let transcript = run(Connection::server(config), request, cuts, false);
    assert_eq!(transcript.events, [sent()]);
    let policy = [POLICY.as_bytes(), b"\0"].concat();
    assert_eq!(escaped(transcript.sent), escaped(policy));
}

#[test]
fn px_1_the_policy_and_a_nul_at_every_cut() {
    gets_the_policy(&ON, REQUEST, &[]);
    for cut in 0..=REQUEST.len() {
        gets_the_policy(&ON, REQUEST, &[cut]);
    }
    let everywhere: Vec<usize> = (1..REQUEST.len()).collect();
    gets_the_policy(&ON, REQUEST, &everywhere);
}

#[test]
fn px_1_spaces_may_stand_before_the_slash() {
    for request in [
        &b"<policy-file-request />\0"[..],
        b"<policy-file-request   />\0",
    ] {
        for cut in 0..=request.len() {
            gets_the_policy(&ON, request, &[cut]);
        }
    }
}

#[test]
fn px_1_it_is_over_once_the_policy_is_flushed() {
    let mut server = Driver::new(Connection::server(&ON));
    let left = server.feed(&[REQUEST, DRAFT_76_HEAD.as_bytes()].concat());
    assert_eq!(left, DRAFT_76_HEAD.len(), "what follows is not taken");
    assert!(server.conn.is_done());
    server.transcript = Transcript::default();
    server.feed(DRAFT_76_HEAD.as_bytes());
    server.eof();
    assert_eq!(server.transcript, Transcript::default());
}

#[test]
fn px_1_a_document_ends_at_its_first_nul() {
    let config = Config::new().flash_policy("<cross-domain-policy/>\0\0more");
    let transcript = run(Connection::server(&config), REQUEST, &[], false);
    assert_eq!(transcript.events, [sent()]);
    assert_eq!(
        escaped(transcript.sent),
        escaped(b"<cross-domain-policy/>\0")
    );
}

#[test]
fn px_1_off_it_is_refused_with_no_reply() {
    for cut in 0..=REQUEST.len() {
        let off = Connection::server(&Config::new());
        let transcript = run(off, REQUEST, &[cut], true);
        assert_eq!(
            transcript.events,
            [protocol_error(ProtocolError::FlashPolicyRequest)]
        );
        assert_eq!(escaped(transcript.sent), "");
    }
}

#[test]
fn px_1_nothing_is_said_before_its_nul() {
    for config in [ON, Config::new()] {
        for end in 0..REQUEST.len() {
            let mut server = Driver::new(Connection::server(&config));
            server.feed(&REQUEST[..end]);
            assert_eq!(server.transcript, Transcript::default());
            server.eof();
            let eof = Observed::Closed(Closed::Eof(Phase::Handshaking));
            assert_eq!(server.events(), [eof], "at {end}");
            assert_eq!(escaped(server.sent()), "");
        }
    }
}

#[test]
fn px_1_what_only_looks_like_it_is_a_bad_request() {
    // The byte at which each goes wrong is marked.
    for malformed in [
        "<^html>",
        "<^POLICY-FILE-REQUEST/>",
        "<policy-file-request^>",
        "<policy-file-request/^ >",
        "<policy-file-request/>^\r\n\r\n",
        "<policy-file-request/>^GET / HTTP/1.1\r\n",
        "<^ policy-file-request/>",
    ] {
        let whole = "<policy-file-request/>";
        let (bytes, at) = edit_marked([whole.as_bytes(), b"\0"].concat(), whole, malformed);
        for config in [ON, Config::new()] {
            let transcript = run(Connection::server(&config), &bytes, &[], false);
            assert_eq!(
                transcript.events,
                [protocol_error(ProtocolError::InvalidStartLine { at })]
            );
            let refusal = b"HTTP/1.1 400 Bad Request\r\n";
            assert!(transcript.sent.starts_with(refusal), "{malformed}");
        }
    }
}

#[test]
fn px_1_a_request_is_answered_as_ever_where_it_is_on() {
    let bytes = [DRAFT_76_HEAD.as_bytes(), DRAFT_76_KEY3].concat();
    let transcript = run(Connection::server(&ON), &bytes, &[], false);
    let sent = [DRAFT_76_REPLY.as_bytes(), DRAFT_76_ANSWER].concat();
    assert_eq!(escaped(transcript.sent), escaped(sent));
}
