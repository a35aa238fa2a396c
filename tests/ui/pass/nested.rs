//! Tools inside functions, blocks, modules and each other.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn outer(n: u8) -> Result<u8, Refusal> {
    #[requires_approval(name = "outer.inner")]
    async fn inner(n: u8) -> Result<u8, Refusal> {
        Ok(n)
    }

    mod deep {
        #[approval_runtime::requires_approval(name = "outer.deep")]
        pub(super) async fn inner(n: u8) -> Result<u8, approval_runtime::Refusal> {
            Ok(n)
        }
    }

    let here = async {
        #[requires_approval(name = "outer.block")]
        async fn inner(n: u8) -> Result<u8, Refusal> {
            Ok(n)
        }
        inner(n).await
    };
    Ok(inner(n).await? + deep::inner(n).await? + here.await?)
}

fn main() {
    let _ = outer(1);
}
