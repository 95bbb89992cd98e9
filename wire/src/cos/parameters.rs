//! Reads the parameters of a query by name, strictly.
//!
//! A parameter that the action does not know is refused by its name, and so is one given
//! twice. Those of a signature in the query (`q-...`, `sign`) are not the action's, nor are those that vendors'
//! clients add for themselves (`x-id`, `x-cos-...`). An
//! empty value counts as absent.

use super::CosError;
use super::headers::WHOLE_SIGNATURE;

/// The parameters of one request, decoded.
pub(super) struct Parameters<'a>(&'a [(String, String)]);

impl<'a> Parameters<'a> {
    /// Refuses every parameter that is not one of `known`.
    pub(super) fn read(query: &'a [(String, String)], known: &[&str]) -> Result<Self, CosError> {
        let mut names = query.iter().map(|(name, _)| name);
        let unknown = names.find(|name| !known.contains(&name.as_str()) && !is_foreign(name));
        match unknown {
            Some(name) => Err(CosError::unknown_parameter(name.chars().take(64).collect::<String>())),
            None => Ok(Self(query)),
        }
    }

    /// Every value of a parameter that may repeat.
    pub(super) fn each(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter; given twice, it is `wrong`.
    pub(super) fn one(&self, name: &str, wrong: impl FnOnce() -> CosError) -> Result<Option<&'a str>, CosError> {
        let mut values = self.each(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(wrong()),
            (value, None) => Ok(value),
        }
    }
}

/// Whether a parameter is of the signature or of the client itself, and not of the action.
pub(crate) fn is_foreign(name: &str) -> bool {
    name.starts_with("q-") || name.starts_with("x-") || name == WHOLE_SIGNATURE
}

/// A parameter to send.
pub(super) fn pair(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}
