//! The synthetic people of the demo.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use victus_hw::audio::file::read_wav;

/// How long a voice may take.
const TIME: Duration = Duration::from_secs(20);

/// Something that is said to the appliance.
pub(super) struct SpokenRequest {
    /// The program that speaks.
    pub(super) voice: &'static str,
    /// The package that it comes from.
    pub(super) package: &'static str,
    /// What is said.
    pub(super) text: &'static str,
    /// What it means.
    pub(super) intent: &'static str,
}

/// What is said, by whom.
pub(super) const REQUESTS: [SpokenRequest; 4] = [
    SpokenRequest {
        voice: "espeak-ng",
        package: "espeak-ng",
        text: "please switch on the extraction fan",
        intent: "HassTurnOn",
    },
    SpokenRequest { voice: "flite", package: "flite", text: "what is the boiler pressure", intent: "HassGetState" },
    SpokenRequest {
        voice: "espeak-ng",
        package: "espeak-ng",
        text: "set a timer for five minutes",
        intent: "HassStartTimer",
    },
    SpokenRequest { voice: "flite", package: "flite", text: "turn off the extraction fan", intent: "HassTurnOff" },
];

/// Records a request in `folder`; none where its voice is not installed.
pub(super) async fn record(request: &SpokenRequest, folder: &Path) -> io::Result<Option<Vec<i16>>> {
    let file = folder.join(format!("{}.wav", request.text.replace(' ', "-")));
    let mut command = Command::new(request.voice);
    match request.voice {
        "flite" => command.args(["-voice", "slt", "-t", request.text, "-o"]).arg(&file),
        _ => command.args(["-v", "en+m3", "-s", "150", "-w"]).arg(&file).arg(request.text),
    };
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let status = match tokio::time::timeout(TIME, command.status()).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(Err(error)) => return Err(error),
        Err(_elapsed) => return Err(io::Error::other(format!("{} did not end", request.voice))),
    };
    if !status.success() {
        return Err(io::Error::other(format!("{} failed: {status}", request.voice)));
    }
    tokio::task::spawn_blocking(move || read_wav(&file))
        .await
        .map_err(io::Error::other)?
        .map(Some)
        .map_err(io::Error::other)
}
