//! The format of inputs: a line of options, then the wire or steps.

use hybi_oracles::{ChatInput, FramesInput, PairInput, decode};

#[test]
fn an_input_is_a_line_of_options_and_the_wire() {
    let input: FramesInput = decode(b"12034567\n\x81\x00");
    let expected = "FramesInput { switches: 1, limits: LimitOptions { most: 2, frame_len: 0 }, \
                    splits: SplitOptions { switches: 3, sizes: [4, 5, 6, 7] }, \
                    _separator: 10, wire: [129, 0] }";
    assert_eq!(format!("{input:?}"), expected);
}

#[test]
fn a_step_of_pair_is_an_end_a_letter_and_an_amount() {
    let input: PairInput = decode(b"312\n0t51d~");
    let expected = "PairInput { dialect: 3, switches: 1, limit: 2, _separator: 10, steps: Steps([\
                    Step { by_server: false, action: Text, amount: 5 }, \
                    Step { by_server: true, action: Transmit, amount: 78 }]) }";
    assert_eq!(format!("{input:?}"), expected);
}

#[test]
fn a_step_of_chat_is_a_letter_a_client_an_amount_and_a_turn() {
    let input: ChatInput = decode(b"10\nc201g2~0");
    let expected = "ChatInput { switches: 1, limit: 0, _separator: 10, steps: Steps([\
                    Step { action: Connect, slot: 2, amount: 0, turn: true }, \
                    Step { action: AddSpace, slot: 2, amount: 78, turn: false }]) }";
    assert_eq!(format!("{input:?}"), expected);
}
