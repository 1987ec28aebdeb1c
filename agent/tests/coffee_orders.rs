//! Spoken orders of a domain that is not the appliance's, with the real recogniser.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a panic is how a test fails, and it prints its figures")]

#[path = "shared/opened.rs"]
mod opened;
#[path = "shared/orders.rs"]
mod orders;
#[path = "shared/recordings.rs"]
mod recordings;

/// How many orders are heard, and how many of them have to be understood. The benchmark hears all of them, in noise too.
const ORDERS: usize = 8;
const UNDERSTOOD_AT_LEAST: usize = 7;

#[test]
fn a_trial_of_a_model_runs_in_a_child() {
    opened::trial_if_asked();
}

#[test]
fn orders_are_understood_with_all_their_slots() {
    let Some(shared) = recordings::folder() else { return };
    let orders = orders::read(&shared);
    let folder = tempfile::tempdir().unwrap();
    let mut counter = orders::Counter::open(folder.path());
    let mut understood = 0;
    for order in orders.iter().take(ORDERS) {
        let (text, right) = counter.take(order, &order.samples);
        println!("{} {}: “{text}”", if right { "right" } else { "WRONG" }, order.file);
        understood += usize::from(right);
    }
    assert!(understood >= UNDERSTOOD_AT_LEAST, "{understood} of {ORDERS} understood");
}
