//! Commands for later, and what becomes of them.

use super::*;

impl Bench {
    async fn a_second_later(&self, text: &str) -> Turn {
        self.clock.advance(Duration::from_secs(1));
        self.ask(text).await
    }

    async fn due(&self) {
        self.appliance.schedules.run_due(&|| {}).await;
    }
}

#[tokio::test]
async fn what_is_said_for_later_is_planned_now_and_done_then() {
    let bench = bench();
    let turn = bench.ask("in ten minutes turn on the extraction fan").await;
    assert_eq!((turn.outcome, turn.intent.as_deref()), (Outcome::Done, Some("VictusScheduleOnce")), "{turn:?}");
    let steps = json!([{"tool": "entity.turn_on", "args": {"entity": "fan.extraction_fan"}}]);
    let args = json!({"after_seconds": 600, "command": "turn on the extraction fan", "steps": steps});
    assert_eq!(turn.plan, [Step::new("schedule.create", args)]);
    assert_eq!(turn.reply, "All right, in ten minutes: turn on the extraction fan.");
    assert!(!bench.is_on("fan.extraction_fan"));
    bench.clock.advance(Duration::from_secs(599));
    bench.due().await;
    assert!(!bench.is_on("fan.extraction_fan"));
    bench.clock.advance(Duration::from_secs(1));
    bench.due().await;
    assert!(bench.is_on("fan.extraction_fan"));
}

/// 2027-01-15, a Friday, 08:01 in UTC.
#[tokio::test]
async fn what_is_understood_for_later() {
    let table = [
        ("turn on the desk light in ten minutes", "All right, in ten minutes: turn on the desk light."),
        (
            "in an hour and a half turn off the desk light",
            "All right, in one hour and thirty minutes: turn off the desk light.",
        ),
        (
            "turn on the desk light at half past six",
            "All right, Saturday, the sixteenth of January at six thirty in the morning: turn on the desk light.",
        ),
        (
            "at 22:05 turn on the desk light",
            "All right, Friday, the fifteenth of January at ten oh five in the evening: turn on the desk light.",
        ),
        (
            "tomorrow at quarter to seven pm turn on the desk light",
            "All right, Saturday, the sixteenth of January at six forty five in the evening: turn on the desk light.",
        ),
        (
            "turn on the desk light at noon tomorrow",
            "All right, Saturday, the sixteenth of January at noon: turn on the desk light.",
        ),
        (
            "every weekday at six turn on all the lights in the press hall",
            "All right, from Monday to Friday at six o'clock in the morning: turn on all the lights in the press hall.",
        ),
        (
            "turn off the extraction fan every day at 22:30",
            "All right, every day at ten thirty in the evening: turn off the extraction fan.",
        ),
        (
            "at six thirty every monday and thursday turn on the desk light",
            "All right, every Monday and Thursday at six thirty in the morning: turn on the desk light.",
        ),
        (
            "on sundays at 7 am turn on the desk light",
            "All right, every Sunday at seven o'clock in the morning: turn on the desk light.",
        ),
        ("turn on the desk light daily at midnight", "All right, every day at midnight: turn on the desk light."),
    ];
    for (text, reply) in table {
        let bench = bench();
        let turn = bench.ask(text).await;
        assert_eq!((turn.outcome, turn.reply.as_str()), (Outcome::Done, reply), "{text}: {turn:?}");
        assert_eq!(bench.appliance.schedules.list().len(), 1);
    }
}

