//! The one form of an error.
//!
//! Owns what a caller reads when a request is not done:
//!
//! ```json
//! {"error":{"code":"not_found","message":"there is no entity fan.attic; ...","trace_id":"4bf92f35..."}}
//! ```
//!
//! `code` is for programs and stays the same; `message` is a sentence for people: what, where, what to do; `trace_id` is
//! also the `X-Request-Id` of the answer and stands in the log. The refusal of a tool may have `facts`, of which its sentence
//! is made: for `confirmation_required` the `token` to agree by.

use serde::Serialize;
use serde_json::Value;
use victus_agent::event::TraceId;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::Response;

/// Why a request is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// One word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// The methods that would be right, with 405.
    pub allow: Option<&'static str>,
    /// What the message is made of; null where it is made of nothing.
    pub facts: Value,
}

impl ApiError {
    /// An error of any status.
    pub fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), allow: None, facts: Value::Null }
    }

    /// 400: the request has not the right form.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 404: there is no such thing.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 405: the path takes other methods.
    pub fn method_not_allowed(path: &str, allow: &'static str) -> Self {
        let message = format!("{path} takes {allow}");
        Self { allow: Some(allow), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message) }
    }

    /// 413: the body is too large.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("the body is larger than {limit} bytes: send less");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
    }

    /// 503: all places are taken.
    pub fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message)
    }

    /// 500: the appliance could not do its part.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }

    /// The answer that says so.
    pub fn into_response(self, trace: &TraceId) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            error: Inner<'a>,
        }
        #[derive(Serialize)]
        struct Inner<'a> {
            code: &'a str,
            message: &'a str,
            trace_id: &'a TraceId,
            #[serde(skip_serializing_if = "Value::is_null")]
            facts: &'a Value,
        }
        let body =
            Body { error: Inner { code: &self.code, message: &self.message, trace_id: trace, facts: &self.facts } };
        let mut response = json(self.status, &body);
        if let Some(allow) = self.allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let bytes = serde_json::to_vec(body).unwrap_or_else(|error| {
        log::error!("an answer could not be written as JSON: {error}");
        b"{\"error\":{\"code\":\"internal\",\"message\":\"the answer could not be written\"}}".to_vec()
    });
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
