//! What is said after something else: answers, references, corrections, several requests at once, and confirmations.

use super::*;
use crate::orchestrator::recall::LOOK_BACK;
use crate::tool::CallStatus;

/// What is said, and its reply; each after the one before.
type Said = &'static [(&'static str, &'static str)];

/// A bench with a press that cannot be taken back, and two bench lights that share a name.
fn workshop() -> Bench {
    workshop_in("en")
}

fn things() -> Vec<Entity> {
    let mut things = entities();
    things.push(Entity { risk: Risk::Dangerous, ..entity(EntityKind::Switch, "Press", "Press hall") });
    things.push(Entity { id: "light.office_bench".to_owned(), ..entity(EntityKind::Light, "Bench light", "Office") });
    things
}

fn workshop_in(language: &str) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let appliance = open_in(language, things(), folder.path(), &clock);
    clock.advance(Duration::from_secs(60));
    Bench { appliance, clock, folder }
}

impl Bench {
    fn is_lit(&self, ids: &[&str]) -> Vec<bool> {
        ids.iter().map(|id| self.is_on(id)).collect()
    }

    async fn hear(&self, text: &str, confidence: f32) -> Turn {
        let request = Request { confidence: Some(confidence), ..Request::typed(text, Caller::voice()) };
        self.appliance.orchestrator.ask(request).await
    }
}

/// Each dialogue from its beginning.
const DIALOGUES: &[Said] = &[
    // Which one: by name with its place, by counting, by place, both.
    &[
        ("turn on the bench light", "Which one do you mean: Bench light (Press hall) or Bench light (Office)?"),
        ("the second one", "Bench light is on."),
        ("turn it off again", "Bench light is off."),
    ],
    &[
        ("turn on the bench light", "Which one do you mean: Bench light (Press hall) or Bench light (Office)?"),
        ("the one in the office", "Bench light is on."),
        ("and the other one", "Bench light is on."),
        ("and the other one", "Bench light is already on."),
    ],
    &[
        ("turn on the bench light", "Which one do you mean: Bench light (Press hall) or Bench light (Office)?"),
        ("both", "Bench light is on. Bench light is on."),
    ],
    &[
        ("turn on the bench light", "Which one do you mean: Bench light (Press hall) or Bench light (Office)?"),
        ("the fifth", "Which one do you mean: Bench light (Press hall) or Bench light (Office)?"),
        ("bench light", "Which one do you mean: Bench light (Press hall) or Bench light (Office)?"),
        ("never mind", "All right."),
        ("the second one", "Did you mean the sound one?"),
    ],
    // Whether.
    &[("turn on the exraction fan", "Extraction fan is on."), ("is it on", "Yes, Extraction fan is on.")],
    &[("yes", "I didn't ask anything.")],
    // What it refers to.
    &[("turn it off", "I don't know what you mean by that.")],
    &[
        ("turn on the desk light", "Desk light is on."),
        ("what time is it", "It is eight oh one in the morning."),
        ("turn it off", "Desk light is off."),
    ],
    &[("turn on the extraction fan", "Extraction fan is on."), ("open it", "I don't know what you mean by that.")],
    &[("turn on the extraction fan", "Extraction fan is on."), ("the other one", "I don't know any other one.")],
    &[
        ("turn on all lights in the press hall", "Bench light and Ceiling light are on."),
        ("turn them off", "Bench light and Ceiling light are off."),
    ],
    // Corrections.
    &[
        ("turn on the ceiling light", "Ceiling light is on."),
        ("no the desk light", "Desk light is on."),
        ("is the ceiling light on", "No, Ceiling light is off."),
    ],
    &[("no i meant the desk light", "I don't know what you mean by that.")],
    // Something is missing.
    &[("set a timer", "For how long?"), ("ten minutes", "Timer set for ten minutes.")],
    &[("turn on", "What do you mean?"), ("the desk light", "Desk light is on.")],
    &[("set a timer", "For how long?"), ("yes", "For how long?"), ("2 hours", "Timer set for two hours.")],
    // Louder, and louder still.
    &[
        ("louder", "Is this better?"),
        ("a bit more", "Is this better?"),
        ("turn on the extraction fan", "Extraction fan is on."),
        ("a bit more", "That can't be set to more or less."),
    ],
    // Several at once.
    &[("turn the extraction fan on and the desk light on", "Extraction fan is on. Desk light is on.")],
    &[("turn on the extraction fan and the desk light", "Extraction fan is on. Desk light is on.")],
    &[("turn the ceiling light and the desk light on", "Ceiling light is on. Desk light is on.")],
    &[("turn on the desk light, then set a timer for 5 minutes", "Desk light is on. Timer set for five minutes.")],
    &[("turn on the desk light and frobnicate", "Sorry, I didn't understand that. Say help to hear what you can ask.")],
    &[("turn on all lights in the press hall except the ceiling light", "Bench light is on.")],
    &[
        ("turn on the desk light", "Desk light is on."),
        (
            "turn off all lights except the ceiling light and the desk light",
            "Sorry, I didn't understand that. Say help to hear what you can ask.",
        ),
        ("is the desk light on", "Yes, Desk light is on."),
    ],
    &[(
        "turn on all lights except the first and turn on the extraction fan",
        "Ceiling light, Desk light and Bench light are on. Extraction fan is on.",
    )],
    &[(
        "turn on all lights in the press hall except the desk light",
        "Sorry, I didn't understand that. Say help to hear what you can ask.",
    )],
];

