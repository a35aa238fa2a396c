//! [`Fault`]: what SQLite did not do, told to everybody who waited for it.

use std::sync::Arc;

use rusqlite::{Error, ErrorCode, ffi};

use super::place::{Place, Replaced};
use crate::store::StoreError;

/// The store's name in errors.
pub(super) const STORE: &str = "sqlite";

/// Why a group of reads or writes failed as a whole.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    Sql(Arc<Error>),
    /// The file is no longer where it was opened.
    Replaced,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Sql(Arc::new(error))
    }
}

impl From<Replaced> for Fault {
    fn from(_: Replaced) -> Self {
        Self::Replaced
    }
}

impl Fault {
    pub(super) fn tell(&self, place: &Place, verb: &'static str) -> StoreError {
        let Self::Sql(error) = self else { return StoreError::Replaced { place: place.name().into() } };
        let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full { store: STORE },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { store: STORE },
            Some(ErrorCode::ReadOnly) if extended == ffi::SQLITE_READONLY_DBMOVED => {
                StoreError::Replaced { place: place.name().into() }
            }
            _ => StoreError::Backend { store: STORE, verb, source: Box::new(Arc::clone(error)) },
        }
    }
}

/// Says whether a value is not of the kind that its column holds: the row was changed from outside.
pub(super) const fn is_of_value(error: &Error) -> bool {
    matches!(error, Error::InvalidColumnType(..) | Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..))
}
