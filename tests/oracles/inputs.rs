//! The format of inputs: a line of options, then the wire or steps.

use hybi_oracles::{
    ChatAction, ChatInput, ChatStep, FramesInput, LimitOptions, PairAction, PairInput, PairStep,
    SplitOptions, Steps, decode, encode,
};
use testkit::{Role, TEXT, frame};

#[test]
fn an_input_is_a_line_of_options_and_the_wire() {
    let input: FramesInput = decode(b"12034567\n\x81\x00");
    let expected = "FramesInput { switches: 1, limits: LimitOptions { most: 2, frame_len: 0 }, \
                    splits: SplitOptions { switches: 3, sizes: [4, 5, 6, 7] }, \
                    separator: 10, wire: [129, 0] }";
    assert_eq!(format!("{input:?}"), expected);
}

#[test]
fn a_step_of_pair_is_an_end_a_letter_and_an_amount() {
    let input: PairInput = decode(b"3124\n0t51d~");
    let expected = "PairInput { dialect: 3, switches: 1, limit: 2, pipe: 4, separator: 10, steps: Steps([\
                    Step { by_server: false, action: Text, amount: 5 }, \
                    Step { by_server: true, action: Transmit, amount: 78 }]) }";
    assert_eq!(format!("{input:?}"), expected);
}

#[test]
fn a_step_of_chat_is_a_letter_a_client_an_amount_and_a_turn() {
    let input: ChatInput = decode(b"10\nc201g2~0");
    let expected = "ChatInput { switches: 1, limit: 0, separator: 10, steps: Steps([\
                    Step { action: Connect, slot: 2, amount: 0, turn: true }, \
                    Step { action: AddSpace, slot: 2, amount: 78, turn: false }]) }";
    assert_eq!(format!("{input:?}"), expected);
}

#[test]
fn a_seed_with_a_wire_can_be_written_from_values() {
    let input = FramesInput {
        switches: 1.into(),
        limits: LimitOptions {
            most: 2.into(),
            frame_len: 0.into(),
        },
        splits: SplitOptions {
            switches: 3.into(),
            sizes: [4, 5, 6, 7].map(Into::into),
        },
        separator: b'\n',
        wire: &frame(Role::Server, TEXT, "Hello"),
    };
    assert_eq!(encode(&input), b"12034567\n\x81\x05Hello");
}

#[test]
fn a_seed_with_steps_can_be_written_from_values() {
    let step = |by_server, action, amount: u8| PairStep {
        by_server,
        action,
        amount: amount.into(),
    };
    let input = PairInput {
        dialect: 3.into(),
        switches: 1.into(),
        limit: 2.into(),
        pipe: 4.into(),
        separator: b'\n',
        steps: Steps(vec![
            step(false, PairAction::Text, 5),
            step(true, PairAction::Transmit, 78),
        ]),
    };
    assert_eq!(encode(&input), b"3124\n0t51d~");

    let step = |action, amount: u8, turn| ChatStep {
        action,
        slot: 2.into(),
        amount: amount.into(),
        turn,
    };
    let input = ChatInput {
        switches: 1.into(),
        limit: 0.into(),
        separator: b'\n',
        steps: Steps(vec![
            step(ChatAction::Connect, 0, true),
            step(ChatAction::AddSpace, 78, false),
        ]),
    };
    assert_eq!(encode(&input), b"10\nc201g2~0");
}
