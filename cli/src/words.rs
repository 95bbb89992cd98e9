//! Options that take a word of a closed list, in any case: clap tells the list and completes its words.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// Reads one of these words. The option that uses it says `ignore_case = true`.
///
/// # Panics
/// Never: clap lets no other word pass.
pub(crate) fn one_of<T: Clone + Send + Sync + 'static>(
    choices: impl IntoIterator<Item = (&'static str, T)>,
) -> impl TypedValueParser<Value = T> {
    let choices: Vec<(&'static str, T)> = choices.into_iter().collect();
    PossibleValuesParser::new(choices.iter().map(|(word, _)| *word)).map(move |given| {
        let choice = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&given));
        choice.map(|(_, value)| value.clone()).expect("clap lets no other word pass")
    })
}
