//! What looks back: saying a reply again, and taking back what was done.

use super::*;

impl Bench {
    /// One request after the other, each a second after the last, as turns are in the order in which they began.
    async fn then(&self, text: &str) -> Turn {
        self.clock.advance(Duration::from_secs(1));
        self.ask(text).await
    }

    async fn from(&self, caller: Caller, text: &str) -> Turn {
        self.clock.advance(Duration::from_secs(1));
        self.appliance.orchestrator.ask(Request::typed(text, caller)).await
    }
}

#[tokio::test]
async fn the_last_reply_is_said_again_to_whom_it_was_said() {
    let bench = bench();
    let turn = bench.then("say that again").await;
    assert_eq!((turn.outcome, turn.reply.as_str()), (Outcome::Done, "I haven't said anything yet."));
    bench.from(Caller::voice(), "what time is it").await;
    let refused = bench.then("turn on the coffee machine").await;
    for _ in 0..2 {
        assert_eq!(bench.then("what did you say").await.reply, refused.reply);
    }
    assert!(bench.from(Caller::voice(), "pardon").await.reply.starts_with("It is eight"));
}

#[tokio::test]
async fn what_was_switched_is_switched_back_and_then_what_was_before() {
    let bench = bench();
    bench.then("turn on the desk light").await;
    bench.then("turn on all the lights in the press hall").await;
    bench.then("what time is it").await;
    bench.then("turn on the desk light").await;
    let undone = bench.then("undo that").await;
    assert_eq!(undone.outcome, Outcome::Done, "{undone:?}");
    assert_eq!(undone.reply, "Ceiling light and Bench light: undone.");
    assert!(!bench.is_on("light.ceiling_light") && !bench.is_on("light.bench_light"));
    assert!(bench.is_on("light.desk_light"), "it was found on, so the last request for it changed nothing");
    assert_eq!(bench.then("undo that").await.reply, "Desk light: undone.");
    assert!(!bench.is_on("light.desk_light"));
    assert_eq!(bench.then("undo that").await.reply, "There is nothing to undo.");
}

#[tokio::test]
async fn undoing_passes_no_interlock() {
    let bench = bench();
    bench.then("turn on the extraction fan").await;
    bench.then("turn off the extraction fan").await;
    let turn = bench.then("undo that").await;
    assert_eq!(turn.outcome, Outcome::Refused);
    assert!(turn.reply.contains("Extraction fan has to stay off"), "{}", turn.reply);
    assert!(!bench.is_on("fan.extraction_fan"));
    bench.clock.advance(Duration::from_secs(10));
    assert_eq!(bench.then("undo that").await.outcome, Outcome::Done);
    assert!(bench.is_on("fan.extraction_fan"));
}

#[tokio::test]
async fn a_timer_just_set_is_cancelled_and_one_that_was_cancelled_stays_so() {
    let bench = bench();
    bench.then("set a timer for five minutes").await;
    assert_eq!(bench.then("take that back").await.reply, "Undone.");
    assert_eq!(bench.appliance.timers.list(), []);
    bench.then("set a timer for five minutes").await;
    bench.then("cancel the timer").await;
    let turn = bench.then("undo that").await;
    assert_eq!((turn.outcome, turn.reply.as_str()), (Outcome::Refused, "That can't be undone."));
    assert_eq!(bench.appliance.timers.list(), []);
}

#[tokio::test]
async fn a_stop_is_not_undone() {
    let bench = bench();
    bench.then("turn on the extraction fan").await;
    bench.then("stop").await;
    bench.clock.advance(Duration::from_secs(20));
    assert_eq!(bench.then("undo that").await.reply, "That can't be undone.");
    assert!(!bench.is_on("fan.extraction_fan"));
}

#[tokio::test]
async fn nobody_undoes_what_another_did_or_what_is_long_past() {
    let bench = bench();
    bench.then("turn on the desk light").await;
    assert_eq!(bench.from(Caller::voice(), "undo that").await.reply, "There is nothing to undo.");
    bench.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(bench.then("undo that").await.reply, "There is nothing to undo.");
    assert!(bench.is_on("light.desk_light"));
}

