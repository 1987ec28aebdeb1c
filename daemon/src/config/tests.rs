//! What loading answers to good, bad and hostile sources. Every bad case states its whole message.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use tempfile::TempDir;
use victus_agent::alarms::{AlarmClass, Definition, Limit};

use super::*;

/// A folder with the sources of one appliance.
struct House {
    folder: TempDir,
    environment: Vec<(OsString, OsString)>,
}

impl House {
    fn new(main: &str) -> Self {
        let house = Self { folder: TempDir::new().unwrap(), environment: Vec::new() };
        house.with("victus.toml", main).with("machine-id", "0123456789abcdef0123456789abcdef\n")
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    fn sources(&self) -> Sources {
        let path = |name: &str| self.folder.path().join(name);
        let mut sources = Sources::new(Some(path("victus.toml")), path("state"), self.environment.clone());
        sources.machine_id = path("machine-id");
        sources
    }

    fn load(&self) -> Config {
        Config::load(&self.sources()).unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// The problems as text, with the folder's path left out.
    fn problems(&self) -> String {
        let problems = Config::load(&self.sources()).err().expect("the sources are wrong").to_string();
        problems.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

fn problems(main: &str) -> String {
    House::new(main).problems()
}

/// The commented lines of the example that show configuration, with their marks taken away.
fn uncommented(example: &str) -> String {
    let shows_config = |line: &&str| {
        let rest = line.strip_prefix("# ").unwrap_or("");
        rest.starts_with("[[")
            || rest.split_once(" = ").is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    example
        .lines()
        .map(|line| if shows_config(&line) { line.strip_prefix("# ").unwrap_or(line) } else { line })
        .fold(String::new(), |all, line| all + line + "\n")
}

fn example() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/victus.toml")).unwrap()
}

#[test]
fn the_example_loads_as_it_is_and_with_every_key_in_use() {
    let config = House::new(&example()).load();
    assert_eq!(config.entities, []);
    assert_eq!(config.web.listen, ["127.0.0.1:8480".parse().unwrap()]);

    let text = uncommented(&example()).replace("/etc/victus/", "");
    let house = House::new(&text)
        .with("ca.pem", "x")
        .with("device.pem", "x")
        .with("device.key", "x")
        .with("mqtt-password", "hunter2\n");
    let config = house.load();
    assert_eq!(config.device.id, "press-hall-3");
    assert_eq!(config.device.timezone.iana_name(), Some("Europe/Berlin"));
    assert_eq!(config.links.len(), 1);
    let login = config.links[0].login.clone().unwrap();
    assert_eq!(login.username, "press-hall-3");
    assert_eq!(std::fs::read_to_string(login.password_file).unwrap(), "hunter2\n");
    assert_eq!(config.serial[0].terminator, "\n");
    let ids: Vec<&str> = config.entities.iter().map(|entity| entity.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "light.bench_light",
            "fan.extraction_fan",
            "light.alarm_lamp",
            "binary_sensor.acknowledge_button",
            "binary_sensor.guard_door",
            "sensor.scale",
        ]
    );
    let alarms: Vec<_> = config.entities.iter().filter_map(|entity| entity.alarm).collect();
    let alarm =
        |limit, hysteresis, after, class| Definition { limit, hysteresis, after: Duration::from_secs(after), class };
    assert_eq!(
        alarms,
        [alarm(Limit::Is(true), 0.0, 300, AlarmClass::Warning), alarm(Limit::Above(250.0), 5.0, 2, AlarmClass::Danger),]
    );
    assert_eq!(
        config.routes.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(),
        ["closed_at_night", "route[#2]"]
    );
    // A key that is read and not in the example is a key nobody can know of.
    for (key, origin) in config.origins() {
        let either_or =
            ["driver.gpio.chip", "driver.gpio.offset", "driver.line.write"].iter().any(|rest| key.ends_with(rest));
        let shared = key.starts_with("route[") || key.starts_with("entity[") || key.starts_with("serial[");
        assert!(
            origin.layer == Layer::Main || either_or || shared || !key.contains('.'),
            "the example does not show {key}"
        );
    }
}

#[test]
fn whisper_is_held_to_the_sentences_unless_told_otherwise() {
    assert!(House::new("").load().voice.whisper_grammar);
    assert!(!House::new("[voice.whisper]\ngrammar = false\n").load().voice.whisper_grammar);
}

#[test]
fn a_missing_file_is_fine_unless_it_was_named() {
    let house = House::new("");
    let mut sources = house.sources();
    sources.main = house.folder.path().join("absent.toml");
    let problems = Config::load(&sources).err().unwrap();
    assert_eq!(
        problems.to_string(),
        format!("{}: there is no such file: correct the path or create it", sources.main.display())
    );
    sources.main_named = false;
    let config = Config::load(&sources).ok().unwrap();
    assert_eq!((config.device.site.as_str(), config.voice.enabled), ("default", true));
    assert_eq!(config.origin("voice.enabled"), Some(&Origin::built_in()));
    assert_eq!(config.origin("voice.enabeld"), None);
    assert_eq!(Config::check(&sources).to_string(), "no file: everything is as built in");
}

#[test]
fn the_device_id_is_made_from_the_machine_id_and_does_not_tell_it() {
    let house = House::new("");
    assert_eq!(house.load().device.id, "victus-97defe9c3667");
    let house = house.with("machine-id", "uninitialized\n");
    let config = house.load();
    assert_eq!(config.device.id, "victus");
    assert!(config.warnings()[0].to_string().contains("holds no machine id"));
}

#[test]
fn a_later_layer_wins_and_every_value_knows_its_layer() {
    let main = "[device]\nid = \"a\"\nsite = \"main\"\n[voice]\ncapture = \"main\"\nplayback = \"main\"\nrecognizer = \"whisper\"\n";
    let house = House::new(main)
        .with("conf.d/20-b.toml", "[voice]\ncapture = \"twenty\"\nplayback = \"twenty\"\n")
        .with("conf.d/10-a.toml", "[voice]\ncapture = \"ten\"\n[device]\nsite = \"ten\"\n")
        .with("conf.d/.hidden.toml", "broken")
        .with("conf.d/readme.txt", "broken")
        .with("state/config.d/50-panel.toml", "[voice]\nplayback = \"panel\"\nenabled = true\n")
        .with("state/config.d/60-other.toml", "broken")
        .with_variable("VICTUS__VOICE__ENABLED", "false")
        .with_variable("VICTUS__DEVICE__ID", "42")
        .with_variable("VICTUS__WEB__LISTEN", "[\"127.0.0.1:1\", \"[::1]:2\"]")
        .with_variable("VICTUS__VOICE__SPEECH__VOICE", "\"en+f2\"")
        .with_variable("VICTUS_MODELS", "/elsewhere");
    let config = house.load();
    assert_eq!((config.voice.capture.as_str(), config.voice.playback.as_str()), ("twenty", "panel"));
    assert_eq!((config.device.id.as_str(), config.device.site.as_str(), config.voice.enabled), ("42", "ten", false));
    assert_eq!(config.voice.recognizer, Recognizer::Whisper);
    assert_eq!(config.voice.speech.voice.as_deref(), Some("en+f2"));
    assert_eq!(config.web.listen, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    let shown = |key: &str| {
        let origin = config.origin(key).unwrap();
        (origin.layer, origin.path().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()), origin.line())
    };
    assert_eq!(shown("voice.recognizer"), (Layer::Main, Some("victus.toml".into()), Some(7)));
    assert_eq!(shown("voice.capture"), (Layer::DropIn, Some("20-b.toml".into()), Some(2)));
    assert_eq!(shown("voice.playback"), (Layer::Panel, Some("50-panel.toml".into()), Some(2)));
    assert_eq!(shown("voice.enabled"), (Layer::Environment, None, None));
    assert_eq!(shown("gpio.backend"), (Layer::BuiltIn, None, None));
    assert_eq!(config.origin("device.id").unwrap().to_string(), "environment variable VICTUS__DEVICE__ID");
}

#[test]
fn entities_links_and_ports_merge_by_what_they_are_called() {
    let main = r#"
[[link]]
name = "fleet"
broker = "mqtt://localhost"
[[serial]]
name = "plc"
port = "/dev/ttyUSB0"
[[entity]]
name = "Extraction fan"
kind = "fan"
driver = { gpio = { line = "GPIO17" } }
max_on = "30m"
[[entity]]
name = "Lamp"
kind = "light"
driver = { gpio = { line = "GPIO5" } }
"#;
    let drop_in = r#"
[[entity]]
id = "fan.extraction_fan"
name = "Fume fan"
min_on = "5s"
driver = { gpio = { chip = "pinctrl-rp1", offset = 4 } }
[[entity]]
name = "Lamp"
aliases = ["light"]
[[entity]]
name = "Setpoint"
kind = "sensor"
driver = { line = { port = "plc", write = "V {value}" } }
[[serial]]
name = "plc"
baud = 19200
"#;
    let house = House::new(main)
        .with("conf.d/10.toml", drop_in)
        .with_variable("VICTUS__ENTITY__FAN_EXTRACTION_FAN__MAX_ON", "10m")
        .with_variable("VICTUS__ENTITY__LIGHT_LAMP__DRIVER__GPIO__ACTIVE_LOW", "true")
        .with_variable("VICTUS__LINK__FLEET__BROKER", "mqtt://127.0.0.1:2883");
    let config = house.load();
    let fan = &config.entities[0];
    assert_eq!((fan.id.as_str(), fan.name.as_str()), ("fan.extraction_fan", "Fume fan"));
    let limits = fan.limits.clone().unwrap();
    assert_eq!((limits.max_on, limits.min_on), (Some(Duration::from_secs(600)), Duration::from_secs(5)));
    let line = GpioLine::Offset { chip: "pinctrl-rp1".into(), offset: 4 };
    assert_eq!(fan.driver, Driver::GpioOutput { line, active_low: false });
    assert_eq!(config.entities[1].aliases, ["light"]);
    let line = GpioLine::Name("GPIO5".into());
    assert_eq!(config.entities[1].driver, Driver::GpioOutput { line, active_low: true });
    assert_eq!((config.entities.len(), config.serial[0].baud, config.links[0].broker.port), (3, 19200, 2883));
    assert_eq!(config.origin("entity[fan.extraction_fan].min_on").unwrap().line(), Some(5));
    assert_eq!(config.origin("entity[fan.extraction_fan].max_on").unwrap().layer, Layer::Environment);
}

#[test]
fn a_conflict_is_known_to_both_sides() {
    let text = valves("conflicts = [\"valve.b\"]", "");
    let config = House::new(&text).load();
    let conflicts: Vec<_> = config.entities.iter().map(|entity| entity.limits.clone().unwrap().conflicts).collect();
    assert_eq!(conflicts, [vec!["valve.b".to_owned()], vec!["valve.a".to_owned()]]);
}

/// Two valves, `valve.a` on lines 1 to 5 and `valve.b` on lines 6 to 10, each with one line more.
fn valves(a: &str, b: &str) -> String {
    let valve = |name: &str, line: u32, more: &str| {
        format!(
            "[[entity]]\nname = \"{name}\"\nkind = \"valve\"\ndriver = {{ gpio = {{ line = \"GPIO{line}\" }} }}\n{more}\n"
        )
    };
    valve("A", 1, a) + &valve("B", 2, b)
}

/// An entity with a kind and further lines, from line 3 on.
fn entity(kind: &str, more: &str) -> String {
    format!("[[entity]]\nname = \"X\"\nkind = \"{kind}\"\n{more}")
}

mod routes;
mod wrong;

#[test]
fn files_that_are_no_configuration_are_named() {
    let folder = |house: &House| house.folder.path().to_owned();
    let too_large = House::new("").with("victus.toml", vec![b'#'; 1_048_577]);
    assert_eq!(
        too_large.problems(),
        "victus.toml: is larger than 1024 KiB, which no configuration is: is this the right file?"
    );
    let largest = House::new("").with("victus.toml", vec![b'#'; 1_048_576]);
    largest.load();
    let binary = House::new("").with("victus.toml", b"[device]\nid = \"\xff\"\n");
    assert_eq!(binary.problems(), "victus.toml:2: is not UTF-8 text: save the file as UTF-8");
    let is_folder = House::new("").with("conf.d/10.toml/x", "");
    assert_eq!(is_folder.problems(), "conf.d/10.toml: is a folder and no file");
    let pipe = House::new("");
    std::fs::remove_file(folder(&pipe).join("victus.toml")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder(&pipe).join("victus.toml")).status().unwrap();
    assert!(made.success());
    assert_eq!(pipe.problems(), "victus.toml: is a pipe or a device and no file");
    let looped = House::new("");
    std::fs::remove_file(folder(&looped).join("victus.toml")).unwrap();
    std::os::unix::fs::symlink("victus.toml", folder(&looped).join("victus.toml")).unwrap();
    assert_eq!(looped.problems(), "victus.toml: cannot be opened: Too many levels of symbolic links (os error 40)");
}

#[test]
fn dev_null_is_an_empty_file_and_dev_zero_is_too_large() {
    let mut sources = House::new("").sources();
    sources.main = "/dev/null".into();
    assert!(Config::load(&sources).is_ok());
    sources.main = "/dev/zero".into();
    assert!(Config::load(&sources).err().unwrap().to_string().contains("larger than 1024 KiB"));
}

#[test]
fn wrong_variables_are_named() {
    let house = House::new(&valves("", ""))
        .with_variable("VICTUS__VOICE__RECOGNIZER", "sphinx")
        .with_variable("VICTUS__ENTITY__VALVE_C__SAFE", "on")
        .with_variable("VICTUS__ENTITY__VALVE_A", "x")
        .with_variable("VICTUS__WEB__LISTEN", "0.0.0.0:80")
        .with_variable("VICTUS__VOICE__ENABLED", "perhaps")
        .with_variable("VICTUS__WEB__", "x")
        .with_variable("VICTUS__VOCE__ENABLED", "true");
    let expected = [
        "environment variable VICTUS__ENTITY__VALVE_A: names a table: add __ and the key to set",
        "environment variable VICTUS__ENTITY__VALVE_C__SAFE: no [[entity]] of a file has the name \"valve_c\"",
        "environment variable VICTUS__VOCE__ENABLED: voce: unknown key: did you mean voice?",
        "environment variable VICTUS__VOICE__ENABLED: voice.enabled: expected true or false, found \"perhaps\"",
        "environment variable VICTUS__VOICE__RECOGNIZER: voice.recognizer: expected one of \"auto\", \"pocketsphinx\", \"whisper\", found \"sphinx\"",
        "environment variable VICTUS__WEB__: expected VICTUS__SECTION__KEY, such as VICTUS__WEB__LISTEN",
        "environment variable VICTUS__WEB__LISTEN: web.listen: 0.0.0.0:80 can be reached from the network, and there is no login yet: use a loopback address such as 127.0.0.1:80, and from another machine ssh -L 80:127.0.0.1:80",
    ];
    let mut found: Vec<String> = house.problems().lines().map(str::to_owned).collect();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn passwords_come_from_good_files_only_and_show_up_nowhere() {
    let link =
        "[[link]]\nname = \"fleet\"\nbroker = \"mqtt://localhost\"\nusername = \"u\"\npassword_file = \"secret\"\n";
    let with = |content: &[u8]| House::new(link).with("secret", content);
    let problem = |content: &[u8]| with(content).problems();
    let at = "victus.toml:5: link[fleet].password_file: secret ";
    assert_eq!(problem(b""), format!("{at}is empty: put the password into its first line"));
    assert_eq!(problem(b"two\nlines\n"), format!("{at}has more than one line: it holds nothing but the password"));
    assert_eq!(problem(b"\xff\xfe"), format!("{at}is not UTF-8 text"));
    assert_eq!(problem(&[b'x'; 5000]), format!("{at}is larger than a password can be (4096 bytes)"));
    assert_eq!(House::new(link).problems(), "victus.toml:5: link[fleet].password_file: there is no file secret");
    let house = with(b"hunter2");
    let config = house.load();
    let login = config.links[0].login.as_ref().unwrap();
    assert_eq!(std::fs::read(&login.password_file).unwrap(), b"hunter2");
    let check = Config::check(&house.sources()).to_string();
    assert!(check.contains("everybody on this machine can read") && !check.contains("hunter2"), "{check}");
}

#[test]
fn a_file_with_a_syntax_error_gives_no_errors_that_follow_from_it() {
    let text = "[device]\nid = \n[voice]\nrecogniser = \"auto\"\n[[entity]]\nname = \"A\"\nconflicts = [\"valve.b\"]\n";
    let found = problems(text);
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 2, "{found}");
    assert!(lines[0].starts_with("victus.toml:2: not valid TOML: "), "{found}");
    assert_eq!(lines[1], "victus.toml:4: voice.recogniser: unknown key: did you mean recognizer?");
}

#[test]
fn the_list_of_problems_is_bounded() {
    let text: String = (0..5000).map(|index| format!("key{index} = 1\n")).collect();
    let problems = Config::load(&House::new(&text).sources()).err().unwrap();
    assert_eq!((problems.list.len(), problems.more), (MAX_PROBLEMS, 4900));
    assert!(problems.to_string().ends_with("\nand 4900 more"));
}

/// Pieces that make text that is nearly a configuration.
fn toml_ish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "[device]", "[[entity]]", "[entity]", "[[link]]", "[[serial]]", "[voice.whisper]", "[", "]", "{", "}", "=", " = ", "\n",
            "\n", "\n", ",", ".", "\"", "'''", "#", "name", "kind", "driver", "gpio", "line", "id", "max_on", "requires", "point",
            "spoken", "\"fan\"", "\"valve.a\"", "\"30m\"", "1", "-9223372036854775808", "99999999999999999999", "1e999", "nan", "0x_",
            "1979-05-27", "true", "[[[[[[[[", "a.a.a.a.a.a", "\u{feff}", "é", "\\u0000",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_bytes_panic_and_every_answer_can_be_shown(main in toml_ish(), panel in toml_ish(), variable in "\\PC{0,20}") {
        let house = House::new("").with("victus.toml", main).with("state/config.d/50-panel.toml", panel)
            .with_variable("VICTUS__VOICE__CAPTURE", &variable)
            .with_variable(&format!("VICTUS__{variable}"), &variable);
        let check = Config::check(&house.sources()).to_string();
        prop_assert!(!check.is_empty());
        prop_assert!(check.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", check);
    }

    #[test]
    fn damage_to_a_good_file_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut bytes = uncommented(&example()).into_bytes();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        bytes.truncate(cut.index(2 * bytes.len()).max(index));
        let house = House::new("").with("victus.toml", bytes);
        prop_assert!(!Config::check(&house.sources()).to_string().is_empty());
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    let nested = format!("x = {}1{}\n", "[".repeat(100_000), "]".repeat(100_000));
    assert!(problems(&nested).contains("not valid TOML"));
    let dotted = format!("{}x = 1\n", "a.".repeat(100_000));
    assert!(problems(&dotted).contains("not valid TOML"));
    let tables = format!("x = {}{}\n", "{a=".repeat(100_000), "}".repeat(100_000));
    assert!(problems(&tables).contains("not valid TOML"));
}

#[test]
fn a_language_is_built_in_or_has_sentences_of_its_own() {
    let named = |code: &str| format!("[device]\nlanguage = {code:?}\n");
    let swiss = House::new(&named("de-CH")).load();
    assert_eq!(swiss.device.language, "de-CH");
    assert!(swiss.device.sentences.ends_with("sentences/de-CH"), "{:?}", swiss.device.sentences);
    let own = House::new(&named("tlh")).with("sentences/tlh/all.yaml", "language: tlh\n").load();
    assert_eq!(own.device.language, "tlh");
    for code in ["tlh", "..", "../en", "tlh/x", "", "T", "en-", "en us", &"x".repeat(40)] {
        let house = House::new(&named(code)).with("sentences/readme.txt", "").with("sentences/tlh.yaml", "");
        let problems = house.problems();
        assert!(problems.contains("victus.toml:2: device.language: expected"), "{code}: {problems}");
        assert!(problems.contains("put sentences in sentences/CODE"), "{code}: {problems}");
    }
}
