//! Right answers first: a target that predicts something else is not measured.

use linnet::model::artifact::Artifact;
use serde_json::Value;

use super::process::{Running, exchange};
use super::workshop::Workshop;
use crate::error::{Error, Result};
use crate::requests::{self, Dialect};

/// Asks for the labels of the artifact's probe texts, of which the artifact says what scikit-learn answered.
///
/// # Errors
/// `Error::Absent` that says what was wrong.
pub(crate) fn check(running: &Running, workshop: &Workshop) -> Result<()> {
    let artifact = Artifact::open(&workshop.model)?;
    // The lesson's validation refuses an empty text.
    let probes: Vec<_> =
        artifact.manifest.probes.texts.iter().filter(|probe| !probe.text.is_empty()).collect();
    let texts: Vec<&str> = probes.iter().map(|probe| probe.text.as_str()).collect();
    let dialect = running.name.dialect();
    let request =
        requests::post(&running.address.to_string(), dialect.predict_path(), &dialect.body(&texts), true);
    let (status, body) = exchange(running.address, &request)?;
    let labels = dialect.labels(&body).filter(|_| status == 200).ok_or_else(|| {
        let body = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        Error::Absent(format!("answered {status} to the probe texts: {body}"))
    })?;
    if dialect == Dialect::Fixed {
        return Ok(());
    }
    let expected: Vec<Value> =
        probes.iter().filter_map(|probe| serde_json::from_str(&probe.label.as_ref()?.json).ok()).collect();
    if labels == expected {
        return Ok(());
    }
    let wrong = expected.iter().zip(&labels).filter(|(expected, found)| expected != found).count();
    let (asked, answered) = (expected.len(), labels.len());
    Err(Error::Absent(format!("wrong answers: {wrong} of {asked} labels differ, {answered} were given")))
}
