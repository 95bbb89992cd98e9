//! Where an endpoint's credentials come from.

/// Where the credentials of an endpoint come from. No other place is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialsFrom {
    /// `access_key` and `secret_key`.
    Keys,
    /// Variables of the environment.
    Environment,
    /// The AWS tools' files.
    Profile,
    /// IAM Identity Center, for a profile that a person has signed on with.
    Sso,
    /// STS, for a token in a file.
    WebIdentity,
    /// STS, for other credentials.
    AssumeRole,
    /// The agent of a container.
    Ecs,
    /// The metadata service of a machine.
    Imds,
    /// The output of a command.
    Process,
}

use CredentialsFrom::{AssumeRole, Ecs, Environment, Imds, Keys, Process, Profile, Sso, WebIdentity};

impl CredentialsFrom {
    /// Every way.
    pub const ALL: [CredentialsFrom; 9] =
        [Keys, Environment, Profile, Sso, WebIdentity, AssumeRole, Ecs, Imds, Process];

    /// The word in the configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Keys => "keys",
            Environment => "environment",
            Profile => "profile",
            Sso => "sso",
            WebIdentity => "web-identity",
            AssumeRole => "assume-role",
            Ecs => "ecs",
            Imds => "imds",
            Process => "process",
        }
    }
}
