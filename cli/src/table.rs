//! Tables for people: columns under a header, or names and values.
//!
//! No borders and no wrapping, so that a line is a row: a user copies an id whole, and `grep` and
//! `awk` work. What must fit a terminal is cut at the end of its last column.

use std::borrow::Cow;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, TableStyle, Width};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::lines::hanging;
use crate::printer::on_one_line;

/// Rows under a header. Columns named in `numbers` are set right; a column without any value is
/// left out.
#[must_use]
pub fn columns(header: &[&str], numbers: &[&str], rows: &[Vec<String>]) -> String {
    let has_value = |at: &usize| rows.iter().any(|row| row.get(*at).is_some_and(|cell| !cell.is_empty()));
    let shown: Vec<usize> = (0..header.len()).filter(has_value).collect();
    let mut table = plain();
    table.set_header(shown.iter().map(|at| header[*at].to_uppercase()));
    for row in rows {
        table.add_row(shown.iter().map(|at| on_one_line(row.get(*at).map_or("", String::as_str))));
    }
    for (column, at) in table.column_iter_mut().zip(&shown) {
        if numbers.contains(&header[*at]) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    finish(table)
}

/// The same, each row cut where the width of the terminal ends: what matters least stands last.
#[must_use]
pub fn fitted(header: &[&str], numbers: &[&str], rows: &[Vec<String>], columns_max: usize) -> String {
    let table = columns(header, numbers, rows);
    table.lines().map(|line| cut(line, columns_max)).collect::<Vec<_>>().join("\n")
}

/// The same, with long cells on several lines where the terminal has a width: nothing is cut off.
#[must_use]
pub fn wrapped(header: &[&str], rows: &[Vec<String>], columns_max: Option<usize>) -> String {
    let whole = columns(header, &[], rows);
    let Some(columns_max) = columns_max.filter(|columns_max| width(&whole) > *columns_max) else { return whole };
    let mut table = plain();
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(columns_max).unwrap_or(u16::MAX));
    table.set_header(header.iter().map(|name| name.to_uppercase()));
    table.add_rows(rows.iter().map(|row| row.iter().map(|cell| on_one_line(cell).into_owned()).collect::<Vec<_>>()));
    // Names stand in the first column: they are not broken as long as half of the width does for them.
    if let (Some(longest), Some(names)) = (table.column_max_content_widths().first().copied(), table.column_mut(0)) {
        let names_min = usize::from(longest).min(columns_max / 2) + 2;
        names.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(
            u16::try_from(names_min).unwrap_or(u16::MAX),
        )));
    }
    finish(table)
}

/// A line that is at most so wide; an ellipsis stands for what is cut off.
fn cut(line: &str, columns_max: usize) -> Cow<'_, str> {
    if line.width() <= columns_max {
        return Cow::Borrowed(line);
    }
    let mut taken = 0;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken < columns_max
    };
    let kept: String = line.chars().take_while(fits).collect();
    Cow::Owned(format!("{}…", kept.trim_end()))
}

/// The columns that the widest line of a table takes.
#[must_use]
pub fn width(table: &str) -> usize {
    table.lines().map(UnicodeWidthStr::width).max().unwrap_or(0)
}

/// Names and their values, a pair a line; pairs without a value are left out. Where a terminal has a width, a longer value goes
/// on below its beginning.
#[must_use]
pub fn pairs(pairs: impl IntoIterator<Item = (&'static str, String)>, columns_max: Option<usize>) -> String {
    let mut table = plain();
    let filled: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    let value_at = filled.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 2;
    table.add_rows(filled.iter().map(|(name, value)| [(*name).to_owned(), on_one_line(value).into_owned()]));
    let table = finish(table);
    table.lines().map(|line| hanging(line, value_at, columns_max)).collect::<Vec<_>>().join("\n")
}

fn plain() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(TableStyle::new()).force_no_tty();
    table
}

fn finish(mut table: comfy_table::Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[[&str; 3]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect()
    }

    #[test]
    fn numbers_stand_right_nothing_trails_and_an_empty_column_is_left_out() {
        let rows = rows(&[["a", "", "7"], ["long name", "", "1,000"]]);
        let text = columns(&["name", "version", "done"], &["done"], &rows);
        assert_eq!(text, "NAME        DONE\na              7\nlong name  1,000");
    }

    #[test]
    fn a_row_is_one_line_however_long_it_is() {
        let rows = rows(&[["k", &"long ".repeat(100), "1"]]);
        assert_eq!(columns(&["key", "message", "n"], &[], &rows).lines().count(), 2);
    }

    #[test]
    fn a_row_that_must_fit_is_cut_at_its_end() {
        let rows = rows(&[["k", "漢字 and more", ""], ["l", "short", ""]]);
        for (columns_max, first) in
            [(80, "k    漢字 and more"), (12, "k    漢字 a…"), (9, "k    漢…"), (8, "k    漢…"), (6, "k…")]
        {
            let text = fitted(&["key", "message", "n"], &[], &rows, columns_max);
            assert_eq!(text.lines().nth(1), Some(first), "{columns_max}");
            assert!(text.lines().all(|line| line.width() <= columns_max), "{text}");
        }
    }

    #[test]
    fn long_cells_take_several_lines_where_the_width_ends_and_lose_nothing() {
        let rows: Vec<Vec<String>> =
            vec![vec!["tagging-on-copy".to_owned(), "tags of a copy are put after it ".repeat(4)]];
        let text = wrapped(&["without", "this happens"], &rows, Some(60));
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.width() <= 60), "{text}");
        assert_eq!(text.matches("copy").count(), 5, "{text}");
        assert_eq!(wrapped(&["without", "this happens"], &rows, None).lines().count(), 2);
    }

    #[test]
    fn a_pair_without_a_value_is_left_out_and_control_characters_are_shown() {
        let text = pairs([("Job", "x\n\u{1b}[2J".to_owned()), ("Reason", String::new())], None);
        assert_eq!(text, "Job  x\\n\\u{1b}[2J");
    }
    #[test]
    fn a_value_longer_than_the_terminal_goes_on_below_its_beginning_and_no_key_is_broken() {
        let of = |value: &str, columns_max| pairs([("Job", "x".to_owned()), ("Waits", value.to_owned())], columns_max);
        let text = of("the endpoint main refuses the  credentials", Some(24));
        assert_eq!(text, "Job    x\nWaits  the endpoint main\n       refuses the \n       credentials");
        let key = format!("key {}", "k".repeat(40));
        assert_eq!(of(&key, Some(24)), format!("Job    x\nWaits  key\n       {}", "k".repeat(40)));
        assert_eq!(of(&key, None).lines().count(), 2);
    }
}
