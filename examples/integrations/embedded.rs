//! An echo server for a socket of embedded-io-async, without the standard library: for example of
//! embassy-net. `embedded_host.rs` runs it on a computer.

#![no_std]

use core::time::Duration;

use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use hybi::{AcceptOptions, Close, Config, Connection, Event, Input, MessageAssembler};

/// For a few kilobytes of memory per connection.
static CONFIG: Config = Config::new()
    .max_head_len(2048)
    .max_frame_len(1024)
    .high_water(1024)
    .max_send_buffer(3072)
    .keepalive(Duration::from_secs(20), Duration::from_secs(10));

/// The time of the system.
pub trait Clock {
    /// Returns the time since a fixed moment.
    fn now(&self) -> Duration;

    /// Waits until `now` is `time`.
    fn sleep_until(&self, time: Duration) -> impl Future<Output = ()>;
}

/// Serves one client until the connection has ended. Then close the socket.
///
/// # Errors
/// Those of the socket.
pub async fn serve<S: Read + Write>(socket: &mut S, clock: &impl Clock) -> Result<(), S::Error> {
    let mut conn = Connection::server(&CONFIG);
    let mut message = MessageAssembler::new(1024);
    let mut buf = [0; 512];
    while !conn.is_done() {
        let mut len = 0;
        let deadline = conn.deadline().unwrap_or(Duration::MAX);
        if conn.wants_write() {
            // Before reading: a client that sends faster than it reads is slowed down.
            let write = socket.write(conn.transmit());
            if let Either::First(n) = select(write, clock.sleep_until(deadline)).await {
                conn.advance(n?);
            }
        } else {
            let read = socket.read(&mut buf);
            if let Either::First(n) = select(read, clock.sleep_until(deadline)).await {
                len = n?;
                if len == 0 {
                    conn.receive_eof();
                }
            }
        }
        let mut input = Input::new(&mut buf[..len], clock.now());
        while let Some(event) = conn.receive(&mut input) {
            handle(&mut conn, &mut message, event);
        }
    }
    socket.flush().await
}

/// Sends at most what 512 bytes of input cause, which fits into the send buffer.
fn handle(conn: &mut Connection, message: &mut MessageAssembler, event: Event<'_>) {
    let _ = match event {
        Event::Request(_) => conn.accept(&AcceptOptions::new()).map_err(drop),
        Event::Text(chunk) => match message.push_text(chunk) {
            Ok(Some(text)) => conn.send_text(text).map_err(drop),
            Ok(None) => Ok(()),
            Err(error) => conn
                .close(&Close::new(error.close_code(), ""))
                .map_err(drop),
        },
        Event::Binary(chunk) => match message.push_binary(chunk) {
            Ok(Some(bytes)) => conn.send_binary(bytes).map_err(drop),
            Ok(None) => Ok(()),
            Err(error) => conn
                .close(&Close::new(error.close_code(), ""))
                .map_err(drop),
        },
        _ => Ok(()),
    };
}
