//! The operations as flags: what each takes, and the [`Operation`] that it makes.

use brigade_config::UsageError;
use brigade_model::Timestamp;
use brigade_model::limits::RESTORE_WAIT_HOURS;
use brigade_model::operation::{
    CannedAcl, ChecksumType, ComputeChecksum, Copy, DigestAlgorithm, Directive, Grant, InvocationSchema, Invoke,
    LegalHold, NewMetadata, ObjectAcl, Operation, Restore, RestoreTier, Retention, RetentionMode, SetRetention,
    StorageClass, Tag, Tagging, Untagging, UpdateEncryption, WaitForRestore,
};
use brigade_model::ports::object_store::{Acl, AclGrant};
use brigade_wire::admin::WaitRequest;
use clap::{ArgGroup, Args, ValueEnum};

use super::flags::{CommonArgs, Names, is_whole};
use super::value;
use crate::store_path::StorePath;
use crate::words::one_of;

/// `brigade job create copy`.
#[derive(Debug, Args)]
pub struct CopyArgs {
    /// The bucket to copy into: its name, s3://BUCKET, STORE/BUCKET, or a whole qcs name
    #[arg(long, value_name = "BUCKET")]
    to: String,
    /// The copies' storage class [default: STANDARD]
    #[arg(long, value_name = "CLASS", value_parser = value::storage_class)]
    storage_class: Option<StorageClass>,
    /// Replace this beginning of the key; an empty or missing one adds --to-prefix
    #[arg(long, value_name = "PREFIX")]
    from_prefix: Option<String>,
    /// What replaces it; an empty or missing one strips --from-prefix
    #[arg(long, value_name = "PREFIX")]
    to_prefix: Option<String>,
    /// Copy only objects modified after this time, such as 2026-01-31 or 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = value::time)]
    modified_since: Option<Timestamp>,
    /// Copy only objects not modified after this time
    #[arg(long, value_name = "TIME", value_parser = value::time)]
    unmodified_since: Option<Timestamp>,
    /// What becomes of the metadata [default: the source's are kept]
    #[arg(long, value_name = "WHAT", help_heading = "Metadata")]
    metadata_directive: Option<DirectiveWord>,
    /// Cache-Control of the copies
    #[arg(long, value_name = "TEXT", requires = "metadata_directive", help_heading = "Metadata")]
    cache_control: Option<String>,
    /// Content-Disposition of the copies
    #[arg(long, value_name = "TEXT", requires = "metadata_directive", help_heading = "Metadata")]
    content_disposition: Option<String>,
    /// Content-Encoding of the copies
    #[arg(long, value_name = "TEXT", requires = "metadata_directive", help_heading = "Metadata")]
    content_encoding: Option<String>,
    /// Content-Type of the copies
    #[arg(long, value_name = "TEXT", requires = "metadata_directive", help_heading = "Metadata")]
    content_type: Option<String>,
    /// Expires of the copies
    #[arg(long, value_name = "DATE", requires = "metadata_directive", help_heading = "Metadata")]
    expires: Option<String>,
    /// User metadata of the copies; may be repeated
    #[arg(long = "meta", value_name = "NAME=VALUE", value_parser = value::pair, requires = "metadata_directive",
          help_heading = "Metadata")]
    user_metadata: Vec<(String, String)>,
    /// Encrypt the copies with the store's own key (AES256)
    #[arg(long)]
    sse: bool,
    /// What becomes of the tags [default: the source's are kept]
    #[arg(long, value_name = "WHAT", help_heading = "Tags and access")]
    tagging_directive: Option<DirectiveWord>,
    /// A tag of the copies; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = value::tag, requires = "tagging_directive",
          help_heading = "Tags and access")]
    tags: Vec<Tag>,
    /// What becomes of the ACL [default: the bucket's own, or replace where --acl or --grant is given]
    #[arg(long, value_name = "WHAT", help_heading = "Tags and access")]
    acl_directive: Option<DirectiveWord>,
    /// A canned ACL of the copies
    #[arg(long, value_name = "ACL", help_heading = "Tags and access", conflicts_with = "grants")]
    acl: Option<AclWord>,
    /// A grant on the copies, with READ, WRITE or FULL_CONTROL; may be repeated
    #[arg(long = "grant", value_name = "PERMISSION=WHO", value_parser = value::grant, help_heading = "Tags and access")]
    grants: Vec<Grant>,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create tag`.
#[derive(Debug, Args)]
pub struct TagArgs {
    /// A tag; may be repeated, up to ten times
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = value::tag, required = true)]
    tags: Vec<Tag>,
    /// Add the tags to those that an object has; otherwise they replace all of them
    #[arg(long)]
    add: bool,
    /// Replace tags without asking on a terminal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create untag`.
