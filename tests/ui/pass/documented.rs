//! Documented tools in a crate that asks for documents.
#![deny(warnings)]
#![deny(missing_docs, clippy::missing_errors_doc)]

use approval_runtime::{Refusal, requires_approval};

/// Mails.
pub mod mail {
    use super::*;

    /// Sends an email.
    ///
    /// # Errors
    /// A [`Refusal`].
    #[requires_approval]
    #[doc(alias = "mail")]
    pub async fn send(to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

fn main() {
    let _ = mail::send(String::new());
}
