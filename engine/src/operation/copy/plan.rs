//! What a copy's parameters mean, worked out once for a job, and the pure rules on them: the
//! new key, merged metadata, the time constraints.

use brigade_model::limits::{COPY_OBJECT_BYTES_MAX, COPY_PART_BYTES, KEY_BYTES_MAX, USER_METADATA_BYTES_MAX};
use brigade_model::operation::{CannedAcl, Copy, Directive, Grant, NewLock, NewMetadata, Retention, StorageClass};
use brigade_model::ports::object_store::{
    AclGrant, ChecksumAlgorithm, Encryption, Grantee, Metadata, ObjectHead, TagSet,
};
use brigade_model::{BucketName, EndpointKind, ObjectKey, Timestamp};

use super::super::digests::Digests;
use super::super::effect_check::Content;
use super::super::failure::{End, refuse, reject};

/// A copy's parameters in the form that tasks need.
#[derive(Debug, Clone)]
pub(crate) struct CopyPlan {
    /// The bucket to copy into, as written.
    pub(crate) target: BucketName,
    pub(crate) rename: Option<Rename>,
    pub(crate) acl: AclPlan,
    pub(crate) metadata: MetadataPlan,
    pub(crate) tags: TagPlan,
    /// By its S3 name.
    pub(crate) storage_class: Option<String>,
    pub(crate) sse: Option<Encryption>,
    pub(crate) lock: Option<NewLock>,
    /// Where a website sends readers of the target instead.
    pub(crate) redirect: Option<String>,
    /// The checksum that the target has.
    pub(crate) checksum: Option<ChecksumAlgorithm>,
    pub(crate) modified_since: Option<Timestamp>,
    pub(crate) unmodified_since: Option<Timestamp>,
    pub(crate) sizes: Sizes,
}

/// A prefix and what replaces it; either may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rename {
    from: String,
    to: String,
}

/// Which ACL the target gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AclPlan {
    /// The bucket's default: nothing is said.
    Default,
    /// A canned one.
    Canned(CannedAcl),
    /// These grants.
    Replace(Vec<AclGrant>),
    /// The source's.
    Copy,
    /// The source's and these.
    Add(Vec<AclGrant>),
}

/// Which metadata the target gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MetadataPlan {
    /// The source's.
    Copy,
    /// This.
    Replace(Metadata),
    /// The source's with this on top.
    Add(Metadata),
}

/// Which tags the target gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TagPlan {
    /// The source's.
    Copy,
    /// These.
    Replace(TagSet),
    /// The source's with these on top.
    Add(TagSet),
}

/// Where one way of carrying bytes ends and the next begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The largest object that one CopyObject carries.
    pub(crate) copy_max: u64,
    /// The wanted part of a copy inside the store.
    pub(crate) copy_part: u64,
    /// The wanted part of a copy through us, and the largest object that goes in one piece.
    pub(crate) stream_part: u64,
}

/// A part that passes through us is held in memory, [`super::multipart`] says how many at a
/// time: 8 MiB reaches 80 GiB before parts have to grow.
const STREAM_PART_BYTES: u64 = 8 * 1024 * 1024;

impl Default for Sizes {
    fn default() -> Self {
        Self { copy_max: COPY_OBJECT_BYTES_MAX, copy_part: COPY_PART_BYTES, stream_part: STREAM_PART_BYTES }
    }
}

impl CopyPlan {
    /// The plan for a target of that kind.
    pub(crate) fn new(copy: &Copy, target: EndpointKind) -> Self {
        let metadata = copy.metadata.clone().unwrap_or_default();
        Self {
            target: copy.target.bucket.clone(),
            rename: plan_rename(copy),
            acl: plan_acl(copy),
            sse: plan_encryption(copy),
            lock: copy.lock,
            redirect: copy.redirect.clone(),
            checksum: copy.checksum,
            metadata: match copy.metadata_directive {
                None | Some(Directive::Copy) => MetadataPlan::Copy,
                Some(Directive::Replaced) => MetadataPlan::Replace(to_metadata(metadata)),
                Some(Directive::Add) => MetadataPlan::Add(to_metadata(metadata)),
            },
            tags: match copy.tagging_directive {
                None | Some(Directive::Copy) => TagPlan::Copy,
                Some(Directive::Replaced) => TagPlan::Replace(copy.tags.clone()),
                Some(Directive::Add) => TagPlan::Add(copy.tags.clone()),
            },
            storage_class: copy.storage_class.as_ref().map(|class| target.class_name(class).to_owned()),
            modified_since: copy.modified_since,
            unmodified_since: copy.unmodified_since,
            sizes: Sizes::default(),
        }
    }

