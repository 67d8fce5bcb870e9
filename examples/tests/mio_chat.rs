//! The clients of `mio_chat` on sockets in memory.
#![cfg(feature = "deflate")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use hybi::{ClientRequest, Config, Connection, Deflate, Entropy, Event, Input, MessageAssembler};
use hybi_examples::chat::{self, MAX_MESSAGE_LEN};
use hybi_examples::mio_chat::clients::{Clients, READ_LEN};
use hybi_examples::mio_chat::link::Socket;

/// What the client has sent, and what the server has.
#[derive(Clone, Default)]
struct Pipe(Rc<RefCell<(VecDeque<u8>, Vec<u8>)>>);

impl Read for Pipe {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self.0.borrow_mut().0.read(buf)? {
            0 => Err(ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().1.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket for Pipe {
    fn shutdown_write(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Each message has some 85 bytes on the wire, so that one read would contain hundreds of them.
#[test]
fn a_client_that_sends_long_compressed_messages_gets_its_share_of_each_turn() {
    const COUNT: usize = 100;
    let config = chat::config(true, MAX_MESSAGE_LEN);
    let mut clients = Clients::new(config, |_| {});
    let pipe = Pipe::default();
    let key = clients.vacant_key();
    clients.insert(pipe.clone(), 1, ([127, 0, 0, 1], 1).into());

    let request = ClientRequest::new("ws://localhost/").unwrap();
    let config = Config::new().deflate(Deflate::new());
    let mut conn = Connection::client(config, &request, Entropy::from_bytes([1; 32]));
    let text = "a".repeat(MAX_MESSAGE_LEN);
    let mut message = MessageAssembler::default();
    let mut buf = vec![0; READ_LEN];
    let mut received = 0;
    // The handshake, two messages in each turn, and the empty end of the last one.
    for _ in 0..2 + COUNT / 2 {
        pipe.0.borrow_mut().0.extend(conn.transmit());
        conn.advance(conn.pending());
        clients.set_readiness(key, true, true);
        clients.turn(Duration::ZERO, &mut buf);

        let mut output = std::mem::take(&mut pipe.0.borrow_mut().1);
        let mut input = Input::new(&mut output, Duration::ZERO);
        let before = received;
        while let Some(event) = conn.receive(&mut input) {
            match event {
                Event::Open(_) => {
                    for _ in 0..COUNT {
                        conn.send_text(&text).unwrap();
                    }
                }
                Event::Text(chunk) => {
                    if let Some(echo) = message.push_text(chunk).unwrap() {
                        assert_eq!(echo, text);
                        received += 1;
                    }
                }
                event => panic!("{event:?}"),
            }
        }
        let in_this_turn = received - before;
        assert!(
            in_this_turn <= 2 * READ_LEN / MAX_MESSAGE_LEN,
            "{in_this_turn}"
        );
        assert_eq!(
            clients.timeout(Duration::ZERO).unwrap().is_zero(),
            (1..COUNT).contains(&received)
        );
    }
    assert_eq!(received, COUNT);
}
