//! How connections end: closing handshakes, errors, timeouts, and dropping.

mod common;

use std::io;
use std::time::Duration;

use common::{DIALECTS, config, open_server, pair, pair_over};
use futures_util::future::join_all;
use hybi_tokio::hybi::{
    Close, CloseError, Closed, Config, Dialect, Phase, ProtocolError, SendError, Timeout,
};
use hybi_tokio::{Error, Message, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_test::io::Builder;

const RFC6455: Dialect = Dialect::Rfc6455;

/// Returns the server side of an open connection, and the bytes of the client.
async fn server(config: Config) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (server, client) = duplex(1024);
    (open_server(server, config).await, client)
}

async fn read_to_end(client: &mut DuplexStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    client.read_to_end(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test(start_paused = true)]
async fn both_sides_see_the_code_and_reason_of_the_peer() {
    let (mut server, client) = pair(64, RFC6455, config()).await;
    let (end, closed) = tokio::join!(server.next(), client.close(Close::new(4000, "enough")));
    assert!(end.is_none());
    let reported = server.connection().closed();
    assert_eq!(reported, Some(&Closed::Clean(Close::new(4000, "enough"))));
    // The answer has the same code and reason.
    assert_eq!(closed.unwrap(), Closed::Clean(Close::new(4000, "enough")));
    assert!(server.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn messages_sent_before_a_close_are_received() {
    for dialect in DIALECTS {
        let (server, mut client) = pair(10, dialect, config()).await;
        let (mut reader, mut writer) = server.split();
        let close = async {
            for index in 0..20 {
                writer.feed(index.to_string()).await.unwrap();
            }
            writer.start_close(Close::EMPTY).await.unwrap();
            writer.start_close(Close::EMPTY).await.unwrap(); // twice is no error
            let sent = writer.send("late").await;
            assert!(
                matches!(sent, Err(Error::Send(SendError::Closing))),
                "{sent:?}"
            );
        };
        let receive = async {
            for index in 0..20 {
                let message = client.next().await.unwrap().unwrap();
                assert_eq!(message, Message::from(index.to_string()));
            }
            assert!(client.next().await.is_none());
        };
        tokio::join!(close, receive, async {
            assert!(reader.next().await.is_none())
        });
    }
}

#[tokio::test(start_paused = true)]
async fn an_invalid_code_does_not_close() {
    let (server, mut client) = pair(64, RFC6455, config()).await;
    let (_reader, mut writer) = server.split();
    let result = writer.start_close(Close::new(1006, "")).await;
    assert!(matches!(
        result,
        Err(Error::Close(CloseError::InvalidCode { code: 1006, .. }))
    ));
    tokio::join!(async { writer.send("Hello").await.unwrap() }, async {
        assert_eq!(
            client.next().await.unwrap().unwrap(),
            Message::from("Hello")
        );
    });
}

#[tokio::test(start_paused = true)]
async fn the_end_of_input_without_a_close_frame_is_an_error_once() {
    for (bytes, phase) in [
        (&b""[..], Phase::Open),
        (b"\x81\x85\0\0\0\0He", Phase::InMessage),
    ] {
        let (mut server, mut client) = server(Config::new()).await;
        client.write_all(bytes).await.unwrap();
        drop(client);
        match server.next().await {
            Some(Err(Error::Closed(Closed::Eof(reported)))) => assert_eq!(reported, phase),
            end => panic!("{end:?}"),
        }
        assert!(server.next().await.is_none());
        assert!(matches!(server.connection().closed(), Some(Closed::Eof(_))));
    }
}

/// The peer receives the close frame although it has sent more, and the error follows.
#[tokio::test(start_paused = true)]
async fn a_protocol_error_is_answered_before_it_is_returned() {
    let (mut server, mut client) = server(Config::new()).await;
    client
        .write_all(b"\x81\x82\0\0\0\0Hi\x83\x80\0\0\0\0and more")
        .await
        .unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::from("Hi"));
    let start = Instant::now();
    let (end, received) = tokio::join!(server.next(), async {
        let received = read_to_end(&mut client).await;
        client.write_all(&[0; 100]).await.unwrap();
        client.shutdown().await.unwrap();
        received
    });
    let end = end.unwrap().unwrap_err();
    assert!(
        matches!(
            &end,
            Error::Closed(Closed::Protocol(ProtocolError::UnknownOpcode { .. }))
        ),
        "{end:?}"
    );
    let text = end.to_string();
    assert!(
        text.starts_with("the peer violated the protocol or a limit: "),
        "{text}"
    );
    assert_eq!(received, b"\x88\x02\x03\xea");
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(server.next().await.is_none());
}

/// Otherwise the peer could lose the close frame.
#[tokio::test(start_paused = true)]
async fn close_discards_input_after_an_error_of_send() {
    let (mut server, mut client) = server(Config::new()).await;
    let message = Message::from("x".repeat(5000));
    let (result, received) = tokio::join!(server.send(message), async {
        client.write_all(b"\x83\x80\0\0\0\0").await.unwrap();
        let mut received = vec![0; 4 + 5000 + 4];
        client.read_exact(&mut received).await.unwrap();
        received
    });
    let result = result.unwrap_err();
    assert!(
        matches!(result, Error::Closed(Closed::Protocol(_))),
        "{result:?}"
    );
    assert!(received.ends_with(b"x\x88\x02\x03\xea"));
    let result = server.ready().await.unwrap_err();
    assert!(
        matches!(result, Error::Closed(Closed::Protocol(_))),
        "{result:?}"
    );
    let (closed, ()) = tokio::join!(server.close(Close::EMPTY), async {
        assert_eq!(read_to_end(&mut client).await, b"");
        client.write_all(&[0; 5000]).await.unwrap();
        client.shutdown().await.unwrap();
    });
    assert!(matches!(closed, Ok(Closed::Protocol(_))), "{closed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_end_its_input_delays_an_error_by_one_second() {
    let (mut server, mut client) = server(Config::new()).await;
    client.write_all(b"\xff\xff").await.unwrap();
    let start = Instant::now();
    assert!(matches!(
        server.next().await,
        Some(Err(Error::Closed(Closed::Protocol(_))))
    ));
    assert!(start.elapsed() <= Duration::from_millis(1010));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_long_closes_with_1009() {
    let (mut server, mut client) = pair(64, RFC6455, config()).await;
    server.set_max_message_len(10);
    let receive = async {
        assert_eq!(
            server.next().await.unwrap().unwrap(),
            Message::from("0123456789")
        );
        assert!(matches!(
            server.next().await,
            Some(Err(Error::MessageTooLong(_)))
        ));
        assert!(server.next().await.is_none());
    };
    let send = async {
        client.send("0123456789").await.unwrap();
        client.send("0123456789a").await.unwrap();
        assert!(client.next().await.is_none());
        let closed = client.connection().closed().map(Closed::close_code);
        assert_eq!(closed, Some(1009));
    };
    tokio::join!(receive, send);
}

/// The close frame is answered after the messages before it.
#[tokio::test(start_paused = true)]
async fn what_was_received_before_a_close_can_be_answered() {
    const COUNT: usize = 10;
    let (server, client) = pair(4096, RFC6455, config()).await;
    let mut server = server;
    let (mut reader, mut writer) = client.split();
    let message = "x".repeat(60_000);
    let echo = async {
        while let Some(message) = server.next().await {
            server.send(message.unwrap()).await.unwrap();
        }
    };
    let run = async {
        for _ in 0..COUNT {
            writer.send(message.as_str()).await.unwrap();
        }
        writer.start_close(Close::new(1000, "")).await.unwrap();
        for _ in 0..COUNT {
            assert_eq!(
                reader.next().await.unwrap().unwrap().payload(),
                message.as_bytes()
            );
        }
        assert!(reader.next().await.is_none());
    };
    tokio::join!(echo, run);
    assert!(matches!(
        server.connection().closed(),
        Some(Closed::Clean(_))
    ));
}

/// A peer that has sent its close frame may not stop reading for ever.
#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_and_does_not_read_is_cut_after_30_seconds() {
    let (server, mut client) = duplex(64);
    let mut server = open_server(server, Config::new().write_timeout(Duration::from_secs(5))).await;
    client.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
    let start = Instant::now();
    let sent = server.send("x".repeat(1000)).await;
    match sent {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
        sent => panic!("{sent:?}"),
    }
    assert!(
        (30..=36).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn closing_with_a_peer_that_has_closed_and_does_not_read_is_a_write_timeout() {
    let (mut server, mut client) = server(Config::new()).await;
    server.feed("x".repeat(5000)).await.unwrap();
    client.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await.unwrap();
    let closed = timeout(Duration::from_secs(300), server.start_close(Close::EMPTY)).await;
    match closed.expect("it ends") {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
        closed => panic!("{closed:?}"),
    }
}

/// A message that waited for the send buffer, when a message of the peer was too long.
#[tokio::test(start_paused = true)]
async fn flush_returns_the_error_of_a_message_that_was_not_queued() {
    let config = Config::new().high_water(2000).max_send_buffer(2000);
    let (mut server, mut client) = server(config).await;
    server.set_max_message_len(10);
    for _ in 0..2 {
        server.feed("x".repeat(1900)).await.unwrap();
    }
    let too_long = b"\x81\x8b\0\0\0\0Hello World";
    client.write_all(too_long).await.unwrap();
    let error = server.next().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::MessageTooLong(_)), "{error}");
    let (end, _) = tokio::join!(timeout(Duration::from_secs(1), server.next()), async {
        client.read_exact(&mut [0; 1904]).await.unwrap();
    });
    assert!(end.is_err());
    let flushed = server.flush().await;
    assert!(
        matches!(flushed, Err(Error::Send(SendError::Closing))),
        "{flushed:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn closing_ends_at_the_write_timeout_if_the_peer_does_not_read() {
    let (mut server, _client) = server(Config::new()).await;
    server.feed("x".repeat(5000)).await.unwrap();
    let start = Instant::now();
    let closed = timeout(Duration::from_secs(300), server.close(Close::EMPTY)).await;
    let closed = closed.expect("it ends").unwrap();
    assert_eq!(closed, Closed::TimedOut(Timeout::Write));
    assert!(start.elapsed() <= Duration::from_secs(31));
}

/// Nor may it read too slowly for the write timeout.
#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_and_reads_a_byte_at_a_time_is_cut() {
    let (server, mut client) = duplex(64);
    let mut server = open_server(server, Config::new().write_timeout(Duration::from_secs(5))).await;
    let close = b"\x88\x82\0\0\0\0\x03\xe8";
    client.write_all(close).await.unwrap();
    let read = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            client.read_u8().await.unwrap();
        }
    };
    let start = Instant::now();
    tokio::select! {
        sent = server.send("x".repeat(10_000)) => assert!(matches!(sent, Err(Error::Io(_)))),
        () = read => unreachable!("it has no end"),
    }
    assert!(start.elapsed().as_secs() <= 40, "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn dropping_an_open_connection_sends_1001() {
    let (server, mut client) = server(Config::new()).await;
    drop(server);
    assert_eq!(read_to_end(&mut client).await, b"\x88\x02\x03\xe9");
}

#[tokio::test(start_paused = true)]
async fn dropping_both_halves_sends_1001() {
    let (server, mut client) = server(Config::new()).await;
    let (reader, writer) = server.split();
    drop(writer);
    assert!(
        timeout(Duration::from_secs(1), client.read_u8())
            .await
            .is_err()
    );
    drop(reader);
    assert_eq!(read_to_end(&mut client).await, b"\x88\x02\x03\xe9");
}

#[tokio::test(start_paused = true)]
async fn abort_ends_the_reader_and_drops_output() {
    let (server, mut client) = server(Config::new()).await;
    let (mut reader, mut writer) = server.split();
    writer.feed("never written").await.unwrap();
    writer.abort();
    assert!(reader.next().await.is_none());
    assert_eq!(reader.closed(), Some(Closed::Aborted));
    assert_eq!(read_to_end(&mut client).await, b"");
    assert!(writer.send("late").await.is_err());
}

/// The stream fails: what the peer sent before is received all the same.
#[tokio::test(start_paused = true)]
async fn a_failed_write_does_not_lose_what_was_received() {
    let io = Builder::new()
        .write_error(io::ErrorKind::BrokenPipe.into())
        .read(b"\x81\x83\0\0\0\0one\x81\x83\0\0\0\0two\x88\x82\0\0\0\0\x03\xe8")
        .build();
    let mut socket = open_server(io, Config::new()).await;
    for _ in 0..2 {
        match socket.send("Hello").await {
            Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::BrokenPipe),
            result => panic!("{result:?}"),
        }
    }
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::from("one"));
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::from("two"));
    assert!(socket.next().await.is_none());
    assert_eq!(
        socket.connection().closed(),
        Some(&Closed::Clean(Close::new(1000, "")))
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_is_returned_once() {
    let io = Builder::new()
        .read(b"\x81\x83\0\0\0\0one")
        .read_error(io::ErrorKind::ConnectionReset.into())
        .build();
    let mut socket = open_server(io, Config::new()).await;
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::from("one"));
    match socket.next().await {
        Some(Err(Error::Io(error))) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        end => panic!("{end:?}"),
    }
    assert!(socket.next().await.is_none());
    assert_eq!(socket.connection().closed(), Some(&Closed::Aborted));
}

