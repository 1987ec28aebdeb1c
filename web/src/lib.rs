//! The HTTP API, the WebSockets and the panel of a Victus appliance.
//!
//! Each handler calls the tool runtime or reads the journal; nothing here switches a line or keeps state of its own.
//! [`Web`] is the whole: doors opened once ([`listen`]), then served until a stop, and again after a crash.
//!
//! A request passes `serve` (connections and their bounds), `guard` (who is let in, ids, time limits, security headers),
//! `routes` (paths, methods, bodies) and `api` (what is done); `live` is the journal over a WebSocket, `panel` the
//! embedded files. Until there are accounts, TCP is opened on loopback alone and acts as [`Caller::panel`]; the control
//! socket acts as [`Caller::cli`].
//!
//! [`Caller::panel`]: victus_agent::tool::Caller::panel
//! [`Caller::cli`]: victus_agent::tool::Caller::cli

mod api;
mod error;
mod guard;
mod limits;
pub mod listen;
mod live;
mod panel;
mod routes;
mod serve;
mod stall;

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use hyper_util::service::TowerToHyperService;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use victus_agent::appliance::Appliance;

pub use error::ApiError;
pub use limits::Limits;
use listen::Listener;

/// Push to talk: what starts the voice loop listening.
pub trait Microphone: Send + Sync {
    /// Begins to listen for one request.
    ///
    /// # Errors
    /// Why it cannot, as a sentence.
    fn listen(&self) -> Result<(), String>;
}

/// The web of one appliance.
pub struct Web {
    appliance: Arc<Appliance>,
    microphone: Option<Arc<dyn Microphone>>,
    limits: Arc<Limits>,
    listeners: Vec<Listener>,
}

impl Web {
    /// The web of `appliance` behind these doors. Without a microphone the panel offers no push to talk.
    pub fn new(
        appliance: Arc<Appliance>,
        microphone: Option<Arc<dyn Microphone>>,
        limits: Limits,
        listeners: Vec<Listener>,
    ) -> Self {
        Self { appliance, microphone, limits: Arc::new(limits), listeners }
    }

    /// The TCP addresses that are open.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.listeners.iter().filter_map(Listener::address)
    }

    /// Serves all doors until `stop`, then ends what is open within [`Limits::drain_within`]. May be called again: the
    /// doors stay open, and who knocks meanwhile waits.
    pub async fn run(&self, stop: CancellationToken) {
        // Of its own, so that a run that is dropped takes its sockets along.
        let stop = stop.child_token();
        let _ended = stop.clone().drop_guard();
        let api = api::Api::new(self.appliance.clone(), self.microphone.clone(), self.limits.actions);
        let sockets = Arc::new(Semaphore::new(self.limits.sockets));
        let site = routes::Site {
            api: Arc::new(api),
            limits: self.limits.clone(),
            sockets: sockets.clone(),
            stop: stop.clone(),
        };
        let orchestrator = self.appliance.orchestrator.clone();
        let front = guard::Front {
            limits: self.limits.clone(),
            ids: Arc::new(move || orchestrator.new_trace()),
            service: TowerToHyperService::new(warp::service(routes::routes(site))),
        };
        let doors = join_all(self.listeners.iter().map(|door| serve::serve(door, front.clone(), stop.clone())));
        tokio::join!(doors, self.close(&sockets, &stop));
    }

    /// Waits for the stop, and then for the live journals to say goodbye.
    async fn close(&self, sockets: &Semaphore, stop: &CancellationToken) {
        stop.cancelled().await;
        let places = u32::try_from(self.limits.sockets).unwrap_or(u32::MAX);
        if tokio::time::timeout(self.limits.drain_within, sockets.acquire_many(places)).await.is_err() {
            log::info!("some live journals were cut off at the stop");
        }
    }
}
