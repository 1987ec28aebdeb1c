//! A wire that can be cut: a TCP proxy.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A proxy to a broker. While it is shut, connections are closed at once; shutting it cuts those that are open.
pub(super) struct Gate {
    pub(super) port: u16,
    open: watch::Sender<bool>,
}

impl Gate {
    pub(super) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (open, opened) = watch::channel(true);
        tokio::spawn(serve(listener, SocketAddr::from(([127, 0, 0, 1], port)), opened));
        Self { port: own, open }
    }

    /// Cuts the wire, without a word of MQTT.
    pub(super) fn shut(&self) {
        self.open.send_replace(false);
    }

    pub(super) fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn serve(listener: TcpListener, broker: SocketAddr, open: watch::Receiver<bool>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let mut open = open.clone();
        if !*open.borrow_and_update() {
            continue;
        }
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(broker).await else { return };
            tokio::select! {
                // However it ends, both sides are dropped.
                _ended = copy_bidirectional(&mut near, &mut far) => {}
                _shut = open.wait_for(|open| !open) => {}
            }
        });
    }
}
