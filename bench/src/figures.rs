//! Figures of several rounds, as a table: the median, then the minimum and the maximum.

use std::fmt;

/// What was measured: rows and columns stand in the order in which they first came.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    rows: Vec<String>,
    columns: Vec<&'static str>,
    cells: Vec<(usize, usize, f64)>,
}

impl Figures {
    /// Notes what one round gave.
    pub fn note(&mut self, row: &str, column: &'static str, value: f64) {
        let row = self.rows.iter().position(|name| name == row).unwrap_or_else(|| {
            self.rows.push(row.to_owned());
            self.rows.len() - 1
        });
        let column = self.columns.iter().position(|name| *name == column).unwrap_or_else(|| {
            self.columns.push(column);
            self.columns.len() - 1
        });
        self.cells.push((row, column, value));
    }

    /// The median of all rounds; `None` when none was noted.
    #[must_use]
    pub fn median(&self, row: &str, column: &str) -> Option<f64> {
        let row = self.rows.iter().position(|name| name == row)?;
        let column = self.columns.iter().position(|name| *name == column)?;
        median(&self.sorted(row, column))
    }

    /// The names of the rows.
    pub fn rows(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(String::as_str)
    }

    fn sorted(&self, row: usize, column: usize) -> Vec<f64> {
        let of_cell = |(r, c, value): &(usize, usize, f64)| (*r == row && *c == column).then_some(*value);
        let mut values: Vec<f64> = self.cells.iter().filter_map(of_cell).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }
}

/// Of values in order: the one in the middle, or the mean of the two.
fn median(values: &[f64]) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    Some((values[last / 2] + values[last.div_ceil(2)]) / 2.0)
}

/// Three digits that matter, so that small and large figures stand in one column.
fn rounded(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 => format!("{value:.2}"),
        middle if middle < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:24}", "")?;
        for column in &self.columns {
            write!(f, " {column:>26}")?;
        }
        for (row, name) in self.rows.iter().enumerate() {
            write!(f, "\n{name:24}")?;
            for column in 0..self.columns.len() {
                let values = self.sorted(row, column);
                let cell = match (median(&values), values.first(), values.last()) {
                    (Some(median), Some(least), Some(most)) => {
                        format!("{} ({}..{})", rounded(median), rounded(*least), rounded(*most))
                    }
                    _ => String::new(),
                };
                write!(f, " {cell:>26}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_tells_the_median_the_least_and_the_most_of_its_rounds() {
        let mut figures = Figures::default();
        for value in [3.0, 1.0, 20_000.0, 2.0] {
            figures.note("ours", "us each", value);
        }
        figures.note("theirs", "objects/s", 7.0);
        assert_eq!(figures.median("ours", "us each"), Some(2.5));
        assert_eq!((figures.median("ours", "objects/s"), figures.median("nobody's", "us each")), (None, None));
        let table = figures.to_string();
        let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            lines,
            [&["us", "each", "objects/s"][..], &["ours", "2.50", "(1.00..20000)"], &["theirs", "7.00", "(7.00..7.00)"]]
        );
    }
}
