//! COSPutObjectCopy: copies an object, inside one store or from one to another.
//!
//! 1. find the source and the target, whose key may get another prefix;
//! 2. read of the source what the parameters need: its head (constraints, merged metadata),
//!    tags and ACL to add to or to set again;
//! 3. check the target, when the task may have been attempted before;
//! 4. copy the bytes: one CopyObject; or in parts, when the object is too large for that; or
//!    through this process, when source and target are different endpoints or credentials;
//! 5. put what the copy left out: grants, and tags where the store drops them from a copy.
//!
//! On the plain path this is one call: sizes come from the manifest, or from the error of a
//! CopyObject that was too large.

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::ports::object_store::{
    Acl, At, CallError, CopyExtras, CopyObject, GetObjectTagging, Metadata, NewObject, ObjectHead, TagSet, Verdict,
};
use brigade_model::{Outcome, Timestamp, VersionId};
use tokio::sync::OnceCell;

use super::ObjectOperation;
use super::capabilities::{Feature, Need, refuse_key};
use super::effect_check::{
    Before, CheckResult, Checked, CheckedCall, Condition, Content, Current, LookedAt, NonRepeatableCall,
    act_and_settle, check_doubt,
};
use super::failure::{Doing, End, SOURCE_CHANGED, refuse, reject};
use super::source::{Source, is_same_object};
use super::tags::{self, add_tags, put_tags};
use super::task_context::{TaskContext, allowed_bucket, is_no_object};
use crate::store_clock::may_be_newer;
use plan::{CopyPlan, NewKey, TagPlan, whole_metadata};

mod acl;
mod compare;
mod completion;
mod kept;
mod multipart;
mod needs;
pub(crate) mod plan;
mod stream;

pub(super) use plan::is_encrypted;

#[async_trait]
impl ObjectOperation for CopyPlan {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        let route = Route::find(context, self)?;
        let left = settle_left_completion(context, &route.target).await?;
        if matches!(left, Before::Done(_)) && has_nothing_to_follow(context, self) {
            return Ok(route.outcome());
        }
        let copying = Copying::begin(context, self, &route).await?;
        let version = match left {
            Before::Done(version) => {
                Box::pin(async { copying.tags_to_give(copying.known_head().await?).await }).await?;
                version
            }
            Before::Act(checked) => copying.copy_bytes(checked).await?,
        };
        if let Some(size) = copying.known_size() {
            context.note_size(size);
        }
        acl::put_acl(context, self, copying.acl.as_ref(), &route.target, version.as_ref()).await?;
        kept::see_kept(context, self, copying.metadata.as_deref(), &route.target, version.as_ref()).await?;
        copying.put_tags(version).await?;
        Ok(route.outcome())
    }

    fn needs(&self) -> Vec<Need> {
        needs::needs(self)
    }
}

/// Settles the completions of parts that workers before may have sent for this task. One that is
/// proven is enough, whatever is not known of another.
async fn settle_left_completion(context: &TaskContext<'_>, target: &At) -> Result<Before<Option<VersionId>>, End> {
    let mut found = Ok(Before::Act(None));
    let Some(since) = context.in_doubt_since() else { return found };
    for upload in context.slice.completing.iter() {
        let Some(completing) = upload.completing.as_ref().filter(|completing| completing.task == context.task.number)
        else {
            continue;
        };
        if upload.bucket != target.bucket || upload.key != target.key {
            continue;
        }
        match Box::pin(completion::settle_left(context, upload, completing, since)).await {
            Ok(Before::Act(checked)) if found.is_ok() => found = Ok(Before::Act(checked)),
            Ok(Before::Act(_)) => {}
            Err(End::Refused(outcome)) => found = Err(End::Refused(outcome)),
            done_or_stopped => return done_or_stopped,
        }
    }
    found
}

/// Whether an object that is made of parts has all that it gets once they are put together.
fn has_nothing_to_follow(context: &TaskContext<'_>, plan: &CopyPlan) -> bool {
    let kept = [Feature::SetCannedAcl, Feature::SetClass, Feature::SetMetadata, Feature::TagsKeptOnPut];
    let target = &context.slice.target;
    plan.is_whole_in_parts()
        && plan.redirect.is_none()
        && plan.checksum.is_none()
        && kept.into_iter().all(|feature| feature.is_possible_at(&target.capabilities))
        && kept::is_encryption_proved(target, plan.sse.as_ref())
        && (plan.lock.is_none() || kept::is_lock_kept(target))
}

/// Where from and where to.
struct Route {
    source: At,
    target: At,
    /// The store copies by itself: one endpoint, one set of credentials.
    is_inside: bool,
    is_outside_prefix: bool,
}

