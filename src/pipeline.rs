//! The product on one screen: body bytes → texts → features → scores → answer bytes.
//!
//! Synchronous and pure: no socket, file, clock or thread. A long batch advances in slices, so that whoever drives it
//! can let others in between; it owns its buffers, and the scoring scratch is used only within a slice.

use crate::limits::Limits;
use crate::model::{Coverage, CoverageScratch, Model, Scratch};
use crate::request::{PredictRequest, Refusal};
use crate::response::envelope::{self, Envelope};
use crate::response::prediction::{self, LineWriter, Predicted};

/// What a text costs beside its bytes, in bytes: framing, the row of the answer, the sums.
const TEXT_OVERHEAD: usize = 32;

/// A model with the buffers that predicting needs; one for each thread that predicts.
#[derive(Debug)]
pub struct Pipeline<'i> {
    model: Model<'i>,
    scratch: Scratch,
    probabilities: Vec<f64>,
    labels: Vec<usize>,
    best: Vec<usize>,
    /// How often each class was predicted.
    predicted: Vec<u64>,
    coverage: Coverage,
    coverage_scratch: CoverageScratch,
    /// Length of the longest label as JSON, in bytes.
    widest_label: usize,
    /// Length of the longest answer to which classes a text belongs, in bytes.
    widest_answer: usize,
    lines: LineWriter,
}

/// A request for predictions on its way: which texts, and the answer so far.
pub struct PredictJob {
    request: Box<PredictRequest>,
    next: usize,
    answer: Vec<u8>,
}

/// Whether a job has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// Some texts are left.
    More,
    /// The answer is complete.
    Done,
}

impl<'i> Pipeline<'i> {
    /// A pipeline over `model`.
    pub fn new(model: Model<'i>) -> Self {
        let scratch = model.scratch();
        let widest_label = model.classes().iter().map(|label| label.json.len()).max().unwrap_or(0);
        let all_labels = model.classes().iter().map(|label| label.json.len() + ",".len()).sum::<usize>();
        let widest_answer =
            if model.outcome().settings.multilabel { all_labels + "s[]".len() } else { widest_label };
        let predicted = vec![0; model.classes().len()];
        Self {
            lines: LineWriter::new(model.classes()),
            model,
            scratch,
            probabilities: Vec::new(),
            labels: Vec::new(),
            best: Vec::new(),
            predicted,
            coverage: Coverage::default(),
            coverage_scratch: CoverageScratch::default(),
            widest_label,
            widest_answer,
        }
    }

    /// How often each class was predicted so far, in the order of the model's classes.
    pub fn predicted(&self) -> &[u64] {
        &self.predicted
    }

    /// How often a word was found in the word caches, and how often one was looked for.
    pub fn word_cache_hits(&self) -> (u64, u64) {
        self.scratch.word_cache_hits()
    }

    /// Looks at one text of a request: how many of its n-grams the model knows.
    pub fn look_at(&mut self, text: &str) {
        let Coverage { ngrams, known } = self.model.coverage(text, &mut self.coverage_scratch);
        self.coverage.ngrams += ngrams;
        self.coverage.known += known;
    }

    /// What [`Self::look_at`] has seen so far.
    pub fn coverage(&self) -> Coverage {
        self.coverage
    }