    /// Whether what the target gets depends on what is read of its source: then both must be of
    /// one state, and a look at the source comes before the copy.
    pub(crate) fn depends_on_source(&self) -> bool {
        self.modified_since.is_some()
            || self.unmodified_since.is_some()
            || matches!(self.metadata, MetadataPlan::Add(_))
            || matches!(self.tags, TagPlan::Add(_))
            || self.needs_acl()
    }

    /// Whether the source's own ACL is needed.
    pub(crate) fn needs_acl(&self) -> bool {
        matches!(self.acl, AclPlan::Copy | AclPlan::Add(_))
    }

    /// Whether an object that is made of parts has all that it gets once they are put together.
    pub(crate) fn is_whole_in_parts(&self) -> bool {
        matches!(self.acl, AclPlan::Default | AclPlan::Canned(_))
    }

    /// Whether the job sets metadata, so that the store is told some with the copy.
    pub(crate) fn sets_metadata(&self) -> bool {
        !matches!(self.metadata, MetadataPlan::Copy)
    }

    /// Whether the job sets user metadata beyond ASCII.
    pub(crate) fn sets_text(&self) -> bool {
        match &self.metadata {
            MetadataPlan::Copy => false,
            MetadataPlan::Replace(new) | MetadataPlan::Add(new) => new.user.iter().any(|(_, text)| !text.is_ascii()),
        }
    }

    /// The canned ACL that travels with the copy.
    pub(crate) fn canned_acl(&self) -> Option<String> {
        match &self.acl {
            AclPlan::Canned(canned) => Some(canned.name().to_owned()),
            _ => None,
        }
    }

    /// The class that a store is told: the wanted one; else STANDARD, which is what the
    /// dialects promise, but what not every store does: some keep the source's. An
    /// object copied onto itself keeps the store's own rule (and its error for no change).
    pub(crate) fn class_to_send(&self, is_in_place: bool, has_classes: bool) -> Option<String> {
        let standard = || (has_classes && !is_in_place).then(|| StorageClass::Standard.s3_name().to_owned());
        self.storage_class.clone().or_else(standard)
    }

    /// The key of the target.
    ///
    /// # Errors
    /// It would be empty or too long.
    pub(crate) fn rename_key(&self, key: &ObjectKey) -> Result<NewKey, End> {
        match &self.rename {
            None => Ok(NewKey { key: key.clone(), is_outside_prefix: false }),
            Some(rename) => rename.apply(key),
        }
    }

    /// Whether the source was modified when it should have been.
    ///
    /// # Errors
    /// It was not: 412, as the store's own conditions answer. They are not used, because stores
    /// ignore those that lie in the future.
    pub(crate) fn check_constraints(&self, modified: Option<Timestamp>) -> Result<(), End> {
        let fail = |message: String| Err(reject("PreconditionFailed", Some(412), message));
        let told =
            |modified: Option<Timestamp>| modified.map_or("at an unknown time".to_owned(), |at| format!("at {at}"));
        if let Some(since) = self.modified_since
            && modified.is_none_or(|at| at <= since)
        {
            return fail(format!("the source was modified {}, not after {since}", told(modified)));
        }
        if let Some(until) = self.unmodified_since
            && modified.is_none_or(|at| at > until)
        {
            return fail(format!("the source was modified {}, after {until}", told(modified)));
        }
        Ok(())
    }

    /// The metadata to set; `None` leaves the source's in place. `source` is there whenever
    /// [`CopyPlan::depends_on_source`].
    ///
    /// # Errors
    /// Its user metadata is larger than a store takes, or that of the source is not known whole.
    pub(crate) fn metadata_to_set(&self, source: Option<&ObjectHead>) -> Result<Option<Metadata>, End> {
        let metadata = match &self.metadata {
            MetadataPlan::Copy => return Ok(None),
            MetadataPlan::Replace(new) => new.clone(),
            MetadataPlan::Add(new) => add_metadata(source.map_or(Ok(Metadata::default()), whole_metadata)?, new),
        };
        let bytes: usize = metadata.user.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > USER_METADATA_BYTES_MAX {
            let message = format!("the user metadata would be {bytes} bytes; {USER_METADATA_BYTES_MAX} are allowed");
            let is_of_the_job = matches!(self.metadata, MetadataPlan::Replace(_));
            let end = if is_of_the_job { refuse } else { reject };
            return Err(end("MetadataTooLarge", Some(400), message));
        }
        Ok(Some(metadata))
    }

    /// What a target shows of being this copy of this source. Metadata and class are compared as
    /// far as the job sets them or the source's are kept.
    pub(crate) fn compare(&self, source: &ObjectHead, target: &ObjectHead) -> Content {
        self.compare_by(source, target, || compare_content(source, target))
    }

