//! What a setting can be: each type says what it takes, in the words of a mistake and of the
//! reference, and reads itself from text.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use brigade_model::operation::OperationKind;
use brigade_model::{AccountId, Capability, EndpointKind, Timestamp, size};

use crate::config_source::{ConfigSource, Raw};
use crate::credentials::CredentialsFrom;
use crate::nearest::did_you_mean;
use crate::secret::Secret;
use crate::time_of_day::{MinuteOfDay, Zone};

/// A type that a setting can have.
pub trait Setting: Sized {
    /// What it takes.
    fn takes() -> String;

    /// Reads it; the error completes "SETTING: ...".
    ///
    /// # Errors
    /// What is wrong and what would be right.
    fn read(raw: &Raw) -> Result<Self, String>;

    /// A value in the place of one that is wrong or missing, so that the rest is read and checked, too; no
    /// configuration with a mistake is ever used. `None` where no such value is known.
    #[must_use]
    fn stand_in() -> Option<Self> {
        None
    }

    /// The value as it is meant inside a configuration: paths start from its folder.
    #[must_use]
    fn rooted(self, _config_source: &ConfigSource) -> Self {
        self
    }
}

/// A type of one word.
pub trait Scalar: Sized {
    /// What it takes.
    const TAKES: &'static str;

    /// Reads it; `None` when it is something else.
    fn from_text(text: &str) -> Option<Self>;

    /// The words that it can be, where they are a closed list.
    #[must_use]
    fn words() -> Vec<&'static str> {
        Vec::new()
    }

    /// What is wrong with a text that it cannot be: what it takes, and the word that was probably meant.
    #[must_use]
    fn refusal(text: &str) -> String {
        format!("takes {}{}", Self::TAKES, did_you_mean(text, Self::words()))
    }
}

/// Texts, of which every scalar that has a stand-in reads one; a mistake at its place was told.
const STAND_INS: [&str; 4] = ["0", "http://stand.in", "00:00", "UTC"];

macro_rules! scalar {
    ($($type:ty, $takes:expr, $read:expr $(, $words:expr)?;)*) => {
        $(impl Scalar for $type {
            const TAKES: &'static str = $takes;
            fn from_text(text: &str) -> Option<Self> {
                let read: fn(&str) -> Option<$type> = $read;
                read(text)
            }
            $(fn words() -> Vec<&'static str> {
                $words.into_iter().collect()
            })?
        }

        impl Setting for $type {
            fn takes() -> String {
                <$type as Scalar>::TAKES.to_owned()
            }

            fn read(raw: &Raw) -> Result<Self, String> {
                read_scalar(raw)
            }

            fn stand_in() -> Option<Self> {
                STAND_INS.into_iter().find_map(<$type as Scalar>::from_text)
            }
        })*
    };
}

