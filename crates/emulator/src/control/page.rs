//! The monitor page: what a person looks at. Its files lie beside this one; it reads the control interface like any
//! other program, and asks nobody else for anything.

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::IntoResponse;
use axum::routing::get;

use super::Control;

/// Nothing but these files and this server's answers. Names from SQL and REST are set as text; should one ever get
/// further, it stays without effect.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub fn routes() -> Router<Control> {
    Router::new()
        .route("/", get(async || file("text/html; charset=utf-8", include_str!("monitor.html"))))
        .route("/monitor.css", get(async || file("text/css; charset=utf-8", include_str!("monitor.css"))))
        .route("/monitor.js", get(async || file("text/javascript; charset=utf-8", include_str!("monitor.js"))))
        .route("/monitor.svg", get(async || file("image/svg+xml", include_str!("monitor.svg"))))
}

fn file(kind: &'static str, content: &'static str) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // The next emulator on this port may be of another version.
        (CACHE_CONTROL, "no-store"),
    ];
    (headers, content)
}
