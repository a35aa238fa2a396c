//! Every form of asynchronous function that a tool can have.
#![deny(warnings)]

use std::future::Future;
use std::pin::Pin;

use approval_runtime::{BoxFuture, Refusal, requires_approval};

#[requires_approval]
async fn free(to: String) -> Result<String, Refusal> {
    Ok(to)
}

#[requires_approval]
fn future(to: String) -> impl Future<Output = Result<String, Refusal>> + Send {
    async move { Ok(to) }
}

#[requires_approval]
fn boxed<'a>(to: &'a str) -> Pin<Box<dyn Future<Output = Result<String, Refusal>> + Send + 'a>> {
    Box::pin(async move { Ok(to.to_owned()) })
}

#[requires_approval]
fn alias(to: &str) -> BoxFuture<'_, Result<String, Refusal>> {
    std::boxed::Box::pin(async move { Ok(to.to_owned()) })
}

trait Mailer: Sync {
    #[requires_approval(name = "mailer.send")]
    fn send(&self, to: String) -> impl Future<Output = Result<String, Refusal>> + Send {
        async move {
            let _ = self;
            Ok(to)
        }
    }
}

struct Smtp;

impl Mailer for Smtp {
    #[requires_approval(name = "smtp.send")]
    async fn send(&self, to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

/// What `#[async_trait]` leaves behind; a trait of these can be an object.
trait Tool {
    fn call<'a>(&'a self, to: &'a str) -> Pin<Box<dyn Future<Output = String> + Send + 'a>>
    where
        Self: 'a;
}

impl Tool for Smtp {
    #[requires_approval(name = "smtp.call")]
    fn call<'a>(&'a self, to: &'a str) -> Pin<Box<dyn Future<Output = String> + Send + 'a>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            if let Some(ret) = None::<String> {
                #[allow(unreachable_code)]
                return ret;
            }
            let this = self;
            let ret: String = { format!("{to}{}", size_of_val(this)) };
            #[allow(unreachable_code)]
            ret
        })
    }
}

fn main() {
    let _ = (free(String::new()), future(String::new()), boxed(""), alias(""), Mailer::send(&Smtp, String::new()));
    let tools: [Box<dyn Tool>; 1] = [Box::new(Smtp)];
    let _ = tools[0].call("");
}
