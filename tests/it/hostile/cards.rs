//! T5: the card that the terminal shows a reviewer.

use approval_runtime::testing::TestGate;
use approval_runtime::{Agent, ApprovalGate, ApprovalRequest, Flag, Flags};
use serde_json::json;

use super::corpus::{Bite, Case, Input, biting, texts};
use super::scan::assert_plain;
use super::tools::{keep_arguments, nested_render};

/// Returns what a reviewer is shown of a call, and the request.
async fn shown(case: &Case, tool: &str, arguments: impl AsRef<[u8]>, agent: Agent) -> (String, ApprovalRequest) {
    let gate = TestGate::silent(ApprovalGate::builder());
    let returned = agent.scope(gate.call_json(tool, arguments)).await;
    assert_eq!(returned.expect_err(&case.id).code(), "timed_out", "{}: it waits for people", case.id);
    let request = gate.asked().pop().expect("it asked");
    (gate.snapshot(), request)
}

/// T5, I22: every text stands on its card in the display form, whole, in one line, wherever on the card it comes to stand.
#[tokio::test(start_paused = true)]
async fn t05_cards_show_what_is_there() {
    for case in texts() {
        let (id, text) = (&*case.id, case.text());
        let render = case.render();
        let agent = Agent::new(text).run_id(text).call_id(text).on_behalf_of(text).handed_off_by(&Agent::new(text));
        let (card, request) = shown(case, "corpus.keep", keep_arguments(text).to_string(), agent).await;
        assert_plain(id, "the card", &card);
        let row = |label: &str, value: &str| format!("  {label:<12} {value}");
        let has = |line: String| assert!(card.lines().any(|other| other == line), "{id}: no line\n{line}\nin\n{card}");
        has(row("text", &render));
        has(row("nested", &nested_render(&render)));
        // A name stands without quotes where nothing about it is changed.
        let bare = if render.len() == text.len() + 2 { text } else { &render };
        has(row("called by", &format!("{bare} > {bare}")));
        has(row("on behalf of", bare));

        // The agent's words come last, and are said to be nobody else's.
        let (facts, claim) = card.split_once("  reason given ").expect(id);
        assert!(facts.contains(&render) && claim.ends_with(" (unverified)\n"), "{id}: {card}");
        assert_eq!(claim.lines().count(), 1, "{id}: a claim cannot look like a line of the card's own");
        assert_eq!(request.facts()[0].value, render, "{id}");
    }
}

/// T5: a text is marked with what it does to a reader, on its card, in its record, and nowhere more than the corpus says.
#[tokio::test(start_paused = true)]
async fn t05_cards_warn_of_what_misleads() {
    for case in texts() {
        let (id, arguments) = (&*case.id, json!({"body": case.text()}).to_string());
        let (card, request) = shown(case, "corpus.write_down", arguments, Agent::new("mail")).await;
        case.assert_flags(Flags::of_text(case.text()));
        case.assert_flags(request.flags());
        case.assert_flags(request.arguments().flags());
        case.assert_flags(request.facts()[0].flags);
        let record = serde_json::to_value(&request).expect("JSON");
        assert_eq!(record["flags"], json!(request.flags()), "{id}");
        for flag in Flag::ALL {
            assert_eq!(card.contains(flag.meaning()), request.flags().contains(flag), "{id}: {flag}\n{card}");
        }
    }
}

/// I23: a named secret is on no card.
#[tokio::test(start_paused = true)]
async fn i23_cards_show_no_secret() {
    for case in biting(Bite::Cli).into_iter().filter(|case| matches!(case.input, Input::Body(_))) {
        let (id, expect) = (&*case.id, &case.expect);
        assert!(!expect.render_fields.is_empty(), "{id}: nobody knows what to expect");
        let (card, request) = shown(case, "corpus.sign_in", case.body(), Agent::new("mail")).await;
        case.assert_flags(request.flags());
        assert_plain(id, "the card", &card);
        assert_eq!(card.matches("CANARY").count(), expect.canary_leaks.expect(id), "{id}: {card}");
        for (path, render) in &expect.render_fields {
            let has = match path.split_once('.') {
                None => card.contains(&format!("  {path:<12} {render}\n")),
                Some((outer, name)) => card
                    .lines()
                    .any(|line| line.trim_start().starts_with(outer) && line.contains(&format!("\"{name}\":{render}"))),
            };
            assert!(has, "{id}: {path} is not {render} in\n{card}");
        }
    }
}
