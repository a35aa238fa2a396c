//! What the compiler tells the author of a tool. To bless a changed message: `TRYBUILD=overwrite cargo test --test ui`.

#[test]
fn mistakes_are_told_once() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

#[test]
fn legitimate_tools_compile() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}
