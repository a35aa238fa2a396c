//! T5: the page that a reviewer decides on, over a real socket.

use std::collections::BTreeSet;

use approval_runtime::{Agent, ApprovalRequest, NewRequest, Tool};
use serde_json::{Value, json};

use super::corpus::{Bite, Input, Link, biting, texts};
use super::scan::assert_plain;
use super::tools::{keep_arguments, nested_render};
use crate::server::{Served, served};

/// The tags of a page: name, then attributes with their values where those tell where something leads.
fn tags(page: &str) -> BTreeSet<String> {
    // No value holds a raw `<` or `"`: the first that did would show up here as a tag that no other page has.
    let tags = page.split('<').skip(1).map(|tag| tag.split_once('>').unwrap_or_else(|| panic!("an open tag: {tag}")).0);
    tags.flat_map(|tag| {
        let name = tag.split_whitespace().next().unwrap_or_default().to_owned();
        let attributes: Vec<_> = tag.split('"').collect();
        let attributes = attributes.chunks(2).filter_map(|pair| {
            let attribute = pair.first()?.split_whitespace().next_back()?.strip_suffix('=')?;
            let leads = matches!(attribute, "href" | "src");
            Some(if leads { format!("{name} {attribute}={}", pair.get(1)?) } else { format!("{name} {attribute}") })
        });
        attributes.chain([name.clone()]).collect::<Vec<_>>()
    })
    .collect()
}

/// Takes the tags away and the escapes back, each once: what a browser shows.
fn visible(html: &str) -> String {
    let text: String = html
        .split('<')
        .enumerate()
        .map(|(at, part)| if at == 0 { part } else { part.split_once('>').map_or("", |it| it.1) })
        .collect();
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

/// Returns what the page shows of one request's argument, and what it warns of below.
fn fact(page: &str, request: &ApprovalRequest, name: &str) -> (String, String) {
    let (_, card) = page.split_once(&format!("id=\"call-{}\"", request.id())).expect("the request has a card");
    let (card, _) = card.split_once("</article>").expect("the card ends");
    let (_, fact) = card.split_once(&format!("<dt>{name}</dt>")).expect("the argument is there");
    let (value, warning) = fact.split_once("</dd>").expect("its value ends").0.split_once("</code>").expect("the value");
    (visible(value), visible(warning))
}

async fn ask(served: &Served, tool: &'static str, arguments: Value, words: &str) -> ApprovalRequest {
    let agent = Agent::new(words).run_id(words).on_behalf_of(words);
    let new = NewRequest::new(Tool::named(tool), arguments).agent(agent).reason(words);
    served.gate.create_request(new).await.expect("a request that can be filed")
}

/// T5, I22: the page shows each text whole and escaped once, holds nothing unseen, and nothing in it is active.
#[tokio::test]
async fn t05_pages_show_what_is_there() {
    let honest = served().await;
    ask(&honest, "corpus.keep", keep_arguments("an honest\ntext, and \u{200b}"), "words\nand \u{200b}").await;
    let honest = tags(&honest.sign_in().await.page("/").await);
    assert!(honest.contains("form action") && honest.contains("code dir"), "{honest:?}");

    let served = served().await;
    let mut asked = Vec::new();
    for case in texts() {
        asked.push((case, ask(&served, "corpus.keep", keep_arguments(case.text()), case.text()).await));
    }
    let page = served.sign_in().await.page("/").await;
    assert_plain("the corpus", "the page", &page);
    for (case, request) in &asked {
        let _trying = case.trying();
        let render = case.render();
        let flags = request.flags();
        case.assert_flags(flags);
        for (name, expected) in [("text", render.clone()), ("nested", nested_render(&render))] {
            let (value, warning) = fact(&page, request, name);
            assert_eq!(value, expected, "{}", case.id);
            assert_eq!(warning.is_empty(), flags.is_empty(), "{}: {flags:?}, and {warning:?}", case.id);
            assert_eq!(warning.starts_with("Careful: "), !flags.allows_auto_approval(), "{}: {warning:?}", case.id);
        }
        if let Some(Link::Never) = case.expect.link {
            let linked = page
                .split('<')
                .skip(1)
                .find(|tag| tag.split('>').next().is_some_and(|tag| tag.contains("evil") || tag.contains(case.text())));
            assert_eq!(linked, None, "{}: it is linked", case.id);
        }
    }
    let active: Vec<_> = tags(&page).difference(&honest).cloned().collect();
    assert!(active.is_empty(), "hostile texts have put {active:?} on the page");
}

/// I23: a named secret is on no page, and no text is in an address.
#[tokio::test]
async fn i23_pages_show_no_secret() {
    let served = served().await;
    for case in biting(Bite::Dashboard).into_iter().filter(|case| matches!(case.input, Input::Body(_))) {
        let _trying = case.trying();
        let (id, expect) = (&*case.id, &case.expect);
        if expect.error.is_some() {
            continue; // Refused before there is a request: see the bodies.
        }
        let arguments: Value = serde_json::from_slice(case.body()).expect("an object");
        let request = ask(&served, "corpus.sign_in", arguments, "words").await;
        let page = served.sign_in().await.page("/").await;
        assert_eq!(page.matches("CANARY").count(), expect.canary_leaks.expect(id), "{id}");
        assert_eq!(fact(&page, &request, "password").0, expect.render_fields["password"], "{id}");
        let nested = json!({"Authorization": expect.render_fields["nested.Authorization"], "api_key": expect.render_fields["nested.api_key"]});
        assert_eq!(fact(&page, &request, "nested").0, nested.to_string().replace("\"[redacted]\"", "[redacted]"), "{id}");
    }
}
