//! `brigade job create`: a job from flags, or from a whole CreateJobRequest.
//!
//! 1. Turns the flags into an operation, a report and a role; a mistake ends it here ([`form`],
//!    [`flags`]).
//! 2. Checks the manifest, local or in the store ([`manifest`]).
//! 3. Asks for consent to a delete ([`consent`]).
//! 4. Uploads a local manifest, whose ETag pins the bytes ([`upload`]).
//! 5. Creates the job and prints its id.

use std::path::{Path, PathBuf};

use brigade_config::UsageError;
use brigade_model::Dialect;
use brigade_model::job::JobSpec;
use brigade_model::manifest::{ManifestFormat, ManifestLocation, ManifestSpec};
use brigade_model::operation::{Operation, OperationKind};
use brigade_model::options::{Header, JobOptions, KeyEncoding};
use brigade_wire::cos::create_job;
use brigade_wire::cos::words::{OPERATIONS, operation_name};
use brigade_wire::s3control;
use clap::{Args, Subcommand};

use super::{CommandContext, output};
use crate::document;

pub mod consent;
pub mod flags;
pub mod form;
pub mod manifest;
pub mod options;
pub mod upload;
pub(in crate::command::job) mod value;

use flags::{CommonArgs, Names};
use form::{
    AclArgs, ChecksumArgs, CopyArgs, DeleteArgs, InvokeArgs, LegalHoldArgs, RestoreArgs, RetentionArgs, TagArgs,
    UntagArgs,
};
use manifest::{Fields, Pinned, Source};
use options::OptionFlags;

/// What the command takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// A file that holds the whole CreateJobRequest, which is sent as it is
    #[arg(long, value_name = "FILE")]
    xml: Option<PathBuf>,
    /// Do not ask when it deletes
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    options: OptionFlags,
    #[command(subcommand)]
    form: Option<Form>,
}

#[derive(Debug, Subcommand)]
enum Form {
    /// Copy each object into a bucket
    Copy(Box<CopyArgs>),
    /// Give each object these tags, in place of those that it has; --add keeps those
    Tag(TagArgs),
    /// Take tags off each object: every one, or those of some keys
    Untag(UntagArgs),
    /// Ask for a temporary copy of each archived object
    Restore(RestoreArgs),
    /// Give each object another ACL
    Acl(AclArgs),
    /// Put each object under legal hold, or lift it
    LegalHold(LegalHoldArgs),
    /// Keep each object until a time, or no longer
    Retention(RetentionArgs),
    /// Compute a checksum of each object, into the report
    Checksum(ChecksumArgs),
    /// Call a function for each object
    Invoke(InvokeArgs),
    /// Delete each object (asks first)
    Delete(DeleteArgs),
}

/// Does it.
///
/// # Errors
/// [`UsageError`] in the flags or the manifest; whatever the store or the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    match (arguments.form, arguments.xml) {
        (Some(form), _) => create_from_flags(context, form).await,
        (None, Some(file)) => create_from_xml(context, &file, arguments.yes, &arguments.options.0).await,
        (None, None) => {
            let forms = Form::augment_subcommands(clap::Command::new("create"));
            let names: Vec<_> = forms.get_subcommands().map(clap::Command::get_name).collect();
            Err(UsageError(format!("say what to create: {} or --xml FILE", names.join(", "))).into())
        }
    }
}

async fn create_from_xml(context: &CommandContext, file: &Path, yes: bool, options: &JobOptions) -> anyhow::Result<()> {
    let name = file.display();
    let body = std::fs::read(file).map_err(|error| UsageError(format!("--xml {name}: {error}")))?;
    document::indent(&body).map_err(|_| UsageError(format!("--xml {name}: is not well-formed XML")))?;
    if !yes && !options.is_dry_run() && deletes(&body) {
        consent::ask(&format!("the manifest of {name} lists"), None)?;
    }
    send(context, dialect_of_request(&body), body, options).await
}

/// The dialect of a whole request: the roles of only one of them begin with `arn:`.
fn dialect_of_request(body: &[u8]) -> Dialect {
    if holds(body, ">arn:") { Dialect::S3Control } else { Dialect::Cos }
}

