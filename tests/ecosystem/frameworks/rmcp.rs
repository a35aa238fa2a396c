//! rmcp 3: `#[tool]` in both orders, called by a real client over a real connection in this process.

use approval_runtime::{ApprovalGate, ApprovalStatus, Decision, ExecutionState, Refusal, requires_approval};
use rmcp::handler::server::wrapper::{Json, Parameters};
use rmcp::model::{CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, ContentBlock, ErrorData};
use rmcp::service::{PeerRequestOptions, RequestContext, RunningService};
use rmcp::{RoleClient, RoleServer, ServerHandler, ServiceExt, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Bodies, alice, gate, pending, reviewed};

#[derive(Clone)]
struct Bank {
    /// rmcp runs each handler as a task of its own, where no scope reaches.
    gate: ApprovalGate,
    bodies: Bodies,
}

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
struct Payment {
    /// Who gets it.
    to: String,
    amount: u64,
}

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
struct Receipt {
    paid: u64,
}

#[tool_router]
impl Bank {
    /// Pays somebody.
    #[requires_approval(gate = self.gate)]
    #[tool(name = "pay-gate-above")]
    async fn pay_above(
        &self,
        Parameters(Payment { to, amount }): Parameters<Payment>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        self.pay(&to, amount)
    }

    #[tool(name = "pay-gate-below", description = "Pays somebody.")]
    #[requires_approval(gate = self.gate, name = "pay-gate-below")]
    async fn pay_below(
        &self,
        Parameters(Payment { to, amount }): Parameters<Payment>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        self.pay(&to, amount)
    }

    /// Pays somebody.
    #[tool(name = "pay-no-gate")]
    async fn pay_bare(
        &self,
        Parameters(Payment { to, amount }): Parameters<Payment>,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        let _ = context;
        self.pay(&to, amount)
    }

    /// Pays, and says so in a declared form.
    #[requires_approval(gate = self.gate)]
    #[tool(name = "receipt-gate-above")]
    async fn receipt_above(&self, params: Parameters<Payment>) -> Result<Json<Receipt>, CallToolResult> {
        Ok(self.receipt(&params.0))
    }

    #[tool(name = "receipt-gate-below", description = "Pays, and says so in a declared form.")]
    #[requires_approval(gate = self.gate, name = "receipt-gate-below")]
    async fn receipt_below(&self, params: Parameters<Payment>) -> Result<Json<Receipt>, CallToolResult> {
        Ok(self.receipt(&params.0))
    }

    /// Pays, and says so in a declared form.
    #[tool(name = "receipt-no-gate")]
    async fn receipt_bare(&self, params: Parameters<Payment>) -> Result<Json<Receipt>, CallToolResult> {
        Ok(self.receipt(&params.0))
    }

    /// Pays, and has only words.
    #[requires_approval(gate = self.gate)]
    #[tool]
    async fn pay_in_words(&self, params: Parameters<Payment>) -> String {
        self.bodies.start(json!(params.0));
        "paid".into()
    }
}

#[tool_handler]
impl ServerHandler for Bank {}

impl Bank {
    fn pay(&self, to: &str, amount: u64) -> Result<CallToolResult, ErrorData> {
        self.bodies.start(json!({"to": to, "amount": amount}));
        match to {
            "nobody" => Ok(CallToolResult::error(vec![ContentBlock::text("no such account")])),
            "crash" => Err(ErrorData::internal_error("the bank burned down", None)),
            _ => Ok(CallToolResult::success(vec![ContentBlock::text(format!("{amount} to {to}"))])),
        }
    }

    fn receipt(&self, payment: &Payment) -> Json<Receipt> {
        self.bodies.start(json!(payment));
        Json(Receipt { paid: payment.amount })
    }

