//! Tools that other macros write.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

macro_rules! tool {
    ($name:ident($argument:ident: $ty:ty), $timeout:expr, $reason:literal, $rule:expr, $body:block) => {
        #[requires_approval(timeout = $timeout, reason = $reason, auto_approve = $rule, name = concat!("tools.", stringify!($name)))]
        async fn $name($argument: $ty) -> Result<usize, Refusal> $body
    };
}

tool!(length(text: &str), 60, "Measure {text}", text.is_empty(), { Ok(text.len()) });
tool!(count(items: Vec<u8>), "2m", "Count {items:?}", items.len() < 3, {
    let items = items;
    Ok(items.len())
});

macro_rules! hygienic {
    ($name:ident, $ty:ty) => {
        #[requires_approval(reason = "Take {value}", auto_approve = value == 1, skip(other))]
        async fn $name(value: $ty, other: &$ty) -> Result<$ty, Refusal> {
            Ok(value + *other)
        }
    };
}

hygienic!(small, u8);
hygienic!(large, u64);

fn main() {
    let _ = (length(""), count(vec![]), small(1, &1), large(1, &1));
}
