//! Methods of traits: required, with a default, generic, and as futures.
#![deny(warnings)]

use std::future::Future;

use approval_runtime::{Refusal, requires_approval};

#[allow(async_fn_in_trait)]
trait Tool {
    type Args: serde::Serialize + serde::de::DeserializeOwned;

    #[requires_approval(name = "tool.with_default")]
    async fn with_default(&self, args: Self::Args) -> Result<Self::Args, Refusal> {
        Ok(args)
    }

    async fn required(&self, args: Self::Args) -> Result<Self::Args, Refusal>;

    fn future(&self, args: Self::Args) -> impl Future<Output = Result<Self::Args, Refusal>>;
}

struct Mailer<T>(T);

impl<T: serde::Serialize + serde::de::DeserializeOwned> Tool for Mailer<T> {
    type Args = (T, String);

    #[requires_approval(name = "mailer.required")]
    async fn required(&self, args: Self::Args) -> Result<Self::Args, Refusal> {
        let _ = &self.0;
        Ok(args)
    }

    #[requires_approval(name = "mailer.future")]
    fn future(&self, args: (T, String)) -> impl Future<Output = Result<(T, String), Refusal>> {
        async move {
            let _ = self;
            Ok(args)
        }
    }
}

fn main() {
    let mailer = Mailer(1);
    let _ = (mailer.with_default((1, String::new())), mailer.required((1, String::new())), mailer.future((1, String::new())));
}
