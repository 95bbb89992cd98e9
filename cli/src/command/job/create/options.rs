//! Job options as flags, generated from the model's one table, so that a new row there is a
//! new flag here.

use brigade_model::options::{JobOptions, OPTIONS};
use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

/// Options that people say in one word.
const SHORT: [(&str, &str); 1] = [("threshold-percent", "threshold")];

/// The options that were given as flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptionFlags(pub JobOptions);

impl OptionFlags {
    fn read(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for row in OPTIONS {
            if let Some(value) = matches.get_one::<String>(row.name) {
                let refused = |error| clap::Error::raw(clap::error::ErrorKind::InvalidValue, error);
                self.0.set(row.name, value).map_err(refused)?;
            }
        }
        Ok(())
    }
}

impl Args for OptionFlags {
    fn augment_args(command: Command) -> Command {
        OPTIONS.iter().fold(command, |command, row| {
            let takes = if row.words.is_empty() { format!(": {}", row.takes) } else { String::new() };
            let help = format!("{}{takes} [default: {}]", capitalized(row.help), row.default);
            let arg = Arg::new(row.name).long(row.name).value_name("VALUE").help(help);
            // clap tells the words by itself.
            let words = (!row.words.is_empty()).then(|| ValueParser::new(PossibleValuesParser::new(row.words)));
            let arg = arg.value_parser(words.unwrap_or_else(ValueParser::string));
            let short = SHORT.iter().find(|(name, _)| *name == row.name).map(|(_, short)| *short);
            let arg = arg.visible_aliases(short);
            let arg = match row.implied {
                Some(value) => arg.num_args(0..=1).require_equals(true).default_missing_value(value),
                None => arg,
            };
            command.arg(arg.help_heading("Job options").hide_short_help(row.implied.is_none()))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OptionFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.read(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.read(matches)
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        options: OptionFlags,
    }

    #[test]
    fn every_row_of_the_table_is_a_flag() {
        let values = [
            "url",
            "comma-blank",
            "yes",
            "latest",
            "allow",
            "fail",
            "10",
            "500",
            "4",
            "100",
            "200",
            "1000000",
            "true",
            "90",
            "3",
        ];
        assert_eq!(OPTIONS.len(), values.len());
        let mut arguments = vec!["x".to_owned()];
        let mut expected = JobOptions::default();
        for (row, value) in OPTIONS.iter().zip(values) {
            arguments.push(format!("--{}={value}", row.name));
            expected.set(row.name, value).unwrap();
        }
        assert_eq!(Flags::try_parse_from(arguments).unwrap().options.0, expected);
    }

    #[test]
    fn a_flag_that_implies_a_value_needs_none() {
        let flags = |argument| Flags::try_parse_from(["x", argument]).unwrap().options.0.dry_run;
        assert_eq!(flags("--dry-run"), Some(true));
        assert_eq!(flags("--dry-run=false"), Some(false));
    }

    #[test]
    fn a_threshold_is_said_in_one_word_and_in_percent() {
        let options = Flags::try_parse_from(["x", "--threshold", "5%", "--threshold-tasks", "200"]).unwrap().options.0;
        assert_eq!((options.threshold_percent, options.threshold_tasks), (Some(5), Some(200)));
    }

    #[test]
    fn a_value_that_the_option_does_not_take_is_refused_with_what_it_takes() {
        for (arguments, told) in [
            (["x", "--key-encoding", "rot13"], "error: invalid value 'rot13' for '--key-encoding <VALUE>'"),
            (["x", "--in-flight-max", "0"], "error: job option in-flight-max takes a whole number above 0"),
        ] {
            let error = Flags::try_parse_from(arguments).unwrap_err();
            assert_eq!(error.to_string().lines().next(), Some(told));
        }
    }
}