scalar! {
    String, "a text", |text| (!text.is_empty()).then(|| text.to_owned());
    Secret, "a text", |text| (!text.is_empty()).then(|| Secret::new(text));
    u8, "a whole number from 1 to 100", |text| text.parse().ok().filter(|n| (1..=100).contains(n));
    bool, "true or false", |text| text.parse().ok();
    u32, "a whole number above 0", |text| text.parse().ok().filter(|n| *n > 0);
    u64, "a whole number above 0", |text| text.parse().ok().filter(|n| *n > 0);
    usize, "a whole number above 0", |text| text.parse().ok().filter(|n| *n > 0);
    SocketAddr, "an address and a port, such as 127.0.0.1:8080", |text| text.parse().ok();
    Bytes, size::TAKES, |text| size::parse(text).map(Bytes);
    Duration, "a duration such as 500ms, 30s, 5m, 24h or 90d", parse_duration;
    AccountId, "1 to 64 letters, digits, '-' and '_'", |text| text.parse().ok();
    Timestamp, "a time such as 2030-01-31T12:00:00Z", |text| text.parse().ok();
    Url, "a URL such as http://127.0.0.1:9000, without a path", Url::parse;
    StoreUrl, "a URL such as http://127.0.0.1:9000 or https://store.example.com/s3", StoreUrl::parse;
    HostPort, "a host and a port, such as 10.0.0.7:9000", HostPort::parse;
    ProxyUrl, "a URL such as http://proxy.example.com:3128, or none", ProxyUrl::parse;
    EndpointKind, "one of aws, cos, ceph, minio, garage, other", |text| text.parse().ok(),
        EndpointKind::ALL.map(|(_, word)| word);
    OperationKind, "copy, restore, delete, tag, untag, acl, legal-hold, retention, checksum, update-encryption, invoke or wait-for-restore", |text| {
        OperationKind::ALL.into_iter().find(|kind| kind.word() == text)
    }, OperationKind::ALL.map(OperationKind::word);
    Capability, "update-encryption", |text| {
        Some(Capability::UpdateEncryption).filter(|capability| capability.name() == text)
    };
    CredentialsFrom, "keys, environment, profile, sso, web-identity, assume-role, ecs, imds or process", |text| {
        CredentialsFrom::ALL.into_iter().find(|way| way.word() == text)
    }, CredentialsFrom::ALL.map(CredentialsFrom::word);
    Addressing, "path or virtual-hosted", |text| {
        [Addressing::Path, Addressing::VirtualHosted].into_iter().find(|addressing| addressing.word() == text)
    }, [Addressing::Path, Addressing::VirtualHosted].map(Addressing::word);
    MinuteOfDay, "a time of the day such as 08:30, or 24:00", MinuteOfDay::parse;
    Zone, "the name of a time zone such as Europe/Berlin or UTC", Zone::parse;
    LogFormat, "auto, text or json", |text| match text {
        "auto" => Some(LogFormat::Auto),
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }, ["auto", "text", "json"];
    MetricsListen, "an address and a port, or off", |text| match text {
        "off" => Some(MetricsListen(None)),
        address => address.parse().ok().map(|address| MetricsListen(Some(address))),
    };
    Network, "an address or a network, such as 10.0.0.0/8", Network::parse;
    Strictness, "strict, standard or lenient", |text| match text {
        "strict" => Some(Strictness::Strict),
        "standard" => Some(Strictness::Standard),
        "lenient" => Some(Strictness::Lenient),
        _ => None,
    }, ["strict", "standard", "lenient"];
    Action, "an action such as cos:CreateJob, or *", |text| {
        Action::ALL.into_iter().find(|action| action.name() == text)
    }, Action::ALL.map(Action::name);
}

impl Setting for PathBuf {
    fn takes() -> String {
        "a path".to_owned()
    }

    fn read(raw: &Raw) -> Result<Self, String> {
        String::read(raw).map(PathBuf::from).map_err(|_| "takes a path".to_owned())
    }

    fn rooted(self, config_source: &ConfigSource) -> Self {
        config_source.resolve(&self)
    }
}

impl<T: Scalar> Setting for Vec<T> {
    fn takes() -> String {
        format!("a list; each is {}", T::TAKES)
    }

    fn read(raw: &Raw) -> Result<Self, String> {
        let words: Vec<&str> = match raw {
            Raw::List(words) => words.iter().map(String::as_str).collect(),
            Raw::Scalar(text) => text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect(),
        };
        let refusal = |word| format!("{word:?} is not {}{}", T::TAKES, did_you_mean(word, T::words()));
        let read = |word| T::from_text(word).ok_or_else(|| refusal(word));
        words.into_iter().map(read).collect()
    }
}

fn read_scalar<T: Scalar>(raw: &Raw) -> Result<T, String> {
    match raw {
        Raw::Scalar(text) => T::from_text(text).ok_or_else(|| T::refusal(text)),
        Raw::List(_) => Err(format!("takes {}, not a list", T::TAKES)),
    }
}

/// Units of durations, in milliseconds.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, unit_ms) = UNITS.into_iter().find(|(name, _)| *name == unit.trim())?;
    let ms = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
    (ms > 0).then(|| Duration::from_millis(ms))
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// An endpoint's URL: scheme and host, perhaps a port, no path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(String);

impl Url {
    /// Reads it; a `/` at the end is no path.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
        let has_host = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let has_path = uri.path_and_query().is_some_and(|path| path.as_str() != "/");
        (is_web && has_host && !has_path).then(|| Self(text.trim_end_matches('/').to_owned()))
    }

    /// The URL, without a `/` at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is spoken over TLS.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.0.starts_with("https:")
    }
}

/// The URL of a store: scheme and host, perhaps a port, perhaps a path that the store stands below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// Reads it; a `/` at the end counts for nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        let path = uri.path().strip_suffix('/').unwrap_or(uri.path());
        let is_plain = path.split('/').skip(1).all(|part| !["", ".", ".."].contains(&part));
        let bare = text.strip_suffix('/').unwrap_or(text).strip_suffix(path)?;
        let is_url = is_plain && uri.query().is_none() && !text.contains('#') && Url::parse(bare).is_some();
        is_url.then(|| Self(format!("{bare}{path}")))
    }

    /// The URL, without a `/` at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort(String);

