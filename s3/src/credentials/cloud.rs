//! Credentials as clouds give them, by the library `reqsign-aws-v4` over our own HTTP client: of the environment,
//! of profile files, of IAM Identity Center, of a process, of STS for a web identity or for another role, of the agent of a container and of
//! the metadata service of a machine.
//!
//! Asks the one place that the configuration names, and no further one. Nothing is kept from one fetch to the next,
//! so that a profile, a token or a variable that changed counts.

use std::collections::HashMap;
use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::Timestamp;
use brigade_model::ports::Clock;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::request::Parts;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use reqsign_aws_v4::{
    AssumeRoleCredentialProvider, AssumeRoleWithWebIdentityCredentialProvider, Credential, ECSCredentialProvider,
    EnvCredentialProvider, IMDSv2CredentialProvider, ProcessCredentialProvider, ProfileCredentialProvider,
    RequestSigner, SSOCredentialProvider, StaticCredentialProvider,
};
use reqsign_core::{
    CommandExecute, CommandOutput, Context, Env, Error, FileRead, HttpSend, ProvideCredential, SignRequest, Signer,
};
use tokio::process::Command;

use super::refreshed::{FetchCredentials, Fetched};
use super::{Credentials, NoCredentials};
use crate::http::plain::{NoAnswer, PlainClient};
use crate::http::proxy::Route;
use crate::http::{HttpConfigError, tls};

const CONTAINER_FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const SESSION_NAME: &str = "AWS_ROLE_SESSION_NAME";
const SESSION_NAME_DEFAULT: &str = "bucket-brigade";
/// Headers of requests that a server may repeat in the message of an error.
const SECRET_HEADERS: [&str; 4] =
    ["authorization", "x-amz-security-token", "x-aws-ec2-metadata-token", "x-amz-sso_bearer_token"];
/// Messages are no longer.
const MESSAGE_BYTES_MAX: usize = 600;

/// Where credentials come from.
#[derive(Clone)]
pub enum Origin {
    /// Keys of the configuration, as they are at the moment.
    Keys(Arc<dyn Fn() -> Credentials + Send + Sync>),
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    Environment,
    /// Keys of the shared credentials and config files, of this profile, of `AWS_PROFILE` or of `default`.
    Profile(Option<String>),
    /// IAM Identity Center gives them for the token of `aws sso login`, for this profile, that of `AWS_PROFILE` or
    /// `default`.
    SignedOn(Option<String>),
    /// STS gives them for the token in a file; what is not given here is in `AWS_ROLE_ARN` and
    /// `AWS_WEB_IDENTITY_TOKEN_FILE`.
    WebIdentity {
        /// The role.
        role_arn: Option<String>,
        /// The file with the token.
        token_file: Option<PathBuf>,
    },
    /// STS gives them for other credentials.
    AssumeRole {
        /// The role.
        role_arn: String,
        /// What the role's owner agreed on with us.
        external_id: Option<String>,
        /// Where those come from that sign the request.
        with: Box<Origin>,
    },
    /// The agent of a container: `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    Container,
    /// The metadata service of a machine, version 2.
    MachineMetadata,
    /// The output of a command, split at blanks.
    Process(String),
}

impl Origin {
    /// What is asked, for people.
    #[must_use]
    pub fn place(&self) -> &'static str {
        match self {
            Origin::Keys(_) => "the configured keys",
            Origin::Environment => "the environment",
            Origin::Profile(_) => "the profile files",
            Origin::SignedOn(_) => "IAM Identity Center",
            Origin::WebIdentity { .. } => "STS by web identity",
            Origin::AssumeRole { .. } => "STS by assuming the role",
            Origin::Container => "the container's agent",
            Origin::MachineMetadata => "the machine's metadata service",
            Origin::Process(_) => "the credential process",
        }
    }

    /// Whether one is asked who is not on this machine: STS, or IAM Identity Center.
    #[must_use]
    pub fn asks_abroad(&self) -> bool {
        matches!(self, Origin::SignedOn(_) | Origin::WebIdentity { .. } | Origin::AssumeRole { .. })
    }

    /// What to do when it has none.
    fn way_out(&self) -> &'static str {
        match self {
            Origin::Keys(_) => "give access_key and secret_key",
            Origin::Environment => "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of the process",
            Origin::Profile(_) => {
                "give the profile aws_access_key_id and aws_secret_access_key, in ~/.aws/credentials or ~/.aws/config, \
                 or in the files of AWS_SHARED_CREDENTIALS_FILE and AWS_CONFIG_FILE; a role, SSO or \
                 credential_process of a profile is not followed: take assume-role (with assume_role_with), sso or \
                 process"
            }
            Origin::SignedOn(_) => {
                "give the profile sso_start_url, sso_region, sso_account_id and sso_role_name in ~/.aws/config, or in \
                 the file of AWS_CONFIG_FILE; an sso_session is not followed"
            }
            Origin::WebIdentity { .. } => {
                "set role_arn and web_identity_token_file, or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE, which EKS \
                 sets for a service account with the annotation eks.amazonaws.com/role-arn"
            }
            Origin::AssumeRole { .. } => "give role_arn",
            Origin::Container => {
                "set AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI, as ECS and EKS do \
                 for a task or a pod that has a role"
            }
            Origin::MachineMetadata => "unset AWS_EC2_METADATA_DISABLED",
            Origin::Process(_) => "give credential_process",
        }
    }
}

