//! ws-tool's blocking codecs, with a read buffer of the size of a read.

use ws_tool::codec::{BytesCodec, FrameConfig, StringCodec};

use crate::corpus::Kind;
use crate::entry::Receive;
use crate::sink::Sink;
use crate::wire::Wire;

pub enum Receiver {
    Text(StringCodec<Wire>),
    Binary(BytesCodec<Wire>),
}

impl Receiver {
    pub fn new(kind: Kind, wire: Wire) -> Self {
        let config = FrameConfig {
            mask_send_frame: false,
            resize_size: wire.next_len(),
            ..FrameConfig::default()
        };
        match kind {
            Kind::Text | Kind::Multi => Self::Text(StringCodec::new_with(wire, config, true)),
            Kind::Binary => Self::Binary(BytesCodec::new_with(wire, config)),
        }
    }
}

impl Receive for Receiver {
    fn read(&mut self, sink: &mut impl Sink) {
        match self {
            Self::Text(codec) => {
                let message = codec.receive().expect("valid frames");
                sink.chunk(message.data.as_bytes(), true);
            }
            Self::Binary(codec) => {
                let message = codec.receive().expect("valid frames");
                sink.chunk(&message.data, true);
            }
        }
    }
}
