//! The socket of every implementation: endless input from memory, output that is discarded.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BytesMut;

use crate::memory::Aligned;

/// Reads `input` in a loop, at most `chunk` bytes at a time. A read copies, as
/// the system's does; all entries include this time.
pub struct Wire {
    input: Arc<Aligned>,
    at: usize,
    chunk: usize,
    sent: Rc<Cell<u64>>,
    kept: Option<Rc<RefCell<Vec<u8>>>>,
}

impl Wire {
    pub fn new(input: &Arc<Aligned>, chunk: usize) -> Self {
        assert!(!input.is_empty() && chunk > 0);
        Self {
            input: Arc::clone(input),
            at: 0,
            chunk,
            sent: Rc::default(),
            kept: None,
        }
    }

    /// For an implementation that only writes.
    pub fn silent() -> Self {
        Self::new(&Arc::new(Aligned::zeroed(1)), 1)
    }

    /// Counts the bytes written. Shared, because some peers give no access to their socket.
    pub fn sent(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.sent)
    }

    /// All output from here on.
    pub fn keep(&mut self) -> Rc<RefCell<Vec<u8>>> {
        Rc::clone(self.kept.get_or_insert_default())
    }

    /// The number of bytes that the next read returns, if the buffer is large enough.
    pub fn next_len(&self) -> usize {
        (self.input.len() - self.at).min(self.chunk)
    }

    /// Appends the bytes of one read, without zeroing the buffer first.
    pub fn read_into(&mut self, buf: &mut BytesMut) {
        buf.extend_from_slice(self.next(self.chunk));
    }

    fn next(&mut self, capacity: usize) -> &[u8] {
        let here = self.next_len().min(capacity);
        let from = self.at;
        self.at += here;
        if self.at == self.input.len() {
            self.at = 0;
        }
        &self.input[from..from + here]
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = self.next(buf.len());
        buf[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Wire {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = std::hint::black_box(bytes).len();
        self.sent.set(self.sent.get() + written as u64);
        if let Some(kept) = &self.kept {
            kept.borrow_mut().extend_from_slice(bytes);
        }
        Ok(written)
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes).map(drop)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut written = 0;
        for slice in slices {
            written += self.write(slice)?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl tokio::io::AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = self.next(buf.remaining());
        buf.put_slice(bytes);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures_io::AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.read(buf))
    }
}

impl futures_io::AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