    /// The same, by another comparison of the bytes.
    pub(crate) fn compare_by(
        &self,
        source: &ObjectHead,
        target: &ObjectHead,
        content: impl FnOnce() -> Content,
    ) -> Content {
        match self.metadata_to_set(Some(source)) {
            Ok(metadata) if has_metadata(&target.metadata, metadata.as_ref().unwrap_or(&source.metadata)) => {}
            Ok(_) | Err(_) => return Content::Other,
        }
        if self.sse.as_ref().is_some_and(|wanted| !is_encrypted(target, wanted)) {
            return Content::Other;
        }
        // A lock is not told to everyone who may read the object.
        if self.lock.is_some_and(|wanted| !is_locked(target, wanted)) {
            return Content::Incomparable;
        }
        if (self.redirect.is_some() && self.redirect != target.redirect) || !self.has_checksum(target) {
            return Content::Other;
        }
        let class = target.storage_class.as_deref().unwrap_or(StorageClass::Standard.s3_name());
        if self.storage_class.as_deref().is_some_and(|wanted| wanted != class) {
            return Content::Other;
        }
        content()
    }

    /// Whether a target declares the checksum that it is to have.
    pub(crate) fn has_checksum(&self, target: &ObjectHead) -> bool {
        self.checksum.is_none_or(|wanted| target.checksums.iter().any(|declared| declared.algorithm == wanted))
    }

    /// What an object shows of having been copied onto itself. Its content is its own; only what
    /// the copy sets can tell, and tags do not show.
    pub(crate) fn compare_in_place(&self, target: &ObjectHead) -> Content {
        match (&self.metadata, &self.tags) {
            (MetadataPlan::Replace(_) | MetadataPlan::Add(_), TagPlan::Copy) => self.compare(target, target),
            (MetadataPlan::Copy, TagPlan::Copy) if self.storage_class.is_some() => self.compare(target, target),
            _ => Content::Incomparable,
        }
    }
}

/// What two objects show of having the same bytes: by the very same ETag, or by a digest of the
/// content that both declare. Equal size proves nothing.
pub(crate) fn compare_content(source: &ObjectHead, target: &ObjectHead) -> Content {
    if source.size != target.size {
        return Content::Other;
    }
    if matches!((&source.etag, &target.etag), (Some(a), Some(b)) if a.matches(b)) {
        return Content::Proven;
    }
    Digests::declared(source).compare(&Digests::declared(target))
}

/// The code of a copy that would lose metadata of its source.
pub(crate) const METADATA_NOT_TOLD: &str = "MetadataNotTold";

/// The metadata of a source, to be set at a target.
///
/// # Errors
/// The store says that it has more than it can tell, so the target would lose it.
pub(super) fn whole_metadata(source: &ObjectHead) -> Result<Metadata, End> {
    match source.untold_metadata {
        0 => Ok(source.metadata.clone()),
        untold => {
            let message = format!(
                "the store cannot tell {untold} entries of the source's user metadata (x-amz-missing-meta), or tells \
                 them in bytes that are not UTF-8, so the target would lose them; only a CopyObject that keeps the metadata carries them, or the job replaces it"
            );
            Err(reject(METADATA_NOT_TOLD, None, message))
        }
    }
}

/// Whether what is wanted is there; a store may add a default of its own where nothing is.
pub(super) fn has_metadata(has: &Metadata, wanted: &Metadata) -> bool {
    let fields = |m: &Metadata| {
        [
            m.cache_control.clone(),
            m.content_disposition.clone(),
            m.content_encoding.clone(),
            m.content_language.clone(),
            m.content_type.clone(),
            m.expires.clone(),
        ]
    };
    let sorted = |m: &Metadata| {
        let mut user = m.user.clone();
        user.sort();
        user
    };
    fields(has).iter().zip(fields(wanted)).all(|(has, wanted)| wanted.is_none() || *has == wanted)
        && sorted(has) == sorted(wanted)
}

/// Whether a head says that the object is encrypted as wanted. Stores tell a key by its ARN, which ends in its
/// id; which key an alias stands for they do not tell.
pub(crate) fn is_encrypted(head: &ObjectHead, wanted: &Encryption) -> bool {
    let is_key = |wanted: &str| {
        let told = head.sse_key.as_deref();
        let is_alias = wanted.rsplit(':').next().is_some_and(|name| name.starts_with("alias/"));
        told.is_some_and(|told| {
            is_alias || told == wanted || told.strip_suffix(wanted).is_some_and(|arn| arn.ends_with('/'))
        })
    };
    let key = wanted.key_service().and_then(|service| service.key.as_deref());
    head.sse.as_deref() == Some(wanted.name()) && key.is_none_or(is_key)
}

