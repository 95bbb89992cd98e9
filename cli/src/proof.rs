//! Tells an operator which capabilities of an endpoint are not proved, and what follows from that.

use brigade_engine::operation::what_happens_without;
use brigade_model::{Capabilities, Capability};

use crate::{printer, table};

/// Names that a cell of a table has room for.
const NAMES_SHOWN: usize = 3;

/// Names in a cell of a table: some of them, and how many more there are.
pub(crate) fn in_short(names: &[String]) -> String {
    if names.len() == Capability::ALL.len() {
        return "all".to_owned();
    }
    let shown = names.iter().take(NAMES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A table of what happens at an endpoint for want of what it lacks or nothing proves.
pub(crate) fn consequences(capabilities: &Capabilities) -> String {
    let mut rows: Vec<(Vec<String>, &'static str)> = Vec::new();
    for capability in Capability::ALL {
        for text in what_happens_without(capability, capabilities) {
            let name = capability.name().to_owned();
            match rows.iter_mut().find(|(_, same)| *same == text) {
                Some((names, _)) => names.push(name),
                None => rows.push((vec![name], text)),
            }
        }
    }
    let rows: Vec<_> = rows.into_iter().map(|(names, text)| vec![in_short(&names), text.to_owned()]).collect();
    table::wrapped(&["without", "this happens"], &rows, printer::width())
}

#[cfg(test)]
mod tests {
    use brigade_model::EndpointKind;

    use super::*;

    #[test]
    fn a_cell_names_three_and_counts_the_rest() {
        let names = |count: usize| (0..count).map(|n| n.to_string()).collect::<Vec<_>>();
        assert_eq!(in_short(&[]), "");
        assert_eq!(in_short(&names(3)), "0, 1, 2");
        assert_eq!(in_short(&names(5)), "0, 1, 2 and 2 more");
        assert_eq!(in_short(&names(Capability::ALL.len())), "all");
    }

    #[test]
    fn every_unproven_capability_has_its_consequence_and_a_proved_one_has_none() {
        let unproven = consequences(&Capabilities::known(EndpointKind::Other, None));
        assert!(unproven.contains("rows that name a version fail"), "{unproven}");
        assert!(
            unproven.contains("if-match-on-delete, if-match-on-put, if-none-match-on-put and 4 more"),
            "{unproven}"
        );
        assert_eq!(consequences(&Capabilities::proved(Capability::ALL)), "");
    }
}
