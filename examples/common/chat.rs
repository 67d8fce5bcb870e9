//! What the demo servers say, whatever drives their sockets.

use hybi::{AcceptOptions, Config, Connection, Dialects, Refused, Request, Response};

pub const MAX_MESSAGE: usize = 16 << 20;

/// The page, for a browser that asks for it without `Upgrade`.
const PAGE: &str = include_str!("page.html");

/// Who gets what in answer to a message.
pub enum Answer<'a> {
    Sender(&'static str),
    Everybody(&'a str),
}

pub fn answer(message: &str) -> Answer<'_> {
    match message {
        "CONNECTED" => Answer::Sender("Welcome"),
        "POKE" => Answer::Sender("Quit poking me!"),
        other => Answer::Everybody(other),
    }
}

/// A demo for one's own machine: every dialect, and room for two of the largest messages.
pub fn config() -> Config {
    Config::new()
        .dialects(Dialects::ALL)
        .plain_http(true)
        .max_send_buffer(2 * MAX_MESSAGE + 1024)
}

/// Accepts any resource from any origin, and hands out the page.
pub fn open(conn: &mut Connection, request: &Request) -> Result<(), Refused> {
    if request.dialect().is_some() {
        return conn.accept(&AcceptOptions::new());
    }
    if request.resource() != "/" {
        return conn.respond(&Response::new(404));
    }
    let html = [("Content-Type", "text/html; charset=utf-8")];
    conn.respond(&Response::new(200).headers(&html).body(PAGE.as_bytes()))
}
