//! Which settings of an endpoint each way to its credentials takes.

use crate::config_source::ConfigSource;
use crate::credentials::CredentialsFrom::{self, AssumeRole, Keys, Process, Profile, Sso, WebIdentity};
use crate::endpoint::Endpoint;

/// A setting, whether an endpoint has it, and the ways that take it.
type Row<'a> = (&'static str, bool, &'a [CredentialsFrom]);

/// Blames settings that are missing, and those that would have no effect.
pub(super) fn check(name: &str, endpoint: &Endpoint, config_source: &mut ConfigSource) {
    let at = |setting: &str| ["endpoints", name, setting].map(str::to_owned).to_vec();
    // What signs the request for a role is a way of its own.
    let with = (endpoint.credentials == AssumeRole).then(|| endpoint.assume_role_with.unwrap_or(Keys));
    let ways = [Some(endpoint.credentials), with];
    let rows: [Row<'_>; 10] = [
        ("access_key", endpoint.access_key.is_some(), &[Keys]),
        ("secret_key", endpoint.secret_key.is_some(), &[Keys]),
        ("profile", endpoint.profile.is_some(), &[Profile, Sso]),
        ("role_arn", endpoint.role_arn.is_some(), &[WebIdentity, AssumeRole]),
        ("role_session_name", endpoint.role_session_name.is_some(), &[WebIdentity, AssumeRole]),
        ("external_id", endpoint.external_id.is_some(), &[AssumeRole]),
        ("assume_role_with", endpoint.assume_role_with.is_some(), &[AssumeRole]),
        ("web_identity_token_file", endpoint.web_identity_token_file.is_some(), &[WebIdentity]),
        ("credential_process", endpoint.credential_process.is_some(), &[Process]),
        ("sts_url", endpoint.sts_url.is_some(), &[WebIdentity, AssumeRole]),
    ];
    for (setting, is_given, takers) in rows {
        if is_given && !ways.into_iter().flatten().any(|way| takers.contains(&way)) {
            let takers: Vec<String> = takers.iter().map(|way| format!("credentials = \"{}\"", way.word())).collect();
            config_source.blame(&at(setting), &format!("has an effect only with {}", takers.join(" or ")));
        }
    }
    let mut need = |way, setting: &str, is_given: bool| {
        if ways.contains(&Some(way)) && !is_given {
            config_source.blame(&at("credentials"), &format!("needs {setting} beside it"));
        }
    };
    need(AssumeRole, "role_arn", endpoint.role_arn.is_some());
    need(Process, "credential_process", endpoint.credential_process.is_some());
    if with == Some(Keys) {
        need(Keys, "access_key and secret_key, or assume_role_with,", endpoint.access_key.is_some());
    }
    if with == Some(AssumeRole) {
        config_source.blame(&at("assume_role_with"), "takes another way than assume-role");
    }
}
