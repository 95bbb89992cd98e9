//! The way to a store: through which HTTP proxy, and to which address.
//!
//! A request in plain HTTP goes to the proxy in absolute form. TLS goes through a tunnel (CONNECT), and so
//! does plain HTTP to another address than the url's, since a proxy may write the Host header anew.
//!
//! Source: RFC 9110, sections 7.6 and 9.3.6; RFC 9112, section 3.2.2.

use std::fmt;
use std::net::IpAddr;
use std::pin::pin;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::client::conn::http1::Builder;
use hyper::upgrade::Upgraded;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use tokio::net::TcpStream;

use super::endpoint::{Address, port};
use super::not_connected::NotConnected;
use crate::verdict::Step;

/// The longest head of a proxy's answer.
const HEAD_MAX: usize = 16 << 10;

/// How connections to an endpoint are made.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// Where they go, if not to the host and port of the URL: these remain what is signed, and what a
    /// certificate is checked for.
    pub connect_to: Option<Address>,
    /// Through which proxy.
    pub proxy: Option<Proxy>,
}

impl Route {
    /// The proxy that requests themselves are sent to.
    pub(crate) fn forwarding(&self, is_tls: bool) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| !is_tls && self.connect_to.is_none())
    }
}

/// An HTTP proxy. Shows neither its user nor the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) address: Address,
    pub(crate) authorization: Option<HeaderValue>,
}

/// Where it is.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}", self.address)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.address)
    }
}

/// Why a text is no proxy. It does not repeat the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// It is no URL, or one with a path.
    #[error("is no URL of an HTTP proxy, such as http://proxy.example.com:3128")]
    NotAUrl,
    /// It speaks something else.
    #[error("is no proxy that is spoken to in plain HTTP: others are not supported")]
    Scheme,
    /// There is a password without a user.
    #[error("names no user for the password: write http://USER@HOST:PORT")]
    NoUser,
    /// There are two passwords.
    #[error("holds a password, and another one is given: keep one of the two")]
    TwoPasswords,
}

impl Proxy {
    /// Reads `http://host:port` or `http://user:password@host:port`, both percent-encoded; the scheme may be
    /// missing, and the port then is 80. The password may be given apart, as it is.
    ///
    /// # Errors
    /// [`ProxyError`].
    pub fn parse(url: &str, password: Option<&str>) -> Result<Self, ProxyError> {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let uri: Uri = url.parse().map_err(|_| ProxyError::NotAUrl)?;
        if uri.scheme_str() != Some("http") {
            return Err(ProxyError::Scheme);
        }
        let authority = uri.authority().filter(|authority| !authority.host().is_empty()).ok_or(ProxyError::NotAUrl)?;
        if uri.path() != "/" || uri.query().is_some() {
            return Err(ProxyError::NotAUrl);
        }
        let login = authority.as_str().rsplit_once('@').map(|(login, _)| login);
        Ok(Self {
            address: Address::of(authority.host(), port(authority, 80).ok_or(ProxyError::NotAUrl)?),
            authorization: authorization(login, password)?,
        })
    }
}

fn authorization(login: Option<&str>, password: Option<&str>) -> Result<Option<HeaderValue>, ProxyError> {
    let Some(login) = login else { return password.map_or(Ok(None), |_| Err(ProxyError::NoUser)) };
    let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let (user, password) = match (login.split_once(':'), password) {
        (Some(_), Some(_)) => return Err(ProxyError::TwoPasswords),
        (Some((user, inside)), None) => (user, decoded(inside)),
        (None, apart) => (login, apart.unwrap_or_default().as_bytes().to_vec()),
    };
    let pair = [decoded(user), vec![b':'], password].concat();
    let mut value =
        HeaderValue::try_from(format!("Basic {}", BASE64_STANDARD.encode(pair))).expect("base64 is visible ASCII");
    value.set_sensitive(true);
    Ok(Some(value))
}

/// The variables that name a proxy, by the scheme of a URL; the first that is set counts.
const PROXY_VARIABLES: [(&str, [&str; 2]); 2] =
    [("https", ["https_proxy", "HTTPS_PROXY"]), ("http", ["http_proxy", "HTTP_PROXY"])];
/// The variables that name who is reached without a proxy.
const NO_PROXY_VARIABLES: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// A variable of the environment whose proxy cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the environment's {variable} {problem}")]
pub struct EnvironmentProxyError {
    /// Which one.
    pub variable: &'static str,
    /// Why.
    pub problem: ProxyError,
}

