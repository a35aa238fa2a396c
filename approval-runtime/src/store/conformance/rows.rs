//! Promises about rows of other kinds than requests.

use super::Opening;
use super::handle::{Handle, put};
use super::texts::TEXTS;
use crate::store::{Expect, Row, RowQuery, Space, StoreError};

/// A row is written only where it is as expected: anything, absent, or of a version. What is refused names it.
pub async fn rows_are_written_as_expected(opening: &Opening) {
    let store = opening.handle().await;
    let row = |value: Option<&[u8]>, expect| [put("a", Space::Tool, "pay", value, expect)];
    refuses(&store, &row(Some(b"1"), Expect::Version(1))).await;
    refuses(&store, &row(None, Expect::Version(1))).await;
    refuses(&store, &row(Some(b"1"), Expect::Version(0))).await;
    store.write(&row(Some(b"1"), Expect::Absent)).await;
    refuses(&store, &row(Some(b"2"), Expect::Absent)).await;
    refuses(&store, &row(None, Expect::Absent)).await;
    refuses(&store, &row(Some(b"2"), Expect::Version(2))).await;
    store.write(&row(Some(b"2"), Expect::Version(1))).await;
    refuses(&store, &row(Some(b"3"), Expect::Version(1))).await;
    refuses(&store, &row(None, Expect::Version(1))).await;
    store.write(&row(Some(b"3"), Expect::Any)).await;
    store.write(&row(None, Expect::Version(3))).await;
    assert_eq!(store.row("a", Space::Tool, "pay").await, None);
    // To remove what is not there is no mistake, where nothing else is expected.
    store.write(&row(None, Expect::Any)).await;
    store.write(&row(None, Expect::Absent)).await;
    assert_eq!(store.row("a", Space::Tool, "pay").await, None);
}

/// A row is of version 1 when it is made, and of one more with each change, also of one to the same value; made anew it begins at 1.
pub async fn row_versions_count_changes(opening: &Opening) {
    let [one, other] = opening.handles().await;
    for life in 0..3 {
        for version in 1..=4 {
            let expect = match (life, version) {
                (0, _) => Expect::Any,
                (_, 1) => Expect::Absent,
                _ => Expect::Version(version - 1),
            };
            one.write(&[put("a", Space::Process, "p", Some(b"same"), expect)]).await;
            let row = other.row("a", Space::Process, "p").await;
            assert_eq!(row, Some(Row { key: "p".into(), value: b"same".into(), version }));
        }
        other.write(&[put("a", Space::Process, "p", None, Expect::Version(4))]).await;
    }
}

/// Values are bytes: none, all of them, long ones.
pub async fn row_values_are_bytes(opening: &Opening) {
    let store = opening.handle().await;
    let all: Vec<u8> = (0..=255).collect();
    let long: Vec<u8> = all.iter().copied().cycle().take(300_000).collect();
    for (nth, value) in [&[][..], b"\0", b"\xff\xfe", &all, &long, b"{}", b"NULL"].into_iter().enumerate() {
        let key = nth.to_string();
        store.put("a", Space::Token, &key, value).await;
        let row = store.row("a", Space::Token, &key).await.expect("it was written");
        assert!(row.value == value, "{} bytes are not as they were", value.len());
    }
}

