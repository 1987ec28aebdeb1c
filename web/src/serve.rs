//! Accepting and serving connections.
//!
//! Owns each connection from accept to close. Promises that their number, the time for each part and what a slow client
//! may hold are bounded ([`Limits`](crate::limits::Limits)), that a client cannot end the loop, and that a stop closes everything within
//! its `drain_within`. HTTP/1.1 only: the version sniffing of HTTP/2 waits without a bound, and a browser on
//! loopback gains nothing from it. Leaves what is answered to the service that it is given.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::guard::{self, Door, Front, Routes};
use crate::listen::Listener;
use crate::stall::Impatient;

/// How long to wait after a failed accept: it is mostly for want of file descriptors, which come back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves `listener` until `stop`, then ends its connections.
pub(crate) async fn serve<S>(listener: &Listener, front: Front<S>, stop: CancellationToken)
where
    S: Routes + Clone + Send + 'static,
    S::Future: Send,
{
    let limits = front.limits.clone();
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            accepted = accept(listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, door, place)) => {
                let stream = Impatient::new(stream, limits.stalled_within);
                let work = connection(stream, door, front.clone(), stop.clone());
                connections.spawn(async move {
                    work.await;
                    drop(place);
                });
            }
            Err(error) => {
                log::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    let drain = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(limits.drain_within, drain).await.is_err() {
        log::info!("{} connections were cut off at the stop", connections.len());
        connections.shutdown().await;
    }
}

/// Either kind of connection.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Accepted = (Box<dyn Stream>, Door, tokio::sync::OwnedSemaphorePermit);

/// Waits for a free place first: a connection that is accepted is served.
async fn accept(listener: &Listener, places: &Arc<Semaphore>) -> io::Result<Accepted> {
    let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
    match listener {
        Listener::Network(listener, address) => {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok((Box::new(stream), Door::Network(*address), place))
        }
        Listener::Control(listener, _) => {
            let (stream, _) = listener.accept().await?;
            Ok((Box::new(stream), Door::Control, place))
        }
    }
}

async fn connection<S>(stream: Impatient<Box<dyn Stream>>, door: Door, front: Front<S>, stop: CancellationToken)
where
    S: Routes + Clone + Send + 'static,
    S::Future: Send,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    http.header_read_timeout(front.limits.head_within).max_buf_size(front.limits.head_bytes);
    let answer = service_fn(move |request| {
        let front = front.clone();
        async move { Ok::<_, Infallible>(guard::answer(door, front, request).await) }
    });
    let connection = http.serve_connection(TokioIo::new(stream), answer).with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        log::debug!("a connection ended: {error}");
    }
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        log::error!("a request panicked and its connection was closed: {error}");
    }
}
