//! Masking by `websocket-mask`, against masking byte by byte.
#![no_main]

use hybi_oracles::{MaskInput, mask};

libfuzzer_sys::fuzz_target!(|input: MaskInput| mask(input));