#[tokio::test]
async fn a_viewer_undoes_nothing() {
    let bench = bench();
    bench.then("turn on the desk light").await;
    let viewer = Caller { source: Source::Panel, role: Role::Viewer, name: None };
    assert_eq!(bench.from(viewer, "undo that").await.outcome, Outcome::Refused);
    assert!(bench.is_on("light.desk_light"));
}

#[tokio::test]
async fn the_volume_goes_by_steps_to_its_ends_and_back() {
    let bench = bench();
    let table = [
        ("louder", "Is this better?", 80),
        ("set the volume to 95 percent", "Volume at ninety five percent.", 95),
        ("turn the volume up", "Is this better?", 100),
        ("speak up", "That is as far as it goes.", 100),
        ("undo that", "Undone.", 95),
        ("volume 15%", "Volume at fifteen percent.", 15),
        ("a bit quieter", "Is this better?", 10),
        ("not so loud", "That is as far as it goes.", 10),
        ("volume 0", "Volume at zero percent.", 0),
        ("quieter", "That is as far as it goes.", 0),
        ("louder", "Is this better?", 10),
    ];
    for (text, reply, percent) in table {
        let turn = bench.then(text).await;
        assert_eq!((turn.outcome, turn.reply.as_str()), (Outcome::Done, reply), "{text}");
        assert_eq!(bench.appliance.volume.percent(), percent, "{text}");
    }
    let Bench { appliance, clock, folder } = bench;
    drop(appliance);
    assert_eq!(open(folder.path(), &clock).volume.percent(), 10);
}

#[tokio::test]
async fn why_is_answered_with_what_was_understood_and_what_came_of_it() {
    let bench = bench();
    assert_eq!(bench.then("why did you do that").await.reply, "I haven't done anything yet.");
    let table = [
        ("turn on the extraction fan", "I understood: Extraction fan on, by line ", "of switching. It was done."),
        ("open the main valve!", "I heard: open the main valve. I understood: Main valve open", "It was done."),
        ("turn off the extraction fan", "Extraction fan off", "It was done."),
        ("turn on the extraction fan", "Extraction fan on", "I did not do it: Extraction fan has to stay off"),
        ("is the main valve open", "a question about Main valve, by line", "I answered: Yes"),
        ("set a timer for ten seconds", "I understood: a timer", "It was done."),
        ("what time is it", "a question about myself", "I answered: It is"),
        ("louder", "my volume", "It was done."),
        ("paint the fence", "I heard: paint the fence.", "I did not understand it."),
        ("turn on the light", "I heard: turn on the light.", "I was not sure what was meant."),
    ];
    for (text, understood, outcome) in table {
        let asked = bench.then(text).await;
        for _ in 0..2 {
            let reply = bench.then("why").await.reply;
            assert!(reply.contains(understood) && reply.contains(outcome), "{text}: {reply} {asked:?}");
        }
    }
    let line = bench.then("turn on the desk light").await.template.unwrap();
    let (_, line) = line.rsplit_once(':').unwrap();
    assert!(bench.then("why").await.reply.contains(&format!("by line {line} of ")));
}

#[tokio::test]
async fn what_a_restart_cut_off_is_explained_so_and_a_long_request_in_short() {
    let bench = bench();
    let mut turn = bench.then("turn on the desk light").await;
    turn.outcome = Outcome::Running;
    bench.appliance.store.turns().put(&turn).await;
    bench.appliance.orchestrator.settle_interrupted().await.unwrap();
    let reply = bench.then("why").await.reply;
    assert!(reply.ends_with("I was cut off in the middle of it."), "{reply}");
    bench.then(&"fan ".repeat(200)).await;
    let reply = bench.then("why").await.reply;
    assert!(reply.len() < 200 && reply.ends_with("I did not understand it."), "{reply}");
}