impl Route {
    fn find(context: &TaskContext<'_>, plan: &CopyPlan) -> Result<Self, End> {
        let source = context.find_source()?;
        let bucket = allowed_bucket(&context.slice.target, "target", &plan.target)?;
        let NewKey { key, is_outside_prefix } = plan.rename_key(&context.task.key)?;
        refuse_key(&key, &context.slice.target.capabilities).map_or(Ok(()), Err)?;
        let is_inside = Arc::ptr_eq(&context.slice.source.store, &context.slice.target.store);
        Ok(Self { source, target: At { bucket, key }, is_inside, is_outside_prefix })
    }

    fn outcome(&self) -> Outcome {
        if !self.is_outside_prefix {
            return Outcome::Succeeded;
        }
        let message = "copied under its own key, which does not begin with the prefix to be replaced";
        Outcome::SucceededWith { message: message.to_owned() }
    }
}

/// How the bytes of an object travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transfer {
    /// One CopyObject.
    OneCall,
    /// In parts, inside the store.
    Parts,
    /// Through our memory.
    ThroughUs,
}

impl Transfer {
    /// The roads of an object, in the order in which they are tried: each but the last may turn
    /// out to be closed. What is known of the object's size decides only which is tried first, so
    /// that the same wish ends alike whatever the manifest tells: some stores copy objects of any
    /// size by one call and have no copies of parts.
    fn of(is_inside: bool, is_too_large: bool, copies_parts: bool) -> &'static [Transfer] {
        match (is_inside, is_too_large, copies_parts) {
            (false, _, _) => &[Transfer::ThroughUs],
            (true, true, true) => &[Transfer::Parts, Transfer::OneCall, Transfer::ThroughUs],
            (true, false, true) => &[Transfer::OneCall, Transfer::Parts, Transfer::ThroughUs],
            (true, _, false) => &[Transfer::OneCall, Transfer::ThroughUs],
        }
    }
}

/// A copy under way, with what was read of its source. What a plain copy has none of lies in a box: every task
/// under way has the memory for it.
struct Copying<'a> {
    context: &'a TaskContext<'a>,
    plan: &'a CopyPlan,
    route: &'a Route,
    head: Option<Box<ObjectHead>>,
    /// The head, where only what follows needs it.
    read: OnceCell<Box<ObjectHead>>,
    acl: Option<Acl>,
    /// The metadata to set; `None` leaves the source's in place.
    metadata: Option<Box<Metadata>>,
    /// The tags to set; `None` leaves the source's in place.
    tags: Option<TagSet>,
    /// The tags that an upload or a put was given.
    given_tags: OnceCell<TagSet>,
    /// What the target gets depends on what was read of the source.
    is_dependent: bool,
}

impl<'a> Copying<'a> {
    async fn begin(context: &'a TaskContext<'a>, plan: &'a CopyPlan, route: &'a Route) -> Result<Self, End> {
        let is_dependent = plan.depends_on_source();
        let (read, given_tags) = (OnceCell::new(), OnceCell::new());
        let (head, acl, metadata, tags) = (None, None, None, None);
        let mut copying = Self { context, plan, route, head, read, acl, metadata, tags, given_tags, is_dependent };
        copying.is_dependent |= copying.loses_tags();
        if copying.is_dependent || copying.is_surely_not_single() || context.must_check {
            copying.head = Some(Box::pin(copying.read_head_or_settle()).await?);
        }
        let metadata = plan.metadata_to_set(copying.head.as_deref())?;
        copying.metadata = metadata.map(|metadata| Box::new(copying.to_send(metadata)));
        copying.acl = acl::read_acl(context, plan, &route.source).await?;
        copying.tags = match &plan.tags {
            TagPlan::Copy if copying.loses_tags() => {
                Some(Box::pin(copying.read_tags_to_carry()).await?).filter(|tags| !tags.is_empty())
            }
            TagPlan::Copy => None,
            TagPlan::Replace(tags) => Some(tags.clone()),
            TagPlan::Add(tags) => Some(add_tags(Box::pin(copying.read_tags()).await?, tags)?),
        };
        Ok(copying)
    }

    /// Reads the source's head before anything else is done.
    async fn read_head_or_settle(&self) -> Result<Box<ObjectHead>, End> {
        let read = self.read_head().await;
        if matches!(&read, Err(End::Call { error, .. }) if is_no_object(error)) {
            self.settle_without_source().await;
        }
        read.map(Box::new)
    }

