use approval_runtime::requires_approval;

#[requires_approval]
trait Mailer {}

fn main() {
    let _ = None::<&dyn Mailer>;
}
