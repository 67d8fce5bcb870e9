//! Responses that reject a client's request.

use alloc::sync::Arc;
use core::fmt;

use super::request::name_value;
use crate::http::Head;

/// The response of a server or proxy that does not accept a client's request: its status and header
/// fields, such as `Location` and `WWW-Authenticate`. Clones share it.
///
/// The body is not read: the bytes that have arrived with the head are
/// [`Input::remaining`](crate::Input::remaining), and the others are in the socket.
///
/// ```
/// use hybi::{Closed, Event};
///
/// fn handle(event: Event<'_>) {
///     if let Event::Closed(Closed::Rejected(rejection)) = event {
///         match (rejection.status(), rejection.header("Location")) {
///             (300..=399, Some(location)) => println!("moved to {}", location.escape_ascii()),
///             (status, _) => println!("rejected with status {status}"),
///         }
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Rejection(Arc<Head>);

impl Rejection {
    pub(crate) fn new(head: Head) -> Self {
        Self(Arc::new(head))
    }

    /// Returns the status, such as 401.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// Returns the value of the first header field with this name, without surrounding white space.
    /// The name is compared without regard to case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        Some(self.0.header(name)?.trimmed())
    }

    /// Returns the name and value of each header field, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        name_value(&self.0)
    }
}

impl PartialEq for Rejection {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes() == other.0.bytes()
    }
}

impl Eq for Rejection {}

/// Omits the header fields, which may contain cookies.
impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rejection({})", self.status())
    }
}
