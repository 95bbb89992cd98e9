//! The canonical form: the text whose hash is signed.
//!
//! ```text
//! lower(method) \n decoded path \n name=value&... of parameters \n name=value&... of headers \n
//! ```
//!
//! Names are lower-cased and percent-encoded, values percent-encoded. One function writes it
//! for both ends, from two lists of names: a signer's are all that the request holds, sorted;
//! a verifier's are the claim's, in the claim's order and spelling.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::{percent_decode_str, percent_encode};

use super::claim::{Claim, Form, is_own};
use super::{RequestParts, SignatureError};
use crate::cos::headers::{APPID, SECURITY_TOKEN};
use crate::query::{RESERVED, split_query};

const HOST: &str = "host";

/// All signed headers, bytes: a token and as much again. ours
const SIGNED_HEADER_BYTES_MAX: usize = 16 * 1024;

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
        let parameters = split_query(parts.query).filter(|(name, _)| form == Form::Header || !is_own(name));
        let headers = parts.headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec()));
        Self {
            method: parts.method.to_ascii_lowercase(),
            path: percent_decode_str(parts.path).collect(),
            parameters: sorted(parameters),
            headers: sorted(headers),
        }
    }

    /// Takes apart what a claim is about: of the headers those that it lists, or should.
    pub(super) fn claimed(parts: RequestParts<'_>, claim: &Claim) -> Result<Self, SignatureError> {
        let mut listed = lower_cased(&claim.header_list);
        listed.extend([HOST, APPID].map(str::to_owned));
        let is_listed = |name: &str| listed.contains(&encode_name(name.as_bytes()));
        let headers: Vec<_> = parts.headers.iter().copied().filter(|(name, _)| is_listed(name)).collect();
        if headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > SIGNED_HEADER_BYTES_MAX {
            return Err(SignatureError::TooLarge { part: "signed headers", max: "16384 bytes" });
        }
        Ok(Self::of(RequestParts { headers: &headers, ..parts }, claim.form))
    }

    /// The names of all parameters and of all headers, as often as they occur.
    pub(super) fn lists(&self) -> (Vec<String>, Vec<String>) {
        let names = |pairs: &[Pair]| pairs.iter().map(|(name, _)| name.clone()).collect();
        (names(&self.parameters), names(&self.headers))
    }

    /// What the lists leave out although it must be signed where it is present: the host, the
    /// account, and every parameter other than the token of temporary credentials.
    pub(super) fn unlisted(&self, parameter_list: &[String], header_list: &[String]) -> Option<&str> {
        let (parameter_list, header_list) = (lower_cased(parameter_list), lower_cased(header_list));
        let headers = self.headers.iter().map(|(name, _)| name.as_str());
        let mut headers = headers.filter(|name| [HOST, APPID].contains(name) && !header_list.contains(*name));
        let parameters = self.parameters.iter().map(|(name, _)| name.as_str());
        let mut parameters = parameters.filter(|name| *name != SECURITY_TOKEN && !parameter_list.contains(*name));
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
    let mut pairs: Vec<Pair> = pairs.map(|(name, value)| (encode_name(&name), encode(&value))).collect();
    pairs.sort();
    pairs
}

fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, RESERVED).to_string()
}

fn encode_name(name: &[u8]) -> String {
    encode(name).to_ascii_lowercase()
}

fn lower_cased(list: &[String]) -> BTreeSet<String> {
    list.iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// `name=value&...` of what the list names, in its order and spelling; the n-th mention of a
/// repeated name stands for its n-th value.
fn join(pairs: &[Pair], list: &[String], host: Host) -> Option<String> {
    let mut mentions: BTreeMap<String, usize> = BTreeMap::new();
    let mut joined = Vec::with_capacity(list.len());
    for listed in list {
        let name = listed.to_ascii_lowercase();
        let is_host = host == Host::WithoutPort && name == HOST;
        let values = named(pairs, &name);
        let mention = mentions.entry(name).or_default();
        let (_, value) = values.get(*mention)?;
        *mention += 1;
        joined.push(format!("{listed}={}", if is_host { without_port(value) } else { value }));
    }
    let is_whole = mentions.iter().all(|(name, count)| named(pairs, name).len() == *count);
    is_whole.then(|| joined.join("&"))
}

/// The pairs of that name, which stand together.
fn named<'a>(pairs: &'a [Pair], name: &str) -> &'a [Pair] {
    let first = pairs.partition_point(|(other, _)| other.as_str() < name);
    let end = pairs.partition_point(|(other, _)| other.as_str() <= name);
    &pairs[first..end]
}

/// An encoded host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once("%3A") {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
