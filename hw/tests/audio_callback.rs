//! The audio callbacks allocate nothing, whatever happens to them.
#![allow(unsafe_code)] // A counting global allocator is the only way to see an allocation, and its trait is unsafe.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use victus_hw::audio::callback::{Channel, capture, playback};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: everything is passed on to the system's allocator; the count is a thread-local without destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count();
        // SAFETY: the pointer came from `alloc` above, so from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the pointer came from `alloc` above, so from the system's allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many times this thread called the allocator in `action`.
fn allocations(action: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    action();
    ALLOCATIONS.get() - before
}

#[test]
fn the_count_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1_u8; 100]))), 2);
}

#[test]
fn capture_allocates_nothing_with_room_without_room_and_after_overruns() {
    let floats = [0.25_f32; 960];
    let shorts = [7_i16; 960];
    for channel in [Channel::First, Channel::Number(1), Channel::Average] {
        let (mut callback, mut reader) = capture(2_000, 2, channel);
        let counts = callback.counts();
        let mut out = Vec::with_capacity(4_000);
        for round in 0..200 {
            let calls = allocations(|| {
                counts.overruns.fetch_add(u64::from(round % 3 == 0), std::sync::atomic::Ordering::Relaxed);
                callback.take(&floats);
                callback.take(&shorts);
                callback.take::<u16>(&[]);
                callback.take(&[1_i32]);
            });
            assert_eq!(calls, 0, "round {round}");
            if round % 10 == 0 {
                out.clear();
                reader.read(&mut out, 2_000);
            }
        }
    }
}

#[test]
fn playback_allocates_nothing_with_sound_and_without() {
    let (mut callback, mut ring, state) = playback(2_000, 2, 48_000);
    let mut block = [0_i16; 960];
    for round in 0..100 {
        let written = if round % 2 == 0 { ring.push_partial_slice(&[0.5; 300]).0.len() } else { 0 };
        state.complete.store(round == 90, std::sync::atomic::Ordering::Release);
        assert_eq!(allocations(|| callback.fill(&mut block, 20_000)), 0, "round {round}, {written} written");
    }
}