impl HostPort {
    fn parse(text: &str) -> Option<Self> {
        let authority: http::uri::Authority = text.parse().ok()?;
        let is_bare = authority.port_u16().is_some_and(|port| port > 0) && !authority.host().is_empty();
        (is_bare && !text.contains('@')).then(|| Self(text.to_owned()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Through which proxy. Shows neither its user nor the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyUrl {
    /// Through none, whatever the environment says.
    None,
    /// Through this one.
    Url(Secret),
}

impl ProxyUrl {
    fn parse(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(ProxyUrl::None);
        }
        let uri: http::Uri = text.parse().ok()?;
        let has_host = uri.authority().is_some_and(|authority| !authority.host().is_empty());
        (uri.scheme_str() == Some("http") && has_host).then(|| ProxyUrl::Url(Secret::new(text)))
    }

    /// The user, and whether a password stands beside it.
    #[must_use]
    pub fn login(&self) -> Option<(&str, bool)> {
        let ProxyUrl::Url(url) = self else { return None };
        let (login, _) = url.expose().split_once("://")?.1.rsplit_once('@')?;
        Some(login.split_once(':').map_or((login, false), |(user, _)| (user, true)))
    }
}

/// How the bucket stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// In the path.
    Path,
    /// In the host name.
    VirtualHosted,
}

impl Addressing {
    /// The word in the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Addressing::Path => "path",
            Addressing::VirtualHosted => "virtual-hosted",
        }
    }
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON anywhere else.
    Auto,
    /// For people.
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// Where the metrics are; `None` for nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsListen(pub Option<SocketAddr>);

/// A network of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// As IPv6 has it: an IPv4 address is mapped.
    bits: u128,
    mask: u128,
}

impl Network {
    /// Reads `ADDRESS` or `ADDRESS/BITS`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(bits_max);
        let free = bits_max.checked_sub(length)?;
        let mask = u128::MAX.checked_shl(free).unwrap_or(0);
        Some(Self { bits: mapped(address) & mask, mask })
    }

    /// Whether it holds that address.
    #[must_use]
    pub fn holds(self, address: IpAddr) -> bool {
        mapped(address) & self.mask == self.bits
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => Ipv6Addr::to_bits(address),
    }
}

/// What a signature must cover, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// As standard, for an hour at most, and the body of CreateJob.
    Strict,
    /// The host, `x-cos-appid` and every parameter of the query.
    Standard,
    /// What the client chose.
    Lenient,
}

