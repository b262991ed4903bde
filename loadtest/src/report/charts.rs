//! Charts as SVG: latency over percentiles, and bars.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::model::{Level, Report};
use crate::error::{Error, Result};
use crate::targets::TargetName;

const SIZE: (u32, u32) = (760, 380);
const FONT: (&str, u32) = ("sans-serif", 14);
const TITLE: (&str, u32) = ("sans-serif", 18);

/// One colour for each target, in every chart.
fn colour(target: TargetName) -> RGBColor {
    match target {
        TargetName::Linnet => RGBColor(0xd6, 0x27, 0x28),
        TargetName::Ceiling => RGBColor(0x33, 0x33, 0x33),
        TargetName::Afternoon => RGBColor(0x1f, 0x77, 0xb4),
        TargetName::Lesson => RGBColor(0x2c, 0xa0, 0x2c),
        TargetName::Granian => RGBColor(0xff, 0x7f, 0x0e),
        TargetName::Mlserver => RGBColor(0x94, 0x67, 0xbd),
        TargetName::Bentoml => RGBColor(0x8c, 0x56, 0x4b),
    }
}

fn chart(
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> std::result::Result<(), String>,
) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(|error| Error::Chart(error.to_string()))?;
        draw(&area).map_err(Error::Chart)?;
        area.present().map_err(|error| Error::Chart(error.to_string()))?;
    }
    Ok(svg)
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Where a percentile stands on the axis: each step to the right is one more nine.
fn nines(percentile: f64) -> f64 {
    -(1.0 - (percentile / 100.0).min(0.999_99)).log10()
}

fn percentile_label(nines: f64) -> String {
    let percent = 100.0 * (1.0 - 10_f64.powf(-nines));
    format!("{percent:.3}").trim_end_matches('0').trim_end_matches('.').to_owned() + " %"
}

/// The latency curves of a scenario at a level, of the median round of each target; `None` without any.
pub(crate) fn latency_curves(report: &Report, scenario: &str, level: Level) -> Result<Option<String>> {
    let curves: Vec<(TargetName, Vec<(f64, f64)>)> = TargetName::ALL
        .iter()
        .filter_map(|&target| Some((target, curve(report, scenario, target, level)?)))
        .collect();
    let values = || curves.iter().flat_map(|(_, curve)| curve.iter().map(|point| point.1));
    let (lowest, highest) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    if curves.is_empty() || highest <= 0.0 {
        return Ok(None);
    }
    let svg = chart(|area| {
        let mut context = ChartBuilder::on(area)
            .caption(format!("{scenario}: latency at {}", level.describe()), TITLE)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(80)
            .build_cartesian_2d(0.0..5.0, (lowest.max(1.0) * 0.8..highest * 1.3).log_scale())
            .map_err(words)?;
        context
            .configure_mesh()
            .x_desc("percentile")
            .y_desc("µs")
            .x_labels(6)
            .x_label_formatter(&|at| percentile_label(*at))
            .y_label_formatter(&|at| super::table::figure(*at))
            .label_style(FONT)
            .draw()
            .map_err(words)?;
        for (target, curve) in &curves {
            let style = colour(*target).stroke_width(2);
            context
                .draw_series(LineSeries::new(curve.iter().copied(), style))
                .map_err(words)?
                .label(target.name())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
        }
        context
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .label_font(FONT)
            .draw()
            .map_err(words)
    })?;
    Ok(Some(svg))
}

/// The curve of the round whose p99 is the median.
fn curve(report: &Report, scenario: &str, target: TargetName, level: Level) -> Option<Vec<(f64, f64)>> {
    let cell = report.cell(scenario, target)?;
    let mut rounds: Vec<_> = cell.runs.iter().filter_map(|run| run.open(level)?.latency.as_ref()).collect();
    rounds.sort_by(|a, b| a.p99_us.total_cmp(&b.p99_us));
    let median = rounds.get(rounds.len() / 2)?;
    Some(median.curve.iter().map(|&(percent, micros)| (nines(percent), micros.max(0.1))).collect())
}

/// A bar of one target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bar {
    /// The target.
    pub(crate) target: TargetName,
    /// Its value, above 0.
    pub(crate) value: f64,
    /// Smallest and largest of the rounds.
    pub(crate) range: (f64, f64),
}

