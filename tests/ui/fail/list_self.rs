use approval_runtime::{Refusal, requires_approval};

struct Bank;

impl Bank {
    #[requires_approval(skip(self))]
    async fn pay(&self, amount: u64) -> Result<u64, Refusal> {
        Ok(amount)
    }
}

fn main() {
    let _ = Bank.pay(1);
}
