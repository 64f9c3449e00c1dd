//! Proxies, which the HTTP library finds in the environment by itself: here only what they are called, for messages.

use hyper_util::client::proxy::matcher::Matcher;

/// The proxy on the way to a URL, as `scheme://host:port`, without the password it may be given.
pub(crate) fn on_the_way(url: &str) -> Option<String> {
    let intercept = Matcher::from_env().intercept(&url.parse().ok()?)?;
    let proxy = intercept.uri();
    let port = proxy.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{}{port}", proxy.scheme_str().unwrap_or("http"), proxy.host()?))
}

/// Why no connection was made, with the proxy that may be why.
pub(crate) fn named(cause: String, proxy: Option<&str>) -> String {
    match proxy {
        Some(proxy) => format!("{cause} (through the proxy {proxy}, which the environment names)"),
        None => cause,
    }
}
