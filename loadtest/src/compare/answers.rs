//! How large right answers are, so that the ceiling can send as much.

use crate::error::Result;
use crate::requests::{Dialect, Size, batches, body_of, borrow};
use crate::scenario::{Scenario, Work};
use crate::servers::afternoon::Afternoon;
use crate::targets::workshop::Workshop;
use crate::texts::LESSON_TEXT;

/// A host as long as the ones that are used: it stands in the answers.
const HOST: &str = "127.0.0.1:40000";

/// The ceiling's arguments: for each scenario the size of its answers (the mean, where they differ).
pub(crate) fn sizes(workshop: &Workshop, scenarios: &[Scenario]) -> Result<Vec<String>> {
    let app = Afternoon::open(&workshop.model)?;
    let url = |path: &str| format!("http://{HOST}{path}");
    let (mut pages, mut answers) = (Vec::new(), Vec::new());
    let mut add = |texts: &[Vec<String>]| {
        let answer = |texts: &Vec<String>| app.predict(&borrow(texts), url("/predict")).len();
        let body = |texts: &Vec<String>| Dialect::Lesson.body(&borrow(texts)).len();
        let mean = texts.iter().map(answer).sum::<usize>() / texts.len().max(1);
        answers.push((texts.iter().map(body).max().unwrap_or(0), mean));
    };
    add(&[vec![LESSON_TEXT.to_owned()]]);
    for scenario in scenarios {
        match scenario.load.work {
            Work::LessonText => {}
            Work::Texts(each) => add(&batches(each)),
            Work::Mix { texts, .. } => add(&batches(texts)),
            Work::Words(_) => {
                let requests = Dialect::Lesson.requests(&scenario.load, HOST).unwrap_or_default();
                let small = requests.iter().filter(|request| request.size == Size::Small);
                let longest = small.map(|request| body_of(&request.bytes).len()).max().unwrap_or(0);
                add(&[vec!["x".repeat(longest)]]);
            }
            Work::Get(path) => {
                if let Some(page) = app.page(path, None, url(path)) {
                    pages.push(format!("{path}:{}", page.len()));
                }
            }
        }
    }
    answers.sort_unstable();
    answers.dedup();
    let answers =
        answers.into_iter().flat_map(|(up_to, size)| ["--answer".to_owned(), format!("{up_to}:{size}")]);
    Ok(answers.chain(pages.into_iter().flat_map(|page| ["--page".to_owned(), page])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::SCENARIOS;

    #[test]
    fn every_scenario_has_an_answer_size() {
        let workshop = Workshop::for_tests();
        let sizes = sizes(&workshop, SCENARIOS).unwrap();
        assert_eq!(sizes.iter().filter(|word| *word == "--page").count(), 4);
        let answers: Vec<(usize, usize)> = sizes
            .iter()
            .filter_map(|word| word.split_once(':'))
            .filter_map(|(up_to, size)| Some((up_to.parse().ok()?, size.parse().ok()?)))
            .collect();
        assert_eq!(answers.len(), 4, "{answers:?}"); // the lesson's text, 1, 16 and 1,000 texts
        assert!(answers.is_sorted() && answers.iter().all(|(up_to, size)| size > up_to), "{answers:?}");
    }
}
