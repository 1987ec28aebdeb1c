//! Paths, methods and bodies.
//!
//! Owns which path leads to which method of [`Api`] and what a request must look like to get there. Every path says
//! which methods it takes; a body must be `application/json` (a page of another origin cannot send that without a
//! preflight, which nothing here grants), of known fields and within its bound. A path that nothing claims is 404.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, Method, StatusCode, header};
use warp::reply::{Reply, Response};
use warp::ws::Ws;

use victus_agent::tool::IdempotencyKey;
use victus_agent::tool::confirmation::Token;

use crate::api::explain::Supposition;
use crate::api::query::{self, AuditQuery, CompletionsQuery, EventsQuery, Pairs, RunsQuery, TurnsQuery};
use crate::api::{Api, Ask};
use crate::error::{self, ApiError};
use crate::guard::Visit;
use crate::limits::Limits;
use crate::{live, panel};

const READ: &str = "GET, HEAD";
const ACT: &str = "POST";

/// The header with the token by which a call is agreed to.
const CONFIRM: &str = "confirm-token";

/// The header that names a call.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The longest token that is worth looking at, in bytes.
const LONGEST_TOKEN: usize = 128;

/// What the routes lead to.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) api: Arc<Api>,
    pub(crate) limits: Arc<Limits>,
    /// The places for WebSockets.
    pub(crate) sockets: Arc<Semaphore>,
    /// Ends the WebSockets.
    pub(crate) stop: CancellationToken,
}

/// A request as warp took it apart.
struct Call<B> {
    method: Method,
    path: String,
    query: Pairs,
    headers: HeaderMap,
    visit: Visit,
    body: B,
}

/// All routes. Every request gets an answer.
pub(crate) fn routes(site: Site) -> BoxedFilter<(Response,)> {
    let sockets = site.clone();
    let live = warp::path!("ws" / "events")
        .and(warp::ws())
        .and(warp::query())
        .and(warp::ext::get())
        .map(move |ws, query, visit| open_socket(&sockets, ws, &query, &visit));
    let rest = warp::method()
        .and(warp::path::full())
        .and(warp::query::<Pairs>())
        .and(warp::header::headers_cloned())
        .and(warp::ext::get::<Visit>())
        .and(warp::body::stream())
        .then(move |method, path: warp::path::FullPath, query, headers, visit: Visit, body| {
            let site = site.clone();
            let path = path.as_str().to_owned();
            async move {
                let trace = visit.trace.clone();
                let call = Call { method, path, query, headers, visit, body };
                dispatch(&site, call).await.unwrap_or_else(|error| error.into_response(&trace))
            }
        });
    live.or(rest).unify().map(Reply::into_response).boxed()
}

fn open_socket(site: &Site, ws: Ws, query: &Pairs, visit: &Visit) -> Response {
    let after = match query::after(query) {
        Ok(after) => after,
        Err(error) => return error.into_response(&visit.trace),
    };
    let Ok(place) = site.sockets.clone().try_acquire_owned() else {
        let message = format!("all {} places for live journals are taken: close a panel", site.limits.sockets);
        return ApiError::busy(message).into_response(&visit.trace);
    };
    let (store, limits, stop) = (site.api.store().clone(), site.limits.clone(), site.stop.clone());
    ws.max_message_size(limits.message_bytes)
        .max_frame_size(limits.message_bytes)
        .max_write_buffer_size(live::WRITE_BUFFER)
        .on_upgrade(move |socket| async move {
            live::run(socket, &store, after, &limits, stop).await;
            drop(place);
        })
        .into_response()
}

