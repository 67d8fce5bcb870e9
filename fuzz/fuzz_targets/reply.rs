//! Heads built from the application's values: none of them can add a line.
#![no_main]

use hybi_oracles::{ReplyInput, reply};

libfuzzer_sys::fuzz_target!(|input: ReplyInput| reply(input));
