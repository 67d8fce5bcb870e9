//! The entropy of a client connection.

/// 32 random bytes for one client connection, from which its handshake keys and, from HyBi-7 on,
/// its masking keys are derived (RFC 6455, section 10.3).
///
/// The type is neither `Clone` nor `Copy`, so that no two connections use the same bytes.
///
/// ```
/// use hybi::Entropy;
/// # fn main() -> Result<(), getrandom::Error> {
/// let mut bytes = [0; 32];
/// getrandom::fill(&mut bytes)?; // of the crate `getrandom`
/// let entropy = Entropy::from_bytes(bytes);
/// # Ok(())
/// # }
/// ```
pub struct Entropy([u8; 32]);

impl Entropy {
    /// Takes bytes from a cryptographically secure random number generator.
    ///
    /// Constant bytes are for tests only: a peer that knows them can predict the masking keys, and
    /// a page can then choose what the frames look like to a proxy.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Takes bytes from the operating system.
    ///
    /// # Errors
    /// [`EntropyError`] if the operating system has none.
    ///
    /// ```
    /// use hybi::{ClientRequest, Config, Connection, Entropy};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let request = ClientRequest::new("ws://example.com/")?;
    /// let conn = Connection::client(Config::new(), &request, Entropy::from_os()?);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "getrandom")]
    #[cfg_attr(docsrs, doc(cfg(feature = "getrandom")))]
    pub fn from_os() -> Result<Self, EntropyError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| EntropyError(()))?;
        Ok(Self(bytes))
    }

    pub(crate) fn into_bytes(self) -> [u8; 32] {
        self.0
    }
}

/// Omits the bytes.
impl core::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Entropy(..)")
    }
}

/// The error of [`Entropy::from_os`]: the operating system has no random bytes.
///
/// ```
/// use hybi::{Entropy, EntropyError};
/// let entropy: Result<Entropy, EntropyError> = Entropy::from_os();
/// if let Err(error) = entropy {
///     eprintln!("cannot connect: {error}");
/// }
/// ```
#[cfg(feature = "getrandom")]
#[cfg_attr(docsrs, doc(cfg(feature = "getrandom")))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system has no random bytes")]
pub struct EntropyError(());
