use brigade_model::{Job, JobId, Status};

use super::*;

pub(crate) mod bench;
mod creating;
mod denied;
mod hands;
mod learned;
mod life;
mod logs;
mod pages;
pub(crate) mod s3control;

use bench::{Call, TestApi};