/// Rows come in the order of their keys' bytes, by prefix and by page, and keys are told apart by every byte.
pub async fn rows_come_by_the_bytes_of_keys(opening: &Opening) {
    let store = opening.handle().await;
    let keys = keys();
    // Written in another order than they are read.
    for nth in 0..keys.len() {
        let key = &keys[nth * 7 % keys.len()];
        store.put("a", Space::Grant, key, key.as_bytes()).await;
        store.put("b", Space::Grant, &format!("{key}!"), b"other").await;
    }
    let longest = format!("{}k", char::MAX);
    let prefixes = ["", "a", "a%", "a_", "a\\", "A", "*", "\0", "é", "e", "tenantA:", "zz", &longest, "\u{10ffff}"];
    for prefix in prefixes {
        let here: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
        let all = RowQuery { prefix: prefix.into(), ..RowQuery::all("a", Space::Grant) };
        let rows = store.rows(&all).await;
        assert!(rows.iter().all(|row| row.value == row.key.as_bytes() && row.version == 1));
        assert_eq!(rows.into_iter().map(|row| row.key).collect::<Vec<_>>(), here, "by prefix {prefix:?}");
        for limit in [1, 2, 5] {
            let mut query = RowQuery { limit: Some(limit), ..all.clone() };
            let mut found = Vec::new();
            while let page @ [.., last] = &*store.rows(&query).await {
                assert!(page.len() <= limit, "a page of {limit} has {}", page.len());
                query.after = Some(last.key.clone());
                found.extend(page.iter().map(|row| row.key.clone()));
                assert!(found.len() <= here.len(), "pages of {limit} by prefix {prefix:?}: too many");
            }
            assert_eq!(found, here, "pages of {limit} by prefix {prefix:?}");
        }
        // From a key on that is not there, before or behind the prefix.
        for after in ["", "a%\u{1}", "b", "\u{10ffff}\u{10ffff}"] {
            let query = RowQuery { after: Some(after.into()), ..all.clone() };
            let behind: Vec<_> = here.iter().filter(|key| &***key > after).cloned().collect();
            let found: Vec<_> = store.rows(&query).await.into_iter().map(|row| row.key).collect();
            assert_eq!(found, behind, "by prefix {prefix:?}, behind {after:?}");
        }
        assert_eq!(store.rows(&RowQuery { limit: Some(0), ..all }).await, []);
    }
}

/// Pages of rows neither repeat nor lose one that stays, while others come, change and go.
pub async fn row_pages_hold_while_rows_change(opening: &Opening) {
    let store = opening.handle().await;
    let keys: Vec<_> = (0..12).map(|nth| format!("k{nth:02}")).collect();
    for key in &keys {
        store.put("a", Space::Outbox, key, b"1").await;
    }
    let mut query = RowQuery { limit: Some(3), ..RowQuery::all("a", Space::Outbox) };
    let mut found = Vec::new();
    while let page @ [first, .., last] = &*store.rows(&query).await {
        query.after = Some(last.key.clone());
        found.extend(page.iter().map(|row| row.key.clone()));
        store.put("a", Space::Outbox, &first.key, b"2").await;
        store.write(&[put("a", Space::Outbox, &last.key, None, Expect::Any)]).await;
        store.put("a", Space::Outbox, &format!("{}a", first.key), b"new").await;
    }
    assert_eq!(found, keys);
}

/// Kinds of rows do not meet.
pub async fn kinds_of_rows_do_not_meet(opening: &Opening) {
    let store = opening.handle().await;
    for (nth, space) in Space::ALL.into_iter().enumerate() {
        for _ in 0..=nth {
            store.put("a", space, "key", space.as_str().as_bytes()).await;
        }
    }
    for (version, space) in (1..).zip(Space::ALL) {
        let expected = Row { key: "key".into(), value: space.as_str().into(), version };
        assert_eq!(store.rows(&RowQuery::all("a", space)).await, [expected]);
    }
    store.write(&[put("a", Space::Token, "key", None, Expect::Any)]).await;
    for space in Space::ALL {
        assert_eq!(store.rows(&RowQuery::all("a", space)).await.is_empty(), space == Space::Token);
    }
}

async fn refuses(store: &Handle, writes: &[crate::store::Write]) {
    let error = store.is_refused(&["a"], writes).await;
    let names = matches!(&error, StoreError::RowStale { space: Space::Tool, key } if **key == *"pay");
    assert!(names, "{error:?}");
}

/// Keys in the order of their bytes.
fn keys() -> Vec<String> {
    let mut keys: Vec<String> = TEXTS.map(Into::into).into();
    keys.extend(
        ["a", "A", "b", "B", "aa", "a%", "a%b", "a_b", "a\\b", "a-b", "é", "e\u{301}", "z", "zz", "zzz"].map(Into::into),
    );
    // In UTF-16 these two stand the other way round.
    keys.extend(["\u{ffff}", "\u{10000}"].map(Into::into));
    keys.extend(["k", "kk"].map(|end| format!("{}{end}", char::MAX)));
    keys.extend(["x", "y"].map(|end| "long".repeat(700) + end));
    keys.sort();
    keys.dedup();
    keys
}
