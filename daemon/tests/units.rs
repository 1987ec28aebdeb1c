//! The systemd units: what they must say, what they must not, and what systemd itself thinks of them.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "the whole file is a test: a panic is how it fails")]

use std::path::{Path, PathBuf};
use std::process::Command;

const UNITS: [&str; 2] = ["victusd.service", "victus-safe.service"];

/// The highest exposure in tenths that `systemd-analyze security` may give. What is left is needed: the network, devices,
/// real-time threads, groups, and a file system that is not the service's own.
const MOST_EXPOSURE: [(&str, u32); 2] = [("victusd.service", 23), ("victus-safe.service", 12)];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../systemd")
}

fn settings(unit: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder().join(unit)).unwrap();
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect()
}

/// The units in a folder of their own with a program that exists, as `systemd-analyze` asks for one.
fn checkable() -> tempfile::TempDir {
    let copies = tempfile::TempDir::new().unwrap();
    for unit in UNITS {
        let lines = settings(unit).into_iter().map(|line| match line.starts_with("ExecStart=") {
            true => "ExecStart=/bin/true\n".to_owned(),
            false => line + "\n",
        });
        std::fs::write(copies.path().join(unit), lines.collect::<String>()).unwrap();
    }
    copies
}

/// Runs systemd-analyze, or says why not.
fn analyze(arguments: &[&str], units: &[PathBuf]) -> Option<(bool, String)> {
    match Command::new("systemd-analyze").args(arguments).args(units).output() {
        Ok(output) => {
            let text = [output.stdout, output.stderr].concat();
            Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
        }
        Err(error) => {
            assert!(std::env::var_os("VICTUS_REQUIRE_SHARED").is_none(), "systemd-analyze: {error}");
            println!("skipped: systemd-analyze is not here: {error}");
            None
        }
    }
}

#[test]
fn systemd_understands_every_setting() {
    let copies = checkable();
    let units = UNITS.map(|unit| copies.path().join(unit));
    let Some((success, text)) = analyze(&["verify", "--man=no"], &units) else { return };
    let of_a_newer_systemd = |line: &&str| ["RestartSteps", "RestartMaxDelaySec"].iter().any(|key| line.contains(key));
    // Units of the machine itself may be at fault too; they are not ours to mend.
    let ours = |line: &&str| UNITS.iter().any(|unit| line.contains(unit)) && !of_a_newer_systemd(line);
    let faults: Vec<&str> = text.lines().filter(ours).collect();
    assert!(success && faults.is_empty(), "{text}");
}

#[test]
fn the_exposure_stays_low() {
    let copies = checkable();
    for (unit, most) in MOST_EXPOSURE {
        let threshold = format!("--threshold={most}");
        let arguments = ["security", "--offline=yes", "--no-pager", &threshold];
        let Some((success, text)) = analyze(&arguments, &[copies.path().join(unit)]) else { return };
        assert!(text.contains("Overall exposure level"), "{text}");
        assert!(success, "{text}");
    }
}

#[test]
fn nothing_hides_the_devices_and_nothing_holds_up_the_start() {
    for unit in UNITS {
        let settings = settings(unit);
        let has = |wanted: &str| settings.iter().any(|line| line == wanted);
        let sets = |key: &str| settings.iter().any(|line| line.starts_with(&format!("{key}=")));
        // Both imply a device list that hides sound, lines and serial ports.
        assert!(!sets("ProtectClock") && !sets("PrivateDevices"), "{unit}");
        assert!(has("DevicePolicy=closed") && has("DeviceAllow=char-gpiochip rw"), "{unit}");
        assert!(!settings.iter().any(|line| line.contains("/dev/mem")), "{unit}");
        // It starts offline, before the clock is right, and whatever else fails.
        assert!(!["Requires", "BindsTo", "Requisite", "PartOf"].iter().any(|key| sets(key)), "{unit}");
        assert!(
            !settings.iter().any(|line| line.contains("time-sync.target") || line.contains("online.target")),
            "{unit}"
        );
        assert!(has("Restart=always") && has("StartLimitIntervalSec=0"), "{unit}");
        // The folder of the sockets belongs to both units, so the end of one must not remove it.
        assert!(has("RuntimeDirectory=victus") && has("RuntimeDirectoryPreserve=yes"), "{unit}");
    }
    let daemon = settings("victusd.service");
    let has = |wanted: &str| daemon.iter().any(|line| line == wanted);
    assert!(has("Type=notify") && has("NotifyAccess=main") && has("WatchdogSec=30"));
    assert!(
        !daemon.iter().any(|line| line.starts_with("RestrictRealtime=")),
        "audio threads ask for real-time priority"
    );
}

#[test]
fn every_user_and_group_of_a_unit_is_made() {
    let made = std::fs::read_to_string(folder().join("victus.sysusers")).unwrap();
    let made: Vec<&str> =
        made.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_whitespace().nth(1)).collect();
    for unit in UNITS {
        for line in settings(unit) {
            let Some((key, names)) = line.split_once('=') else { continue };
            if ["User", "Group", "SupplementaryGroups"].contains(&key) {
                for name in names.split_whitespace() {
                    assert!(made.contains(&name), "{unit} needs {name}, which victus.sysusers does not make");
                }
            }
        }
    }
}
