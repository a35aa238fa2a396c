//! One request's history in one text, checked without a store.

use approval_runtime::audit::{Export, Flaw};
use approval_runtime::{ApprovalStatus, ExecutionState, RequestId};

use super::*;

/// A call that was edited, approved and run, with an attempt that was refused.
async fn run(gate: &ApprovalGate) -> ApprovalRequest {
    let starts = Starts::default();
    let decided = async {
        let request = pending(gate).await;
        let edited = Decision::approve(alice(), request.digest()).edited_arguments(json!({"to": "bob", "amount": 3}));
        gate.decide(request.id(), edited.comment(CANARY)).await.unwrap()
    };
    let (returned, request) = tokio::join!(starts.pay(gate, five()), decided);
    returned.unwrap();
    gate.decide(request.id(), no(Reviewer::new("late"))).await.unwrap_err();
    request
}

#[tokio::test(start_paused = true)]
async fn i21_export_verifies_without_a_store() {
    let gate = gate();
    let request = run(&gate).await;
    let export = gate.audit().export(request.id()).await.unwrap();
    let verified = Export::verify(&export.to_json()).unwrap();
    assert_eq!((verified.rows, verified.request, verified.has_record), (5, request.id(), true));
    assert_eq!((verified.status, verified.execution), (ApprovalStatus::Approved, ExecutionState::Executed));
    assert_eq!(verified.head, gate.get_request(request.id()).await.unwrap().audit_head());
    assert_eq!(Export::verify_signed(&export.to_json(), [&key()]).unwrap_err().flaw, Flaw::Unsigned);

    let signed = export.sign(&key()).to_string();
    assert_eq!(Export::verify_signed(&signed, [&key()]).unwrap().signed_by.as_deref(), Some("2026"));
    let other = AuditKey::new("2027", [7; 32]).unwrap();
    assert_eq!(Export::verify_signed(&signed, [&other]).unwrap_err().flaw, Flaw::UnknownKey { id: "2026".into() });
    let other = AuditKey::new("2026", [8; 32]).unwrap();
    assert_eq!(Export::verify_signed(&signed, [&other]).unwrap_err().flaw, Flaw::Forged);

    assert!(matches!(gate.audit().export(RequestId::random()).await, Err(AuditError::NotFound { .. })));
}

#[tokio::test(start_paused = true)]
async fn i21_changed_export_is_found() {
    let gate = gate();
    let request = run(&gate).await;
    let export = gate.audit().export(request.id()).await.unwrap();
    let (plain, signed) = (export.to_json(), export.sign(&key()).to_json());
    let changed = |text: &str, at: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        String::from_utf8(bytes).unwrap()
    };
    for at in 0..signed.len() {
        Export::verify_signed(&changed(&signed, at), [&key()]).expect_err(&signed[at..]);
    }
    // Without a signature: whatever the history says.
    let rows = plain.find(r#""rows""#).unwrap()..plain.find(r#""record""#).unwrap();
    let positions: Vec<_> = plain.match_indices(r#""position":"#).map(|(at, found)| at + found.len()).collect();
    for at in rows.filter(|at| !positions.contains(at)) {
        Export::verify(&changed(&plain, at)).expect_err(&plain[at..]);
    }
    for (from, to, name) in [
        (r#""status":"approved","created"#, r#""status":"rejected","created"#, "status"),
        (r#""state":"executed""#, r#""state":"failed""#, "execution"),
        (r#"{"amount":3,"#, r#"{"amount":4,"#, "arguments"),
        (r#""requested_by":null,"effect"#, r#""requested_by":"mallory","effect"#, "asked"),
    ] {
        assert!(plain.contains(from), "{from} in {plain}");
        assert_eq!(Export::verify(&plain.replacen(from, to, 1)).unwrap_err().flaw, Flaw::Record(name));
    }
    for text in ["", "{}", "null", &plain[1..], &plain.replacen(r#""format":1"#, r#""format":2"#, 1)] {
        assert_eq!(Export::verify(text).unwrap_err().flaw, Flaw::Unreadable);
    }
}

#[tokio::test(start_paused = true)]
async fn i21_export_outlives_the_record() {
    let gate = gate();
    let request = run(&gate).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(gate.remove_ended(Duration::from_secs(1)).await.unwrap(), 1);
    let export = gate.audit().export(request.id()).await.unwrap().to_json();
    let verified = Export::verify(&export).unwrap();
    assert_eq!((verified.rows, verified.has_record), (6, false));
    assert!(!export.contains(CANARY), "{export}");
    // The last row left out.
    let last = export.rfind(r#",{"position""#).unwrap();
    let cut = format!("{}{}", &export[..last], &export[export.rfind("],").unwrap()..]);
    assert_eq!(Export::verify(&cut).unwrap_err().flaw, Flaw::RecordMissing);
}
