//! The reference of all settings, rendered from their definitions into `docs/configuration.md`.

use std::fmt::Write;

use crate::Config;
use crate::config_source::variable;
use crate::effect::AT_ONCE;
use crate::section::{Row, RowKind, Section};

/// The reference in Markdown.
#[must_use]
pub fn render() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         <!-- Rendered from config/src by `brigade config reference`; a test fails when this page is stale. -->\n\n",
    );
    paragraph(&mut page, Config::HELP);
    paragraph(
        &mut page,
        "Each setting can also be an environment variable, which then wins over the file; a list is \
         separated by commas. A variable can set a setting of a table that the file names, but not \
         name a new one. A setting marked *secret* can be given as it is or, with `_file` behind its \
         name, as the path of a file that holds it and is read again when it changes.",
    );
    section(&mut page, &[], &Config::rows(), &mut Vec::new());
    changes(&mut page);
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// A section's help and the path it was first shown at: what it holds is not repeated.
type Shown = Vec<(&'static str, String)>;

fn section(page: &mut String, path: &[&str], rows: &[Row], shown: &mut Shown) {
    let settings: Vec<&Row> = rows.iter().filter(|row| is_setting(row)).collect();
    if !settings.is_empty() {
        page.push_str("| setting | takes | default | environment | what it does |\n|---|---|---|---|---|\n");
        settings.iter().for_each(|row| line(page, path, row));
        page.push('\n');
    }
    for row in rows {
        match &row.kind {
            RowKind::Table(help, inner) => chapter(page, &[path, &[row.name]].concat(), help, inner, shown),
            RowKind::Named(help, inner) => chapter(page, &[path, &[row.name, "<name>"]].concat(), help, inner, shown),
            RowKind::List(help, inner) => list(page, &[path, &[row.name]].concat(), help, inner, shown),
            RowKind::Map(takes) => {
                let _ = writeln!(page, "## `[{}]`\n", [path, &[row.name]].concat().join("."));
                paragraph(page, row.help);
                paragraph(page, &format!("Each name takes {takes}."));
            }
            RowKind::Setting { .. } | RowKind::Secret => {}
        }
    }
}

fn is_setting(row: &Row) -> bool {
    matches!(row.kind, RowKind::Setting { .. } | RowKind::Secret)
}

fn chapter(page: &mut String, path: &[&str], help: &'static str, rows: &[Row], shown: &mut Shown) {
    let name = path.join(".");
    let _ = writeln!(page, "## `[{name}]`\n");
    if let Some((_, first)) = shown.iter().find(|(same, _)| *same == help) {
        let _ = writeln!(page, "The settings of `[{first}]`.\n");
        return;
    }
    shown.push((help, name));
    paragraph(page, help);
    section(page, path, rows, shown);
}

fn line(page: &mut String, path: &[&str], row: &Row) {
    let (takes, default) = match &row.kind {
        RowKind::Setting { takes, default: Some(default), .. } => (takes.clone(), format!("`{default}`")),
        RowKind::Setting { takes, default: None, is_required: true, .. } => (takes.clone(), "must be given".to_owned()),
        RowKind::Setting { takes, default: None, is_required: false, .. } => (takes.clone(), "none".to_owned()),
        _ => ("*secret*".to_owned(), "none".to_owned()),
    };
    let full: Vec<String> = path.iter().chain([&row.name]).map(|part| (*part).to_owned()).collect();
    let variable = variable(&full).replace("__NAME__", "_<NAME>_").replace("__N__", "_<N>_");
    let _ = writeln!(page, "| `{}` | {takes} | {default} | `{variable}` | {} |", row.name, row.help.trim());
}

/// A list of tables, whose variables count them from 1.
fn list(page: &mut String, path: &[&str], help: &'static str, rows: &[Row], shown: &mut Shown) {
    let _ = writeln!(page, "## `[[{}]]`\n", path.join("."));
    paragraph(page, help);
    section(page, &[path, &["<n>"]].concat(), rows, shown);
}

/// Which settings a running service takes.
fn changes(page: &mut String) {
    page.push_str("## Changes while the service runs\n\n");
    paragraph(
        page,
        "SIGHUP (`systemctl reload brigade`) lets a running service read its file again. It takes the settings of this table at \
         once, in endpoints and accounts that it had at its start; every other changed setting counts from its next start. The log \
         has a line for each changed setting, with its line in the file. Files of secrets and of the certificate are read again \
         whenever they change, without a signal. The service does not use `[client]` and `[profiles.<name>]`.",
    );
    page.push_str("| section | taken at once |\n|---|---|\n");
    for (section, settings) in AT_ONCE {
        let settings: Vec<String> = settings.iter().map(|setting| format!("`{setting}`")).collect();
        let _ = writeln!(page, "| `[{}]` | {} |", section.replace('*', "<name>"), settings.join(", "));
    }
    page.push('\n');
}

/// A paragraph on one line.
fn paragraph(page: &mut String, text: &str) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let _ = writeln!(page, "{}\n", words.join(" "));
}
