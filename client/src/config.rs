//! Where the service is and who asks.

use std::path::PathBuf;

use brigade_config::secret::Secret;
use brigade_config::value::Url;

/// What a [`super::Client`] needs to know.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Where the service is.
    pub url: Url,
    /// The account's appid, sent with every request.
    pub appid: String,
    /// The account's uin, which owns its roles.
    pub uin: String,
    /// The region in the names of buckets.
    pub region: String,
    /// The id of the access key.
    pub secret_id: String,
    /// The access key's secret.
    pub secret_key: Secret,
    /// The token of a temporary key.
    pub security_token: Option<Secret>,
    /// A file of certificates (PEM) to trust besides the system's: of authorities, or the service's own.
    pub ca: Option<PathBuf>,
}

impl ClientConfig {
    /// The host, with its port when one was given: what the Host header says and is signed.
    pub(super) fn host(&self) -> &str {
        let url = self.url.as_str();
        url.split_once("://").map_or(url, |(_, host)| host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_keeps_its_port_and_the_secret_is_not_shown() {
        let config = ClientConfig {
            url: Url::parse("http://[::1]:8080/").unwrap(),
            appid: "1".into(),
            uin: "2".into(),
            region: "r".into(),
            secret_id: "id".into(),
            secret_key: Secret::new("hush"),
            security_token: None,
            ca: None,
        };
        assert_eq!(config.host(), "[::1]:8080");
        assert!(!format!("{config:?}").contains("hush"));
    }
}
