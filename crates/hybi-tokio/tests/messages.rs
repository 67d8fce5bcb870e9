//! Messages between two WebSockets, in every dialect and over streams of any capacity.

mod common;

use common::{DIALECTS, config, pair, request};
use futures_util::{SinkExt, StreamExt};
use hybi_tokio::hybi::{AcceptOptions, Close, Config, Dialect, PreparedMessage, SendError};
use hybi_tokio::{Bytes, Error, Message, WebSocket};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;

const RFC6455: Dialect = Dialect::Rfc6455;

fn text(message: Option<Result<Message, Error>>) -> String {
    match message {
        Some(Ok(Message::Text(text))) => text.into(),
        message => panic!("{message:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_echoed_in_each_dialect_over_any_capacity() {
    let messages = ["".into(), "Hello".into(), "\u{20ac}".repeat(3000)];
    for dialect in DIALECTS {
        for capacity in [1, 2, 3, 100, 5000, 100_000] {
            let (mut server, mut client) = pair(capacity, dialect, config()).await;
            let echo = async {
                for _ in &messages {
                    let message = server.next().await.unwrap().unwrap();
                    server.send(message).await.unwrap();
                }
            };
            let send = async {
                for message in &messages {
                    client.send(message.as_str()).await.unwrap();
                    assert_eq!(text(client.next().await), *message);
                }
            };
            tokio::join!(echo, send);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_peers_that_both_send_first_do_not_block_each_other() {
    for dialect in DIALECTS {
        let (mut server, mut client) = pair(4096, dialect, config()).await;
        let message = "x".repeat(60_000);
        let run = async |socket: &mut WebSocket<_>| {
            for _ in 0..10 {
                socket.send(message.as_str()).await.unwrap();
            }
            for _ in 0..10 {
                assert_eq!(text(socket.next().await), message);
            }
        };
        tokio::join!(run(&mut server), run(&mut client));
    }
}

/// The inbox is bounded: a peer that sends and never reads is slowed down.
#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_receives_at_most_one_mebibyte_and_one_message() {
    let (mut server, client) = pair(4096, RFC6455, config()).await;
    let (_reader, mut writer) = client.split();
    let message = "x".repeat(60_000);
    let flood = async {
        let mut sent = 0;
        // The reader of the client is not polled, but its writer reads while it waits.
        while timeout(Duration::from_secs(1), writer.send(message.as_str()))
            .await
            .is_ok()
        {
            sent += message.len();
        }
        sent
    };
    let send = timeout(Duration::from_secs(20), async {
        loop {
            server.send(message.as_str()).await.unwrap();
        }
    });
    let (sent, blocked) = tokio::join!(flood, send);
    assert!(blocked.is_err());
    let inbox = 1024 * 1024 + message.len();
    assert!((inbox - 65_000..inbox + 65_000).contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn what_was_fed_is_written_when_next_waits() {
    let (mut server, mut client) = pair(4096, RFC6455, config()).await;
    server.feed("one").await.unwrap();
    server.feed("two").await.unwrap();
    assert_eq!(server.connection().pending(), 10);
    let (one, _) = tokio::join!(
        client.next(),
        timeout(Duration::from_secs(1), server.next())
    );
    assert_eq!(text(one), "one");
    assert_eq!(text(client.next().await), "two");
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_the_high_water_mark() {
    let config = config().high_water(100).max_send_buffer(1000);
    let (mut server, mut client) = pair(1, RFC6455, config).await;
    server.feed("x".repeat(200)).await.unwrap();
    assert!(
        timeout(Duration::from_secs(1), server.ready())
            .await
            .is_err()
    );
    let (message, ready) = tokio::join!(client.next(), async {
        server.ready().await.unwrap();
        let pending = server.connection().pending();
        server.flush().await.unwrap();
        pending
    });
    assert_eq!(text(message).len(), 200);
    assert_eq!(ready, 100);
}

/// It waits in a place of its own until it fits.
#[tokio::test(start_paused = true)]
async fn a_message_that_fits_only_into_the_empty_send_buffer_is_sent() {
    let config = config().high_water(500).max_send_buffer(1000);
    let (mut server, mut client) = pair(64, RFC6455, config).await;
    let lens = [400, 990, 300, 996, 10];
    let send = async {
        for len in lens {
            server.feed("x".repeat(len)).await.unwrap();
        }
        server
            .send_prepared(&PreparedMessage::text(&"y".repeat(900)))
            .await
            .unwrap();
    };
    let receive = async {
        for len in lens {
            assert_eq!(text(client.next().await).len(), len);
        }
        assert_eq!(text(client.next().await), "y".repeat(900));
    };
    tokio::join!(send, receive);
}

/// A caller of `start_send` that does not wait for `poll_ready` gets an error, and loses nothing.
#[tokio::test(start_paused = true)]
async fn start_send_without_poll_ready_keeps_the_order() {
    let config = config().max_send_buffer(1000);
    let (mut server, mut client) = pair(64, RFC6455, config).await;
    let mut start_send = |len| server.start_send_unpin(Message::from("x".repeat(len)));
    start_send(900).unwrap();
    start_send(800).unwrap(); // waits in a place of its own
    let full = start_send(1).unwrap_err();
    assert!(
        matches!(full, Error::Send(SendError::BufferFull { .. })),
        "{full}"
    );
    let (flushed, ()) = tokio::join!(server.flush(), async {
        for len in [900, 800] {
            assert_eq!(text(client.next().await).len(), len);
        }
    });
    flushed.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_longer_than_the_send_buffer_is_an_error() {
    let (mut server, mut client) = pair(64, RFC6455, config().max_send_buffer(1000)).await;
    let result = server.send("x".repeat(1000)).await;
    assert!(matches!(
        result,
        Err(Error::Send(SendError::MessageTooLong { limit: 1000, .. }))
    ));
    tokio::join!(async { server.send("Hello").await.unwrap() }, async {
        assert_eq!(text(client.next().await), "Hello");
    });
}

#[tokio::test(start_paused = true)]
async fn a_dialect_without_binary_messages_says_so() {
    let (mut server, _client) = pair(64, Dialect::Hixie76, config()).await;
    let result = server.send(vec![1, 2, 3]).await;
    assert!(matches!(
        result,
        Err(Error::Send(SendError::Unsupported { .. }))
    ));
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_and_returned_if_set() {
    let (mut server, mut client) = pair(64, RFC6455, config()).await;
    server.set_returns_pings(true);
    client.set_returns_pings(true);
    client
        .send(Message::Ping(Bytes::from_static(b"1234")))
        .await
        .unwrap();
    let (ping, pong) = tokio::join!(
        async {
            let ping = server.next().await.unwrap().unwrap();
            // `next` writes the pong.
            let _ = timeout(Duration::from_secs(1), server.next()).await;
            ping
        },
        client.next(),
    );
    assert_eq!(ping, Message::Ping(Bytes::from_static(b"1234")));
    assert_eq!(
        pong.unwrap().unwrap(),
        Message::Pong(Bytes::from_static(b"1234"))
    );
}

#[cfg(feature = "deflate")]
#[tokio::test(start_paused = true)]
async fn messages_are_compressed_if_both_sides_enable_it() {
    use hybi_tokio::hybi::Deflate;
    let config = config().deflate(Deflate::new());
    let (mut server, mut client) = pair(64, RFC6455, config).await;
    assert!(client.connection().compression().is_some());
    let message = "compressible ".repeat(1000);
    for _ in 0..3 {
        client.feed(message.as_str()).await.unwrap();
        assert!(client.connection().pending() < 200);
        let (flushed, received) = tokio::join!(client.flush(), server.next());
        flushed.unwrap();
        assert_eq!(text(received), message);
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_a_stream_and_a_sink() {
    let (server, mut client) = pair(64, RFC6455, config()).await;
    let (reader, mut writer) = server.split();
    let echo = reader.forward(&mut writer);
    let run = async {
        for text in ["one", "two"] {
            SinkExt::send(&mut client, Message::from(text))
                .await
                .unwrap();
            assert_eq!(
                StreamExt::next(&mut client).await.unwrap().unwrap(),
                Message::from(text)
            );
        }
        SinkExt::close(&mut client).await.unwrap();
        assert!(StreamExt::next(&mut client).await.is_none());
    };
    let (echoed, ()) = tokio::join!(echo, run);
    echoed.unwrap();
}

/// As generic code does, which knows a stream and a sink only.
#[tokio::test(start_paused = true)]
async fn halves_of_futures_do_not_lose_wake_ups() {
    let (server, mut client) = pair(64, Dialect::Rfc6455, config()).await;
    let (mut sink, mut stream) = StreamExt::split(server);
    let reader = tokio::spawn(async move { stream.next().await });
    yield_now().await;
    let writer = tokio::spawn(async move { sink.send(Message::from("x".repeat(1000))).await });
    yield_now().await;
    // Both wait, and the writer polled the stream last.
    let received = timeout(Duration::from_secs(5), client.next()).await;
    assert_eq!(
        received.unwrap().unwrap().unwrap(),
        Message::from("x".repeat(1000))
    );
    writer.await.unwrap().unwrap();
    client.send("Hello").await.unwrap();
    let received = timeout(Duration::from_secs(5), reader).await;
    let received = received.expect("it was woken").unwrap();
    assert_eq!(received.unwrap().unwrap(), Message::from("Hello"));
}

/// The other order.
#[tokio::test(start_paused = true)]
async fn a_sink_of_futures_is_woken_after_its_stream_was_polled() {
    let (server, mut client) = pair(64, Dialect::Rfc6455, config()).await;
    let (mut sink, mut stream) = StreamExt::split(server);
    let writer = tokio::spawn(async move { sink.send(Message::from("x".repeat(1000))).await });
    yield_now().await;
    let reader = tokio::spawn(async move { stream.next().await });
    yield_now().await;
    let received = timeout(Duration::from_secs(5), client.next()).await;
    assert!(received.is_ok_and(|message| message.is_some()));
    let sent = timeout(Duration::from_secs(5), writer).await;
    sent.expect("it was woken").unwrap().unwrap();
    client.send("Hello").await.unwrap();
    assert!(reader.await.unwrap().is_some());
}

/// Bytes behind the request stay until it is answered.
#[tokio::test(start_paused = true)]
async fn frames_that_arrive_with_the_request_are_received() {
    let (server, mut client) = duplex(4096);
    let bytes =
        b"GET / HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n\
        \x81\x83\0\0\0\0one\x81\x83\0\0\0\0two";
    client.write_all(bytes).await.unwrap();
    let pending = WebSocket::accept(server, Config::new()).await.unwrap();
    let mut server = pending.accept(&AcceptOptions::new()).await.unwrap();
    assert_eq!(text(server.next().await), "one");
    assert_eq!(text(server.next().await), "two");
}

/// Hixie-76: the key bytes arrive after the response.
#[tokio::test(start_paused = true)]
async fn key_bytes_of_hixie_76_may_arrive_after_the_response_h76_3() {
    let (server, mut client) = duplex(4096);
    let head = b"GET /demo HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key2: 12998 5 Y3 1  .P00\r\nUpgrade: WebSocket\r\n\
        Sec-WebSocket-Key1: 4 @1  46546xW%0l 1 5\r\nOrigin: http://example.com\r\n\r\n";
    let accept = async {
        let pending = WebSocket::accept(server, Config::new()).await.unwrap();
        pending.accept(&AcceptOptions::new()).await.unwrap()
    };
    let connect = async {
        client.write_all(head).await.unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"\r\n\r\n") {
            response.push(client.read_u8().await.unwrap());
        }
        client.write_all(b"^n:ds[4U\x00Hello\xff").await.unwrap();
        let mut answer = [0; 16];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"8jKS'y:G*Co,Wxa-");
        client
    };
    let (mut server, _client) = tokio::join!(accept, connect);
    assert_eq!(text(server.next().await), "Hello");
}

/// More than a socket accepts at once, without a copy where the stream supports it.
#[tokio::test]
async fn long_messages_are_echoed_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = config().max_send_buffer(20_000_000);
    let echo = async {
        let (tcp, _) = listener.accept().await.unwrap();
        let pending = WebSocket::accept(tcp, config.clone()).await.unwrap();
        let mut socket = pending.accept(&AcceptOptions::new()).await.unwrap();
        socket.set_max_message_len(10_000_000);
        while let Some(message) = socket.next().await {
            socket.send(message.unwrap()).await.unwrap();
        }
    };
    let run = async {
        let tcp = TcpStream::connect(address).await.unwrap();
        let request = request(RFC6455);
        let (mut socket, _) = WebSocket::connect(tcp, config.clone(), &request)
            .await
            .unwrap();
        socket.set_max_message_len(10_000_000);
        let (mut reader, mut writer) = socket.split();
        let send = async {
            for len in [10_000_000, 5000, 1_000_000] {
                writer.send("x".repeat(len)).await.unwrap();
                writer.send(vec![1; len]).await.unwrap();
            }
        };
        let receive = async {
            for len in [10_000_000, 5000, 1_000_000] {
                assert_eq!(text(reader.next().await), "x".repeat(len));
                assert_eq!(
                    reader.next().await.unwrap().unwrap(),
                    Message::from(vec![1; len])
                );
            }
        };
        tokio::join!(send, receive);
        writer.start_close(Close::EMPTY).await.unwrap();
        assert!(reader.next().await.is_none());
    };
    tokio::join!(echo, run);
}

#[tokio::test(start_paused = true)]
async fn the_longest_message_that_is_received_by_default_can_be_returned() {
    for dialect in DIALECTS {
        let (mut server, mut client) = pair(1 << 16, dialect, config()).await;
        let message = "x".repeat(1 << 20);
        let echo = async {
            let message = server.next().await.unwrap().unwrap();
            server.send(message).await.unwrap();
        };
        let run = async {
            client.send(message.as_str()).await.unwrap();
            assert_eq!(text(client.next().await), message);
        };
        tokio::join!(echo, run);
    }
}

/// As for `hybi`: SECURITY.md.
#[tokio::test(start_paused = true)]
async fn debug_output_contains_no_keys_and_no_payloads() {
    const REQUEST: &[u8] = b"GET /chat?token HTTP/1.1\r\nHost: example.com\r\n\
        Upgrade: websocket\r\nConnection: Upgrade\r\nCookie: session\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    const FRAME: &[u8] = b"\x81\x87KEY!\x1b\x04\x00\x6d\x04\x04\x1d"; // PAYLOAD
    let (server, mut client) = duplex(4096);
    let bytes = [REQUEST, FRAME, FRAME].concat();
    client.write_all(&bytes).await.unwrap();
    let check = |output: String| {
        // As text, and as a list of numbers.
        for secret in [
            "KEY!",
            "PAYLOAD",
            "75, 69, 89, 33",
            "80, 65, 89",
            "token",
            "session",
        ] {
            assert!(!output.contains(secret), "{secret} in {output}");
        }
    };
    let pending = WebSocket::accept(server, Config::new()).await.unwrap();
    check(format!("{pending:?}"));
    let mut socket = pending.accept(&AcceptOptions::new()).await.unwrap();
    check(format!("{socket:?}"));
    // One message is kept while a sender waits, which nobody reads.
    let long = "x".repeat(100_000);
    let sent = timeout(Duration::from_secs(1), socket.send(long)).await;
    assert!(sent.is_err());
    check(format!("{socket:?}"));
    let (reader, writer) = socket.split();
    check(format!("{reader:?} {writer:?}"));
}