    /// The model.
    pub fn model(&self) -> &Model<'i> {
        &self.model
    }

    /// Parses and validates a body into `request`, whose buffers are kept; see [`PredictRequest::parse`].
    pub fn parse(
        &self,
        request: &mut PredictRequest,
        body: &[u8],
        content_type: Option<&[u8]>,
        query: Option<&str>,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        let has_probabilities = self.model.outcome().has_probabilities();
        let classes = self.model.classes().len();
        request.parse(body, content_type, query, limits, has_probabilities, classes)
    }

    /// A job over a request that [`Self::parse`] has accepted, answered in `envelope`.
    pub fn begin(&self, request: Box<PredictRequest>, envelope: &Envelope<'_>) -> PredictJob {
        let mut answer = Vec::with_capacity(self.answer_bytes(&request, envelope));
        envelope.begin(&mut answer);
        answer.extend_from_slice(b"{\"predictions\":[");
        PredictJob { request, next: 0, answer }
    }

    /// About how long an answer becomes, so that most are written without growing: an eighth of the text is allowed
    /// for escapes.
    fn answer_bytes(&self, request: &PredictRequest, envelope: &Envelope<'_>) -> usize {
        const ENVELOPE: usize = 160;
        const PREDICTION: usize = r#"{"input_text":"","predicted_tag":,"probabilities":[]},"#.len();
        const PROBABILITY: usize = r#"{"tag":,"probability":0.12345678901234567},"#.len() + "e-123".len();
        let best = request.top_k().unwrap_or(0) * (PROBABILITY + self.widest_label);
        let texts: usize = (0..request.len()).map(|at| request.text_bytes(at)).sum();
        let framing = request.len() * (PREDICTION + self.widest_answer + best);
        ENVELOPE + envelope.url.len() + texts + texts / 8 + framing
    }

    /// Predicts texts of `job` until `budget` bytes of text are spent or none is left. At least one text is
    /// predicted, so a job always comes to its end.
    pub fn advance(&mut self, job: &mut PredictJob, budget: usize) -> Progress {
        let mut spent = 0;
        while job.next < job.request.len() && (spent == 0 || spent < budget) {
            spent += job.request.text_bytes(job.next) + TEXT_OVERHEAD;
            self.predict_next(job);
        }
        if job.next < job.request.len() {
            return Progress::More;
        }
        job.answer.extend_from_slice(b"]}");
        job.answer.extend_from_slice(envelope::END);
        Progress::Done
    }

    fn predict_next(&mut self, job: &mut PredictJob) {
        let PredictJob { request, next, answer } = job;
        let text = request.text(*next);
        if *next > 0 {
            answer.push(b',');
        }
        *next += 1;
        let outcome = self.model.outcome();
        let decision = self.model.decision(text, &mut self.scratch);
        outcome.labels(decision, &mut self.probabilities, &mut self.labels);
        for label in &self.labels {
            self.predicted[*label] += 1;
        }
        prediction::begin_tagged(answer, text, &predicted(&self.model, &self.labels));
        if let (Some(count), true) = (request.top_k(), outcome.has_probabilities()) {
            outcome.probabilities(decision, &mut self.probabilities);
            rank(&self.probabilities, &mut self.best);
            let best = &self.best[..count.min(self.best.len())];
            prediction::write_best(answer, self.model.classes(), &self.probabilities, best);
        }
        answer.push(b'}');
    }

    /// Appends the answer of `linnet predict` to one text: label, scores, probabilities.
    pub fn predict_line(&mut self, text: &str, out: &mut Vec<u8>) {
        let outcome = self.model.outcome();
        let decision = self.model.decision(text, &mut self.scratch);
        outcome.labels(decision, &mut self.probabilities, &mut self.labels);
        outcome.probabilities(decision, &mut self.probabilities);
        let scores = outcome.settings.decision_function.then_some(decision);
        let probabilities = outcome.has_probabilities().then_some(self.probabilities.as_slice());
        self.lines.write(out, &predicted(&self.model, &self.labels), scores, probabilities);
    }

    /// About how long an answer of [`Self::predict_line`] can become, in bytes.
    pub fn line_bytes_max(&self) -> usize {
        self.lines.bytes_max(self.widest_answer)
    }
}

/// The predicted classes, as answers name them.
fn predicted<'p>(model: &'p Model<'_>, labels: &'p [usize]) -> Predicted<'p> {
    Predicted { classes: model.classes(), labels, multilabel: model.outcome().settings.multilabel }
}

/// Replaces `best` by all classes, the most probable first; of equal ones the first in `classes_`.
fn rank(probabilities: &[f64], best: &mut Vec<usize>) {
    let key = |class: usize| if probabilities[class].is_nan() { -1.0 } else { probabilities[class] };
    best.clear();
    best.extend(0..probabilities.len());
    best.sort_unstable_by(|&a, &b| key(b).total_cmp(&key(a)).then(a.cmp(&b)));
}

impl PredictJob {
    /// The answer, and the request whose buffers can be used again.
    pub fn finish(self) -> (Vec<u8>, Box<PredictRequest>) {
        (self.answer, self.request)
    }
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn classes_are_ranked_by_probability_then_order() {
        let mut best = Vec::new();
        for (probabilities, expected) in [
            (&[0.2, 0.5, 0.3][..], &[1, 2, 0][..]),
            (&[0.25, 0.25, 0.5], &[2, 0, 1]),
            (&[f64::NAN, f64::NAN], &[0, 1]),
        ] {
            rank(probabilities, &mut best);
            assert_eq!(best, expected, "{probabilities:?}");
        }
    }
}
