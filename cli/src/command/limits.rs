//! Limits on the command line: the flags that change them, and their display.

use std::num::{NonZeroU32, NonZeroU64};
use std::str::FromStr;

use brigade_model::size;
use brigade_wire::admin::{Limits, LimitsChange};

use crate::progress::grouped;

/// What `limit` takes, of a job as of an endpoint.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(required = true, multiple = true)]
pub struct LimitFlags {
    /// Requests in flight at most
    #[arg(long, value_name = "N|none", value_parser = number::<NonZeroU32>)]
    in_flight_max: Option<To<NonZeroU32>>,
    /// Requests a second at most
    #[arg(long, value_name = "N|none", value_parser = number::<NonZeroU32>)]
    requests_per_second_max: Option<To<NonZeroU32>>,
    /// Objects a second at most; a request that deletes a thousand is a thousand
    #[arg(long, value_name = "N|none", value_parser = number::<NonZeroU32>)]
    objects_per_second_max: Option<To<NonZeroU32>>,
    /// Bytes of objects a second at most, such as 10MiB
    #[arg(long, value_name = "SIZE|none", value_parser = bytes)]
    bytes_per_second_max: Option<To<NonZeroU64>>,
}

/// What a limit becomes; `None` takes it away.
#[derive(Debug, Clone, Copy)]
struct To<N>(Option<N>);

impl LimitFlags {
    /// The change that the flags ask for.
    #[must_use]
    pub fn change(self) -> LimitsChange {
        LimitsChange {
            requests_in_flight: self.in_flight_max.map(|to| to.0),
            requests_per_second: self.requests_per_second_max.map(|to| to.0),
            objects_per_second: self.objects_per_second_max.map(|to| to.0),
            bytes_per_second: self.bytes_per_second_max.map(|to| to.0),
        }
    }
}

fn number<N: FromStr>(text: &str) -> Result<To<N>, String> {
    if text == "none" {
        return Ok(To(None));
    }
    text.parse().map(|number| To(Some(number))).map_err(|_| "must be a whole number above 0, or none".to_owned())
}

fn bytes(text: &str) -> Result<To<NonZeroU64>, String> {
    if text == "none" {
        return Ok(To(None));
    }
    let bytes = size::parse(text).and_then(NonZeroU64::new);
    bytes.map(|bytes| To(Some(bytes))).ok_or_else(|| format!("must be {}, or none", size::TAKES))
}

/// Limits for people; nothing where there are none.
#[must_use]
pub fn to_text(limits: Limits) -> String {
    let Limits { requests_in_flight, requests_per_second, objects_per_second, bytes_per_second } = limits;
    let texts = [
        requests_in_flight.map(|n| format!("{} in flight", grouped(n.into()))),
        requests_per_second.map(|n| format!("{} requests/s", grouped(n.into()))),
        objects_per_second.map(|n| format!("{} objects/s", grouped(n.into()))),
        bytes_per_second.map(|n| format!("{}/s", size_text(n))),
    ];
    texts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A size in one form everywhere; of bytes it says that they are.
fn size_text(bytes: u64) -> String {
    let text = size::to_text(bytes);
    if text.ends_with('B') { text } else { format!("{} bytes", grouped(bytes)) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        limits: LimitFlags,
    }

    fn change(flags: &[&str]) -> Result<LimitsChange, String> {
        let parsed = Flags::try_parse_from([&["x"], flags].concat()).map_err(|error| error.to_string())?;
        Ok(parsed.limits.change())
    }

    #[test]
    fn a_number_sets_a_limit_none_takes_it_away_and_the_rest_stays() {
        let changed = change(&["--in-flight-max", "4", "--bytes-per-second-max", "2KiB"]).unwrap();
        assert_eq!(serde_json::to_string(&changed).unwrap(), r#"{"requests_in_flight":4,"bytes_per_second":2048}"#);
        let changed = change(&["--requests-per-second-max", "none"]).unwrap();
        assert_eq!(serde_json::to_string(&changed).unwrap(), r#"{"requests_per_second":null}"#);
    }

    #[test]
    fn no_limit_and_no_number_are_mistakes() {
        assert!(change(&[]).unwrap_err().contains("required arguments were not provided"));
        for flags in
            [["--in-flight-max", "0"], ["--requests-per-second-max", "many"], ["--bytes-per-second-max", "1MB"]]
        {
            assert!(change(&flags).unwrap_err().contains("or none"), "{flags:?}");
        }
    }

    #[test]
    fn limits_are_told_in_words() {
        let limits = Limits { requests_per_second: Some(1000), ..Limits::default() };
        assert_eq!(to_text(limits), "1,000 requests/s");
        let bytes = |bytes| to_text(Limits { bytes_per_second: Some(bytes), ..Limits::default() });
        assert_eq!([bytes(10 << 20), bytes(1000)], ["10MiB/s", "1,000 bytes/s"]);
        assert_eq!(to_text(Limits::default()), "");
    }
}