    /// A source that is missing leaves nothing to compare a target with. The attempts before are
    /// ruled out nevertheless where the target is absent or older.
    async fn settle_without_source(&self) {
        let Some(since) = self.context.in_doubt_since() else { return };
        let place = &self.context.slice.target;
        if let Ok(target) = self.context.find_head(place, &self.route.target, None).await
            && !target.is_some_and(|head| may_be_newer(place, &head, since))
        {
            self.context.end_doubt();
        }
    }

    /// Carries the bytes, and gives the version of the target that they became. The rare ways are
    /// boxed, so that the memory of the plain one is not that of the largest.
    async fn copy_bytes(&self, checked: Option<Checked>) -> Result<Option<VersionId>, End> {
        let checked = match check_doubt(self.context, self).await? {
            Before::Act(found) => found.or(checked),
            Before::Done(version) => return Ok(version),
        };
        if let Some(head) = &self.head {
            self.plan.check_constraints(head.modified)?;
        }
        let mut refused = None;
        for road in self.roads() {
            match self.take(*road, checked.clone()).await {
                Err(End::Call { error, doing }) if self.leads_on(*road, &error).await? => {
                    refused = Some(End::Call { error, doing });
                }
                result => return result,
            }
        }
        Err(refused.expect("each object has a road, and the last one leads nowhere"))
    }