/// The proxy that an environment names for an endpoint's URL, and the variable that does. This machine itself
/// is reached without one, since another machine would reach itself.
///
/// # Errors
/// [`EnvironmentProxyError`].
pub fn of_environment(
    endpoint: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<(Proxy, &'static str)>, EnvironmentProxyError> {
    let first = |names: [&'static str; 2]| {
        names.into_iter().find_map(|name| Some((name, variable(name).filter(|value| !value.is_empty())?)))
    };
    let Ok(uri) = endpoint.parse::<Uri>() else { return Ok(None) };
    let names = PROXY_VARIABLES.into_iter().find(|(scheme, _)| Some(*scheme) == uri.scheme_str());
    let Some((name, proxy)) = names.and_then(|(_, names)| first(names)) else { return Ok(None) };
    if uri.host().is_none_or(is_this_machine) {
        return Ok(None);
    }
    // The rules of NO_PROXY are curl's; which proxy they are asked about plays no part.
    let exceptions = first(NO_PROXY_VARIABLES).map(|(_, list)| list).unwrap_or_default();
    if Matcher::builder().all("http://proxy").no(exceptions).build().intercept(&uri).is_none() {
        return Ok(None);
    }
    let proxy = Proxy::parse(&proxy, None).map_err(|problem| EnvironmentProxyError { variable: name, problem })?;
    Ok(Some((proxy, name)))
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Asks a proxy, to which there is a connection, for a tunnel to that address.
pub(super) async fn open_tunnel(tcp: TcpStream, proxy: &Proxy, to: &Address) -> Result<TcpStream, NotConnected> {
    let failed = |problem: String| NotConnected { step: Step::Proxy, cause: format!("proxy {proxy}: {problem}") };
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = Method::CONNECT;
    let authority = to.to_string();
    *request.uri_mut() = authority.parse().map_err(|_| failed(format!("cannot be asked for {to}")))?;
    let host = HeaderValue::try_from(authority).map_err(|_| failed(format!("cannot be asked for {to}")))?;
    request.headers_mut().insert(header::HOST, host);
    if let Some(authorization) = &proxy.authorization {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization.clone());
    }
    let handshake = Builder::new().max_buf_size(HEAD_MAX).handshake(TokioIo::new(tcp)).await;
    let (mut sender, connection) = handshake.map_err(|error| failed(error.to_string()))?;
    let mut asked = pin!(async {
        let answer = sender.send_request(request).await.map_err(|error| failed(error.to_string()))?;
        match answer.status() {
            status if status.is_success() => {
                hyper::upgrade::on(answer).await.map_err(|error| failed(error.to_string()))
            }
            status => Err(failed(refusal(status, to))),
        }
    });
    // The connection does the work of both; it may end first, and then the answer is known.
    let tunnel = tokio::select! {
        biased;
        tunnel = &mut asked => tunnel,
        _ = connection.with_upgrades() => asked.await,
    }?;
    taken_apart(tunnel).ok_or_else(|| failed(format!("it spoke before {to} was spoken to")))
}

fn refusal(status: StatusCode, to: &Address) -> String {
    let advice = match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => "; give it a user and a password, or the right ones",
        _ => "",
    };
    format!("it refused to connect to {to} with {status}{advice}")
}

