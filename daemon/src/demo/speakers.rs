//! The synthetic people of the demo.

use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use victus_hw::audio::file::read_wav;

/// How long a voice may take.
const TIME: Duration = Duration::from_secs(20);

/// The program that speaks, and the package that it comes from. Its voices are recordings of people put together: one made
/// of formants alone is so unlike the speech that the recogniser's model has heard that the appliance would rather ask.
pub(super) const PROGRAM: &str = "flite";

/// Something that is said to the appliance.
pub(super) struct SpokenRequest {
    /// Whose voice it is.
    pub(super) voice: &'static str,
    /// What is said.
    pub(super) text: &'static str,
    /// What it means.
    pub(super) intent: &'static str,
}

/// What is said, by whom.
pub(super) const REQUESTS: [SpokenRequest; 4] = [
    SpokenRequest { voice: "awb", text: "please switch on the extraction fan", intent: "HassTurnOn" },
    SpokenRequest { voice: "slt", text: "what is the boiler pressure", intent: "HassGetState" },
    SpokenRequest { voice: "kal", text: "set a timer for five minutes", intent: "HassStartTimer" },
    SpokenRequest { voice: "slt", text: "turn off the extraction fan", intent: "HassTurnOff" },
];

/// Records a request in `folder`; none where the program is not installed.
pub(super) async fn record(request: &SpokenRequest, folder: &Path) -> io::Result<Option<Vec<i16>>> {
    let file = folder.join(format!("{}.wav", request.text.replace(' ', "-")));
    let mut command = Command::new(PROGRAM);
    command.args(["-voice", request.voice, "-t", request.text, "-o"]).arg(&file);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let status = match tokio::time::timeout(TIME, command.status()).await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(Err(error)) => return Err(error),
        Err(_elapsed) => return Err(io::Error::other(format!("{PROGRAM} did not end"))),
    };
    if !status.success() {
        return Err(io::Error::other(format!("{PROGRAM} failed: {status}")));
    }
    tokio::task::spawn_blocking(move || read_wav(&file))
        .await
        .map_err(io::Error::other)?
        .map(Some)
        .map_err(io::Error::other)
}
