//! The corpus as types. What this file does not know fails to load, so nothing new in the corpus is passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use approval_runtime::{Flag, Flags};
use serde::Deserialize;
use serde_json::Value;

/// The rules of the four tools in [`tools`](super::tools), as the corpus words them.
const RULES: [(&str, &str); 4] = [
    ("process_payment", "auto-approve only if 0 < amount < 10 as an exact decimal number"),
    ("read_file", "auto-approve only if the resolved path is below /srv/app"),
    ("run_shell", "auto-approve only the exact command \"git status\""),
    (
        "send_email",
        "auto-approve only if the parsed recipient list is non-empty and every domain equals company.com (ASCII, case-insensitive)",
    ),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    #[serde(rename = "purpose")]
    _purpose: String,
    #[serde(rename = "encodings")]
    _encodings: BTreeMap<Encoding, String>,
    #[serde(rename = "canonical_display_form")]
    _display_form: Vec<String>,
    flags: BTreeMap<String, String>,
    #[serde(rename = "rule")]
    _rule: String,
    policy_under_test: BTreeMap<String, String>,
    count: usize,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    String,
    Strings,
    RawJson,
    Hex,
    Generated,
}

/// A surface that an entry has to be tried on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Bite {
    Agent,
    Audit,
    Cli,
    Dashboard,
    DecideBody,
    ErrorMessages,
    Logs,
    Panic,
    Policy,
    Sqlite,
    Stores,
    ToolCall,
    Url,

    // Surfaces that are not built yet. Whoever builds one moves its line up, and walks its entries.
    DashboardJs,
    Email,
    JsonInScript,
    Notifiers,
    Pagerduty,
    Postgres,
    PostgresNotify,
    Redis,
    Referer,
    Search,
    Slack,
    SlackCallback,
    Webhook,
    WebhookConfig,
    WebhookSend,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    category: String,
    encoding: Encoding,
    value: Value,
    bites: BTreeSet<Bite>,
    #[serde(rename = "attack")]
    _attack: String,
    expect: Expect,
    #[serde(default, rename = "negative_control")]
    _negative_control: bool,
}

