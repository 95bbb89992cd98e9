//! `[client]`: what the command line signs its requests with.

use std::path::PathBuf;

use crate::secret::SecretSource;
use crate::section::section;
use crate::value::Url;

section! {
    /// What the command line signs its requests with; `serve` does not use it.
    pub struct Client {
        /// The service, or any other that speaks the COS dialect.
        required url: Url,
        /// What the requests say in x-cos-appid.
        required appid: String,
        /// The account's number in names of roles.
        required uin: String,
        /// The account's number of 12 digits, as accounts.NAME.s3control.account_id has it: for jobs of operations that
        /// the COS dialect has no word for, which are created in the S3 Control dialect.
        optional account_id: String,
        /// The id of the access key.
        required secret_id: String,
        /// The access key's secret.
        secret secret_key: SecretSource,
        /// The token of a temporary key.
        secret security_token: SecretSource,
        /// The region in names of buckets and objects.
        default region: String = "us-east-1",
        /// The role of jobs that name none.
        optional role: String,
        /// The endpoint that manifests are listed on and uploaded to, where the role does not say it; the only one need not
        /// be named.
        optional endpoint: String,
        /// Where manifests from here are uploaded to when no --manifest-to says it, such as s3://lists/.
        optional manifest_to: String,
        /// Where reports go when no --report says it, such as s3://reports/daily.
        optional report: String,
        /// Certificates in PEM form to trust besides the system's: of authorities, or the server's own.
        optional ca_file: PathBuf,
    }
}
