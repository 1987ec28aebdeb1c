//! The doors of the web: TCP ports on loopback, and the control socket.
//!
//! Owns binding them. Promises that no port outside loopback is opened (there is no authentication yet), that a control
//! socket is never reachable with wider rights than it ends up with, that a socket file is replaced only if nobody
//! answers on it, and that it is removed at the end. Leaves accepting and serving to `serve`.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::{TcpListener, UnixListener, UnixStream};

/// The group whose members may use the control socket.
pub const CONTROL_GROUP: &str = "victus";

/// Why a door could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is reachable from outside.
    #[error(
        "[web] listen = \"{0}\": refused, because anyone on the network could switch lines: the panel has no login yet. \
         Use 127.0.0.1 and reach it from elsewhere with `ssh -L {port}:127.0.0.1:{port}`", port = .0.port()
    )]
    NotLoopback(SocketAddr),
    /// Somebody else has the port.
    #[error(
        "port {port} of {ip} is in use by another program, perhaps another victusd: `ss -ltnp 'sport = :{port}'` names it. \
         Stop it, or choose another port in [web] listen", port = .0.port(), ip = .0.ip()
    )]
    PortBusy(SocketAddr),
    /// The port could not be opened for another reason.
    #[error("cannot listen on {address}: {source}. Choose another address or port in [web] listen")]
    Port {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A running daemon answers on the control socket.
    #[error(
        "another victusd answers on the control socket {}: stop it first, or give this one its own --state folder", .0.display()
    )]
    SocketBusy(PathBuf),
    /// Something that is not a socket is in the way.
    #[error("{} is in the way of the control socket and is not a socket: move it away", .0.display())]
    NotASocket(PathBuf),
    /// The control socket could not be made.
    #[error("cannot make the control socket {}: {source}. Its folder must exist and be writable", .path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An open door.
#[derive(Debug)]
pub enum Listener {
    /// A TCP port on loopback.
    Network(TcpListener, SocketAddr),
    /// The control socket.
    Control(UnixListener, ControlSocket),
}

/// The file of a control socket. Removed when this is dropped, unless another has taken its place.
#[derive(Debug)]
pub struct ControlSocket {
    path: PathBuf,
    identity: (u64, u64),
}

impl Listener {
    /// Opens a TCP port. Port 0 takes a free one.
    ///
    /// # Errors
    /// If the address is not on loopback, or the port is in use or not permitted.
    pub async fn network(address: SocketAddr) -> Result<Self, ListenError> {
        if !address.ip().is_loopback() {
            return Err(ListenError::NotLoopback(address));
        }
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::PortBusy(address),
            _ => ListenError::Port { address, source },
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        Ok(Self::Network(listener, bound))
    }

    /// Makes the control socket at `path`: for the group [`CONTROL_GROUP`] where it exists and may be given (mode 0660),
    /// else for the own user alone (mode 0600).
    ///
    /// # Errors
    /// If a running daemon answers on it, something else is in the way, or the folder is missing or not writable.
    pub async fn control(path: &Path) -> Result<Self, ListenError> {
        refuse_if_taken(path).await?;
        let failed = |source: io::Error| ListenError::Socket { path: path.to_owned(), source };
        // Made beside its place and moved there with its rights set, so that nobody can connect before.
        let name = path.file_name().ok_or_else(|| failed(io::Error::other("the path names no file")))?;
        let fresh = path.with_file_name(format!(".{}.{}", name.to_string_lossy(), std::process::id()));
        remove_if_there(&fresh).map_err(failed)?;
        let listener = UnixListener::bind(&fresh).map_err(failed)?;
        let placed = restrict(&fresh).and_then(|()| std::fs::rename(&fresh, path)).and_then(|()| identity(path));
        match placed {
            Ok(identity) => Ok(Self::Control(listener, ControlSocket { path: path.to_owned(), identity })),
            Err(source) => {
                let _best_effort = remove_if_there(&fresh);
                Err(failed(source))
            }
        }
    }