#[tokio::test]
async fn what_is_in_doubt_is_asked_or_not_understood_and_nothing_is_scheduled() {
    let bench = bench();
    let table = [
        ("in ten minutes turn on the light", Outcome::Asked, "Which one do you mean"),
        ("in ten minutes turn on the extracton fan", Outcome::Asked, "Did you mean turn on the extraction fan"),
        ("in ten minutes turn on the coffee machine", Outcome::NotUnderstood, "Sorry"),
        ("in ten minutes in five minutes turn on the desk light", Outcome::NotUnderstood, "Sorry"),
        ("in ten minutes turn on the desk light and turn off the extraction fan", Outcome::NotUnderstood, "Sorry"),
        ("turn on the desk light and turn off the extraction fan in ten minutes", Outcome::NotUnderstood, "Sorry"),
        ("in ten minutes turn it off", Outcome::NotUnderstood, "Sorry"),
        ("in ten minutes turn on", Outcome::NotUnderstood, "Sorry"),
        ("every day at six in five minutes turn on the desk light", Outcome::NotUnderstood, "Sorry"),
        ("in ten minutes", Outcome::NotUnderstood, "Sorry"),
        ("in ten minutes what time is it", Outcome::Refused, "I won't do that: nothing in that can be scheduled"),
        ("in ten minutes never mind", Outcome::Refused, "I won't do that: nothing in that can be scheduled"),
        ("turn on the desk light today at six", Outcome::Refused, "I won't do that: that time is over"),
        ("turn on the desk light at 18:00 am", Outcome::Refused, "Sorry"),
    ];
    for (text, outcome, reply) in table {
        let turn = bench.a_second_later(text).await;
        assert_eq!(turn.outcome, outcome, "{text}: {turn:?}");
        assert!(turn.reply.starts_with(reply), "{text}: {}", turn.reply);
        assert_eq!(bench.appliance.schedules.list(), [], "{text}");
    }
}

#[tokio::test]
async fn what_is_dangerous_is_not_scheduled() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let mut entities = entities();
    entities[0].risk = Risk::Dangerous;
    let appliance = open_in("en", entities, folder.path(), &clock);
    let request = Request::typed("in ten minutes turn on the extraction fan", Caller::panel());
    let turn = appliance.orchestrator.ask(request).await;
    let reply = "I won't do that: what is dangerous is not done without somebody to confirm it.";
    assert_eq!((turn.outcome, turn.reply.as_str()), (Outcome::Refused, reply));
    assert_eq!(appliance.schedules.list(), []);
}

#[tokio::test]
async fn what_is_scheduled_is_told_and_taken_back() {
    let bench = bench();
    assert_eq!(bench.a_second_later("what is scheduled").await.reply, "Nothing is scheduled.");
    assert_eq!(bench.a_second_later("cancel the schedule").await.reply, "There is no such schedule.");
    bench.a_second_later("every day at six turn on the desk light").await;
    bench.a_second_later("in ten minutes turn off the desk light").await;
    let told = "In nine minutes and fifty nine seconds: turn off the desk light. \
                Every day at six o'clock in the morning: turn on the desk light.";
    assert_eq!(bench.a_second_later("what is scheduled").await.reply, told);
    assert_eq!(bench.a_second_later("undo that").await.reply, "Undone.");
    assert_eq!(bench.appliance.schedules.list().len(), 1);
    bench.a_second_later("in ten minutes turn off the desk light").await;
    let both = "I won't do that: there are two schedules, say which one by its name.";
    assert_eq!(bench.a_second_later("cancel the schedule").await.reply, both);
    let one = bench.a_second_later("cancel the schedule turn off the desk light").await;
    assert_eq!(
        (one.outcome, one.reply.as_str()),
        (Outcome::Done, "It is not scheduled any more: turn off the desk light.")
    );
    let why = bench.a_second_later("why").await.reply;
    assert!(why.contains("something for later") && why.contains("It was done"), "{why}");
    assert_eq!(bench.a_second_later("cancel all schedules").await.reply, "The schedule is deleted.");
    assert_eq!(bench.appliance.schedules.list(), []);
}

#[tokio::test]
async fn a_timer_is_made_longer_and_shorter_and_that_is_taken_back() {
    let bench = bench();
    bench.a_second_later("set a tea timer for five minutes").await;
    let table = [
        (
            "add two minutes to the timer",
            "Two minutes added to the timer tea, six minutes and fifty nine seconds left.",
        ),
        ("undo that", "Undone."),
        (
            "extend the tea timer by an hour",
            "One hour added to the timer tea, one hour, four minutes and fifty seven seconds left.",
        ),
        (
            "take one hour off the tea timer",
            "One hour taken off the timer tea, four minutes and fifty six seconds left.",
        ),
        ("take ten minutes off the timer", "I won't do that: it has only five minutes left."),
        ("add 5 minutes to the coffee timer", "There is no such timer."),
    ];
    for (text, reply) in table {
        assert_eq!(bench.a_second_later(text).await.reply, reply, "{text}");
    }
}