/// The connection below, unless there are bytes that were read and would be lost.
fn taken_apart(tunnel: Upgraded) -> Option<TcpStream> {
    let parts = tunnel.downcast::<TokioIo<TcpStream>>().ok()?;
    parts.read_buf.is_empty().then(|| parts.io.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOT_A_URL: Result<Option<&str>, ProxyError> = Err(ProxyError::NotAUrl);

    fn login(url: &str, password: Option<&str>) -> Result<Option<String>, ProxyError> {
        let authorization = Proxy::parse(url, password)?.authorization;
        Ok(authorization.map(|value| {
            let pair = BASE64_STANDARD.decode(value.to_str().unwrap().strip_prefix("Basic ").unwrap()).unwrap();
            String::from_utf8(pair).unwrap()
        }))
    }

    #[test]
    fn a_proxy_is_a_url_of_plain_http_with_or_without_a_login() {
        for (url, password, expected) in [
            ("http://p:3128", None, Ok(None)),
            ("p:3128", None, Ok(None)),
            ("http://[::1]:3128/", None, Ok(None)),
            ("http://me:a%40b%3A@p:3128", None, Ok(Some("me:a@b:"))),
            ("http://me@p:3128", None, Ok(Some("me:"))),
            ("me@p:3128", Some("a%40b"), Ok(Some("me:a%40b"))),
            ("http://p:3128", Some("x"), Err(ProxyError::NoUser)),
            ("http://me:x@p:3128", Some("x"), Err(ProxyError::TwoPasswords)),
            ("https://p:3128", None, Err(ProxyError::Scheme)),
            ("socks5://p:1080", None, Err(ProxyError::Scheme)),
            ("", None, NOT_A_URL),
            ("http://", None, NOT_A_URL),
            ("http://p:3128/path", None, NOT_A_URL),
            ("http://p:port", None, NOT_A_URL),
        ] {
            assert_eq!(login(url, password), expected.map(|login| login.map(str::to_owned)), "{url}");
        }
    }

    #[test]
    fn a_proxy_shows_no_login_in_any_form() {
        let proxy = Proxy::parse("http://me:hush@p:3128", None).unwrap();
        let route = Route { connect_to: None, proxy: Some(proxy.clone()) };
        let shown = format!("{proxy} {proxy:?} {route:?} {:?}", proxy.authorization);
        assert!(shown.starts_with("http://p:3128 ") && !shown.contains("hush") && !shown.contains("Basic"), "{shown}");
        let error = Proxy::parse("http://me:hush@p:port", None).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"));
    }

    fn of(endpoint: &str, environment: &[(&str, &str)]) -> Option<(String, &'static str)> {
        let variable = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        of_environment(endpoint, variable).unwrap().map(|(proxy, name)| (proxy.to_string(), name))
    }

    #[test]
    fn the_environment_names_the_proxy_of_a_scheme_and_who_needs_none() {
        let both = [("HTTPS_PROXY", "http://s:1"), ("HTTP_PROXY", "http://h:1")];
        assert_eq!(of("https://store.test", &both), Some(("http://s:1".into(), "HTTPS_PROXY")));
        assert_eq!(of("http://store.test:9000/base", &both), Some(("http://h:1".into(), "HTTP_PROXY")));
        assert_eq!(of("http://store.test", &[("HTTPS_PROXY", "http://s:1")]), None);
        let small = [("http_proxy", "small:1"), ("HTTP_PROXY", "large:1")];
        assert_eq!(of("http://store.test", &small), Some(("http://small:1".into(), "http_proxy")));
        assert_eq!(of("http://store.test", &[("http_proxy", ""), ("HTTP_PROXY", "p:1")]).unwrap().1, "HTTP_PROXY");
        for (exceptions, endpoint, is_proxied) in [
            ("store.test", "http://store.test", false),
            (".test, other", "http://store.test", false),
            ("tore.test", "http://store.test", true),
            ("10.0.0.0/8", "http://10.1.2.3:9000", false),
            ("10.0.0.0/8", "http://11.1.2.3:9000", true),
            ("fd00::/8", "http://[fd00::1]:9000", false),
            ("*", "http://store.test", false),
            ("", "http://store.test", true),
        ] {
            for name in NO_PROXY_VARIABLES {
                let proxy = of(endpoint, &[("HTTP_PROXY", "p:1"), (name, exceptions)]);
                assert_eq!(proxy.is_some(), is_proxied, "{exceptions} {endpoint}");
            }
        }
    }

    #[test]
    fn the_environment_sends_no_request_for_this_machine_to_a_proxy() {
        for host in ["localhost", "LOCALHOST:9000", "s3.localhost", "127.0.0.1:9000", "127.1.2.3", "[::1]:9000"] {
            assert_eq!(of(&format!("http://{host}"), &[("HTTP_PROXY", "p:1")]), None, "{host}");
        }
    }

    #[test]
    fn a_proxy_of_the_environment_that_cannot_be_used_is_told_and_not_ignored() {
        let variable = |name: &str| (name == "HTTPS_PROXY").then(|| "socks5://me:hush@p:1".to_owned());
        let error = of_environment("https://store.test", variable).unwrap_err().to_string();
        assert!(
            error.starts_with("the environment's HTTPS_PROXY is no proxy that") && !error.contains("hush"),
            "{error}"
        );
    }
}