#[derive(Debug, Args)]
pub struct UntagArgs {
    /// The keys of the tags that go, with commas between them [default: every tag goes]
    #[arg(long, value_name = "KEY,KEY", value_parser = value::tag_key, value_delimiter = ',')]
    keys: Vec<String>,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create acl`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("new_acl").args(["acl", "owner"]).required(true))]
pub struct AclArgs {
    /// A canned ACL
    #[arg(long, value_name = "ACL", ignore_case = true,
          value_parser = one_of(CannedAcl::ALL.iter().map(|acl| (acl.name(), *acl))))]
    acl: Option<CannedAcl>,
    /// The objects' owner by the store's id, for an ACL of grants; who has no --grant has no right
    #[arg(long, value_name = "ID")]
    owner: Option<String>,
    /// A grant: READ, WRITE, READ_ACP, WRITE_ACP or FULL_CONTROL to a user by the store's id or a group by its URI;
    /// may be repeated
    #[arg(long = "grant", value_name = "PERMISSION=WHO", value_parser = value::acl_grant, requires = "owner")]
    grants: Vec<AclGrant>,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create legal-hold`.
#[derive(Debug, Args)]
pub struct LegalHoldArgs {
    /// Whether objects are held from then on
    #[arg(long, value_name = "STATUS")]
    status: HoldWord,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create update-encryption`.
#[derive(Debug, Args)]
pub struct EncryptionArgs {
    /// The key of a key service that objects are encrypted with from then on, by its ARN
    #[arg(long, value_name = "ARN")]
    key: String,
    /// Let a key of the bucket stand between, which saves calls to the key service
    #[arg(long)]
    bucket_key: bool,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create retention`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("new_retention").args(["until", "clear"]).required(true))]
