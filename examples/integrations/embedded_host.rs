//! Runs `embedded.rs` on a computer, one client at a time.

use std::time::{Duration, Instant};

use embedded::{Clock, serve};
use embedded_io_adapters::tokio_1::FromTokio;
use tokio::net::TcpListener;

struct SystemClock(Instant);

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep_until(&self, time: Duration) {
        tokio::time::sleep(time.saturating_sub(self.now())).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8078")).await?;
    println!("listening on ws://{}/", listener.local_addr()?);
    let clock = SystemClock(Instant::now());
    loop {
        let (socket, peer) = listener.accept().await?;
        if let Err(error) = serve(&mut FromTokio::new(socket), &clock).await {
            println!("{peer}: {error}");
        }
    }
}
