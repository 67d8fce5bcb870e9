//! Any head: an accepted request that is rebuilt from its parts is accepted alike, also over HTTP/2.
#![no_main]

use hybi_oracles::{HeadInput, head};

libfuzzer_sys::fuzz_target!(|input: HeadInput| head(input));