/// What a key may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Everything.
    All,
    /// cos:CreateJob.
    CreateJob,
    /// cos:DescribeJob.
    DescribeJob,
    /// cos:ListJobs.
    ListJobs,
    /// cos:UpdateJobPriority.
    UpdateJobPriority,
    /// cos:UpdateJobStatus.
    UpdateJobStatus,
    /// cos:DeleteJob.
    DeleteJob,
    /// s3:CreateJob.
    S3CreateJob,
    /// s3:DescribeJob.
    S3DescribeJob,
    /// s3:ListJobs.
    S3ListJobs,
    /// s3:UpdateJobPriority.
    S3UpdateJobPriority,
    /// s3:UpdateJobStatus.
    S3UpdateJobStatus,
    /// s3:PutJobTagging.
    S3PutJobTagging,
    /// s3:GetJobTagging.
    S3GetJobTagging,
    /// s3:DeleteJobTagging.
    S3DeleteJobTagging,
    /// brigade:InspectJob.
    InspectJob,
    /// brigade:ListFailures.
    ListFailures,
    /// brigade:CheckPlaces.
    CheckPlaces,
    /// brigade:ListJobs.
    ListJobsOfAllDialects,
    /// brigade:ConfirmJob.
    ConfirmJob,
    /// brigade:CancelJob.
    CancelJob,
    /// brigade:SetJobPriority.
    SetJobPriority,
    /// brigade:DeleteJob.
    DeleteJobOfAnyDialect,
    /// brigade:PauseJob.
    PauseJob,
    /// brigade:ResumeJob.
    ResumeJob,
    /// brigade:LimitJob.
    LimitJob,
    /// brigade:RetryFailed.
    RetryFailed,
    /// brigade:WaitForRestore.
    WaitForRestore,
    /// brigade:ListEndpoints.
    ListEndpoints,
    /// brigade:LimitEndpoint.
    LimitEndpoint,
    /// brigade:StopEndpoint.
    StopEndpoint,
    /// brigade:StartEndpoint.
    StartEndpoint,
    /// brigade:ProbeEndpoint.
    ProbeEndpoint,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 33] = [
        Action::All,
        Action::CreateJob,
        Action::DescribeJob,
        Action::ListJobs,
        Action::UpdateJobPriority,
        Action::UpdateJobStatus,
        Action::DeleteJob,
        Action::S3CreateJob,
        Action::S3DescribeJob,
        Action::S3ListJobs,
        Action::S3UpdateJobPriority,
        Action::S3UpdateJobStatus,
        Action::S3PutJobTagging,
        Action::S3GetJobTagging,
        Action::S3DeleteJobTagging,
        Action::InspectJob,
        Action::ListFailures,
        Action::CheckPlaces,
        Action::ListJobsOfAllDialects,
        Action::ConfirmJob,
        Action::CancelJob,
        Action::SetJobPriority,
        Action::DeleteJobOfAnyDialect,
        Action::PauseJob,
        Action::ResumeJob,
        Action::LimitJob,
        Action::RetryFailed,
        Action::WaitForRestore,
        Action::ListEndpoints,
        Action::LimitEndpoint,
        Action::StopEndpoint,
        Action::StartEndpoint,
        Action::ProbeEndpoint,
    ];

    /// The name, as access policies write it. Source: COS, authorisation actions, DeleteJob has
    /// no public one; S3, service authorization reference. `brigade:` are those of the operator's API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Action::All => "*",
            Action::CreateJob => "cos:CreateJob",
            Action::DescribeJob => "cos:DescribeJob",
            Action::ListJobs => "cos:ListJobs",
            Action::UpdateJobPriority => "cos:UpdateJobPriority",
            Action::UpdateJobStatus => "cos:UpdateJobStatus",
            Action::DeleteJob => "cos:DeleteJob",
            Action::S3CreateJob => "s3:CreateJob",
            Action::S3DescribeJob => "s3:DescribeJob",
            Action::S3ListJobs => "s3:ListJobs",
            Action::S3UpdateJobPriority => "s3:UpdateJobPriority",
            Action::S3UpdateJobStatus => "s3:UpdateJobStatus",
            Action::S3PutJobTagging => "s3:PutJobTagging",
            Action::S3GetJobTagging => "s3:GetJobTagging",
            Action::S3DeleteJobTagging => "s3:DeleteJobTagging",
            Action::InspectJob => "brigade:InspectJob",
            Action::ListFailures => "brigade:ListFailures",
            Action::CheckPlaces => "brigade:CheckPlaces",
            Action::ListJobsOfAllDialects => "brigade:ListJobs",
            Action::ConfirmJob => "brigade:ConfirmJob",
            Action::CancelJob => "brigade:CancelJob",
            Action::SetJobPriority => "brigade:SetJobPriority",
            Action::DeleteJobOfAnyDialect => "brigade:DeleteJob",
            Action::PauseJob => "brigade:PauseJob",
            Action::ResumeJob => "brigade:ResumeJob",
            Action::LimitJob => "brigade:LimitJob",
            Action::RetryFailed => "brigade:RetryFailed",
            Action::WaitForRestore => "brigade:WaitForRestore",
            Action::ListEndpoints => "brigade:ListEndpoints",
            Action::LimitEndpoint => "brigade:LimitEndpoint",
            Action::StopEndpoint => "brigade:StopEndpoint",
            Action::StartEndpoint => "brigade:StartEndpoint",
            Action::ProbeEndpoint => "brigade:ProbeEndpoint",
        }
    }

    /// Whether it reaches beyond the key's own account: what every account shares. `*` does not
    /// give it; a key has it by name.
    #[must_use]
    pub fn concerns_all_accounts(self) -> bool {
        match self {
            Action::All
            | Action::CreateJob
            | Action::DescribeJob
            | Action::ListJobs
            | Action::UpdateJobPriority
            | Action::UpdateJobStatus
            | Action::DeleteJob
            | Action::S3CreateJob
            | Action::S3DescribeJob
            | Action::S3ListJobs
            | Action::S3UpdateJobPriority
            | Action::S3UpdateJobStatus
            | Action::S3PutJobTagging
            | Action::S3GetJobTagging
            | Action::S3DeleteJobTagging
            | Action::InspectJob
            | Action::ListFailures
            | Action::CheckPlaces
            | Action::ListJobsOfAllDialects
            | Action::ConfirmJob
            | Action::CancelJob
            | Action::SetJobPriority
            | Action::DeleteJobOfAnyDialect
            | Action::PauseJob
            | Action::ResumeJob
            | Action::LimitJob
            | Action::RetryFailed
            | Action::WaitForRestore => false,
            Action::ListEndpoints
            | Action::LimitEndpoint
            | Action::StopEndpoint
            | Action::StartEndpoint
            | Action::ProbeEndpoint => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Setting>(text: &str) -> Result<T, String> {
        T::read(&Raw::Scalar(text.to_owned()))
    }

    #[test]
    fn durations_and_sizes_have_units() {
        assert_eq!(read("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(read("30 d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(read("1GiB"), Ok(Bytes(1 << 30)));
        assert_eq!(read("4096"), Ok(Bytes(4096)));
        for text in ["", "5", "0s", "-1s", "5 weeks", "99999999999999999999d"] {
            assert!(read::<Duration>(text).is_err(), "{text:?}");
        }
        for text in ["", "0", "5MB", "-1", "99999999999TiB"] {
            assert!(read::<Bytes>(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_endpoints_url_has_a_scheme_and_a_host_and_nothing_more() {
        assert_eq!(Url::parse("http://127.0.0.1:9000/").unwrap().as_str(), "http://127.0.0.1:9000");
        for text in ["", "127.0.0.1:9000", "ftp://a", "http://a/b", "http://u:p@a", "http://a?b", "/x", "http://"] {
            assert_eq!(Url::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_store_may_stand_below_a_path() {
        for (text, url) in [
            ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
            ("https://a/storage/v1/s3/", "https://a/storage/v1/s3"),
            ("http://[::1]:9000/s3", "http://[::1]:9000/s3"),
        ] {
            assert_eq!(StoreUrl::parse(text).unwrap().as_str(), url);
        }
        for text in
            ["", "a/b", "ftp://a/b", "http://u:p@a/b", "http://a/b?c", "http://a/b#c", "http://a//b", "http://a/../b"]
        {
            assert_eq!(StoreUrl::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_proxy_is_a_url_or_none_and_a_mistake_does_not_repeat_it() {
        assert_eq!(read("none"), Ok(ProxyUrl::None));
        let proxy: ProxyUrl = read("http://me:hush@p:3128").unwrap();
        assert_eq!(proxy.login(), Some(("me", true)));
        assert!(!format!("{proxy:?}").contains("me"));
        assert_eq!(read::<ProxyUrl>("http://me@p:3128").unwrap().login(), Some(("me", false)));
        assert_eq!(read::<ProxyUrl>("http://p:3128").unwrap().login(), None);
        for text in ["", "no", "p:3128", "https://p:3128", "socks5://me:hush@p:1"] {
            assert!(!read::<ProxyUrl>(text).unwrap_err().contains("hush"), "{text:?}");
        }
        assert_eq!(read::<HostPort>("[::1]:9000").unwrap().as_str(), "[::1]:9000");
        for text in ["", "a", ":1", "a:0", "u@a:1", "http://a:1"] {
            assert!(read::<HostPort>(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        let holds = |network: &str, address: &str| Network::parse(network).unwrap().holds(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("10.1.2.3/8", "10.9.9.9"), "an address within it names it, too");
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1"), "IPv4 that came over an IPv6 socket");
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("::/0", "::1") && holds("::/0", "1.2.3.4"));
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0/8", "proxy", "10.0.0.0/-1"] {
            assert_eq!(Network::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn metrics_are_at_an_address_or_off() {
        assert_eq!(read("off"), Ok(MetricsListen(None)));
        assert_eq!(read("127.0.0.1:8081"), Ok(MetricsListen(Some("127.0.0.1:8081".parse().unwrap()))));
        assert!(read::<MetricsListen>("no").is_err());
    }

    #[test]
    fn a_list_in_the_environment_is_separated_by_commas() {
        assert_eq!(read("copy, tag"), Ok(vec![OperationKind::Copy, OperationKind::Tagging]));
        assert!(read::<Vec<OperationKind>>("copy,fly").unwrap_err().contains("\"fly\" is not"));
    }
}
