//! What a comparison found, and its forms: table, JSON, HTML page, Markdown.

pub(crate) mod charts;
pub(crate) mod html;
pub(crate) mod markdown;
pub(crate) mod model;
pub(crate) mod ratios;
pub(crate) mod table;

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use model::Report;

/// Reads a report that [`write()`] wrote.
pub(crate) fn read(path: &Path) -> Result<Report> {
    let bytes = fs::read(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
    serde_json::from_slice(&bytes).map_err(|source| Error::Report { path: path.to_owned(), source })
}

/// Writes `report.json`, `report.html` and `RESULTS.md` into a folder.
pub(crate) fn write(report: &Report, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let json = folder.join("report.json");
    let bytes = serde_json::to_vec_pretty(report);
    let bytes = bytes.map_err(|source| Error::Report { path: json.clone(), source })?;
    save(&json, &bytes)?;
    save(&folder.join("report.html"), html::page(report)?.as_bytes())?;
    save(&folder.join("RESULTS.md"), markdown::page(report).as_bytes())
}

/// Writes a file; the error names it.
pub(crate) fn save(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|source| Error::File { path: path.to_owned(), source })
}