/// Bars on a logarithmic axis, with the range of the rounds; `None` without any.
pub(crate) fn bars(title: &str, bars: &[Bar]) -> Result<Option<String>> {
    let bars: Vec<&Bar> = bars.iter().filter(|bar| bar.value > 0.0).collect();
    if bars.is_empty() {
        return Ok(None);
    }
    let highest = bars.iter().map(|bar| bar.range.1.max(bar.value)).fold(0.0, f64::max);
    let lowest = bars.iter().map(|bar| bar.range.0.min(bar.value)).fold(f64::INFINITY, f64::min);
    let floor = 10_f64.powf(lowest.max(1e-6).log10().floor() - 0.3);
    let count = bars.len() as f64;
    let svg = chart(|area| {
        let mut context = ChartBuilder::on(area)
            .caption(title, TITLE)
            .margin(10)
            .x_label_area_size(30)
            .y_label_area_size(80)
            .build_cartesian_2d(0.0..count, (floor..highest * 2.0).log_scale())
            .map_err(words)?;
        context
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_labels(0)
            .y_label_formatter(&|at| super::table::figure(*at))
            .label_style(FONT)
            .draw()
            .map_err(words)?;
        for (at, bar) in bars.iter().enumerate() {
            let at = at as f64;
            let (left, middle, right) = (at + 0.15, at + 0.5, at + 0.85);
            let shape =
                Rectangle::new([(left, floor), (right, bar.value)], colour(bar.target).mix(0.8).filled());
            context.draw_series([shape]).map_err(words)?;
            let range =
                PathElement::new([(middle, bar.range.0), (middle, bar.range.1)], BLACK.stroke_width(2));
            context.draw_series([range]).map_err(words)?;
            let above = (left, bar.range.1.max(bar.value) * 1.25);
            let label = format!("{} {}", bar.target.name(), super::table::figure(bar.value));
            context.draw_series([Text::new(label, above, FONT)]).map_err(words)?;
        }
        Ok(())
    })?;
    Ok(Some(svg))
}

/// A line over measured points, for a scaling curve. `x` is drawn on a logarithmic axis.
pub(crate) fn line(title: &str, x_name: &str, y_name: &str, points: &[(f64, f64)]) -> Result<Option<String>> {
    let highest = points.iter().map(|point| point.1).fold(0.0, f64::max);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(None) };
    let range = first.0 * 0.9..last.0 * 1.1;
    let svg = chart(|area| {
        let mut context = ChartBuilder::on(area)
            .caption(title, TITLE)
            .margin(10)
            .x_label_area_size(40)
            .y_label_area_size(90)
            .build_cartesian_2d(range.log_scale(), 0.0..highest * 1.15)
            .map_err(words)?;
        context
            .configure_mesh()
            .x_desc(x_name)
            .y_desc(y_name)
            .x_label_formatter(&|at| super::table::figure(*at))
            .y_label_formatter(&|at| super::table::figure(*at))
            .label_style(FONT)
            .draw()
            .map_err(words)?;
        let red = colour(TargetName::Linnet);
        context.draw_series(LineSeries::new(points.iter().copied(), red.stroke_width(2))).map_err(words)?;
        let dots = points.iter().map(|&point| Circle::new(point, 4, red.filled()));
        context.draw_series(dots).map_err(words)?;
        Ok(())
    })?;
    Ok(Some(svg))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_nine_is_one_step() {
        for (percent, at) in [(0.0, 0.0), (90.0, 1.0), (99.0, 2.0), (99.9, 3.0), (100.0, 5.0)] {
            assert!((nines(percent) - at).abs() < 1e-9, "{percent}");
        }
        assert_eq!([0.0, 1.0, 2.0, 3.0].map(percentile_label), ["0 %", "90 %", "99 %", "99.9 %"]);
    }

    #[test]
    fn charts_name_what_they_show() {
        let bar = Bar { target: TargetName::Linnet, value: 100.0, range: (90.0, 110.0) };
        let svg = bars("rate", &[bar]).unwrap().unwrap();
        assert!(svg.contains("<svg") && svg.contains("linnet 100"), "{svg}");
        assert_eq!(bars("rate", &[]).unwrap(), None);
        assert!(
            line("t", "workers", "requests/s", &[(1.0, 5.0), (2.0, 9.0)])
                .unwrap()
                .unwrap()
                .contains("workers")
        );
    }
}
