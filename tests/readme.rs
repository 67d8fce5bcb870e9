//! The README contains the current example.

#[test]
fn the_readme_contains_the_echo_server() {
    let readme = include_str!("../README.md");
    let example = include_str!("../examples/std_echo.rs");
    let code = readme.split("```rust,no_run\n").nth(1);
    let code = code.and_then(|rest| rest.split("```").next());
    assert_eq!(code, Some(example));
}
