//! What one setting cannot know of another: names that must exist, pairs that belong together,
//! keys that must be unique.

mod credentials;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use brigade_model::limits::{APPID_BYTES_MAX, INVOCATION_TIME_MAX};
use brigade_model::{AccountId, EndpointName};

use crate::Config;
use crate::account::{AccessKey, Account, Place, Role};
use crate::client::Client;
use crate::config_source::ConfigSource;
use crate::credentials::CredentialsFrom;
use crate::endpoint::Endpoint;
use crate::nearest::did_you_mean;
use crate::secret::SecretSource;
use crate::time_of_day::MinuteOfDay;
use crate::value::ProxyUrl;

/// Blames everything that does not fit together.
pub(super) fn check(config: &Config, config_source: &mut ConfigSource) {
    check_server(config, config_source);
    for (name, endpoint) in &config.endpoints {
        check_endpoint(name, endpoint, config_source);
    }
    for (name, _) in config.endpoints.iter().filter(|(_, endpoint)| endpoint.protect_latency.is_some()) {
        let mut roles = config.accounts.values().flat_map(|account| account.roles.values());
        if !roles.any(|role| role.buckets_at(name).next().is_some()) {
            let problem = "needs a role that names a bucket of this endpoint without '*': its head is asked for";
            config_source.blame(&path(&["endpoints", name, "protect_latency"]), problem);
        }
    }
    check_owners(config, config_source);
    for (name, account) in &config.accounts {
        check_account(config, name, account, config_source);
    }
    if let Some(client) = &config.client {
        check_client(&path(&["client"]), client, config_source);
    }
    for (name, profile) in &config.profiles {
        check_client(&path(&["profiles", name]), profile, config_source);
    }
}

