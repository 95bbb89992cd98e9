//! A new user's scenario: an object store, a configuration written by `brigade init`, the service as a
//! process of its own, and its clients.

use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::process::{Process, brigade, python_program};
use crate::server::Server;

/// The account of S3 Batch Operations in every configuration that `brigade init` writes.
pub const ACCOUNT_ID: &str = "123456789012";

/// A running store and a running service, on a directory that the scenario removes at its end.
pub struct Scenario {
    /// Holds the configuration and the data.
    pub directory: TempDir,
    /// The object store.
    pub store: Server,
    /// The service's URL.
    pub url: String,
    /// The URL of its metrics.
    pub metrics_url: String,
    /// The service.
    pub service: Process,
}

impl Scenario {
    /// Starts everything, with moto as the object store.
    ///
    /// # Panics
    /// When a part of it does not start.
    #[must_use]
    pub fn start() -> Self {
        Self::on(Server::moto())
    }

    /// Starts the service on this object store.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn on(store: Server) -> Self {
        Self::with(store, &[])
    }

    /// Starts the service on this object store, with these settings in its environment.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn with(store: Server, settings: &[(&str, String)]) -> Self {
        Self::configured(store, "", settings)
    }

    /// The same, with more sections below those that `brigade init` writes.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn configured(store: Server, sections: &str, settings: &[(&str, String)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let config = directory.path().join("brigade.toml");
        // brigade init --endpoint http://127.0.0.1:5000 --access-key KEY --secret-key SECRET --out brigade.toml
        let written = brigade()
            .current_dir(directory.path())
            .args([
                "init",
                "--endpoint",
                &store.url,
                "--access-key",
                store.access_key,
                "--secret-key",
                store.secret_key,
            ])
            .args(["--listen", "127.0.0.1:0", "--out"])
            .arg(&config)
            .output()
            .expect("brigade can be started");
        assert!(written.status.success(), "{}", text_of(&written));
        // Scenarios run in parallel.
        let text = std::fs::read_to_string(&config).expect("init wrote it");
        let text = text.replace("[server]\n", "[server]\nmetrics_listen = \"127.0.0.1:0\"\n");
        std::fs::write(&config, text + sections).expect("it can be written again");
        let (service, metrics_url, url) = serve(&config, directory.path().into(), settings);
        Self { directory, store, url, metrics_url, service }
    }

    /// The configuration's file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.directory.path().join("brigade.toml")
    }

    /// Starts the service again, after it has ended.
    pub fn restart(&mut self) {
        (self.service, self.metrics_url, self.url) = serve(&self.config(), self.directory.path().into(), &[]);
    }

    /// Our command line, with this scenario's configuration.
    #[must_use]
    pub fn brigade(&self, arguments: &[&str]) -> Output {
        brigade()
            .current_dir(self.directory.path())
            .env("BRIGADE_CONFIG", self.config())
            .env("BRIGADE_CLIENT_URL", &self.url)
            .args(arguments)
            .output()
            .expect("brigade can be started")
    }

    /// Our command line, which must succeed; gives what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn told(&self, arguments: &[&str]) -> String {
        let output = self.brigade(arguments);
        assert!(output.status.success(), "brigade {}: {}", arguments.join(" "), text_of(&output));
        String::from_utf8(output.stdout).expect("we print text")
    }

    /// A Python program with everything about the scenario in its environment, which must succeed.
    ///
    /// # Panics
    /// When it fails.
    pub fn python(&self, program: &str) -> String {
        self.run(python_program("python").arg("-c").arg(program))
    }

    /// A program with everything about the scenario in its environment, which must succeed.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, program: &mut Command) -> String {
        let client = self.client();
        let value = |name: &str| client.get(name).and_then(toml::Value::as_str).unwrap_or_default().to_owned();
        let output = program
            .env("BATCH_URL", &self.url)
            .env("METRICS_URL", &self.metrics_url)
            .envs(self.store.environment())
            .envs([("APPID", value("appid")), ("UIN", value("uin")), ("ROLE", value("role"))])
            .env("ACCOUNT_ID", ACCOUNT_ID)
            .envs([("SECRET_ID", value("secret_id")), ("SECRET_KEY", value("secret_key"))])
            .output()
            .unwrap_or_else(|error| panic!("{program:?} cannot be started: {error}"));
        assert!(output.status.success(), "{}", text_of(&output));
        String::from_utf8(output.stdout).expect("the program prints text")
    }

    /// What the configuration says of clients.
    ///
    /// # Panics
    /// When the configuration is none.
    #[must_use]
    pub fn client(&self) -> toml::Table {
        let text = std::fs::read_to_string(self.config()).expect("the configuration can be read");
        let config: toml::Table = text.parse().expect("the configuration is TOML");
        config["client"].as_table().expect("init writes a client section").clone()
    }
}

/// The service, and the URLs of its metrics and of itself.
fn serve(config: &std::path::Path, directory: PathBuf, settings: &[(&str, String)]) -> (Process, String, String) {
    let mut command: Command = brigade();
    // brigade serve --config brigade.toml
    command.current_dir(directory).arg("serve").arg("--config").arg(config);
    command.env("BRIGADE_SERVER_LOG_FORMAT", "text");
    command.envs(settings.iter().map(|(name, value)| (*name, value)));
    let mut service = Process::start(&mut command);
    let mut url_at = |word: &str| {
        service.wait_for(|line| {
            let address = line.split("127.0.0.1:").nth(1).filter(|_| line.contains(word))?;
            let port: String = address.chars().take_while(char::is_ascii_digit).collect();
            Some(format!("http://127.0.0.1:{port}"))
        })
    };
    let (metrics_url, url) = (url_at("metrics listening"), url_at("API listening"));
    (service, metrics_url, url)
}

/// What a command printed, for a person.
#[must_use]
pub fn text_of(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))
}
