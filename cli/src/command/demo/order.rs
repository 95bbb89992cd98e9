//! The demo's job: every object of one bucket copied into another, with a report of all of
//! them, asked for with the flags of `brigade job create copy`.

use std::fs::File;
use std::io::BufWriter;

use anyhow::Context as _;
use brigade_model::job::JobSpec;
use brigade_model::options::JobOptions;
use clap::Parser;

use super::stage::{LISTS, REPORTS, SOURCE, Stage, TARGET};
use crate::command::job::create::form::CopyArgs;
use crate::command::job::create::manifest::{self, Pinned, Reading, Said};
use crate::command::job::create::{compose, upload};
use crate::command::manifest::{Listing, write_listing};
use crate::printer::say;
use crate::progress::grouped;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    copy: CopyArgs,
}

/// Lists the objects into a manifest and uploads it.
pub(super) async fn bring_manifest(stage: &Stage) -> anyhow::Result<(Pinned, Reading)> {
    let path = stage.folder().join("objects.csv");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let all = Listing::all(format!("s3://{SOURCE}/").parse()?);
    let count = write_listing(&*stage.store, &all, BufWriter::new(file), |_| ()).await?;
    let said = Said { fields: None, bucket: None, options: &JobOptions::default() };
    let local = manifest::look_here(&path, said)?;
    let at = upload::destination(&local, &format!("s3://{LISTS}/").parse()?)?;
    let pinned = upload::upload(&*stage.store, &local, at).await?;
    say(format_args!("Listed {} objects into the manifest s3://{LISTS}/{}.", grouped(count), pinned.at.key))?;
    Ok((pinned, local.reading))
}

/// The request for the job.
pub(super) fn request(stage: &Stage, manifest: (Pinned, Reading), token: String) -> anyhow::Result<JobSpec> {
    let place = format!("s3://{LISTS}/{}", manifest.0.at.key);
    let report = format!("s3://{REPORTS}/demo");
    let description = format!("copy {SOURCE} to {TARGET}");
    let words = ["demo", "--to", TARGET, "--manifest", &place, "--report", &report, "--description", &description];
    let copy = Line::try_parse_from(words).context("the demo's own flags")?.copy;
    Ok(compose(&copy.common, &stage.names, copy.operation(&stage.names)?, manifest, token)?)
}
