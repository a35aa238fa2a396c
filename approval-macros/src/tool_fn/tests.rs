use super::*;
use crate::tokens::text;
use crate::types::Shape;

fn read(options: &str, item: &str) -> (Option<ToolFn>, Vec<String>) {
    let mut errors = Errors::default();
    let options = Options::parse(options.parse().expect("the options below lex"), &mut errors);
    let item = FnItem::read(item.parse().expect("the functions below lex"), &mut errors);
    (item.map(|item| ToolFn::check(options, item, &mut errors)), errors.messages())
}

fn tool(options: &str, item: &str) -> ToolFn {
    let (tool, errors) = read(options, item);
    assert_eq!(errors, [""; 0], "{item}");
    tool.expect("a function without errors is a tool")
}

fn mistake(options: &str, item: &str) -> String {
    let (_, errors) = read(options, item);
    let [error] = errors.as_slice() else { panic!("{options} on {item}: {errors:?}") };
    error.clone()
}

fn parts(tool: &ToolFn) -> Vec<(&str, Part)> {
    tool.arguments.iter().map(|argument| (argument.name.as_str(), argument.part)).collect()
}

#[test]
fn shapes_are_told_apart() {
    for (item, shape, output) in [
        ("async fn f() -> Result<u8, E> { Ok(1) }", Shape::Async, "Result<u8, E>"),
        ("fn f() -> impl Future<Output = R> + Send { async move { 1 } }", Shape::Future, "R"),
        ("fn f() -> impl Send + std::future::Future<Output = (R)> { async { 1 } }", Shape::Future, "(R)"),
        ("fn f() -> Pin<Box<dyn Future<Output = R> + Send + '_>> { Box::pin(async move { 1 }) }", Shape::Boxed, "R"),
        (
            "fn f() -> ::core::pin::Pin<Box<dyn ::core::future::Future<Output = R>>> { ::std::boxed::Box::pin(async move { 1 }) }",
            Shape::Boxed,
            "R",
        ),
        ("fn f() -> BoxFuture<'a, R> { Box::pin(async move { 1 }) }", Shape::Boxed, "R"),
    ] {
        let tool = tool("on_refusal = no", item);
        assert_eq!((tool.shape, text(&tool.output).as_str()), (shape, output), "{item}");
    }
}

#[test]
fn other_shapes_are_refused() {
    for item in [
        "fn f() -> R { 1 }",
        "fn f() {}",
        "fn f() -> impl Fn() -> R { || 1 }",
        "fn f() -> Box<dyn Future<Output = R>> { Box::new(async { 1 }) }",
    ] {
        assert!(mistake("on_refusal = no", item).starts_with("a gated tool waits for a reviewer"), "{item}");
    }
    for item in [
        "fn f() -> impl Future<Output = R> { g(); async move { 1 } }",
        "fn f() -> impl Future<Output = R> { g() }",
        "fn f() -> BoxFuture<'a, R> { async move { 1 }.boxed() }",
        "fn f() -> BoxFuture<'a, R> { let x = 1; Box::pin(async move { x }) }",
    ] {
        assert!(mistake("on_refusal = no", item).starts_with("what comes before the future would run"), "{item}");
    }
}

#[test]
fn body_may_be_half_typed() {
    let tool = tool("", "async fn f(a: u8) -> R { #![allow(x)] let x = a. ; foo( ) + }");
    assert_eq!(text(&tool.inner_attrs), "#![allow(x)]");
    assert_eq!(tool.statements.to_string(), "let x = a . ; foo () +");
}

#[test]
fn arguments_get_their_parts() {
    let item = "async fn f(&self, a: u8, b: &mut u8, State(c): State<u8>, (d, e): P, mut g: &str, _: u8, r#in: u8) -> R {}";
    let tool = tool("skip(c), live(g), redact(r#in)", item);
    let names = ["a", "b", "c", "arg3", "g", "arg5", "in"];
    let kinds = [Part::Reviewed, Part::Skipped, Part::Skipped, Part::Reviewed, Part::Live, Part::Reviewed, Part::Reviewed];
    assert_eq!(parts(&tool), names.into_iter().zip(kinds).collect::<Vec<_>>());
    assert_eq!(tool.not_reviewed(), ["self", "b", "c", "g"]);
    assert_eq!(tool.redact, ["in"]);
}

