//! [`Page`]: what all pages have around their bodies.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, REFERRER_POLICY};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// A page that is still to be framed.
pub(crate) struct Page {
    /// The router's folder, seen from the path that the page is served under: links stay relative, so any prefix will do.
    pub(crate) root: &'static str,
    pub(crate) title: String,
    pub(crate) looks_again: bool,
    pub(crate) body: Markup,
}

pub(crate) fn page(status: StatusCode, page: &Page) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if page.looks_again { meta http-equiv="refresh" content={ "10; url=" (page.root) "page" }; }
                title { (page.title) }
                link rel="stylesheet" href={ (page.root) "style.css" };
            }
            body { (page.body) }
        }
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        // Under `no-referrer` browsers send the form with `Origin: null`, which is what a stranger's sandboxed frame sends.
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (status, headers, markup.into_string()).into_response()
}
