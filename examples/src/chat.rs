//! The behavior of the chat servers, independent of how they do I/O.

use std::error::Error;

use hybi::{
    AcceptOptions, Close, Closed, Config, Connection, Dialects, MessageTooLong, Request, Response,
};

pub const MAX_MESSAGE_LEN: usize = 16 << 20;

/// The page for browsers, served to requests without `Upgrade`.
const PAGE: &str = include_str!("page.html");

/// The reply to a text message.
pub enum Reply<'a> {
    ToSender(&'static str),
    ToAll(&'a str),
}

pub fn reply(message: &str) -> Reply<'_> {
    match message {
        "CONNECTED" => Reply::ToSender("Welcome"),
        "POKE" => Reply::ToSender("Quit poking me!"),
        other => Reply::ToAll(other),
    }
}

/// Enables every dialect, rejects a frame that is longer than a message may be, and buffers up to two of the largest messages per client.
pub static CONFIG: Config = Config::new()
    .dialects(Dialects::ALL)
    .plain_http(true)
    .max_frame_len(MAX_MESSAGE_LEN as u64)
    .max_send_buffer(2 * MAX_MESSAGE_LEN + 1024);

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

/// Closes the connection of a client whose message is longer than `MAX_MESSAGE_LEN`.
pub fn reject_message(conn: &mut Connection, error: MessageTooLong) {
    // Cannot fail: the code is valid, and the reason is short.
    let _ = conn.close(&Close::new(1009, &error.to_string()));
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