fn path(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

fn check_server(config: &Config, config_source: &mut ConfigSource) {
    match (&config.server.tls_cert_file, &config.server.tls_key_file) {
        (Some(_), None) => config_source.blame(&path(&["server", "tls_cert_file"]), "needs tls_key_file beside it"),
        (None, Some(_)) => config_source.blame(&path(&["server", "tls_key_file"]), "needs tls_cert_file beside it"),
        _ => {}
    }
    for (setting, file) in
        [("tls_cert_file", &config.server.tls_cert_file), ("tls_key_file", &config.server.tls_key_file)]
    {
        if let Some(file) = file
            && let Err(error) = std::fs::metadata(file)
        {
            config_source.blame(&path(&["server", setting]), &format!("cannot read {}: {error}", file.display()));
        }
    }
    let is_taken = |address: &SocketAddr| *address == config.server.listen && address.port() != 0;
    if config.server.metrics_listen.0.as_ref().is_some_and(is_taken) {
        config_source.blame(&path(&["server", "metrics_listen"]), "must be another address than listen");
    }
    if crate::server::parse_log_filter(&config.server.log_filter).is_err() {
        config_source.blame(&path(&["server", "log_filter"]), "takes a filter such as info or warn,audit=info");
    }
    if config.engine.free_space_to_start.0 > config.engine.free_space_to_lease.0 {
        config_source.blame(&path(&["engine", "free_space_to_start"]), "must not be more than free_space_to_lease");
    }
    if config.endpoints.is_empty() {
        config_source.blame(&path(&["endpoints"]), "there is none: add [endpoints.NAME] with a url");
    }
    if config.accounts.is_empty() {
        config_source.blame(
            &path(&["accounts"]),
            "there is none: add [accounts.NAME.cos] with appid and uin, and keys and roles",
        );
    }
}

fn check_endpoint(name: &str, endpoint: &Endpoint, config_source: &mut ConfigSource) {
    let at = path(&["endpoints", name]);
    if let Err(error) = EndpointName::new(name) {
        config_source.blame(&at, &error.to_string());
    }
    check_pair(&at, &endpoint.access_key, &endpoint.secret_key, &endpoint.session_token, config_source);
    check_proxy(name, endpoint, config_source);
    credentials::check(name, endpoint, config_source);
    if let Some(file) = &endpoint.ca_file
        && let Err(error) = std::fs::metadata(file)
    {
        config_source
            .blame(&path(&["endpoints", name, "ca_file"]), &format!("cannot read {}: {error}", file.display()));
    }
    for (number, window) in (1_usize..).zip(&endpoint.windows) {
        let at = |setting| path(&["endpoints", name, "windows", &number.to_string(), setting]);
        if window.from == MinuteOfDay::END {
            config_source.blame(&at("from"), "must be before 24:00");
        } else if window.from == window.to {
            config_source.blame(&at("to"), "must be another time than from: a whole day is from 00:00 to 24:00");
        }
        if window.limits().is_none() {
            let which = "requests_in_flight, requests_per_second, objects_per_second or bytes_per_second";
            config_source.blame(&at("from"), &format!("begins a window that limits nothing: give it {which}"));
        }
    }
}

/// A proxy has one password at most, and a password has its user.
fn check_proxy(name: &str, endpoint: &Endpoint, config_source: &mut ConfigSource) {
    let at = |setting| path(&["endpoints", name, setting]);
    let login = endpoint.proxy.as_ref().and_then(ProxyUrl::login);
    match (login, &endpoint.proxy_password) {
        (Some((_, true)), Some(_)) => {
            config_source
                .blame(&at("proxy_password"), "stands beside a proxy that holds a password: give one of the two");
        }
        (Some((_, true)), None) => config_source.note_inline_secret(&at("proxy")),
        (None, Some(_)) => {
            config_source.blame(&at("proxy_password"), "needs its user: proxy = \"http://USER@HOST:PORT\"");
        }
        (Some((_, false)) | None, _) => {}
    }
}

/// An access key and its secret come together, a token only with both.
fn check_pair(
    at: &[String],
    access_key: &Option<String>,
    secret: &Option<SecretSource>,
    token: &Option<SecretSource>,
    config_source: &mut ConfigSource,
) {
    let inside = |name: &str| at.iter().cloned().chain([name.to_owned()]).collect::<Vec<_>>();
    match (access_key, secret) {
        (Some(_), None) => config_source.blame(&inside("access_key"), "needs secret_key or secret_key_file beside it"),
        (None, Some(_)) => config_source.blame(&inside("secret_key"), "needs access_key beside it"),
        (None, None) if token.is_some() => {
            config_source.blame(&inside("session_token"), "needs access_key and secret_key beside it");
        }
        _ => {}
    }
}

/// Key ids, appids and account ids name one account each.
fn check_owners(config: &Config, config_source: &mut ConfigSource) {
    let (mut appids, mut numbers, mut keys) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (name, account) in &config.accounts {
        if let Some(other) = appids.insert(&account.cos.appid, name) {
            config_source.blame(&path(&["accounts", name, "cos", "appid"]), &format!("is that of account {other} too"));
        }
        if let Some(s3control) = &account.s3control
            && let Some(other) = numbers.insert(&s3control.account_id, name)
        {
            config_source.blame(
                &path(&["accounts", name, "s3control", "account_id"]),
                &format!("is that of account {other} too"),
            );
        }
        for id in account.keys.keys() {
            if let Some(other) = keys.insert(id, name) {
                config_source
                    .blame(&path(&["accounts", name, "keys", id]), &format!("is a key of account {other} too"));
            }
        }
    }
}

fn check_account(config: &Config, name: &str, account: &Account, config_source: &mut ConfigSource) {
    if let Err(error) = AccountId::new(name) {
        config_source.blame(&path(&["accounts", name]), &error.to_string());
    }
    let cos = &account.cos;
    if cos.appid.len() > APPID_BYTES_MAX || !cos.appid.bytes().all(|b| b.is_ascii_alphanumeric()) {
        config_source.blame(&path(&["accounts", name, "cos", "appid"]), "takes 1 to 64 letters and digits");
    }
    if !cos.uin.bytes().all(|b| b.is_ascii_digit()) {
        config_source.blame(&path(&["accounts", name, "cos", "uin"]), "takes digits");
    }
    let number = account.s3control.as_ref().map(|s3control| &s3control.account_id);
    if number.is_some_and(|id| !is_account_id(id)) {
        config_source.blame(&path(&["accounts", name, "s3control", "account_id"]), "takes 12 digits in quotes");
    }
    for uin in account.grantees.keys().filter(|uin| uin.is_empty() || !uin.bytes().all(|b| b.is_ascii_digit())) {
        config_source.blame(&path(&["accounts", name, "grantees", uin]), "is no uin: names of grantees are digits");
    }
    if account.keys.is_empty() {
        config_source
            .blame(&path(&["accounts", name]), &format!("has no access key: add [accounts.{name}.keys.KEYID]"));
    }
    for (id, key) in &account.keys {
        check_key(name, id, key, config_source);
    }
    check_functions(name, account, config_source);
    for (role_name, role) in &account.roles {
        check_role(config, &["accounts", name, "roles", role_name], role, config_source);
    }
}

/// Functions that can be told apart, and reached.
fn check_functions(account_name: &str, account: &Account, config_source: &mut ConfigSource) {
    let mut arns = BTreeMap::new();
    for (name, function) in &account.functions {
        let mut blame = |setting: &str, problem: &str| {
            config_source.blame(&path(&["accounts", account_name, "functions", name, setting]), problem);
        };
        if !function.arn.starts_with("arn:") || function.arn.chars().any(|c| c.is_control() || c.is_whitespace()) {
            blame("arn", "is no ARN of a function: arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME");
        } else if let Some(other) = arns.insert(&function.arn, name) {
            blame("arn", &format!("is that of function {other} too"));
        }
        if function.timeout > INVOCATION_TIME_MAX {
            blame("timeout", &format!("must not be longer than {}m", INVOCATION_TIME_MAX.as_secs() / 60));
        }
        if let Some(file) = &function.ca_file
            && let Err(error) = std::fs::metadata(file)
        {
            blame("ca_file", &format!("cannot read {}: {error}", file.display()));
        }
    }
}

fn check_key(account: &str, id: &str, key: &AccessKey, config_source: &mut ConfigSource) {
    let at = ["accounts", account, "keys", id];
    let inside = |name: &str| path(&[at[0], at[1], at[2], at[3], name]);
    if key.secret.is_none() {
        config_source.blame(&inside("secret"), "is missing: give secret or secret_file");
    }
    if !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        config_source.blame(&path(&at), "an access key's id may hold letters, digits, '-' and '_' only");
    }
    if key.security_token.is_some() != key.security_token_expires.is_some() {
        config_source.blame(&inside("security_token"), "security_token and security_token_expires belong together");
    }
}

