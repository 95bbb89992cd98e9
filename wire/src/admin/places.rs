//! The buckets that a job to come will write to, and what a look at them found.

use brigade_model::BucketName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::query::{WrongParameter, given_once};

/// Which buckets to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlaceQuery {
    /// Where the report goes.
    pub report: Option<BucketName>,
    /// Where copies go.
    pub target: Option<BucketName>,
}

impl PlaceQuery {
    /// Reads the query.
    ///
    /// # Errors
    /// [`WrongParameter`] when one is unknown, given twice, or no bucket's name.
    pub fn decode(query: &[(String, String)]) -> Result<Self, WrongParameter> {
        let mut read = Self::default();
        for (name, text) in given_once(query)? {
            let wrong = |why: &str| WrongParameter { name: name.to_owned(), why: why.to_owned() };
            let bucket = || BucketName::new(text).map_err(|error| wrong(&error.to_string()));
            match name {
                "report" => read.report = Some(bucket()?),
                "target" => read.target = Some(bucket()?),
                _ => return Err(wrong("is not known here")),
            }
        }
        Ok(read)
    }

    /// Writes the query; what is not asked is not written.
    #[must_use]
    pub fn encode(&self) -> Vec<(String, String)> {
        let given = [("report", &self.report), ("target", &self.target)];
        given.into_iter().filter_map(|(name, bucket)| Some((name.to_owned(), bucket.as_ref()?.to_string()))).collect()
    }
}

/// What looks at the buckets found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceList {
    /// The buckets that were asked for.
    pub places: Vec<PlaceState>,
}

/// A bucket that a job to come will write to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceState {
    /// What for: `report` or `target`.
    #[schema(example = "report")]
    pub used: String,
    /// The bucket.
    pub bucket: String,
    /// The endpoint of the role's place.
    pub endpoint: String,
    /// Whether it is there; null when the look told nothing of it.
    #[schema(required)]
    pub is_there: Option<bool>,
    /// Why it told nothing; null when it did.
    #[schema(required)]
    pub why: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_it_was_written_and_a_wrong_one_names_its_parameter() {
        let some = PlaceQuery { report: Some("reports".parse().unwrap()), target: Some("backup".parse().unwrap()) };
        for query in [PlaceQuery::default(), some] {
            assert_eq!(PlaceQuery::decode(&query.encode()), Ok(query));
        }
        for (name, text) in [("report", ""), ("target", "a/b"), ("source", "photos")] {
            let query = [(name.to_owned(), text.to_owned())];
            assert_eq!(PlaceQuery::decode(&query).unwrap_err().name, name);
        }
    }
}
