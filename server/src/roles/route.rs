//! How connections to an endpoint are made: as its settings say, else as the environment does.

use anyhow::Context;
use brigade_model::EndpointName;
use brigade_s3::http::endpoint::Address;
use brigade_s3::http::proxy::{Proxy, Route, of_environment};

use brigade_config::endpoint::Endpoint;
use brigade_config::value::ProxyUrl;

/// A route, and what names its proxy.
#[derive(Debug)]
pub struct NamedRoute {
    /// The route.
    pub route: Route,
    /// The setting or the variable that names the proxy.
    named_by: &'static str,
}

impl NamedRoute {
    fn new(connect_to: Option<Address>, proxy: Option<(Proxy, &'static str)>) -> Self {
        let (proxy, named_by) = proxy.map_or((None, ""), |(proxy, named_by)| (Some(proxy), named_by));
        Self { route: Route { connect_to, proxy }, named_by }
    }

    /// Logs where connections go, if not straight to the host of the URL. No login is told.
    pub fn say(&self, endpoint: &EndpointName) {
        let Route { connect_to, proxy } = &self.route;
        if let Some(proxy) = proxy {
            tracing::info!(%endpoint, %proxy, named_by = self.named_by, "endpoint is reached through a proxy");
        }
        if let Some(connect_to) = connect_to {
            tracing::info!(%endpoint, %connect_to, "endpoint is reached at another address");
        }
    }
}

/// The route of an endpoint of the configuration.
///
/// # Errors
/// When a proxy cannot be used, be it the environment's: to ignore one would send requests where none shall go.
pub fn of(endpoint: &Endpoint) -> anyhow::Result<NamedRoute> {
    let connect_to = endpoint.connect_to.as_ref().map(|to| Address::parse(to.as_str()).context("connect_to"));
    let connect_to = connect_to.transpose()?;
    Ok(NamedRoute::new(connect_to, proxy_of(endpoint, endpoint.url.as_str())?))
}

/// The proxy before that URL.
fn proxy_of(endpoint: &Endpoint, url: &str) -> anyhow::Result<Option<(Proxy, &'static str)>> {
    let password = endpoint.proxy_password.as_ref().map(|password| password.current());
    Ok(match &endpoint.proxy {
        None => of_variables(url)?,
        Some(ProxyUrl::None) => None,
        Some(ProxyUrl::Url(url)) => {
            let proxy = Proxy::parse(url.expose(), password.as_ref().map(|password| password.expose()));
            Some((proxy.context("proxy")?, "proxy"))
        }
    })
}

/// The route to the STS that the endpoint's credentials come from: its settings, but for `connect_to`, which is the
/// store's address.
///
/// # Errors
/// As [`of`].
pub fn of_sts(endpoint: &Endpoint) -> anyhow::Result<Route> {
    let url = endpoint.sts_url.as_ref().map_or("https://sts.amazonaws.com", |url| url.as_str());
    let proxy = proxy_of(endpoint, url)?;
    Ok(NamedRoute::new(None, proxy).route)
}

/// The route to a URL without settings.
///
/// # Errors
/// As [`of`].
pub fn of_url(url: &str) -> anyhow::Result<NamedRoute> {
    Ok(NamedRoute::new(None, of_variables(url)?))
}

/// What the environment says of requests to that URL.
pub(super) fn of_variables(url: &str) -> anyhow::Result<Option<(Proxy, &'static str)>> {
    Ok(of_environment(url, |name| std::env::var(name).ok())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use brigade_config::{Config, ConfigError};

    fn config(settings: &str) -> Result<Config, String> {
        let text = format!(
            "[endpoints.main]\nurl = \"https://store.test/s3\"\naccess_key = \"a\"\nsecret_key = \"s\"\n{settings}\n\
             [accounts.a.cos]\nappid = \"1\"\nuin = \"2\"\n[accounts.a.keys.K]\nsecret = \"s\"\n"
        );
        Config::from_text(&text).map_err(|error: ConfigError| error.to_string())
    }

    fn route(settings: &str) -> NamedRoute {
        of(&config(settings).unwrap().endpoints["main"]).unwrap()
    }

    #[test]
    fn the_settings_of_an_endpoint_say_where_its_connections_go() {
        let with = Proxy::parse("http://me:hush@p:3128", None).unwrap();
        let inline = route("proxy = \"http://me:hush@p:3128\"");
        assert_eq!((inline.route.proxy.as_ref(), inline.named_by), (Some(&with), "proxy"));
        assert_eq!(route("proxy = \"http://me@p:3128\"\nproxy_password = \"hush\"").route.proxy, Some(with));
        assert_eq!(route("proxy = \"none\"").route.proxy, None);
        let other = route("proxy = \"none\"\nconnect_to = \"[::1]:9000\"").route.connect_to;
        assert_eq!(other.unwrap().to_string(), "[::1]:9000");
        assert!(!format!("{inline:?} {:?}", config("proxy = \"http://me:hush@p:3128\"")).contains("hush"));
    }

    #[test]
    fn a_proxy_s_password_has_a_user_and_no_other_beside_it() {
        let both = config("proxy = \"http://me:one@p:3128\"\nproxy_password = \"other\"").unwrap_err();
        assert!(both.contains("endpoints.main.proxy_password: stands beside a proxy that holds a password"), "{both}");
        for proxy in ["", "proxy = \"http://p:3128\"", "proxy = \"none\""] {
            let without_user = config(&format!("{proxy}\nproxy_password = \"other\"")).unwrap_err();
            assert!(without_user.contains("endpoints.main.proxy_password: needs its user"), "{without_user}");
        }
        let wrong = config("proxy = \"socks5://me:hush@p:1080\"").unwrap_err();
        assert!(wrong.contains("endpoints.main.proxy: takes a URL such as") && !wrong.contains("hush"), "{wrong}");
    }
}
