//! The `Report` element: whether, where and what is reported.
//!
//! Rules: `Enabled` is required. A report that is enabled needs `Bucket`, `Format` and `ReportScope`; one that is
//! not may leave them out.

use brigade_model::{ReportScope, ReportSpec};

use super::{Fields, S3ControlError, arn};
use crate::xml::Writer;

/// The name of the one form of reports.
pub(super) const FORMAT: &str = "Report_CSV_20180820";
/// `Prefix`, bytes. S3
const PREFIX_BYTES_MAX: usize = 512;

/// Reads the element's children.
pub(super) fn read(mut report: Fields<'_>) -> Result<ReportSpec, S3ControlError> {
    let enabled = report.boolean("Enabled")?;
    let enabled = report.required("Enabled", enabled)?;
    let bucket = report.named("Bucket", arn::parse_bucket)?;
    let format = report.choice("Format", [(FORMAT, ())])?;
    let prefix = report.bounded("Prefix", PREFIX_BYTES_MAX)?.filter(|prefix| !prefix.is_empty());
    let scopes = [ReportScope::AllTasks, ReportScope::FailedTasksOnly].map(|scope| (scope.name(), scope));
    let scope = report.choice("ReportScope", scopes)?;
    report.refuse(&["ExpectedBucketOwner"])?;
    if enabled {
        report.required("Bucket", bucket.as_ref())?;
        report.required("Format", format)?;
        report.required("ReportScope", scope)?;
    }
    report.finish()?;
    Ok(ReportSpec { enabled, bucket, prefix, scope })
}

/// Writes the element.
pub(super) fn write(writer: &mut Writer, report: &ReportSpec) {
    writer.within("Report", |w| {
        w.leaf_if("Bucket", report.bucket.as_ref().map(|bucket| &bucket.text));
        w.leaf_if("Format", report.enabled.then_some(FORMAT));
        w.leaf("Enabled", report.enabled);
        w.leaf_if("Prefix", report.prefix.as_ref());
        w.leaf_if("ReportScope", report.scope.map(ReportScope::name));
    });
}
