//! The canonical form: the text whose hash is signed.
//!
//! ```text
//! lower(method) \n decoded path \n name=value&... of parameters \n name=value&... of headers \n
//! ```
//!
//! Names are lower-cased and percent-encoded, values percent-encoded. One function writes it
//! for both ends, from two lists of names: a signer's are all that the request holds, sorted;
//! a verifier's are the claim's, in the claim's order and spelling.

use percent_encoding::{percent_decode_str, percent_encode};

use super::RequestParts;
use super::claim::{FIELDS, Form};
use crate::cos::headers::{APPID, SECURITY_TOKEN};
use crate::query::{RESERVED, split_query};

const HOST: &str = "host";

/// How the host enters the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// As it came.
    AsSent,
    /// Without `:port`.
    WithoutPort,
}

/// A name and a value, encoded, the name lower-cased.
type Pair = (String, String);

/// A request, taken apart.
pub(super) struct Request {
    method: String,
    path: Vec<u8>,
    /// Sorted, as `headers` are: the first of a repeated name has the smallest value.
    parameters: Vec<Pair>,
    headers: Vec<Pair>,
}

impl Request {
    /// Takes a request apart. A signature in the query does not sign itself.
    pub(super) fn of(parts: RequestParts<'_>, form: Form) -> Self {
        let is_own = |name: &[u8]| form == Form::Query && FIELDS.iter().any(|field| field.as_bytes() == name);
        let parameters = split_query(parts.query).filter(|(name, _)| !is_own(name));
        let headers = parts.headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()));
        Self {
            method: parts.method.to_ascii_lowercase(),
            path: percent_decode_str(parts.path).collect(),
            parameters: sorted(parameters),
            headers: sorted(headers),
        }
    }

    /// The names of all parameters and of all headers, as often as they occur.
    pub(super) fn lists(&self) -> (Vec<String>, Vec<String>) {
        let names = |pairs: &[Pair]| pairs.iter().map(|(name, _)| name.clone()).collect();
        (names(&self.parameters), names(&self.headers))
    }

    /// What the lists leave out although it must be signed where it is present: the host, the
    /// account, and every parameter other than the token of temporary credentials.
    pub(super) fn unlisted(&self, parameter_list: &[String], header_list: &[String]) -> Option<&str> {
        let is_listed = |list: &[String], name: &str| list.iter().any(|listed| listed.eq_ignore_ascii_case(name));
        let headers = self.headers.iter().map(|(name, _)| name.as_str());
        let mut headers = headers.filter(|name| [HOST, APPID].contains(name) && !is_listed(header_list, name));
        let parameters = self.parameters.iter().map(|(name, _)| name.as_str());
        let mut parameters = parameters.filter(|name| *name != SECURITY_TOKEN && !is_listed(parameter_list, name));
        headers.next().or_else(|| parameters.next())
    }

    /// The text; `None` when a list names something more or less often than the request holds
    /// it. A line end in the decoded path makes no second reading of the text: every other
    /// line is free of them, so their number says where the path ends.
    pub(super) fn text(&self, parameter_list: &[String], header_list: &[String], host: Host) -> Option<Vec<u8>> {
        let parameters = join(&self.parameters, parameter_list, Host::AsSent)?;
        let headers = join(&self.headers, header_list, host)?;
        let mut text = Vec::with_capacity(self.path.len() + parameters.len() + headers.len() + 16);
        for line in [self.method.as_bytes(), &self.path, parameters.as_bytes(), headers.as_bytes()] {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        Some(text)
    }
}

fn sorted(pairs: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<Pair> {
    let encode = |bytes: &[u8]| percent_encode(bytes, RESERVED).to_string();
    let mut pairs: Vec<Pair> =
        pairs.map(|(name, value)| (encode(&name).to_ascii_lowercase(), encode(&value))).collect();
    pairs.sort();
    pairs
}

/// `name=value&...` of what the list names, in its order and spelling; the n-th mention of a
/// repeated name stands for its n-th value.
fn join(pairs: &[Pair], list: &[String], host: Host) -> Option<String> {
    let mut joined = Vec::with_capacity(list.len());
    for (position, listed) in list.iter().enumerate() {
        let values: Vec<&str> = pairs
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(listed))
            .map(|(_, value)| value.as_str())
            .collect();
        let mentions = |list: &[String]| list.iter().filter(|other| other.eq_ignore_ascii_case(listed)).count();
        if mentions(list) != values.len() {
            return None;
        }
        let value = values.get(mentions(&list[..position]))?;
        let is_host = host == Host::WithoutPort && listed.eq_ignore_ascii_case(HOST);
        joined.push(format!("{listed}={}", if is_host { without_port(value) } else { value }));
    }
    Some(joined.join("&"))
}

/// An encoded host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once("%3A") {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
