//! One call's transaction on the state: reads, writes, copies, deletes and restores. `multipart` has
//! those of multipart uploads.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brigade_model::names::{BucketName, ETag, ObjectKey, VersionId};
use brigade_model::ports::Entropy;
use brigade_model::ports::object_store::{
    Acl, At, CallKind, ChecksumAlgorithm, CopyDone, CopyObject, DeleteObject, DeleteObjectTagging, DeleteObjects,
    DeleteResult, Deleted, GetObject, GetObjectAcl, GetObjectAttributes, GetObjectTagging, GotObject, HeadObject,
    HeadPart, Metadata, NewAcl, NewObject, ObjectAttributes, ObjectHead, PartHead, PutDone, PutObject, PutObjectAcl,
    PutObjectTagging, RestoreDone, RestoreObject, TagSet, TextForm, UpdateObjectEncryption,
};
use ring::digest::SHA256;

use super::bucket::Versioning;
use super::habits::Conduct;
use super::object::{self, Attributes, Digest, OWNER, Object, Restore, RestoreState, Stored, VersionNumber};
use super::refusal::{self, Refusal};
use super::state::{Change, State};
use super::{Body, SimulatedConfig};

pub(super) struct BucketTransaction<'a> {
    pub(super) conduct: &'a Conduct,
    pub(super) state: &'a mut State,
    pub(super) config: &'a SimulatedConfig,
    pub(super) entropy: &'a dyn Entropy,
    pub(super) now_s: i64,
}

