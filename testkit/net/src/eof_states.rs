//! Connection states in which the peer can send EOF.

use crate::peer::*;

/// Brings a new connection into the state.
pub type Setup = fn(Peer) -> Peer;

const IN_HANDSHAKE: &str =
    "the peer closed the connection without a close frame during the opening handshake";
const IN_MESSAGE: &str =
    "the peer closed the connection without a close frame in the middle of a frame or message";

/// What the server logs at EOF in each state, and how to get there.
pub const EOF_STATES: [(&str, Setup); 11] = [
    ("ended without a request", |peer| peer),
    (IN_HANDSHAKE, |peer| {
        peer.after_sending("GET /demo HTTP/1.1\r\nHost: exam")
    }),
    (IN_HANDSHAKE, Peer::after_request_head),
    (IN_HANDSHAKE, |peer| {
        peer.after_request_head().after_sending("1234567")
    }),
    (
        "the peer closed the connection without a close frame between two messages",
        Peer::after_handshake,
    ),
    (IN_MESSAGE, |peer| {
        peer.after_handshake().after_sending("\0half a fr")
    }),
    (IN_MESSAGE, |peer| {
        peer.after_handshake().after_sending(b"\x80\x7fskipped")
    }),
    (IN_MESSAGE, |peer| {
        peer.after_handshake().after_sending(b"\x80\x81")
    }),
    (IN_MESSAGE, |peer| {
        peer.after_handshake().after_sending(b"\xff")
    }),
    ("closed", |peer| {
        peer.after_handshake().after_closing_handshake()
    }),
    ("the request was answered with HTTP status 200", |peer| {
        let mut peer = peer.after_sending(GET_PAGE);
        peer.expect("HTTP/1.1 200 OK\r\n");
        peer
    }),
];
