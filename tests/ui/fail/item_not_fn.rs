use approval_runtime::requires_approval;

#[requires_approval]
struct Mailer;

#[requires_approval]
impl Mailer {}

#[requires_approval]
enum Kind {}

#[requires_approval]
const LIMIT: u8 = 3;

fn main() {
    let _ = (Mailer, LIMIT, None::<Kind>);
}
