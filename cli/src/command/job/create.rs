//! `brigade job create`: a job from flags, or from a whole CreateJobRequest.
//!
//! 1. Turns the flags into an operation, a report and a role; a mistake ends it here ([`form`],
//!    [`flags`]).
//! 2. Looks whether the buckets are there that the job will write to ([`places`]).
//! 3. Lists the objects, or reads the manifest, local or in the store ([`manifest`]).
//! 4. Asks for consent to a delete ([`consent`]).
//! 5. Uploads what is here, whose ETag pins the bytes ([`upload`]).
//! 6. Creates the job and prints its id, and then that of the job that waits for it, if one shall.

use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use brigade_client::{Client, ClientError};
use brigade_config::{Explained, UsageError};
use brigade_model::job::JobSpec;
use brigade_model::limits::CLIENT_REQUEST_TOKEN_BYTES_MAX;
use brigade_model::manifest::{ManifestFormat, ManifestLocation, ManifestSpec};
use brigade_model::operation::{Operation, OperationKind};
use brigade_model::options::{Header, JobOptions, KeyEncoding};
use brigade_model::{Dialect, JobId};
use brigade_wire::admin::WaitRequest;
use brigade_wire::cos::create_job;
use brigade_wire::cos::words::{OPERATIONS, operation_name};
use brigade_wire::s3control;
use clap::{Args, Subcommand};

use super::{CommandContext, output};
use crate::command::access::PlaceUse;
use crate::command::manifest::{Listing, count_on_stderr, write_listing};
use crate::document;
use crate::printer;
use crate::progress::counted;
use crate::store_path::StorePath;

pub mod consent;
pub mod flags;
pub mod form;
pub mod manifest;
pub mod options;
mod places;
pub mod upload;
pub(in crate::command::job) mod value;

use consent::Doomed;
use flags::{CommonArgs, Names};
use form::{
    AclArgs, ChecksumArgs, CopyArgs, DeleteArgs, EncryptionArgs, InvokeArgs, LegalHoldArgs, RestoreArgs, RetentionArgs,
    TagArgs, UntagArgs, WaitArgs,
};
use manifest::{Local, Pinned, Reading, Source};
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
    /// Wait until each object that is being restored is readable
    WaitForRestore(WaitArgs),
    /// Give each object another ACL
    Acl(AclArgs),
    /// Put each object under legal hold, or lift it
    LegalHold(LegalHoldArgs),
    /// Keep each object until a time, or no longer
    Retention(RetentionArgs),
    /// Encrypt each object with another key
    UpdateEncryption(EncryptionArgs),
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
    let spec = create_job::decode_request(&body).ok();
    send(context, dialect_of_request(&body), body, options, spec.as_ref()).await.map(drop)
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
    let wait = form.wait()?;
    let common = form.common();
    // Whatever can be wrong in the flags, or with the places that they name, is told before anything is listed or uploaded.
    common.check()?;
    let (report, role) = (common.report_spec(&names)?, names.role(common.role.as_deref())?);
    let to = match &form {
        Form::Copy(copy) => copy.to_path(),
        _ => None,
    };
    let to = to.iter().map(|path| (PlaceUse::Target, path));
    for (use_of, path) in common.paths(&names).chain(to) {
        context.check_path(&common.store, &role.name, use_of, path)?;
    }
    if !common.dry_print {
        places::check(context, common, &role.name, &operation, &report).await?;
    }
    let manifest = bring_manifest(context, &form, &names, &role.name).await?;
    let token = common.token.clone().unwrap_or_else(|| context.tools.fresh_token());
    let spec = compose(common, &names, operation, manifest, token)?;
    let body = encode(dialect, &spec);
    if common.dry_print {
        return output::print_xml(&body);
    }
    let id = send(context, dialect, body, &spec.options, Some(&spec)).await?;
    match wait {
        Some(wait) => create_wait(context, id, &spec.client_request_token, wait).await,
        None => Ok(()),
    }
}

/// Creates the job that waits for what job `restore` restores. Its token follows from that of the other, so that a
/// repeat gives the same two jobs.
async fn create_wait(context: &CommandContext, restore: JobId, token: &str, wait: WaitRequest) -> anyhow::Result<()> {
    let own = format!("{token}-wait");
    let token = if own.len() <= CLIENT_REQUEST_TOKEN_BYTES_MAX { own } else { context.tools.fresh_token() };
    let request = WaitRequest { client_request_token: Some(token), ..wait };
    let created = context.client()?.wait_for_restore(restore, &request).await;
    let answer = created.with_context(|| {
        format!("job {restore} was created, and no job waits for it: try 'brigade job wait-for-restore {restore}'")
    })?;
    match context.output {
        // The operator's API has no XML.
        output::Format::Xml => {
            printer::note(format_args!("job {} waits until the objects are readable", answer.value.job));
            Ok(())
        }
        format => output::print_document(format, &answer.body, || answer.value.job.clone()),
    }
}

