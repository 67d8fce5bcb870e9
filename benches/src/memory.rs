//! Removes random effects from the comparison: two of glibc, and the alignment of buffers.

use std::ffi::OsString;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// On some processors a copy with `rep movsb` is twenty times slower between addresses that are a
/// few bytes apart modulo the page size; and callgrind counts it as an instruction for each byte.
/// This disables it in glibc, for all entries.
pub const TUNABLES: (&str, &str) = (
    "GLIBC_TUNABLES",
    "glibc.cpu.x86_rep_movsb_threshold=0x7fffffffff",
);

/// Starts this program again with [`TUNABLES`] unless they are set. Returns only if they are, or on
/// an error.
pub fn tuned() -> io::Result<()> {
    let (name, value) = TUNABLES;
    if std::env::var_os(name).is_some() {
        return Ok(());
    }
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut again = Command::new(std::env::current_exe()?);
    Err(again.args(arguments).env(name, value).exec())
}

/// Brings the allocator to the state of a process that has run for a while and has freed a large
/// block: it then serves such blocks from its heap. Otherwise the first rows with large messages
/// would measure mapping and unmapping of memory, and later ones would not.
pub fn settle() {
    drop(std::hint::black_box(vec![0_u8; 31 << 20]));
}

/// Bytes that start at a cache line. On some processors a copy to or from another address takes a
/// third longer, and the allocator places a buffer at random.
#[derive(Default)]
pub struct Aligned {
    bytes: Vec<u8>,
    begin: usize,
}

impl Aligned {
    const LINE: usize = 64;

    pub fn zeroed(len: usize) -> Self {
        let mut bytes = vec![0; len + Self::LINE];
        let begin = bytes.as_ptr().align_offset(Self::LINE);
        bytes.truncate(begin + len);
        Self { bytes, begin }
    }

    pub fn copy(from: &[u8]) -> Self {
        let mut copy = Self::zeroed(from.len());
        copy.copy_from_slice(from);
        copy
    }
}

impl Deref for Aligned {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.begin..]
    }
}
