//! What the whole-appliance tests stand on: real programs started and ended, a real broker, and the test data.
//!
//! Owns the processes that a test starts, each with its own temporary folder and loopback port, ended with the test; and
//! the rule for what cannot run here: it says `skipped: why`, and with `VICTUS_REQUIRE_SHARED=1` it fails.

pub mod broker;
pub mod browser;
pub mod daemon;
pub mod subscriber;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a test waits for anything before it fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often a condition is looked at.
const POLL: Duration = Duration::from_millis(20);

/// A folder or file of the shared test data; none, and said so, where it is absent.
///
/// The data is found in `VICTUS_SHARED`, else beside the repository.
///
/// # Panics
/// It is absent and `VICTUS_REQUIRE_SHARED` is set.
pub fn shared(path: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let root = std::env::var_os("VICTUS_SHARED").map_or(beside, PathBuf::from);
    let wanted = root.join(path);
    if wanted.exists() {
        return Some(wanted);
    }
    skip(&format!("the shared test data has no {path} here"));
    None
}

/// Says that a test can't run here.
///
/// # Panics
/// `VICTUS_REQUIRE_SHARED` is set.
pub fn skip(why: &str) {
    assert!(std::env::var_os("VICTUS_REQUIRE_SHARED").is_none(), "required and not there: {why}");
    println!("skipped: {why}");
}

/// A program of this workspace, built beside the tests.
///
/// # Panics
/// It has not been built.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps");
    let program = folder.join(name);
    assert!(program.exists(), "{} is missing: run `cargo build --workspace --bins` first", program.display());
    program
}

/// The first of these programs that is installed.
pub fn installed(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect();
    names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|program| program.is_file()))
}

/// Waits until `probe` gives something.
///
/// # Panics
/// It gives nothing for [`PATIENCE`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited {} s for {what}", PATIENCE.as_secs());
        tokio::time::sleep(POLL).await;
    }
}

/// A loopback port that nobody used a moment ago.
///
/// # Panics
/// There is none.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound port").port()
}
