//! Tables for people: columns under a header, or names and values; no borders, so that a line
//! is a row for `grep` and `awk` too.

use std::io::IsTerminal;

use comfy_table::{CellAlignment, ContentArrangement, TableStyle};

/// Rows under a header. Columns named in `numbers` are set right. On a terminal cells are
/// wrapped to its width; elsewhere a row is one line.
#[must_use]
pub fn columns(header: &[&str], numbers: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = plain();
    table.set_header(header.iter().map(|name| name.to_uppercase()));
    table.add_rows(rows.into_iter().map(|row| row.iter().map(|cell| on_one_line(cell)).collect::<Vec<_>>()));
    for (at, name) in header.iter().enumerate() {
        if let Some(column) = table.column_mut(at)
            && numbers.contains(name)
        {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    finish(table)
}

/// Names and their values, a pair a line; pairs without a value are left out.
#[must_use]
pub fn pairs(pairs: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut table = plain();
    let filled = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    table.add_rows(filled.map(|(name, value)| [name.to_owned(), on_one_line(&value)]));
    finish(table)
}

fn plain() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(TableStyle::new());
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.force_no_tty();
    }
    table
}

fn finish(mut table: comfy_table::Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Control characters would break the table, or the terminal: they are shown escaped.
fn on_one_line(cell: &str) -> String {
    if cell.chars().any(char::is_control) { cell.escape_default().to_string() } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_nothing_trails() {
        let rows = [vec!["a".to_owned(), "7".to_owned()], vec!["long name".to_owned(), "1,000".to_owned()]];
        let text = columns(&["name", "done"], &["done"], rows);
        assert_eq!(text, "NAME        DONE\na              7\nlong name  1,000");
    }

    #[test]
    fn a_pair_without_a_value_is_left_out_and_control_characters_are_shown() {
        let text = pairs([("Job", "x\n\u{1b}[2J".to_owned()), ("Reason", String::new())]);
        assert_eq!(text, "Job  x\\n\\u{1b}[2J");
    }
}