    fn roads(&self) -> &'static [Transfer] {
        let copies_parts = Feature::CopyParts.is_possible_at(&self.context.slice.target.capabilities);
        Transfer::of(self.route.is_inside, self.is_surely_not_single(), copies_parts)
    }

    /// Carries the bytes by that road. `checked` is what a check of the target found.
    async fn take(&self, road: Transfer, checked: Option<Checked>) -> Result<Option<VersionId>, End> {
        match road {
            Transfer::OneCall => {
                let version = act_and_settle(self.context, self, checked).await?;
                self.check_source().await.map(|()| version)
            }
            Transfer::Parts => {
                let head = self.known_head().await?;
                Box::pin(multipart::copy_in_parts(self, head.clone(), multipart::PartTransfer::InsideStore, checked))
                    .await
            }
            Transfer::ThroughUs => {
                let head = self.known_head().await?;
                if head.size > self.plan.sizes.stream_part {
                    Box::pin(multipart::copy_in_parts(self, head.clone(), multipart::PartTransfer::ThroughUs, checked))
                        .await
                } else {
                    Box::pin(stream::carry_through(self, head.clone(), checked)).await
                }
            }
        }
    }

    /// Whether the error says that the store cannot go this road, so that the next is taken.
    async fn leads_on(&self, road: Transfer, error: &CallError) -> Result<bool, End> {
        match road {
            // For the object's size stores have several words: the size itself tells.
            Transfer::OneCall if may_be_too_large(error) => {
                let size = self.known_head().await?.size;
                Ok(size > self.plan.sizes.copy_max || (error.code == "EntityTooLarge" && size > 0))
            }
            Transfer::Parts => Ok(error.verdict == Verdict::Invalid && matches!(error.http_status, Some(405 | 501))),
            Transfer::OneCall | Transfer::ThroughUs => Ok(false),
        }
    }

    /// A copy whose parameters were read of the source must be of the state that was read. Where
    /// the endpoint does not honour that condition, the copy reads the source's head again.
    async fn check_source(&self) -> Result<(), End> {
        let Some(before) = self.head.as_ref().filter(|_| self.is_dependent && !self.has_source_condition()) else {
            return Ok(());
        };
        // What is read again is what was just written.
        let is_its_own_source = self.route.is_inside && self.route.source == self.route.target;
        if is_its_own_source || self.is_pinned() || is_same_object(before, &Box::pin(self.read_head()).await?) {
            return Ok(());
        }
        Err(reject(
            SOURCE_CHANGED,
            None,
            "the source was written while it was copied: the target may combine two states of it",
        ))
    }

    /// The store copies only the state of the source that was read.
    fn has_source_condition(&self) -> bool {
        let capabilities = &self.context.slice.target.capabilities;
        Feature::PinSource.is_possible_at(capabilities) && self.context.task.version.is_none()
    }

    /// A version never changes; the one called `null` is overwritten like any object.
    fn is_pinned(&self) -> bool {
        self.context.task.version.as_ref().is_some_and(|version| !version.is_null())
    }

    /// The manifest or a head says that the object is too large for one CopyObject, or the
    /// store cannot copy by itself.
    fn is_surely_not_single(&self) -> bool {
        !self.route.is_inside || self.known_size().is_some_and(|size| size > self.plan.sizes.copy_max)
    }

    /// The size, by the source's head or else by the manifest. The check after a lost copy reads
    /// that head, so the next attempt has the time that it needs.
    fn known_size(&self) -> Option<u64> {
        self.head.as_ref().or_else(|| self.read.get()).map(|head| head.size).or(self.context.task.size)
    }

    /// Copied onto itself: the same key, from its latest version.
    fn is_in_place(&self) -> bool {
        self.route.is_inside && self.route.source == self.route.target && self.context.task.version.is_none()
    }

    /// The source, to read its bytes.
    fn source(&'a self, head: &'a ObjectHead) -> Source<'a> {
        Source { context: self.context, at: &self.route.source, head }
    }

    async fn read_head(&self) -> Result<ObjectHead, End> {
        let version = self.context.task.version.as_ref();
        let head = self.context.read_head(&self.context.slice.source, &self.route.source, version).await;
        head.doing("reading the source's head")
    }

    async fn known_head(&self) -> Result<&ObjectHead, End> {
        match &self.head {
            Some(head) => Ok(head),
            None => {
                let read = || Box::pin(async { self.read_head().await.map(Box::new) });
                Ok(self.read.get_or_try_init(read).await?)
            }
        }
    }

    async fn read_tags(&self) -> Result<TagSet, End> {
        let request = GetObjectTagging { at: self.route.source.clone(), version: self.context.task.version.clone() };
        self.context.send(&self.context.slice.source, request).await.doing("reading the source's tags")
    }

    async fn read_tags_to_carry(&self) -> Result<TagSet, End> {
        let (source, version) = (&self.context.slice.source, self.context.task.version.as_ref());
        tags::read_tags_to_carry(self.context, source, &self.route.source, version).await
    }

    /// What a target that is not made by CopyObject gets besides its bytes: nothing of the
    /// source comes by itself.
    async fn new_object(&self, head: &ObjectHead) -> Result<NewObject, End> {
        if let Some(algorithm) = self.plan.checksum {
            let name = algorithm.name().to_uppercase();
            let message = format!(
                "the object is too large for one CopyObject, or its store does not copy it by itself: only that gives a \
                 copy a checksum by {name}, so nothing was done"
            );
            return Err(refuse("NotImplemented", Some(501), message));
        }
        Ok(NewObject {
            metadata: match &self.metadata {
                Some(metadata) => metadata.as_ref().clone(),
                None => self.to_send(whole_metadata(head)?),
            },
            tags: self.tags_to_give(head).await?.clone(),
            canned_acl: self.plan.canned_acl(),
            storage_class: self.class_to_send(),
            sse: self.plan.sse.clone(),
            lock: self.plan.lock.map(Box::new),
            redirect: self.plan.redirect.clone(),
            checksum_sha256: None,
        })
    }

    /// The tags that an upload or a put is given.
    async fn tags_to_give(&self, head: &ObjectHead) -> Result<&TagSet, End> {
        let read = async || match &self.tags {
            Some(tags) => Ok(tags.clone()),
            None if self.has_tags_to_carry(head) => self.read_tags_to_carry().await,
            None => Ok(vec![]),
        };
        self.given_tags.get_or_try_init(read).await
    }

    /// The target, for an effect check.
    fn looked_at(&self) -> LookedAt<'_> {
        LookedAt {
            context: self.context,
            place: &self.context.slice.target,
            at: &self.route.target,
            version: None,
            what: "the target",
            doing: "looking whether the object was copied",
        }
    }

    /// The same metadata in the form in which the target takes text. Where none is proved, encoded words go on as
    /// they came, which are ASCII, and no other text is sent.
    fn to_send(&self, metadata: Metadata) -> Metadata {
        let form = needs::text_form(&self.context.slice.target.capabilities).or(metadata.form);
        Metadata { form, ..metadata }
    }

    /// One wish for every road: the class does not depend on how the bytes travel.
    fn class_to_send(&self) -> Option<String> {
        let has_classes = Feature::AskForStandard.is_possible_at(&self.context.slice.target.capabilities);
        self.plan.class_to_send(self.is_in_place(), has_classes)
    }

    fn has_tags_to_carry(&self, head: &ObjectHead) -> bool {
        let slice_context = self.context.slice;
        let both = [&slice_context.source, &slice_context.target]
            .iter()
            .all(|place| Feature::CarryTags.is_possible_at(&place.capabilities));
        both && head.tag_count != Some(0)
    }

    /// Whether the store drops the source's tags from a copy inside of it: where it drops those
    /// that are given, it drops all as soon as the metadata is replaced (Ceph RGW does).
    fn loses_tags(&self) -> bool {
        let capabilities = &self.context.slice.target.capabilities;
        let keeps = Feature::TagsKeptOnCopy.is_possible_at(capabilities);
        let drops = Feature::CarryTags.is_possible_at(capabilities) && !keeps;
        drops && self.plan.sets_metadata() && self.route.is_inside
    }

    /// Puts the tags that the store drops from a copy, or is not known to keep from an upload.
    async fn put_tags(&self, version: Option<VersionId>) -> Result<(), End> {
        let target = &self.context.slice.target;
        let (tags, kept) = match self.given_tags.get() {
            Some(given) => (Some(given).filter(|tags| !tags.is_empty()), Feature::TagsKeptOnPut),
            None => (self.tags.as_ref(), Feature::TagsKeptOnCopy),
        };
        let Some(tags) = tags.filter(|_| !kept.is_possible_at(&target.capabilities)) else { return Ok(()) };
        let doing = "the object was copied; putting its tags failed";
        Box::pin(put_tags(self.context, target, &self.route.target, version.as_ref(), tags, doing)).await
    }
}

