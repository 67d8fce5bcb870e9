//! A chat with a page, for every dialect: each text is sent to all clients. Memory is bounded: a
//! client that is too slow is disconnected, and one that floods the chat is slowed down.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use hybi_tokio::hybi::{AcceptOptions, Close, Closed, Config, Dialects, Response, close_code};
use hybi_tokio::{Message, Reader, WebSocket, Writer};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

type Messages = broadcast::Receiver<Message>;
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const PAGE: &str = include_str!("page.html");
const MAX_CLIENTS: u32 = 5_000;
const MAX_MESSAGE_LEN: usize = 4 << 10;
/// How many messages a client may be behind. All clients share them, so these are 16 MiB at most.
const MAX_BEHIND: usize = 4 << 10;
const KEEPALIVE: Duration = Duration::from_secs(30);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

static CONFIG: Config = Config::new()
    .dialects(Dialects::ALL)
    .plain_http(true)
    .keepalive(KEEPALIVE, KEEPALIVE)
    .max_frame_len(MAX_MESSAGE_LEN as u64)
    // A client that does not read at all is disconnected after this time.
    .write_timeout(Duration::from_secs(10));

struct Chat {
    messages: broadcast::Sender<Message>,
    /// Of the page.
    origins: [String; 2],
    stop: CancellationToken,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8076")).await?;
    let address = listener.local_addr()?;
    println!("listening on ws://{address}/");
    println!("the chat page is http://{address}/");
    let localhost = format!("http://localhost:{}", address.port());
    let chat = Arc::new(Chat {
        messages: broadcast::Sender::new(MAX_BEHIND),
        origins: [format!("http://{address}"), localhost],
        stop: CancellationToken::new(),
    });
    let permits = Arc::new(Semaphore::new(MAX_CLIENTS as usize));
    tokio::select! {
        () = accept(&listener, &permits, &chat) => {}
        result = interrupted() => result?,
    }
    drop(listener);
    chat.stop.cancel();
    // All permits are available once all connections have ended.
    let _ = timeout(SHUTDOWN_TIMEOUT, permits.acquire_many(MAX_CLIENTS)).await;
    Ok(())
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>, chat: &Arc<Chat>) {
    // The semaphore is never closed.
    while let Ok(permit) = permits.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                let chat = chat.clone();
                tokio::spawn(async move {
                    match serve(tcp, &chat).await {
                        Ok(closed) => println!("{peer}: {closed}"),
                        Err(error) => println!("{peer}: {error}"),
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                let _ = writeln!(io::stdout(), "accept failed: {error}"); // may be closed
                // Out of descriptors, most likely: let some connections end.
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn serve(tcp: TcpStream, chat: &Chat) -> Result<Closed> {
    tcp.set_nodelay(true)?;
    // With more, the system reports that a slow reader reads too late for the write timeout.
    SockRef::from(&tcp).set_send_buffer_size(128 << 10)?;
    let socket = tokio::select! {
        socket = answer(tcp, chat) => socket?,
        () = chat.stop.cancelled() => None,
    };
    let Some((mut socket, messages)) = socket else {
        return Ok(Closed::LocallyClosed);
    };
    socket.set_max_message_len(MAX_MESSAGE_LEN);
    let (mut reader, mut writer) = socket.split();
    let caught_up = Notify::new();
    let result = tokio::select! {
        result = receive(&mut reader, chat, &caught_up) => result,
        result = deliver(&mut writer, messages, &caught_up) => result,
        () = chat.stop.cancelled() => Ok(()),
    };
    // Has no effect if it is closing already.
    let closing = writer
        .start_close(Close::new(close_code::GOING_AWAY, ""))
        .await;
    while reader.next().await.is_some() {}
    result.and(closing.map_err(Into::into))?;
    Ok(reader.closed().unwrap_or(Closed::Aborted))
}

/// Answers the request. Returns `None` unless it was accepted.
async fn answer(tcp: TcpStream, chat: &Chat) -> Result<Option<(WebSocket<TcpStream>, Messages)>> {
    let pending = WebSocket::accept(tcp, &CONFIG).await?;
    let request = pending.request();
    let origins = chat.origins.each_ref().map(String::as_str);
    let is_websocket = request.dialect().is_some();
    let response = match request.resource() {
        "/" if !is_websocket => Response::new(200)
            .header("Content-Type", "text/html; charset=utf-8")
            .body(PAGE),
        // Browsers let the pages of every site connect. What is not a browser sends no origin.
        "/socket" if is_websocket => {
            if request.origin().is_none() || request.origin_among(&origins) {
                // Before the client learns that it is connected.
                let messages = chat.messages.subscribe();
                let socket = pending.accept(&AcceptOptions::new()).await?;
                return Ok(Some((socket, messages)));
            }
            Response::new(403)
        }
        _ => Response::new(404),
    };
    pending.respond(&response).await?;
    Ok(None)
}

async fn receive(reader: &mut Reader<TcpStream>, chat: &Chat, caught_up: &Notify) -> Result {
    while let Some(message) = reader.next().await {
        let message = message?;
        if matches!(message, Message::Text(_)) {
            // Has a receiver: that of this client.
            let _ = chat.messages.send(message);
            // Until it has received its own message, too.
            caught_up.notified().await;
        }
    }
    Ok(())
}

async fn deliver(
    writer: &mut Writer<TcpStream>,
    mut messages: Messages,
    caught_up: &Notify,
) -> Result {
    loop {
        if messages.is_empty() {
            writer.flush().await?;
            caught_up.notify_one();
        }
        match messages.recv().await {
            Ok(message) => writer.feed(message).await?,
            Err(RecvError::Lagged(count)) => {
                writer.abort();
                return Err(format!("too slow: {count} messages were not delivered").into());
            }
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// Waits for Ctrl-C, or on Unix for SIGTERM.
async fn interrupted() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result,
            _ = terminated.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
