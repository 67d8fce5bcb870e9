//! The halves of a connection, for two tasks.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use hybi::{Close, Closed, PreparedMessage};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::driver::Driver;
use crate::poll::{self, PollDriver};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::wakers::{READER, WRITER, Wakers};
use crate::{Error, Message};

/// The half of a [`WebSocket`](crate::WebSocket) that receives; see
/// [`split`](crate::WebSocket::split).
///
/// Receive until [`next`](Self::next) returns `None`, also if only the other half is of interest:
/// the reader answers pings and close frames. It returns the error that ends the connection once;
/// each call of the [`Writer`] that fails because of it returns it, too.
#[derive(Debug)]
pub struct Reader<S: AsyncRead + AsyncWrite + Unpin>(Half<S>);

/// The half of a [`WebSocket`](crate::WebSocket) that sends; see
/// [`split`](crate::WebSocket::split).
#[derive(Debug)]
pub struct Writer<S: AsyncRead + AsyncWrite + Unpin>(Half<S>);

#[derive(Debug)]
struct Half<S: AsyncRead + AsyncWrite + Unpin> {
    shared: Arc<Shared<S>>,
    index: usize,
}

#[derive(Debug)]
struct Shared<S: AsyncRead + AsyncWrite + Unpin> {
    driver: Mutex<Driver<S>>,
    wakers: Wakers,
}

pub(crate) fn split<S: AsyncRead + AsyncWrite + Unpin>(
    driver: Driver<S>,
) -> (Reader<S>, Writer<S>) {
    let shared = Arc::new(Shared {
        driver: Mutex::new(driver),
        wakers: Wakers::default(),
    });
    let half = |index| Half {
        shared: shared.clone(),
        index,
    };
    (Reader(half(READER)), Writer(half(WRITER)))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Half<S> {
    fn lock(&self) -> MutexGuard<'_, Driver<S>> {
        lock(&self.shared.driver)
    }

    fn closed(&self) -> Option<Closed> {
        self.lock().connection().closed().cloned()
    }

    fn wake_other(&self) {
        self.shared.wakers.wake_other(self.index);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> PollDriver<S> for Half<S> {
    fn poll_driver<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let mut cx = self.shared.wakers.register(self.index, cx);
        let mut driver = self.lock();
        let result = poll(&mut driver, &mut cx);
        let changed = driver.take_changed();
        drop(driver);
        if changed {
            self.wake_other();
        }
        result
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reader<S> {
    /// As [`WebSocket::next`](crate::WebSocket::next).
    ///
    /// # Errors
    /// As [`WebSocket::next`](crate::WebSocket::next).
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll::next(&mut self.0).await
    }

    /// Returns why the connection has ended, or `None` if it has not.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.0.closed()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Writer<S> {
    /// As [`WebSocket::send`](crate::WebSocket::send). The other half receives the messages that
    /// arrive while it waits.
    ///
    /// # Errors
    /// As [`WebSocket::send`](crate::WebSocket::send).
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        poll::send(&mut self.0, message.into()).await
    }

    /// As [`WebSocket::ready`](crate::WebSocket::ready).
    ///
    /// # Errors
    /// As [`WebSocket::ready`](crate::WebSocket::ready).
    pub async fn ready(&mut self) -> Result<(), Error> {
        poll::ready(&mut self.0).await
    }

    /// As [`WebSocket::feed`](crate::WebSocket::feed). A reader that is already waiting does not
    /// write the message: call [`flush`](Self::flush).
    ///
    /// # Errors
    /// As [`WebSocket::feed`](crate::WebSocket::feed).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        poll::feed(&mut self.0, message.into()).await
    }

    /// As [`WebSocket::flush`](crate::WebSocket::flush).
    ///
    /// # Errors
    /// As [`WebSocket::flush`](crate::WebSocket::flush).
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll::flush(&mut self.0).await
    }

    /// As [`WebSocket::feed_prepared`](crate::WebSocket::feed_prepared).
    ///
    /// # Errors
    /// As [`WebSocket::send`](crate::WebSocket::send).
    pub async fn feed_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        poll::feed_prepared(&mut self.0, message).await
    }

    /// As [`WebSocket::send_prepared`](crate::WebSocket::send_prepared).
    ///
    /// # Errors
    /// As [`WebSocket::send_prepared`](crate::WebSocket::send_prepared).
    pub async fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        poll::send_prepared(&mut self.0, message).await
    }

    /// As [`WebSocket::start_close`](crate::WebSocket::start_close). The reader receives what the
    /// peer had sent before.
    ///
    /// # Errors
    /// As [`WebSocket::start_close`](crate::WebSocket::start_close).
    pub async fn start_close(&mut self, close: Close) -> Result<(), Error> {
        poll::start_close(&mut self.0, &close).await
    }

    /// As [`Reader::closed`].
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.0.closed()
    }

    /// Ends the connection at once, without a close frame: pending output is dropped, and the
    /// reader returns `None`. For a peer that reads too slowly.
    pub fn abort(&mut self) {
        self.0.lock().connection_mut().abort();
        self.0.wake_other();
    }
}

/// Messages; see [`next`](Reader::next).
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Reader<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_driver(cx, Driver::poll_message)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for Reader<S> {
    fn is_terminated(&self) -> bool {
        self.0.lock().is_finished()
    }
}

/// As that of [`WebSocket`](crate::WebSocket).
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Writer<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_driver(cx, Driver::poll_ready)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.0.lock().queue(message)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_driver(cx, Driver::poll_flush)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0
            .poll_driver(cx, |driver, cx| driver.poll_close(cx, &Close::EMPTY))
    }
}
