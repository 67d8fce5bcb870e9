//! Any split of the same bytes gives the same events and the same output.

mod common;

use common::*;
use hybi::{Config, Connection};

#[test]
fn rq_20_the_drafts_conversation_at_every_cut() {
    let bytes = [
        DRAFT_76_HEAD.as_bytes(),
        DRAFT_76_KEY3,
        b"\x00Hello\xff\x01x\xff\x80\x03\x00\xff\x00\x00h\xc3\xa9\xe2\x98\x83\xff\xff\x00",
    ]
    .concat();
    let server = || Connection::server(&Config::new());
    let whole = tell(server(), &bytes, &[], true);
    for cut in 0..=bytes.len() {
        assert_eq!(tell(server(), &bytes, &[cut], true), whole, "cut at {cut}");
    }
    let everywhere: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(tell(server(), &bytes, &everywhere, true), whole);
}
