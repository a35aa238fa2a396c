//! `#[async_trait]`, which rewrites every method of its `impl` before a method's own attribute is read.

use std::rc::Rc;

use approval_runtime::{Refusal, requires_approval};
use async_trait::async_trait;
use serde_json::json;

use crate::support::{Returned, body, reviewed};

#[async_trait]
trait Bank {
    async fn pay(&mut self, to: &str, amount: u64) -> Result<u64, Refusal>;

    #[requires_approval(name = "Bank::close")]
    async fn close(&self, account: String) -> Result<u64, Refusal> {
        body(json!({"account": account}));
        Ok(0)
    }
}

struct Savings {
    paid: u64,
}

#[async_trait]
impl Bank for Savings {
    #[requires_approval(name = "Savings::pay", auto_approve = amount == 0)]
    async fn pay(&mut self, to: &str, amount: u64) -> Result<u64, Refusal> {
        body(json!({"to": to, "amount": amount}));
        self.paid += amount;
        Ok(self.paid)
    }
}

#[async_trait(?Send)]
trait LocalBank {
    async fn pay(&self, to: String, (amount, cents): (u64, u8)) -> Result<u64, Refusal>;
}

#[async_trait(?Send)]
impl LocalBank for Rc<Savings> {
    #[requires_approval(name = "Rc<Savings>::pay")]
    async fn pay(&self, to: String, (amount, cents): (u64, u8)) -> Result<u64, Refusal> {
        body(json!({"to": to, "arg1": [amount, cents]}));
        // Held over an await: this future is not `Send`.
        let this = Rc::clone(self);
        tokio::task::yield_now().await;
        Ok(this.paid + amount)
    }
}

#[tokio::test(start_paused = true)]
async fn trait_method_is_gated() {
    let (shown, edit) = (json!({"to": "bob", "amount": 5}), json!({"to": "eve", "amount": 4}));
    let call = async |_, _| Savings { paid: 10 }.pay("bob", 5).await;
    check(reviewed("Savings::pay", shown, edit, call).await, "Savings::pay", 15, 14);
}

#[tokio::test(start_paused = true)]
async fn default_method_is_gated() {
    let call = async |_, _| Savings { paid: 10 }.close("a".into()).await;
    let returned = reviewed("Bank::close", json!({"account": "a"}), json!({"account": "b"}), call).await;
    check(returned, "Bank::close", 0, 0);
}

#[tokio::test(start_paused = true)]
async fn local_trait_method_is_gated() {
    let (shown, edit) = (json!({"to": "bob", "arg1": [5, 0]}), json!({"to": "eve", "arg1": [4, 99]}));
    let call = async |_, _| Rc::new(Savings { paid: 10 }).pay("bob".into(), (5, 0)).await;
    check(reviewed("Rc<Savings>::pay", shown, edit, call).await, "Rc<Savings>::pay", 15, 14);
}

#[track_caller]
fn check(returned: Returned<Result<u64, Refusal>>, tool: &str, approved: u64, edited: u64) {
    assert_eq!(returned.rejected.unwrap_err().to_string(), format!("Action '{tool}' was rejected by alice."));
    assert_eq!((returned.approved.unwrap(), returned.edited.unwrap()), (approved, edited));
}
