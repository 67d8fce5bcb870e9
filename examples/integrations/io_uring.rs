//! A WebSocket echo server on io_uring: a ring for each processor, reads into buffers that the kernel
//! selects when bytes arrive, and writes of buffers that the connection hands over.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::TcpListener as StdTcpListener;
use std::num::NonZero;
use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use compio::BufResult;
use compio::driver::{BufferRef, ProactorBuilder};
use compio::io::{AsyncReadManaged, AsyncWrite, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::RuntimeBuilder;
use compio::time::{sleep, timeout};
use hybi::{AcceptOptions, Close, Config, Connection, Event, Input, MessageAssembler};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// In each ring.
const BUFFERS: NonZero<u16> = NonZero::new(8192).unwrap();
const BUFFER_LEN: usize = 2048;

const RETRY: Duration = Duration::from_millis(1);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);
const KEEPALIVE: Duration = Duration::from_secs(30);

/// The answer to the longest message, after 64 KiB of other output, fits into the send buffer.
static CONFIG: Config = Config::new()
    .keepalive(KEEPALIVE, KEEPALIVE)
    .max_send_buffer(2 << 20);

fn main() -> Result {
    let address = std::env::args().nth(1);
    let listener = StdTcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8077"))?;
    println!("listening on ws://{}/", listener.local_addr()?);
    for _ in 1..thread::available_parallelism()?.get() {
        let listener = listener.try_clone()?;
        let run = move || run(listener).unwrap_or_else(log);
        if let Err(error) = thread::Builder::new().spawn(run) {
            log(format_args!("one thread less: {error}"));
        }
    }
    Ok(run(listener)?)
}

fn run(listener: StdTcpListener) -> io::Result<()> {
    let mut driver = ProactorBuilder::new();
    driver
        .buffer_pool_size(BUFFERS)
        .buffer_pool_buffer_len(BUFFER_LEN);
    let runtime = RuntimeBuilder::new().with_proactor(driver).build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => {
                    let serve = async move {
                        serve(&socket)
                            .await
                            .unwrap_or_else(|error| log(format_args!("{peer}: {error}")));
                    };
                    compio::runtime::spawn(serve).detach();
                }
                Err(error) => {
                    log(format_args!("accept failed: {error}"));
                    // Out of file descriptors, most likely: let some connections end.
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    })
}

async fn serve(socket: &TcpStream) -> Result {
    let start = Instant::now();
    let mut conn = Connection::server(&CONFIG);
    let mut message = MessageAssembler::default();
    let mut output = Vec::new();
    let mut unread = Vec::new(); // what was not consumed of the last buffer
    // Continues over deadlines: a read that is dropped could lose bytes.
    let mut reading = pin!(read(socket));
    while !conn.is_done() {
        let mut buf = None;
        if unread.is_empty() && conn.wants_read() {
            let deadline = conn.deadline();
            let wait = deadline.map_or(FOREVER, |at| at.saturating_sub(start.elapsed()));
            if let Ok(received) = timeout(wait, reading.as_mut()).await {
                buf = received?;
                reading.set(read(socket));
                if buf.is_none() {
                    conn.receive_eof();
                }
            }
        }
        let bytes = match buf.as_deref_mut() {
            Some(received) => received,
            None => &mut unread,
        };
        let mut input = Input::new(bytes, start.elapsed());
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Request(_) => conn.accept(&AcceptOptions::new())?,
                Event::Text(chunk) => match message.push_text(chunk) {
                    Ok(Some(text)) if conn.is_open() => conn.send_text(text)?,
                    Ok(_) => {}
                    Err(error) => conn.close(&Close::new(1009, &error.to_string()))?,
                },
                Event::Binary(chunk) => match message.push_binary(chunk) {
                    Ok(Some(bytes)) if conn.is_open() => conn.send_binary(bytes)?,
                    Ok(_) => {}
                    Err(error) => conn.close(&Close::new(1009, &error.to_string()))?,
                },
                Event::Closed(hybi::Closed::Protocol(error)) => log(error),
                _ => {}
            }
            if conn.is_congested() {
                break;
            }
        }
        // The other connections need the buffer while this one waits for its client.
        unread = input.remaining().to_vec();
        drop(buf);
        if conn.wants_write() {
            output = write(socket, conn.take_output(output)).await?;
        }
    }
    // Dropping a socket with unread input can reset the connection and lose the last bytes sent.
    let mut writer = socket;
    writer.shutdown().await?;
    let discard = async {
        while let Ok(Some(_)) = reading.as_mut().await {
            reading.set(read(socket));
        }
    };
    let _ = timeout(Duration::from_secs(1), discard).await;
    Ok(())
}

async fn read(mut socket: &TcpStream) -> io::Result<Option<BufferRef>> {
    loop {
        match socket.read_managed(0).await {
            // All buffers are in use.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => sleep(RETRY).await,
            result => return result,
        }
    }
}

/// Waits until the client reads: one that sends faster than it reads is slowed down. Returns the
/// buffer, for the next output.
async fn write(mut socket: &TcpStream, output: Vec<u8>) -> Result<Vec<u8>> {
    let BufResult(result, output) = timeout(WRITE_TIMEOUT, socket.write_all(output)).await?;
    result?;
    Ok(output)
}

/// Unlike `println!`, does not panic if stdout is closed.
fn log(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}
