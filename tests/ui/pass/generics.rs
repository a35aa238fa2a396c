//! Generic tools.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[requires_approval(auto_approve = items.is_empty())]
async fn generic<T, const N: usize>(items: Vec<T>, first: T) -> Result<usize, Refusal>
where
    T: Serialize + DeserializeOwned + Send,
{
    drop(first);
    Ok(items.len() + N)
}

#[requires_approval(auto_approve = is_small(value, other))]
async fn opaque(value: impl Serialize + DeserializeOwned + Send + ToString, other: &(impl Serialize + DeserializeOwned + Sync)) -> Result<String, Refusal> {
    let _ = other;
    Ok(value.to_string())
}

fn is_small<A: ToString, B>(value: A, _: &B) -> bool {
    value.to_string().len() < 3
}

#[requires_approval(skip(pool))]
async fn lifetimes<'pool, 'text>(pool: &'pool Vec<u8>, text: &'text str) -> Result<&'pool u8, Refusal> {
    Ok(&pool[text.len()])
}

struct Store<K>(Vec<K>);

impl<K: Serialize + DeserializeOwned + Clone> Store<K> {
    #[requires_approval]
    async fn put(&mut self, key: K) -> Result<usize, Refusal> {
        self.0.push(key);
        Ok(self.0.len())
    }

    #[requires_approval(name = "store.of")]
    async fn of(key: K, keys: &[K]) -> Result<Self, Refusal> {
        Ok(Self([&[key], keys].concat()))
    }
}

fn main() {
    let _ = (generic::<u8, 3>(vec![], 1), opaque(1, &2), lifetimes(&vec![1], ""), Store::of(1, &[]));
    let _ = Store(vec![1]).put(1);
}
