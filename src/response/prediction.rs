//! One prediction, as HTTP answers it and as `linnet predict` does.

use crate::json::{escape_json_string, python_float_repr};
use crate::model::Label;

/// The classes that a model predicts for one text.
#[derive(Clone, Copy, Debug)]
pub struct Predicted<'p> {
    /// All classes of the model.
    pub classes: &'p [Label],
    /// Indices of the predicted ones: exactly one, unless the model is multilabel.
    pub labels: &'p [usize],
    /// Whether a text can belong to any number of classes.
    pub multilabel: bool,
}

impl Predicted<'_> {
    /// Appends the one label, or the list of labels.
    fn write(&self, out: &mut Vec<u8>) {
        let labels = self.labels.iter().map(|&class| self.classes[class].json.as_bytes());
        if self.multilabel {
            out.push(b'[');
            for (at, label) in labels.enumerate() {
                out.extend_from_slice(if at > 0 { b"," } else { b"" });
                out.extend_from_slice(label);
            }
            out.push(b']');
        } else {
            labels.for_each(|label| out.extend_from_slice(label));
        }
    }
}

/// Appends `{"input_text": …, "predicted_tag": …` (multilabel: `"predicted_tags": […]`) without the brace that closes
/// it, so that more may follow.
pub fn begin_tagged(out: &mut Vec<u8>, text: &str, predicted: &Predicted<'_>) {
    out.extend_from_slice(b"{\"input_text\":");
    escape_json_string(out, text);
    let key: &[u8] = if predicted.multilabel { b",\"predicted_tags\":" } else { b",\"predicted_tag\":" };
    out.extend_from_slice(key);
    predicted.write(out);
}

/// Appends `,"probabilities": [{"tag": …, "probability": …}, …]` with the `best` classes, in that order.
pub fn write_best(out: &mut Vec<u8>, classes: &[Label], probabilities: &[f64], best: &[usize]) {
    out.extend_from_slice(b",\"probabilities\":[");
    for (at, &class) in best.iter().enumerate() {
        out.extend_from_slice(if at == 0 { b"{\"tag\":" } else { b",{\"tag\":" });
        out.extend_from_slice(classes[class].json.as_bytes());
        out.extend_from_slice(b",\"probability\":");
        write_number(out, probabilities[class]);
        out.push(b'}');
    }
    out.push(b']');
}

/// Writes the lines of `linnet predict`. What never changes, the names of the classes, has been escaped before.
#[derive(Debug)]
pub struct LineWriter {
    /// `"name":` of each class, one behind the other.
    keys: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl LineWriter {
    /// A writer for a model of these classes.
    pub fn new(classes: &[Label]) -> Self {
        let (mut keys, mut ends) = (Vec::new(), Vec::with_capacity(classes.len()));
        for class in classes {
            escape_json_string(&mut keys, &class.text);
            keys.push(b':');
            ends.push(keys.len());
        }
        Self { keys, ends }
    }

    /// About how long a line can become, in bytes, if its labels take so many.
    pub fn bytes_max(&self, labels: usize) -> usize {
        const FRAMING: usize = r#"{"labels":,"scores":{},"probabilities":{}}"#.len() + "\n".len();
        const NUMBER: usize = "-1.2345678901234567e-123,".len();
        FRAMING + labels + 2 * (self.keys.len() + self.ends.len() * NUMBER)
    }

    /// Appends one answer, without the line's end: `{"label": …, "scores": {…}, "probabilities": {…}}`, keyed by
    /// `str(label)`; `labels` for a multilabel model.
    ///
    /// A binary model has one decision value, that of the positive class; `scores` and `probabilities` are left out
    /// where the model has none.
    pub fn write(
        &self,
        out: &mut Vec<u8>,
        predicted: &Predicted<'_>,
        decision: Option<&[f64]>,
        probabilities: Option<&[f64]>,
    ) {
        out.extend_from_slice(if predicted.multilabel { b"{\"labels\":" } else { b"{\"label\":" });
        predicted.write(out);
        if let Some(decision) = decision {
            out.extend_from_slice(b",\"scores\":");
            self.write_map(out, usize::from(decision.len() == 1), decision);
        }
        if let Some(probabilities) = probabilities {
            out.extend_from_slice(b",\"probabilities\":");
            self.write_map(out, 0, probabilities);
        }
        out.push(b'}');
    }

    /// The values of the classes from the one numbered `first` on.
    fn write_map(&self, out: &mut Vec<u8>, first: usize, values: &[f64]) {
        let mut start = if first == 0 { 0 } else { self.ends[first - 1] };
        out.push(b'{');
        for (at, (&end, &value)) in self.ends[first..].iter().zip(values).enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&self.keys[start..end]);
            write_number(out, value);
            start = end;
        }
        out.push(b'}');
    }
}

/// JSON has no way to write what is not finite; it becomes `null`.
fn write_number(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        python_float_repr(out, value);
    } else {
        out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_json_with_typed_labels() {
        let label = |json: &str, text: &str| Label { json: json.to_owned(), text: text.to_owned() };
        let classes = [label("false", "False"), label("true", "True")];
        let mut out = Vec::new();
        let one = |labels| Predicted { classes: &classes, labels, multilabel: false };
        LineWriter::new(&classes).write(&mut out, &one(&[1]), Some(&[0.5]), Some(&[0.25, f64::NAN]));
        let expected = r#"{"label":true,"scores":{"True":0.5},"probabilities":{"False":0.25,"True":null}}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);

        let classes = [label("\"a\\\"\"", "a\""), label("7", "7"), label("\"é\"", "é")];
        let mut out = Vec::new();
        let one = |labels| Predicted { classes: &classes, labels, multilabel: false };
        LineWriter::new(&classes).write(&mut out, &one(&[0]), Some(&[1.0, -1e-7, 1e16]), None);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"label":"a\"","scores":{"a\"":1.0,"7":-1e-07,"é":1e+16}}"#
        );

        let mut out = Vec::new();
        begin_tagged(&mut out, "x\n", &one(&[2]));
        write_best(&mut out, &classes, &[0.1, 0.2, 0.7], &[2, 1]);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"input_text":"x\n","predicted_tag":"é","probabilities":[{"tag":"é","probability":0.7},{"tag":7,"probability":0.2}]"#
        );

        let several = |labels| Predicted { classes: &classes, labels, multilabel: true };
        for (labels, expected) in [(&[][..], r#"{"labels":[]}"#), (&[0, 1], r#"{"labels":["a\"",7]}"#)] {
            let mut out = Vec::new();
            LineWriter::new(&classes).write(&mut out, &several(labels), None, None);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
        let mut out = Vec::new();
        begin_tagged(&mut out, "", &several(&[2]));
        assert_eq!(String::from_utf8(out).unwrap(), r#"{"input_text":"","predicted_tags":["é"]"#);
    }
}