/// What of an endpoint concerns its credentials.
pub struct CloudConfig {
    /// Where they come from.
    pub origin: Origin,
    /// What the session of a role is called; without it `AWS_ROLE_SESSION_NAME`, or `bucket-brigade`.
    pub session_name: Option<String>,
    /// The endpoint's region, whose STS is asked.
    pub region: String,
    /// Another STS, `http://host:port` or `https://host`.
    pub sts_url: Option<String>,
    /// How connections to STS and to IAM Identity Center are made; all others are direct.
    pub route: Route,
    /// PEM file of certificates to trust besides the system's.
    pub extra_ca: Option<PathBuf>,
}

/// Fetches credentials from one origin.
pub struct CloudCredentials {
    config: CloudConfig,
    /// Instead of the region's own.
    sts: Option<Server>,
    client: Arc<PlainClient>,
    environment: Variables,
}

/// Scheme and authority of a URL.
#[derive(Debug, Clone)]
struct Server(Uri);

impl Server {
    /// The same path and query there.
    fn instead_of(&self, uri: &Uri) -> Result<Uri, Error> {
        let mut parts = uri.clone().into_parts();
        (parts.scheme, parts.authority) = (self.0.scheme().cloned(), self.0.authority().cloned());
        Ok(Uri::from_parts(parts)?)
    }
}

