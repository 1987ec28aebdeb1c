//! Links: whether the appliance is connected to the world outside.
//!
//! Owns the count of connections that stand. Whoever has one says so by holding a [`Connected`]; it is over when that is
//! dropped, however the connection ended. Leaves the connections themselves to others, and why one is down to `health`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The connections of an appliance.
#[derive(Debug, Default)]
pub struct Links {
    connected: AtomicUsize,
}

/// A connection that stands until this is dropped.
#[derive(Debug)]
pub struct Connected {
    links: Arc<Links>,
}

impl Links {
    /// Counts a connection that has just been made.
    pub fn connected(self: &Arc<Self>) -> Connected {
        self.connected.fetch_add(1, Ordering::SeqCst);
        Connected { links: Arc::clone(self) }
    }

    /// Whether any connection stands.
    pub fn any_up(&self) -> bool {
        self.connected.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.links.connected.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_up_while_any_connection_stands() {
        let links = Arc::new(Links::default());
        assert!(!links.any_up());
        let (one, other) = (links.connected(), links.connected());
        drop(one);
        assert!(links.any_up());
        drop(other);
        assert!(!links.any_up());
    }
}
