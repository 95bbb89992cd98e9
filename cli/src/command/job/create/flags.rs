//! The flags that all operations share: manifest, report, priority, role; and the short names that
//! become names of the request's dialect.

use brigade_config::client::Client;
use brigade_config::{Explained, UsageError};
use brigade_model::Dialect;
use brigade_model::manifest::ManifestFormat;
use brigade_model::names::{BucketName, NameError};
use brigade_model::report::{ReportScope, ReportSpec};
use brigade_model::resource::{BucketRef, ObjectRef, RoleRef};
use brigade_wire::cos::qcs;
use brigade_wire::s3control::arn;
use clap::{ArgGroup, Args, ValueEnum};

use super::manifest::{Said, Source};
use super::options::OptionFlags;
use super::{manifest, value};
use crate::command::access::{PlaceUse, StoreFlags};
use crate::command::manifest::selection::Selection;
use crate::store_path::{NotAStorePath, StorePath};

/// Flags of every form.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which_objects").args(["objects", "manifest"]).required(true))]
pub struct CommonArgs {
    /// The objects: all under this prefix that pass the filters below, listed now; STORE/BUCKET/PREFIX for those of a named
    /// store
    #[arg(value_name = "s3://BUCKET/PREFIX", value_parser = value::objects)]
    pub objects: Option<StorePath>,
    /// The list of objects instead: a file here or - for standard input, which is uploaded, or an object s3://BUCKET/KEY or
    /// STORE:BUCKET/KEY.
    /// It is CSV (commas, tabs or semicolons), s3:// URIs, keys with --bucket, or JSON lines, gzip or not; in the store, CSV
    /// or an inventory's manifest.json
    #[arg(long, value_name = "FILE|S3URL")]
    pub manifest: Option<Source>,
    /// The bucket of a manifest whose lines are keys alone
    #[arg(long, value_name = "BUCKET", conflicts_with_all = ["objects", "fields"])]
    pub bucket: Option<BucketName>,
    /// How a manifest in the store is written [default: as its bytes show]
    #[arg(long, value_name = "FORMAT", conflicts_with = "objects")]
    pub manifest_format: Option<FormatWord>,
    /// Where a manifest from here is uploaded to [default: the configuration's client.manifest_to]
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub manifest_to: Option<StorePath>,
    /// The manifest's columns, such as Bucket,Key,VersionId [default: its header, or Bucket,Key]
    #[arg(long, value_name = "LIST", value_parser = manifest::parse_fields, conflicts_with = "objects")]
    pub fields: Option<manifest::Fields>,
    /// Where the report goes [default: the configuration's client.report]
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    pub report: Option<StorePath>,
    /// Which tasks it lists
    #[arg(long, value_name = "WHICH", default_value = "all", conflicts_with = "no_report")]
    pub report_scope: ScopeWord,
    /// Write no report
    #[arg(long, conflicts_with = "report")]
    pub no_report: bool,
    /// How urgent the job is, from 0; larger is more urgent
    #[arg(long, value_name = "NUMBER", default_value = "10", value_parser = value::priority, allow_negative_numbers = true)]
    pub priority: i32,
    /// A text for people
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// The role whose rights the job uses [default: the configuration's client.role]
    #[arg(long, value_name = "NAME")]
    pub role: Option<String>,
    /// Wait, once the manifest is counted, until the job is confirmed
    #[arg(long)]
    pub confirm_first: bool,
    /// The request's own name, so that a repeat creates nothing [default: a fresh UUID]
    #[arg(long, value_name = "TEXT")]
    pub token: Option<String>,
    /// Print the request and do nothing
    #[arg(long)]
    pub dry_print: bool,
    #[command(flatten)]
    /// Which of the objects under the prefix
    pub selection: Selection,
    #[command(flatten)]
    /// What the interface has no field for
    pub options: OptionFlags,
    #[command(flatten)]
    /// Where manifests are looked at and uploaded to
    pub store: StoreFlags,
}

/// How a manifest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatWord {
    /// Rows of bucket, key and perhaps version (COSBatchOperations_CSV_V1)
    Csv,
    /// The manifest.json of an inventory (COSInventoryReport_CSV_V1)
    Inventory,
}

