//! An open port: one request and its answer at a time.
//!
//! Owns the device and the line discipline: terminator, bounded lines, timeouts, silence after a timeout. An open port
//! is exclusive (`TIOCEXCL` and `flock`). Reading zero bytes means that the device was unplugged.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_serial::{ErrorKind, SerialPortBuilderExt, SerialStream};

use super::{PortConfig, SerialError, WRITE_SETTLE};

/// Bytes read from the device at once.
const CHUNK: usize = 256;

/// An open port.
#[derive(Debug)]
pub(super) struct OpenPort {
    stream: SerialStream,
    path: String,
    terminator: Vec<u8>,
    timeout: Duration,
    longest_line: usize,
    pending: Vec<u8>,
    /// Whether the rest of a line that was too long is still to be dropped.
    skipping: bool,
    /// Bytes dropped since the count was last taken.
    pub(super) dropped_bytes: u64,
}

impl OpenPort {
    /// Opens the device for this program alone.
    pub(super) fn open(config: &PortConfig) -> Result<Self, SerialError> {
        let path = config.path.display().to_string();
        let stream = tokio_serial::new(path.as_str(), config.baud)
            .open_native_async()
            .map_err(|error| open_error(&path, &config.path, &error))?;
        Ok(Self {
            stream,
            path,
            terminator: config.terminator.as_bytes().to_vec(),
            timeout: config.timeout,
            longest_line: config.longest_line,
            pending: Vec::new(),
            skipping: false,
            dropped_bytes: 0,
        })
    }

    /// Writes a line and gives the instrument a moment to say something about it, which is dropped.
    pub(super) async fn tell(&mut self, line: &str) -> Result<(), SerialError> {
        self.send(line).await?;
        match timeout(WRITE_SETTLE.min(self.timeout), self.line()).await {
            Ok(Ok(answer)) => {
                log::debug!(port = self.path.as_str(); "answered `{line}` with {} bytes", answer.len());
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// Writes a request and waits for its answer.
    pub(super) async fn ask(&mut self, request: &str) -> Result<String, SerialError> {
        self.send(request).await?;
        match timeout(self.timeout, self.line()).await {
            Ok(Ok(answer)) => String::from_utf8(answer)
                .ok()
                .filter(|text| text.bytes().all(|byte| !byte.is_ascii_control() || byte == b'\t' || byte == b'\r'))
                .ok_or_else(|| SerialError::Garbled { path: self.path.clone(), request: request.to_owned() }),
            Ok(Err(error)) => Err(error),
            Err(_) => {
                let partial = match self.pending.len() {
                    _ if self.skipping => ", only a line that never ended".to_owned(),
                    0 => String::new(),
                    count => format!(", only {count} bytes without an end"),
                };
                self.wait_for_silence().await?;
                let (path, request) = (self.path.clone(), request.to_owned());
                Err(SerialError::NoAnswer { path, request, timeout: self.timeout, partial })
            }
        }
    }

    async fn send(&mut self, line: &str) -> Result<(), SerialError> {
        self.drop_unasked()?;
        let bytes = [line.as_bytes(), &self.terminator].concat();
        // Not flushed: draining a serial port blocks the thread, and the answer shows that the bytes have left.
        match timeout(self.timeout, self.stream.write_all(&bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.io_error(&error)),
            Err(_) => Err(self.failed("the device takes no more bytes")),
        }
    }

    /// Drops what arrived without having been asked for.
    fn drop_unasked(&mut self) -> Result<(), SerialError> {
        self.forget_pending();
        let mut chunk = [0; CHUNK];
        // Bounded, for a device that never stops talking.
        for _ in 0..64 {
            match self.stream.try_read(&mut chunk) {
                Ok(0) => return Err(self.unplugged()),
                Ok(count) => self.count_dropped(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(self.io_error(&error)),
            }
        }
        Ok(())
    }

    /// Listens until nothing comes for as long as an answer may take, at most three times as long.
    async fn wait_for_silence(&mut self) -> Result<(), SerialError> {
        self.forget_pending();
        let quiet = self.timeout;
        // The bound is reached only by a device that never stops talking; what it says is dropped before each request.
        let listened = timeout(quiet.saturating_mul(3), async {
            let mut chunk = [0; CHUNK];
            while let Ok(read) = timeout(quiet, self.stream.read(&mut chunk)).await {
                let count = read.map_err(|error| self.io_error(&error))?;
                if count == 0 {
                    return Err(self.unplugged());
                }
                self.count_dropped(count);
            }
            Ok(())
        })
        .await;
        listened.unwrap_or(Ok(()))
    }

    /// The next whole line that is not too long.
    async fn line(&mut self) -> Result<Vec<u8>, SerialError> {
        let mut chunk = [0; CHUNK];
        loop {
            while let Some(line) = self.cut_line() {
                if std::mem::take(&mut self.skipping) || line.len() > self.longest_line {
                    self.count_dropped(line.len());
                } else {
                    return Ok(line);
                }
            }
            if self.pending.len() > self.longest_line {
                self.skipping = true;
                // The last bytes may be the first half of a terminator.
                let keep = self.terminator.len().saturating_sub(1).min(self.pending.len());
                let dropped = self.pending.len() - keep;
                self.pending.drain(..dropped);
                self.count_dropped(dropped);
            }
            let count = self.stream.read(&mut chunk).await.map_err(|error| self.io_error(&error))?;
            if count == 0 {
                return Err(self.unplugged());
            }
            self.pending.extend(chunk.iter().take(count));
        }
    }

    /// Takes a whole line out of what has arrived.
    fn cut_line(&mut self) -> Option<Vec<u8>> {
        let end =
            self.pending.windows(self.terminator.len()).position(|window| window == self.terminator.as_slice())?;
        let mut line: Vec<u8> = self.pending.drain(..end + self.terminator.len()).collect();
        line.truncate(end);
        Some(line)
    }

    fn forget_pending(&mut self) {
        self.count_dropped(self.pending.len());
        self.pending.clear();
        self.skipping = false;
    }

    fn count_dropped(&mut self, count: usize) {
        self.dropped_bytes = self.dropped_bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }

    fn unplugged(&self) -> SerialError {
        SerialError::Unplugged { path: self.path.clone() }
    }

    fn failed(&self, reason: &str) -> SerialError {
        SerialError::Failed { path: self.path.clone(), reason: reason.to_owned() }
    }

    fn io_error(&self, error: &io::Error) -> SerialError {
        // A terminal whose other end is gone answers EIO, a USB adapter ENODEV or ENXIO.
        match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::IO | rustix::io::Errno::NODEV | rustix::io::Errno::NXIO) => self.unplugged(),
            _ => self.failed(&error.to_string()),
        }
    }
}

fn open_error(path: &str, device: &std::path::Path, error: &tokio_serial::Error) -> SerialError {
    let path = path.to_owned();
    match error.kind() {
        // The library has one kind for a port that is held and one that has gone; only one of them exists.
        ErrorKind::NoDevice if device.exists() => SerialError::Busy { path },
        ErrorKind::NoDevice | ErrorKind::Io(io::ErrorKind::NotFound) => SerialError::Missing { path },
        ErrorKind::Io(io::ErrorKind::PermissionDenied) => SerialError::Permission { path },
        _ => SerialError::Failed { path, reason: error.to_string() },
    }
}
