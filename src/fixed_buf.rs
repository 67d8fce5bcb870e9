//! A buffer without an allocation of its own.

/// Up to `N` bytes, where `N` is at most 255.
#[derive(Clone, Copy)]
pub(crate) struct FixedBuf<const N: usize> {
    bytes: [u8; N],
    len: u8,
}

impl<const N: usize> FixedBuf<N> {
    pub(crate) const EMPTY: Self = Self {
        bytes: [0; N],
        len: 0,
    };

    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len()).unwrap_or_default()
    }

    /// Returns all `N` bytes once they are complete.
    pub(crate) fn complete(&self) -> Option<[u8; N]> {
        (self.len() == N).then_some(self.bytes)
    }

    /// Appends a byte if there is capacity.
    pub(crate) fn push(&mut self, byte: u8) {
        if let Some(unused) = self.bytes.get_mut(usize::from(self.len)) {
            *unused = byte;
            self.len += 1;
        }
    }

    /// Appends the first bytes of a slice, as many as there is capacity for. Returns the others.
    pub(crate) fn fill<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let unused = self.bytes.get_mut(usize::from(self.len)..);
        let unused = unused.unwrap_or_default();
        let n = unused.len().min(bytes.len());
        let (front, rest) = bytes.split_at_checked(n).unwrap_or_default();
        for (unused, byte) in unused.iter_mut().zip(front) {
            *unused = *byte;
        }
        self.len += n as u8;
        rest
    }
}

#[cfg(any(fuzzing, hybi_verify))]
impl<const N: usize> PartialEq for FixedBuf<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

/// Omits the bytes.
impl<const N: usize> core::fmt::Debug for FixedBuf<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "FixedBuf({} of {N} bytes)", self.len)
    }
}
