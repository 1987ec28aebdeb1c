//! What every request passes on its way in, and every answer on its way out.
//!
//! Owns who is let in: until there are accounts, the only thing between a web page that somebody opens on this machine
//! and its lines is that the page must not be able to speak for the panel. So on TCP the `Host` must be loopback (a
//! foreign name that resolves to 127.0.0.1 is DNS rebinding), and what acts or opens a WebSocket must come from the
//! panel's own origin, where a browser says where it comes from. Bodies must be `application/json`, which no foreign page
//! can send without a preflight that is never granted (`routes`).
//!
//! Owns too the request's id, its time limit, and the security headers of every answer.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::Service;
use victus_agent::event::TraceId;
use victus_agent::tool::Caller;
use warp::http::uri::Authority;
use warp::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use warp::reply::Response;

use crate::error::ApiError;
use crate::limits::Limits;

/// The name of the header that carries the request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers of every answer. `'self'` alone: the panel has no inline script or style and nothing from elsewhere.
const SECURITY_HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Through which door a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The TCP port at this address.
    Network(SocketAddr),
    /// The control socket.
    Control,
}

/// Who asks, and under which id. Every request carries it to its handler.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// Who asks.
    pub(crate) caller: Caller,
    /// The request's id.
    pub(crate) trace: TraceId,
}

impl Door {
    fn caller(self) -> Caller {
        match self {
            Self::Network(_) => Caller::panel(),
            Self::Control => Caller::cli(),
        }
    }
}

/// What answers requests: the bounds, where ids come from, and the routes.
#[derive(Clone)]
pub(crate) struct Front<S> {
    /// The bounds.
    pub(crate) limits: Arc<Limits>,
    /// Where the ids of requests come from.
    pub(crate) ids: Arc<dyn Fn() -> TraceId + Send + Sync>,
    /// The routes.
    pub(crate) service: S,
}

/// What a set of routes is to a connection.
pub(crate) trait Routes: Service<Request<Incoming>, Response = Response, Error = Infallible> {}
impl<S: Service<Request<Incoming>, Response = Response, Error = Infallible>> Routes for S {}

/// Lets one request in, has the routes answer it, and dresses the answer.
pub(crate) async fn answer<S: Routes>(door: Door, front: Front<S>, mut request: Request<Incoming>) -> Response {
    let trace = (front.ids)();
    let limits = front.limits;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = match admit(door, &request) {
        Err(error) => error.into_response(&trace),
        Ok(()) => {
            request.extensions_mut().insert(Visit { caller: door.caller(), trace: trace.clone() });
            match tokio::time::timeout(limits.answer_within, front.service.call(request)).await {
                Ok(Ok(response)) => response,
                Ok(Err(never)) => match never {},
                Err(_) => late(&limits).into_response(&trace),
            }
        }
    };
    log::debug!(trace = trace.as_str(); "{method} {path}: {}", response.status());
    dress(response.headers_mut(), &trace);
    response
}

fn late(limits: &Limits) -> ApiError {
    let seconds = limits.answer_within.as_secs_f32();
    let message = format!("no answer within {seconds} s; what has begun runs on, and /api/v1/turns will show it");
    ApiError::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message)
}

fn dress(headers: &mut HeaderMap, trace: &TraceId) {
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(trace.as_str()) {
        headers.insert(REQUEST_ID, id);
    }
}

fn admit<B>(door: Door, request: &Request<B>) -> Result<(), ApiError> {
    let Door::Network(address) = door else { return Ok(()) };
    let host = host_of(request)?;
    if !is_own(&host, address) {
        return Err(ApiError::new(
            StatusCode::MISDIRECTED_REQUEST,
            "wrong_host",
            format!(
                "this is not {host}: open http://{address}/ (other names are refused, because a web page could forge them)"
            ),
        ));
    }
    let acts =
        !matches!(*request.method(), Method::GET | Method::HEAD) || request.headers().contains_key(header::UPGRADE);
    if acts && !is_from_panel(request.headers(), &host) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            "wrong_origin",
            "a page of another origin may not act here: use the panel, or a program that sends no Origin",
        ));
    }
    Ok(())
}

