//! `[accounts.<name>]`: who may create jobs, with which keys, and what its roles allow.

use std::path::PathBuf;
use std::time::Duration;

use brigade_model::operation::OperationKind;
use brigade_model::{Quota, Timestamp};

use crate::secret::SecretSource;
use crate::section::section;
use crate::value::{Action, Bytes, StoreUrl};

section! {
    /// Who may create jobs. Accounts never see each other's jobs. There are no default keys.
    pub struct Account {
        /// Who it is in the COS dialect.
        required_table cos: CosAccount,
        /// Who it is in the S3 Control dialect.
        maybe s3control: S3ControlAccount,
        /// Its access keys, by id; two at once make a rotation.
        named keys: AccessKey,
        /// Its roles, by name.
        named roles: Role,
        /// The functions that its jobs may call, by names that nothing else uses.
        named functions: Function,
        /// Who grantees of COS are on endpoints of another kind: `"100000000001" = "<id>"` gives the store's own
        /// id of a user (on S3 the canonical id) to the uin of grantees such as qcs::cam::uin/100000000001:uin/100000000001.
        /// A job that grants something to a uin that is not named here is refused there.
        map grantees: String,
        /// Jobs that have not ended, instead of engine.open_jobs_max.
        optional open_jobs_max: usize,
        /// Jobs, instead of engine.jobs_listed_max.
        optional jobs_listed_max: u64,
        /// Jobs created within a minute, instead of engine.jobs_per_minute_max.
        optional jobs_per_minute_max: usize,
        /// Bytes of slices and outcomes, instead of engine.account_bytes_max.
        optional account_bytes_max: Bytes,
    }
}

section! {
    /// What the command line reads of an account: where the roles of its own have their places.
    pub struct AccountOfClient {
        /// Who it is.
        required_table cos: CosAccount,
        /// Its roles, by name.
        named roles: Role,
    }
}

section! {
    /// Who the account is in the COS dialect; every account must say it. `appid` and `uin` in `[accounts.<name>]` itself,
    /// where they stood before, are still read, with a warning.
    pub struct CosAccount {
        /// What the account's requests say in x-cos-appid.
        required appid: String,
        /// The account's number in names of roles.
        required uin: String,
    }
}

section! {
    /// Who the account is in the S3 Control dialect; an account without it cannot use that. `account_id` in `[accounts.<name>]` itself,
    /// where it stood before, is still read, with a warning.
    pub struct S3ControlAccount {
        /// The account's number, 12 digits: what its requests say in x-amz-account-id, and in names of roles and jobs.
        required account_id: String,
    }
}

/// Settings that stood in `[accounts.<name>]` itself, each with the section of the account that holds it now.
pub(super) const MOVED: [(&str, &str); 3] = [("appid", "cos"), ("uin", "cos"), ("account_id", "s3control")];

section! {
    /// An access key; its name is the key's id.
    pub struct AccessKey {
        /// The key's secret.
        secret secret: SecretSource,
        /// What the key may do: names such as cos:CreateJob, s3:CreateJob or brigade:PauseJob, or `*` for all that
        /// concerns the account alone. What concerns all accounts is given by name only:
        /// brigade:ListEndpoints, LimitEndpoint, StopEndpoint, StartEndpoint, ProbeEndpoint.
        default actions: Vec<Action> = "*",
        /// The token that requests of a temporary key must carry.
        secret security_token: SecretSource,
        /// When the temporary key ends.
        optional security_token_expires: Timestamp,
    }
}

section! {
    /// What jobs may do in the role's name, and where. The target, the manifest's and the
    /// report's place are the source's in everything that they do not say themselves.
    pub struct Role {
        /// The operations that the role may carry out.
        default operations: Vec<OperationKind> = "copy, restore, wait-for-restore, delete, tag",
        /// Where the objects lie.
        table source: Place,
        /// Where copies go.
        maybe target: Place,
        /// Where manifests lie.
        maybe manifest: Place,
        /// Where reports go.
        maybe report: Place,
    }
}

section! {
    /// An endpoint and what may be touched there. The source must name its endpoint and its
    /// buckets.
    pub struct Place {
        /// The endpoint's name.
        optional endpoint: String,
        /// An access key of its own, instead of the endpoint's.
        optional access_key: String,
        /// The access key's secret.
        secret secret_key: SecretSource,
        /// The token of temporary credentials.
        secret session_token: SecretSource,
        /// Buckets by their names at the store; one that ends with `*` stands for all that begin alike.
        optional buckets: Vec<String>,
    }
}

section! {
    /// A function that jobs of the account may call for each object (the operation `invoke`): invocations are posted
    /// to its `url`. The service calls no other.
    pub struct Function {
        /// What jobs call it, such as arn:aws:lambda:us-east-1:123456789012:function:thumbnail.
        required arn: String,
        /// Where it is.
        required url: StoreUrl,
        /// How long an invocation may take, 10m at most.
        default timeout: Duration = "60s",
        /// Invocations in flight at most, over all jobs of a process.
        default concurrency: u32 = "64",
        /// What invocations are signed with: `x-brigade-signature` holds the HMAC-SHA256 of the body.
        secret secret: SecretSource,
        /// Certificates in PEM form to trust besides the system's: of authorities, or the function's own.
        optional ca_file: PathBuf,
    }
}

impl Account {
    /// What it may take: the default, as far as it says nothing else.
    #[must_use]
    pub fn quota(&self, default: &Quota) -> Quota {
        Quota {
            open_jobs_max: self.open_jobs_max.unwrap_or(default.open_jobs_max),
            jobs_listed_max: self.jobs_listed_max.unwrap_or(default.jobs_listed_max),
            jobs_per_minute_max: self.jobs_per_minute_max.unwrap_or(default.jobs_per_minute_max),
            bytes_max: self.account_bytes_max.map_or(default.bytes_max, |bytes| bytes.0),
        }
    }

    pub(super) fn secrets(&self) -> Vec<&Option<SecretSource>> {
        let keys = self.keys.values().flat_map(|key| [&key.secret, &key.security_token]);
        let places = self.roles.values().flat_map(Role::places);
        let functions = self.functions.values().map(|function| &function.secret);
        let places = places.flat_map(|(_, place)| [&place.secret_key, &place.session_token]);
        keys.chain(places).chain(functions).collect()
    }
}

impl Role {
    /// The places on that endpoint that name a bucket, rather than a pattern, with its name.
    pub fn buckets_at<'a>(&'a self, endpoint: &'a str) -> impl Iterator<Item = (&'a Place, &'a str)> {
        let is_there = move |place: &Place| {
            place.endpoint.as_ref().or(self.source.endpoint.as_ref()).is_some_and(|name| name == endpoint)
        };
        self.places().filter(move |(_, place)| is_there(place)).flat_map(|(_, place)| {
            let buckets = place.buckets.as_ref().or(self.source.buckets.as_ref()).into_iter().flatten();
            buckets.filter(|bucket| !bucket.ends_with('*')).map(move |bucket| (place, bucket.as_str()))
        })
    }

    /// The places that are given, with their names.
    pub fn places(&self) -> impl Iterator<Item = (&'static str, &Place)> {
        [
            ("source", Some(&self.source)),
            ("target", self.target.as_ref()),
            ("manifest", self.manifest.as_ref()),
            ("report", self.report.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, place)| place.map(|place| (name, place)))
    }
}
