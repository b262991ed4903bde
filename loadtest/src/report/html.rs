//! One page with everything in it: no script, no file beside it, no network.

use std::fmt::Write as _;

use super::charts::{Bar, bars, latency_curves};
use super::markdown::{LIMITS, METHOD};
use super::model::{Cell, Level, Report, Run, Spread, TargetReport};
use super::table::{Table, tables};
use crate::error::Result;

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:1600px;margin:2em auto;padding:0 1em;color:#222}\
    h1,h2{font-weight:600}table{border-collapse:collapse;margin:.5em 0 2em;font-variant-numeric:tabular-nums}\
    td,th{padding:.2em .6em;border-bottom:1px solid #ddd;text-align:right;font-weight:400;white-space:nowrap}\
    td:first-child,th:first-child{text-align:left}thead th{border-bottom:2px solid #888;font-weight:600}\
    .charts{display:flex;flex-wrap:wrap;gap:1em}.charts svg{border:1px solid #eee;max-width:100%}\
    code{background:#f4f4f4;padding:0 .2em}.wide{overflow-x:auto}";

/// A page of ready parts.
pub(crate) fn document(title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n{body}</body></html>\n"
    )
}

/// A report as a page.
pub(crate) fn page(report: &Report) -> Result<String> {
    let mut body = about(report);
    body.push_str("<h2>Charts</h2>\n<div class=\"charts\">\n");
    for svg in target_bars(report)? {
        body.push_str(&svg);
    }
    body.push_str("</div>\n");
    for scenario in report.scenarios() {
        let _ = write!(body, "<h2>{}</h2>\n<div class=\"charts\">\n", escape(scenario));
        for svg in scenario_charts(report, scenario)? {
            body.push_str(&svg);
        }
        body.push_str("</div>\n");
    }
    body.push_str("<h2>Figures</h2>\n");
    for table in tables(report) {
        body.push_str(&html_table(&table));
    }
    for (title, points) in [("Method", METHOD), ("Limits", LIMITS)] {
        let items: Vec<_> = points.iter().map(|point| format!("<li>{}</li>\n", escape(point))).collect();
        let _ = write!(body, "<h2>{title}</h2>\n<ul>\n{}</ul>\n", items.concat());
    }
    Ok(document("Linnet compared", &body))
}

fn about(report: &Report) -> String {
    let (machine, method) = (&report.machine, &report.method);
    let mut out = format!(
        "<p>{}, {} cores, {}; commit {}; {} UTC. Servers on {}, drivers on {}; {} worker, {} rounds of {} s. \
         <code>{}</code></p>\n<ul>\n",
        escape(&machine.processor),
        machine.cores,
        escape(&machine.kernel),
        escape(&machine.commit),
        escape(&method.began),
        escape(&method.server_cores),
        escape(&method.client_cores),
        method.workers,
        method.runs,
        method.seconds,
        escape(&method.command_line)
    );
    for target in &report.targets {
        let state = match &target.absent {
            Some(reason) => format!("<b>absent</b>: {}", escape(reason)),
            None => format!("{}; <code>{}</code>", escape(&target.version), escape(&target.command_line)),
        };
        let _ =
            writeln!(out, "<li><b>{}</b>: {}. {state}</li>", target.name.name(), escape(target.name.about()));
    }
    out.push_str("</ul>\n");
    out
}

fn target_bars(report: &Report) -> Result<Vec<String>> {
    type Figure = fn(&TargetReport) -> Option<Spread>;
    let figures: [(&str, Figure); 3] = [
        ("start to first answer, ms", |target| target.start_up_ms),
        ("memory after load, PSS in KiB", |target| target.busy_pss_kib),
        ("idle keep-alive connection, bytes", |target| target.idle_connection_bytes),
    ];
    let mut charts = Vec::new();
    for (title, figure) in figures {
        let each = report.targets.iter().filter_map(|target| bar(target.name, figure(target)?));
        charts.extend(bars(title, &each.collect::<Vec<_>>())?);
    }
    Ok(charts)
}

fn scenario_charts(report: &Report, scenario: &str) -> Result<Vec<String>> {
    type Figure = fn(&Run) -> Option<f64>;
    let figures: [(&str, Figure); 2] = [
        ("requests/s at saturation", |run| Some(run.per_second)),
        ("CPU µs a request at saturation", |run| Some(run.cpu.total_us())),
    ];
    let cells: Vec<&Cell> = report.cells.iter().filter(|cell| cell.scenario == scenario).collect();
    let mut charts = Vec::new();
    for (title, figure) in figures {
        let each = cells.iter().filter_map(|cell| bar(cell.target, cell.spread(figure)?));
        charts.extend(bars(&format!("{scenario}: {title}"), &each.collect::<Vec<_>>())?);
    }
    for level in [Level::Half, Level::FourFifths, Level::LessonFourFifths] {
        charts.extend(latency_curves(report, scenario, level)?);
    }
    Ok(charts)
}

fn bar(target: crate::targets::TargetName, spread: Spread) -> Option<Bar> {
    (spread.median > 0.0).then_some(Bar {
        target,
        value: spread.median,
        range: (spread.min.max(1e-6), spread.max),
    })
}

/// A table as HTML.
pub(crate) fn html_table(table: &Table) -> String {
    let row = |row: &Vec<String>, tag: &str| -> String {
        let cells: Vec<_> = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect();
        format!("<tr>{}</tr>\n", cells.concat())
    };
    let head = table.rows.first().map(|head| row(head, "th")).unwrap_or_default();
    let body: String = table.rows.iter().skip(1).map(|cells| row(cells, "td")).collect();
    let title = escape(&table.title);
    format!(
        "<h3>{title}</h3>\n<div class=\"wide\"><table><thead>{head}</thead><tbody>{body}</tbody></table></div>\n"
    )
}

/// Text as it may stand in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_escaped() {
        let table = Table { title: "a<b".into(), rows: vec![vec!["x".into()], vec!["1 & 2".into()]] };
        let html = html_table(&table);
        assert!(html.contains("<h3>a&lt;b</h3>") && html.contains("<td>1 &amp; 2</td>"), "{html}");
    }
}
