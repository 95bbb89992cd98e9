//! The canonical form: the text whose hash is signed.
//!
//! ```text
//! lower(method) \n decoded path \n name=value&... of parameters \n name=value&... of headers \n
//! ```
//!
//! Names are lower-cased and percent-encoded, values percent-encoded. One function writes it
//! for both ends, from two lists of names: a signer's are all that the request holds, sorted;
//! a verifier's are the claim's, in the claim's order and spelling.

use std::borrow::Cow;
use std::ops::Range;

use percent_encoding::{percent_decode_str, percent_encode};

use super::claim::{Claim, Form, is_own};
use super::{RequestParts, SignatureError};
use crate::cos::headers::{APPID, SECURITY_TOKEN};
use crate::query::{RESERVED, split_query};

const HOST: &str = "host";

/// All signed headers, bytes: a token and as much again. ours
const SIGNED_HEADER_BYTES_MAX: usize = 16 * 1024;

/// A usual text, bytes: most have room in it, and none grows twice in small steps.
const TEXT_BYTES: usize = 512;

/// How the host enters the text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Host {
    /// As it came.
    AsSent,
    /// Without `:port`.
    WithoutPort,
}

/// A name and a value, encoded, the name lower-cased.
type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// A request, taken apart.
pub(super) struct Request<'a> {
    method: &'a str,
    path: Cow<'a, [u8]>,
    /// Sorted, as `headers` are: the first of a repeated name has the smallest value.
    parameters: Vec<Pair<'a>>,
    headers: Vec<Pair<'a>>,
}

impl<'a> Request<'a> {
    /// Takes a request apart. A signature in the query does not sign itself.
    pub(super) fn of(parts: RequestParts<'a>, form: Form) -> Self {
        let headers = parts.headers.iter().map(|(name, value)| (encode_name(name.as_bytes()), encode(value)));
        Self::with_headers(parts, form, headers.collect())
    }

    /// Takes apart what a claim is about: of the headers those that it lists, or should.
    pub(super) fn claimed(parts: RequestParts<'a>, claim: &Claim) -> Result<Self, SignatureError> {
        let listed = Names::of(&claim.header_list);
        let is_listed = |name: &str| [HOST, APPID].contains(&name) || listed.contains(name);
        let (mut headers, mut bytes) = (Vec::with_capacity(claim.header_list.len() + 2), 0);
        for (sent, value) in parts.headers {
            let name = encode_name(sent.as_bytes());
            if is_listed(&name) {
                bytes += sent.len() + value.len();
                if bytes > SIGNED_HEADER_BYTES_MAX {
                    return Err(SignatureError::TooLarge { part: "signed headers", max: "16384 bytes" });
                }
                headers.push((name, encode(value)));
            }
        }
        Ok(Self::with_headers(parts, claim.form, headers))
    }

    fn with_headers(parts: RequestParts<'a>, form: Form, mut headers: Vec<Pair<'a>>) -> Self {
        let signed = split_query(parts.query).filter(|(name, _)| form == Form::Header || !is_own(name));
        let encoded = |(name, value): (Vec<u8>, Vec<u8>)| {
            (encode_name(&name).into_owned().into(), encode(&value).into_owned().into())
        };
        let mut parameters: Vec<Pair<'a>> = signed.map(encoded).collect();
        parameters.sort();
        headers.sort();
        Self { method: parts.method, path: percent_decode_str(parts.path).into(), parameters, headers }
    }

    /// The names of all parameters and of all headers, as often as they occur.
    pub(super) fn lists(&self) -> (Vec<String>, Vec<String>) {
        let names = |pairs: &[Pair<'_>]| pairs.iter().map(|(name, _)| name.clone().into_owned()).collect();
        (names(&self.parameters), names(&self.headers))
    }

    /// What the lists leave out although it must be signed where it is present: the host, the
    /// account, and every parameter other than the token of temporary credentials.
    pub(super) fn unlisted(&self, parameter_list: &[String], header_list: &[String]) -> Option<&str> {
        let (parameter_list, header_list) = (Names::of(parameter_list), Names::of(header_list));
        let headers = self.headers.iter().map(|(name, _)| &**name);
        let mut headers = headers.filter(|name| [HOST, APPID].contains(name) && !header_list.contains(name));
        let parameters = self.parameters.iter().map(|(name, _)| &**name);
        let mut parameters = parameters.filter(|name| *name != SECURITY_TOKEN && !parameter_list.contains(name));
        headers.next().or_else(|| parameters.next())
    }

    /// The text; `None` when a list names something more or less often than the request holds
    /// it. A line end in the decoded path makes no second reading of the text: every other
    /// line is free of them, so their number says where the path ends.
    pub(super) fn text(&self, parameter_list: &[String], header_list: &[String], host: Host) -> Option<Vec<u8>> {
        let mut text = Vec::with_capacity(TEXT_BYTES);
        text.extend(self.method.bytes().map(|byte| byte.to_ascii_lowercase()));
        text.push(b'\n');
        text.extend_from_slice(&self.path);
        text.push(b'\n');
        write_listed(&mut text, &self.parameters, parameter_list, Host::AsSent)?;
        text.push(b'\n');
        write_listed(&mut text, &self.headers, header_list, host)?;
        text.push(b'\n');
        Some(text)
    }
}

/// A list's names, lower-cased and sorted.
struct Names<'a>(Vec<Cow<'a, str>>);

impl<'a> Names<'a> {
    fn of(list: &'a [String]) -> Self {
        let mut names: Vec<_> = list.iter().map(|name| lower_cased(name.into())).collect();
        names.sort();
        Self(names)
    }

    fn contains(&self, name: &str) -> bool {
        self.0.binary_search_by(|listed| (**listed).cmp(name)).is_ok()
    }
}

fn encode(bytes: &[u8]) -> Cow<'_, str> {
    percent_encode(bytes, RESERVED).into()
}

fn encode_name(name: &[u8]) -> Cow<'_, str> {
    lower_cased(encode(name))
}

fn lower_cased(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase().into() } else { name }
}

/// Writes `name=value&...` of what the list names, in its order and spelling; the n-th mention of a
/// repeated name stands for its n-th value.
fn write_listed(text: &mut Vec<u8>, pairs: &[Pair<'_>], list: &[String], host: Host) -> Option<()> {
    let mut is_mentioned = vec![false; pairs.len()];
    for (place, listed) in list.iter().enumerate() {
        let name = lower_cased(listed.into());
        let next = named(pairs, &name).find(|pair| !is_mentioned[*pair])?;
        is_mentioned[next] = true;
        let value = &*pairs[next].1;
        let value = if host == Host::WithoutPort && name == HOST { without_port(value) } else { value };
        let separator: &[u8] = if place == 0 { b"" } else { b"&" };
        for piece in [separator, listed.as_bytes(), b"=", value.as_bytes()] {
            text.extend_from_slice(piece);
        }
    }
    let is_whole = |listed: &String| named(pairs, &lower_cased(listed.into())).all(|pair| is_mentioned[pair]);
    list.iter().all(is_whole).then_some(())
}

/// The places of the pairs of that name, which stand together.
fn named(pairs: &[Pair<'_>], name: &str) -> Range<usize> {
    let first = pairs.partition_point(|(other, _)| **other < *name);
    let end = pairs.partition_point(|(other, _)| **other <= *name);
    first..end
}

/// An encoded host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once("%3A") {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
