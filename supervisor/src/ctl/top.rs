//! `linnet ctl top`: the page of `status`, drawn again every second.

use std::time::Duration;

use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Paragraph, Row, Table};

use super::client::CtlError;
use super::protocol::Status;
use super::table::{COLUMNS, head, rows};

/// Time between two looks at the fleet.
const PERIOD: Duration = Duration::from_secs(1);

/// Draws what `fetch` finds until a key says enough. A supervisor that does not answer is said so, and asked again: it may
/// be about to start.
pub(crate) fn run(mut fetch: impl FnMut() -> Result<Status, CtlError>) -> Result<(), CtlError> {
    // Without anybody to show there is no page: the reason goes to standard error.
    let mut status = Ok(fetch()?);
    let mut terminal = ratatui::try_init()?;
    let result = loop {
        match terminal.draw(|frame| draw(frame, &status)).and_then(|_| is_over()) {
            Ok(false) => status = fetch(),
            Ok(true) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
    };
    ratatui::restore();
    result
}

/// Waits a period, or for the key that ends it.
fn is_over() -> std::io::Result<bool> {
    if !event::poll(PERIOD)? {
        return Ok(false);
    }
    let Event::Key(key) = event::read()? else { return Ok(false) };
    let interrupts = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    let ends = matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) || interrupts;
    Ok(key.kind == KeyEventKind::Press && ends)
}

fn draw(frame: &mut Frame<'_>, status: &Result<Status, CtlError>) {
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            let text = Paragraph::new(format!("{error}\n\nq ends")).style(Style::new().fg(Color::Red));
            return frame.render_widget(text, frame.area());
        }
    };
    let head: Vec<Line<'_>> = head(status).into_iter().map(Line::from).collect();
    let height = u16::try_from(head.len()).unwrap_or(u16::MAX).saturating_add(1);
    let areas = Layout::vertical([Constraint::Length(height), Constraint::Min(0), Constraint::Length(1)])
        .split(frame.area());
    frame.render_widget(Paragraph::new(Text::from(head)), areas[0]);
    let rows = rows(status);
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count()).chain([COLUMNS[column].len()]);
        Constraint::Length(u16::try_from(cells.max().unwrap_or(0)).unwrap_or(u16::MAX))
    };
    let widths: Vec<_> = (0..COLUMNS.len()).map(width).collect();
    let rows = rows.iter().map(|row| {
        let color = match row[2].as_str() {
            "ready" => Color::Reset,
            "stuck" | "killed" | "-" => Color::Red,
            _ => Color::Yellow,
        };
        Row::new(row.clone()).style(Style::new().fg(color))
    });
    let table =
        Table::new(rows, widths).header(Row::new(COLUMNS).style(Style::new().reversed())).column_spacing(2);
    frame.render_widget(table, areas[1]);
    frame.render_widget(Paragraph::new("q ends").style(Style::new().dim()), areas[2]);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::ctl::table::tests::example;

    fn screen(width: u16, status: &Result<Status, CtlError>) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, 12)).unwrap();
        terminal.draw(|frame| draw(frame, status)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_screen_shows_the_page_and_a_small_one_what_fits() {
        let wide = screen(160, &Ok(example()));
        for text in ["linnet 1.2.3", "SLOT", "1h2m", "SIGKILL, while it served", "q ends"] {
            assert!(wide.contains(text), "{text} is not in\n{wide}");
        }
        assert!(screen(20, &Ok(example())).contains("linnet 1.2.3"));
        assert!(screen(80, &Err(CtlError::Refused("gone".into()))).contains("gone"));
    }
}
