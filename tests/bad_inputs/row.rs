//! Types of the rows: input for a connection, or a call, and the expected result.

use std::error::Error;

use hybi::{Config, Connection, Dialect, Entropy};

use testkit::pair::response_to;
use testkit::*;

pub(crate) struct Row {
    pub number: usize,
    pub description: &'static str,
    pub cases: Vec<Case>,
}

pub(crate) enum Case {
    Input(InputCase),
    Call(CallCase),
}

/// Input for a connection, and the expected events and output.
pub(crate) struct InputCase {
    pub description: &'static str,
    pub setup: Setup,
    pub config: NamedConfig,
    pub base: Option<Base>,
    pub edits: Vec<(&'static str, Pattern)>,
    pub then: Pattern,
    pub eof: bool,
    /// Whether the request is not answered, so that input after the head is not consumed.
    pub unanswered: bool,
    pub events: Vec<Observed>,
    pub output: Output,
}

/// A call after some input, and the expected result and output.
pub(crate) struct CallCase {
    pub setup: Setup,
    pub config: NamedConfig,
    pub input: Pattern,
    pub call: fn(&mut Connection) -> Result<(), String>,
    /// The call as Rust code.
    pub text: &'static str,
    /// An error as [`error_text`] describes it.
    pub result: Result<(), String>,
    /// The output after the call.
    pub sent: Pattern,
}

/// Returns an error of a call, and its message.
pub(crate) fn error_text(error: impl Error) -> String {
    format!("`{error:?}`: {error}")
}

/// How the connection of a case is created.
#[derive(Clone, Copy)]
pub(crate) enum Setup {
    Server,
    /// A client that has sent its request.
    Client(Dialect, Subprotocol),
    Open(Role, Dialect),
}

/// The subprotocol that a client requests.
pub(crate) type Subprotocol = Option<&'static str>;

/// A configuration, and its setters as Rust code.
pub(crate) type NamedConfig = (Config, &'static str);

/// A valid head, to be edited.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    R75,
    R76,
    R13,
    Page,
    /// The response of a server to the client's request, without the challenge response of Hixie-76.
    Response,
}

impl Base {
    pub(crate) const REQUESTS: [Self; 4] = [Self::R75, Self::R76, Self::R13, Self::Page];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::R75 => "R75",
            Self::R76 => "R76",
            Self::R13 => "R13",
            Self::Page => "Page",
            Self::Response => "Response",
        }
    }

    pub(crate) fn request(self) -> &'static str {
        match self {
            Self::R75 => DRAFT_75_REQUEST,
            Self::R76 => DRAFT_76_REQUEST,
            Self::R13 => RFC6455_REQUEST,
            Self::Page => "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
            Self::Response => unreachable!("depends on the request of the client"),
        }
    }
}

/// Bytes, as strings with the number of their repetitions.
#[derive(Clone, Default)]
pub(crate) struct Pattern(pub Vec<(Vec<u8>, usize)>);

impl Pattern {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let strings = self.0.iter();
        strings.flat_map(|(bytes, n)| bytes.repeat(*n)).collect()
    }
}

impl<const N: usize> From<&[u8; N]> for Pattern {
    fn from(bytes: &[u8; N]) -> Self {
        Self(vec![(bytes.to_vec(), 1)])
    }
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self(vec![(text.into(), 1)])
    }
}

impl<const N: usize> From<[(&str, usize); N]> for Pattern {
    fn from(strings: [(&str, usize); N]) -> Self {
        Self(strings.map(|(bytes, n)| (bytes.into(), n)).into())
    }
}

impl<const N: usize> From<[(&[u8], usize); N]> for Pattern {
    fn from(strings: [(&[u8], usize); N]) -> Self {
        Self(strings.map(|(bytes, n)| (bytes.into(), n)).into())
    }
}

#[derive(Clone)]
pub(crate) enum Output {
    Nothing,
    /// An error response, which lists these versions if it is a 426.
    ErrorResponse(u16, &'static str),
    Bytes(Pattern),
    /// A close frame with this code, masked if a client sends it.
    Close(u16),
}

impl InputCase {
    pub(crate) fn connection(&self) -> Connection {
        match self.setup {
            Setup::Client(..) => self.client_and_response().0,
            setup => setup.connection(&self.config.0),
        }
    }