pub struct RetentionArgs {
    /// Keep objects until this time, such as 2027-01-31 or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = value::time, requires = "mode")]
    until: Option<Timestamp>,
    /// Who may end it before: governance, those who have the right to; compliance, no one
    #[arg(long, value_name = "MODE", requires = "until")]
    mode: Option<ModeWord>,
    /// Keep objects no longer
    #[arg(long)]
    clear: bool,
    /// Shorten or lift what keeps objects in governance mode
    #[arg(long)]
    bypass_governance: bool,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create checksum`.
#[derive(Debug, Args)]
pub struct ChecksumArgs {
    /// How it is computed
    #[arg(long, value_name = "NAME", ignore_case = true, default_value = "CRC64NVME",
          value_parser = one_of(DigestAlgorithm::ALL.map(|algorithm| (algorithm.name(), algorithm))))]
    algorithm: DigestAlgorithm,
    /// What it is of: all bytes, or the checksums of the parts that the object was uploaded in, for which CRC64NVME is not made
    #[arg(long = "type", value_name = "TYPE", ignore_case = true, default_value = "full-object",
          value_parser = one_of([("full-object", ChecksumType::FullObject), ("composite", ChecksumType::Composite)]))]
    checksum_type: ChecksumType,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create invoke`.
#[derive(Debug, Args)]
pub struct InvokeArgs {
    /// The function, by the ARN that the service's configuration has for it
    #[arg(long, value_name = "ARN")]
    function: String,
    /// What the function is told beside each object; may be repeated
    #[arg(long = "argument", value_name = "NAME=VALUE", value_parser = value::pair)]
    arguments: Vec<(String, String)>,
    /// The form of requests, of which the first has no place for arguments
    #[arg(long, value_name = "VERSION", default_value = "2.0",
          value_parser = one_of(InvocationSchema::ALL.map(|schema| (schema.name(), schema))))]
    schema: InvocationSchema,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// How many days the temporary copy stays, 1 to 365
    #[arg(long, value_name = "DAYS", value_parser = value::restore_days)]
    days: u32,
    /// How fast it comes: bulk is cheapest
    #[arg(long, value_name = "TIER", default_value = "standard")]
    tier: TierWord,
    /// Create a second job, too, which waits until the restored objects are readable
    #[arg(long)]
    then_wait: bool,
    /// For how many hours that job looks at objects that are not readable yet, 1 to 720 [default: 72]
    #[arg(long, value_name = "HOURS", value_parser = value::wait_hours, requires = "then_wait")]
    patience: Option<u32>,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create wait-for-restore`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// For how many hours it looks at objects that are not readable yet, 1 to 720
    #[arg(long, value_name = "HOURS", value_parser = value::wait_hours, default_value_t = RESTORE_WAIT_HOURS)]
    patience: u32,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

/// `brigade job create delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {
    /// Delete without asking
    #[arg(long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(in crate::command) common: CommonArgs,
}

impl CopyArgs {
    /// The operation that the flags ask for.
    ///
    /// # Errors
    /// [`UsageError`] when the bucket's name is none.
    pub fn operation(&self, names: &Names) -> Result<Operation, UsageError> {
        let to = match self.to_path() {
            Some(StorePath { url, .. }) if !url.path.is_empty() => {
                let (to, prefix) = (&self.to, &url.path);
                let way_out = "takes a bucket alone; what the keys of the copies begin with is";
                return Err(UsageError(format!("--to {to}: {way_out} --to-prefix {prefix}")));
            }
            Some(StorePath { url, .. }) => names.bucket("--to", url.bucket.as_str())?,
            None => names.bucket("--to", &self.to)?,
        };
        let replaces_prefix = self.from_prefix.is_some() || self.to_prefix.is_some();
        Ok(Operation::Copy(Box::new(Copy {
            acl_directive: self.acl_directive.map(Into::into),
            grants: self.grants.clone(),
            canned_acl: self.acl.map(Into::into),
            prefix_replace: replaces_prefix.then_some(true),
            resources_prefix: replaces_prefix.then(|| self.from_prefix.clone().unwrap_or_default()),
            target_prefix: replaces_prefix.then(|| self.to_prefix.clone().unwrap_or_default()),
            metadata_directive: self.metadata_directive.map(Into::into),
            modified_since: self.modified_since,
            unmodified_since: self.unmodified_since,
            metadata: self.metadata(),
            tagging_directive: self.tagging_directive.map(Into::into),
            tags: self.tags.clone(),
            storage_class: self.storage_class.clone(),
            ..Copy::to(to)
        })))
    }

    /// Where they go, if that is said as a place in a store.
    pub(super) fn to_path(&self) -> Option<StorePath> {
        if is_whole(&self.to) { None } else { self.to.parse().ok() }
    }

    fn metadata(&self) -> Option<NewMetadata> {
        let metadata = NewMetadata {
            cache_control: self.cache_control.clone(),
            content_disposition: self.content_disposition.clone(),
            content_encoding: self.content_encoding.clone(),
            content_language: None,
            content_type: self.content_type.clone(),
            expires: self.expires.clone(),
            sse_aes256: self.sse,
            user: self.user_metadata.clone(),
        };
        (metadata != NewMetadata::default()).then_some(metadata)
    }
}

