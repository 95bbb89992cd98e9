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
use brigade_model::job::JobSpec;
use brigade_model::manifest::{ManifestFormat, ManifestLocation, ManifestSpec};
use brigade_model::operation::{Operation, OperationKind};
use brigade_model::options::JobOptions;
use brigade_wire::cos::create_job;
use brigade_wire::cos::words::operation_name;
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
use form::{CopyArgs, DeleteArgs, RestoreArgs, TagArgs};
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
    /// Put tags on each object
    Tag(TagArgs),
    /// Ask for a temporary copy of each archived object
    Restore(RestoreArgs),
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
            Err(UsageError("say what to create: copy, tag, restore, delete or --xml FILE".to_owned()).into())
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
    send(context, body, options).await
}

/// Whether the request may delete. Looked up in the text, so that a request in a newer dialect
/// than ours asks too.
fn deletes(body: &[u8]) -> bool {
    let name = operation_name(OperationKind::Delete).as_bytes();
    body.windows(name.len()).any(|window| window == name)
}

async fn create_from_flags(context: &CommandContext, form: Form) -> anyhow::Result<()> {
    let names = context.names()?;
    let operation = form.operation(&names)?;
    let common = form.common();
    // Whatever can be wrong in the flags is told before anything is uploaded.
    common.report_spec(&names)?;
    names.role(common.role.as_deref())?;
    let manifest = bring_manifest(context, &form).await?;
    let token = common.token.clone().unwrap_or_else(|| context.tools.fresh_token());
    let spec = compose(common, &names, operation, manifest, token)?;
    let body = create_job::encode_request(&spec);
    if common.dry_print {
        return output::print_xml(&body);
    }
    send(context, body, &spec.options).await
}

async fn send(context: &CommandContext, body: Vec<u8>, options: &JobOptions) -> anyhow::Result<()> {
    let answer = context.client()?.create_job(body, options).await?;
    output::print(context.output, &answer.body, || answer.value.to_string())
}

impl Form {
    fn common(&self) -> &CommonArgs {
        match self {
            Form::Copy(form) => &form.common,
            Form::Tag(form) => &form.common,
            Form::Restore(form) => &form.common,
            Form::Delete(form) => &form.common,
        }
    }

    fn operation(&self, names: &Names) -> Result<Operation, UsageError> {
        match self {
            Form::Copy(form) => form.operation(names),
            Form::Tag(form) => Ok(form.operation()),
            Form::Restore(form) => Ok(form.operation()),
            Form::Delete(_) => Ok(Operation::Delete),
        }
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
    Ok(JobSpec {
        client_request_token: token,
        confirmation_required: common.confirm_first.then_some(true),
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
        options: common.options.0.clone(),
        retry_of: None,
        unconfirmed: Default::default(),
        spelling: Vec::new(),
        tags: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
