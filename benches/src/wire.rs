//! The socket of every implementation: input without end from memory, output that is thrown away.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::memory::Aligned;

/// Reads `input` over and over in pieces of at most `chunk` bytes. The copy that a read makes
/// stands for the system's, and is in everybody's time.
pub struct Wire {
    input: Arc<Aligned>,
    at: usize,
    chunk: usize,
    /// Bytes that may still be read; then it would block.
    granted: u64,
    sent: u64,
    kept: Option<Vec<u8>>,
}

impl Wire {
    pub fn new(input: &Arc<Aligned>, chunk: usize) -> Self {
        assert!(!input.is_empty() && chunk > 0);
        Self {
            input: Arc::clone(input),
            at: 0,
            chunk,
            granted: u64::MAX,
            sent: 0,
            kept: None,
        }
    }

    /// For an implementation that only writes.
    pub fn silent() -> Self {
        Self::new(&Arc::new(Aligned::zeroed(1)), 1)
    }

    /// From here on only so many bytes can be read.
    pub fn grant(&mut self, bytes: u64) {
        self.granted = bytes;
    }

    pub fn granted(&self) -> u64 {
        self.granted
    }

    /// How many bytes were written so far.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// From here on output is kept, to be compared.
    pub fn keep(&mut self) {
        self.kept = Some(Vec::new());
    }

    /// The output kept; from here on it is thrown away.
    pub fn kept(&mut self) -> Vec<u8> {
        self.kept.take().unwrap_or_default()
    }

    /// How many bytes the next read gives to a buffer that is large enough.
    pub fn next_len(&self) -> usize {
        let here = (self.input.len() - self.at).min(self.chunk);
        here.min(usize::try_from(self.granted).unwrap_or(usize::MAX))
    }

    fn next(&mut self, room: usize) -> &[u8] {
        let here = self.next_len().min(room);
        let from = self.at;
        self.granted -= here as u64;
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
        if bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        buf[..bytes.len()].copy_from_slice(bytes);
        Ok(bytes.len())
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sent += std::hint::black_box(bytes).len() as u64;
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        Ok(bytes.len())
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
        if bytes.is_empty() {
            return Poll::Pending;
        }
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
        match self.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            read => Poll::Ready(read),
        }
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
