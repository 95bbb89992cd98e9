use brigade_model::Status;

use super::*;

pub(super) mod bench;
mod creating;
mod denied;
mod life;
mod pages;

use bench::{Bench, Call};
