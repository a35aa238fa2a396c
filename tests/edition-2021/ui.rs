//! The tools of `tests/ui/pass` in the edition of this package.

#[test]
fn legitimate_tools_compile_in_2021() {
    trybuild::TestCases::new().pass("../ui/pass/*.rs");
}
