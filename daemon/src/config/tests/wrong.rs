//! The table of wrong configurations: each with everything that loading says about it.

use super::{entity, problems, valves};

macro_rules! wrong {
    ($($name:ident: $text:expr => $($expected:expr),+ $(,)?;)+) => {
        $(#[test]
        fn $name() {
            assert_eq!(problems(&$text).lines().collect::<Vec<_>>(), [$($expected),+]);
        })+
    };
}

/// A driver that is right, for entities whose fault lies elsewhere.
const GPIO: &str = "driver = { gpio = { line = \"GPIO1\" } }\n";

wrong! {
    unknown_section: "[vioce]\nenabled = true\n"
        => "victus.toml:1: vioce: unknown key: did you mean voice?";
    unknown_key: "[voice]\nrecogniser = \"auto\"\n"
        => "victus.toml:2: voice.recogniser: unknown key: did you mean recognizer?";
    unknown_key_far_from_all: "[gpio]\nzzz = 1\n"
        => "victus.toml:2: gpio.zzz: unknown key: expected one of backend";
    unknown_key_with_strange_characters: "[gpio]\n\"a\\u001b[31m\\n\" = 1\n"
        => "victus.toml:2: gpio.\"a\\u{1b}[31m\\n\": unknown key: expected one of backend";
    keys_of_later_versions_are_unknown: "[voice]\nkeep = { audio = true }\n[[voice.wake]]\nphrase = \"hey jarvis\"\n"
        => "victus.toml:2: voice.keep: unknown key: expected one of capture, enabled, playback, quiet_hours, recognizer, speech, whisper",
           "victus.toml:3: voice.wake: unknown key: expected one of capture, enabled, playback, quiet_hours, recognizer, speech, whisper";
    wrong_type: "[voice]\nenabled = \"yes\"\n[device]\nid = 5\n"
        => "victus.toml:2: voice.enabled: expected true or false, found \"yes\"",
           "victus.toml:4: device.id: expected a name of letters, digits, _ and -, at most 64, found the number 5";
    a_value_where_a_table_goes: "voice = true\n"
        => "victus.toml:1: voice: expected a table, found true";
    key_twice: "[device]\nid = \"a\"\nid = \"b\"\n"
        => "victus.toml:3: not valid TOML: duplicate key";
    unclosed_text: "[device]\nid = \"a\n"
        => "victus.toml:2: not valid TOML: invalid basic string, expected `\"`";
    a_number_too_large: "[[serial]]\nname = \"a\"\nport = \"/dev/a\"\nbaud = 99999999999999999999\n"
        => "victus.toml:4: the number \"99999999999999999999\" is too large";

    device_id_with_a_slash: "[device]\nid = \"a/b\"\n"
        => "victus.toml:2: device.id: expected a name of letters, digits, _ and -, at most 64, found \"a/b\"";
    language_without_sentences: "[device]\nlanguage = \"tlh\"\n"
        => "victus.toml:2: device.language: expected one of \"de\", \"en\", \"es\", \"fr\", \"nl\", found \"tlh\"; for another language put sentences in sentences/CODE";
    unknown_timezone: "[device]\ntimezone = \"Europe/Berln\"\n"
        => "victus.toml:2: device.timezone: expected a time zone such as \"Europe/Berlin\" or \"UTC\", found \"Europe/Berln\", which this machine does not know: correct it, or install the package tzdata";
    recognizer_nearly_right: "[voice]\nrecognizer = \"pocketsphynx\"\n"
        => "victus.toml:2: voice.recognizer: expected one of \"auto\", \"pocketsphinx\", \"whisper\", found \"pocketsphynx\"; did you mean \"pocketsphinx\"?";
    empty_and_overlong_texts: format!("[voice]\ncapture = \" \"\nplayback = \"{}\"\n", "x".repeat(300))
        => "victus.toml:2: voice.capture: expected the name of a sound device, found an empty text",
           &format!("victus.toml:3: voice.playback: expected the name of a sound device of at most 200 characters on one line, found \"{}…\"", "x".repeat(60));
    a_voice_that_is_an_option: "[voice.speech]\nvoice = \"--help\"\nengine = \"piper\"\n"
        => "victus.toml:2: voice.speech.voice: expected the name of a voice such as \"en+m3\", found \"--help\"",
           "victus.toml:3: voice.speech.engine: expected one of \"auto\", \"espeak-ng\", found \"piper\"";
    panel_on_the_network: "[web]\nlisten = [\n  \"127.0.0.1:8480\",\n  \"192.168.1.5:8480\",\n  \"localhost:1\",\n]\n"
        => "victus.toml:4: web.listen: 192.168.1.5:8480 can be reached from the network, and there is no login yet: use a loopback address such as 127.0.0.1:8480, and from another machine ssh -L 8480:127.0.0.1:8480",
           "victus.toml:5: web.listen: expected an address and port in quotes, such as \"127.0.0.1:8480\", found \"localhost:1\"";
    panel_twice: "[web]\nlisten = [\"127.0.0.1:1\", \"127.0.0.1:1\"]\n"
        => "victus.toml:2: web.listen: 127.0.0.1:1 stands here twice";
    unknown_backend: "[gpio]\nbackend = \"sysfs\"\n"
        => "victus.toml:2: gpio.backend: expected one of \"auto\", \"rppal\", \"chardev\", found \"sysfs\"";

    link_without_anything: "[[link]]\n"
        => "victus.toml:1: link[#1].name: a [[link]] needs a name",
           "victus.toml:1: link[#1].broker: a [[link]] needs a broker";
    link_with_a_password: "[[link]]\nname = \"f\"\nbroker = \"mqtt://u:hunter2@h\"\npassword = \"hunter2\"\n"
        => "victus.toml:3: link[f].broker: expected mqtt://HOST:PORT or mqtts://HOST:PORT without a user: that goes into username and password_file",
           "victus.toml:4: link[f].password: a password never stands in this file: put it into a file of its own and name that in password_file";
    link_that_speaks_http: "[[link]]\nname = \"f\"\nbroker = \"https://h\"\n"
        => "victus.toml:3: link[f].broker: expected mqtt://HOST:PORT or mqtts://HOST:PORT, and no https://";
    link_that_cannot_check_its_broker: "[[link]]\nname = \"f\"\nbroker = \"mqtts://h\"\n"
        => "victus.toml:1: link[f].ca: mqtts needs ca: the file with the certificates that the broker is checked against, such as \"/etc/ssl/certs/ca-certificates.crt\" for the system's";
    link_with_half_of_everything: "[[link]]\nname = \"f\"\nbroker = \"mqtt://h\"\ncert = \"victus.toml\"\npassword_file = \"machine-id\"\n"
        => "victus.toml:4: link[f].cert: is for an encrypted connection: make the broker mqtts://, or leave it out",
           "victus.toml:4: link[f].cert: is of no use without key: name both or neither",
           "victus.toml:5: link[f].password_file: is of no use without username";
    link_with_a_missing_file: "[[link]]\nname = \"f\"\nbroker = \"mqtts://h\"\nca = \"absent.pem\"\n"
        => "victus.toml:4: link[f].ca: there is no file absent.pem";
    link_with_strange_tools: "[[link]]\nname = \"f\"\nbroker = \"mqtt://h\"\ntools = [\"gpio.set\", \"Gpio Set\", \"gpio.set\"]\n"
        => "victus.toml:4: link[f].tools: expected the name of a tool such as \"gpio.set\", found \"Gpio Set\"",
           "victus.toml:4: link[f].tools: \"gpio.set\" stands here twice";
    link_twice: "[[link]]\nname = \"f\"\nbroker = \"mqtt://h\"\n[[link]]\nname = \"f\"\nbroker = \"mqtt://i\"\n"
        => "victus.toml:4: link[f]: the name \"f\" is taken by the [[link]] at line 1: give one of them another name";

    serial_with_strange_values: "[[serial]]\nname = \"p\"\nport = \"ttyUSB0\"\nbaud = 1\nprotocol = \"modbus\"\nterminator = \"\"\ntimeout = \"2h\"\n"
        => "victus.toml:3: serial[p].port: expected a device file such as \"/dev/ttyUSB0\", found \"ttyUSB0\"",
           "victus.toml:4: serial[p].baud: expected a number from 300 to 4000000, found the number 1",
           "victus.toml:5: serial[p].protocol: expected \"line\", found \"modbus\"",
           "victus.toml:6: serial[p].terminator: expected 1 to 4 characters of ASCII such as \"\\r\\n\", found \"\"",
           "victus.toml:7: serial[p].timeout: expected a duration from 10ms to 1m, found \"2h\"";
    serial_ports_that_are_one: "[[serial]]\nname = \"a\"\nport = \"/dev/x\"\n[[serial]]\nname = \"b\"\nport = \"/dev/x\"\n"
        => "victus.toml:6: serial[b].port: \"/dev/x\" is the port of [[serial]] \"a\" too";

    route_without_anything: "[[route]]\n"
        => "victus.toml:1: route[#1].when: a [[route]] needs when, such as when = { source = \"voice\" }",
           "victus.toml:1: route[#1].then: a [[route]] needs then, such as then = \"ask_back\"";
    route_with_strange_conditions: "[[route]]\n[route.when]\nintent = \"turn on\"\nsource = [\"voice\", \"pannel\"]\nrole = []\nconfidence_below = 1.5\nhours = \"22-06\"\nlink = true\nwether = \"rain\"\n[[route]]\nwhen = \"always\"\nthen = \"local\"\n"
        => "victus.toml:1: route[#1].then: a [[route]] needs then, such as then = \"ask_back\"",
           "victus.toml:3: route[#1].when.intent: expected the name of an intent such as \"HassTurnOn\", found \"turn on\"",
           "victus.toml:4: route[#1].when.source: expected one of \"voice\", \"panel\", \"cli\", \"fleet\", \"timer\", \"schedule\", \"workflow\", \"alarm\", \"button\", found \"pannel\"; did you mean \"panel\"?",
           "victus.toml:5: route[#1].when.role: expected the name of a role, or a list of names, found an empty list: leave it out for any",
           "victus.toml:6: route[#1].when.confidence_below: expected a number above 0 and at most 1, such as 0.8, found the number 1.5",
           "victus.toml:7: route[#1].when.hours: expected hours such as \"22:00-06:00\", found \"22-06\"",
           "victus.toml:8: route[#1].when.link: expected one of \"up\", \"down\", found true",
           "victus.toml:9: route[#1].when.wether: unknown key: expected one of confidence_below, hours, intent, link, role, source",
           "victus.toml:11: route[#2].when: expected a table, found \"always\"";
    route_to_nowhere: "[[route]]\nwhen = {}\nthen = \"ask_bak\"\n[[route]]\nwhen = {}\nthen = {}\n[[route]]\nwhen = {}\nthen = { refuse = \" \" }\n[[route]]\nwhen = {}\nthen = { workflw = \"x\" }\n[[route]]\nwhen = {}\nthen = { workflow = \"a b\" }\n"
        => "victus.toml:3: route[#1].then: expected \"local\", \"ask_back\", { workflow = \"its name\" } or { refuse = \"the reason\" }, found \"ask_bak\"",
           "victus.toml:6: route[#2].then: expected \"local\", \"ask_back\", { workflow = \"its name\" } or { refuse = \"the reason\" }, found an empty table",
           "victus.toml:9: route[#3].then.refuse: expected the reason, as it is to be said, found an empty text",
           "victus.toml:12: route[#4].then.workflw: unknown key: did you mean workflow?",
           "victus.toml:15: route[#5].then.workflow: expected the name of a workflow, found \"a b\"";
    route_with_a_name_that_is_taken: "[[route]]\nname = \"otherwise\"\nwhen = {}\nthen = \"local\"\n[[route]]\nname = \"a\"\nwhen = {}\nthen = \"local\"\n[[route]]\nname = \"a\"\nwhen = {}\nthen = \"local\"\n"
        => "victus.toml:2: route[otherwise].name: \"otherwise\" is a rule that is built in: give another name",
           "victus.toml:9: route[a]: the name \"a\" is taken by the [[route]] at line 5: give one of them another name";
    route_of_a_misspelt_intent: "[[route]]\nwhen = { intent = \"HasTurnOn\" }\nthen = { refuse = \"no\" }\n"
        => "victus.toml:2: route[#1].when.intent: no sentence means \"HasTurnOn\": did you mean \"HassTurnOn\"?";
    route_that_stops_stopping: "[[route]]\nwhen = { intent = [\"HassTurnOn\", \"VictusStop\"] }\nthen = { refuse = \"no\" }\n"
        => "victus.toml:2: route[#1].when.intent: VictusStop is always done, and no rule can keep anybody from it: leave it out";

    entity_in_single_brackets: "[entity]\nname = \"A\"\n"
        => "victus.toml:1: entity: expected [[entity]] with two brackets each side: there may be several";
    entity_without_anything: "[[entity]]\n"
        => "victus.toml:1: entity[#1].name: an [[entity]] needs a name, such as name = \"Extraction fan\"",
           "victus.toml:1: entity[#1].kind: an [[entity]] needs a kind, such as kind = \"fan\"",
           "victus.toml:1: entity[#1].driver: an [[entity]] needs a driver, such as driver = { gpio = { line = \"GPIO17\" } }";
    entity_of_a_strange_kind: entity("lamp", GPIO)
        => "victus.toml:3: entity[#1].kind: expected one of \"switch\", \"light\", \"fan\", \"valve\", \"lock\", \"cover\", \"button\", \"siren\", \"sensor\", \"binary_sensor\", found \"lamp\"";
    entity_with_a_strange_id: entity("fan", "id = \"Fan 1\"\ndriver = { gpio = { line = \"GPIO1\" } }\n")
        => "victus.toml:4: entity[Fan 1].id: expected an id such as \"fan.extraction_fan\": lower-case letters, digits and _, with one point, found \"Fan 1\"";
    entity_whose_name_gives_no_id: "[[entity]]\nname = \"照明\"\nkind = \"light\"\ndriver = { gpio = { line = \"GPIO1\" } }\n"
        => "victus.toml:1: entity[#1].id: no id can be made of this name: add one, such as id = \"fan.extraction_fan\"";
    entity_twice: format!("{}{}", entity("fan", GPIO), "[[entity]]\nid = \"fan.x\"\nname = \"Y\"\nkind = \"fan\"\ndriver = { gpio = { line = \"GPIO2\" } }\n")
        => "victus.toml:5: entity[fan.x]: the id \"fan.x\" is taken by the [[entity]] at line 1: give one of them another id";
    entity_keys_of_later_versions: entity("fan", &format!("{GPIO}feedback = {{ point = \"a.b\" }}\n"))
        => "victus.toml:5: entity[fan.x].feedback: unknown key: expected one of acknowledge, alarm, aliases, area, confirm, conflicts, driver, floor, id, kind, max_on, min_off, min_on, name, poll, rate, requires, risk, safe, signal, spoken, stop, unit";
    alarms_without_one_limit: format!("{}{}", entity("binary_sensor", &format!("{GPIO}alarm = {{ class = \"panic\" }}\n")), "[[entity]]\nname = \"Y\"\nkind = \"binary_sensor\"\ndriver = { gpio = { line = \"GPIO2\" } }\nalarm = { is = \"on\", above = 1, after = \"2d\" }\n")
        => "victus.toml:5: entity[binary_sensor.x].alarm.class: expected one of \"warning\", \"danger\", found \"panic\"",
           "victus.toml:5: entity[binary_sensor.x].alarm: expected one of above, below and is, such as { above = 8.0 } or { is = \"on\" }, found none",
           "victus.toml:10: entity[binary_sensor.y].alarm.after: expected a duration from 0s to 1d, found \"2d\"",
           "victus.toml:10: entity[binary_sensor.y].alarm: expected one of above, below and is, such as { above = 8.0 } or { is = \"on\" }, found several",
           "victus.toml:10: entity[binary_sensor.y].alarm.above: is for a number, and this entity is on or off: use is = \"on\"";
    alarms_of_numbers: "[[serial]]\nname = \"plc\"\nport = \"/dev/ttyUSB0\"\n[[entity]]\nname = \"P\"\nkind = \"sensor\"\ndriver = { line = { port = \"plc\", read = \"P?\" } }\nalarm = { is = \"on\", hysteresis = -1 }\n[[entity]]\nname = \"Q\"\nkind = \"sensor\"\ndriver = { line = { port = \"plc\", write = \"Q {value}\" } }\nalarm = { above = \"8\" }\n"
        => "victus.toml:8: entity[sensor.p].alarm.is: is for what is on or off, and this entity has a number: use above or below",
           "victus.toml:8: entity[sensor.p].alarm.hysteresis: expected a number from 0 on",
           "victus.toml:13: entity[sensor.q].alarm.above: expected a number such as 8.5, found \"8\"",
           "victus.toml:13: entity[sensor.q].alarm: needs a value that is read: add read to the driver";
    what_shows_and_acknowledges: format!("{}{}", entity("fan", &format!("{GPIO}signal = true\nacknowledge = true\n")), "[[entity]]\nname = \"Y\"\nkind = \"light\"\ndriver = { gpio = { line = \"GPIO2\" } }\nsignal = true\nconfirm = true\n")
        => "victus.toml:5: entity[fan.x].signal: is for a light, a siren or a switch, and this is a fan: leave it out",
           "victus.toml:6: entity[fan.x].acknowledge: is for a push button that is read, a binary_sensor, and this is a fan",
           "victus.toml:11: entity[light.y].signal: nobody is there to agree to it: leave out confirm and risk = \"dangerous\"";
    quiet_hours_that_are_none: "[voice]\nquiet_hours = \"22-6\"\n"
        => "victus.toml:2: voice.quiet_hours: expected hours such as \"22:00-06:00\", found \"22-6\"";
    wrong_durations: entity("fan", &format!("{GPIO}max_on = 30\nmin_on = \"5 s\"\nmin_off = \"400d\"\nrate = \"often\"\n"))
        => "victus.toml:5: entity[fan.x].max_on: expected a duration in quotes, such as \"30m\", \"5s\" or \"500ms\", found the number 30",
           "victus.toml:6: entity[fan.x].min_on: expected a duration in quotes, such as \"30m\", \"5s\" or \"500ms\", found \"5 s\"",
           "victus.toml:7: entity[fan.x].min_off: expected a duration from 0s to 31d, found \"400d\"",
           "victus.toml:8: entity[fan.x].rate: expected a rate such as \"6/min\", found \"often\"";
    wrong_pronunciations: entity("fan", &format!("{GPIO}spoken = {{ fume = [\"F Y UW1 M\", \"F Q\"], \"Two words\" = [], x = \"EH K S\" }}\n"))
        => "victus.toml:5: entity[fan.x].spoken.\"Two words\": expected one word in lower case",
           "victus.toml:5: entity[fan.x].spoken.fume: \"UW1\" is no ARPAbet phone: write it UW, without stress and in capitals",
           "victus.toml:5: entity[fan.x].spoken.fume: \"Q\" is no ARPAbet phone: the phones are those of the CMU dictionary, AA to ZH",
           "victus.toml:5: entity[fan.x].spoken.x: expected a list of pronunciations such as [\"F Y UW M\"], found \"EH K S\"";
    gpio_by_number: entity("fan", "driver = { gpio = { line = 17 } }\n")
        => "victus.toml:4: entity[fan.x].driver.gpio.line: expected the name of a line such as \"GPIO17\", found the number 17";
    gpio_by_half: entity("fan", "driver = { gpio = { chip = \"c\" } }\n")
        => "victus.toml:4: entity[fan.x].driver.gpio.line: expected either line = \"GPIO17\", or chip = \"pinctrl-rp1\" and offset = 17";
    gpio_input_with_an_output_kind: entity("fan", "driver = { gpio = { line = \"GPIO1\", bias = \"pull_up\" } }\n")
        => "victus.toml:4: entity[fan.x].driver.gpio.bias: is for inputs, and this is an output: leave it out";
    sensor_on_a_line: entity("sensor", GPIO)
        => "victus.toml:4: entity[sensor.x].driver.gpio.line: a line is only on or off and a sensor has a value: make the kind binary_sensor";
    limits_of_what_is_only_read: entity("binary_sensor", &format!("{GPIO}safe = \"off\"\nmax_on = \"5s\"\nunit = \"bar\"\npoll = \"1s\"\n"))
        => "victus.toml:5: entity[binary_sensor.x].safe: is for what is switched, and a binary_sensor is only read: leave it out",
           "victus.toml:6: entity[binary_sensor.x].max_on: is for what is switched, and a binary_sensor is only read: leave it out",
           "victus.toml:7: entity[binary_sensor.x].unit: is for a sensor's value, and this is a binary_sensor: leave it out",
           "victus.toml:8: entity[binary_sensor.x].poll: is for a driver that asks, one with line = { read = \"...\" }: leave it out";
    two_drivers: entity("fan", "driver = { gpio = { line = \"GPIO1\" }, line = { port = \"p\", write = \"{value}\" } }\n")
        => "victus.toml:4: entity[fan.x].driver: expected one driver, found gpio and line: leave one out";
    unknown_driver: entity("fan", "driver = { gpoi = { line = \"GPIO1\" } }\n")
        => "victus.toml:4: entity[fan.x].driver.gpoi: unknown key: did you mean gpio?";
    serial_driver_without_anything: entity("sensor", "driver = { line = {} }\n")
        => "victus.toml:4: entity[sensor.x].driver.line.port: a line driver needs port, the name of a [[serial]]",
           "victus.toml:4: entity[sensor.x].driver.line.read: a line driver needs read, what to send to be told the value, or write, or both";
    serial_driver_of_what_is_on_or_off: entity("siren", "driver = { line = { port = \"p\", write = \"ON {value}\" } }\n")
        => "victus.toml:4: entity[siren.x].driver.line.port: is for a number, and a siren is on or off: make the kind sensor, or use gpio";
    a_level_that_cannot_be_set_or_is_held: entity("fan", "driver = { line = { port = \"p\", read = \"SPEED?\" } }\nmax_on = \"5m\"\n")
        => "victus.toml:4: entity[fan.x].driver.line.write: a fan is set: say how, as in write = \"SET {value}\"";
    serial_driver_with_strange_lines: format!("[[serial]]\nname = \"plc\"\nport = \"/dev/x\"\n{}", entity("sensor", "driver = { line = { port = \"plk\", read = \"a\\nb\", write = \"SET\" } }\nrisk = \"read\"\n"))
        => "victus.toml:7: entity[sensor.x].driver.line.read: expected a line of 1 to 128 visible characters to send, found \"a\\nb\"",
           "victus.toml:7: entity[sensor.x].driver.line.write: expected {value} once, in the place of the number",
           "victus.toml:7: entity[sensor.x].driver.line.port: no [[serial]] has the name \"plk\": did you mean \"plc\"?",
           "victus.toml:8: entity[sensor.x].risk: expected one of \"reversible\", \"dangerous\", found \"read\"";
    serial_driver_without_any_port: entity("sensor", "driver = { line = { port = \"p\", read = \"?\" } }\nrisk = \"dangerous\"\n")
        => "victus.toml:4: entity[sensor.x].driver.line.port: no [[serial]] has the name \"p\": there is no [[serial]] at all: add one",
           "victus.toml:5: entity[sensor.x].risk: is for what acts, and this sensor is only read: leave it out";

    min_on_above_max_on: valves("min_on = \"10s\"\nmax_on = \"5s\"", "")
        => "victus.toml:5: entity[valve.a].min_on: 10s is above max_on, 5s: the two exclude each other";
    safe_on_with_a_longest_time: valves("safe = \"on\"\nmax_on = \"5s\"", "")
        => "victus.toml:6: entity[valve.a].max_on: excludes safe = \"on\": the limit would trip into the state that it ends";
    conflict_of_two_that_are_safe_when_on: valves("safe = \"on\"\nconflicts = [\"valve.b\"]", "safe = \"on\"\nconflicts = [\"valve.a\"]")
        => "victus.toml:6: entity[valve.a].conflicts: \"valve.b\" is safe when on (line 11) and so is this entity: the two exclude each other";
    conflict_with_nobody: valves("conflicts = [\"valve.c\"]", "conflicts = [\"valve.b\", \"fan.far_away\"]")
        => "victus.toml:5: entity[valve.a].conflicts: there is no entity \"valve.c\": did you mean \"valve.a\"?",
           "victus.toml:10: entity[valve.b].conflicts: names the entity itself",
           "victus.toml:10: entity[valve.b].conflicts: there is no entity \"fan.far_away\"";
    requirement_of_nobody: valves("requires = [{ point = \"valve.c\", is = \"open\" }]", "requires = [{ point = \"valve.a\", is = \"opened\" }, { point = \"valve.a\" }, 5]")
        => "victus.toml:5: entity[valve.a].requires: there is no entity \"valve.c\": did you mean \"valve.a\"?",
           "victus.toml:10: entity[valve.b].requires: expected one of \"on\", \"off\", \"open\", \"closed\", found \"opened\"; did you mean \"open\"?",
           "victus.toml:10: entity[valve.b].requires: \"is\" is missing: expected { point = \"binary_sensor.door\", is = \"closed\" }",
           "victus.toml:10: entity[valve.b].requires: expected { point = \"binary_sensor.door\", is = \"closed\" }, found the number 5";
    requirement_of_what_must_not_be: valves("requires = [{ point = \"valve.b\", is = \"open\" }]", "conflicts = [\"valve.a\"]")
        => "victus.toml:5: entity[valve.a].requires: \"valve.b\" and \"valve.a\" would have to be on together, and their rules exclude each other";
    requirement_that_excludes_itself_further_on: format!("{}{}", valves("requires = [{ point = \"valve.b\", is = \"open\" }]", "requires = [{ point = \"fan.x\", is = \"on\" }]"), entity("fan", "driver = { gpio = { line = \"GPIO3\" } }\nconflicts = [\"valve.a\"]\n"))
        => "victus.toml:5: entity[valve.a].requires: \"fan.x\" and \"valve.a\" would have to be on together, and their rules exclude each other";
    requirement_of_both_states: valves("requires = [{ point = \"valve.b\", is = \"open\" }, { point = \"valve.b\", is = \"closed\" }]", "")
        => "victus.toml:5: entity[valve.a].requires: \"valve.b\" cannot be on and off at once: the two exclude each other";
    requirements_in_a_circle: valves("requires = [{ point = \"valve.b\", is = \"open\" }]", "requires = [{ point = \"valve.a\", is = \"open\" }]")
        => "victus.toml:5: entity[valve.a].requires: goes round in a circle through \"valve.b\", so none of them can ever be on";
    requirement_of_what_is_safe_when_on: valves("safe = \"on\"\nrequires = [{ point = \"valve.b\", is = \"open\" }]", "")
        => "victus.toml:6: entity[valve.a].requires: excludes safe = \"on\": the safe state must be reached whatever else holds";
    requirement_of_a_value: format!("[[serial]]\nname = \"p\"\nport = \"/dev/x\"\n[[entity]]\nname = \"S\"\nkind = \"sensor\"\ndriver = {{ line = {{ port = \"p\", read = \"?\" }} }}\n{}", entity("fan", &format!("{GPIO}conflicts = [\"sensor.s\"]\nrequires = [{{ point = \"sensor.s\", is = \"on\" }}]\n")))
        => "victus.toml:12: entity[fan.x].conflicts: \"sensor.s\" is only read: use requires",
           "victus.toml:13: entity[fan.x].requires: \"sensor.s\" has a number for a value: expected something that is on or off";
    line_twice: format!("{}{}", entity("fan", GPIO), "[[entity]]\nname = \"Y\"\nkind = \"light\"\ndriver = { gpio = { line = \"GPIO1\" } }\n")
        => "victus.toml:8: entity[light.y].driver.gpio.line: this line belongs to \"fan.x\" (line 4) already";
    a_fault_in_one_entity_is_no_fault_of_those_that_name_it: valves("conflicts = [\"valve.b\"]", "rate = 1").replace("GPIO2", "")
        => "victus.toml:9: entity[valve.b].driver.gpio.line: expected the name of a line such as \"GPIO17\", found an empty text",
           "victus.toml:10: entity[valve.b].rate: expected a rate such as \"6/min\", found the number 1";
}
