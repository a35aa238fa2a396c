//! How connections are opened, and what they have to find there.

use std::fmt::Display;
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::fault::{Fault, STORE};
use super::place::Place;
use crate::store::StoreError;

/// `APRV`, in the header of the file.
const APPLICATION_ID: i32 = 0x4150_5256;

/// Each brings the file from the version before, which is its place in this list, to the next.
const MIGRATIONS: &[&str] = &[include_str!("../../../migrations/sqlite/0001_first.sql")];

/// How many pages the log may have before they are copied to the database, 64 MiB: pages that change with each commit are
/// copied once then, and the database is synced that much less often.
const CHECKPOINT: i64 = 16_384;

/// What a file holds.
enum Found {
    Nothing,
    /// A store of this version.
    Store(usize),
}

/// Opens the file, makes it a store if it is nothing yet, and brings it to the version that is known here.
pub(super) fn open(place: &Place) -> Result<Connection, StoreError> {
    let verb = "open its file";
    let tell = |error: rusqlite::Error| Fault::from(error).tell(place, verb);
    place.make().map_err(|source| StoreError::Backend { store: STORE, verb, source: source.into() })?;
    let mut connection = connect(place).map_err(tell)?;
    if let Found::Store(version) = look(&connection, place)?
        && version == MIGRATIONS.len()
    {
        set_up(&connection).map_err(tell)?;
    } else {
        set_up(&connection).map_err(tell)?;
        migrate(&mut connection, place)?;
    }
    // The log is there from the first read on, in a file that was copied from elsewhere too.
    connection.query_row("SELECT one FROM life", (), |_| Ok(())).map_err(tell)?;
    place.remember().map_err(|source| StoreError::Backend { store: STORE, verb, source: source.into() })?;
    Ok(connection)
}

/// Opens the file once more, after it was found to be a store.
pub(super) fn reopen(place: &Place) -> Result<Connection, Fault> {
    place.check()?;
    let connection = connect(place)?;
    set_up(&connection)?;
    place.check()?;
    Ok(connection)
}

fn connect(place: &Place) -> rusqlite::Result<Connection> {
    // No CREATE: the file is there, or it was deleted. No URI: a path is a path.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    #[allow(unused_mut, reason = "setting the handler needs it from rusqlite 0.40 on")]
    let mut connection = Connection::open_with_flags(place.path(), flags)?;
    // Until it is known to be ours nothing is written to it, not even when it is closed.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.busy_handler(Some(wait))?;
    Ok(connection)
}

/// Waits while somebody else holds a lock: briefly at first, since commits are short, and about five seconds in all.
fn wait(times: i32) -> bool {
    thread::sleep(match times {
        0..20 => Duration::from_micros(100),
        20..100 => Duration::from_micros(500),
        _ => Duration::from_millis(2),
    });
    times < 2_500
}

fn set<T: Display>(connection: &Connection, name: &str, value: T) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("PRAGMA {name} = {value}"))
}

fn look(connection: &Connection, place: &Place) -> Result<Found, StoreError> {
    let foreign = |why| StoreError::Foreign { place: place.name().into(), why };
    // All of one moment: somebody else may be making it.
    let header = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
        FROM pragma_application_id, pragma_user_version";
    match connection.query_row(header, (), |row| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get(2)?))) {
        Ok((APPLICATION_ID, version, _)) => match usize::try_from(version) {
            Ok(version) if version <= MIGRATIONS.len() => Ok(Found::Store(version)),
            _ => Err(StoreError::NewerSchema { place: place.name().into(), found: version, known: MIGRATIONS.len() as i64 }),
        },
        Ok((0, 0, 0_i64)) => Ok(Found::Nothing),
        Ok(_) => Err(foreign("it is the database of another program")),
        Err(error) => match rusqlite::Error::sqlite_error_code(&error) {
            Some(ErrorCode::NotADatabase) => Err(foreign("it is no SQLite database")),
            _ => Err(Fault::from(error).tell(place, "read the header of its file")),
        },
    }
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    // Changing to the log needs the file alone for a moment, and SQLite does not wait for it.
    let mut times = 0;
    loop {
        match connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0)) {
            Ok(mode) if mode == "wal" => break,
            Ok(_) => return Err(rusqlite::Error::InvalidQuery),
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && wait(times) => times += 1,
            Err(error) => return Err(error),
        }
    }
    // A commit that was acknowledged survives the loss of power.
    set(connection, "synchronous", "FULL")?;
    set(connection, "wal_autocheckpoint", CHECKPOINT)?;
    set(connection, "journal_size_limit", 128 << 20)?;
    set(connection, "cache_size", -32_768)?;
    set(connection, "temp_store", "MEMORY")?;
    set(connection, "trusted_schema", "OFF")?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    // Statements stay as they were prepared. Without it SQLite prepares some anew with each value that is bound.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(128);
    #[cfg(test)]
    if let Some(pages) = MAX_PAGES.get() {
        set(connection, "max_page_count", pages)?;
    }
    Ok(())
}

fn migrate(connection: &mut Connection, place: &Place) -> Result<(), StoreError> {
    let tell = |error: rusqlite::Error| Fault::from(error).tell(place, "bring its file to this version");
    let step = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(tell)?;
    // Somebody else may have been faster.
    let version = match look(&step, place)? {
        Found::Nothing => 0,
        Found::Store(version) => version,
    };
    for migration in &MIGRATIONS[version..] {
        step.execute_batch(migration).map_err(tell)?;
    }
    set(&step, "application_id", APPLICATION_ID).map_err(tell)?;
    set(&step, "user_version", MIGRATIONS.len()).map_err(tell)?;
    step.commit().map_err(tell)
}

#[cfg(test)]
thread_local! {
    /// How many pages a store may have that this thread opens.
    pub(super) static MAX_PAGES: std::cell::Cell<Option<u32>> = const { std::cell::Cell::new(None) };
}