fn check_role(config: &Config, at: &[&str; 4], role: &Role, config_source: &mut ConfigSource) {
    let inside = |place: &str, name: &str| path(&[at[0], at[1], at[2], at[3], place, name]);
    if role.source.endpoint.is_none() {
        config_source.blame(&inside("source", "endpoint"), "is missing: it takes the name of an endpoint");
    }
    if role.source.buckets.is_none() {
        config_source.blame(&inside("source", "buckets"), "is missing: it takes names of buckets, or [\"*\"] for all");
    }
    for (name, place) in role.places() {
        if let Some(endpoint) = &place.endpoint
            && !config.endpoints.contains_key(endpoint)
        {
            let meant = did_you_mean(endpoint, config.endpoints.keys().map(String::as_str));
            config_source.blame(&inside(name, "endpoint"), &format!("there is no [endpoints.{endpoint}]{meant}"));
        }
        let here = path(&[at[0], at[1], at[2], at[3], name]);
        check_pair(&here, &place.access_key, &place.secret_key, &place.session_token, config_source);
        check_credentials(config, role, &here, place, config_source);
    }
}

/// Every place finds credentials: its own, the source's on the same endpoint, or the endpoint's.
fn check_credentials(config: &Config, role: &Role, at: &[String], place: &Place, config_source: &mut ConfigSource) {
    let Some(name) = place.endpoint.as_ref().or(role.source.endpoint.as_ref()) else { return };
    let Some(endpoint) = config.endpoints.get(name) else { return };
    let has_own_way = endpoint.credentials != CredentialsFrom::Keys;
    let is_like_source = role.source.endpoint.as_ref() == Some(name) && role.source.access_key.is_some();
    if place.access_key.is_none() && !is_like_source && endpoint.access_key.is_none() && !has_own_way {
        config_source
            .blame(at, &format!("has no credentials: give access_key and secret_key here or in [endpoints.{name}]"));
    }
}

/// Blames a client section that could not sign.
pub(super) fn check_client(section: &[String], client: &Client, config_source: &mut ConfigSource) {
    let at = |setting: &str| [section, &[setting.to_owned()]].concat();
    if client.secret_key.is_none() {
        config_source.blame(&at("secret_key"), "is missing: give secret_key or secret_key_file");
    }
    if client.account_id.as_ref().is_some_and(|id| !is_account_id(id)) {
        config_source.blame(&at("account_id"), "takes 12 digits in quotes");
    }
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
