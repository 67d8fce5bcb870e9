//! The behavior of the chat servers, independent of how they do I/O.

use std::borrow::Cow;
use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use hybi::{
    AcceptOptions, Closed, Config, Connection, Dialect, Dialects, Handshake, Request, Response,
};

use crate::compression;

/// The longest message, unless an option says otherwise. Each client can make a server hold an
/// incomplete one, at a thousandth of the cost if it is compressed.
pub const MAX_MESSAGE_LEN: usize = 64 << 10;

/// The most bytes that may wait to be sent in the whole process, without the send buffers: `CONFIG`
/// limits those. Above it, the client that is the furthest behind is disconnected: one that does not
/// read, or that reads more slowly than messages arrive.
pub const MAX_QUEUED: usize = 64 << 20;

/// Ends connections whose client has gone. Hixie-75 and Hixie-76 have no pings: there, a client that
/// sends nothing ends after a minute.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The page for browsers, served to requests without `Upgrade`.
const PAGE: &str = include_str!("page.html");

/// Returns the reply to a text message; `None` if the message is for all clients. `status` returns
/// the one to `STATUS`: [`OpenConnections::status`]. What pages could take for that reply is not relayed.
pub fn reply(message: &str, status: impl FnOnce() -> String) -> Option<Cow<'static, str>> {
    match message {
        "CONNECTED" => Some("Welcome".into()),
        "POKE" => Some("Quit poking me!".into()),
        "STATUS" => Some(status().into()),
        _ if message.starts_with("STATUS ") => Some("Unknown command".into()),
        _ => None,
    }
}

/// What a server keeps of a handshake.
#[derive(Clone, Copy)]
pub struct Opened {
    dialect: Dialect,
    is_compressed: bool,
}

impl Opened {
    pub fn new(handshake: &Handshake) -> Self {
        Self {
            dialect: handshake.dialect(),
            #[cfg(feature = "deflate")]
            is_compressed: handshake.compression().is_some(),
            #[cfg(not(feature = "deflate"))]
            is_compressed: false,
        }
    }
}

/// How many connections each dialect has. Counted as they open and end, since every page asks for
/// the status regularly: to look at every connection each time would take quadratic time.
#[derive(Default)]
pub struct OpenConnections(HashMap<Dialect, usize>);

impl OpenConnections {
    pub fn insert(&mut self, opened: Opened) {
        *self.0.entry(opened.dialect).or_default() += 1;
    }

    pub fn remove(&mut self, opened: Opened) {
        if let Some(count) = self.0.get_mut(&opened.dialect) {
            *count -= 1;
        }
    }

    /// Returns the reply to `STATUS`: `STATUS `, then JSON with the number of the client, the
    /// dialect of its connection, whether its messages are compressed, and how many clients are
    /// connected with each dialect.
    pub fn status(&self, number: u64, opened: Opened) -> String {
        let Opened {
            dialect,
            is_compressed,
        } = opened;
        let count = |dialect| Some((dialect, *self.0.get(&dialect)?));
        let counts = Dialects::ALL.into_iter().filter_map(count);
        let counts: Vec<String> = counts
            .filter(|(_, count)| *count > 0)
            .map(|(dialect, count)| format!("\"{dialect}\":{count}"))
            .collect();
        let counts = counts.join(",");
        format!(
            "STATUS {{\"client\":{number},\"dialect\":\"{dialect}\",\"compressed\":{is_compressed},\
             \"connected\":{{{counts}}}}}"
        )
    }
}

/// Enables every dialect, and rejects a frame that is longer than a message may be by default. No
/// more is passed to a congested connection, so its send buffer has little more than the high water
/// mark.
pub static CONFIG: Config = Config::new()
    .dialects(Dialects::ALL)
    .plain_http(true)
    .max_frame_len(MAX_MESSAGE_LEN as u64)
    .high_water(16 * 1024);

/// Returns `CONFIG` with keep-alive, for messages up to a length, with compression or without.
pub fn config(has_compression: bool, max_message_len: usize) -> Config {
    let config = CONFIG
        .clone()
        .keepalive(KEEPALIVE, KEEPALIVE)
        .max_frame_len(max_message_len as u64);
    if has_compression {
        compression::enable(config, max_message_len)
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