impl BucketTransaction<'_> {
    pub(super) fn head_object(&mut self, request: HeadObject) -> Result<ObjectHead, Refusal> {
        self.head(&request.at, request.version.as_ref(), None)
    }

    pub(super) fn head(
        &mut self,
        at: &At,
        version: Option<&VersionId>,
        customer_key: Option<&str>,
    ) -> Result<ObjectHead, Refusal> {
        let bucket = self.state.bucket_of(&at.bucket, &at.key)?;
        let (stored, object) = bucket.object(&at.key, version)?;
        object.attributes.check_customer_key(customer_key)?;
        Ok(stored.head(object, bucket.has_versions(), self.now_s))
    }

    pub(super) fn head_part(&mut self, request: &HeadPart) -> Result<PartHead, Refusal> {
        self.head(&request.at, request.version.as_ref(), None)?;
        let bucket = self.state.bucket_of(&request.at.bucket, &request.at.key)?;
        let (_, object) = bucket.object(&request.at.key, request.version.as_ref())?;
        object.part(request.part).ok_or(refusal::INVALID_PART_NUMBER)
    }

    /// The whole object, to read from.
    pub(super) fn read_object(
        &mut self,
        at: &At,
        version: Option<&VersionId>,
        if_match: Option<&ETag>,
        customer_key: Option<&str>,
    ) -> Result<(ObjectHead, Body), Refusal> {
        let bucket = self.state.bucket_of(&at.bucket, &at.key)?;
        let (stored, object) = bucket.object(&at.key, version)?;
        object.attributes.check_customer_key(customer_key)?;
        check_match(object, if_match)?;
        object.attributes.check_readable(self.now_s)?;
        let mut head = stored.head(object, bucket.has_versions(), self.now_s);
        let body = self.conduct.read(&mut head, object.body.clone());
        Ok((head, body))
    }

    pub(super) fn get_object(&mut self, request: GetObject) -> Result<GotObject, Refusal> {
        let (mut head, whole) =
            self.read_object(&request.at, request.version.as_ref(), request.if_match.as_ref(), None)?;
        let body = match request.range {
            None => whole,
            Some((first, last)) => {
                head.checksums.clear();
                whole.slice(first, last).ok_or(refusal::INVALID_RANGE)?
            }
        };
        head.size = body.size();
        Ok(GotObject { head, body: Box::new(body.pieces()) })
    }

    /// `digest` is of the body; hashed before the turn, which others wait for.
    pub(super) fn put_object(&mut self, request: PutObject, digest: Digest) -> Result<PutDone, Refusal> {
        self.check_over(&request.at, request.if_match.as_ref(), request.if_none_match)?;
        check_checksum(&request)?;
        self.check_lock(&request.at, request.with.lock.as_deref())?;
        let sse = request.with.sse.as_ref().map(|sse| sse.name().to_owned());
        let attributes = Arc::new(Attributes::new(*request.with)?);
        let object = Object::whole(Body::from(request.body), digest, attributes);
        let done = self.store_object(CallKind::PutObject, request.at, object)?;
        Ok(PutDone { etag: done.etag, version: done.version, sse })
    }

    pub(super) fn copy_object(&mut self, request: CopyObject) -> Result<CopyDone, Refusal> {
        self.check_over(&request.target, request.if_match.as_ref(), request.if_none_match)?;
        let source =
            self.copy_source(&request.source, request.source_version.as_ref(), request.source_if_match.as_ref())?;
        let bytes_max = self.conduct.copy_bytes_max(self.config.copy_bytes_max);
        if source.body.size() > bytes_max {
            return Err(refusal::INVALID_REQUEST.saying(format!(
                "The specified copy source is larger than the maximum allowable size for a copy source: {bytes_max}"
            )));
        }
        self.check_copy_changes_something(&request)?;
        self.check_lock(&request.target, request.extras.as_ref().and_then(|extras| extras.lock.as_ref()))?;
        let extras = request.extras.map(|extras| *extras).unwrap_or_default();
        // What is kept is as it came in headers.
        let kept = || Metadata { form: Some(TextForm::Utf8), ..source.attributes.metadata.clone() };
        let with = NewObject {
            metadata: request.metadata.map_or_else(kept, |new| *new),
            tags: request.tags.unwrap_or_else(|| source.attributes.tags.clone()),
            canned_acl: request.canned_acl,
            storage_class: request.storage_class,
            sse: request.sse,
            lock: extras.lock.map(Box::new),
            redirect: extras.redirect,
            checksum_sha256: source.attributes.checksum_sha256.clone(),
        };
        let mut attributes = Attributes::new(with)?;
        attributes.other_checksum.clone_from(&source.attributes.other_checksum);
        if let Some(algorithm) = request.checksum {
            let value = object::checksum_of(algorithm, &source.body.to_bytes());
            let is_sha256 = algorithm == ChecksumAlgorithm::Sha256;
            attributes.checksum_sha256 = is_sha256.then(|| value.clone());
            attributes.other_checksum = (!is_sha256).then_some((algorithm, value));
        }
        let attributes = Arc::new(attributes);
        // The copy is one piece, however many parts its source came in.
        let digest = if source.digest.parts == 0 { source.digest } else { Digest::of(&source.body) };
        self.store_object(CallKind::CopyObject, request.target, Object::whole(source.body, digest, attributes))
    }

    /// What a copy reads.
    pub(super) fn copy_source(
        &self,
        at: &At,
        version: Option<&VersionId>,
        if_match: Option<&ETag>,
    ) -> Result<Object, Refusal> {
        let bucket = self.state.bucket_of(&at.bucket, &at.key)?;
        let (_, object) = bucket.object(&at.key, version).map_err(|why| {
            let is_marker = why == refusal::METHOD_NOT_ALLOWED;
            let message = "The source of a copy request may not specifically refer to a delete marker by version id.";
            if is_marker { refusal::INVALID_REQUEST.saying(message) } else { why }
        })?;
        object.attributes.check_customer_key(None)?;
        check_match(object, if_match)?;
        object.attributes.check_readable(self.now_s)?;
        Ok(object.clone())
    }

    /// S3 refuses to copy an object onto itself as it is.
    fn check_copy_changes_something(&self, request: &CopyObject) -> Result<(), Refusal> {
        let bucket = self.state.bucket(&request.source.bucket)?;
        let source = bucket.named(&request.source.key, request.source_version.as_ref())?;
        let is_latest = bucket.latest(&request.source.key).is_some_and(|latest| latest.version == source.version);
        let changes = request.metadata.is_some()
            || request.storage_class.is_some()
            || request.sse.is_some()
            || request.extras.as_ref().is_some_and(|extras| extras.redirect.is_some());
        if request.source == request.target && is_latest && !changes && !self.conduct.copies_onto_itself() {
            return Err(refusal::INVALID_REQUEST.saying(
                "This copy request is illegal because it is trying to copy an object to itself without changing the \
                 object's metadata, storage class, website redirect location or encryption attributes.",
            ));
        }
        Ok(())
    }

    /// What has to hold of the object that would be written over.
    pub(super) fn check_over(&self, at: &At, if_match: Option<&ETag>, if_none_match: bool) -> Result<(), Refusal> {
        let there = self.state.bucket_of(&at.bucket, &at.key)?.object(&at.key, None);
        match there {
            Ok(_) if if_none_match => Err(refusal::PRECONDITION_FAILED),
            Ok((_, object)) => check_match(object, if_match),
            Err(absent) if if_match.is_some() => Err(absent),
            Err(_) => Ok(()),
        }
    }

    /// A new newest version of the key.
    fn store_object(&mut self, call: CallKind, at: At, object: Object) -> Result<CopyDone, Refusal> {
        self.store_object_of(call, at, object, self.now_s)
    }

    /// A new newest version of the key, of that second.
    pub(super) fn store_object_of(
        &mut self,
        call: CallKind,
        at: At,
        mut object: Object,
        modified_s: i64,
    ) -> Result<CopyDone, Refusal> {
        if let Some(until_s) = self.state.bucket(&at.bucket)?.settings.retain_until_s(self.now_s)
            && object.attributes.retain_until_s.is_none()
        {
            Arc::make_mut(&mut object.attributes).retain_until_s = Some(until_s);
        }
        let etag = object.etag();
        if self.conduct.writes_drop_uploads() {
            self.state.uploads.retain(|_, upload| upload.at != at);
        }
        let (version, number) = self.store(call, at, Some(object), modified_s)?;
        let modified = Some(object::seconds(modified_s));
        Ok(CopyDone { etag, modified, version: version.then(|| number.id()) })
    }

    /// Stores a version; says whether the bucket has versions, and the version's number.
    fn store(
        &mut self,
        call: CallKind,
        at: At,
        object: Option<Object>,
        modified_s: i64,
    ) -> Result<(bool, VersionNumber), Refusal> {
        let has_versions = self.state.bucket(&at.bucket)?.has_versions();
        let stored = Stored { modified_s, ..self.new_version(&at.bucket, object)? };
        let version = stored.version;
        self.state.effect(call, Change::Stored { at, stored })?;
        Ok((has_versions, version))
    }

    /// Stores a version that no call made.
    pub(super) fn store_quietly(&mut self, at: At, object: Object) -> Result<(), Refusal> {
        let stored = self.new_version(&at.bucket, Some(object))?;
        self.state.change(Change::Stored { at, stored })
    }

    /// A version with the number that the bucket's versioning gives it.
    fn new_version(&self, bucket: &BucketName, object: Option<Object>) -> Result<Stored, Refusal> {
        let is_enabled = self.state.bucket(bucket)?.settings.versioning == Versioning::Enabled;
        let version = if is_enabled { self.new_number() } else { VersionNumber::NULL };
        Ok(Stored { version, modified_s: self.now_s, object })
    }

    /// A number that no version has: 64 random bits, never zero.
    fn new_number(&self) -> VersionNumber {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        VersionNumber(u64::from_le_bytes(bytes).max(1))
    }

    pub(super) fn delete_object(&mut self, request: DeleteObject) -> Result<Deleted, Refusal> {
        let bucket = self.state.bucket_of(&request.at.bucket, &request.at.key)?;
        if request.if_match.is_some() {
            let (_, object) = bucket.object(&request.at.key, request.version.as_ref())?;
            check_match(object, request.if_match.as_ref())?;
        }
        self.delete(CallKind::DeleteObject, request.at, request.version)
    }

    pub(super) fn delete_objects(&mut self, request: DeleteObjects) -> Result<Vec<DeleteResult>, Refusal> {
        self.state.bucket(&request.bucket)?;
        if request.objects.is_empty() || request.objects.len() > brigade_model::limits::DELETE_OBJECTS_KEYS_MAX {
            return Err(refusal::MALFORMED_XML);
        }
        let deleted = request.objects.into_iter().map(|(key, version)| {
            let one = self.delete_one(&request.bucket, key, version);
            one.map_or_else(Refusal::into_result, DeleteResult::Deleted)
        });
        Ok(deleted.collect())
    }

    fn delete_one(
        &mut self,
        bucket: &BucketName,
        key: ObjectKey,
        version: Option<VersionId>,
    ) -> Result<Deleted, Refusal> {
        self.state.bucket_of(bucket, &key)?;
        self.delete(CallKind::DeleteObjects, At { bucket: bucket.clone(), key }, version)
    }

    fn delete(&mut self, call: CallKind, at: At, version: Option<VersionId>) -> Result<Deleted, Refusal> {
        let has_versions = self.state.bucket(&at.bucket)?.has_versions();
        match version {
            Some(version) => self.remove(call, &at, version),
            None if has_versions => {
                let (_, number) = self.store(call, at, None, self.now_s)?;
                Ok(Deleted { is_delete_marker: true, version: Some(number.id()) })
            }
            None => {
                self.remove(call, &at, VersionNumber::NULL.id())?;
                Ok(Deleted::default())
            }
        }
    }

    /// Removes a version for good; one that is not there is removed already.
    fn remove(&mut self, call: CallKind, at: &At, version: VersionId) -> Result<Deleted, Refusal> {
        let bucket = self.state.bucket(&at.bucket)?;
        let found = VersionNumber::parse(&version).and_then(|number| bucket.version(&at.key, number));
        if let Some(object) = found.and_then(|stored| stored.object.as_ref()) {
            object.attributes.check_removable(self.now_s)?;
        }
        let found = found.map(|stored| (stored.version, stored.object.is_none()));
        if let Some((number, _)) = found {
            self.state.effect(call, Change::Removed { at: at.clone(), version: number })?;
        }
        Ok(Deleted { is_delete_marker: found.is_some_and(|(_, is_marker)| is_marker), version: Some(version) })
    }

    pub(super) fn get_object_tagging(&mut self, request: GetObjectTagging) -> Result<TagSet, Refusal> {
        self.attributes(&request.at, request.version.as_ref()).map(|(_, attributes)| attributes.tags.clone())
    }

    pub(super) fn put_object_tagging(&mut self, request: PutObjectTagging) -> Result<(), Refusal> {
        let (version, mut attributes) = self.attributes(&request.at, request.version.as_ref())?;
        object::check_tags(&request.tags)?;
        Arc::make_mut(&mut attributes).tags = request.tags;
        self.set_attributes(CallKind::PutObjectTagging, request.at, version, attributes)
    }

    pub(super) fn delete_object_tagging(&mut self, request: DeleteObjectTagging) -> Result<(), Refusal> {
        let (version, mut attributes) = self.attributes(&request.at, request.version.as_ref())?;
        Arc::make_mut(&mut attributes).tags = TagSet::new();
        self.set_attributes(CallKind::DeleteObjectTagging, request.at, version, attributes)
    }

    pub(super) fn get_object_acl(&mut self, request: GetObjectAcl) -> Result<Acl, Refusal> {
        self.attributes(&request.at, request.version.as_ref()).map(|(_, attributes)| attributes.acl())
    }

    pub(super) fn put_object_acl(&mut self, request: PutObjectAcl) -> Result<(), Refusal> {
        let (version, mut attributes) = self.attributes(&request.at, request.version.as_ref())?;
        Arc::make_mut(&mut attributes).acl = match request.acl {
            NewAcl::Canned(name) => object::canned_acl(&name)?,
            NewAcl::Grants(acl) => Some(check_acl(acl)?),
        };
        self.set_attributes(CallKind::PutObjectAcl, request.at, version, attributes)
    }

    pub(super) fn restore_object(&mut self, request: RestoreObject) -> Result<RestoreDone, Refusal> {
        let (version, mut attributes) = self.attributes(&request.at, request.version.as_ref())?;
        if request.days == 0 || !["Standard", "Bulk", "Expedited"].contains(&request.tier.as_str()) {
            return Err(refusal::MALFORMED_XML);
        }
        if !attributes.is_archived() {
            return Err(refusal::NOT_ARCHIVED);
        }
        let state = attributes.restore_state(self.now_s);
        let delay_s = i64::try_from(self.config.restore_delay.as_secs()).unwrap_or(i64::MAX / 2);
        let from_s = match state {
            RestoreState::Ongoing => return Err(refusal::RESTORE_IN_PROGRESS),
            RestoreState::Restored { .. } => self.now_s,
            RestoreState::None => self.now_s.saturating_add(delay_s),
        };
        Arc::make_mut(&mut attributes).restore = Some(Restore::new(from_s, request.days));
        self.set_attributes(CallKind::RestoreObject, request.at, version, attributes)?;
        Ok(RestoreDone { was_restored: state != RestoreState::None })
    }

    pub(super) fn get_object_attributes(&mut self, request: GetObjectAttributes) -> Result<ObjectAttributes, Refusal> {
        let (_, attributes) = self.attributes(&request.at, request.version.as_ref())?;
        Ok(ObjectAttributes { checksum_sha256: attributes.checksum_sha256.clone() })
    }

    /// As S3: what is not encrypted has no key to change, and the ETag stays.
    pub(super) fn update_object_encryption(&mut self, request: UpdateObjectEncryption) -> Result<(), Refusal> {
        let (version, mut attributes) = self.attributes(&request.at, request.version.as_ref())?;
        if attributes.sse.is_none() {
            return Err(refusal::INVALID_REQUEST.saying("The source object is not encrypted."));
        }
        let changed = Arc::make_mut(&mut attributes);
        changed.has_digest_etag |= changed.sse_key.is_none();
        changed.sse = Some("aws:kms".to_owned());
        changed.sse_key = Some(request.key);
        self.set_attributes(CallKind::UpdateObjectEncryption, request.at, version, attributes)
    }

    pub(super) fn attributes(
        &self,
        at: &At,
        version: Option<&VersionId>,
    ) -> Result<(VersionNumber, Arc<Attributes>), Refusal> {
        let (stored, object) = self.state.bucket_of(&at.bucket, &at.key)?.object(&at.key, version)?;
        Ok((stored.version, object.attributes.clone()))
    }

    /// Changes the attributes of a version by no call.
    pub(super) fn change_attributes(
        &mut self,
        at: &At,
        version: Option<&VersionId>,
        set: impl FnOnce(&mut Attributes),
    ) -> Result<(), Refusal> {
        let (version, mut attributes) = self.attributes(at, version)?;
        set(Arc::make_mut(&mut attributes));
        self.state.change(Change::Changed { at: at.clone(), version, attributes })
    }

    pub(super) fn set_attributes(
        &mut self,
        call: CallKind,
        at: At,
        version: VersionNumber,
        attributes: Arc<Attributes>,
    ) -> Result<(), Refusal> {
        self.state.effect(call, Change::Changed { at, version, attributes })
    }
}

fn check_match(object: &Object, wanted: Option<&ETag>) -> Result<(), Refusal> {
    match wanted {
        Some(wanted) if wanted.unquoted() != "*" && !wanted.matches(&object.etag()) => {
            Err(refusal::PRECONDITION_FAILED)
        }
        _ => Ok(()),
    }
}

fn check_checksum(request: &PutObject) -> Result<(), Refusal> {
    let given = request.with.checksum_sha256.as_deref();
    let is_it = |given: &str| given == STANDARD.encode(ring::digest::digest(&SHA256, &request.body));
    if given.is_none_or(is_it) { Ok(()) } else { Err(refusal::BAD_DIGEST) }
}

/// The owner cannot be given away.
fn check_acl(acl: Acl) -> Result<Acl, Refusal> {
    const PERMISSIONS: [&str; 5] = ["READ", "WRITE", "FULL_CONTROL", "READ_ACP", "WRITE_ACP"];
    if acl.owner != OWNER {
        return Err(refusal::ACCESS_DENIED);
    }
    if !acl.grants.iter().all(|grant| PERMISSIONS.contains(&grant.permission.as_str())) {
        return Err(refusal::MALFORMED_ACL);
    }
    Ok(acl)
}
