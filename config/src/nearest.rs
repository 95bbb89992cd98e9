//! Which of the known names a mistyped one was meant to be.

/// Names are alike from here on, as clap has it for commands and options.
const ALIKE_MIN: f64 = 0.7;

/// The known name that is most like the given one; `None` when none is alike.
#[must_use]
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = known.into_iter().map(|name| (likeness(given, name), name));
    let best = likeness.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(likeness, _)| *likeness > ALIKE_MIN).map(|(_, name)| name)
}

/// From 0 to 1. One letter too many, too few, another one, or two in each other's place are a slip also in a short name.
fn likeness(given: &str, name: &str) -> f64 {
    let jaro = strsim::jaro(given, name);
    let is_slip = name.len() > 2 && strsim::osa_distance(given, name) == 1;
    if is_slip { jaro.max(ALIKE_MIN + 0.1) } else { jaro }
}

/// The question that goes behind a mistake, or nothing.
#[must_use]
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(given, known).map_or_else(String::new, |name| format!("; did you mean {name}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_name_and_another_word_finds_none() {
        assert_eq!(nearest("mian", ["backup", "main"]), Some("main"));
        assert_eq!(nearest("ceph-est", ["ceph-west", "ceph-east"]), Some("ceph-east"));
        assert_eq!(nearest("elsewhere", ["main", "backup"]), None);
        assert_eq!(nearest("tga", ["copy", "tag", "untag"]), Some("tag"));
        assert_eq!(did_you_mean("mian", ["main"]), "; did you mean main?");
        assert_eq!(did_you_mean("mian", []), "");
    }
}