impl CloudCredentials {
    /// Asks no one yet.
    ///
    /// # Errors
    /// [`HttpConfigError`] when the URL of STS or the certificate file is not usable.
    pub fn new(
        config: CloudConfig,
        environment: impl IntoIterator<Item = (String, String)>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpConfigError> {
        let environment = Variables(Arc::new(environment.into_iter().collect()));
        let wrong = |url: &str| HttpConfigError::Endpoint { url: url.to_owned(), problem: "is not one of an STS" };
        let sts = config.sts_url.as_deref().map(|url| url.parse().map(Server).map_err(|_| wrong(url)));
        let tls = match tls::client_config(config.extra_ca.as_deref()) {
            Ok(tls) => Some(tls),
            // Most that are asked speak plain HTTP, on this machine.
            Err(HttpConfigError::NoAuthorities) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { sts: sts.transpose()?, config, client: Arc::new(PlainClient::new(clock, tls)), environment })
    }

    fn credential<'a>(&'a self, origin: &'a Origin) -> BoxFuture<'a, Result<Credential, NoCredentials>> {
        Box::pin(async move {
            let trouble = Arc::default();
            let context = self.context(origin, &trouble);
            let provided = match origin {
                Origin::Keys(keys) => Ok(Some(credential_of(&keys()))),
                Origin::Environment => EnvCredentialProvider::new().provide_credential(&context).await,
                Origin::Profile(name) => {
                    let files = ProfileCredentialProvider::new();
                    let named = name.iter().fold(files, |files, name| files.with_profile(name));
                    named.provide_credential(&context).await
                }
                Origin::SignedOn(name) => {
                    let files = SSOCredentialProvider::new();
                    let named = name.iter().fold(files, |files, name| files.with_profile(name));
                    named.provide_credential(&context).await
                }
                Origin::WebIdentity { role_arn, token_file } => {
                    let provider = self.web_identity(role_arn.as_deref(), token_file.as_ref());
                    provider.provide_credential(&context).await
                }
                Origin::AssumeRole { role_arn, external_id, with } => {
                    let own = self.credential(with).await;
                    let own =
                        own.map_err(|NoCredentials(problem)| NoCredentials(format!("{}: {problem}", with.place())))?;
                    let provider = self.assume_role(&context, role_arn, external_id.as_deref(), &own);
                    provider.provide_credential(&context).await
                }
                Origin::Container => {
                    self.check_agent()?;
                    ECSCredentialProvider::new().provide_credential(&context).await
                }
                // A new one each time: it would keep its token over a restart of the service.
                Origin::MachineMetadata => IMDSv2CredentialProvider::new().provide_credential(&context).await,
                Origin::Process(command) => {
                    ProcessCredentialProvider::new().with_command(command).provide_credential(&context).await
                }
            };
            let trouble = trouble.lock().unwrap_or_else(PoisonError::into_inner).take();
            let provided = provided.map_err(|error| tell(&error, trouble))?;
            provided.ok_or_else(|| NoCredentials(format!("it has none: {}", origin.way_out())))
        })
    }

    fn context(&self, origin: &Origin, trouble: &Arc<Mutex<Option<String>>>) -> Context {
        let sts = self.sts.clone().filter(|_| !matches!(origin, Origin::SignedOn(_)));
        let abroad = origin.asks_abroad().then(|| (sts, self.config.route.clone()));
        let ask = Ask { client: Arc::clone(&self.client), abroad, trouble: Arc::clone(trouble) };
        Context::new()
            .with_env(self.environment.clone())
            .with_file_read(Files)
            .with_command_execute(Commands)
            .with_http_send(ask)
    }

    fn session_name(&self) -> String {
        let configured = self.config.session_name.clone();
        configured.or_else(|| self.environment.var(SESSION_NAME)).unwrap_or_else(|| SESSION_NAME_DEFAULT.to_owned())
    }

    fn web_identity(
        &self,
        role_arn: Option<&str>,
        token_file: Option<&PathBuf>,
    ) -> AssumeRoleWithWebIdentityCredentialProvider {
        let mut provider =
            AssumeRoleWithWebIdentityCredentialProvider::new().with_role_session_name(self.session_name());
        // Another STS may have regions of other names.
        if self.sts.is_none() {
            provider = provider.with_region(self.config.region.clone()).with_regional_sts_endpoint();
        }
        provider = role_arn.into_iter().fold(provider, |provider, arn| provider.with_role_arn(arn));
        token_file.into_iter().fold(provider, |provider, file| provider.with_web_identity_token_file(file))
    }

    fn assume_role(
        &self,
        context: &Context,
        role_arn: &str,
        external_id: Option<&str>,
        own: &Credential,
    ) -> AssumeRoleCredentialProvider {
        let keys = StaticCredentialProvider::new(&own.access_key_id, &own.secret_access_key);
        let keys = own.session_token.iter().fold(keys, |keys, token| keys.with_session_token(token));
        let signer = StsSigner { sts: self.sts.clone(), signer: RequestSigner::new("sts", &self.config.region) };
        let signer = Signer::new(context.clone(), keys, signer);
        let provider = AssumeRoleCredentialProvider::new(role_arn.to_owned(), signer)
            .with_role_session_name(self.session_name())
            .with_region(self.config.region.clone())
            .with_regional_sts_endpoint();
        external_id.into_iter().fold(provider, |provider, id| provider.with_external_id(id.to_owned()))
    }

    /// A token goes to the agent, so in plain HTTP it is asked only where no network lies between. Source: AWS SDKs
    /// and Tools Reference Guide, "Container credential provider".
    fn check_agent(&self) -> Result<(), NoCredentials> {
        let Some(uri) = self.environment.var(CONTAINER_FULL_URI) else { return Ok(()) };
        let parsed: Option<Uri> = uri.parse().ok();
        let host = parsed.as_ref().filter(|uri| uri.scheme() == Some(&Scheme::HTTP)).and_then(Uri::host);
        match host {
            Some(host) if !is_on_this_machine(host) => Err(NoCredentials(format!(
                "{CONTAINER_FULL_URI} is {uri}: over http:// only this machine and the agents of ECS and EKS are asked"
            ))),
            _ => Ok(()),
        }
    }
}

fn is_on_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.segments()[..2] == [0xfd00, 0xec2],
        Err(_) => host == "localhost",
    }
}

