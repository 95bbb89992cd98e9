//! `[endpoints.<name>]`: an object store that the service may call.

use std::path::PathBuf;
use std::time::Duration;

use brigade_model::{Capability, EndpointKind};

use crate::credentials::CredentialsFrom;
use crate::secret::SecretSource;
use crate::section::section;
use crate::value::{Addressing, Bytes, HostPort, ProxyUrl, StoreUrl, Url};
use crate::window::Window;

section! {
    /// An S3-compatible object store. The service calls no other.
    pub struct Endpoint {
        /// Scheme, host and port, and the path that the store stands below, if any.
        required url: StoreUrl,
        /// Where connections go instead of the host and port of `url`, which remain what is signed and what a certificate is
        /// checked for.
        optional connect_to: HostPort,
        /// The HTTP proxy that it is reached through, with or without `user:password@` before the host; `none` for none.
        /// Without it the environment's `HTTPS_PROXY` or `HTTP_PROXY` counts, and `NO_PROXY`, but not for this machine.
        optional proxy: ProxyUrl,
        /// The password of the user in `proxy`, where it does not stand there; read at the start.
        secret proxy_password: SecretSource,
        /// The region that requests are signed for.
        default region: String = "us-east-1",
        /// How the bucket stands in a request.
        default addressing: Addressing = "path",
        /// What the store is: what this kind is known to do counts until a probe finds out more. Of `other` nothing is
        /// known, so what it could ignore goes another way, or is refused.
        default kind: EndpointKind = "other",
        /// What the store has no call of its own for and other calls shall do, though not to the same end: docs/semantics.md
        /// lists what changes. `update-encryption` copies objects onto themselves.
        optional emulate: Vec<Capability>,
        /// Where the credentials come from that requests are signed with, unless a role has its own: `keys`, those given
        /// here; or what `environment`, `profile` files, `sso`, `web-identity` (EKS), `assume-role`, `ecs`, `imds` (EC2) or
        /// a `process` give, which are fetched when they are needed and again before they end. No other place is asked.
        default credentials: CredentialsFrom = "keys",
        /// The access key that requests are signed with, unless a role has its own.
        optional access_key: String,
        /// The access key's secret.
        secret secret_key: SecretSource,
        /// The token of temporary credentials.
        secret session_token: SecretSource,
        /// The profile of the AWS tools' files, for `profile` and `sso`; without it that of `AWS_PROFILE`, or `default`.
        optional profile: String,
        /// The role that STS gives credentials for; `assume-role` needs it, `web-identity` takes `AWS_ROLE_ARN` without it.
        optional role_arn: String,
        /// What the role's sessions are called; without it `AWS_ROLE_SESSION_NAME`, or bucket-brigade.
        optional role_session_name: String,
        /// What the owner of the role demands to be told, for `assume-role`.
        optional external_id: String,
        /// Where those credentials come from that `assume-role` signs with; without it `keys`.
        optional assume_role_with: CredentialsFrom,
        /// The file with the token, for `web-identity`; without it that of `AWS_WEB_IDENTITY_TOKEN_FILE`.
        optional web_identity_token_file: PathBuf,
        /// The STS that is asked; without it `https://sts.REGION.amazonaws.com` of `region`, by the same way as the store:
        /// `proxy` and `ca_file` count for it.
        optional sts_url: Url,
        /// A command that prints credentials as the AWS tools' `credential_process` does, for `process`; split at blanks.
        optional credential_process: String,
        /// Certificates in PEM form to trust besides the system's: of authorities, or the server's own.
        optional ca_file: PathBuf,
        /// Whether a bucket's name loses its `-<appid>` before it goes to the store.
        default strip_appid: bool = "false",
        /// Regions that resource names may name; without it a region is a label, which is not checked.
        optional regions: Vec<String>,
        /// Whether every request says that you pay for it, as buckets of others demand whose requester pays.
        default requester_pays: bool = "false",
        /// Requests in flight at most; how many of them are used follows what the store takes.
        default requests_in_flight: u32 = "1024",
        /// Whether requests in flight follow what the store takes; otherwise as many as may be are.
        default adaptive: bool = "true",
        /// Requests a second at most.
        optional requests_per_second: u32,
        /// Objects a second at most that requests are about: a request that deletes a thousand is a thousand.
        optional objects_per_second: u32,
        /// Bytes of bodies in flight at most.
        optional bytes_in_flight: Bytes,
        /// Bytes of bodies a second at most.
        optional bytes_per_second: Bytes,
        /// Times of the day in which less may be asked of it.
        list windows: Window,
        /// What others shall wait for the store at most, as a HEAD of a bucket tells once a second while requests of
        /// jobs are in flight: these become fewer until it holds, one at least.
        optional protect_latency: Duration,
        /// Attempts of a call that fails for a reason that may pass, made over a minute at least.
        default attempts_max: u32 = "5",
        /// An attempt ends when no byte of its answer has come for this long, or of a streamed object.
        default idle_timeout: Duration = "15s",
        /// An attempt that moves bytes may be silent for this much longer for each MiB of them.
        default idle_timeout_per_mib: Duration = "125ms",
        /// A copy inside the store whose size nothing tells yet, and the completion of a multipart upload, may be silent
        /// for this long, unless the others come to more.
        default copy_timeout: Duration = "2m",
        /// Attempts that a task makes at most while it is told to slow down, or waits for its bucket's host or its kind
        /// of call, and the endpoint serves others; they end only when `wait_max` is over, too.
        default wait_attempts_max: u32 = "30",
        /// How long such a task waits at most, over all its calls; it ends only when `wait_attempts_max` is reached, too.
        default wait_max: Duration = "1h",
    }
}
