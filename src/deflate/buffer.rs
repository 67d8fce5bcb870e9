//! The memory of inflated chunks.

use std::boxed::Box;
use std::cell::RefCell;
use std::string::String;
use std::vec::Vec;

use super::pool::{put, take};

/// The maximum number of bytes of an inflated chunk.
pub(crate) const CHUNK_LEN: usize = 4096;

std::thread_local! {
    static BUFFERS: RefCell<Vec<Box<Content>>> = const { RefCell::new(Vec::new()) };
}

/// A chunk: bytes, and the same as text once they are validated.
struct Content {
    bytes: [u8; CHUNK_LEN],
    text: String,
}

/// The memory of one inflated chunk. It returns to the thread that drops it.
pub(crate) struct Buffer {
    /// `None` only while it is dropped.
    content: Option<Box<Content>>,
    /// The length of the chunk in bytes.
    len: usize,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        let found = BUFFERS.try_with(|buffers| take(buffers, |_| true));
        let new = || {
            Box::new(Content {
                bytes: [0; CHUNK_LEN],
                text: String::with_capacity(CHUNK_LEN),
            })
        };
        Self {
            content: Some(found.ok().flatten().unwrap_or_else(new)),
            len: 0,
        }
    }

    /// Returns the memory for bytes, and that for text, which is empty.
    pub(crate) fn start(&mut self) -> Option<(&mut [u8], &mut String)> {
        self.len = 0;
        let Content { bytes, text } = &mut **self.content.as_mut()?;
        text.clear();
        Some((bytes, text))
    }

    /// Sets the length of the bytes.
    pub(crate) fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        let content = self.content.as_ref();
        content
            .and_then(|content| content.bytes.get(..self.len))
            .unwrap_or_default()
    }

    pub(crate) fn text(&self) -> &str {
        self.content.as_ref().map_or("", |content| &content.text)
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(content) = self.content.take() {
            let _ = BUFFERS.try_with(|buffers| put(buffers, content));
        }
    }
}