#[async_trait]
impl FetchCredentials for CloudCredentials {
    fn place(&self) -> &'static str {
        self.config.origin.place()
    }

    async fn fetch(&self) -> Result<Fetched, NoCredentials> {
        let Credential { access_key_id, secret_access_key, session_token, expires_in } =
            self.credential(&self.config.origin).await?;
        let ends = expires_in.map(|ends| Timestamp::from_second(ends.as_second())).transpose();
        let ends = ends.map_err(|_| NoCredentials("what it gave ends at no time that there is".to_owned()))?;
        let token = session_token.filter(|token| !token.is_empty());
        Ok(Fetched { credentials: Credentials { key_id: access_key_id, secret: secret_access_key, token }, ends })
    }
}

fn credential_of(keys: &Credentials) -> Credential {
    Credential {
        access_key_id: keys.key_id.clone(),
        secret_access_key: keys.secret.clone(),
        session_token: keys.token.clone(),
        expires_in: None,
    }
}

/// What the library says, why, and what the HTTP client said that the library left out.
fn tell(error: &Error, trouble: Option<String>) -> NoCredentials {
    let mut text = error.to_string();
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    for cause in causes.into_iter().chain(trouble) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    let mut text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    NoCredentials(text)
}

/// Sends the library's requests.
#[derive(Debug)]
struct Ask {
    client: Arc<PlainClient>,
    /// Of what is asked beyond this machine: another STS instead of the one that the library addresses, and the way
    /// to either.
    abroad: Option<(Option<Server>, Route)>,
    /// Why the last request had no answer.
    trouble: Arc<Mutex<Option<String>>>,
}

impl HttpSend for Ask {
    async fn http_send(&self, mut request: Request<Bytes>) -> reqsign_core::Result<Response<Bytes>> {
        let direct = Route::default();
        let route = match &self.abroad {
            None => &direct,
            Some((sts, route)) => {
                if let Some(sts) = sts {
                    *request.uri_mut() = sts.instead_of(request.uri())?;
                }
                route
            }
        };
        let secrets = SECRET_HEADERS.map(|name| request.headers().get(name).cloned());
        let mut answer = self.client.send(route, request).await.map_err(|NoAnswer { problem, .. }| {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem.clone());
            Error::unexpected(problem)
        })?;
        if !answer.status().is_success() {
            let mut said = String::from_utf8_lossy(answer.body()).into_owned();
            for secret in secrets.iter().flatten().filter_map(|secret| secret.to_str().ok()) {
                said = said.replace(secret, "[secret]");
            }
            *answer.body_mut() = said.into();
        }
        Ok(answer)
    }
}

/// Signs for the STS that is asked.
#[derive(Debug)]
struct StsSigner {
    sts: Option<Server>,
    signer: RequestSigner,
}

impl SignRequest for StsSigner {
    type Credential = Credential;

    async fn sign_request<'a>(
        &'a self,
        context: &'a Context,
        request: &'a mut Parts,
        credential: Option<&'a Credential>,
        expires_in: Option<Duration>,
    ) -> reqsign_core::Result<()> {
        if let Some(sts) = &self.sts {
            request.uri = sts.instead_of(&request.uri)?;
        }
        self.signer.sign_request(context, request, credential, expires_in).await
    }
}

/// The variables of the environment. Shows none: some are secrets.
#[derive(Clone)]
struct Variables(Arc<HashMap<String, String>>);

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Variables").finish_non_exhaustive()
    }
}

impl Env for Variables {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn vars(&self) -> HashMap<String, String> {
        self.0.as_ref().clone()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        self.0.get("HOME").map(PathBuf::from)
    }
}

#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        Ok(tokio::fs::read(path).await?)
    }
}

#[derive(Debug)]
struct Commands;

impl CommandExecute for Commands {
    async fn command_execute(&self, program: &str, arguments: &[&str]) -> reqsign_core::Result<CommandOutput> {
        let mut command = Command::new(program);
        // It ends with the fetch that waits for it.
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let output = command.output().await.map_err(|error| Error::config_invalid(format!("{program}: {error}")))?;
        // Jobs tell why they wait, and who sees that need not see what the program says: it may be a secret.
        let stderr = b"what it wrote to standard error is not told; run it by hand".to_vec();
        Ok(CommandOutput { status: output.status.code().unwrap_or(-1), stdout: output.stdout, stderr })
    }
}

#[cfg(test)]
mod tests;
