//! Tests of the line backends, by the simulated one and by what this machine has.

use super::*;

fn simulated() -> (tempfile::TempDir, SimulatedGpio) {
    let directory = tempfile::tempdir().unwrap();
    let gpio = SimulatedGpio::open(directory.path()).unwrap();
    gpio.add_line(&"GPIO17".into(), Level::Low).unwrap();
    gpio.add_line(&"GPIO27".into(), Level::High).unwrap();
    (directory, gpio)
}

#[test]
fn a_level_is_on_by_active_low() {
    for (on, active_low, level) in
        [(true, false, Level::High), (false, false, Level::Low), (true, true, Level::Low), (false, true, Level::High)]
    {
        assert_eq!(Level::of(on, active_low), level);
        assert_eq!(level.is_on(active_low), on);
    }
}

#[test]
fn a_line_is_named_or_given_by_chip_and_offset() {
    let name: LineReference = serde_json::from_str("\"GPIO17\"").unwrap();
    assert_eq!(name, "GPIO17".into());
    let offset: LineReference = serde_json::from_str(r#"{"chip":"tegra234-gpio","offset":43}"#).unwrap();
    assert_eq!(offset.to_string(), "tegra234-gpio:43");
    let error = serde_json::from_str::<LineReference>("17").unwrap_err().to_string();
    assert!(error.contains("a line name such as \"GPIO17\""), "{error}");
}

#[test]
fn an_output_has_its_first_level_and_goes_back_to_its_pull() {
    let (_directory, gpio) = simulated();
    let line = "GPIO17".into();
    assert_eq!(gpio.level(&line).unwrap(), Level::Low);
    let mut held = gpio.request_output(&line, Level::High).unwrap();
    assert_eq!(gpio.level(&line).unwrap(), Level::High);
    assert!(gpio.holder(&line).unwrap().unwrap().starts_with("output "));
    held.set(Level::Low).unwrap();
    assert_eq!(held.read_back().unwrap(), Level::Low);
    held.set(Level::High).unwrap();
    drop(held);
    assert_eq!(gpio.level(&line).unwrap(), Level::Low);
    assert_eq!(gpio.level(&"GPIO27".into()).unwrap(), Level::High);
    assert_eq!(gpio.holder(&line).unwrap(), None);
}

#[test]
fn an_input_follows_what_drives_it_and_its_bias_when_nothing_does() {
    let (_directory, gpio) = simulated();
    let line = "GPIO17".into();
    let held = gpio.request_input(&line, Bias::PullUp).unwrap();
    assert_eq!(held.read().unwrap(), Level::High);
    gpio.drive(&line, Some(Level::Low)).unwrap();
    assert_eq!(held.read().unwrap(), Level::Low);
    gpio.drive(&line, Some(Level::High)).unwrap();
    assert_eq!(held.read().unwrap(), Level::High);
    gpio.drive(&line, None).unwrap();
    drop(held);
    assert_eq!(gpio.request_input(&line, Bias::AsIs).unwrap().read().unwrap(), Level::Low);
}

#[test]
fn a_busy_line_says_who_holds_it_and_where_to_look() {
    let (_directory, gpio) = simulated();
    let line = "GPIO17".into();
    let _held = gpio.request_output(&line, Level::Low).unwrap();
    let error = gpio.clone().request_input(&line, Bias::AsIs).unwrap_err();
    assert!(matches!(error, GpioError::Busy { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&std::process::id().to_string()) && text.contains("gpioinfo"), "{text}");
}

#[test]
fn a_line_that_does_not_exist_lists_some_that_do() {
    let (_directory, gpio) = simulated();
    let text = gpio.request_output(&"GPIO99".into(), Level::Low).unwrap_err().to_string();
    assert!(text.contains("no line GPIO99") && text.contains("GPIO17, GPIO27"), "{text}");
    for name in ["", "..", "../GPIO17", "GPIO17~held", "a/b", "GPIO 17"] {
        let error = gpio.request_output(&name.into(), Level::Low).unwrap_err();
        assert!(matches!(error, GpioError::NoSuchLine { .. }), "{name}: {error:?}");
    }
}

#[test]
fn faults_are_seen_by_everybody_and_can_be_repaired() {
    let (directory, gpio) = simulated();
    let other = SimulatedGpio::open(directory.path()).unwrap();
    let line = "GPIO17".into();
    let mut held = gpio.request_output(&line, Level::Low).unwrap();
    other.set_fault(&line, Some(Fault::Stuck(Level::High))).unwrap();
    held.set(Level::Low).unwrap();
    assert_eq!(held.read_back().unwrap(), Level::High);
    other.set_fault(&line, Some(Fault::WriteError)).unwrap();
    assert!(matches!(held.set(Level::High), Err(GpioError::Device { action: "set", .. })));
    other.set_fault(&line, None).unwrap();
    held.set(Level::High).unwrap();
    assert_eq!(held.read_back().unwrap(), Level::High);
    drop(held);
    other.set_fault(&line, Some(Fault::Busy)).unwrap();
    assert!(matches!(gpio.request_output(&line, Level::Low), Err(GpioError::Busy { .. })));
}

#[test]
fn many_readers_never_make_a_free_line_busy() {
    let (_directory, gpio) = simulated();
    let line: LineReference = "GPIO17".into();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..200 {
                    gpio.level(&line).unwrap();
                }
            });
        }
        for _ in 0..200 {
            drop(gpio.request_output(&line, Level::High).unwrap());
        }
    });
}

#[test]
fn a_machine_without_lines_says_so() {
    assert!("i2c".parse::<Backend>().unwrap_err().contains("`auto`, `rppal` or `chardev`"));
    match open(Backend::Auto) {
        Ok(gpio) => assert!(!gpio.lines().unwrap().is_empty()),
        Err(GpioError::NotHere { backend, .. }) => assert_eq!(backend, "chardev"),
        Err(error) => assert!(matches!(error, GpioError::Permission { .. }), "{error:?}"),
    }
    if !std::path::Path::new("/dev/gpiomem").exists() && !std::path::Path::new("/dev/gpiomem0").exists() {
        let text = open(Backend::Rppal).unwrap_err().to_string();
        assert!(text.contains("`rppal` does not work on this machine") && text.contains("`chardev`"), "{text}");
    }
}
