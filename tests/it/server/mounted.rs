//! The router inside of somebody else's app.

use std::net::SocketAddr;

use approval_runtime::{ApprovalGate, ApprovalRequest, ApprovalStatus, NewRequest, Reviewer, Tool};
use approval_server::Server;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;

use super::browser::{Window, resolve};
use super::{HTML, gate};
use crate::support::{Answer, Call};

const ALICE: &str = "alice-0123456789abcdef0123456789abcdef";
const BOB: &str = "bob-0123456789abcdef0123456789abcdef01";

/// The state of an app that knows nothing of approvals.
#[derive(Clone)]
struct Shop {
    name: &'static str,
}

fn server(gate: &ApprovalGate) -> Server {
    Server::new(gate.clone()).reviewers([(Reviewer::new("alice"), ALICE), (Reviewer::new("bob"), BOB)])
}

/// An app with a state, a route and a fallback of its own.
fn shop() -> Router<Shop> {
    Router::new()
        .route("/", get(async |State(shop): State<Shop>| shop.name))
        .fallback(async || (StatusCode::NOT_FOUND, "the shop has no such page"))
}

async fn serve(app: Router<Shop>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let app = app.with_state(Shop { name: "shop" });
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

async fn ask(gate: &ApprovalGate) -> ApprovalRequest {
    gate.create_request(NewRequest::new(Tool::named("pay"), json!({"amount": 1}))).await.expect("filed")
}

async fn get_as(token: &str, address: SocketAddr, target: &str) -> Answer {
    Call::new(address, "GET", target).header("Authorization", &format!("Bearer {token}")).send().await
}

#[tokio::test]
async fn whole_flow_works_under_any_prefix() {
    for prefix in ["/review", "/a/b", "/t/{tenant}/{id}", "/slash/"] {
        let gate = gate();
        let address = serve(shop().nest(prefix, server(&gate).router().expect("good settings"))).await;
        let folder = prefix.replace("{tenant}", "acme").replace("{id}", "7");
        let under = |path: &str| format!("{}{path}", folder.trim_end_matches('/'));

        // A program.
        let request = ask(&gate).await;
        let listed = get_as(ALICE, address, &under("/approvals/pending")).await.json();
        assert_eq!(listed[0]["id"], json!(request.id()), "{prefix}");
        assert_eq!(get_as(ALICE, address, &folder).await.json(), listed, "{prefix}");
        let one = under(&format!("/approvals/{}", request.id()));
        assert_eq!(get_as(ALICE, address, &one).await.json()["id"], json!(request.id()), "{prefix}");
        let decide = Call::new(address, "POST", &format!("{one}/decide")).header("Authorization", &format!("Bearer {ALICE}"));
        let answer = decide.json(&json!({"approved": true, "digest": request.digest()})).send().await;
        assert_eq!((answer.status, &answer.json()["decided_by"]), (200, &json!("alice")), "{prefix}");

        // A browser, from the link and from the form.
        let request = ask(&gate).await;
        for signs_in_by_link in [true, false] {
            let mut window = Window::new(address);
            if signs_in_by_link {
                window.open(&format!("{folder}?token={BOB}")).await;
            } else {
                window.open(&folder).await;
                assert_eq!(window.status(), 401, "{prefix}");
                window.submit("sign-in", &[("token", BOB)]).await;
            }
            assert!(window.status() == 200 && window.page().contains("<bdi>bob</bdi>"), "{prefix}: {}", window.page());
            assert_eq!(window.path, under("/page"));
            let style = resolve(&window.path, "style.css");
            assert_eq!(Call::new(address, "GET", &style).send().await.status, 200, "{style}");
            if signs_in_by_link {
                continue;
            }
            window.submit("/decide", &[("decision", "reject"), ("comment", "no")]).await;
            assert!(window.page().contains("was rejected by you"), "{prefix}: {}", window.page());
            assert_eq!(gate.get_request(request.id()).await.expect("it is kept").decided_by(), Some("bob"));
            window.click("page").await;
            assert_eq!(window.status(), 200);
            window.submit("sign-out", &[]).await;
            assert_eq!(window.status(), 401);
        }
    }
}

/// Every link and form of the pages leads to something that is served.
#[tokio::test]
async fn pages_lead_nowhere_else() {
    let gate = gate();
    let address = serve(shop().nest("/review", server(&gate).router().expect("good settings"))).await;
    ask(&gate).await;
    let mut window = Window::new(address);
    let signed_out = window.open("/review/page").await.to_owned();
    let signed_in = window.open(&format!("/review?token={ALICE}")).await.to_owned();
    for page in [signed_out, signed_in] {
        let references = page
            .split([' ', ';'])
            .filter_map(|part| ["href=\"", "action=\"", "url="].iter().find_map(|it| part.strip_prefix(it)));
        let references: Vec<_> =
            references.filter_map(|rest| rest.split('"').next()).filter(|it| !it.starts_with('#')).collect();
        assert!(references.len() >= 3, "{page}");
        for reference in references {
            let path = resolve("/review/page", reference);
            let answer = Call::new(address, "GET", &path).header("Accept", HTML).send().await;
            assert!(matches!(answer.status, 200 | 401 | 405), "{reference} leads to {path}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn app_keeps_its_own_routes_and_answers() {
    let gate = gate();
    let address = serve(shop().nest("/review", server(&gate).router().expect("good settings"))).await;
    let home = Call::new(address, "GET", "/").send().await;
    assert_eq!((home.text(), home.header("content-security-policy")), ("shop", None));
    let lost = Call::new(address, "GET", "/nowhere").header("Host", "shop.example").send().await;
    assert_eq!((lost.status, lost.text(), lost.header("x-frame-options")), (404, "the shop has no such page", None));
    let wrong = Call::new(address, "DELETE", "/").send().await;
    assert_eq!((wrong.status, wrong.text()), (405, ""), "the app answers for its own routes");

    let lost = Call::new(address, "GET", "/review/nowhere").send().await;
    assert_eq!((lost.status, &*lost.problem(), lost.header("x-frame-options")), (404, "not_found", Some("DENY")));
    let wrong = Call::new(address, "DELETE", "/review/approvals/pending").send().await;
    assert_eq!((wrong.status, &*wrong.problem()), (405, "method_not_allowed"));
    let foreign = Call::new(address, "GET", "/review").header("Host", "shop.example").send().await;
    assert_eq!((foreign.status, &*foreign.problem()), (403, "host_not_allowed"));
}

#[tokio::test]
async fn two_routers_share_a_browser() {
    let gates = [gate(), gate()];
    let [one, two] = gates.each_ref().map(|gate| server(gate).router().expect("good settings"));
    let address = serve(shop().nest("/one", one).nest("/two", two)).await;
    let request = ask(&gates[1]).await;
    let mut window = Window::new(address);
    window.open(&format!("/one?token={ALICE}")).await;
    window.open(&format!("/two?token={BOB}")).await;
    assert!(window.open("/one").await.contains("<bdi>alice</bdi>"), "{}", window.page());
    assert!(window.open("/two").await.contains("<bdi>bob</bdi>"), "{}", window.page());
    window.open("/one").await;
    window.submit("sign-out", &[]).await;
    assert_eq!(window.status(), 401);
    window.open("/two").await;
    window.submit("/decide", &[("decision", "approve"), ("comment", "")]).await;
    let decided = gates[1].get_request(request.id()).await.expect("it is kept");
    assert_eq!((decided.status(), decided.decided_by()), (ApprovalStatus::Approved, Some("bob")));
}

#[tokio::test]
async fn router_alone_is_an_app() {
    let gate = gate();
    let address = serve(server(&gate).router().expect("good settings")).await;
    ask(&gate).await;
    let mut window = Window::new(address);
    window.open(&format!("/?token={ALICE}")).await;
    assert!(window.status() == 200 && window.page().contains("pay"), "{}", window.page());
}

/// The list of the router's own address leads on too, wherever that address is.
#[tokio::test]
async fn home_links_to_the_next_page() {
    for prefix in ["", "/review", "/a/b", "/slash/"] {
        let gate = gate();
        let review = server(&gate).router().expect("good settings");
        let address = serve(if prefix.is_empty() { review } else { shop().nest(prefix, review) }).await;
        for _ in 0..101 {
            ask(&gate).await;
        }
        let home = if prefix.is_empty() { "/" } else { prefix };
        let answer = get_as(ALICE, address, home).await;
        let link =
            answer.header("link").and_then(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")).expect("more");
        let next = resolve(home, link.trim_start_matches("./"));
        let rest = get_as(ALICE, address, &next).await;
        assert_eq!((rest.status, rest.json().as_array().map(Vec::len)), (200, Some(1)), "{home} leads to {next}");
    }
}
