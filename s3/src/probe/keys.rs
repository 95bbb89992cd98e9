//! Trials of keys: whether the server keeps each key's bytes, and how listings show them.

use brigade_model::names::ObjectKey;
use brigade_model::ports::object_store::{At, DeleteObject, GetObject, ListObjectsV2, NewObject, Verdict};

use super::trial::{End, Trial, lacking};

/// Keys that a store of files, or a proxy that tidies paths, takes for one with `x`.
pub(super) async fn are_their_bytes(trial: &Trial<'_>) -> Result<(), End> {
    let strays = [
        stray(trial, &format!("/{}keys/x", trial.prefix)),
        stray(trial, &format!("//{}keys/x", trial.prefix)),
        trial.at("keys//x"),
        trial.at("keys/./x"),
        trial.at("keys/y/../x"),
    ];
    // Before anything lies there: the sweep will have to list it.
    for prefix in trial.stray_prefixes() {
        page(trial, prefix, None).await?;
    }
    stay_apart(trial, &trial.at("keys/x"), strays).await
}

pub(super) async fn do_not_lose_a_slash(trial: &Trial<'_>) -> Result<(), End> {
    stay_apart(trial, &trial.at("folders/x"), [trial.at("folders/x/")]).await
}

/// Whatever is done to a stray, whether the server takes it or not, leaves `x` as it is.
async fn stay_apart(trial: &Trial<'_>, x: &At, strays: impl IntoIterator<Item = At>) -> Result<(), End> {
    trial.put(x, "x").await?;
    for stray in strays {
        let is_taken = match trial.put_with(&stray, "stray", NewObject::default()).await {
            Ok(_) => true,
            Err(error) if error.verdict == Verdict::Invalid => false,
            Err(error) => return Err(error.into()),
        };
        if !has_bytes(trial, x, b"x").await? {
            return lacking("a key with a needless slash or dot is taken for the one without");
        }
        if is_taken && !has_bytes(trial, &stray, b"stray").await? {
            return lacking("an object is not there under the key that it was put with");
        }
        if has_bytes(trial, &stray, b"x").await? {
            return lacking("a read of a key with a needless slash or dot gives the one without");
        }
        trial.call_anyway(DeleteObject { at: stray, version: None, if_match: None }).await?;
        if !has_bytes(trial, x, b"x").await? {
            return lacking("a delete of a key with a needless slash or dot deletes the one without");
        }
    }
    Ok(())
}

/// A key that does not lie under the prefix itself.
fn stray(trial: &Trial<'_>, key: &str) -> At {
    At { bucket: trial.bucket.clone(), key: ObjectKey::new(key).expect("a short name is a key") }
}

async fn has_bytes(trial: &Trial<'_>, at: &At, bytes: &[u8]) -> Result<bool, End> {
    let request = GetObject { at: at.clone(), version: None, range: None, if_match: None };
    match trial.read(request).await {
        Ok(read) => Ok(read == bytes),
        Err(End::Failed { error, .. })
            if matches!(error.verdict, Verdict::Missing | Verdict::Invalid | Verdict::Denied) =>
        {
            Ok(false)
        }
        Err(end) => Err(end),
    }
}

/// Keys whose order is another one for stores that keep folders, that compare without case, or
/// by UTF-16. Each page has a few, so that the order between pages counts too.
pub(super) async fn are_listed_in_order(trial: &Trial<'_>) -> Result<(), End> {
    let mut expected = put_all(trial, "order", &["B", "a-b", "a/b", "a0", "é", "～", "😀"]).await?;
    let listed = list(trial, "order/").await?;
    expected.sort();
    if listed == expected {
        return Ok(());
    }
    let mut sorted = listed;
    sorted.sort();
    if sorted == expected {
        lacking("keys are listed in another order than that of their bytes")
    } else {
        lacking("a listing misses keys, or has others")
    }
}

/// Keys that are another key once they are encoded or decoded once too often.
pub(super) async fn are_listed_as_put(trial: &Trial<'_>) -> Result<(), End> {
    let mut expected = put_all(trial, "signs", &["a b", "a+b", "a%20b", "a%2Bb", "100%"]).await?;
    let mut listed = list(trial, "signs/").await?;
    expected.sort();
    listed.sort();
    if listed == expected { Ok(()) } else { lacking("other keys are listed than were put") }
}

/// Not every server takes every key.
async fn put_all(trial: &Trial<'_>, folder: &str, names: &[&str]) -> Result<Vec<ObjectKey>, End> {
    let mut keys = Vec::with_capacity(names.len());
    for name in names {
        let at = trial.at(&format!("{folder}/{name}"));
        trial.put_with(&at, "listed", NewObject::default()).await?;
        keys.push(at.key);
    }
    Ok(keys)
}

/// A page holds three keys, and no listing of a trial ten.
const PAGES_MAX: usize = 10;

async fn list(trial: &Trial<'_>, folder: &str) -> Result<Vec<ObjectKey>, End> {
    let (mut keys, mut token) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let (page, next) = page(trial, format!("{}{folder}", trial.prefix), token).await?;
        keys.extend(page);
        token = next;
        if token.is_none() {
            return Ok(keys);
        }
    }
    lacking("a listing does not come to its end")
}

async fn page(
    trial: &Trial<'_>,
    prefix: String,
    continuation_token: Option<String>,
) -> Result<(Vec<ObjectKey>, Option<String>), End> {
    let request = ListObjectsV2 { bucket: trial.bucket.clone(), prefix, continuation_token, max_keys: 3 };
    let page = trial.call(request).await?;
    Ok((page.objects.into_iter().map(|object| object.key).collect(), page.next))
}