/// The writer learns why, too.
#[tokio::test(start_paused = true)]
async fn a_failed_read_is_the_error_of_a_send() {
    let io = Builder::new()
        .read_error(io::ErrorKind::ConnectionReset.into())
        .build();
    let mut socket = open_server(io, Config::new()).await;
    assert!(matches!(socket.next().await, Some(Err(Error::Io(_)))));
    match socket.send("Hello").await {
        Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        result => panic!("{result:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn thousands_of_connections_close_at_once() {
    const COUNT: usize = 2000;
    let pairs = join_all((0..COUNT).map(|_| pair(64, RFC6455, config()))).await;
    let mut servers = JoinSet::new();
    let mut clients = JoinSet::new();
    for (mut server, client) in pairs {
        servers.spawn(async move { server.next().await.is_none() });
        clients.spawn(client.close(Close::new(1000, "")));
    }
    assert!(servers.join_all().await.into_iter().all(|is_end| is_end));
    for closed in clients.join_all().await {
        assert_eq!(closed.unwrap().close_code(), 1000);
    }
}

#[tokio::test(start_paused = true)]
async fn keep_alive_finds_a_peer_that_has_gone() {
    let config = Config::new().keepalive(Duration::from_secs(20), Duration::from_secs(10));
    let (mut server, mut client) = server(config).await;
    let start = Instant::now();
    let end = server.next().await;
    let timed_out = Closed::TimedOut(Timeout::Keepalive);
    assert!(matches!(end, Some(Err(Error::Closed(closed))) if closed == timed_out));
    assert_eq!(start.elapsed().as_secs(), 30);
    assert_eq!(read_to_end(&mut client).await, b"\x89\x00");
}

#[tokio::test(start_paused = true)]
async fn keep_alive_keeps_idle_peers_connected() {
    let config = config().keepalive(Duration::from_secs(20), Duration::from_secs(10));
    let (mut server, mut client) = pair(64, RFC6455, config).await;
    let both = async { tokio::join!(server.next(), client.next()) };
    assert!(timeout(Duration::from_secs(3600), both).await.is_err());
}

/// While a sender waits, the reader is not polled.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_cut_by_the_write_timeout() {
    let (server, client) = duplex(64);
    let mut server = open_server(server, Config::new().write_timeout(Duration::from_secs(5))).await;
    let start = Instant::now();
    let sent = server.send("x".repeat(1000)).await;
    let timed_out = Closed::TimedOut(Timeout::Write);
    assert!(matches!(sent, Err(Error::Closed(closed)) if closed == timed_out));
    assert_eq!(start.elapsed().as_secs(), 5);
    drop(client);
}

/// Time that has passed without a call does not count.
#[tokio::test(start_paused = true)]
async fn a_close_after_an_idle_time_waits_for_the_answer() {
    for capacity in [16, 4096] {
        let (server, mut client) = pair(capacity, RFC6455, config()).await;
        let (mut reader, mut writer) = server.split();
        sleep(Duration::from_secs(60)).await;
        let answer = async {
            while let Some(message) = client.next().await {
                sleep(Duration::from_millis(500)).await;
                client.feed(message.unwrap()).await.unwrap();
            }
        };
        let close = async {
            for _ in 0..5 {
                writer.send("question").await.unwrap();
            }
            writer.start_close(Close::new(1000, "")).await.unwrap();
            let mut answers = 0;
            while let Some(message) = reader.next().await {
                message.unwrap();
                answers += 1;
            }
            answers
        };
        let ((), answers) = tokio::join!(answer, close);
        assert_eq!(answers, 5);
        assert!(matches!(reader.closed(), Some(Closed::Clean(_))));
    }
}

/// Messages that were read before an idle time are received after it.
#[tokio::test(start_paused = true)]
async fn output_after_an_idle_time_has_the_whole_write_timeout() {
    let (server, mut client) = duplex(16);
    let mut server = open_server(server, Config::new().write_timeout(Duration::from_secs(5))).await;
    client
        .write_all(b"\x81\x81\0\0\0\0a\x81\x81\0\0\0\0b")
        .await
        .unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::from("a"));
    sleep(Duration::from_secs(60)).await;
    server.feed("x".repeat(100)).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::from("b"));
    let (flushed, received) = tokio::join!(server.flush(), async {
        sleep(Duration::from_secs(4)).await;
        let mut received = [0; 102];
        client.read_exact(&mut received).await.unwrap();
        received
    });
    flushed.unwrap();
    assert_eq!(received[..2], *b"\x81\x64");
}

