//! The README shows what is there.

#[test]
fn the_readme_shows_the_echo_server_in_full() {
    let readme = include_str!("../README.md");
    let example = include_str!("../examples/std_echo.rs");
    let shown = readme.split("```rust,no_run\n").nth(1);
    let shown = shown.and_then(|rest| rest.split("```").next());
    assert_eq!(shown, Some(example));
}
