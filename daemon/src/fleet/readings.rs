//! What the appliance says of itself: its description and its measured state.
//!
//! Owns reading the kernel's files for `about` and `health`. What cannot be read is absent, never zero. Leaves the form
//! to `payloads`.

use std::fs;
use std::path::Path;

use serde_json::Value;
use victus_agent::appliance::Appliance;
use victus_agent::event::BootId;
use victus_agent::tool::{Role, ToolSpec};

use super::command::{sha256, write_canonical};
use super::options::LinkOptions;
use super::payloads::{About, AboutTool, At, HealthReport, PAYLOAD_VERSION, Space};

/// The parts of the contract that this program speaks.
const CAPABILITIES: [&str; 5] = ["presence", "about", "health", "event", "command"];

/// The boot of this machine, as the kernel names it.
pub(crate) fn boot() -> BootId {
    BootId(line("/proc/sys/kernel/random/boot_id").unwrap_or_else(|| "unknown".to_owned()))
}

/// What the appliance is.
pub(crate) fn about(options: &LinkOptions, appliance: &Appliance) -> About {
    let identity = &appliance.identity;
    About {
        v: PAYLOAD_VERSION,
        device: options.device.clone(),
        site: options.site.clone(),
        language: identity.language.clone(),
        version: identity.version.clone(),
        simulated: identity.simulated,
        model: model(),
        kernel: line("/proc/sys/kernel/osrelease").unwrap_or_else(|| "unknown".to_owned()),
        arch: std::env::consts::ARCH.to_owned(),
        capabilities: CAPABILITIES.to_vec(),
        tools: appliance.tools.specs().map(|spec| tool(spec, &options.tools)).collect(),
        entities: appliance.entities.all().iter().filter_map(|entity| serde_json::to_value(entity).ok()).collect(),
        entities_left_out: 0,
    }
}

fn tool(spec: &ToolSpec, listed: &[String]) -> AboutTool {
    let mut schema = String::new();
    write_canonical(&spec.input, &mut schema);
    AboutTool {
        name: spec.name.to_owned(),
        description: spec.description.to_owned(),
        risk: spec.risk,
        role: spec.role,
        allowed: spec.role <= Role::Operator || listed.iter().any(|name| name == spec.name),
        schema: format!("sha256:{}", sha256(schema.as_bytes())),
    }
}

/// How the appliance is. `unsent` is how far the link is behind the journal.
pub(crate) fn health(options: &LinkOptions, appliance: &Appliance, unsent: u64) -> HealthReport {
    HealthReport {
        v: PAYLOAD_VERSION,
        overall: value(&appliance.health.overall()),
        loops: value(&appliance.health.snapshot()),
        store: value(&appliance.store.status()),
        audit: appliance.store.audit().head(),
        at: At::now(&*appliance.clock),
        load: load(),
        temperature_c: temperature(),
        memory_bytes: memory(),
        disk: options.state.as_deref().and_then(disk),
        unsent,
    }
}

/// What must be told at once when it changes: states of the loops and of the store, and trust in the clock. Numbers that
/// always move are not in it.
pub(crate) fn alarming(appliance: &Appliance) -> Value {
    let mut store = value(&appliance.store.status());
    if let Some(fields) = store.as_object_mut() {
        fields.retain(|_, value| !value.is_number() && !value.is_object());
    }
    serde_json::json!({
        "overall": value(&appliance.health.overall()),
        "loops": value(&appliance.health.snapshot()),
        "store": store,
        "clock": value(&appliance.clock.wall().trust),
    })
}

fn value<T: serde::Serialize>(of: &T) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}

/// The first line of a file, without what ends it. Files of the kernel are short; what is longer is cut.
fn line(path: &str) -> Option<String> {
    let text = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&text);
    let line: String = text.lines().next()?.trim_end_matches('\0').trim().chars().take(200).collect();
    (!line.is_empty()).then_some(line)
}

fn model() -> String {
    line("/sys/firmware/devicetree/base/model")
        .or_else(|| line("/sys/devices/virtual/dmi/id/product_name"))
        .unwrap_or_else(|| "unknown".to_owned())
}

fn load() -> Option<[f64; 3]> {
    let line = line("/proc/loadavg")?;
    let mut numbers = line.split_whitespace().map_while(|word| word.parse::<f64>().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

fn temperature() -> Option<f64> {
    let millidegrees: i32 = line("/sys/class/thermal/thermal_zone0/temp")?.parse().ok()?;
    Some(f64::from(millidegrees) / 1000.0)
}

fn memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = resident.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

fn disk(folder: &Path) -> Option<Space> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let block = found.f_frsize;
    Some(Space { free: found.f_bavail.saturating_mul(block), total: found.f_blocks.saturating_mul(block) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_read() {
        assert_ne!(boot(), BootId("unknown".into()));
        assert!(load().unwrap()[0] >= 0.0);
        assert!(memory().unwrap() > 1 << 20);
        let space = disk(Path::new("/")).unwrap();
        assert!(space.total > 0 && space.free <= space.total);
        assert!(!model().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        assert_eq!(line("/nowhere/at/all"), None);
        assert_eq!(disk(Path::new("/nowhere/at/all")), None);
    }
}
