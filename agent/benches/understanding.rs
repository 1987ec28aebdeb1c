//! How well spoken coffee orders are understood, clean and with kitchen noise behind them, and how well the appliance knows
//! what it has not understood (`doubt`): `make bench-understanding`.
//!
//! Each order is heard clean and, for each ratio, with the noise from [`OFFSETS`] places, drawn by a fixed seed. It is right
//! if the intent and all of its slots are those of its label and there are no others. The interval is the bootstrap's: the
//! orders are drawn again with all their places, because what one speaker says in 20 noises is not 20 independent orders.
//! Prints a table and a line `figure NAME VALUE UNIT` for each figure. `VICTUS_NOISE_OFFSETS` takes fewer places and
//! `VICTUS_ONLY_DOUBT` no orders, to try something out.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "it prints its figures, and stops at a fault")]

#[path = "understanding/doubt.rs"]
mod doubt;
#[path = "../tests/shared/home.rs"]
mod home;
#[path = "../tests/shared/opened.rs"]
mod opened;
#[path = "../tests/shared/orders.rs"]
mod orders;
#[path = "../tests/shared/recordings.rs"]
mod recordings;

use std::collections::BTreeMap;
use std::path::Path;

use orders::{Counter, Order};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use victus_hw::audio::file::read_wav;
use victus_hw::audio::mix::mix;

/// At how many places of the noise each order is heard.
const OFFSETS: usize = 20;
/// How far above the noise, in dB.
const RATIOS: [u8; 4] = [24, 18, 12, 6];
/// How many threads hear; each has a recogniser.
const THREADS: usize = 2;
/// How often the bootstrap draws.
const DRAWS: usize = 10_000;
/// The seeds of the places and of the bootstrap.
const SEED: u64 = 1;

/// Whether an order was right, at each ratio (none: clean), at each place.
type Results = BTreeMap<Option<u8>, Vec<Vec<bool>>>;

fn main() {
    if opened::trial_if_asked() {
        return;
    }
    let Some(shared) = recordings::folder() else { return };
    if std::env::var_os("VICTUS_ONLY_DOUBT").is_none() {
        orders_in_noise(&shared);
    }
    doubt::run(&shared);
}

/// The coffee orders.
fn orders_in_noise(shared: &Path) {
    let orders = orders::read(shared);
    let noise = read_wav(&shared.join("audio/noise/kitchen.wav")).unwrap();
    let offsets = std::env::var("VICTUS_NOISE_OFFSETS").map_or(OFFSETS, |count| count.parse().unwrap());
    let mut heard: Vec<(usize, Heard)> = std::thread::scope(|scope| {
        let share = |first: usize| {
            let (orders, noise) = (&orders, &noise);
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let mut counter = Counter::open(folder.path());
                let mine = (first..orders.len()).step_by(THREADS);
                mine.map(|index| (index, hear(&mut counter, &orders[index], noise, index, offsets))).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..THREADS).map(share).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    heard.sort_by_key(|(index, _)| *index);
    let mut results = Results::new();
    for (index, heard) in heard {
        println!("{} {}", orders[index].file, heard.wrong.join("; "));
        for (ratio, right) in heard.right {
            results.entry(ratio).or_default().push(right);
        }
    }
    report(&results);
}

/// What came of one order.
struct Heard {
    right: Vec<(Option<u8>, Vec<bool>)>,
    /// The words where they were wrong, at each ratio.
    wrong: Vec<String>,
}

fn hear(counter: &mut Counter, order: &Order, noise: &[i16], index: usize, offsets: usize) -> Heard {
    let mut heard = Heard { right: Vec::new(), wrong: Vec::new() };
    let mut note = |at: &str, (text, right): (String, bool)| {
        if !right {
            heard.wrong.push(format!("{at}: “{text}”"));
        }
        right
    };
    heard.right.push((None, vec![note("clean", counter.take(order, &order.samples))]));
    for ratio in RATIOS {
        let mut random = StdRng::seed_from_u64(SEED + index as u64);
        let mut at_one = || {
            let offset = random.random_range(0..noise.len() - order.samples.len());
            let mixed = mix(&order.samples, noise, offset, f64::from(ratio)).unwrap();
            note(&format!("{ratio} dB"), counter.take(order, &mixed))
        };
        heard.right.push((Some(ratio), (0..offsets).map(|_| at_one()).collect()));
    }
    heard
}

/// Figures and table.
fn report(results: &Results) {
    println!("\n| noise | all slots right | 95 % interval | requests |\n| --- | --- | --- | --- |");
    let mut figures = Vec::new();
    for (ratio, orders) in results {
        let name = ratio.map_or("clean".to_owned(), |ratio| format!("kitchen_{ratio}_db"));
        let share = percent(orders.iter());
        let (low, high) = interval(orders);
        let requests: usize = orders.iter().map(Vec::len).sum();
        println!("| {name} | {share:.1} % | {low:.1} – {high:.1} % | {requests} |");
        figures.push(format!("figure understanding.orders.{name}.all_slots_right {share:.1} %"));
        figures.push(format!("figure understanding.orders.{name}.all_slots_right.low {low:.1} %"));
        figures.push(format!("figure understanding.orders.{name}.all_slots_right.high {high:.1} %"));
    }
    let noisy: Vec<Vec<bool>> = (0..results[&None].len())
        .map(|order| RATIOS.iter().flat_map(|ratio| results[&Some(*ratio)][order].clone()).collect())
        .collect();
    let (share, (low, high)) = (percent(noisy.iter()), interval(&noisy));
    println!("| mean of the noisy | {share:.1} % | {low:.1} – {high:.1} % | |\n");
    figures.push(format!("figure understanding.orders.kitchen_mean.all_slots_right {share:.1} %"));
    println!("{}", figures.join("\n"));
}

fn percent<'a>(orders: impl Iterator<Item = &'a Vec<bool>>) -> f64 {
    let (right, all) = orders
        .fold((0, 0), |(right, all), order| (right + order.iter().filter(|right| **right).count(), all + order.len()));
    100.0 * right as f64 / all.max(1) as f64
}

/// The middle 95 % of what comes out when the orders are drawn again.
fn interval(orders: &[Vec<bool>]) -> (f64, f64) {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut shares: Vec<f64> =
        (0..DRAWS).map(|_| percent((0..orders.len()).map(|_| &orders[random.random_range(0..orders.len())]))).collect();
    shares.sort_by(f64::total_cmp);
    (shares[DRAWS * 25 / 1000], shares[DRAWS * 975 / 1000])
}
