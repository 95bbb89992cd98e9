//! Reads the parameters of a query by name, strictly.
//!
//! A parameter that the action does not know is refused by its name, and so is one given twice. Those of a
//! signature in the query (`X-Amz-...`) are not the action's, nor is the one that SDKs add to name the action
//! (`x-id`). An empty value counts as absent.

use super::S3ControlError;

/// The parameters of one request, decoded.
pub(super) struct Parameters<'a>(&'a [(String, String)]);

impl<'a> Parameters<'a> {
    /// Refuses every parameter that is not one of `known`.
    pub(super) fn read(query: &'a [(String, String)], known: &[&str]) -> Result<Self, S3ControlError> {
        let is_foreign = |name: &str| name.starts_with("X-Amz-") || name == "x-id";
        let mut names = query.iter().map(|(name, _)| name);
        let unknown = names.find(|name| !known.contains(&name.as_str()) && !is_foreign(name));
        match unknown {
            Some(name) => Err(S3ControlError::unknown_parameter(name.chars().take(64).collect::<String>())),
            None => Ok(Self(query)),
        }
    }

    /// Refuses every parameter: the action has none.
    pub(super) fn none(query: &[(String, String)]) -> Result<(), S3ControlError> {
        Parameters::read(query, &[]).map(|_| ())
    }

    /// Every value of a parameter that may repeat.
    pub(super) fn each(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, value)| given == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter; given twice, it is `wrong`.
    pub(super) fn one(
        &self,
        name: &str,
        wrong: impl FnOnce() -> S3ControlError,
    ) -> Result<Option<&'a str>, S3ControlError> {
        let mut values = self.each(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(wrong()),
            (value, None) => Ok(value),
        }
    }
}
