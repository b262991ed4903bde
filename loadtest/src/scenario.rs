//! The scenarios, as data: what is asked, over how many connections, in which manner.

/// What the requests ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The lesson's own single-text request, always the same.
    LessonText,
    /// Different requests of this many texts each.
    Texts(usize),
    /// Different requests of one text of this many words.
    Words(usize),
    /// The lesson's text, but every so many requests one with many texts, at random places.
    Mix {
        /// Texts in a large request.
        texts: usize,
        /// Of how many requests one is large.
        one_in: usize,
    },
    /// One of the lesson's GET routes.
    Get(&'static str),
}

/// How a load reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// What is asked.
    pub(crate) work: Work,
    /// Connections at once.
    pub(crate) connections: usize,
    /// Whether each request has a connection of its own.
    pub(crate) reconnect: bool,
    /// Requests written together before the first answer is awaited.
    pub(crate) pipeline: usize,
    /// Clients beside the others that send their requests a few bytes at a time.
    pub(crate) slow_clients: usize,
}

/// A load with a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// What `--scenarios` calls it.
    pub(crate) name: &'static str,
    /// One line for the report.
    pub(crate) about: &'static str,
    /// Whether `--quick` runs it.
    pub(crate) quick: bool,
    /// The load.
    pub(crate) load: Load,
}

/// Connections where a scenario is not about their number.
pub(crate) const CONNECTIONS: usize = 32;

const PLAIN: Load =
    Load { work: Work::LessonText, connections: CONNECTIONS, reconnect: false, pipeline: 1, slow_clients: 0 };

const fn scenario(name: &'static str, about: &'static str, quick: bool, load: Load) -> Scenario {
    Scenario { name, about, quick, load }
}

/// All scenarios, in the order of the report.
pub(crate) const SCENARIOS: &[Scenario] = &[
    scenario("single", "the lesson's single-text request", true, PLAIN),
    scenario("varied", "one text, 1,000 different ones", false, Load { work: Work::Texts(1), ..PLAIN }),
    scenario("batch16", "16 texts a request", true, Load { work: Work::Texts(16), ..PLAIN }),
    scenario("batch1000", "1,000 texts a request", false, Load { work: Work::Texts(1_000), ..PLAIN }),
    scenario("get-index", "GET /", true, Load { work: Work::Get("/"), ..PLAIN }),
    scenario("get-performance", "GET /performance", false, Load { work: Work::Get("/performance"), ..PLAIN }),
    scenario("get-args", "GET /args", false, Load { work: Work::Get("/args"), ..PLAIN }),
    scenario(
        "get-arg",
        "GET /args/learning_rate",
        false,
        Load { work: Work::Get("/args/learning_rate"), ..PLAIN },
    ),
    scenario(
        "connect",
        "single text, a connection for each request",
        false,
        Load { reconnect: true, ..PLAIN },
    ),
    scenario("keep10", "single text, 10 kept connections", false, Load { connections: 10, ..PLAIN }),
    scenario("keep100", "single text, 100 kept connections", false, Load { connections: 100, ..PLAIN }),
    scenario("keep1000", "single text, 1,000 kept connections", false, Load { connections: 1_000, ..PLAIN }),
    scenario(
        "mix",
        "99 % single texts, 1 % batches of 1,000",
        true,
        Load { work: Work::Mix { texts: 1_000, one_in: 100 }, ..PLAIN },
    ),
    scenario(
        "slow",
        "single text beside 50 clients that send 8 bytes each 100 ms",
        false,
        Load { slow_clients: 50, ..PLAIN },
    ),
    scenario(
        "pipelined",
        "single text, 16 requests at once on a connection",
        false,
        Load { pipeline: 16, ..PLAIN },
    ),
];

/// The scenarios with these names, in the order of [`SCENARIOS`]; all (or all quick ones) if there are no names.
///
/// # Errors
/// The name that no scenario has.
pub(crate) fn select(names: &[String], quick: bool) -> Result<Vec<Scenario>, String> {
    if let Some(unknown) = names.iter().find(|name| !SCENARIOS.iter().any(|known| known.name == **name)) {
        return Err(unknown.clone());
    }
    let wanted = |scenario: &&Scenario| match names {
        [] => scenario.quick || !quick,
        names => names.iter().any(|name| name == scenario.name),
    };
    Ok(SCENARIOS.iter().filter(wanted).copied().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_select_scenarios() {
        let names = |chosen: Vec<Scenario>| chosen.iter().map(|s| s.name).collect::<Vec<_>>();
        let given = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(names(select(&given(&["mix", "single"]), true).unwrap()), ["single", "mix"]);
        assert_eq!(select(&given(&["single", "none"]), false).unwrap_err(), "none");
        assert_eq!(select(&[], false).unwrap().len(), SCENARIOS.len());
        assert_eq!(names(select(&[], true).unwrap()), ["single", "batch16", "get-index", "mix"]);
        assert_eq!(SCENARIOS.iter().map(|s| s.name).collect::<HashSet<_>>().len(), SCENARIOS.len());
    }
}
