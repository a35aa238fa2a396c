//! An allocator that counts, on the threads and at the times that ask for it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

/// The system's allocator; `#[global_allocator] static GLOBAL: Counting = Counting;` puts it in place.
pub(crate) struct Counting;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
}
static COUNT_BYTES: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicIsize = AtomicIsize::new(0);
static MOST_BYTES: AtomicIsize = AtomicIsize::new(0);

/// How often this thread has asked for memory, or for more of it.
pub(crate) fn calls() -> u64 {
    CALLS.get()
}

/// Starts counting at zero the bytes that all threads together hold: what is freed of older memory counts below it.
pub(crate) fn count_bytes() {
    BYTES.store(0, Ordering::SeqCst);
    MOST_BYTES.store(0, Ordering::SeqCst);
    COUNT_BYTES.store(true, Ordering::SeqCst);
}

/// Stops counting bytes, and says what is held more than at the start.
pub(crate) fn stop_counting_bytes() -> isize {
    COUNT_BYTES.store(false, Ordering::SeqCst);
    BYTES.load(Ordering::SeqCst)
}

/// Says how many bytes were held more than at the start, when it was the most.
#[allow(dead_code, reason = "a bench asks for what stays, a test for this")]
pub(crate) fn most_bytes() -> isize {
    MOST_BYTES.load(Ordering::SeqCst)
}

fn grew(by: usize) {
    CALLS.set(CALLS.get() + 1);
    held(by.cast_signed());
}

fn held(more: isize) {
    // Off, this is one load of a line that nobody writes: what is timed is not slowed.
    if COUNT_BYTES.load(Ordering::Relaxed) {
        let held = BYTES.fetch_add(more, Ordering::Relaxed) + more;
        MOST_BYTES.fetch_max(held, Ordering::Relaxed);
    }
}

#[allow(unsafe_code, reason = "an allocator can't be counted from safe code; each call goes to `System` as it came")]
// SAFETY: every method hands its arguments to `System` unchanged, and counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: the caller's promises are those `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        held(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grew(size);
        held(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}
