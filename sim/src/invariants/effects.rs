//! Every effect is reported, of each job that has ended.

use brigade_judge::effects;

use crate::evidence::Evidence;

pub(crate) fn every_effect_is_reported(evidence: &Evidence<'_>) -> Vec<String> {
    evidence.ended().flat_map(|(job, _)| effects::every_effect_is_reported(&job.tasks)).collect()
}