    /// The TCP address that is bound, where it is one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Network(_, address) => Some(*address),
            Self::Control(..) => None,
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|found| found == self.identity)
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            log::warn!("the control socket {} could not be removed: {error}", self.path.display());
        }
    }
}

async fn refuse_if_taken(path: &Path) -> Result<(), ListenError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(ListenError::Socket { path: path.to_owned(), source }),
        Ok(found) if !found.file_type().is_socket() => return Err(ListenError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(ListenError::Socket { path: path.to_owned(), source }),
        Ok(_) => Err(ListenError::SocketBusy(path.to_owned())),
    }
}

fn restrict(path: &Path) -> io::Result<()> {
    let group = std::fs::read_to_string("/etc/group").ok().and_then(|groups| group_id(&groups, CONTROL_GROUP));
    let given = group.is_some_and(|group| match std::os::unix::fs::chown(path, None, Some(group)) {
        Ok(()) => true,
        Err(error) => {
            log::warn!("the control socket is for this user alone: group {CONTROL_GROUP} could not be given: {error}");
            false
        }
    });
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(if given { 0o660 } else { 0o600 }))
}

/// The id of the group `name` in a file of the form of `/etc/group`.
fn group_id(groups: &str, name: &str) -> Option<u32> {
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    })
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    std::fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_loopback_is_opened() {
        for address in ["0.0.0.0:0", "192.0.2.1:8480", "[::]:0"] {
            let refused = Listener::network(address.parse().unwrap()).await.unwrap_err();
            assert!(matches!(refused, ListenError::NotLoopback(_)), "{refused}");
            assert!(refused.to_string().contains("no login yet"), "{refused}");
        }
        let open = Listener::network("127.0.0.1:0".parse().unwrap()).await.unwrap();
        assert!(open.address().unwrap().port() > 0);
    }

    #[tokio::test]
    async fn a_busy_port_says_whom_to_look_for_and_what_to_do() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let busy = Listener::network(taken.local_addr().unwrap()).await.unwrap_err().to_string();
        assert_eq!(
            busy,
            format!(
                "port {port} of 127.0.0.1 is in use by another program, perhaps another victusd: \
                 `ss -ltnp 'sport = :{port}'` names it. Stop it, or choose another port in [web] listen"
            )
        );
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "closing a socket leaves its file");

        let living = Listener::control(&path).await.unwrap();
        let refused = Listener::control(&path).await.unwrap_err();
        assert!(matches!(refused, ListenError::SocketBusy(_)), "{refused}");
        let rights = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(rights & 0o007, 0, "nobody else may connect: {rights:o}");
        drop(living);
        assert!(!path.exists(), "the file goes with its listener");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left beside it");
    }

    #[tokio::test]
    async fn what_is_not_a_socket_stays_and_a_missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        std::fs::write(&path, "notes").unwrap();
        assert!(matches!(Listener::control(&path).await, Err(ListenError::NotASocket(_))));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "notes");
        let nowhere = folder.path().join("missing/control.sock");
        let error = Listener::control(&nowhere).await.unwrap_err().to_string();
        assert!(error.contains("missing/control.sock") && error.contains("must exist"), "{error}");
    }

    #[tokio::test]
    async fn a_listener_leaves_the_file_of_its_successor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("control.sock");
        let first = Listener::control(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = Listener::control(&path).await.unwrap();
        drop(first);
        assert!(path.exists());
        drop(second);
    }

    #[test]
    fn a_group_is_found_by_its_whole_name() {
        let groups = "root:x:0:\nvictus-x:x:7:\nvictus:x:991:kim,lee\nbroken\n";
        assert_eq!(group_id(groups, "victus"), Some(991));
        assert_eq!(group_id(groups, "vic"), None);
        assert_eq!(group_id("victus:x:many:", "victus"), None);
    }
}