/// Whether the request may delete. Looked up in the text, so that a request in a newer dialect
/// than ours asks too.
fn deletes(body: &[u8]) -> bool {
    let kind = OperationKind::Delete;
    [operation_name(kind), s3control::words::operation_name(kind)].iter().any(|name| holds(body, name))
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The dialect that a job of that operation is created in: COS's, which other services speak, too, as far as it has a word for
/// it.
fn dialect_of(kind: OperationKind) -> Dialect {
    if OPERATIONS.contains(&kind) { Dialect::Cos } else { Dialect::S3Control }
}

async fn create_from_flags(context: &CommandContext, form: Form) -> anyhow::Result<()> {
    let dialect = dialect_of(form.kind());
    let names = context.names(dialect)?;
    let operation = form.operation(&names)?;
    let common = form.common();
    // Whatever can be wrong in the flags is told before anything is uploaded.
    common.report_spec(&names)?;
    names.role(common.role.as_deref())?;
    let manifest = bring_manifest(context, &form).await?;
    let token = common.token.clone().unwrap_or_else(|| context.tools.fresh_token());
    let spec = compose(common, &names, operation, manifest, token)?;
    let body = encode(dialect, &spec);
    if common.dry_print {
        return output::print_xml(&body);
    }
    send(context, dialect, body, &spec.options).await
}

fn encode(dialect: Dialect, spec: &JobSpec) -> Vec<u8> {
    match dialect {
        Dialect::Cos => create_job::encode_request(spec),
        Dialect::S3Control => s3control::create_job::encode_request(spec),
    }
}

async fn send(context: &CommandContext, dialect: Dialect, body: Vec<u8>, options: &JobOptions) -> anyhow::Result<()> {
    let client = context.client()?;
    let answer = match context.names(dialect)?.account_id.filter(|_| dialect == Dialect::S3Control) {
        Some(account_id) => client.create_job_by_s3control(&account_id, body, options).await?,
        None => client.create_job(body, options).await?,
    };
    output::print(context.output, &answer.body, || answer.value.to_string())
}

impl Form {
    fn common(&self) -> &CommonArgs {
        match self {
            Form::Copy(form) => &form.common,
            Form::Tag(form) => &form.common,
            Form::Untag(form) => &form.common,
            Form::Restore(form) => &form.common,
            Form::Acl(form) => &form.common,
            Form::LegalHold(form) => &form.common,
            Form::Retention(form) => &form.common,
            Form::Checksum(form) => &form.common,
            Form::Invoke(form) => &form.common,
            Form::Delete(form) => &form.common,
        }
    }

    fn kind(&self) -> OperationKind {
        match self {
            Form::Copy(_) => OperationKind::Copy,
            Form::Tag(_) => OperationKind::Tagging,
            Form::Untag(_) => OperationKind::Untagging,
            Form::Restore(_) => OperationKind::Restore,
            Form::Acl(_) => OperationKind::Acl,
            Form::LegalHold(_) => OperationKind::LegalHold,
            Form::Retention(_) => OperationKind::Retention,
            Form::Checksum(_) => OperationKind::Checksum,
            Form::Invoke(_) => OperationKind::Invoke,
            Form::Delete(_) => OperationKind::Delete,
        }
    }

    fn operation(&self, names: &Names) -> Result<Operation, UsageError> {
        Ok(match self {
            Form::Copy(form) => form.operation(names)?,
            Form::Tag(form) => form.operation(),
            Form::Untag(form) => form.operation(),
            Form::Restore(form) => form.operation(),
            Form::Acl(form) => form.operation(),
            Form::LegalHold(form) => form.operation(),
            Form::Retention(form) => form.operation(),
            Form::Checksum(form) => form.operation(),
            Form::Invoke(form) => form.operation(),
            Form::Delete(_) => Operation::Delete,
        })
    }
}

/// Brings the manifest into the store, pinned; asks in between what must be asked.
async fn bring_manifest(context: &CommandContext, form: &Form) -> anyhow::Result<(Pinned, Fields)> {
    let common = form.common();
    let changes_nothing = common.dry_print || common.options.0.is_dry_run();
    let must_ask = matches!(form, Form::Delete(delete) if !delete.yes) && !changes_nothing;
    let format = common.format();
    match &common.manifest {
        Source::Local(path) if format == ManifestFormat::Inventory => {
            let path = path.display();
            Err(UsageError(format!(
                "--manifest {path}: an inventory is read where it lies: say s3://.../manifest.json"
            ))
            .into())
        }
        Source::Local(path) => {
            let local = manifest::look_here(path, common.fields.as_ref(), &common.options.0)?;
            let to = common.manifest_to.as_ref().ok_or_else(|| {
                UsageError("a manifest from here is uploaded: say --manifest-to s3://BUCKET/PREFIX/".to_owned())
            })?;
            let at = upload::destination(&local, to)?;
            if must_ask {
                consent::ask(&format!("{} lists", path.display()), Some(local.rows))?;
            }
            let fields = local.fields.clone();
            if common.dry_print {
                return Ok((upload::forecast(&local, at)?, fields));
            }
            let store = context.open_store(&common.store)?;
            Ok((upload::upload(&*store, &local, at).await?, fields))
        }
        Source::Stored(place) => {
            let store = context.open_store(&common.store)?;
            let fields = common.fields.as_ref();
            let found = match format {
                ManifestFormat::Csv => manifest::look_there(&*store, place, fields, &common.options.0).await?,
                ManifestFormat::Inventory => (manifest::look_at_inventory(&*store, place, fields).await?, Vec::new()),
            };
            if must_ask {
                consent::ask(&format!("{place} lists"), None)?;
            }
            Ok(found)
        }
    }
}

/// What the flags say, with a manifest that lies in the store.
///
/// # Errors
/// [`UsageError`] when a name breaks a rule.
pub fn compose(
    common: &CommonArgs,
    names: &Names,
    operation: Operation,
    (pinned, fields): (Pinned, Fields),
    token: String,
) -> Result<JobSpec, UsageError> {
    let object = names.object("--manifest", pinned.at.bucket.as_str(), pinned.at.key.as_str())?;
    let mut options = common.options.0.clone();
    if names.dialect == Dialect::S3Control && common.format() == ManifestFormat::Csv {
        // The same file means the same in a job of either dialect: S3's would take keys for encoded, and a header for a row.
        options.key_encoding.get_or_insert(KeyEncoding::Raw);
        options.header.get_or_insert(Header::Auto);
    }
    Ok(JobSpec {
        client_request_token: token,
        confirmation_required: match names.dialect {
            Dialect::Cos => common.confirm_first.then_some(true),
            // There, what is not said means that it is.
            Dialect::S3Control => Some(common.confirm_first),
        },
        description: common.description.clone(),
        manifest: ManifestSpec {
            location: ManifestLocation { object, version: pinned.version, etag: pinned.etag },
            format: common.format(),
            fields,
            rows: Default::default(),
        },
        operation,
        priority: common.priority,
        report: common.report_spec(names)?,
        role: names.role(common.role.as_deref())?,
        options,
        retry_of: None,
        unconfirmed: Default::default(),
        spelling: Vec::new(),
        tags: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
