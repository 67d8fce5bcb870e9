//! Flash policy requests (PX-1).

use hybi::{Closed, Config, Connection, Phase};
use testkit::*;

const REQUEST: &[u8; 23] = b"<policy-file-request/>\0";

const POLICY: &str = "<?xml version=\"1.0\"?>\
    <cross-domain-policy>\
    <allow-access-from domain=\"*\" to-ports=\"*\"/>\
    </cross-domain-policy>";

const WITH_POLICY: Config = Config::new().flash_policy(POLICY);

fn policy_sent() -> Observed {
    Observed::Closed(Closed::FlashPolicy)
}

/// Checks that the request is answered with the policy and a NUL.
#[track_caller]
fn assert_policy_is_sent(config: &Config, request: &[u8], splits: &[usize]) {
    let transcript = run(Connection::server(config.clone()), request, splits, false);
    assert_eq!(transcript.events, [policy_sent()]);
    let policy = [POLICY.as_bytes(), b"\0"].concat();
    assert_eq!(escaped(transcript.sent), escaped(policy));
}

#[test]
fn the_policy_and_a_nul_are_sent_at_every_split_px_1() {
    assert_policy_is_sent(&WITH_POLICY, REQUEST, &[]);
    for split in 0..=REQUEST.len() {
        assert_policy_is_sent(&WITH_POLICY, REQUEST, &[split]);
    }
    let everywhere: Vec<usize> = (1..REQUEST.len()).collect();
    assert_policy_is_sent(&WITH_POLICY, REQUEST, &everywhere);
}

#[test]
fn spaces_are_allowed_around_the_slash_px_1() {
    for request in [
        &b"<policy-file-request />\0"[..],
        b"<policy-file-request   />\0",
        b"<policy-file-request/ >\0",
        b"<policy-file-request /  >\0",
    ] {
        for split in 0..=request.len() {
            assert_policy_is_sent(&WITH_POLICY, request, &[split]);
        }
    }
}

#[test]
fn the_connection_is_done_once_the_policy_is_flushed_px_1() {
    let mut server = Driver::new(Connection::server(WITH_POLICY));
    let remaining = server.feed(&[REQUEST, DRAFT_76_REQUEST.as_bytes()].concat());
    assert_eq!(
        remaining,
        DRAFT_76_REQUEST.len(),
        "bytes after the request are not consumed"
    );
    assert!(server.conn.is_done());
    server.transcript = Transcript::default();
    server.feed(DRAFT_76_REQUEST.as_bytes());
    server.eof();
    assert_eq!(server.transcript, Transcript::default());
}

#[test]
fn the_policy_is_sent_up_to_its_first_nul_px_1() {
    let config = Config::new().flash_policy("<cross-domain-policy/>\0\0more");
    let transcript = run(Connection::server(config.clone()), REQUEST, &[], false);
    assert_eq!(transcript.events, [policy_sent()]);
    assert_eq!(
        escaped(transcript.sent),
        escaped(b"<cross-domain-policy/>\0")
    );
}

#[test]
fn without_a_policy_the_request_is_rejected_without_response_px_1() {
    for split in 0..=REQUEST.len() {
        let server = Connection::server(Config::new());
        let transcript = run(server, REQUEST, &[split], true);
        assert_eq!(
            transcript.events,
            [protocol_error(ProtocolError::FlashPolicyRequest)]
        );
        assert_eq!(escaped(transcript.sent), "");
    }
}

#[test]
fn nothing_is_reported_before_the_nul_px_1() {
    for config in [WITH_POLICY, Config::new()] {
        for end in 0..REQUEST.len() {
            let mut server = Driver::new(Connection::server(config.clone()));
            server.feed(&REQUEST[..end]);
            assert_eq!(server.transcript, Transcript::default());
            server.eof();
            let eof = unexpected_eof(Phase::Handshaking);
            assert_eq!(server.events(), [eof], "at {end}");
            assert_eq!(escaped(server.sent()), "");
        }
    }
}

#[test]
fn similar_requests_are_invalid_start_lines_px_1() {
    // The first invalid byte is marked.
    for malformed in [
        "<^html>",
        "<^POLICY-FILE-REQUEST/>",
        "<policy-file-request^>",
        "<policy-file-request/ ^/>",
        "<policy-file-request/>^\r\n\r\n",
        "<policy-file-request/>^GET / HTTP/1.1\r\n",
        "<^ policy-file-request/>",
    ] {
        let request = "<policy-file-request/>";
        let (bytes, at) = replace_marked([request.as_bytes(), b"\0"].concat(), request, malformed);
        for config in [WITH_POLICY, Config::new()] {
            let transcript = run(Connection::server(config.clone()), &bytes, &[], false);
            assert_eq!(
                transcript.events,
                [protocol_error(ProtocolError::InvalidStartLine { at })]
            );
            let rejection = b"HTTP/1.1 400 Bad Request\r\n";
            assert!(transcript.sent.starts_with(rejection), "{malformed}");
        }
    }
}

#[test]
fn websocket_requests_still_open_with_a_policy_px_1() {
    let bytes = [DRAFT_76_REQUEST.as_bytes(), DRAFT_76_KEY3].concat();
    let transcript = run(Connection::server(WITH_POLICY), &bytes, &[], false);
    let sent = [DRAFT_76_RESPONSE.as_bytes(), DRAFT_76_CHALLENGE_RESPONSE].concat();
    assert_eq!(escaped(transcript.sent), escaped(sent));
}
