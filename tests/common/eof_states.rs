//! The moments of a connection at which it can break off.

use crate::peer::*;

/// How a connection just made comes there.
pub type Come = fn(Peer) -> Peer;

const OPENING: &str =
    "the peer closed the connection without a close frame during the opening handshake";
const FRAME: &str =
    "the peer closed the connection without a close frame in the middle of a frame or message";

/// What the server says of an end of file at each moment, and how to come there.
pub const STATES: [(&str, Come); 11] = [
    (OPENING, |peer| peer),
    (OPENING, |peer| {
        peer.sent("GET /demo HTTP/1.1\r\nHost: exam")
    }),
    (OPENING, Peer::unkeyed),
    (OPENING, |peer| peer.unkeyed().sent("1234567")),
    (
        "the peer closed the connection without a close frame between two messages",
        Peer::opened,
    ),
    (FRAME, |peer| peer.opened().sent("\0half a fr")),
    (FRAME, |peer| peer.opened().sent(b"\x80\x7fskipped")),
    (FRAME, |peer| peer.opened().sent(b"\x80\x81")),
    (FRAME, |peer| peer.opened().sent(b"\xff")),
    ("closed", |peer| peer.opened().closed()),
    ("the request was answered with HTTP status 200", |peer| {
        let mut peer = peer.sent(GET_PAGE);
        peer.expect("HTTP/1.1 200 OK\r\n");
        peer
    }),
];