#[test]
fn made_up_names_give_way() {
    let tool = tool("", "async fn f((a, b): P, arg0: u8, (c, d): P, arg2: u8, arg2_: u8) -> R {}");
    let names: Vec<_> = parts(&tool).into_iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(names, ["arg0_", "arg0", "arg2__", "arg2", "arg2_"]);
}

#[test]
fn lone_parameters_are_flattened() {
    let part = |options, item| tool(options, item).arguments[0].part;
    assert_eq!(part("skip(ctx)", "async fn f(&self, Parameters(p): Parameters<P>, ctx: C) -> R {}"), Part::Flattened);
    assert_eq!(part("", "async fn f(p: rmcp::Parameters<P>) -> R {}"), Part::Flattened);
    assert_eq!(part("", "async fn f(p: Parameters<P>, q: u8) -> R {}"), Part::Reviewed);
    assert_eq!(part("live(p)", "async fn f(p: Parameters<P>) -> R {}"), Part::Live);
    assert_eq!(part("", "async fn f(p: P) -> R {}"), Part::Reviewed);
}

#[test]
fn redacted_paths_follow_flattening() {
    let tool = tool("flatten(p), redact(p.card.number, q)", "async fn f(p: P, q: u8) -> R {}");
    assert_eq!(tool.redact, ["card.number", "q"]);
}

#[test]
fn reason_hides_what_is_redacted() {
    let item = "async fn f(card: Card, amount: u64) -> R {}";
    for reason in ["{card}", "{card.number}", "{card.number.last}", "{amount:>card$}"] {
        let error = mistake(&format!("redact(card.number), reason = \"{reason}\""), item);
        assert!(error.starts_with("`reason` shows `card"), "{reason}: {error}");
    }
    tool("redact(card.number), reason = \"{card.holder} {amount}\"", item);
}

#[test]
fn borrowed_types_are_refused() {
    for ty in ["Option<&str>", "Cow<'_, str>", "Cow<str>", "Vec<Item<'a>>", "&[&str]", "&'static str", "&Item<'_>"] {
        let error = mistake("", &format!("async fn f(text: {ty}) -> R {{}}"));
        assert!(error.contains("live(text)"), "{ty}: {error}");
    }
    for ty in ["&dyn Mailer", "Box<dyn Mailer>", "fn(u8) -> u8", "*const u8"] {
        let error = mistake("", &format!("async fn f(text: {ty}) -> R {{}}"));
        assert!(error.contains("write `skip(text)`"), "{ty}: {error}");
    }
    for ty in ["&str", "&'a [u8]", "&Vec<String>", "impl Serialize + for<'a> Deserialize<'a>", "(u8, [String; 2])"] {
        tool("", &format!("async fn f<'a>(text: {ty}) -> R {{}}"));
    }
}

#[test]
fn borrowing_results_need_live_arguments() {
    for (options, item) in [
        ("", "async fn f(a: &str) -> Result<&str, E> {}"),
        ("", "async fn f<'a, 'b>(a: &'a str, b: &'b str) -> Result<Item<'a>, E> {}"),
        ("live(b)", "async fn f<'a, 'b>(a: &'a str, b: &'b str) -> Result<&'a str, E> {}"),
        ("", "async fn f<'a>(&self, a: &'a str) -> Result<&'a str, E> {}"),
    ] {
        let error = mistake(options, item);
        assert!(error.starts_with("the result borrows from `a`") && error.contains("live(a)"), "{item}: {error}");
    }
    for (options, item) in [
        ("", "async fn f(&self, a: &str) -> Result<&str, E> {}"),
        ("", "async fn f(self: &Arc<Self>, a: &str) -> Result<&str, E> {}"),
        ("", "async fn f<'s>(&'s self, a: &'s str) -> Result<&'s str, E> {}"),
        ("live(a)", "async fn f(a: &str) -> Result<&str, E> {}"),
        ("skip(a)", "async fn f<'a>(a: &'a str, b: &str) -> Result<&'a str, E> {}"),
        ("", "async fn f(a: &mut u8) -> Result<&mut u8, E> {}"),
        ("", "async fn f(a: &str) -> Result<&'static str, E> {}"),
    ] {
        tool(options, item);
    }
}

