//! From events to messages.

use std::time::Duration;

use bytes::Bytes;
use hybi::{Close, Connection, Event, Handshake, Input, MessageAssembler, Request};
use tokio::time::Instant;

use crate::{Error, Message};

/// How long a peer that has sent a close frame may take to accept 16 KiB of what precedes the
/// answer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What a connection has received.
pub(crate) enum Received {
    Request(Request),
    Open(Handshake),
    Message(Message),
}

#[derive(Default)]
pub(crate) struct Receiver {
    pub(crate) assembler: MessageAssembler,
    /// Pings and pongs are messages, too.
    pub(crate) returns_pings: bool,
    /// The peer has sent a close frame. The next call of `receive` answers it, which ends sending;
    /// it is made at this time at the latest.
    pub(crate) answer_by: Option<Instant>,
}

impl Receiver {
    /// Consumes input until something was received. `None` if all of it was consumed.
    pub(crate) fn receive(
        &mut self,
        conn: &mut Connection,
        input: &mut Input<'_>,
    ) -> Option<Result<Received, Error>> {
        self.answer_by = None;
        while let Some(event) = conn.receive(input) {
            let message = match event {
                Event::Request(request) => return Some(Ok(Received::Request(request))),
                Event::Open(handshake) => return Some(Ok(Received::Open(handshake))),
                Event::Text(chunk) => self
                    .assembler
                    .push_text_owned(chunk)
                    .map(|text| text.map(Message::from)),
                Event::Binary(chunk) => self
                    .assembler
                    .push_binary_owned(chunk)
                    .map(|bytes| bytes.map(Message::from)),
                Event::Ping(payload) if self.returns_pings => Ok(Some(Message::Ping(
                    Bytes::copy_from_slice(payload.as_bytes()),
                ))),
                Event::Pong(payload) if self.returns_pings => Ok(Some(Message::Pong(
                    Bytes::copy_from_slice(payload.as_bytes()),
                ))),
                Event::Closing(_) => {
                    self.answer_by = Some(Instant::now() + ANSWER_TIMEOUT);
                    return None;
                }
                // `Connection::closed` tells the end.
                _ => Ok(None),
            };
            match message {
                Ok(Some(message)) => {
                    pass_time(conn, input);
                    return Some(Ok(Received::Message(message)));
                }
                Ok(None) => {}
                Err(error) => {
                    // Cannot fail: the code is valid, and the reason is short.
                    let _ = conn.close(&Close::new(error.close_code(), &error.to_string()));
                    return Some(Err(Error::MessageTooLong(error)));
                }
            }
        }
        None
    }
}

/// Passes the time to a connection that has consumed its input. It returns nothing but the end
/// then, which `Connection::closed` reports as well.
pub(crate) fn pass_time(conn: &mut Connection, input: &mut Input<'_>) {
    while input.remaining().is_empty() && conn.receive(input).is_some() {}
}
