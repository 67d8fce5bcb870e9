//! An echo server for every dialect. It limits its connections, accepts again after the system has
//! refused a descriptor, and closes all connections before it exits on Ctrl-C or SIGTERM.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hybi_tokio::hybi::{AcceptOptions, Close, Closed, Config, Dialects, close_code};
use hybi_tokio::{Error, WebSocket};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::coop::consume_budget;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

const MAX_CONNECTIONS: u32 = 10_000;
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Each connection may hold so much of an incomplete message, and twice as much output: 1 MiB, or
/// what follows `--max-message-len`, after the address.
static MAX_MESSAGE_LEN: LazyLock<usize> = LazyLock::new(|| {
    let mut args = std::env::args().skip_while(|arg| arg != "--max-message-len");
    let len = args.nth(1).and_then(|len| len.parse().ok());
    len.unwrap_or(1 << 20)
});

static CONFIG: LazyLock<Config> = LazyLock::new(|| {
    let config = Config::new()
        .dialects(Dialects::ALL)
        .keepalive(Duration::from_secs(30), Duration::from_secs(30))
        .max_frame_len(*MAX_MESSAGE_LEN as u64)
        .max_send_buffer(2 * *MAX_MESSAGE_LEN);
    #[cfg(feature = "deflate")]
    let config = {
        let deflate = hybi_tokio::hybi::Deflate::new().max_inflated_len(*MAX_MESSAGE_LEN as u64);
        config.deflate(deflate.send_window(Some(10)).receive_window(Some(10)))
    };
    config
});

#[tokio::main]
async fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8075")).await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let stop = CancellationToken::new();
    tokio::select! {
        _ = accept(&listener, &permits, &stop) => {}
        result = interrupted() => result?,
    }
    drop(listener);
    stop.cancel();
    // All permits are available once all connections have ended.
    let _ = timeout(SHUTDOWN_TIMEOUT, permits.acquire_many(MAX_CONNECTIONS)).await;
    Ok(())
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>, stop: &CancellationToken) {
    // More clients wait until the system accepts them. The semaphore is never closed.
    while let Ok(permit) = permits.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                let stop = stop.clone();
                tokio::spawn(async move {
                    match serve(tcp, stop).await {
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

async fn serve(tcp: TcpStream, stop: CancellationToken) -> Result<Closed, Error> {
    tcp.set_nodelay(true)?;
    // With more, the system reports that a slow reader reads too late for the write timeout.
    SockRef::from(&tcp).set_send_buffer_size(128 << 10)?;
    let open = async {
        let pending = WebSocket::accept(tcp, &*CONFIG).await?;
        pending.accept(&AcceptOptions::new()).await
    };
    let mut socket = tokio::select! {
        socket = open => socket?,
        () = stop.cancelled() => return Ok(Closed::LocallyClosed),
    };
    socket.set_max_message_len(*MAX_MESSAGE_LEN);
    let result = tokio::select! {
        result = echo(&mut socket) => result,
        () = stop.cancelled() => Ok(()),
    };
    // If it is closing already, this waits until the pending output is written.
    let closed = socket.close(Close::new(close_code::GOING_AWAY, "")).await;
    result.and(closed)
}

async fn echo(socket: &mut WebSocket<TcpStream>) -> Result<(), Error> {
    while let Some(message) = socket.next().await {
        socket.feed(message?).await?;
        // One read can contain many messages, which may be compressed: other tasks come in between.
        consume_budget().await;
    }
    Ok(())
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
