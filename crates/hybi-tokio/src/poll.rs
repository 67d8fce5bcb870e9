//! The operations that a whole connection and its halves share.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use hybi::{Close, PreparedMessage};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::driver::Driver;
use crate::{Error, Message};

/// Access to a driver.
pub(crate) trait PollDriver<S: AsyncRead + AsyncWrite + Unpin> {
    fn poll_driver<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T>;
}

pub(crate) async fn next<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut impl PollDriver<S>,
) -> Option<Result<Message, Error>> {
    poll_fn(|cx| socket.poll_driver(cx, Driver::poll_message)).await
}

pub(crate) async fn ready<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut impl PollDriver<S>,
) -> Result<(), Error> {
    poll_fn(|cx| socket.poll_driver(cx, Driver::poll_ready)).await
}

pub(crate) async fn flush<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut impl PollDriver<S>,
) -> Result<(), Error> {
    poll_fn(|cx| socket.poll_driver(cx, Driver::poll_flush)).await
}

pub(crate) async fn feed<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut impl PollDriver<S>,
    message: Message,
) -> Result<(), Error> {
    let mut message = Some(message);
    poll_fn(|cx| {
        socket.poll_driver(cx, |driver, cx| {
            ready!(driver.poll_ready(cx))?;
            Poll::Ready(
                message
                    .take()
                    .map_or(Ok(()), |message| driver.queue(message)),
            )
        })
    })
    .await
}

pub(crate) async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut impl PollDriver<S>,
    message: Message,
) -> Result<(), Error> {
    let mut message = Some(message);
    poll_fn(|cx| {
        socket.poll_driver(cx, |driver, cx| {
            if message.is_some() {
                ready!(driver.poll_ready(cx))?;
            }
            if let Some(message) = message.take() {
                driver.queue_and_write(cx, message)?;
            }
            driver.poll_flush(cx)
        })
    })
    .await
}

pub(crate) async fn feed_prepared<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut impl PollDriver<S>,
    message: &PreparedMessage,
) -> Result<(), Error> {
    poll_fn(|cx| socket.poll_driver(cx, |driver, cx| driver.poll_prepared(cx, message))).await
}

pub(crate) async fn send_prepared<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut impl PollDriver<S>,
    message: &PreparedMessage,
) -> Result<(), Error> {
    let mut is_queued = false;
    poll_fn(|cx| {
        socket.poll_driver(cx, |driver, cx| {
            if !is_queued {
                ready!(driver.poll_prepared(cx, message))?;
                is_queued = true;
            }
            driver.poll_flush(cx)
        })
    })
    .await
}

pub(crate) async fn start_close<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut impl PollDriver<S>,
    close: &Close,
) -> Result<(), Error> {
    poll_fn(|cx| socket.poll_driver(cx, |driver, cx| driver.poll_close(cx, close))).await
}
