//! Whole replies in German and Dutch: whatever is said is in one language.

use super::*;
use victus_hw::points::{serve_port, simulated_answers};
use victus_hw::serial::{Instrument, PortConfig};

/// Words by which an English reply is known; none of them is German or Dutch.
const ENGLISH: [&str; 22] = [
    "and", "or", "the", "on", "off", "closed", "locked", "unlocked", "degree", "degrees", "percent", "minutes",
    "second", "seconds", "hours", "to", "stay", "while", "one", "five", "twenty", "o'clock",
];

fn workshop(names: [&str; 5], area: &str) -> Vec<Entity> {
    let [fan, light, lamp, valve, temperature] = names;
    let id = |id: &str, entity: Entity| Entity { id: id.to_owned(), ..entity };
    vec![
        // The fan has to stay off for a while.
        id("fan.extraction_fan", entity(EntityKind::Fan, fan, area)),
        id("light.ceiling", entity(EntityKind::Light, light, area)),
        id("light.bench", entity(EntityKind::Light, lamp, area)),
        id("valve.main", entity(EntityKind::Valve, valve, area)),
        Entity {
            unit: Some("°C".to_owned()),
            numeric: true,
            ..id("sensor.hall", entity(EntityKind::Sensor, temperature, area))
        },
    ]
}

/// Asks in turn and holds each reply, and every word of it, to the language.
async fn conversation(language: &str, entities: Vec<Entity>, answer: &str, table: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let appliance = open_in(language, entities.clone(), folder.path(), &clock);
    clock.advance(Duration::from_secs(60));
    let config = PortConfig { baud: 115_200, ..PortConfig::new(PORT, folder.path().join("port")) };
    let answers = simulated_answers(&points_of(&entities), PORT);
    let instrument = Instrument::plug_in(&config.path, config.baud, &config.terminator, answers).unwrap();
    instrument.set_answer("READ", answer);
    let service = tokio::spawn(serve_port(Arc::clone(appliance.entities.points()), config));
    let measured = Some(PointValue::Number(answer.parse().unwrap()));
    for _ in 0..2_000 {
        if appliance.entities.view("sensor.hall").unwrap().value == measured {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for (text, reply) in table {
        let turn = appliance.orchestrator.ask(Request::typed(text, Caller::panel())).await;
        assert_eq!(turn.reply, *reply, "{text}: {turn:?}");
        let english = turn.reply.split([' ', ',', '.', ':', '?']).find(|word| ENGLISH.contains(&&*word.to_lowercase()));
        assert_eq!(english, None, "{}", turn.reply);
    }
    service.abort();
}

#[tokio::test]
async fn a_german_reply_is_german_to_the_last_word() {
    let entities = workshop(["Absaugung", "Deckenlampe", "Werkbanklampe", "Hauptventil", "Hallentemperatur"], "Halle");
    let table = [
        ("stell einen Timer auf 21 Minuten", "Timer gestellt auf einundzwanzig Minuten."),
        ("wie lange noch", "Noch einundzwanzig Minuten."),
        ("wie spät ist es", "Es ist acht Uhr eins."),
        ("welcher Tag ist heute", "Heute ist Freitag, der fünfzehnte Januar."),
        ("wie ist die Hallentemperatur", "Hallentemperatur: einundzwanzig Komma fünf Grad."),
        ("mach das Licht an", "Eingeschaltet: Werkbanklampe und Deckenlampe."),
        ("welche Lampen sind an", "Werkbanklampe und Deckenlampe."),
        (
            "öffne das Hauptventil",
            "Das mache ich nicht: Hauptventil geht nur an, wenn Absaugung an ist, und jetzt ist der Zustand aus.",
        ),
        ("mach die Absaugung an", "Absaugung ist an."),
        ("schalte das Hauptventil um", "Hauptventil ist jetzt offen."),
        ("ist das Hauptventil zu", "Nein, Hauptventil ist offen."),
        ("mach die Absaugung aus", "Absaugung ist aus."),
        ("mach die Absaugung an", "Das mache ich nicht: Absaugung muss noch zehn Sekunden aus bleiben."),
        ("lösch alle Timer", "Der Timer ist gelöscht."),
        (
            "was kannst du",
            "Sage zum Beispiel: schalte Werkbanklampe ein, wie ist Hallentemperatur oder stelle einen timer auf 10 minuten. \
             Auf das Wort Stopp wird alles in den sicheren Zustand gebracht.",
        ),
    ];
    conversation("de", entities, "21.5", &table).await;
}

#[tokio::test]
async fn a_reason_that_is_only_there_in_english_is_not_said_in_german() {
    for (language, text, reply) in [
        ("en", "turn on the Absaugung", "You are not allowed to do that: `entity.turn_on` needs the role operator"),
        ("de", "mach die Absaugung an", "Das ist nicht erlaubt."),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
        let entities = vec![entity(EntityKind::Fan, "Absaugung", "Halle")];
        let appliance = open_in(language, entities, folder.path(), &clock);
        let caller = Caller { source: Source::Panel, role: Role::Viewer, name: None };
        let turn = appliance.orchestrator.ask(Request::typed(text, caller)).await;
        assert_eq!(turn.outcome, Outcome::Refused);
        assert!(turn.reply.starts_with(reply), "{}", turn.reply);
        assert_eq!(language == "en", turn.reply.contains("role"), "{}", turn.reply);
    }
}

#[tokio::test]
async fn a_dutch_reply_is_dutch_to_the_last_word() {
    let entities = workshop(["Afzuiging", "Plafondlamp", "Werkbanklamp", "Hoofdkraan", "Haltemperatuur"], "Hal");
    let table = [
        ("zet een timer op 21 minuten", "Timer gezet op eenentwintig minuten."),
        ("hoe laat is het", "Het is acht uur één 's ochtends."),
        ("welke dag is het", "Het is vrijdag vijftien januari."),
        ("wat is de haltemperatuur", "Haltemperatuur: één graad."),
        ("doe het licht aan", "Aangezet: Werkbanklamp en Plafondlamp."),
        ("welke lampen zijn aan", "Werkbanklamp en Plafondlamp."),
        ("is de hoofdkraan dicht", "Ja, Hoofdkraan is dicht."),
        ("zet de afzuiging aan", "Afzuiging is aan."),
        ("zet de afzuiging uit", "Afzuiging is uit."),
        ("zet de afzuiging aan", "Dat doe ik niet: Afzuiging moet nog tien seconden uit blijven."),
        ("stop alle timers", "De timer is geannuleerd."),
    ];
    conversation("nl", entities, "1", &table).await;
}
