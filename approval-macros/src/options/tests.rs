use super::*;

fn read(source: &str) -> (Options, Vec<String>) {
    let mut errors = Errors::default();
    let options = Options::parse(source.parse().expect("the sources below lex"), &mut errors);
    (options, errors.messages())
}

#[test]
fn every_example_is_read() {
    let all = EXAMPLES.map(|(_, example)| example).join(", ");
    let (options, errors) = read(&all);
    assert_eq!(errors, [""; 0]);
    assert_eq!(options.effect.get(), Some(&Effect::Irreversible));
    assert_eq!(options.quorum.get(), Some(&2));
    assert_eq!(options.redact.items()[0].names(), ["card", "number"]);
    assert!(options.resumable.get().is_some() && options.krate.get().is_some());
}

#[test]
fn one_mistake_hides_no_other() {
    let (options, errors) =
        read("timeout = 0, tiemout = 3, effect = revertible, quorum = 0, skip = a, reason = 5, timeout = 9, live(b)");
    let what: Vec<_> = errors.iter().filter_map(|error| error.lines().next()).collect();
    assert_eq!(
        what,
        [
            "`timeout` is zero: reviewers need time to read",
            "unknown option `tiemout`",
            "`revertible` is no effect",
            "`quorum` is 0: at least one reviewer has to approve",
            "`skip` takes a list",
            "`reason` is a format string over the arguments",
            "`timeout` is given twice",
        ]
    );
    assert_eq!(options.live.items().len(), 1, "what follows a mistake is still read");
    assert!(errors.iter().all(|error| error.contains("\nhelp: ")));
}

#[test]
fn unreadable_value_stops_at_comma() {
    let (options, errors) = read("auto_approve = amount <, quorum = 3");
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(options.quorum.get(), Some(&3));
}

#[test]
fn unknown_option_names_nearest() {
    assert!(read("auto_aprove = true").1[0].ends_with("help: did you mean `auto_approve`?"));
    assert!(read("colour = 3").1[0].contains("help: options are `timeout`, "));
}

#[test]
fn redacted_paths_go_through_tuples() {
    let (options, errors) = read("redact(pair.0.1, r#type.r#in)");
    assert_eq!(errors, [""; 0]);
    assert_eq!(options.redact.items()[0].names(), ["pair", "0", "1"]);
    assert_eq!(options.redact.items()[1].names(), ["type", "in"]);
}