#[tokio::test(start_paused = true)]
async fn a_close_that_is_not_answered_ends_by_the_close_timeout() {
    let (server, _client) = server(Config::new().close_timeout(Duration::from_secs(3))).await;
    let start = Instant::now();
    let closed = server.close(Close::EMPTY).await.unwrap();
    assert_eq!(closed, Closed::TimedOut(Timeout::Close));
    assert!((3..=4).contains(&start.elapsed().as_secs()));
}

/// The reader was waiting before, without a timeout.
#[tokio::test(start_paused = true)]
async fn a_close_by_the_writer_starts_the_close_timeout_of_the_reader() {
    let (server, _client) = server(Config::new().close_timeout(Duration::from_secs(3))).await;
    let (mut reader, mut writer) = server.split();
    let start = Instant::now();
    let (end, ()) = tokio::join!(reader.next(), async {
        writer.start_close(Close::EMPTY).await.unwrap();
    });
    let timed_out = Closed::TimedOut(Timeout::Close);
    assert!(matches!(end, Some(Err(Error::Closed(closed))) if closed == timed_out));
    assert!((3..=4).contains(&start.elapsed().as_secs()));
}

/// A stream that accepts nothing after it was told to shut down.
#[tokio::test(start_paused = true)]
async fn the_end_does_not_wait_for_a_stream_that_does_not_shut_down() {
    use std::pin::Pin;
    use std::task::{Context, Poll};
    struct Stuck(DuplexStream);
    impl tokio::io::AsyncRead for Stuck {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut tokio::io::ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }
    impl tokio::io::AsyncWrite for Stuck {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }
    let (server, client) = duplex(64);
    let (mut server, client) = pair_over(Stuck(server), client, RFC6455, config()).await;
    let start = Instant::now();
    let (end, _) = tokio::join!(server.next(), client.close(Close::EMPTY));
    assert!(end.is_none());
    assert!(start.elapsed() <= Duration::from_millis(1010));
}
