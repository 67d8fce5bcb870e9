//! The error of all functions.

use std::{fmt, io};

use hybi::{AcceptError, CloseError, Closed, MessageTooLong, RespondError, SendError};

/// The error of this crate. Each function documents which variants it returns.
///
/// ```
/// use hybi_tokio::Error;
/// use hybi_tokio::hybi::Closed;
///
/// fn log(error: &Error) {
///     match error {
///         // A browser that was closed, or a connection that broke.
///         Error::Closed(Closed::Eof(_)) | Error::Io(_) => {}
///         error => eprintln!("{error}"),
///     }
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The byte stream returned an error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The connection ended for this reason, without a complete closing handshake.
    #[error("{}", Reason(.0))]
    Closed(Closed),
    /// The peer sent a message that is longer than the limit. A close with the code 1009 is queued.
    #[error(transparent)]
    MessageTooLong(MessageTooLong),
    /// A message was not sent. Others can be.
    #[error(transparent)]
    Send(SendError),
    /// The code or reason of a close is invalid. The connection remains open.
    #[error(transparent)]
    Close(CloseError),
    /// The request was not accepted.
    #[error(transparent)]
    Accept(AcceptError),
    /// The response was not sent.
    #[error(transparent)]
    Respond(RespondError),
}

/// A reason with its cause: most programs print an error without its sources.
struct Reason<'a>(&'a Closed);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Closed::Protocol(error) => write!(f, "{}: {error}", self.0),
            closed => closed.fmt(f),
        }
    }
}
