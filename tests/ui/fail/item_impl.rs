use approval_runtime::requires_approval;

struct Mailer;

#[requires_approval]
impl Mailer {
    fn send(&self) {}
}

fn main() {
    Mailer.send();
}