async fn dispatch<B, D>(site: &Site, call: Call<B>) -> Result<Response, ApiError>
where
    B: Stream<Item = Result<D, warp::Error>>,
    D: Buf,
{
    let api = &site.api;
    let path = call.path.clone();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match segments[..] {
        ["health"] => call.read().map(|()| ok(&json!({"live": true}))),
        ["ready"] => call.read().and_then(|()| api.ready()).map(|()| ok(&json!({"ready": true}))),
        ["api", "v1", "status"] => call.read().map(|()| ok(&api.status())),
        ["api", "v1", "entities"] => call.read().map(|()| ok(&api.entities())),
        ["api", "v1", "entities", id] => call.read().and_then(|()| api.entity(id)).map(|view| ok(&view)),
        ["api", "v1", "turns"] => {
            call.takes(READ)?;
            api.turns(TurnsQuery::parse(&call.query)?).await.map(|view| ok(&view))
        }
        ["api", "v1", "turns", id] => {
            call.read()?;
            api.turn(id).await.map(|turn| ok(&turn))
        }
        ["api", "v1", "turns", id, "why"] => {
            call.read()?;
            api.why(id).await.map(|view| ok(&view))
        }
        ["api", "v1", "turns", id, "replay"] => {
            call.read()?;
            api.replay(id).await.map(|view| ok(&view))
        }
        ["api", "v1", "events"] => {
            call.takes(READ)?;
            api.events(EventsQuery::parse(&call.query)?).await.map(|view| ok(&view))
        }
        ["api", "v1", "audit"] => {
            call.takes(READ)?;
            api.audit(AuditQuery::parse(&call.query)?).await.map(|view| ok(&view))
        }
        ["api", "v1", "audit", "verify"] => {
            call.takes(READ)?;
            api.verify_audit(query::head(&call.query)?).await.map(|report| ok(&report))
        }
        ["api", "v1", "sentences"] => call.read().map(|()| ok(&api.sentences())),
        ["api", "v1", "completions"] => {
            call.takes(READ)?;
            api.completions(CompletionsQuery::parse(&call.query)?).await.map(|view| ok(&view))
        }
        ["api", "v1", "alarms"] => call.read().map(|()| ok(&api.alarms())),
        ["api", "v1", "routes"] => call.read().map(|()| ok(&api.routes())),
        ["api", "v1", "routes", "explain"] => {
            let (visit, supposition) = call.act::<Supposition>(&site.limits).await?;
            api.explain_route(&visit, supposition).map(|explained| ok(&explained))
        }
        ["api", "v1", "tools"] => call.read().map(|()| ok(&api.tools())),
        ["api", "v1", "tools", name] => {
            let (token, key) = (call.token()?, call.key()?);
            let (visit, args) = call.act::<Value>(&site.limits).await?;
            api.call(visit, name, args, (token, key)).await.map(|view| ok(&view))
        }
        ["api", "v1", "workflows"] => call.read().map(|()| ok(&api.workflows())),
        ["api", "v1", "workflows", name] => call.read().and_then(|()| api.workflow(name)).map(|view| ok(&view)),
        ["api", "v1", "workflows", name, "run"] => {
            let (token, key) = (call.token()?, call.key()?);
            let (visit, input) = call.act::<Map<String, Value>>(&site.limits).await?;
            let args = json!({"workflow": name, "input": input});
            api.call(visit, "workflow.run", args, (token, key)).await.map(|view| ok(&view))
        }
        ["api", "v1", "runs"] => {
            call.takes(READ)?;
            api.runs(RunsQuery::parse(&call.query)?).await.map(|view| ok(&view))
        }
        ["api", "v1", "runs", id] => {
            call.read()?;
            api.run(id).await.map(|run| ok(&run))
        }
        ["api", "v1", "ask"] => {
            let (visit, ask) = call.act::<Ask>(&site.limits).await?;
            api.ask(visit, ask).await.map(|turn| ok(&turn))
        }
        ["api", "v1", "listen"] => {
            call.takes(ACT)?;
            query::nothing(&call.query)?;
            api.listen().map(|()| error::json(StatusCode::ACCEPTED, &json!({"listening": true})))
        }
        ["ws", "events"] => {
            call.takes(READ)?;
            let message = "this path is a WebSocket: ask for an upgrade, version 13";
            Err(ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message))
        }
        _ => match panel::asset(&path) {
            Some(asset) => call.takes(READ).map(|()| asset.answer(&call.headers)),
            None => Err(ApiError::not_found(format!(
                "there is nothing at {path}: the panel is at /, the API under /api/v1"
            ))),
        },
    }
}

fn ok(body: &impl serde::Serialize) -> Response {
    error::json(StatusCode::OK, body)
}

impl<B, D> Call<B>
where
    B: Stream<Item = Result<D, warp::Error>>,
    D: Buf,
{
    fn takes(&self, allow: &'static str) -> Result<(), ApiError> {
        let fits = allow.split(", ").any(|method| method == self.method.as_str());
        if fits { Ok(()) } else { Err(ApiError::method_not_allowed(&self.path, allow)) }
    }

    /// The token by which this call is agreed to, where it has one.
    fn token(&self) -> Result<Option<Token>, ApiError> {
        let Some(value) = self.headers.get(CONFIRM) else { return Ok(None) };
        let token = value.to_str().ok().filter(|token| (1..=LONGEST_TOKEN).contains(&token.len()));
        let wrong = || ApiError::bad_request("the header `Confirm-Token` is no token: send the one of the refusal");
        token.map(|token| Some(Token::new(token))).ok_or_else(wrong)
    }

    /// What names this call, so that it is made once however often it is sent.
    fn key(&self) -> Result<Option<IdempotencyKey>, ApiError> {
        let mut values = self.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let key = value.to_str().ok().and_then(IdempotencyKey::parse).filter(|_| values.next().is_none());
        let wrong = || {
            let most = IdempotencyKey::LONGEST;
            ApiError::bad_request(format!(
                "the header `Idempotency-Key` must be one key of 1 to {most} visible characters"
            ))
        };
        key.map(Some).ok_or_else(wrong)
    }

    /// A request that only looks, without parameters.
    fn read(&self) -> Result<(), ApiError> {
        self.takes(READ)?;
        query::nothing(&self.query)
    }

    /// A request that acts, with a body.
    async fn act<T: DeserializeOwned>(self, limits: &Limits) -> Result<(Visit, T), ApiError> {
        self.takes(ACT)?;
        query::nothing(&self.query)?;
        if !is_json(&self.headers) {
            let message = "the body must be JSON, with the header `Content-Type: application/json`";
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
        }
        let announced = self.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if announced.is_some_and(|length: u64| length > limits.body_bytes as u64) {
            return Err(ApiError::too_large(limits.body_bytes));
        }
        let read = tokio::time::timeout(limits.body_within, collect(self.body, limits.body_bytes));
        let late = |_| {
            let message = format!("the body did not arrive within {} s", limits.body_within.as_secs_f32());
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "timeout", message)
        };
        let body = read.await.map_err(late)??;
        // Of the bodies here each is an object, and serde would take a list for one.
        if body.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|first| *first != b'{') {
            return Err(ApiError::bad_request("the body must be a JSON object, as in {\"name\": \"value\"}"));
        }
        let parsed = serde_json::from_slice(&body);
        Ok((self.visit, parsed.map_err(|error| ApiError::bad_request(format!("the body cannot be used: {error}")))?))
    }
}

async fn collect<D: Buf>(body: impl Stream<Item = Result<D, warp::Error>>, limit: usize) -> Result<Bytes, ApiError> {
    let mut body = std::pin::pin!(body);
    let mut whole = BytesMut::new();
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| ApiError::bad_request(format!("the body broke off: {error}")))?;
        if whole.len() + part.remaining() > limit {
            return Err(ApiError::too_large(limit));
        }
        whole.put(part);
    }
    Ok(whole.freeze())
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return false };
    let essence = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
