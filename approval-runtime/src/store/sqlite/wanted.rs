//! [`Wanted`]: the writes of a commit, made ready where the caller is, so that the writer only writes.

use std::sync::Arc;

use super::record::Record;
use crate::request::{Guard, Stored};
use crate::store::{Expect, Space, Write};

#[derive(Debug)]
pub(super) enum Wanted {
    Insert { record: Record, ask: Vec<u8>, guard: Guard, max_pending: usize },
    Update { record: Record, guard: Guard },
    Remove { record: Record, guard: Guard },
    Put(Put),
    NewIncarnation { from: u64 },
}

#[derive(Debug)]
pub(super) struct Put {
    pub(super) namespace: Arc<str>,
    pub(super) space: Space,
    pub(super) key: Box<str>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) expect: Expect,
}

impl Wanted {
    pub(super) fn of(write: &Write) -> Self {
        match write {
            Write::Insert { request, guard, max_pending } => Self::Insert {
                record: Record::of(request),
                ask: Stored::ask(request),
                guard: *guard,
                max_pending: *max_pending,
            },
            Write::Update { request, guard } => Self::Update { record: Record::of(request), guard: *guard },
            Write::Remove { request, guard } => Self::Remove { record: Record::of(request), guard: *guard },
            Write::Put { namespace, space, key, value, expect } => Self::Put(Put {
                namespace: namespace.as_str().into(),
                space: *space,
                key: key.as_str().into(),
                value: value.clone(),
                expect: *expect,
            }),
            Write::NewIncarnation { from } => Self::NewIncarnation { from: *from },
        }
    }
}