/// What is said in a language, and what is answered.
const FOR_LATER: &[(&str, &str, &str)] = &[
    ("de", "in zehn Minuten schalte Pumpe ein", "In Ordnung, in zehn Minuten: schalte Pumpe ein."),
    ("de", "schalte in zehn Minuten Pumpe ein", "In Ordnung, in zehn Minuten: schalte Pumpe ein."),
    (
        "de",
        "schalte Pumpe morgen um halb sieben ein",
        "In Ordnung, Samstag, der sechzehnte Januar um sechs Uhr dreißig: schalte Pumpe ein.",
    ),
    (
        "de",
        "werktags um sechs Uhr schalte Pumpe ein",
        "In Ordnung, von Montag bis Freitag um sechs Uhr: schalte Pumpe ein.",
    ),
    (
        "de",
        "schalte montags um 18:30 Pumpe ein",
        "In Ordnung, jeden Montag um achtzehn Uhr dreißig: schalte Pumpe ein.",
    ),
    ("nl", "zet over tien minuten Pumpe aan", "Goed, over tien minuten: zet Pumpe aan."),
    (
        "nl",
        "elke werkdag om zes uur zet Pumpe aan",
        "Goed, van maandag tot en met vrijdag om zes uur 's ochtends: zet Pumpe aan.",
    ),
    (
        "nl",
        "zet Pumpe om half zeven 's avonds aan",
        "Goed, vrijdag vijftien januari om zes uur dertig 's avonds: zet Pumpe aan.",
    ),
    ("fr", "dans dix minutes allume Pumpe", "C'est noté, dans dix minutes : allume Pumpe."),
    (
        "fr",
        "allume Pumpe tous les jours à six heures et demie",
        "C'est noté, tous les jours à six heures trente : allume Pumpe.",
    ),
    ("fr", "tous les lundis à 18h allume Pumpe", "C'est noté, chaque lundi à dix-huit heures : allume Pumpe."),
    ("es", "en diez minutos enciende Pumpe", "De acuerdo, en diez minutos: enciende Pumpe."),
    (
        "es",
        "enciende Pumpe todos los días a las seis y media",
        "De acuerdo, todos los días a las seis y media de la mañana: enciende Pumpe.",
    ),
    (
        "es",
        "mañana a las siete menos cuarto de la tarde enciende Pumpe",
        "De acuerdo, sábado, dieciséis de enero a las seis y cuarenta y cinco de la tarde: enciende Pumpe.",
    ),
];

const LONGER: &[(&str, &str, &str)] = &[
    ("de", "verlängere den Timer um fünf Minuten", "Timer verlängert um fünf Minuten, Rest zehn Minuten."),
    ("nl", "verleng de timer met vijf minuten", "Timer verlengd met vijf minuten, nog tien minuten."),
    ("fr", "ajoute cinq minutes au minuteur", "Minuteur prolongé de cinq minutes, reste dix minutes."),
    (
        "es",
        "añade cinco minutos al temporizador",
        "Temporizador alargado en cinco minutos, tiempo restante: diez minutos.",
    ),
];

const SHORTER: &[(&str, &str)] = &[
    ("de", "kürze den Timer um eine Minute"),
    ("nl", "verkort de timer met één minuut"),
    ("fr", "retire une minute au minuteur"),
    ("es", "quita un minuto al temporizador"),
];

#[tokio::test]
async fn what_is_for_later_is_understood_in_every_language() {
    for language in ["de", "nl", "fr", "es"] {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
        let appliance = open_in(language, vec![entity(EntityKind::Switch, "Pumpe", "Halle")], folder.path(), &clock);
        let ask = |text: &'static str| appliance.orchestrator.ask(Request::typed(text, Caller::panel()));
        for (_, text, reply) in FOR_LATER.iter().filter(|(code, ..)| *code == language) {
            let turn = ask(text).await;
            assert_eq!((turn.outcome, turn.reply.as_str()), (Outcome::Done, *reply), "{text}: {turn:?}");
        }
        appliance.timers.start("timer-1".to_owned(), None, Duration::from_secs(300), None).await.unwrap();
        for (_, text, reply) in LONGER.iter().filter(|(code, ..)| *code == language) {
            assert_eq!(ask(text).await.reply, *reply, "{text}");
        }
        for (_, text) in SHORTER.iter().filter(|(code, _)| *code == language) {
            let turn = ask(text).await;
            assert_eq!((turn.outcome, turn.intent.as_deref()), (Outcome::Done, Some("HassDecreaseTimer")), "{turn:?}");
        }
    }
}
