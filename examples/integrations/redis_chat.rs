//! A chat over several machines: each runs this program, and all publish to one Redis server.
//!
//! While Redis is reachable, every message reaches every client once, in the order of Redis. While it
//! is not, a message reaches the clients of its own process only, at once, and is marked as local.
//!
//! Usage: redis_chat [ADDRESS [REDIS_URL [ORIGIN]...]]
//!
//! An origin is that of a page which may connect, such as https://chat.example.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};
use hybi_tokio::hybi::{AcceptOptions, Close, Config, Response, close_code};
use hybi_tokio::{Error, Message, WebSocket};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, AsyncTypedCommands, Client, RedisResult};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};
use tokio::time::{interval, sleep, timeout};

const CHANNEL: &str = "chat";
/// How long Redis may take to answer, and to send back a message.
const TIMEOUT: Duration = Duration::from_secs(2);
const MIN_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(5);
const MAX_MESSAGE_LEN: usize = 16 << 10;
/// Messages that a client may be behind. All clients share them, so these are 16 MiB at most.
const BACKLOG: usize = 1000;

static CONFIG: Config = Config::new()
    .plain_http(true)
    .max_frame_len(MAX_MESSAGE_LEN as u64)
    .keepalive(Duration::from_secs(25), Duration::from_secs(10));

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let address = args.next().unwrap_or("127.0.0.1:8079".to_owned());
    let redis = args.next().unwrap_or("redis://127.0.0.1/".to_owned());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    log(format_args!("listening on http://{address}/"));
    let own = [address.to_string(), format!("localhost:{}", address.port())];
    let own = own.map(|host| format!("http://{host}"));
    let origins: Arc<[String]> = own.into_iter().chain(args).collect();
    let (clients, _) = broadcast::channel(BACKLOG);
    let (sender, outgoing) = mpsc::channel(BACKLOG);
    let bridge = Bridge::new(clients.clone())?;
    tokio::spawn(bridge.run(Client::open(redis)?, outgoing));
    loop {
        match listener.accept().await {
            Ok((tcp, peer)) => {
                let client = serve(tcp, origins.clone(), sender.clone(), clients.subscribe());
                tokio::spawn(async move {
                    if let Err(error) = client.await {
                        log(format_args!("{peer}: {error}"));
                    }
                });
            }
            Err(error) => {
                log(format_args!("accept failed: {error}"));
                sleep(MIN_DELAY).await; // out of file descriptors, most likely
            }
        }
    }
}

async fn serve(
    tcp: TcpStream,
    origins: Arc<[String]>,
    sender: mpsc::Sender<String>,
    mut news: broadcast::Receiver<Message>,
) -> Result<(), Error> {
    tcp.set_nodelay(true)?;
    let pending = WebSocket::accept(tcp, &CONFIG).await?;
    let request = pending.request();
    if request.dialect().is_none() {
        let page = Response::new(200).header("Content-Type", "text/html; charset=utf-8");
        return pending
            .respond(&page.body(include_str!("redis_chat.html")))
            .await;
    }
    // Browsers let the pages of every site connect. What is not a browser sends no origin.
    let origins: Vec<&str> = origins.iter().map(String::as_str).collect();
    if request.origin().is_some() && !request.origin_among(&origins) {
        return pending.respond(&Response::new(403)).await;
    }
    let mut socket = pending.accept(&AcceptOptions::new()).await?;
    socket.set_max_message_len(MAX_MESSAGE_LEN);
    loop {
        tokio::select! {
            message = socket.next() => match message.transpose()? {
                // Waits while Redis is slower than the clients: they are slowed down.
                Some(Message::Text(text)) => drop(sender.send(text.into()).await),
                Some(_) => {}
                None => return Ok(()),
            },
            message = news.recv() => match message {
                Ok(message) => socket.send(message).await?,
                // It would miss messages: let it connect again.
                Err(error) => {
                    let close = Close::new(close_code::TRY_AGAIN_LATER, &error.to_string());
                    return socket.close(close).await.map(drop);
                }
            },
        }
    }
}