/// Which tasks a report lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScopeWord {
    /// Every task
    All,
    /// Failed tasks only
    Failed,
}

impl CommonArgs {
    /// Checks what no flag can know of another.
    ///
    /// # Errors
    /// [`UsageError`] when filters are said of a manifest.
    pub fn check(&self) -> Result<(), Explained> {
        if self.manifest.is_some() && !self.selection.is_everything() {
            let what = UsageError("filters such as --match choose from a listing".to_owned());
            return Err(Explained::new(what, ["give s3://BUCKET/PREFIX instead of --manifest".to_owned()]));
        }
        Ok(())
    }

    /// What is said of the manifest.
    #[must_use]
    pub fn said(&self) -> Said<'_> {
        Said { fields: self.fields.as_ref(), bucket: self.bucket.as_ref(), options: &self.options.0 }
    }

    /// How the manifest is written, if the flags say it.
    #[must_use]
    pub fn format(&self) -> Option<ManifestFormat> {
        self.manifest_format.map(|word| match word {
            FormatWord::Csv => ManifestFormat::Csv,
            FormatWord::Inventory => ManifestFormat::Inventory,
        })
    }

    /// The places that the flags or the configuration name, and what each is for.
    pub fn paths<'a>(&'a self, names: &'a Names) -> impl Iterator<Item = (PlaceUse, &'a StorePath)> {
        let stored = match &self.manifest {
            Some(Source::Stored(path)) => Some(path),
            _ => None,
        };
        let to = self.manifest_to.as_ref().or(names.manifest_to.as_ref()).filter(|_| stored.is_none());
        let report = self.report.as_ref().or(names.report.as_ref()).filter(|_| !self.no_report);
        let all = [
            (PlaceUse::Source, self.objects.as_ref()),
            (PlaceUse::Manifest, stored),
            (PlaceUse::Manifest, to),
            (PlaceUse::Report, report),
        ];
        all.into_iter().filter_map(|(use_of, path)| Some((use_of, path?)))
    }

    /// Where a manifest from here goes.
    ///
    /// # Errors
    /// [`UsageError`] when neither the flags nor the configuration say it.
    pub fn manifest_to<'a>(&'a self, names: &'a Names) -> Result<&'a StorePath, Explained> {
        self.manifest_to.as_ref().or(names.manifest_to.as_ref()).ok_or_else(|| {
            let ways = "say --manifest-to s3://BUCKET/PREFIX/, or set client.manifest_to";
            Explained::new(UsageError("nothing says where the manifest is uploaded to".to_owned()), [ways.to_owned()])
        })
    }

    /// The report that the flags ask for.
    ///
    /// # Errors
    /// [`UsageError`] when the bucket makes no name.
    pub fn report_spec(&self, names: &Names) -> Result<ReportSpec, Explained> {
        let place = match self.report.as_ref().or(names.report.as_ref()) {
            _ if self.no_report => return Ok(ReportSpec { enabled: false, bucket: None, prefix: None, scope: None }),
            Some(place) => place,
            None => {
                let ways = "say --report s3://BUCKET/PREFIX or --no-report, or set client.report";
                let what = UsageError("nothing says where the report goes".to_owned());
                return Err(Explained::new(what, [ways.to_owned()]));
            }
        };
        let scope = match self.report_scope {
            ScopeWord::All => ReportScope::AllTasks,
            ScopeWord::Failed => ReportScope::FailedTasksOnly,
        };
        let (bucket, prefix) = (place.url.bucket.as_str(), place.url.path.trim_end_matches('/'));
        Ok(ReportSpec {
            enabled: true,
            bucket: Some(names.bucket("--report", bucket).map_err(|error| Explained::new(error, []))?),
            prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
            scope: Some(scope),
        })
    }
}

