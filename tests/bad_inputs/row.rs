//! The form of a row: what is fed to whom, and what has to come of it.

use hybi::{ClientRequest, Closed, Config, Connection, Dialect, ProtocolError, Refused, Role};

use crate::common::pair::answer_to;
use crate::common::{DRAFT_75_HEAD, DRAFT_76_HEAD, Observed, VERSIONS, edit_marked, refusal, rfc};

pub struct Row {
    pub number: usize,
    pub what: &'static str,
    pub cases: Vec<Case>,
}

pub enum Case {
    Heard(Heard),
    Called(Called),
}

/// Bytes that a connection is fed.
pub struct Heard {
    pub what: &'static str,
    pub end: End,
    pub config: Set,
    pub base: Option<Base>,
    pub edits: Vec<(&'static str, Parts)>,
    pub then: Parts,
    pub eof: bool,
    /// Nobody answers the request, so that what stands behind it is not taken.
    pub waits: bool,
    pub events: Vec<Observed>,
    pub reply: Reply,
}

/// A call of the application, behind bytes that were heard.
pub struct Called {
    pub end: End,
    pub config: Set,
    pub heard: Parts,
    pub call: fn(&mut Connection) -> Result<(), Refused>,
    pub says: &'static str,
    pub gets: Result<(), Refused>,
    /// What is pending then.
    pub sent: Parts,
}

#[derive(Clone, Copy)]
pub enum End {
    Server,
    /// Its request has gone out.
    Client(Dialect, Asks),
    Open(Role, Dialect),
}

/// The subprotocol that a client asks for.
pub type Asks = Option<&'static str>;

/// A configuration, and how the page names it.
pub type Set = (Config, &'static str);

/// A head that is good as it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Base {
    R75,
    R76,
    R13,
    Page,
    /// What a server says to the client's request, less the 16 bytes of Hixie-76.
    Reply,
}

impl Base {
    pub const REQUESTS: [Self; 4] = [Self::R75, Self::R76, Self::R13, Self::Page];

    pub fn name(self) -> &'static str {
        match self {
            Self::R75 => "R75",
            Self::R76 => "R76",
            Self::R13 => "R13",
            Self::Page => "Page",
            Self::Reply => "Reply",
        }
    }

    pub fn request(self) -> &'static str {
        match self {
            Self::R75 => DRAFT_75_HEAD,
            Self::R76 => DRAFT_76_HEAD,
            Self::R13 => rfc::HEAD,
            Self::Page => "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
            Self::Reply => unreachable!("it is the client's request that decides"),
        }
    }
}

/// Bytes as they are written down: some of them again and again.
#[derive(Clone, Default)]
pub struct Parts(pub Vec<(Vec<u8>, usize)>);

impl Parts {
    pub fn bytes(&self) -> Vec<u8> {
        let parts = self.0.iter();
        parts.flat_map(|(part, n)| part.repeat(*n)).collect()
    }
}

impl<const N: usize> From<&[u8; N]> for Parts {
    fn from(bytes: &[u8; N]) -> Self {
        Self(vec![(bytes.to_vec(), 1)])
    }
}

impl From<&str> for Parts {
    fn from(text: &str) -> Self {
        Self(vec![(text.into(), 1)])
    }
}

impl<const N: usize> From<[(&str, usize); N]> for Parts {
    fn from(parts: [(&str, usize); N]) -> Self {
        Self(parts.map(|(part, n)| (part.into(), n)).into())
    }
}

impl<const N: usize> From<[(&[u8], usize); N]> for Parts {
    fn from(parts: [(&[u8], usize); N]) -> Self {
        Self(parts.map(|(part, n)| (part.into(), n)).into())
    }
}

#[derive(Clone)]
pub enum Reply {
    Nothing,
    /// A whole response, with these versions if it is a 426.
    Refusal(u16, &'static str),
    Bytes(Parts),
    /// A close frame with this code, masked if a client sends it.
    Close(u16),
}

impl Heard {
    pub fn connection(&self) -> Connection {
        match self.end {
            End::Client(..) => self.opening().0,
            end => end.connection(&self.config.0),
        }
    }

    /// A connection that has sent its request, and the head of the good reply to it.
    fn opening(&self) -> (Connection, Vec<u8>) {
        let mut conn = self.end.connection(&self.config.0);
        let mut reply = answer_to(&mut conn);
        if let End::Client(Dialect::Hixie76, _) = self.end {
            reply.truncate(reply.len() - 16);
        }
        (conn, reply)
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.head().0, self.then.bytes()].concat()
    }

    /// The head edited, and the place that is marked, or else its length.
    fn head(&self) -> (Vec<u8>, u32) {
        let mut head = match self.base {
            None => Vec::new(),
            Some(Base::Reply) => self.opening().1,
            Some(base) => base.request().into(),
        };
        let mut place = None;
        for (from, to) in &self.edits {
            let (edited, at) = edit_marked(&head, from, to.bytes());
            let marked = to.bytes().contains(&b'^');
            head = edited;
            place = if marked { Some(at) } else { place };
        }
        let length = head.len() as u32;
        (head, place.unwrap_or(length))
    }

    pub fn config(mut self, config: Set) -> Self {
        self.config = config;
        self
    }

    /// A `^` in `to` marks the byte whose place the error tells.
    pub fn edit(mut self, from: &'static str, to: impl Into<Parts>) -> Self {
        self.edits.push((from, to.into()));
        self
    }

    pub fn then(mut self, bytes: impl Into<Parts>) -> Self {
        self.then = bytes.into();
        self
    }

    pub fn eof(mut self) -> Self {
        self.eof = true;
        self
    }

    pub fn unanswered(mut self) -> Self {
        self.waits = true;
        self
    }

    pub fn says(mut self, events: impl Into<Vec<Observed>>, reply: Reply) -> Case {
        (self.events, self.reply) = (events.into(), reply);
        Case::Heard(self)
    }

    /// The error is all that is events.
    pub fn fails(self, error: ProtocolError, reply: Reply) -> Case {
        self.says([Observed::Closed(Closed::Protocol(error))], reply)
    }

    /// The same of an error that has the place in it.
    pub fn fails_at(self, error: impl FnOnce(u32) -> ProtocolError, reply: Reply) -> Case {
        let (_, at) = self.head();
        self.fails(error(at), reply)
    }

    /// The same of a request.
    pub fn refused(self, error: impl FnOnce(u32) -> ProtocolError, status: u16) -> Case {
        self.fails_at(error, Reply::Refusal(status, VERSIONS))
    }
}

impl End {
    pub fn connection(self, config: &Config) -> Connection {
        match self {
            End::Server => Connection::server(config),
            End::Client(dialect, asks) => {
                let target = ClientRequest::new("ws://example.com/demo").unwrap();
                let mut target = target.with_dialect(dialect);
                if let Some(name) = asks {
                    target = target.with_protocol(name).unwrap();
                }
                Connection::client(config, &target, [9; 32])
            }
            End::Open(role, dialect) => Connection::established(config, role, dialect, [9; 32]),
        }
    }

    pub fn role(self) -> Role {
        match self {
            End::Server => Role::Server,
            End::Client(..) => Role::Client,
            End::Open(role, _) => role,
        }
    }
}

impl Reply {
    /// All bytes of it; a frame that a server sends.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Reply::Nothing => Vec::new(),
            Reply::Refusal(status, versions) => refusal(*status, versions).into(),
            Reply::Bytes(parts) => parts.bytes(),
            Reply::Close(code) => rfc::frame(Role::Server, rfc::CLOSE, rfc::body(*code, "")),
        }
    }
}
