//! Every future is dropped at random, and nothing is lost, over streams of any capacity.

mod common;

use common::{DIALECTS, cancel_after, config, pair, pair_over};
use fastrand::Rng;
use hybi_tokio::hybi::{Close, Closed};
use hybi_tokio::{Message, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, BufStream, duplex};
use tokio::task::yield_now;

const MESSAGES: usize = 30;

fn messages(rng: &mut Rng, has_binary: bool) -> Vec<Message> {
    let message = |index: usize| {
        let len = match rng.u8(..4) {
            0 => rng.usize(..10_000),
            _ => rng.usize(..200),
        };
        if has_binary && rng.bool() {
            Message::from(vec![index as u8; len])
        } else {
            Message::from("\u{20ac}".repeat(len / 3) + &index.to_string())
        }
    };
    (0..MESSAGES).map(message).collect()
}

/// Sends and receives in random order, until all messages were sent and `expected` were received.
async fn run(
    socket: &mut WebSocket<impl AsyncRead + AsyncWrite + Unpin>,
    mut rng: Rng,
    sent: &[Message],
    expected: &[Message],
) {
    let mut sent = sent.iter();
    let mut expected = expected.iter();
    let mut flushed = false;
    while !sent.as_slice().is_empty() || !expected.as_slice().is_empty() || !flushed {
        let polls = rng.usize(..4);
        match rng.u8(..3) {
            0 if !expected.as_slice().is_empty() => {
                if let Some(message) = cancel_after(socket.next(), polls).await {
                    assert_eq!(message.unwrap().unwrap(), *expected.next().unwrap());
                }
            }
            1 if !sent.as_slice().is_empty() => {
                if let Some(ready) = cancel_after(socket.ready(), polls).await {
                    ready.unwrap();
                    let message = sent.next().unwrap().clone();
                    let sent = match rng.bool() {
                        true => cancel_after(socket.feed(message), 1).await,
                        // The message is queued, although it is not written.
                        false => cancel_after(socket.send(message), 1).await.or(Some(Ok(()))),
                    };
                    sent.expect("queued without waiting").unwrap();
                    flushed = false;
                }
            }
            _ => {
                if let Some(result) = cancel_after(socket.flush(), polls).await {
                    result.unwrap();
                    flushed = true;
                }
            }
        }
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_any_future_is_dropped() {
    for seed in 0..100 {
        let mut rng = Rng::with_seed(seed);
        let capacity = match rng.bool() {
            true => rng.usize(1..40),
            false => rng.usize(1..20_000),
        };
        let (server, client) = duplex(capacity);
        exchange(rng, server, client).await;
    }
}

/// Streams that accept more than they have written.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_when_any_future_is_dropped_over_streams_that_buffer() {
    for seed in 0..100 {
        let mut rng = Rng::with_seed(seed);
        let (server, client) = duplex(rng.usize(1..2000));
        let [server, client] =
            [server, client].map(|io| BufStream::with_capacity(100, rng.usize(1..20_000), io));
        exchange(rng, server, client).await;
    }
}

/// Sends messages in both directions, and closes.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut rng: Rng, server: S, client: S) {
    let dialect = DIALECTS[rng.usize(..DIALECTS.len())];
    // Some messages do not fit in between.
    let config = config()
        .high_water(rng.usize(..9_000))
        .max_send_buffer(12_000);
    let (mut server, mut client) = pair_over(server, client, dialect, config).await;
    let from_server = messages(&mut rng, dialect.has_binary());
    let from_client = messages(&mut rng, dialect.has_binary());
    tokio::join!(
        run(&mut server, rng.fork(), &from_server, &from_client),
        run(&mut client, rng.fork(), &from_client, &from_server),
    );

    let (closed, end) = tokio::join!(client.close(Close::new(1000, "")), server.next());
    assert!(end.is_none(), "{dialect}: {end:?}");
    match closed.unwrap() {
        Closed::Clean(_) => assert!(dialect.has_close()),
        Closed::LocallyClosed => assert!(!dialect.has_close()),
        closed => panic!("{dialect}: {closed}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_opening_handshake_waits_over_any_capacity() {
    for dialect in DIALECTS {
        for capacity in 1..20 {
            pair(capacity, dialect, config()).await;
        }
    }
}