impl CheckedCall for Copying<'_> {
    type Done = Option<VersionId>;

    fn condition(&self, current: &Current) -> Condition {
        let onto = (Feature::CopyOntoUnchanged, Some(Feature::CopyOntoNothing));
        Condition::of(current, &self.context.slice.target.capabilities, onto)
    }

    fn bytes(&self) -> u64 {
        self.known_size().unwrap_or(0)
    }

    async fn act(&self, repeat: Option<&Condition>) -> Result<Option<VersionId>, CallError> {
        let capabilities = &self.context.slice.target.capabilities;
        let Condition { if_match, if_none_match } = repeat.cloned().unwrap_or_default();
        let request = CopyObject {
            source: self.route.source.clone(),
            source_version: self.context.task.version.clone(),
            target: self.route.target.clone(),
            metadata: self.metadata.clone(),
            tags: self.tags.clone().filter(|_| Feature::TagsKeptOnCopy.is_possible_at(capabilities)),
            canned_acl: self.plan.canned_acl(),
            storage_class: self.class_to_send(),
            sse: self.plan.sse.clone(),
            extras: CopyExtras::of(self.plan.lock, self.plan.redirect.clone()),
            checksum: self.plan.checksum,
            // What was judged is what is copied.
            source_if_match: self
                .head
                .as_ref()
                .and_then(|head| head.etag.clone())
                .filter(|_| self.is_dependent && self.has_source_condition()),
            if_match,
            if_none_match,
            size: self.known_size(),
        };
        Ok(self.context.send(&self.context.slice.target, request).await?.version)
    }

    async fn check(&self, since: Timestamp) -> Result<CheckResult<Option<VersionId>>, End> {
        let source = self.known_head().await?;
        let target = self.looked_at();
        let result = if self.is_in_place() {
            let content = async |target: &ObjectHead| Ok(self.plan.compare_in_place(target));
            target.check(NonRepeatableCall::CopyInPlace, since, content).await?
        } else {
            let content = async |target: &ObjectHead| match self.plan.compare(source, target) {
                Content::Incomparable if self.context.slice.compares_bytes => {
                    Box::pin(compare::compare_bytes(self, source, target)).await
                }
                content => Ok(content),
            };
            target.check(NonRepeatableCall::Overwrite, since, content).await?
        };
        Ok(result.map(version_of))
    }
}

/// The version in an object's head.
fn version_of(head: Option<ObjectHead>) -> Option<VersionId> {
    head.and_then(|head| head.version)
}

/// Codes that stores answer when an object is too large for one CopyObject (among other
/// reasons, so that the size decides): Amazon S3 InvalidRequest, Ceph and MinIO EntityTooLarge,
/// others InvalidArgument.
fn may_be_too_large(error: &CallError) -> bool {
    error.verdict == Verdict::Invalid
        && matches!(error.code.as_str(), "EntityTooLarge" | "InvalidRequest" | "InvalidArgument")
}

#[cfg(test)]
mod tests {
    use super::Transfer::{OneCall, Parts, ThroughUs};
    use super::*;

    #[test]
    fn the_roads_of_a_copy_are_these_and_its_size_only_says_which_is_tried_first() {
        let known = [true, false].map(|is_too_large| Transfer::of(true, is_too_large, true));
        assert_eq!(known, [&[Parts, OneCall, ThroughUs], &[OneCall, Parts, ThroughUs]]);
        for is_too_large in [true, false] {
            assert_eq!(Transfer::of(true, is_too_large, false), [OneCall, ThroughUs]);
            for copies_parts in [true, false] {
                assert_eq!(Transfer::of(false, is_too_large, copies_parts), [ThroughUs]);
            }
        }
    }
}
