//! What requests to an endpoint are signed with: keys of the configuration, or credentials that are fetched.

use std::sync::Arc;

use anyhow::Context;
use brigade_config::credentials::CredentialsFrom;
use brigade_config::endpoint::Endpoint;
use brigade_config::secret::SecretSource;
use brigade_model::ports::Clock;
use brigade_runtime::TokioSpawn;
use brigade_s3::credentials::cloud::{CloudConfig, CloudCredentials, Origin};
use brigade_s3::credentials::refreshed::RefreshedCredentials;
use brigade_s3::credentials::{CredentialSource, Credentials, RotatingCredentials};
use brigade_s3::http::proxy::Route;

use super::route;

/// Keys as configured: secrets by their source.
#[derive(Clone)]
pub(super) struct Pair {
    pub(super) access_key: String,
    secret_key: SecretSource,
    session_token: Option<SecretSource>,
}

impl Pair {
    pub(super) fn of(
        access_key: &Option<String>,
        secret_key: &Option<SecretSource>,
        session_token: &Option<SecretSource>,
    ) -> Option<Self> {
        let (access_key, secret_key) = access_key.clone().zip(secret_key.clone())?;
        Some(Self { access_key, secret_key, session_token: session_token.clone() })
    }

    fn of_endpoint(endpoint: &Endpoint) -> Option<Self> {
        Self::of(&endpoint.access_key, &endpoint.secret_key, &endpoint.session_token)
    }

    fn credentials(&self) -> Credentials {
        Credentials {
            key_id: self.access_key.clone(),
            secret: self.secret_key.current().expose().to_owned(),
            token: self.session_token.as_ref().map(|token| token.current().expose().to_owned()),
        }
    }
}

/// What a chain signs with.
#[derive(Clone)]
pub(super) enum Login {
    /// Configured keys; the second are those in use.
    Keys(Pair, Arc<RotatingCredentials>),
    /// Those of the endpoint, which all its chains share.
    Fetched(RefreshedCredentials),
}

impl Login {
    pub(super) fn of_pair(pair: Pair) -> Self {
        let rotating = Arc::new(RotatingCredentials::new(pair.credentials()));
        Self::Keys(pair, rotating)
    }

    /// The endpoint's own, if it has any.
    pub(super) fn of_endpoint(name: &str, endpoint: &Endpoint, clock: &Arc<dyn Clock>) -> anyhow::Result<Option<Self>> {
        if endpoint.credentials == CredentialsFrom::Keys {
            return Ok(Pair::of_endpoint(endpoint).map(Self::of_pair));
        }
        let origin = origin(endpoint.credentials, endpoint)?;
        let sts_url = endpoint.sts_url.as_ref().map(|url| url.as_str().to_owned());
        let route = match origin.asks_abroad() {
            true => route::of_sts(endpoint).context("sts_url")?,
            false => Route::default(),
        };
        let config = CloudConfig {
            origin,
            session_name: endpoint.role_session_name.clone(),
            region: endpoint.region.clone(),
            sts_url,
            route,
            extra_ca: endpoint.ca_file.clone(),
        };
        // What is not UTF-8 is no name or value of a key.
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let cloud = CloudCredentials::new(config, environment, Arc::clone(clock))?;
        let spawn = Arc::new(TokioSpawn);
        Ok(Some(Self::Fetched(RefreshedCredentials::new(name, cloud, Arc::clone(clock), spawn))))
    }

    pub(super) fn source(&self) -> Arc<dyn CredentialSource> {
        match self {
            Self::Keys(_, rotating) => Arc::clone(rotating) as Arc<dyn CredentialSource>,
            Self::Fetched(fetched) => Arc::new(fetched.clone()),
        }
    }

    /// Whether requests are signed alike: those of one endpoint.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Keys(one, _), Self::Keys(other, _)) => one.credentials() == other.credentials(),
            (Self::Fetched(_), Self::Fetched(_)) => true,
            _ => false,
        }
    }

    /// Signs with the secrets as they are now. Gives the id of the access key if they changed.
    pub(super) fn rotate(&self) -> Option<String> {
        let Self::Keys(pair, rotating) = self else { return None };
        let credentials = pair.credentials();
        (*rotating.now() != credentials).then(|| {
            rotating.rotate(credentials);
            pair.access_key.clone()
        })
    }
}

/// What the endpoint itself signs with, if it has credentials of its own: for calls from the command line.
///
/// # Errors
/// When they cannot be used as configured.
pub fn of_endpoint(
    name: &str,
    endpoint: &Endpoint,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Option<Arc<dyn CredentialSource>>> {
    Ok(Login::of_endpoint(name, endpoint, clock)?.map(|login| login.source()))
}

fn origin(way: CredentialsFrom, endpoint: &Endpoint) -> anyhow::Result<Origin> {
    Ok(match way {
        CredentialsFrom::Keys => {
            let pair = Pair::of_endpoint(endpoint).context("access_key and secret_key are missing")?;
            Origin::Keys(Arc::new(move || pair.credentials()))
        }
        CredentialsFrom::Environment => Origin::Environment,
        CredentialsFrom::Profile => Origin::Profile(endpoint.profile.clone()),
        CredentialsFrom::Sso => Origin::SignedOn(endpoint.profile.clone()),
        CredentialsFrom::WebIdentity => Origin::WebIdentity {
            // Where another role is assumed with it, `role_arn` is that one.
            role_arn: endpoint.role_arn.clone().filter(|_| endpoint.credentials == CredentialsFrom::WebIdentity),
            token_file: endpoint.web_identity_token_file.clone(),
        },
        CredentialsFrom::AssumeRole => {
            let with = endpoint.assume_role_with.unwrap_or(CredentialsFrom::Keys);
            anyhow::ensure!(with != CredentialsFrom::AssumeRole, "assume_role_with takes another way than assume-role");
            Origin::AssumeRole {
                role_arn: endpoint.role_arn.clone().context("role_arn is missing")?,
                external_id: endpoint.external_id.clone(),
                with: Box::new(origin(with, endpoint)?),
            }
        }
        CredentialsFrom::Ecs => Origin::Container,
        CredentialsFrom::Imds => Origin::MachineMetadata,
        CredentialsFrom::Process => {
            Origin::Process(endpoint.credential_process.clone().context("credential_process is missing")?)
        }
    })
}