fn encode(dialect: Dialect, spec: &JobSpec) -> Vec<u8> {
    match dialect {
        Dialect::Cos => create_job::encode_request(spec),
        Dialect::S3Control => s3control::create_job::encode_request(spec),
    }
}

async fn send(
    context: &CommandContext,
    dialect: Dialect,
    body: Vec<u8>,
    options: &JobOptions,
    spec: Option<&JobSpec>,
) -> anyhow::Result<JobId> {
    let client = context.client()?;
    let created = async {
        Ok(match (dialect, context.names(dialect)?.account_id) {
            (Dialect::S3Control, Some(account_id)) => client.create_job_by_s3control(&account_id, body, options).await,
            _ => client.create_job(body, options).await,
        })
    };
    let told = "interrupted: 'brigade job list' shows whether the job was created";
    match (upload::until_interrupted(told, created).await?, spec) {
        (Ok(answer), _) => {
            output::print(context.output, &answer.body, || answer.value.to_string())?;
            Ok(answer.value)
        }
        (Err(error), Some(spec)) => {
            let id = repeated(&client, spec, error).await?;
            printer::note(format_args!("token {} was used by this very request before", spec.client_request_token));
            output::print(context.output, &create_job::encode_result(id), || id.to_string())?;
            Ok(id)
        }
        (Err(error), None) => Err(error.into()),
    }
}

/// The job that the same request created before, where the COS dialect refuses a token that is used; S3 Control gives it by
/// itself.
async fn repeated(client: &Client, spec: &JobSpec, error: ClientError) -> anyhow::Result<JobId> {
    let Some(id) = user_of_token(&error) else { return Err(error.into()) };
    let job = client.describe_job(id).await?.value;
    let mut asked = JobSpec {
        operation: job.operation,
        report: job.report,
        role: job.role,
        description: job.description,
        manifest: job.manifest,
        spelling: spec.spelling.clone(),
        ..spec.clone()
    };
    // The same bytes, uploaded again, are another version.
    asked.manifest.location.version.clone_from(&spec.manifest.location.version);
    if create_job::encode_request(&asked) == create_job::encode_request(spec) {
        return Ok(id);
    }
    let token = &spec.client_request_token;
    let what = UsageError(format!("token {token} was used by job {id}, which asks for something else"));
    Err(Explained::new(what, ["give another --token, or none".to_owned()]).into())
}

/// The job of a token that is used, if the refusal says that.
fn user_of_token(error: &ClientError) -> Option<JobId> {
    let ClientError::Refused { code, message, .. } = error else { return None };
    let is_used = code == "InvalidRequest" && message.contains("ClientRequestToken was already used");
    is_used.then(|| message.rsplit(' ').next()?.parse().ok()).flatten()
}

impl Form {
    fn common(&self) -> &CommonArgs {
        match self {
            Form::Copy(form) => &form.common,
            Form::Tag(form) => &form.common,
            Form::Untag(form) => &form.common,
            Form::Restore(form) => &form.common,
            Form::WaitForRestore(form) => &form.common,
            Form::Acl(form) => &form.common,
            Form::LegalHold(form) => &form.common,
            Form::Retention(form) => &form.common,
            Form::UpdateEncryption(form) => &form.common,
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
            Form::WaitForRestore(_) => OperationKind::WaitForRestore,
            Form::Acl(_) => OperationKind::Acl,
            Form::LegalHold(_) => OperationKind::LegalHold,
            Form::Retention(_) => OperationKind::Retention,
            Form::UpdateEncryption(_) => OperationKind::Encryption,
            Form::Checksum(_) => OperationKind::Checksum,
            Form::Invoke(_) => OperationKind::Invoke,
            Form::Delete(_) => OperationKind::Delete,
        }
    }

    /// What is asked of a job that waits for this one, if one shall.
    fn wait(&self) -> Result<Option<WaitRequest>, UsageError> {
        match self {
            Form::Restore(form) => form.wait(),
            _ => Ok(None),
        }
    }

    fn operation(&self, names: &Names) -> Result<Operation, UsageError> {
        Ok(match self {
            Form::Copy(form) => form.operation(names)?,
            Form::Tag(form) => form.operation(),
            Form::Untag(form) => form.operation(),
            Form::Restore(form) => form.operation(),
            Form::WaitForRestore(form) => form.operation(),
            Form::Acl(form) => form.operation(),
            Form::LegalHold(form) => form.operation(),
            Form::Retention(form) => form.operation(),
            Form::UpdateEncryption(form) => form.operation(),
            Form::Checksum(form) => form.operation(),
            Form::Invoke(form) => form.operation(),
            Form::Delete(_) => Operation::Delete,
        })
    }
}