/// The caller's names, which complete short names in the dialect of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Whose names they are.
    pub dialect: Dialect,
    /// The region label in qcs names.
    pub region: String,
    /// The account's appid.
    pub appid: String,
    /// The account's uin.
    pub uin: String,
    /// The account's number in ARNs.
    pub account_id: Option<String>,
    /// The role for jobs that name none.
    pub role: Option<String>,
    /// Where manifests from here go when no flag says it.
    pub manifest_to: Option<StorePath>,
    /// Where reports go when no flag says it.
    pub report: Option<StorePath>,
}

impl Names {
    /// Those of the configuration, for a request in that dialect.
    ///
    /// # Errors
    /// [`UsageError`] when the dialect needs what the configuration does not say.
    pub fn of(client: &Client, dialect: Dialect) -> Result<Self, UsageError> {
        if dialect == Dialect::S3Control && client.account_id.is_none() {
            return Err(UsageError(
                "client.account_id is missing: the COS dialect has no word for this operation, and S3 Control's needs the 12 \
                 digits that accounts.<name>.s3control.account_id says"
                    .to_owned(),
            ));
        }
        let place = |setting: &str, text: Option<&String>| {
            let read = text.map(|text| text.parse().map_err(|error| (text, error))).transpose();
            read.map_err(|(text, error): (_, NotAStorePath)| UsageError(format!("client.{setting} {text}: {error}")))
        };
        Ok(Self {
            dialect,
            manifest_to: place("manifest_to", client.manifest_to.as_ref())?,
            report: place("report", client.report.as_ref())?,
            region: client.region.clone(),
            appid: client.appid.clone(),
            uin: client.uin.clone(),
            account_id: client.account_id.clone(),
            role: client.role.clone(),
        })
    }

    /// A bucket from its short name, or from a whole name of the dialect.
    ///
    /// # Errors
    /// [`UsageError`] names the flag and the rule that the name breaks.
    pub fn bucket(&self, flag: &str, name: &str) -> Result<BucketRef, UsageError> {
        let (parse, short) = match self.dialect {
            Dialect::Cos => (qcs::parse_bucket as Parse<BucketRef>, qcs::bucket_text(&self.region, &self.appid, name)),
            Dialect::S3Control => (arn::parse_bucket as Parse<BucketRef>, arn::bucket_text(name)),
        };
        parse(if is_whole(name) { name } else { &short }).map_err(|error| wrong(flag, name, &error))
    }

    /// An object from its place in the store.
    ///
    /// # Errors
    /// [`UsageError`] names the flag and the rule that the name breaks.
    pub fn object(&self, flag: &str, bucket: &str, key: &str) -> Result<ObjectRef, UsageError> {
        let object = match self.dialect {
            Dialect::Cos => qcs::parse_object(&qcs::object_text(&self.region, &self.appid, bucket, key)),
            Dialect::S3Control => arn::parse_object(&arn::object_text(bucket, key)),
        };
        object.map_err(|error| wrong(flag, &format!("s3://{bucket}/{key}"), &error))
    }

    /// A role from its short name, or from a whole name of the dialect.
    ///
    /// # Errors
    /// [`UsageError`] when none is known or the name breaks a rule.
    pub fn role(&self, given: Option<&str>) -> Result<RoleRef, UsageError> {
        let name = given
            .or(self.role.as_deref())
            .ok_or_else(|| UsageError("no role: say --role NAME or set client.role in the configuration".to_owned()))?;
        let (parse, short) = match self.dialect {
            Dialect::Cos => (qcs::parse_role as Parse<RoleRef>, qcs::role_text(&self.uin, name)),
            Dialect::S3Control => (
                arn::parse_role as Parse<RoleRef>,
                arn::role_text(self.account_id.as_deref().unwrap_or_default(), name),
            ),
        };
        parse(if is_whole(name) { name } else { &short }).map_err(|error| wrong("--role", name, &error))
    }
}

/// Reads a name of a dialect.
type Parse<T> = fn(&str) -> Result<T, NameError>;

/// Whether it is a name of a dialect already.
pub(super) fn is_whole(name: &str) -> bool {
    name.starts_with("qcs:") || name.starts_with("arn:")
}

fn wrong(flag: &str, value: &str, error: &NameError) -> UsageError {
    UsageError(format!("{flag} {value}: {error}"))
}
