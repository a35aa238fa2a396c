//! `crate = path`, where `approval_runtime` is no name at all, in a crate that forbids `unsafe`.

#![forbid(unsafe_code)]

/// What another crate of ours would offer its users.
pub mod reexport {
    pub use approvals;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use crate::reexport::approvals::{requires_approval, ApprovalGate, ApprovalPolicy, Refusal};

    static STARTED: AtomicUsize = AtomicUsize::new(0);

    #[requires_approval(
        crate = approvals,
        timeout = 5,
        auto_approve = to == "nobody" && *copies == 0,
        reason = "To {to}",
        live(note),
        gate = gate(),
        agent = "billing",
        call_id = to.to_string(),
        callable,
    )]
    async fn send(to: &str, copies: &u8, #[cfg(any())] note: u8) -> Result<String, Refusal> {
        STARTED.fetch_add(1, Ordering::SeqCst);
        Ok(format!("{to}{copies}"))
    }

    #[requires_approval(crate = crate::reexport::approvals)]
    async fn list(of: Vec<u8>) -> String {
        STARTED.fetch_add(1, Ordering::SeqCst);
        format!("{of:?}")
    }

    fn gate() -> ApprovalGate {
        let policy = ApprovalPolicy::new().add_auto_approve_rule("list", "two", |args: &serde_json::Value| {
            args["of"].as_array().is_some_and(|of| of.len() == 2)
        });
        ApprovalGate::builder().policy(policy).without_notifier().build().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn renamed_runtime_is_found() {
        assert_eq!(send("nobody", &0).await.unwrap(), "nobody0");
        assert_eq!(gate().scope(list(vec![1, 2])).await, "[1, 2]");
        assert_eq!(STARTED.load(Ordering::SeqCst), 2);
        assert_eq!(send("bob", &0).await.unwrap_err().code(), "timed_out");
        assert!(gate().scope(list(vec![])).await.contains("timed out"));
        assert_eq!(STARTED.load(Ordering::SeqCst), 2, "a refused call ran");
    }
}
