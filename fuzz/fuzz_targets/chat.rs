//! The server of `mio_chat`, with clients on sockets that the input controls.
#![no_main]

use hybi_oracles::{ChatInput, chat};

libfuzzer_sys::fuzz_target!(|input: ChatInput| chat(input));
