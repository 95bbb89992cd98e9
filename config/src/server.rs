//! `[server]`: the listener and the process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::section::section;
use crate::value::{LogFormat, MetricsListen, Network, Strictness};

section! {
    /// The listener and the process.
    pub struct Server {
        /// Where to listen; beyond this machine give a certificate, or stand behind a proxy that has one.
        default listen: SocketAddr = "127.0.0.1:8080",
        /// Where `/metrics` is, with the reasons of `/readyz`: plain HTTP that asks for no signature, so keep it to this machine or to a network of your own.
        default metrics_listen: MetricsListen = "127.0.0.1:8081",
        /// Whether labels of metrics name buckets; without it the lowest limit of an endpoint's buckets is told.
        default metrics_bucket_names: bool = "false",
        /// The folder of the embedded store and of the spool; one process at a time.
        default data_dir: PathBuf = "brigade-data",
        /// The certificate chain in PEM form; with it the listener speaks TLS. Read again when it changes.
        optional tls_cert_file: PathBuf,
        /// The certificate's private key in PEM form, not readable by everybody.
        optional tls_key_file: PathBuf,
        /// Connections at once, and 16 more, so that `/healthz` and `/readyz` find a place when requests fill all others; a further one takes the place of the slowest of who holds most.
        default connections_max: usize = "1024",
        /// Proxies that speak for many clients: connections from these networks are shared by account alone, others by address, too.
        optional trusted_proxies: Vec<Network>,
        /// A request whose head is not complete after this is dropped, and so is an idle connection.
        default head_timeout: Duration = "30s",
        /// A request that is not complete after this, or not answered as long after, ends with an error; so does a connection that takes nothing of its answer.
        default request_timeout: Duration = "60s",
        /// After a signal to stop, requests that are being answered, and outcomes that the job store does not take, have this long.
        default stop_timeout: Duration = "20s",
        /// What a client's signature must cover, and for how long its key time may be: standard is the host, x-cos-appid and every parameter of the query, and 7 days; strict is that, 1 hour, and `require_content_md5`; lenient is what the client chose, and 7 days. The S3 Control dialect always has all of it signed, and strict bounds its presigned requests to 1 hour.
        default signature_strictness: Strictness = "standard",
        /// Whether CreateJob must send its Content-MD5, signed, so that no machine on the way can replace its body; when it is not given, strict requires it.
        optional require_content_md5: bool,
        /// The region that names of jobs have in the S3 Control dialect.
        default s3control_region: String = "us-east-1",
        /// Whether a job of the S3 Control dialect that does not say so waits for a confirmation, as it does on AWS.
        default s3control_confirmation_required: bool = "true",
        /// The form of the log, which goes to standard error; auto is text on a terminal and JSON anywhere else.
        default log_format: LogFormat = "auto",
        /// What the log holds, such as info or warn,audit=info,brigade=debug.
        default log_filter: String = "info",
    }
}

impl Server {
    /// Whether CreateJob must send its Content-MD5, signed.
    #[must_use]
    pub fn requires_content_md5(&self) -> bool {
        self.require_content_md5.unwrap_or(self.signature_strictness == Strictness::Strict)
    }
}

/// Reads a filter of the log such as `warn,audit=info`.
///
/// # Errors
/// When it is none.
pub fn parse_log_filter(text: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(text)
}
