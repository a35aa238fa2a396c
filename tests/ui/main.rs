//! What the compiler tells the author of a tool. To bless a changed message: `TRYBUILD=overwrite cargo test --test ui`.

use std::{fs, io};

#[test]
fn mistakes_are_told_once() {
    trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
}

#[test]
fn legitimate_tools_compile() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}

/// A message is about the author's code: it shows no path and no bound that only generated code has.
#[test]
fn messages_show_no_generated_code() -> io::Result<()> {
    let mut messages = 0;
    for entry in fs::read_dir("ui/fail")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "stderr") {
            messages += 1;
            let text = fs::read_to_string(&path)?;
            for ours in ["__private", "__approval", "__APPROVAL", "{closure#", "required by a bound in `", "{async block"] {
                assert!(!text.contains(ours), "{} shows `{ours}`:\n{text}", path.display());
            }
        }
    }
    assert!(messages >= 60, "{messages} messages");
    Ok(())
}
