//! Sends the lines of standard input to a `ws://` URL, prints the messages that arrive, and closes
//! at the end of input.

use std::error::Error;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use hybi_tokio::hybi::{ClientRequest, Close, Config, close_code};
use hybi_tokio::{Error as SocketError, Message, Reader, WebSocket, Writer};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

const MAX_MESSAGE_LEN: usize = 16 << 20;
const KEEPALIVE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: tokio_client URL")?;
    let request = ClientRequest::new(&url)?;
    if request.is_tls() {
        return Err("wss:// needs TLS: see the example rustls".into());
    }
    let tcp = TcpStream::connect((request.host(), request.port())).await?;
    tcp.set_nodelay(true)?;
    let config = Config::new()
        .keepalive(KEEPALIVE, KEEPALIVE)
        .max_send_buffer(MAX_MESSAGE_LEN + 14); // the longest header
    let (mut socket, _) = WebSocket::connect(tcp, config, &request).await?;
    socket.set_max_message_len(MAX_MESSAGE_LEN);
    let (mut reader, mut writer) = socket.split();
    {
        let mut receive = std::pin::pin!(print_messages(&mut reader));
        tokio::select! {
            result = &mut receive => result?,
            // Also after an error: the reader has what the server sent before.
            result = send_lines(&mut writer) => receive.await.and(result.map_err(Into::into))?,
        }
    }
    match reader.closed() {
        Some(closed) if closed.close_code() != close_code::NORMAL_CLOSURE => Err(closed.into()),
        _ => Ok(()),
    }
}

async fn send_lines(writer: &mut Writer<TcpStream>) -> Result<(), SocketError> {
    let (sender, mut lines) = mpsc::channel(1);
    // Not with tokio's `stdin`: the process could not exit before the next line.
    thread::spawn(move || {
        let lines = io::stdin().lines().map_while(Result::ok);
        lines
            .map(|line| sender.blocking_send(line))
            .all(|sent| sent.is_ok())
    });
    let mut result = Ok(());
    while let (Ok(()), Some(line)) = (&result, lines.recv().await) {
        result = writer.send(line).await;
    }
    // Has no effect if the server is closing.
    writer
        .start_close(Close::new(close_code::NORMAL_CLOSURE, ""))
        .await?;
    result
}

async fn print_messages(reader: &mut Reader<TcpStream>) -> Result<(), Box<dyn Error>> {
    while let Some(message) = reader.next().await {
        match message? {
            // Control characters could change the settings of a terminal.
            Message::Text(text) => writeln!(io::stdout(), "{}", text.escape_debug())?,
            Message::Binary(bytes) => writeln!(io::stdout(), "{}", bytes.escape_ascii())?,
            _ => {}
        }
    }
    Ok(())
}