    /// Serves one client, which comes with it.
    async fn client(gate: ApprovalGate, bodies: Bodies) -> RunningService<RoleClient, ()> {
        let (server, client) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let running = Self { gate, bodies }.serve(server).await.expect("the client says hello");
            let _ = running.waiting().await;
        });
        ().serve(client).await.expect("the server answers")
    }
}

fn to(name: &'static str, payment: Value) -> CallToolRequestParams {
    let Value::Object(arguments) = payment else { panic!("{payment} is no object") };
    CallToolRequestParams::new(name).with_arguments(arguments)
}

fn five() -> Value {
    json!({"to": "bob", "amount": 5})
}

fn four() -> Value {
    json!({"to": "eve", "amount": 4})
}

#[track_caller]
fn text(result: &CallToolResult) -> &str {
    let [content] = &*result.content else { panic!("{result:?}") };
    &content.as_text().expect("a text").text
}

/// Over the wire, so that a protocol error would be an `Err` here.
async fn call(name: &'static str) -> crate::support::Returned<CallToolResult> {
    reviewed(name, five(), four(), async |gate, bodies| {
        Bank::client(gate, bodies).await.call_tool(to(name, five())).await.expect("not a protocol error")
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn both_orders_are_gated() {
    for name in ["pay-gate-above", "pay-gate-below"] {
        let returned = call(name).await;
        assert_eq!((text(&returned.approved), text(&returned.edited)), ("5 to bob", "4 to eve"));
        let refused = returned.rejected;
        let sentence = format!("Action '{name}' was rejected by alice.");
        assert_eq!((refused.is_error, text(&refused)), (Some(true), &*sentence));
        let details = refused.structured_content.expect("the refusal's JSON");
        assert_eq!((&details["code"], &details["message"]), (&json!("rejected"), &json!(sentence)));
        assert_eq!(returned.request.tool().not_reviewed().collect::<Vec<_>>(), ["self", "context"]);
    }
}

/// Structured content of a tool that declares its form has to keep to it, also in an error.
#[tokio::test(start_paused = true)]
async fn refusal_beside_declared_output_is_text() {
    for name in ["receipt-gate-above", "receipt-gate-below"] {
        let returned = call(name).await;
        assert_eq!(returned.approved.structured_content, Some(json!({"paid": 5})));
        assert_eq!(returned.edited.structured_content, Some(json!({"paid": 4})));
        let refused = returned.rejected;
        assert_eq!((refused.is_error, refused.structured_content.is_none()), (Some(true), true));
        assert_eq!(text(&refused), format!("Action '{name}' was rejected by alice."));
    }
}

/// A `String` is what the tool says, so a client is told of a success: for clients that look, return `CallToolResult`.
#[tokio::test(start_paused = true)]
async fn refusal_in_words_is_no_error() {
    let returned = call("pay_in_words").await;
    assert_eq!((text(&returned.approved), text(&returned.edited)), ("paid", "paid"));
    let refused = returned.rejected;
    assert_eq!((refused.is_error, text(&refused)), (Some(false), "Action 'pay_in_words' was rejected by alice."));
}

/// The model is told of the same tool, gated or not. The lower gates have their description in `#[tool(..)]`: rmcp forgets doc
/// comments that stand above another attribute.
#[tokio::test(start_paused = true)]
async fn definition_is_unchanged() {
    let tools = Bank::client(gate(), Bodies::default()).await.list_all_tools().await.unwrap();
    let definition = |name: &str| {
        let tool = tools.iter().find(|tool| tool.name == name).unwrap_or_else(|| panic!("{name} is not listed"));
        let mut definition = serde_json::to_value(tool).unwrap();
        definition.as_object_mut().unwrap().remove("name");
        definition
    };
    for (bare, gated) in [
        ("pay-no-gate", ["pay-gate-above", "pay-gate-below"]),
        ("receipt-no-gate", ["receipt-gate-above", "receipt-gate-below"]),
    ] {
        let bare = definition(bare);
        assert_eq!(bare["inputSchema"]["properties"]["to"]["description"], "Who gets it.");
        for gated in gated {
            assert_eq!(definition(gated), bare, "{gated}");
        }
    }
    assert_eq!(definition("pay-gate-above")["description"], "Pays somebody.");
    assert_eq!(definition("receipt-gate-above")["outputSchema"]["required"], json!(["paid"]));
}

/// rmcp doesn't drop a handler whose client has given up: without `cancel`, an approval would still start it.
#[tokio::test(start_paused = true)]
async fn cancelled_call_never_runs() {
    for name in ["pay-gate-above", "pay-gate-below"] {
        let (gate, bodies) = (gate(), Bodies::default());
        let client = Bank::client(gate.clone(), bodies.clone()).await;
        let call = ClientRequest::CallToolRequest(CallToolRequest::new(to(name, five())));
        let call = client.send_cancellable_request(call, PeerRequestOptions::no_options()).await.unwrap();
        let id = pending(&gate).await.id();
        call.cancel(Some("the user pressed stop".into())).await.unwrap();
        let request = ended(&gate).await;
        assert_eq!((request.id(), request.status()), (id, ApprovalStatus::Cancelled));
        let late = gate.decide(id, Decision::approve(alice(), request.digest())).await;
        assert_eq!(late.unwrap_err().code(), "already_decided");
        // The handler has run to its end: its connection still answers.
        client.list_all_tools().await.unwrap();
        assert_eq!(bodies.started(), [] as [Value; 0]);
    }
}

/// The same for a client that is gone altogether.
#[tokio::test(start_paused = true)]
async fn lost_client_withdraws_its_calls() {
    let (gate, bodies) = (gate(), Bodies::default());
    let client = Bank::client(gate.clone(), bodies.clone()).await;
    let call = ClientRequest::CallToolRequest(CallToolRequest::new(to("pay-gate-above", five())));
    let _call = client.send_cancellable_request(call, PeerRequestOptions::no_options()).await.unwrap();
    pending(&gate).await;
    client.cancel().await.unwrap();
    assert_eq!(ended(&gate).await.status(), ApprovalStatus::Cancelled);
    assert_eq!(bodies.started(), [] as [Value; 0]);
}

/// Waits until the one request is no longer pending.
async fn ended(gate: &ApprovalGate) -> approval_runtime::ApprovalRequest {
    let mut events = gate.events();
    let query = approval_runtime::RequestQuery::new();
    let ended = async {
        loop {
            let [request] = &*gate.get_requests(&query).await.unwrap().requests else { panic!("there is one request") };
            if request.status() != ApprovalStatus::Pending {
                return request.clone();
            }
            events.next().await.unwrap();
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), ended).await.expect("the request is withdrawn")
}

#[tokio::test(start_paused = true)]
async fn failed_body_is_recorded() {
    for (account, state) in
        [("bob", ExecutionState::Executed), ("nobody", ExecutionState::Failed), ("crash", ExecutionState::Failed)]
    {
        let gate = gate();
        let client = Bank::client(gate.clone(), Bodies::default()).await;
        let called = client.call_tool(to("pay-gate-above", json!({"to": account, "amount": 5})));
        let review = async {
            let request = pending(&gate).await;
            gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap().id()
        };
        let (result, id) = tokio::join!(called, review);
        // The body's own protocol error stays one.
        assert_eq!(result.is_err(), account == "crash");
        assert_eq!(gate.get_request(id).await.unwrap().execution().state, state, "{account}");
    }
}

#[test]
fn refusals_are_error_results() {
    use approval_runtime::ToolReturn;
    let refusal = || Refusal::NoGate { tool: "pay".into() };
    let result: Result<CallToolResult, ErrorData> = ToolReturn::refused(refusal());
    assert!(ToolReturn::is_failure(&result));
    assert_eq!(result, Ok(CallToolResult::refused(refusal())));
    assert!(CallToolResult::refused(refusal()).is_failure());
}