impl TagArgs {
    /// The operation that the flags ask for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        Operation::Tagging(Tagging { directive: self.add.then_some(Directive::Add), tags: self.tags.clone() })
    }
}

impl TagArgs {
    /// Whether a user shall agree first: tags that objects have go.
    pub(super) fn asks_to_replace(&self) -> bool {
        !self.add && !self.yes
    }
}

impl UntagArgs {
    /// The operation that the flags ask for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        Operation::Untagging(Untagging { keys: self.keys.clone() })
    }
}

impl AclArgs {
    /// The operation that the flags ask for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        let grants = || Acl { owner: self.owner.clone().unwrap_or_default(), grants: self.grants.clone() };
        Operation::Acl(self.acl.map_or_else(|| ObjectAcl::Grants(grants()), ObjectAcl::Canned))
    }
}

impl LegalHoldArgs {
    /// The operation that the flags ask for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        Operation::LegalHold(LegalHold { is_held: self.status == HoldWord::On })
    }
}

impl EncryptionArgs {
    /// The operation that the flags ask for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        let bucket_key = self.bucket_key.then_some(true);
        Operation::Encryption(UpdateEncryption { key: self.key.clone(), bucket_key })
    }
}

impl RetentionArgs {
    /// The operation that the flags ask for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        let retention = self.mode.zip(self.until).map(|(mode, until)| Retention { mode: mode.into(), until });
        Operation::Retention(SetRetention { retention, bypass_governance: self.bypass_governance })
    }
}

impl ChecksumArgs {
    /// The operation that the flags ask for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        Operation::Checksum(ComputeChecksum { algorithm: self.algorithm, checksum_type: self.checksum_type })
    }
}

impl InvokeArgs {
    /// The operation that the flags ask for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        let (function, arguments) = (self.function.clone(), self.arguments.clone());
        Operation::Invoke(Invoke { function, schema: self.schema, arguments })
    }
}

impl RestoreArgs {
    /// The operation that the flags ask for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        Operation::Restore(Restore { days: self.days, tier: self.tier.into() })
    }

    /// What is asked of the job that waits for this one, if one shall.
    ///
    /// # Errors
    /// [`UsageError`] when there is nothing to wait for.
    pub fn wait(&self) -> Result<Option<WaitRequest>, UsageError> {
        if self.then_wait && self.common.options.0.is_dry_run() {
            return Err(UsageError("--then-wait: a dry run restores nothing that could be waited for".to_owned()));
        }
        Ok(self.then_wait.then(|| WaitRequest { patience_hours: self.patience, ..WaitRequest::default() }))
    }
}

impl WaitArgs {
    /// The operation that the flags ask for.
    #[must_use]
    pub fn operation(&self) -> Operation {
        Operation::WaitForRestore(WaitForRestore { hours: self.patience })
    }
}

/// Whether an object is under legal hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HoldWord {
    /// It is
    On,
    /// It is not
    Off,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident => $of:ident { $($word:ident => $value:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        pub enum $name {
            $(#[allow(missing_docs)] $word,)*
        }

        impl From<$name> for $of {
            fn from(word: $name) -> $of {
                match word { $($name::$word => $of::$value,)* }
            }
        }
    };
}

words! {
    /// What becomes of what the source has.
    DirectiveWord => Directive { Copy => Copy, Replace => Replaced, Add => Add, }
}
words! {
    /// Whether a retention can be ended before its time.
    ModeWord => RetentionMode { Governance => Governance, Compliance => Compliance, }
}
words! {
    /// How fast an archived object is read back.
    TierWord => RestoreTier { Bulk => Bulk, Standard => Standard, }
}
words! {
    /// A canned ACL.
    AclWord => CannedAcl { Private => Private, PublicRead => PublicRead, }
}
