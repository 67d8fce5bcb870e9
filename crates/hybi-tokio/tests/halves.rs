//! Halves in different tasks, in random orders of all their steps: no wake-up is lost. Needs
//! `RUSTFLAGS='--cfg hybi_shuttle'`.
#![cfg(hybi_shuttle)]

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::FutureExt;
use hybi_tokio::hybi::{Close, Config, Connection, Dialect, Entropy, Handshake, SharedConfig};
use hybi_tokio::{Bytes, Message, Reader, WebSocket, Writer};
use shuttle::Runner;
use shuttle::future::{block_on, spawn};
use shuttle::scheduler::RandomScheduler;
use shuttle::sync::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const ORDERS: usize = 3000;

/// One direction of a stream.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// A stream that keeps the last waker for each direction, as a socket does.
struct Stream {
    input: Arc<Mutex<Pipe>>,
    output: Arc<Mutex<Pipe>>,
}

impl Stream {
    fn pair(capacity: usize) -> (Self, Self) {
        let pipe = || {
            Arc::new(Mutex::new(Pipe {
                capacity,
                ..Pipe::default()
            }))
        };
        let (to_server, to_client) = (pipe(), pipe());
        let server = Self {
            input: to_server.clone(),
            output: to_client.clone(),
        };
        let client = Self {
            input: to_client,
            output: to_server,
        };
        (server, client)
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = self.input.lock().unwrap();
        if pipe.bytes.is_empty() && !pipe.is_closed {
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = pipe.bytes.len().min(buf.remaining());
        let bytes: Vec<u8> = pipe.bytes.drain(..len).collect();
        buf.put_slice(&bytes);
        wake(&mut pipe.writer);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = self.output.lock().unwrap();
        let len = bytes.len().min(pipe.capacity - pipe.bytes.len());
        if len == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        pipe.bytes.extend(&bytes[..len]);
        wake(&mut pipe.reader);
        Poll::Ready(Ok(len))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = self.output.lock().unwrap();
        pipe.is_closed = true;
        wake(&mut pipe.reader);
        Poll::Ready(Ok(()))
    }
}

fn open(io: Stream, conn: Connection) -> WebSocket<Stream> {
    let socket = WebSocket::upgraded(io, conn, Bytes::new()).now_or_never();
    socket.unwrap().unwrap()
}

/// Two open WebSockets.
fn pair(capacity: usize) -> (WebSocket<Stream>, WebSocket<Stream>) {
    static CONFIG: Config = Config::new().high_water(8);
    let config = SharedConfig::from(&CONFIG);
    let handshake = Handshake::new(Dialect::Rfc6455);
    let server = Connection::established_server(config.clone(), &handshake);
    let client = Connection::established_client(config, &handshake, Entropy::from_bytes([7; 32]));
    let (server_io, client_io) = Stream::pair(capacity);
    (open(server_io, server), open(client_io, client))
}

/// The stream needs timers, but none expires.
fn check(test: impl Fn() + Send + Sync + 'static) {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    let _guard = runtime.enter();
    let mut config = shuttle::Config::new();
    config.stack_size = 1 << 20; // more than a read
    Runner::new(RandomScheduler::new(ORDERS), config).run(test);
}

async fn send(writer: &mut Writer<Stream>, count: usize) {
    for index in 0..count {
        writer.send(index.to_string()).await.unwrap();
    }
}

async fn receive(reader: &mut Reader<Stream>, count: usize) {
    for index in 0..count {
        assert_eq!(
            reader.next().await.unwrap().unwrap(),
            Message::from(index.to_string())
        );
    }
}

#[test]
fn both_directions_at_once() {
    check(|| {
        let (server, client) = pair(7);
        let tasks = [server, client].map(|socket| {
            let (mut reader, mut writer) = socket.split();
            let receiving = spawn(async move {
                receive(&mut reader, 4).await;
                reader
            });
            let sending = spawn(async move {
                send(&mut writer, 4).await;
                writer
            });
            (receiving, sending)
        });
        block_on(async {
            let mut halves = Vec::new();
            for (receiving, sending) in tasks {
                halves.push((receiving.await.unwrap(), sending.await.unwrap()));
            }
        });
    });
}

#[test]
fn a_close_by_the_writer_ends_the_reader() {
    check(|| {
        let (server, client) = pair(7);
        let (mut reader, mut writer) = server.split();
        let reading = spawn(async move { while reader.next().await.is_some() {} });
        let writing = spawn(async move {
            send(&mut writer, 2).await;
            writer.start_close(Close::new(1000, "bye")).await.unwrap();
        });
        let (mut client_reader, client_writer) = client.split();
        let client = spawn(async move {
            receive(&mut client_reader, 2).await;
            assert!(client_reader.next().await.is_none());
            drop(client_writer);
        });
        block_on(async {
            reading.await.unwrap();
            writing.await.unwrap();
            client.await.unwrap();
        });
    });
}

#[test]
fn an_abort_by_the_writer_ends_the_reader() {
    check(|| {
        let (server, client) = pair(7);
        let (mut reader, mut writer) = server.split();
        let reading = spawn(async move { reader.next().await });
        let writing = spawn(async move { writer.abort() });
        block_on(async {
            assert!(reading.await.unwrap().is_none());
            writing.await.unwrap();
        });
        drop(client);
    });
}

/// The writer fills the inbox while it waits, and wakes the reader, which makes room.
#[test]
fn a_reader_that_starts_late_receives_everything() {
    check(|| {
        let (server, client) = pair(7);
        let (mut reader, mut writer) = server.split();
        let (mut client_reader, mut client_writer) = client.split();
        let writing = spawn(async move {
            send(&mut writer, 3).await;
            receive(&mut reader, 3).await;
            (reader, writer)
        });
        let client = spawn(async move {
            send(&mut client_writer, 3).await;
            receive(&mut client_reader, 3).await;
            (client_reader, client_writer)
        });
        block_on(async {
            let server = writing.await.unwrap();
            let client = client.await.unwrap();
            drop((server, client));
        });
    });
}