/// Unlike `println!`, does not panic if stdout is closed.
fn log(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// What connects the clients of this process with Redis.
struct Bridge {
    clients: broadcast::Sender<Message>,
    /// Marks the messages of this process.
    process: u64,
    next_id: u64,
    /// Messages that were published and have not come back.
    pending: VecDeque<(u64, Instant, String)>,
}

impl Bridge {
    fn new(clients: broadcast::Sender<Message>) -> Result<Self, getrandom::Error> {
        Ok(Self {
            clients,
            process: getrandom::u64()?,
            next_id: 0,
            pending: VecDeque::new(),
        })
    }

    async fn run(mut self, redis: Client, mut outgoing: mpsc::Receiver<String>) {
        let mut delay = MIN_DELAY;
        loop {
            let connecting = connect(&redis);
            match self.deliver_locally_until(connecting, &mut outgoing).await {
                Ok((publisher, messages)) => {
                    delay = MIN_DELAY;
                    self.relay(publisher, messages, &mut outgoing).await;
                }
                Err(error) => log(error),
            }
            // Not all processes at once.
            let jitter = getrandom::u32().map_or(1.0, |random| random as f64 / u32::MAX as f64);
            let wait = sleep(delay.mul_f64(0.5 + 0.5 * jitter));
            self.deliver_locally_until(wait, &mut outgoing).await;
            delay = MAX_DELAY.min(delay * 2);
        }
    }

    async fn deliver_locally_until<F: Future>(
        &mut self,
        future: F,
        outgoing: &mut mpsc::Receiver<String>,
    ) -> F::Output {
        tokio::pin!(future);
        loop {
            tokio::select! {
                output = &mut future => return output,
                Some(text) = outgoing.recv() => self.deliver("local", &text),
            }
        }
    }

    /// Publishes and receives until one of both fails.
    async fn relay(
        &mut self,
        mut publisher: MultiplexedConnection,
        messages: impl Stream<Item = String>,
        outgoing: &mut mpsc::Receiver<String>,
    ) {
        tokio::pin!(messages);
        let mut ticks = interval(TIMEOUT / 2);
        loop {
            let result = tokio::select! {
                Some(text) = outgoing.recv() => {
                    let message = format!("{} {} {text}", self.process, self.next_id);
                    self.pending.push_back((self.next_id, Instant::now(), text));
                    self.next_id += 1;
                    publisher.publish(CHANNEL, message).await.map(drop)
                }
                message = messages.next() => match message {
                    Some(message) => {
                        self.receive(&message);
                        Ok(())
                    }
                    None => break,
                },
                _ = ticks.tick() => publisher.ping().await.map(drop),
            };
            let oldest = self.pending.front();
            if result.is_err() || oldest.is_some_and(|(_, at, _)| at.elapsed() > TIMEOUT) {
                break;
            }
        }
        log("lost the connection to Redis");
        // What was published may have come back although Redis did not answer.
        let come_back = async {
            while let Some(message) = messages.next().await {
                self.receive(&message);
            }
        };
        let _ = timeout(MIN_DELAY, come_back).await;
        for (_, _, text) in std::mem::take(&mut self.pending) {
            self.deliver("local", &text);
        }
    }

    fn receive(&mut self, message: &str) {
        let mut parts = message.splitn(3, ' ');
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (Some(process), Some(id)) = (number(), number()) else {
            return; // another program publishes to the channel
        };
        if process == self.process {
            let index = self.pending.iter().position(|(pending, ..)| *pending == id);
            let Some(index) = index else {
                return; // delivered as a local message
            };
            self.pending.remove(index);
        }
        self.deliver("all", parts.next().unwrap_or_default());
    }

    fn deliver(&self, reach: &str, text: &str) {
        let _ = self.clients.send(format!("{reach} {text}").into()); // fails without clients
    }
}

/// Subscribes first, so that this process receives what it publishes.
async fn connect(
    redis: &Client,
) -> RedisResult<(MultiplexedConnection, impl Stream<Item = String>)> {
    let connecting = async {
        let mut subscriber = redis.get_async_pubsub().await?;
        subscriber.subscribe(CHANNEL).await?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(TIMEOUT));
        let publisher = redis
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let messages = subscriber.into_on_message();
        Ok((
            publisher,
            messages.filter_map(async |message| message.get_payload().ok()),
        ))
    };
    let timed_out = (redis::ErrorKind::Io, "Redis did not answer in time");
    timeout(TIMEOUT, connecting)
        .await
        .unwrap_or_else(|_| Err(timed_out.into()))
}