/// Whether a head says that the object is kept as wanted, to the second.
pub(super) fn is_locked(head: &ObjectHead, wanted: NewLock) -> bool {
    let second = |retention: Retention| (retention.mode, retention.until.as_second());
    let is_retained = wanted.retention.is_none() || wanted.retention.map(second) == head.lock.retention.map(second);
    is_retained && wanted.is_held.is_none_or(|is_held| head.lock.is_held.unwrap_or_default() == is_held)
}

/// The key of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewKey {
    pub(crate) key: ObjectKey,
    /// The key does not begin with the prefix to be replaced, and stays as it is.
    pub(crate) is_outside_prefix: bool,
}

impl Rename {
    fn apply(&self, key: &ObjectKey) -> Result<NewKey, End> {
        let Some(rest) = key.as_str().strip_prefix(self.from.as_str()) else {
            return Ok(NewKey { key: key.clone(), is_outside_prefix: true });
        };
        let text = format!("{}{rest}", self.to);
        match ObjectKey::new(&text) {
            Ok(key) => Ok(NewKey { key, is_outside_prefix: false }),
            Err(_) if text.is_empty() => Err(refuse(
                "InvalidArgument",
                Some(400),
                "the target's key would be empty: the source's key is the prefix that is taken away",
            )),
            Err(_) => {
                let message = format!("the target's key would be {} bytes; {KEY_BYTES_MAX} are allowed", text.len());
                Err(refuse("KeyTooLongError", Some(400), message))
            }
        }
    }
}

fn plan_rename(copy: &Copy) -> Option<Rename> {
    let text = |prefix: &Option<String>| prefix.clone().unwrap_or_default();
    let rename = Rename { from: text(&copy.resources_prefix), to: text(&copy.target_prefix) };
    copy.prefix_replace.unwrap_or(false).then_some(rename)
}

fn plan_encryption(copy: &Copy) -> Option<Encryption> {
    let own_key = copy.metadata.as_ref().is_some_and(|metadata| metadata.sse_aes256).then_some(Encryption::OwnKey);
    let key_service = copy.key_service.clone().map(|service| Encryption::KeyService(service.into()));
    key_service.or(own_key)
}

/// An ACL that is given without a directive replaces.
fn plan_acl(copy: &Copy) -> AclPlan {
    let grants = || copy.grants.iter().map(to_grant).collect::<Vec<_>>();
    let canned_grants = || copy.canned_acl.and_then(CannedAcl::grants).unwrap_or_default();
    match (copy.acl_directive, copy.canned_acl) {
        (Some(Directive::Copy), _) => AclPlan::Copy,
        (Some(Directive::Add), _) => AclPlan::Add([canned_grants(), grants()].concat()),
        (_, None) if copy.grants.is_empty() => AclPlan::Default,
        (_, Some(canned)) if copy.grants.is_empty() => AclPlan::Canned(canned),
        _ => AclPlan::Replace([canned_grants(), grants()].concat()),
    }
}

fn to_grant(grant: &Grant) -> AclGrant {
    let who = grant.grantee.clone();
    let grantee = if grant.is_group { Grantee::Group(who) } else { Grantee::Id(who) };
    AclGrant { grantee, permission: grant.permission.name().to_owned() }
}

fn to_metadata(new: NewMetadata) -> Metadata {
    let metadata = Metadata {
        cache_control: new.cache_control,
        content_disposition: new.content_disposition,
        content_encoding: new.content_encoding,
        content_language: new.content_language,
        content_type: new.content_type,
        expires: new.expires,
        ..Metadata::default()
    };
    let user = new.user.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    add_metadata(metadata, &Metadata { user, ..Metadata::default() })
}

/// The old metadata with the new on top: of two of one name the new one stays. User metadata
/// comes out sorted by name.
fn add_metadata(mut old: Metadata, new: &Metadata) -> Metadata {
    let fields = [
        (&mut old.cache_control, &new.cache_control),
        (&mut old.content_disposition, &new.content_disposition),
        (&mut old.content_encoding, &new.content_encoding),
        (&mut old.content_language, &new.content_language),
        (&mut old.content_type, &new.content_type),
        (&mut old.expires, &new.expires),
    ];
    for (field, value) in fields.into_iter().filter(|(_, value)| value.is_some()) {
        field.clone_from(value);
    }
    let user: std::collections::BTreeMap<_, _> = old.user.into_iter().chain(new.user.iter().cloned()).collect();
    Metadata { user: user.into_iter().collect(), ..old }
}

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
pub(crate) use tests::bare_copy;
