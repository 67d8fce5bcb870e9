//! Memory per connection.

mod common;

use std::mem::size_of;

use common::{config, pair};
use futures_util::future::join_all;
use hybi_tokio::hybi::Dialect;
use hybi_tokio::{Message, WebSocket};
use std::time::Duration;
use testkit::allocator::{CountingAllocator, measure};
use tokio::io::DuplexStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// After one exchange and some idle seconds, without the stream itself.
#[test]
fn an_idle_connection_uses_at_most_1_kib() {
    const COUNT: usize = 1000;
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let runtime = runtime.unwrap();
    let (streams, stream_usage) = measure(|| {
        let streams = (0..COUNT).map(|_| tokio::io::duplex(64));
        streams.collect::<Vec<_>>()
    });
    drop(streams);
    let config = config().keepalive(Duration::from_secs(20), Duration::from_secs(20));
    let (pairs, usage) = measure(|| {
        runtime.block_on(async {
            let config = std::sync::Arc::new(config);
            let pairs = (0..COUNT).map(|_| pair(64, Dialect::Rfc6455, config.clone()));
            let mut pairs: Vec<_> = join_all(pairs).await;
            join_all(pairs.iter_mut().map(exchange)).await;
            pairs
        })
    });
    let inline = size_of::<(WebSocket<DuplexStream>, WebSocket<DuplexStream>)>();
    let heap = (usage.retained - stream_usage.retained) as usize / COUNT - inline;
    let per_connection = heap / 2 + size_of::<WebSocket<DuplexStream>>();
    println!("{per_connection} bytes per connection");
    assert!(per_connection <= 1024, "{per_connection}");
    drop(pairs);
}

async fn exchange((server, client): &mut (WebSocket<DuplexStream>, WebSocket<DuplexStream>)) {
    let echo = async {
        let message = server.next().await.unwrap().unwrap();
        server.send(message).await.unwrap();
        // Idle: memory is released after some seconds.
        let _ = timeout(Duration::from_secs(5), server.next()).await;
    };
    let send = async {
        client.send("x".repeat(10_000)).await.unwrap();
        let echoed = client.next().await.unwrap().unwrap();
        assert_eq!(echoed, Message::from("x".repeat(10_000)));
        let _ = timeout(Duration::from_secs(5), client.next()).await;
    };
    tokio::join!(echo, send);
}