#[tokio::test]
async fn dialogues() {
    for dialogue in DIALOGUES {
        let bench = workshop();
        for (text, reply) in *dialogue {
            let turn = bench.ask(text).await;
            assert_eq!(turn.reply, *reply, "{text:?} of {dialogue:?}: {turn:?}");
            bench.clock.advance(Duration::from_secs(2));
        }
    }
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_read_back_and_done_after_a_clear_yes() {
    let bench = workshop();
    let asked = bench.ask("turn on the press").await;
    assert_eq!((asked.outcome, asked.reply.as_str()), (Outcome::Asked, "Press on. Shall I do that?"));
    assert!(!bench.is_on("switch.press"));
    let done = bench.ask("yes").await;
    assert_eq!((done.outcome, done.reply.as_str()), (Outcome::Done, "Press is on."));
    assert_eq!((&done.plan, done.intent.as_deref()), (&asked.plan, Some("HassTurnOn")), "exactly what was read back");
    assert_eq!(done.answers.map(|it| it.turn), Some(asked.id));
    assert_eq!(bench.ask("yes").await.reply, "I didn't ask anything.", "once");
    assert_eq!(bench.ask("turn off the press").await.reply, "Press is off.", "making it safe is not asked about");
    assert_eq!(bench.ask("toggle the press").await.outcome, Outcome::Asked, "what a toggle comes to is known too late");
    bench.ask("no").await;

    bench.ask("turn on the press").await;
    assert_eq!(bench.ask("no").await.reply, "All right.");
    assert_eq!(bench.ask("yes").await.outcome, Outcome::Refused);
    bench.ask("turn on the press").await;
    bench.ask("what time is it").await;
    assert_eq!(bench.ask("yes").await.outcome, Outcome::Refused, "something else was said in between");
    bench.ask("turn on the press").await;
    bench.clock.advance(Duration::from_secs(10));
    assert_eq!(bench.ask("yes").await.reply, "That came too late. Say it again from the beginning.");
    assert!(!bench.is_on("switch.press"));
}

#[tokio::test]
async fn nobody_agrees_for_another_and_nothing_is_agreed_to_by_a_mumble() {
    let bench = workshop();
    bench.hear("turn on the press", 0.95).await;
    assert_eq!(bench.ask("yes").await.reply, "I didn't ask anything.", "another source");
    let unclear = bench.hear("yes", 0.7).await;
    assert_eq!((unclear.outcome, bench.is_on("switch.press")), (Outcome::Asked, false), "{unclear:?}");
    assert_eq!(bench.hear("yes", 0.2).await.outcome, Outcome::NotUnderstood);
    assert_ne!(bench.hear("yess", 0.95).await.outcome, Outcome::Done, "a word that was only nearly yes");
    assert_eq!(bench.hear("yes", 0.9).await.outcome, Outcome::Done);
    assert!(bench.is_on("switch.press"));
    // A request that was hardly heard is asked about before it is read back.
    bench.ask("turn off the press").await;
    let doubtful = bench.hear("turn on the press", 0.5).await;
    assert_eq!(doubtful.reply, "Did you mean turn on the press?");
    assert_eq!(bench.hear("yes", 0.9).await.reply, "Press on. Shall I do that?");
    assert_eq!(bench.hear("yes", 0.9).await.reply, "Press is on.");
}

#[tokio::test]
async fn the_time_to_agree_begins_when_the_question_was_spoken() {
    let bench = workshop();
    bench.hear("turn on the press", 0.95).await;
    let (orchestrator, voice) = (&bench.appliance.orchestrator, Caller::voice());
    orchestrator.speaking(&voice);
    bench.clock.advance(Duration::from_secs(12));
    orchestrator.spoken(&voice);
    bench.clock.advance(Duration::from_secs(9));
    assert_eq!(bench.hear("yes", 0.95).await.outcome, Outcome::Done);
}

#[tokio::test]
async fn a_restart_forgets_no_dialogue_but_every_confirmation() {
    let Bench { appliance, clock, folder } = workshop();
    appliance.orchestrator.ask(Request::typed("turn on the bench light", Caller::cli())).await;
    drop(appliance);
    let appliance = open_in("en", things(), folder.path(), &clock);
    clock.advance(Duration::from_secs(30));
    let turn = appliance.orchestrator.ask(Request::typed("the second one", Caller::cli())).await;
    assert_eq!(turn.reply, "Bench light is on.");
    appliance.orchestrator.ask(Request::typed("turn on the press", Caller::cli())).await;
    drop(appliance);
    let appliance = open_in("en", things(), folder.path(), &clock);
    let turn = appliance.orchestrator.ask(Request::typed("yes", Caller::cli())).await;
    assert_eq!(turn.reply, "That came too late. Say it again from the beginning.");
    assert_eq!(appliance.entities.view("switch.press").unwrap().value, Some(PointValue::Switch(false)));
}

#[tokio::test]
async fn one_of_a_group_that_is_refused_keeps_none_of_the_others() {
    let bench = workshop();
    bench.ask("turn on the extraction fan").await;
    bench.ask("turn off the extraction fan").await;
    let turn = bench.ask("turn on the extraction fan and the desk light").await;
    assert_eq!(turn.outcome, Outcome::Refused);
    assert_eq!(turn.steps.len(), 1, "a sequence ends where something is not done");
    assert!(!bench.is_on("light.desk_light"));

    let bench = bench_with_stuck_light();
    let turn = bench.ask("turn on all lights in the press hall").await;
    assert_eq!((turn.outcome, turn.steps.len()), (Outcome::Failed, 2));
    assert_eq!(bench.is_lit(&["light.bench_light", "light.ceiling_light"]), [false, true], "{turn:?}");
    assert!(turn.reply.starts_with("Ceiling light is on. Bench light did not respond"), "{}", turn.reply);
}

/// A bench whose bench light does not follow.
fn bench_with_stuck_light() -> Bench {
    let bench = bench();
    let gpio = SimulatedGpio::open(&bench.folder.path().join("gpio")).unwrap();
    gpio.set_fault(&"GPIO2".into(), Some(victus_hw::gpio::Fault::Stuck(Level::Low))).unwrap();
    bench
}

#[tokio::test]
async fn every_built_in_language_holds_the_same_dialogue() {
    let dialogues: [(&str, [&str; 6]); 5] = [
        (
            "en",
            [
                "turn on the press",
                "yes",
                "turn on the desk light",
                "turn it off",
                "turn the ceiling light on and the desk light on",
                "no the desk light",
            ],
        ),
        (
            "de",
            [
                "schalte press ein",
                "ja",
                "schalte desk light ein",
                "schalte es aus",
                "schalte ceiling light ein und desk light ein",
                "nein desk light",
            ],
        ),
        (
            "nl",
            [
                "zet press aan",
                "ja",
                "zet desk light aan",
                "zet hem uit",
                "zet ceiling light aan en desk light aan",
                "nee desk light",
            ],
        ),
        (
            "fr",
            [
                "allume press",
                "oui",
                "allume desk light",
                "éteins le",
                "allume ceiling light et allume desk light",
                "non desk light",
            ],
        ),
        (
            "es",
            [
                "enciende press",
                "sí",
                "enciende desk light",
                "apágalo",
                "enciende ceiling light y desk light",
                "no desk light",
            ],
        ),
    ];
    for (language, said) in dialogues {
        let bench = workshop_in(language);
        let mut seen = Vec::new();
        for text in said {
            let turn = bench.ask(text).await;
            seen.push((turn.outcome, bench.is_lit(&["switch.press", "light.desk_light", "light.ceiling_light"])));
            bench.clock.advance(Duration::from_secs(2));
        }
        let expected = [
            (Outcome::Asked, vec![false, false, false]),
            (Outcome::Done, vec![true, false, false]),
            (Outcome::Done, vec![true, true, false]),
            (Outcome::Done, vec![true, false, false]),
            (Outcome::Done, vec![true, true, true]),
            // The last request was about two things; both are taken back for the one that was meant.
            (Outcome::Done, vec![true, true, false]),
        ];
        assert_eq!(seen, expected, "{language}");
    }
}

#[tokio::test]
async fn a_preview_tells_what_would_be_done_and_leaves_no_trace() {
    let bench = workshop();
    let last = bench.appliance.store.journal().last();
    let preview = async |text: &str| {
        let turn = bench.appliance.orchestrator.preview(Request::typed(text, Caller::panel())).await;
        let statuses: Vec<CallStatus> = turn.steps.iter().map(|step| step.status.clone()).collect();
        (turn.outcome, turn.reply, turn.plan, statuses)
    };
    let (outcome, reply, plan, statuses) = preview("turn on the desk light and the press").await;
    assert_eq!((outcome, reply.as_str()), (Outcome::Preview, "Desk light on; Press on"));
    assert_eq!((plan.len(), statuses), (2, vec![CallStatus::Done, CallStatus::Done]));
    assert_eq!(preview("frobnicate").await.0, Outcome::NotUnderstood);
    assert_eq!(preview("turn on the bench light").await.0, Outcome::Asked);
    assert_eq!(preview("yes").await.0, Outcome::Refused, "a preview asks nothing");
    assert!(!bench.is_on("light.desk_light") && !bench.is_on("switch.press"));
    assert_eq!(bench.appliance.store.journal().last(), last);
    assert_eq!(bench.appliance.store.turns().latest(None, 9).unwrap(), []);

    bench.ask("turn on the extraction fan").await;
    bench.ask("turn off the extraction fan").await;
    let (_, _, _, statuses) = preview("turn on the extraction fan").await;
    assert!(matches!(&statuses[..], [CallStatus::Refused { code, .. }] if code == "interlock"), "{statuses:?}");
}

/// Every turn of some dialogues, decided again: by the same rules it comes to the same.
#[tokio::test]
async fn every_turn_is_decided_the_same_again_and_a_changed_rule_shows() {
    let bench = workshop();
    for dialogue in DIALOGUES {
        for (text, _) in *dialogue {
            bench.ask(text).await;
            bench.clock.advance(Duration::from_secs(2));
        }
        for text in ["turn on the press", "yes", "turn off the press", "undo that", "turn on the press"] {
            bench.ask(text).await;
            bench.clock.advance(Duration::from_secs(1));
        }
        bench.clock.advance(Duration::from_secs(11));
        bench.ask("yes").await;
        bench.hear("turn on the desk light", 0.5).await;
        bench.clock.advance(Duration::from_secs(1));
        bench.hear("yes", 0.9).await;
        bench.clock.advance(Duration::from_secs(400));
    }
    let turns = bench.appliance.store.turns().latest(None, 1000).unwrap();
    assert!(turns.len() > 200, "{}", turns.len());
    for (place, turn) in turns.iter().enumerate() {
        let before = &turns[place + 1..turns.len().min(place + 1 + LOOK_BACK)];
        let again = bench.appliance.orchestrator.replay(turn, before).await;
        assert_eq!(again.differences, [], "{turn:?}");
    }
    assert_eq!(bench.appliance.store.turns().latest(None, 1).unwrap()[0].id, turns[0].id, "nothing was stored");

    // One sentence is no longer understood, and means something else.
    let (sentences, _) = Sentences::load(&[crate::intents::Source {
        name: "own.yaml".to_owned(),
        text: "language: en\nintents:\n  HassTurnOff:\n    data:\n      - sentences: ['turn on [the] {name}']\n"
            .to_owned(),
    }]);
    let (other, _) = Language::compile(Arc::new(sentences), &bench.appliance.entities);
    bench.appliance.orchestrator.set_language(Arc::new(other));
    let turn = turns.iter().find(|turn| turn.text == "turn on the desk light" && turn.heard.is_none()).unwrap();
    let again = bench.appliance.orchestrator.replay(turn, &[]).await;
    let what: Vec<&str> = again.differences.iter().map(|difference| difference.what).collect();
    assert_eq!(what, ["intent", "plan"], "{again:?}");
}

#[tokio::test]
async fn a_sentence_says_what_a_failure_means_for_the_rest() {
    for (on_failure, lit, steps) in [("stop", [true, false], 2), ("skip", [true, true], 3), ("undo", [false, false], 3)]
    {
        let bench = bench();
        let gpio = SimulatedGpio::open(&bench.folder.path().join("gpio")).unwrap();
        // Of the three lights the second, by id, does not follow.
        gpio.set_fault(&"GPIO1".into(), Some(victus_hw::gpio::Fault::Stuck(Level::Low))).unwrap();
        let text = format!(
            "language: en\nintents:\n  HassTurnOn:\n    data:\n      - sentences: ['light it all up']\n        \
             slots: {{domain: light}}\n        metadata: {{on_failure: {on_failure}}}\n"
        );
        let own = crate::intents::Source { name: "own.yaml".to_owned(), text };
        let (language, problems) = Language::compile(Arc::new(Sentences::load(&[own]).0), &bench.appliance.entities);
        assert_eq!(problems, []);
        bench.appliance.orchestrator.set_language(Arc::new(language));
        let turn = bench.ask("light it all up").await;
        assert_eq!((turn.outcome, turn.steps.len()), (Outcome::Failed, steps), "{on_failure}: {turn:?}");
        assert_eq!(bench.is_lit(&["light.bench_light", "light.desk_light"]), lit, "{on_failure}");
    }
}
