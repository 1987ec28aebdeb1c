//! What a token is good for, and everything that it is not.

use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::json;
use victus_hw::clock::SimulatedClock;

use super::*;

fn bench() -> (Arc<SimulatedClock>, Confirmations) {
    let clock = Arc::new(SimulatedClock::new(1_800_000_000_000));
    let random = Arc::new(Mutex::new(StdRng::seed_from_u64(7)));
    (clock.clone(), Confirmations::new(clock, random))
}

fn open(entity: &str) -> PlannedCall {
    ("entity.turn_on".to_owned(), json!({"entity": entity}))
}

fn uses(permit: &Permit, entity: &str) -> bool {
    permit.use_for("entity.turn_on", &json!({"entity": entity}))
}

#[test]
fn a_permit_is_good_for_each_of_its_calls_once_and_for_no_other() {
    let (_clock, confirmations) = bench();
    let token = confirmations.ask(&Caller::voice(), vec![open("valve.a"), open("valve.b"), open("valve.b")]);
    let permit = confirmations.agree(&token, &Caller::voice()).unwrap();
    assert!(!uses(&permit, "valve.c"));
    assert!(!permit.use_for("entity.turn_off", &json!({"entity": "valve.a"})));
    assert!(uses(&permit, "valve.a") && !uses(&permit, "valve.a"));
    let copy = permit.clone();
    assert!(uses(&copy, "valve.b") && uses(&permit, "valve.b"), "it was agreed to twice");
    assert!(!uses(&copy, "valve.b") && !uses(&permit, "valve.b"), "a copy is the same permit");
    assert!(!uses(&Permit::none(), "valve.a"));
}

#[test]
fn a_token_is_good_once_in_time_and_for_whom_it_was_made() {
    let (clock, confirmations) = bench();
    let (voice, panel) = (Caller::voice(), Caller::panel());
    let ask = || confirmations.ask(&voice, vec![open("valve.a")]);

    let token = ask();
    assert_eq!(confirmations.agree(&Token::new("guessed"), &voice).unwrap_err(), NotConfirmed::Unknown);
    assert_eq!(confirmations.agree(&token, &panel).unwrap_err(), NotConfirmed::Other);
    assert_eq!(confirmations.agree(&token, &voice).unwrap_err(), NotConfirmed::Unknown, "used up by the wrong caller");

    let token = ask();
    assert!(confirmations.agree(&token, &voice).is_ok());
    assert_eq!(confirmations.agree(&token, &voice).unwrap_err(), NotConfirmed::Unknown, "good once");

    let token = ask();
    clock.advance(VALID_FOR - Duration::from_millis(1));
    assert!(confirmations.agree(&token, &voice).is_ok());
    let token = ask();
    clock.advance(VALID_FOR);
    assert_eq!(confirmations.agree(&token, &voice).unwrap_err(), NotConfirmed::Expired);

    let token = ask();
    confirmations.withdraw(&token);
    assert_eq!(confirmations.agree(&token, &voice).unwrap_err(), NotConfirmed::Unknown);

    let (args, other) = (json!({"entity": "valve.a"}), json!({"entity": "valve.b"}));
    let agreed = confirmations.agree_to(&ask(), &voice, "entity.turn_on", &other);
    assert_eq!(agreed.unwrap_err(), NotConfirmed::Other);
    assert!(confirmations.agree_to(&ask(), &voice, "entity.turn_on", &args).is_ok());
}

#[test]
fn the_time_of_a_question_that_is_spoken_begins_when_it_was_said_and_only_once() {
    let (clock, confirmations) = bench();
    let token = confirmations.ask(&Caller::voice(), vec![open("valve.a")]);
    confirmations.speaking(&token);
    clock.advance(Duration::from_secs(20));
    confirmations.spoken(&token);
    clock.advance(Duration::from_secs(9));
    confirmations.spoken(&token);
    confirmations.speaking(&token);
    clock.advance(Duration::from_secs(1));
    assert_eq!(confirmations.agree(&token, &Caller::voice()).unwrap_err(), NotConfirmed::Expired);

    let token = confirmations.ask(&Caller::voice(), vec![open("valve.a")]);
    clock.advance(VALID_FOR);
    confirmations.spoken(&token);
    assert_eq!(confirmations.agree(&token, &Caller::voice()).unwrap_err(), NotConfirmed::Expired, "too late to begin");
}

#[test]
fn the_open_questions_are_bounded_and_a_token_does_not_show_itself() {
    let (_clock, confirmations) = bench();
    let first = confirmations.ask(&Caller::voice(), vec![open("valve.a")]);
    let later: Vec<Token> = (0..MAX_OPEN).map(|_| confirmations.ask(&Caller::voice(), Vec::new())).collect();
    assert_eq!(confirmations.agree(&first, &Caller::voice()).unwrap_err(), NotConfirmed::Unknown);
    assert!(confirmations.agree(&later[0], &Caller::voice()).is_ok());
    assert_eq!(format!("{first:?}"), "Token");
    assert!(later.iter().all(|token| *token != first));
}
