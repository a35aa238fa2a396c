//! How a browser gets its session and gives it back: the link with the token, and two small forms.

use axum::body::Bytes;
use axum::http::header::{HeaderValue, LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::html;

use crate::auth::WrongToken;
use crate::door::Door;
use crate::hosts::Address;
use crate::known::Known;
use crate::pages::sheet::{Page, page};
use crate::problem::{CHALLENGE, Problem};
use crate::query::only;
use crate::session::Session;

/// Trades the token of a link for a session. The address without it is what stays in the history.
pub(crate) fn with_link(door: &Door, token: &str, address: &Address) -> Result<Response, Problem> {
    with_token(door, token, address, "This link is not from a process that runs now, or is nobody's.")
}

/// Trades the token of the form for a session.
pub(crate) fn with_form(door: &Door, address: &Address, body: &Bytes) -> Result<Response, Problem> {
    let token = only(body, "token").ok_or_else(Problem::invalid_form)?;
    // Whoever copies a token copies a space or a line's end along.
    with_token(door, token.trim(), address, "This is no reviewer's token.")
}

fn with_token(door: &Door, token: &str, address: &Address, otherwise: &str) -> Result<Response, Problem> {
    if door.is_open() {
        return Ok(to_page(None));
    }
    match door.token(token) {
        Ok(known) => Ok(to_page(Some(open(known, address)?))),
        Err(WrongToken::Unknown) => Ok(ask("", otherwise)),
        Err(too_many @ WrongToken::TooMany { .. }) => Err(too_many.into()),
    }
}

fn open(known: &Known, address: &Address) -> Result<HeaderValue, Problem> {
    Session::open(known, address).map_err(|_| Problem::no_randomness())
}

/// Takes the session away from the browser. A copy of its cookie stays good until its time is over.
pub(crate) fn out(door: &Door, headers: &HeaderMap, address: &Address, body: &Bytes) -> Result<Response, Problem> {
    if let Some(session) = door.session(headers, address) {
        let key = only(body, "key").ok_or_else(Problem::invalid_form)?;
        if !session.is_form_key(&key) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "wrong_form_key", "the form was not made for this session"));
        }
    }
    Ok(to_page(Some(Session::close(address))))
}

fn to_page(cookie: Option<HeaderValue>) -> Response {
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("page"))]).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Says how to get in. Nothing here tells a stranger what waits.
pub(crate) fn ask(root: &'static str, why: &str) -> Response {
    let body = html! {
        header.top { h1 { "Approvals" } }
        main {
            p { (why) " Open the link that the process printed when it started; it ends in " code { "?token=…" } "." }
            form method="post" action={ (root) "sign-in" } {
                label for="token" { "Or paste your token" }
                input #token type="password" name="token" autocomplete="current-password" required;
                div.buttons { button.approve { "Sign in" } }
            }
            // Coming from another site's page, a browser keeps the new cookie to itself until a click on this one.
            p { "Did so just now, from a message or another page? " a href={ (root) "page" } { "Continue" } }
        }
    };
    let mut response = page(StatusCode::UNAUTHORIZED, &Page { root, title: "Approvals".to_owned(), looks_again: false, body });
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    response
}
