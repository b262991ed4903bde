//! What is asked over the control socket: each question waits until its answer is known.

use std::time::Duration;

use super::{Action, Command, Fleet, Generation, Phase, Slot};

/// One question. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AskId(pub(crate) u64);

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// How is the fleet? Answered at once, by [`Action::Report`].
    Status,
    /// As HUP; answered when every worker serves the new generation, or the reload has failed.
    Reload,
    /// So many workers; answered when exactly these serve.
    Scale(usize),
    /// As one TERM, however often it is asked; answered when the fleet is over.
    Drain,
    /// As INT; answered when the fleet is over.
    Stop,
}

/// What was asked for is done, or why it is not.
pub(crate) type Outcome = Result<String, String>;

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Every worker serves this generation.
    Reload(Generation),
    /// Exactly so many workers serve.
    Scale(usize),
    /// The fleet is over; when it was asked, so many workers had been killed for being late.
    Drained { kills: u64 },
    /// The fleet is over.
    Stopped,
}

impl Fleet {
    pub(super) fn asked(&mut self, now: Duration, id: AskId, ask: Ask) {
        let is_serving = self.phase == Phase::Serving && self.succeeded;
        let awaited = match ask {
            Ask::Status => {
                let report = Box::new(self.report(now));
                return self.actions.push(Action::Report(id, report));
            }
            Ask::Reload | Ask::Scale(_) if !is_serving => {
                return self.answer(id, Err(format!("the fleet is {}", self.phase.name())));
            }
            // The successor has been told which settings count, and which slots listen.
            Ask::Reload | Ask::Scale(_) if self.upgrade.is_some() => {
                return self.answer(id, Err("an upgrade is under way".to_owned()));
            }
            Ask::Reload => {
                self.begin_reload();
                Awaited::Reload(self.newest + u32::from(self.reload_again))
            }
            Ask::Scale(workers) if !(1..=self.policy.max_workers).contains(&workers) => {
                let range = format!("1 to max_workers = {}", self.policy.max_workers);
                return self.answer(id, Err(format!("{workers} workers are not within {range}")));
            }
            Ask::Scale(workers) => {
                self.scale(now, workers);
                Awaited::Scale(workers)
            }
            Ask::Drain => {
                if !matches!(self.phase, Phase::Delaying { .. } | Phase::Draining { .. }) {
                    self.command(now, Command::Stop);
                }
                Awaited::Drained { kills: self.kills }
            }
            Ask::Stop => {
                self.command(now, Command::StopFast);
                Awaited::Stopped
            }
        };
        self.waiting.push((id, awaited));
    }

    /// Whoever asked this has gone away; what was asked for goes on.
    pub(super) fn forget_ask(&mut self, id: AskId) {
        self.waiting.retain(|(waiting, _)| *waiting != id);
    }

    /// Tells those who wait for this generation how its reload ended.
    pub(super) fn answer_reload(&mut self, generation: Generation, outcome: &Outcome) {
        self.answer_those(|_, awaited| (awaited == Awaited::Reload(generation)).then(|| outcome.clone()));
    }

    /// Answers whatever this step has decided.
    pub(super) fn answer_asks(&mut self, over: bool) {
        self.answer_those(|fleet, awaited| match awaited {
            Awaited::Drained { .. } if over && fleet.stopped_fast => {
                Some(Err("stopped at once, before the drain was done".to_owned()))
            }
            Awaited::Drained { kills } if over && fleet.kills > kills => {
                let killed = fleet.kills - kills;
                Some(Err(format!("stopped; {killed} workers were not done within graceful_timeout")))
            }
            Awaited::Drained { .. } if over => Some(Ok("drained and stopped".to_owned())),
            Awaited::Stopped if over => Some(Ok("stopped".to_owned())),
            Awaited::Drained { .. } | Awaited::Stopped => None,
            _ if fleet.phase != Phase::Serving => Some(Err("the fleet was asked to stop".to_owned())),
            Awaited::Reload(_) => None,
            Awaited::Scale(workers) => fleet.outcome_of_scale(workers),
        });
    }

    /// Answers whoever waits, since nobody will be there to.
    pub(super) fn refuse_asks(&mut self, why: &str) {
        self.answer_those(|_, _| Some(Err(why.to_owned())));
    }

    fn outcome_of_scale(&self, workers: usize) -> Option<Outcome> {
        if self.wanted != workers {
            return Some(Err(format!("{} workers were asked for since", self.wanted)));
        }
        let (wanted, surplus) = self.slots.split_at(workers);
        if let Some(slot) = wanted.iter().position(|slot| slot.backoff.is_failing()) {
            return Some(Err(format!("the workers of slot {slot} keep dying")));
        }
        let done = wanted.iter().all(Slot::is_ready) && surplus.iter().all(|s| s.workers.is_empty());
        done.then(|| Ok(format!("{workers} workers serve")))
    }

    fn answer_those(&mut self, decide: impl Fn(&Self, Awaited) -> Option<Outcome>) {
        for (id, awaited) in std::mem::take(&mut self.waiting) {
            match decide(self, awaited) {
                Some(outcome) => self.answer(id, outcome),
                None => self.waiting.push((id, awaited)),
            }
        }
    }

    fn answer(&mut self, id: AskId, outcome: Outcome) {
        self.answers.push((id, outcome));
    }
}
