//! Trials of what an object is put with: storage class, checksum, restore from the archive.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brigade_model::ports::object_store::{
    At, CallError, CopyObject, Encryption, GetObjectAttributes, Metadata, NewObject, RestoreObject, TextForm, Verdict,
};
use ring::digest::{SHA256, digest};

use super::trial::{End, Trial, copy, in_short, lacking};

const BODY: &str = "kept";

fn of_class(class: &str) -> NewObject {
    NewObject { storage_class: Some(class.to_owned()), ..NewObject::default() }
}

async fn has_class(trial: &Trial<'_>, at: &At, class: &str) -> Result<bool, End> {
    Ok(trial.head(at).await?.storage_class.as_deref() == Some(class))
}

/// STANDARD_IA, which stores that have classes at all have.
pub(super) async fn keep_their_class(trial: &Trial<'_>) -> Result<(), End> {
    const CLASS: &str = "STANDARD_IA";
    let (at, plain, copied) = (trial.at("rare"), trial.at("plain"), trial.at("rare copy"));
    trial.put_with(&at, BODY, of_class(CLASS)).await?;
    if !has_class(trial, &at, CLASS).await? {
        return lacking("an object was not given the class that it was put with");
    }
    trial.put(&plain, BODY).await?;
    trial.call(CopyObject { storage_class: Some(CLASS.to_owned()), ..copy(&plain, &copied) }).await?;
    if has_class(trial, &copied, CLASS).await? { Ok(()) } else { lacking("a copy was not given its class") }
}

fn with_metadata(name: &str) -> Metadata {
    let user = vec![(name.to_owned(), "1".to_owned())];
    Metadata { content_type: Some(format!("text/{name}")), user, ..Metadata::default() }
}

/// Of the source's metadata nothing stays.
pub(super) async fn take_metadata_with_a_copy(trial: &Trial<'_>) -> Result<(), End> {
    let (source, target) = (trial.at("described"), trial.at("described copy"));
    trial.put_with(&source, BODY, NewObject { metadata: with_metadata("old"), ..NewObject::default() }).await?;
    trial.call(CopyObject { metadata: Some(Box::new(with_metadata("new"))), ..copy(&source, &target) }).await?;
    let kept = trial.head(&target).await?.metadata;
    if (kept.content_type, kept.user) == (with_metadata("new").content_type, with_metadata("new").user) {
        Ok(())
    } else {
        lacking("the copy has other metadata than it was given")
    }
}

/// Long enough for two encoded words; in Latin-1, and beyond it.
const TEXT: &str = "Größe: ½ Seite, übersetzt für die Leser in 北京 und Αθήνα";

/// By a put and by a copy. Whether a copy has new metadata at all is another capability.
pub(super) async fn keep_text(trial: &Trial<'_>, form: TextForm) -> Result<(), End> {
    let (put, copied) = (trial.at("text"), trial.at("text copy"));
    let metadata =
        || Metadata { user: vec![("text".to_owned(), TEXT.to_owned())], form: Some(form), ..Metadata::default() };
    let with = NewObject { metadata: metadata(), ..NewObject::default() };
    trial.put_with(&put, BODY, with).await.map_err(refused_text)?;
    let copy = CopyObject { metadata: Some(Box::new(metadata())), ..copy(&put, &copied) };
    trial.call(copy).await.map_err(refused_text)?;
    for (at, what) in [(put, "an object"), (copied, "a copy")] {
        if trial.head(&at).await?.metadata.user != metadata().user {
            return lacking(format!("{what} has another text than it was given"));
        }
    }
    Ok(())
}

/// A server that takes the bytes for others than were sent finds another signature: that says nothing of the
/// credentials, which all other calls of the probe have.
fn refused_text(error: CallError) -> End {
    match error.verdict {
        Verdict::CredentialsRefused => End::Lacking(format!("refused: {}", in_short(&error))),
        _ => error.into(),
    }
}

/// The one way that needs no key of a service's.
pub(super) async fn are_encrypted(trial: &Trial<'_>) -> Result<(), End> {
    let (at, plain, copied) = (trial.at("encrypted"), trial.at("not encrypted"), trial.at("encrypted copy"));
    trial.put_with(&at, BODY, NewObject { sse: Some(Encryption::OwnKey), ..NewObject::default() }).await?;
    trial.put(&plain, BODY).await?;
    trial.call(CopyObject { sse: Some(Encryption::OwnKey), ..copy(&plain, &copied) }).await?;
    for (at, what) in [(at, "an object"), (copied, "a copy")] {
        if trial.head(&at).await?.sse.as_deref() != Some(Encryption::OwnKey.name()) {
            return lacking(format!("{what} does not say that it is encrypted"));
        }
    }
    Ok(())
}

/// A restore is seen by HEAD, which says how far it has come.
pub(super) async fn are_restored(trial: &Trial<'_>) -> Result<(), End> {
    const CLASS: &str = "GLACIER";
    let at = trial.at("frozen");
    if let Err(error) = trial.put_with(&at, BODY, of_class(CLASS)).await {
        return restore_unarchived(trial, in_short(&error)).await;
    }
    if !has_class(trial, &at, CLASS).await? {
        return restore_unarchived(trial, "the class is dropped".to_owned()).await;
    }
    trial.call(restore(&at)).await?;
    if trial.head(&at).await?.restore.is_some() { Ok(()) } else { lacking("accepted, and nothing came of it") }
}

/// Without an archive, a server that knows restores says that there is nothing to restore; any
/// other does not know the call.
async fn restore_unarchived(trial: &Trial<'_>, why: String) -> Result<(), End> {
    let at = trial.at("not frozen");
    trial.put(&at, BODY).await?;
    match trial.call_anyway(restore(&at)).await? {
        Some(error) if error.code != "InvalidObjectState" => Err(error.into()),
        _ => Err(End::Untested(format!("no object can be put into GLACIER: {why}"))),
    }
}

fn restore(at: &At) -> RestoreObject {
    RestoreObject { at: at.clone(), version: None, days: 1, tier: "Standard".to_owned() }
}

pub(super) async fn give_checksums_back(trial: &Trial<'_>) -> Result<(), End> {
    let at = trial.at("checksum");
    let sum = STANDARD.encode(digest(&SHA256, BODY.as_bytes()));
    let with = NewObject { checksum_sha256: Some(sum.clone()), ..NewObject::default() };
    trial.put_with(&at, BODY, with).await?;
    let attributes = trial.call(GetObjectAttributes { at, version: None }).await?;
    match attributes.checksum_sha256 {
        Some(given) if given == sum => Ok(()),
        Some(_) => lacking("another checksum was given back"),
        None => lacking("the checksum was dropped"),
    }
}
