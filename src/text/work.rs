//! Counts of what reading costs, for tests that hold it to a bound: a clock would be disturbed by whatever else runs.

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Notes that so many steps were taken; each costs about as much as any other. Nothing outside of tests.
#[inline(always)]
pub(crate) fn spend(steps: usize) {
    #[cfg(test)]
    STEPS.set(STEPS.get() + steps as u64);
    #[cfg(not(test))]
    let _ = steps;
}

/// The steps that this thread has taken in `run`.
#[cfg(test)]
pub(crate) fn spent(run: impl FnOnce()) -> u64 {
    let before = STEPS.get();
    run();
    STEPS.get() - before
}