/// What has to come of an entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) outcome: Outcome,
    pub(super) error: Option<String>,
    /// A text in the display form.
    render: Option<String>,
    /// Arguments in the display form, by their dotted path.
    #[serde(default)]
    pub(super) render_fields: BTreeMap<String, String>,
    flags: Option<BTreeSet<String>>,
    one_click: Option<bool>,
    pub(super) policy: Option<Policy>,
    /// How often a named secret may be seen anywhere.
    pub(super) canary_leaks: Option<usize>,
    /// How often another value may be seen where nobody reviews it.
    pub(super) canary_leaks_outside_review_surfaces: Option<usize>,
    pub(super) agent: Option<Agent>,
    pub(super) link: Option<Link>,
    #[serde(rename = "process")]
    _process: Option<Process>,
    #[serde(rename = "note")]
    _note: Option<String>,
    // For surfaces that are not built yet.
    #[serde(rename = "slack")]
    _slack: Option<String>,
    #[serde(rename = "email")]
    _email: Option<String>,
    #[serde(rename = "connections_to_internal")]
    _connections_to_internal: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Approved,
    DeliveryFailed,
    Pending,
    Refused,
    RefusedOrNeedsHuman,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Policy {
    #[serde(rename = "auto_approved")]
    AutoApproved,
    #[serde(rename = "needs_human")]
    NeedsHuman,
    #[serde(rename = "never auto_approved")]
    NeverAutoApproved,
    #[serde(rename = "identical to the same call without the extra fields")]
    AsWithoutExtraFields,
    #[serde(rename = "same answer before and after a restart, and for the shown and the executed number")]
    SameNumberEverywhere,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum Agent {
    #[serde(rename = "returned in a typed Rejected{reason} field, length-capped, never concatenated into an instruction")]
    TypedAndCapped,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum Link {
    #[serde(rename = "never auto-linked", alias = "no image loaded, nothing auto-linked")]
    Never,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Process {
    Alive,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Generated {
    Repeat { open: String, close: String, count: usize, inner: String },
    Fill { template: String, char: String, count: usize },
    Concat { parts: Vec<Part> },
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Part {
    Text(String),
    Repeat { repeat: String, count: usize },
}

impl Generated {
    fn build(self) -> String {
        match self {
            Self::Repeat { open, close, count, inner } => format!("{}{inner}{}", open.repeat(count), close.repeat(count)),
            Self::Fill { template, char, count } => {
                assert_eq!(template.matches("%s").count(), 1, "{template} has one place to fill");
                template.replace("%s", &char.repeat(count))
            }
            Self::Concat { parts } => parts
                .into_iter()
                .map(|part| match part {
                    Part::Text(text) => text,
                    Part::Repeat { repeat, count } => repeat.repeat(count),
                })
                .collect(),
        }
    }
}

/// What is sent.
#[derive(Debug)]
pub(super) enum Input {
    /// The text of one argument.
    Text(String),
    /// A whole body, as it comes over the wire.
    Body(Vec<u8>),
}

/// One thing to try, and what has to come of it.
#[derive(Debug)]
pub(super) struct Case {
    /// The entry's id, with an index where the entry has several values.
    pub(super) id: String,
    pub(super) input: Input,
    pub(super) expect: Expect,
    bites: BTreeSet<Bite>,
}

/// A case that is being tried. A test that fails meanwhile says which it was.
#[must_use]
pub(super) struct Trying<'a>(&'a str);

impl Drop for Trying<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("it failed while it tried {}", self.0);
        }
    }
}

impl Case {
    pub(super) fn trying(&self) -> Trying<'_> {
        Trying(&self.id)
    }

    pub(super) fn text(&self) -> &str {
        match &self.input {
            Input::Text(text) => text,
            Input::Body(_) => panic!("{}: it is no text", self.id),
        }
    }

    /// Returns the display form of the text: itself, where the entry says nothing.
    pub(super) fn render(&self) -> String {
        self.expect.render.clone().unwrap_or_else(|| format!("\"{}\"", self.text()))
    }

    /// Asserts that these are the entry's flags, where it names any.
    #[track_caller]
    pub(super) fn assert_flags(&self, flags: Flags) {
        if let Some(expected) = &self.expect.flags {
            let flags: BTreeSet<_> = flags.iter().map(|flag| flag.as_str().to_owned()).collect();
            assert_eq!(&flags, expected, "{}", self.id);
        }
        if let Some(one_click) = self.expect.one_click {
            assert_eq!(flags.allows_one_click(), one_click, "{}", self.id);
        }
    }

    /// Says whether a rule may let the text through, going by the entry alone, where it names flags.
    pub(super) fn may_be_let_through(&self) -> Option<bool> {
        let harmless = |flag: &String| ["redacted", "rtl", "too_long"].contains(&&**flag);
        self.expect.flags.as_ref().map(|flags| flags.iter().all(harmless))
    }

    pub(super) fn body(&self) -> &[u8] {
        match &self.input {
            Input::Text(_) => panic!("{}: it is no body", self.id),
            Input::Body(body) => body,
        }
    }
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    // By way of `Value`: numbers of a tagged enum are lost under `arbitrary_precision` otherwise.
    let file: Value = serde_json::from_str(include_str!("../../hostile-inputs.json")).expect("the corpus is JSON");
    let file: File = serde_json::from_value(file).expect("the corpus holds nothing that the tests do not know");
    assert_eq!(file.schema, "hostile-inputs/1");
    assert_eq!(file.entries.len(), file.count);
    let ids: BTreeSet<_> = file.entries.iter().map(|entry| &entry.id).collect();
    assert_eq!(ids.len(), file.count, "an id is there twice");
    let rules: Vec<_> = file.policy_under_test.iter().map(|(tool, rule)| (&**tool, &**rule)).collect();
    assert_eq!(rules, RULES, "the tools of the tests have these rules");
    let flags: BTreeSet<_> = file.flags.keys().map(|flag| &**flag).collect();
    assert_eq!(flags, Flag::ALL.map(Flag::as_str).into(), "the corpus and the gate know the same flags");
    for entry in &file.entries {
        let unknown = entry.expect.flags.iter().flatten().find(|flag| !flags.contains(&***flag));
        assert_eq!(unknown, None, "{}: nobody knows this flag", entry.id);
    }
    file.entries.into_iter().flat_map(cases).collect()
});

fn cases(entry: Entry) -> Vec<Case> {
    let Entry { id, category, encoding, value, bites, expect, .. } = entry;
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{id}: the value is no string")).to_owned();
    let inputs = match encoding {
        Encoding::String => vec![Input::Text(text(&value))],
        Encoding::Strings => value.as_array().expect("a list").iter().map(|value| Input::Text(text(value))).collect(),
        Encoding::RawJson => vec![Input::Body(text(&value).into())],
        Encoding::Hex => vec![Input::Body(bytes(&text(&value)))],
        Encoding::Generated => {
            let generated: Generated = serde_json::from_value(value).unwrap_or_else(|error| panic!("{id}: {error}"));
            let text = generated.build();
            vec![if category == "json" { Input::Body(text.into()) } else { Input::Text(text) }]
        }
    };
    assert!(!inputs.is_empty() && !bites.is_empty(), "{id}: nothing to try");
    let several = inputs.len() > 1;
    let id = |at| if several { format!("{id}[{at}]") } else { id.clone() };
    let case = |(at, input)| Case { id: id(at), input, expect: expect.clone(), bites: bites.clone() };
    inputs.into_iter().enumerate().map(case).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    assert!(hex.is_ascii() && hex.len().is_multiple_of(2), "{hex}");
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits")).collect()
}

/// All texts of the corpus, whatever they are for.
pub(super) fn texts() -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(|case| matches!(case.input, Input::Text(_)))
}

/// What has to be tried on this surface.
pub(super) fn biting(bite: Bite) -> Vec<&'static Case> {
    let cases: Vec<_> = CASES.iter().filter(|case| case.bites.contains(&bite)).collect();
    assert!(!cases.is_empty(), "nothing in the corpus bites {bite:?}");
    cases
}
