//! The parameters of lists.

use brigade_model::job::Dialect;
use brigade_model::limits::LIST_JOBS_MAX;
use brigade_model::{JobId, Status};

use crate::cos::parameters::is_foreign;
use crate::numbers::parse_whole_number;

/// Which failed tasks are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailureQuery {
    /// What `next` of the page before is: the number of a slice, and a place in it.
    pub after: Option<(u32, u32)>,
    /// So many at most; `None` for as many as a page may have.
    pub max: Option<usize>,
}

impl FailureQuery {
    /// Reads the query.
    ///
    /// # Errors
    /// [`WrongParameter`] when one is unknown, given twice, or has no such value.
    pub fn decode(query: &[(String, String)]) -> Result<Self, WrongParameter> {
        let mut read = Self::default();
        for (name, text) in given_once(query)? {
            let wrong = |why: &str| WrongParameter { name: name.to_owned(), why: why.to_owned() };
            match name {
                "after" => {
                    let place = Self::place_of(text);
                    read.after = Some(place.ok_or_else(|| wrong("must be what next of the page before is"))?);
                }
                "max" => read.max = Some(page_size(text).map_err(|why| wrong(&why))?),
                _ => return Err(wrong("is not known here")),
            }
        }
        Ok(read)
    }

    /// Writes the query; what is not asked is not written.
    #[must_use]
    pub fn encode(&self) -> Vec<(String, String)> {
        let after = self.after.map(|(slice, offset)| ("after".to_owned(), Self::place(slice, offset)));
        after.into_iter().chain(self.max.map(|max| ("max".to_owned(), max.to_string()))).collect()
    }

    /// The place that `next` and `after` name.
    #[must_use]
    pub fn place_of(text: &str) -> Option<(u32, u32)> {
        let number = |text| parse_whole_number(text).and_then(|number| u32::try_from(number).ok());
        let (slice, offset) = text.split_once('-')?;
        Some((number(slice)?, number(offset)?))
    }

    /// A place as `next` and `after` have it.
    #[must_use]
    pub fn place(slice: u32, offset: u32) -> String {
        format!("{slice}-{offset}")
    }
}

/// The parameters of ours, none of them given twice.
pub(super) fn given_once(query: &[(String, String)]) -> Result<Vec<(&str, &str)>, WrongParameter> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (name, text) in query.iter().filter(|(name, _)| !is_foreign(name)) {
        if seen.iter().any(|(before, _)| before == name) {
            return Err(WrongParameter { name: name.chars().take(64).collect(), why: "is given twice".to_owned() });
        }
        seen.push((name, text));
    }
    Ok(seen)
}

/// How many a page has.
fn page_size(text: &str) -> Result<usize, String> {
    let max = parse_whole_number(text).and_then(|number| usize::try_from(number).ok());
    max.filter(|max| (1..=LIST_JOBS_MAX).contains(max)).ok_or_else(|| format!("must be from 1 to {LIST_JOBS_MAX}"))
}

/// Which jobs a list is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobQuery {
    /// Those of one dialect; `None` for those of all.
    pub dialect: Option<Dialect>,
    /// Those in these statuses; empty for all.
    pub statuses: Vec<Status>,
    /// Those after this position in the order asked for, which need not be a job.
    pub after: Option<JobId>,
    /// The newest first, and not the oldest.
    pub is_newest_first: bool,
    /// So many at most; `None` for as many as a page may have.
    pub max: Option<usize>,
}

/// A parameter of a query that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongParameter {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub why: String,
}

impl JobQuery {
    /// Reads the query.
    ///
    /// # Errors
    /// [`WrongParameter`] when one is unknown, given twice, or has no such value.
    pub fn decode(query: &[(String, String)]) -> Result<Self, WrongParameter> {
        let mut read = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for (name, text) in query.iter().filter(|(name, _)| !is_foreign(name)) {
            let wrong = |why: String| WrongParameter { name: name.chars().take(64).collect(), why };
            if seen.contains(&name.as_str()) {
                return Err(wrong("is given twice".to_owned()));
            }
            seen.push(name);
            match name.as_str() {
                "dialect" => read.dialect = Some(dialect_of(text).ok_or_else(|| wrong(dialect_words()))?),
                "status" => {
                    let statuses = text.split(',').map(str::parse).collect::<Result<_, _>>();
                    let names = || format!("must be among {}", Status::ALL.map(Status::name).join(", "));
                    read.statuses = statuses.map_err(|_| wrong(names()))?;
                }
                "after" => read.after = Some(text.parse().map_err(|_| wrong("must be the id of a job".to_owned()))?),
                "order" => read.is_newest_first = is_newest(text).ok_or_else(|| wrong(order_words()))?,
                "max" => read.max = Some(page_size(text).map_err(wrong)?),
                _ => return Err(wrong("is not known here".to_owned())),
            }
        }
        Ok(read)
    }

    /// Writes the query; what is not asked is not written.
    #[must_use]
    pub fn encode(&self) -> Vec<(String, String)> {
        let statuses = (!self.statuses.is_empty()).then(|| {
            let names: Vec<_> = self.statuses.iter().map(|status| status.name()).collect();
            names.join(",")
        });
        let given = [
            ("dialect", self.dialect.map(|dialect| dialect.word().to_owned())),
            ("status", statuses),
            ("after", self.after.map(|after| after.to_string())),
            ("order", self.is_newest_first.then(|| NEWEST.to_owned())),
            ("max", self.max.map(|max| max.to_string())),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }
}

/// The orders of a list.
const NEWEST: &str = "newest";
const OLDEST: &str = "oldest";

fn is_newest(word: &str) -> Option<bool> {
    [(NEWEST, true), (OLDEST, false)].into_iter().find_map(|(known, is_newest)| (known == word).then_some(is_newest))
}

fn order_words() -> String {
    format!("must be {NEWEST} or {OLDEST}")
}

/// The dialect of that word.
#[must_use]
pub fn dialect_of(word: &str) -> Option<Dialect> {
    [Dialect::Cos, Dialect::S3Control].into_iter().find(|dialect| dialect.word() == word)
}

fn dialect_words() -> String {
    format!("must be {} or {}", Dialect::Cos.word(), Dialect::S3Control.word())
}
