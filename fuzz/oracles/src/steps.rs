//! The steps at the end of an input.
//!
//! A derived `Vec` and a derived enum take four bytes more for each step, and a mutation can drop
//! all the steps that follow it: the fuzzer would find less in the same time.

use arbitrary::{Arbitrary, Result, Unstructured};

/// Steps up to the end of the input.
#[derive(Debug)]
pub struct Steps<T>(pub Vec<T>);

impl<'a, T: Arbitrary<'a>> Arbitrary<'a> for Steps<T> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut steps = Vec::new();
        while !u.is_empty() {
            steps.push(u.arbitrary()?);
        }
        Ok(Self(steps))
    }
}

/// Reads an action by its letter. A byte that is no letter of an action selects one by number.
pub(crate) fn arbitrary_action<A: Copy>(
    u: &mut Unstructured<'_>,
    actions: &[(u8, A)],
) -> Result<A> {
    let byte = u8::arbitrary(u)?;
    let named = actions.iter().find(|(letter, _)| *letter == byte);
    let numbered = &actions[usize::from(byte) % actions.len()];
    Ok(named.unwrap_or(numbered).1)
}

/// Returns the letter of an action.
pub(crate) fn letter<A: PartialEq>(action: A, actions: &[(u8, A)]) -> u8 {
    let named = actions.iter().find(|(_, named)| *named == action);
    named.expect("each action has a letter").0
}
