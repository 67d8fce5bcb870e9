//! Streams that accept bytes which they have not written yet, as those of TLS libraries do: what is
//! not flushed counts as pending.

mod common;

use std::time::Duration;

use common::{DIALECTS, config, open_server, pair_over};
use hybi_tokio::hybi::{Close, Closed, Config, Dialect, Timeout};
use hybi_tokio::{Error, Message, WebSocket};
use tokio::io::{AsyncReadExt, BufStream, DuplexStream, duplex};
use tokio::time::{Instant, timeout};

type Stream = BufStream<DuplexStream>;

/// The timeout of the test, later than any of the connection.
const LATE: Duration = Duration::from_secs(300);

/// Connects a server and a client, whose streams buffer 64 KiB each, and 64 bytes between them.
async fn pair(dialect: Dialect) -> (WebSocket<Stream>, WebSocket<Stream>) {
    let (server, client) = duplex(64);
    let [server, client] = [server, client].map(|io| BufStream::with_capacity(1024, 65_536, io));
    pair_over(server, client, dialect, config()).await
}

fn is_write_timeout(error: &Error) -> bool {
    matches!(error, Error::Closed(Closed::TimedOut(Timeout::Write)))
}

#[tokio::test(start_paused = true)]
async fn sending_to_a_peer_that_does_not_read_ends_at_the_write_timeout() {
    for len in [1000, 50_000] {
        let (mut server, _client) = pair(Dialect::Rfc6455).await;
        let start = Instant::now();
        let sent = timeout(LATE, server.send("x".repeat(len))).await;
        let error = sent.expect("it ends").unwrap_err();
        assert!(is_write_timeout(&error), "{error}");
        assert_eq!(start.elapsed().as_secs(), 30);
        let end = timeout(LATE, server.next()).await.expect("it ends");
        assert!(end.is_some_and(|end| is_write_timeout(&end.unwrap_err())));
        assert!(server.next().await.is_none());
        assert!(start.elapsed() < Duration::from_secs(32));
    }
}

#[tokio::test(start_paused = true)]
async fn receiving_from_a_peer_that_does_not_read_ends_at_the_write_timeout() {
    let (mut server, _client) = pair(Dialect::Rfc6455).await;
    server.feed("x".repeat(1000)).await.unwrap();
    let start = Instant::now();
    let end = timeout(LATE, server.next()).await.expect("it ends");
    assert!(end.is_some_and(|end| is_write_timeout(&end.unwrap_err())));
    assert_eq!(start.elapsed().as_secs(), 31); // and a second to shut down
}

#[tokio::test(start_paused = true)]
async fn closing_with_a_peer_that_does_not_read_ends_within_its_timeouts() {
    let (mut server, _client) = pair(Dialect::Rfc6455).await;
    server.feed("x".repeat(1000)).await.unwrap();
    let start = Instant::now();
    let closed = timeout(LATE, server.close(Close::EMPTY)).await;
    let closed = closed.expect("it ends").unwrap();
    assert_eq!(closed, Closed::TimedOut(Timeout::Write));
    assert_eq!(start.elapsed().as_secs(), 31);
}

#[tokio::test(start_paused = true)]
async fn abort_ends_a_connection_whose_output_is_not_flushed() {
    let (server, _client) = pair(Dialect::Rfc6455).await;
    let (mut reader, mut writer) = server.split();
    let start = Instant::now();
    let sent = timeout(Duration::from_secs(5), writer.send("x".repeat(1000))).await;
    assert!(sent.is_err(), "{sent:?}");
    writer.abort();
    let end = timeout(LATE, reader.next()).await.expect("it ends");
    assert!(end.is_none(), "{end:?}");
    assert!(start.elapsed() <= Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn two_peers_that_send_first_do_not_block_each_other() {
    for dialect in DIALECTS {
        let (server, client) = pair(dialect).await;
        let both = [server, client].map(async |mut socket| {
            for _ in 0..10 {
                socket.send("x".repeat(5000)).await.unwrap();
            }
            for _ in 0..10 {
                let message = socket.next().await.unwrap().unwrap();
                assert_eq!(message, Message::from("x".repeat(5000)));
            }
            socket
        });
        let [server, client] = both;
        let both = async { tokio::join!(server, client) };
        timeout(LATE, both).await.expect("no deadlock");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_no_timeout() {
    let (server, mut client) = duplex(4096);
    let server = BufStream::with_capacity(1024, 65_536, server);
    let mut server = open_server(server, Config::new()).await;
    let read = async {
        let mut buf = vec![0; 4096];
        let mut total = 0;
        while total < 300_000 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            total += client.read(&mut buf).await.unwrap();
        }
    };
    let send = async {
        for _ in 0..10 {
            server.send(vec![0; 30_000]).await.unwrap();
        }
    };
    tokio::join!(read, async { timeout(LATE, send).await.unwrap() });
}

#[tokio::test(start_paused = true)]
async fn dropping_a_connection_flushes_the_close_frame() {
    let (server, mut client) = duplex(64);
    let server = BufStream::new(server);
    let server = open_server(server, Config::new()).await;
    drop(server);
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    assert_eq!(bytes, b"\x88\x02\x03\xe9");
}