/// The one host that the request names. A request in absolute form must name the same one twice.
fn host_of<B>(request: &Request<B>) -> Result<Authority, ApiError> {
    let wrong = || ApiError::bad_request("the request must name its host once, as in `Host: 127.0.0.1:8480`");
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return Err(wrong()) };
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok()).ok_or_else(wrong)?;
    match request.uri().authority() {
        Some(other) if *other != host => Err(wrong()),
        _ => Ok(host),
    }
}

fn is_own(host: &Authority, address: SocketAddr) -> bool {
    let name = host.host();
    let literal = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let loopback = name.eq_ignore_ascii_case("localhost") || literal.is_ok_and(|ip| ip.is_loopback());
    // A user name before the host is never sent by a client that means well.
    let bare = !host.as_str().contains('@');
    loopback && bare && host.port_u16().unwrap_or(80) == address.port()
}

fn is_from_panel(headers: &HeaderMap, host: &Authority) -> bool {
    let same_site = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let same_origin = match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => origin.to_str().is_ok_and(|origin| {
            origin.strip_prefix("http://").is_some_and(|from| from.eq_ignore_ascii_case(host.as_str()))
        }),
        (Some(_), Some(_)) => false,
    };
    same_site && same_origin
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const DOOR: Door = Door::Network(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8480));

    fn check(method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<(), u16> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        admit(DOOR, &request.body(()).unwrap()).map_err(|error| error.status.as_u16())
    }

    #[test]
    fn only_loopback_names_with_the_own_port_are_let_in() {
        for host in ["127.0.0.1:8480", "localhost:8480", "LOCALHOST:8480", "[::1]:8480", "127.9.9.9:8480"] {
            assert_eq!(check("GET", "/", &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example:8480",
            "127.0.0.1:80",
            "127.0.0.1",
            "192.0.2.1:8480",
            "me@localhost:8480",
            "localhost.evil.example:8480",
        ] {
            assert_eq!(check("GET", "/", &[("host", host)]), Err(421), "{host}");
        }
        for headers in
            [&[][..], &[("host", "")], &[("host", "localhost:8480"), ("host", "evil.example")], &[("host", "a b")]]
        {
            assert_eq!(check("GET", "/", headers), Err(400), "{headers:?}");
        }
        assert_eq!(check("GET", "http://evil.example/", &[("host", "localhost:8480")]), Err(400));
        assert_eq!(check("GET", "http://localhost:8480/", &[("host", "localhost:8480")]), Ok(()));
    }

    #[test]
    fn what_acts_must_come_from_the_panel() {
        let host = ("host", "localhost:8480");
        assert_eq!(check("POST", "/", &[host]), Ok(()), "a program without a browser");
        assert_eq!(check("POST", "/", &[host, ("origin", "http://localhost:8480")]), Ok(()));
        for origin in
            ["http://localhost:3000", "https://localhost:8480", "http://evil.example", "null", "http://127.0.0.1:8480"]
        {
            assert_eq!(check("POST", "/", &[host, ("origin", origin)]), Err(403), "{origin}");
            assert_eq!(check("DELETE", "/", &[host, ("origin", origin)]), Err(403), "{origin}");
            let upgrade = [host, ("origin", origin), ("upgrade", "websocket")];
            assert_eq!(check("GET", "/ws/events", &upgrade), Err(403), "{origin}");
            assert_eq!(
                check("GET", "/", &[host, ("origin", origin)]),
                Ok(()),
                "browsers keep the answer from the page"
            );
        }
        assert_eq!(check("POST", "/", &[host, ("sec-fetch-site", "cross-site")]), Err(403));
        assert_eq!(check("POST", "/", &[host, ("sec-fetch-site", "same-origin")]), Ok(()));
        let twice = [host, ("origin", "http://localhost:8480"), ("origin", "http://evil.example")];
        assert_eq!(check("POST", "/", &twice), Err(403));
    }
}