#[test]
fn rules_stay_in_their_expression() {
    let item = "async fn f(a: u8) -> R {}";
    for rule in ["g(a).await", "a.checked_sub(1)? == 0", "{ return Ok(1) }", "h(|| { g()? })"] {
        assert!(mistake(&format!("auto_approve = {rule}"), item).starts_with("`auto_approve` is"), "{rule}");
    }
    for rule in ["a.is_power_of_two()", "returns(awaited)", "await_all == a"] {
        tool(&format!("auto_approve = {rule}"), item);
    }
}

#[test]
fn names_come_from_somewhere() {
    let name = |options, item| tool(options, item).name.to_string();
    assert_eq!(name("", "async fn send() -> R {}"), "\"send\"");
    assert_eq!(name("", "async fn r#move() -> R {}"), "\"move\"");
    assert_eq!(name("name = \"mail\"", "async fn send() -> R {}"), "\"mail\"");
    assert_eq!(name("name = NAMES[0]", "async fn call(&self) -> R {}"), "NAMES [0]");
    assert_eq!(name("", "#[tool(description = \"x\", name = \"mail\")] async fn call(&self) -> R {}"), "\"mail\"");
    assert_eq!(name("", "#[rig::rig_tool(name = \"mail\")] async fn send() -> R {}"), "\"mail\"");
    assert_eq!(name("", "#[other(name = \"mail\")] async fn send() -> R {}"), "\"send\"");
    assert_eq!(name("", "async fn run() -> R {}"), "\"run\"");
    for method in ["call", "execute", "invoke", "run"] {
        assert!(mistake("", &format!("async fn {method}(&self) -> R {{}}")).contains("name = "), "{method}");
    }
    for (options, token) in [("name = Self::NAME", "Self"), ("timeout = Self::TIME", "Self"), ("name = T::NAME", "T")] {
        let error = mistake(options, "async fn send<T: Named>(&self) -> R {}");
        assert!(error.contains(&format!("`{token}` is not known there")), "{error}");
    }
}

#[test]
fn odd_functions_are_refused() {
    for (item, what) in [
        ("const fn f() -> R {}", "a gated tool waits for a reviewer, which no constant can"),
        ("async extern \"C\" fn f() -> R {}", "a foreign caller cannot wait"),
        ("async fn main() -> R {}", "`main` is the program"),
        (
            "#[approval_runtime::requires_approval] async fn f() -> R {}",
            "`#[requires_approval]` stands above this function twice",
        ),
        ("async fn f() -> R;", "`f` has no body"),
        ("pub(crate) struct S;", "`#[requires_approval]` stands above a function, and this is a struct"),
        ("unsafe impl A for B {}", "`#[requires_approval]` stands above a function, and this is an impl"),
        ("static A: u8 = 1;", "`#[requires_approval]` stands above a function, and this is a static"),
    ] {
        let (_, errors) = read("", item);
        assert!(errors.iter().any(|error| error.starts_with(what) && error.contains("\nhelp: ")), "{item}: {errors:?}");
    }
}

#[test]
fn lints_follow_their_arguments() {
    let tool = tool("skip(c)", "async fn f(#[allow(x)] #[doc = \"a\"] a: u8, #[allow(x)] c: u8) -> R {}");
    let lints: Vec<_> = tool.arguments.iter().map(|argument| argument.lints.len()).collect();
    assert_eq!(lints, [1, 0], "a skipped argument is not bound anew");
    assert_eq!(text(&tool.sig.inputs), "#[doc = \"a\"] a: u8, #[allow(x)] c: u8");
}
