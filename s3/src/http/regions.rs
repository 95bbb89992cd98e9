//! The region that each bucket's requests are signed for: the configured one, or the one that the server
//! named when it refused it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use brigade_model::names::BucketName;

use super::sign::Signer;

/// Buckets that have a region of their own; those beyond keep the configured one. A role names its
/// buckets, so there are rarely more than a handful.
const TAUGHT_MAX: usize = 256;

/// The signers of an endpoint's regions.
pub(crate) struct Regions {
    configured: Arc<Signer>,
    taught: RwLock<HashMap<BucketName, Arc<Signer>>>,
}

/// Whether it can stand in a signature.
pub(crate) fn is_region(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl Regions {
    pub(crate) fn new(configured: &str) -> Self {
        Self { configured: Arc::new(Signer::new(configured)), taught: RwLock::default() }
    }

    /// Signs the next request of that bucket.
    pub(crate) fn signer_of(&self, bucket: &BucketName) -> Arc<Signer> {
        let taught = self.taught.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(taught.get(bucket).unwrap_or(&self.configured))
    }

    /// Whether requests of that bucket are signed otherwise from now on than the one that was refused with
    /// this region named. Of the requests that were in flight together each is told so.
    pub(crate) fn learn(&self, bucket: &BucketName, refused: &Signer, named: &str) -> bool {
        if named == refused.region() || !is_region(named) {
            return false;
        }
        let mut taught = self.taught.write().unwrap_or_else(PoisonError::into_inner);
        if !taught.contains_key(bucket) && taught.len() >= TAUGHT_MAX {
            return false;
        }
        let known = taught.entry(bucket.clone()).or_insert_with(|| Arc::clone(&self.configured));
        if known.region() != named {
            *known = Arc::new(Signer::new(named));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_region_that_can_stand_in_a_signature_is_learnt_and_for_few_buckets() {
        let regions = Regions::new("here");
        let bucket = |n: usize| format!("bucket-{n}").parse::<BucketName>().unwrap();
        let refused = regions.signer_of(&bucket(0));
        for named in ["here", "", "a/b", "a\n"] {
            assert!(!regions.learn(&bucket(0), &refused, named), "{named:?}");
        }
        assert!(regions.learn(&bucket(0), &refused, "there"));
        let taught = regions.signer_of(&bucket(0));
        assert!(regions.learn(&bucket(0), &refused, "there"), "it was in flight meanwhile");
        assert!(Arc::ptr_eq(&taught, &regions.signer_of(&bucket(0))));
        assert!(!regions.learn(&bucket(0), &taught, "there"), "it is signed so already");
        let learnt = (1..=TAUGHT_MAX).filter(|n| regions.learn(&bucket(*n), &refused, "there")).count();
        assert_eq!(learnt, TAUGHT_MAX - 1);
        assert_eq!(regions.signer_of(&bucket(TAUGHT_MAX)).region(), "here");
    }
}
