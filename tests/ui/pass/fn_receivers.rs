//! A method of any receiver can be a tool; `self` is never shown.
#![deny(warnings)]

use std::pin::Pin;
use std::sync::Arc;

use approval_runtime::{Refusal, requires_approval};

struct Counter(u64);

impl Counter {
    #[requires_approval]
    async fn by_value(self, by: u64) -> Result<u64, Refusal> {
        Ok(self.0 + by)
    }

    #[requires_approval]
    async fn by_mut_value(mut self, by: u64) -> Result<u64, Refusal> {
        self.0 += by;
        Ok(self.0)
    }

    #[requires_approval(auto_approve = by < self.0, reason = "{by} of {self.0}")]
    async fn by_reference(&self, by: u64) -> Result<&u64, Refusal> {
        Ok(if by == 0 { &0 } else { &self.0 })
    }

    #[requires_approval]
    async fn by_mutable_reference(&mut self, by: u64) -> Result<&mut u64, Refusal> {
        self.0 += by;
        Ok(&mut self.0)
    }

    #[requires_approval]
    async fn by_arc(self: Arc<Self>, by: u64) -> Result<u64, Refusal> {
        Ok(self.0 + by)
    }

    #[requires_approval]
    async fn by_box(self: Box<Self>, by: u64) -> Result<u64, Refusal> {
        Ok(self.0 + by)
    }

    #[requires_approval]
    async fn by_pin(self: Pin<&mut Self>, by: u64) -> Result<u64, Refusal> {
        self.get_mut().0 += by;
        Ok(by)
    }

    #[requires_approval(name = "counter.associated")]
    async fn associated(by: u64) -> Result<Self, Refusal> {
        Ok(Self(by))
    }
}

fn main() {
    let mut counter = Counter(1);
    let _ = counter.by_reference(1);
    let _ = counter.by_mutable_reference(1);
    let _ = Pin::new(&mut counter).by_pin(1);
    let _ = (counter.by_value(1), Counter(1).by_mut_value(1), Arc::new(Counter(1)).by_arc(1));
    let _ = (Box::new(Counter(1)).by_box(1), Counter::associated(1));
}
