//! [`Door`]: what every route needs, and who may come in through it.

use approval_runtime::ApprovalGate;
use axum::http::HeaderMap;

use crate::auth::{Keys, Who, WrongToken};
use crate::hosts::{Address, Hosts};
use crate::known::Known;
use crate::problem::Problem;
use crate::session::Session;
use crate::streams::Streams;

/// What all routes share.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) gate: ApprovalGate,
    pub(crate) access: Access,
    pub(crate) hosts: Hosts,
    pub(crate) streams: Streams,
}

/// Who may look and decide.
#[derive(Debug)]
pub(crate) enum Access {
    /// Reviewers who prove who they are.
    Keys(Keys),
    /// Every program on this machine.
    Open,
}

impl Door {
    /// Finds out who sends a request, or says what a credential would be.
    pub(crate) fn who(&self, headers: &HeaderMap, address: &Address) -> Result<Who<'_>, Problem> {
        match &self.access {
            Access::Keys(keys) => keys.who(headers, address),
            Access::Open => Ok(Who::Anybody),
        }
    }

    /// Returns the session of the browser that sends a request.
    pub(crate) fn session(&self, headers: &HeaderMap, address: &Address) -> Option<Session<'_>> {
        match &self.access {
            Access::Keys(keys) => keys.session(headers, address),
            Access::Open => None,
        }
    }

    /// Returns whose token this is.
    pub(crate) fn token(&self, token: &str) -> Result<&Known, WrongToken> {
        match &self.access {
            Access::Keys(keys) => keys.token(token),
            Access::Open => Err(WrongToken::Unknown),
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.access, Access::Open)
    }
}
