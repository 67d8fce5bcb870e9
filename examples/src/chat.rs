//! The behavior of the chat servers, independent of how they do I/O.

use std::error::Error;

use hybi::{AcceptOptions, Closed, Config, Connection, Dialects, Request, Response};

use crate::compression;

pub const MAX_MESSAGE_LEN: usize = 16 << 20;

/// The most bytes that may wait to be sent in the whole process, without the send buffers: `CONFIG`
/// limits those. Above it, the client that is the furthest behind is disconnected. A client that
/// reads is not, since its queue is short.
pub const MAX_QUEUED: usize = 64 << 20;

/// The page for browsers, served to requests without `Upgrade`.
const PAGE: &str = include_str!("page.html");

/// Returns the reply to a text message; `None` if the message is for all clients.
pub fn reply(message: &str) -> Option<&'static str> {
    match message {
        "CONNECTED" => Some("Welcome"),
        "POKE" => Some("Quit poking me!"),
        _ => None,
    }
}

/// Enables every dialect, and rejects a frame that is longer than a message may be. No more is passed
/// to a congested connection, so its send buffer has little more than the high water mark.
pub static CONFIG: Config = Config::new()
    .dialects(Dialects::ALL)
    .plain_http(true)
    .max_frame_len(MAX_MESSAGE_LEN as u64)
    .high_water(16 * 1024);

/// Returns `CONFIG`, with compression or without.
pub fn config(has_compression: bool) -> Config {
    let config = CONFIG.clone();
    if has_compression {
        compression::enable(config, MAX_MESSAGE_LEN)
    } else {
        config
    }
}

/// Accepts a WebSocket request for any resource from any origin; serves the page at `/`.
pub fn handle_request(conn: &mut Connection, request: &Request) -> Result<(), Box<dyn Error>> {
    if request.dialect().is_some() {
        return Ok(conn.accept(&AcceptOptions::new())?);
    }
    if request.resource() != "/" {
        return Ok(conn.respond(&Response::new(404))?);
    }
    let page = Response::new(200).header("Content-Type", "text/html; charset=utf-8");
    Ok(conn.respond(&page.body(PAGE))?)
}

/// Describes for the log why a client was disconnected that had so many bytes in its queue.
pub fn too_far_behind(queued: usize) -> String {
    format!("too far behind: {queued} bytes were queued")
}

/// Describes for the log how a connection ended. `is_used` is whether the client sent anything: a
/// browser may connect in advance and then not need the connection, which is no error.
pub fn end_reason(closed: &Closed, is_used: bool) -> String {
    match closed {
        Closed::Eof(_) | Closed::TimedOut(_) if !is_used => "ended without a request".to_owned(),
        Closed::Protocol(error) => format!("protocol error: {error}"),
        closed => closed.to_string(),
    }
}
