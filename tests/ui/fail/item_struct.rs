use approval_runtime::requires_approval;

#[requires_approval]
struct Mailer;

fn main() {
    let _ = Mailer;
}