/// Brings the manifest into the store, pinned; asks in between what must be asked.
async fn bring_manifest(
    context: &CommandContext,
    form: &Form,
    names: &Names,
    role: &str,
) -> anyhow::Result<(Pinned, Reading)> {
    let common = form.common();
    let changes_nothing = common.dry_print || common.options.0.is_dry_run();
    let ask = |which: &str, rows: Option<u64>, reading: &Reading| match form {
        _ if changes_nothing => Ok(()),
        Form::Delete(delete) if !delete.yes => consent::ask_to_delete(&Doomed { which, rows, reading }),
        Form::Tag(tag) if tag.asks_to_replace() => consent::ask_to_replace_tags(&Doomed { which, rows, reading }),
        _ => Ok(()),
    };
    let local = match (&common.objects, &common.manifest) {
        (_, Some(Source::Stored(place))) => {
            let store = context.open_path(&common.store, role, PlaceUse::Manifest, place)?;
            let (pinned, reading) = manifest::look_there(&*store, &place.url, common.format(), common.said()).await?;
            ask(&place.to_string(), None, &reading)?;
            return Ok((pinned, reading));
        }
        (_, Some(Source::Local(path))) => manifest::look_here(path, common.said())?,
        (_, Some(Source::Stdin)) => manifest::look_at_stdin(common.said())?,
        (Some(place), None) => list(context, common, place, role).await?,
        (None, None) => return Err(UsageError("say which objects: s3://BUCKET/PREFIX or --manifest".to_owned()).into()),
    };
    let to = common.manifest_to(names)?;
    let at = upload::destination(&local, &to.url)?;
    ask(&local.name, Some(local.rows), &local.reading)?;
    if common.dry_print {
        return Ok((upload::forecast(&local, at)?, local.reading));
    }
    let store = context.open_path(&common.store, role, PlaceUse::Manifest, to)?;
    let pinned = upload::upload(&*store, &local, at).await?;
    let (objects, at) = (counted(local.rows, "object"), &pinned.at);
    printer::note(format_args!("{objects} of {} listed in s3://{}/{}", local.name, at.bucket, at.key));
    Ok((pinned, local.reading))
}

/// Lists what the flags ask for.
async fn list(context: &CommandContext, common: &CommonArgs, path: &StorePath, role: &str) -> anyhow::Result<Local> {
    let store = context.open_path(&common.store, role, PlaceUse::Source, path)?;
    let (selection, now, place) = (common.selection.clone(), context.tools.clock.now(), &path.url);
    let listing = Listing { from: place.clone(), selection, now };
    let mut file = manifest::temporary_file()?;
    let count = write_listing(&*store, &listing, BufWriter::new(&mut file), count_on_stderr()).await?;
    if count == 0 {
        let (what, way_out) = match common.selection.is_everything() {
            true => ("no object is there", "correct the prefix: keys begin with it, letter by letter".to_owned()),
            false => ("no object there passes the filters", format!("see what is there: brigade manifest list {path}")),
        };
        return Err(Explained::new(UsageError(format!("{path}: {what}")), [way_out]).into());
    }
    Ok(manifest::look_at_listing(place, file, common.said())?)
}

/// What the flags say, with a manifest that lies in the store.
///
/// # Errors
/// [`UsageError`] when a name breaks a rule.
pub fn compose(
    common: &CommonArgs,
    names: &Names,
    operation: Operation,
    (pinned, reading): (Pinned, Reading),
    token: String,
) -> Result<JobSpec, Explained> {
    let mistake = |error| Explained::new(error, []);
    let object = names.object("--manifest", pinned.at.bucket.as_str(), pinned.at.key.as_str()).map_err(mistake)?;
    let options = options_of(common, &reading, names.dialect);
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
            format: reading.format,
            fields: reading.fields,
            rows: Default::default(),
        },
        operation,
        priority: common.priority,
        report: common.report_spec(names)?,
        role: names.role(common.role.as_deref()).map_err(mistake)?,
        options,
        retry_of: None,
        takes: Default::default(),
        unconfirmed: Default::default(),
        spelling: Vec::new(),
        tags: Vec::new(),
    })
}

/// The options that were given, and what the manifest's bytes show. The same file means the same in a job of either dialect:
/// S3's would take keys for encoded, and a header for a row.
fn options_of(common: &CommonArgs, reading: &Reading, dialect: Dialect) -> JobOptions {
    let (given, shown) = (common.options.0.clone(), &reading.options);
    let is_csv_of_s3 = dialect == Dialect::S3Control && reading.format == ManifestFormat::Csv;
    JobOptions {
        // Here the given ones were about a list that was converted.
        header: shown.header.or(given.header).or(is_csv_of_s3.then_some(Header::Auto)),
        separator: shown.separator.or(given.separator),
        key_encoding: given
            .key_encoding
            .or_else(|| is_csv_of_s3.then_some(shown.key_encoding.unwrap_or(KeyEncoding::Raw))),
        ..given
    }
}

#[cfg(test)]
mod tests;
