//! `[server]`: the listener and the process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::section::section;
use crate::config::value::{LogFormat, Strictness};

section! {
    /// The listener and the process.
    pub struct Server {
        /// Where to listen; beyond this machine give a certificate, or stand behind a proxy that has one.
        default listen: SocketAddr = "127.0.0.1:8080",
        /// The folder of the embedded store and of the spool; one process at a time.
        default data_dir: PathBuf = "brigade-data",
        /// The certificate chain in PEM form; with it the listener speaks TLS. Read again when it changes.
        optional tls_cert_file: PathBuf,
        /// The certificate's private key in PEM form, not readable by everybody.
        optional tls_key_file: PathBuf,
        /// Connections at once; a further one takes the place of the one that has waited longest for a request.
        default connections_max: usize = "1024",
        /// A request whose head is not complete after this is dropped, and so is an idle connection.
        default head_timeout: Duration = "30s",
        /// A request that is not complete after this, or not answered as long after, ends with an error; so does a connection that takes nothing of its answer.
        default request_timeout: Duration = "60s",
        /// After a signal to stop, requests that are being answered, and outcomes that the job store does not take, have this long.
        default stop_timeout: Duration = "20s",
        /// What a client's signature must cover: strict is the host, x-cos-appid and every parameter of the query.
        default signature_strictness: Strictness = "strict",
        /// The form of the log, which goes to standard error.
        default log_format: LogFormat = "text",
        /// What the log holds, such as info or warn,audit=info,brigade=debug.
        default log_filter: String = "info",
    }
}