    /// Returns a client that has sent its request, and the head of a valid response.
    fn client_and_response(&self) -> (Connection, Vec<u8>) {
        let mut conn = self.setup.connection(&self.config.0);
        let mut response = response_to(&mut conn);
        if let Setup::Client(Dialect::Hixie76, _) = self.setup {
            response.truncate(response.len() - 16);
        }
        (conn, response)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head().0, self.then.bytes()].concat()
    }

    /// Returns the edited head, and the marked offset or else the length of the head.
    fn head(&self) -> (Vec<u8>, u32) {
        let mut head = match self.base {
            None => Vec::new(),
            Some(Base::Response) => self.client_and_response().1,
            Some(base) => base.request().into(),
        };
        let mut marked = None;
        for (from, to) in &self.edits {
            let (edited, at) = replace_marked(&head, from, to.bytes());
            if to.bytes().contains(&b'^') {
                marked = Some(at);
            }
            head = edited;
        }
        let len = head.len() as u32;
        (head, marked.unwrap_or(len))
    }

    pub(crate) fn config(mut self, config: NamedConfig) -> Self {
        self.config = config;
        self
    }

    /// Replaces `from`. A `^` in `to` marks the offset in the error.
    pub(crate) fn edit(mut self, from: &'static str, to: impl Into<Pattern>) -> Self {
        self.edits.push((from, to.into()));
        self
    }

    pub(crate) fn then(mut self, bytes: impl Into<Pattern>) -> Self {
        self.then = bytes.into();
        self
    }

    pub(crate) fn eof(mut self) -> Self {
        self.eof = true;
        self
    }

    pub(crate) fn unanswered(mut self) -> Self {
        self.unanswered = true;
        self
    }

    pub(crate) fn gives(mut self, events: impl Into<Vec<Observed>>, output: Output) -> Case {
        (self.events, self.output) = (events.into(), output);
        Case::Input(self)
    }

    /// The only event is the error.
    pub(crate) fn fails(self, error: ProtocolError, output: Output) -> Case {
        self.gives([protocol_error(error)], output)
    }

    /// The only event is the rejection of a client's request by the edited head.
    pub(crate) fn rejects(self, status: u16) -> Case {
        let (head, _) = self.head();
        self.gives([Observed::Closed(rejection(status, head))], Output::Nothing)
    }

    /// Like `fails`, with an error that contains the offset.
    pub(crate) fn fails_at(self, error: impl FnOnce(u32) -> ProtocolError, output: Output) -> Case {
        let (_, at) = self.head();
        self.fails(error(at), output)
    }

    /// Like `fails_at`, with an HTTP error response.
    pub(crate) fn rejected(self, error: impl FnOnce(u32) -> ProtocolError, status: u16) -> Case {
        self.fails_at(error, Output::ErrorResponse(status, VERSIONS))
    }
}

impl Setup {
    pub(crate) fn connection(self, config: &Config) -> Connection {
        match self {
            Self::Server => Connection::server(config.clone()),
            Self::Client(dialect, protocol) => {
                let mut target = client_request(dialect);
                if let Some(name) = protocol {
                    target = target.with_protocol(name).unwrap();
                }
                Connection::client(config.clone(), &target, Entropy::from_bytes([9; 32]))
            }
            Self::Open(role, dialect) => established(config, role, dialect),
        }
    }

    pub(crate) fn role(self) -> Role {
        match self {
            Self::Server => Role::Server,
            Self::Client(..) => Role::Client,
            Self::Open(role, _) => role,
        }
    }
}

impl Output {
    /// Returns the bytes; a close frame is that of a server.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Nothing => Vec::new(),
            Self::ErrorResponse(status, versions) => error_response(*status, versions).into(),
            Self::Bytes(pattern) => pattern.bytes(),
            Self::Close(code) => frame(Role::Server, CLOSE, close_payload(*code, "")),
        }
    }
}
