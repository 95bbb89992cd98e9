//! Two accounts at one endpoint: the throughput of each as a share of what one alone gets.

use std::process::Command;
use std::time::Duration;

use brigade_bench::job::{moves_to_end, time_in};
use brigade_bench::{Conduct, Figures, Proxy, Stub};
use brigade_model::Status;
use brigade_tests::process::brigade;
use brigade_tests::scenario::text_of;
use brigade_tests::{Scenario, Server};

use crate::{COPY, Course};

/// What the store takes to copy an object: it is what two have to share, not our processor.
const EACH: Duration = Duration::from_micros(500);

/// The account that `brigade init` makes, and a second one.
#[derive(Clone, Copy)]
enum Account {
    First,
    Second,
}

/// Copies by one account, and by two beside each other.
pub(crate) fn measure(course: &Course) {
    for ms in &course.distances {
        let mut figures = Figures::default();
        for _ in 0..course.rounds {
            let alone = rates(&[Account::First], *ms, course.objects)[0];
            for (row, rate) in
                ["first", "second"].iter().zip(rates(&[Account::First, Account::Second], *ms, course.objects))
            {
                eprintln!("{ms} ms, {row}: {:.2} of {alone:.0} objects/s", rate / alone);
                figures.note(row, "share of what one alone gets", rate / alone);
            }
        }
        println!("\n{ms} ms away, {} copies by each of two accounts\n{figures}", course.objects);
    }
}

/// Objects a second of a job of each account, all at once.
fn rates(accounts: &[Account], ms: u64, objects: u64) -> Vec<f64> {
    let stub = Stub::with(Conduct { each: EACH, ..Conduct::default() });
    let proxy = Proxy::start(&stub.url, Duration::from_millis(ms));
    let store = Server::running("stub", &proxy.url, "stubkey", "stubsecret");
    let mut scenario = Scenario::configured(store, SECOND, &[]);
    let ids: Vec<_> = accounts.iter().map(|account| create(&scenario, *account, objects)).collect();
    let moves = moves_to_end(&mut scenario, &ids);
    let active = moves.iter().map(|moves| time_in(moves, Status::Active).expect("each was Active"));
    active.map(|active| objects as f64 / active.as_secs_f64()).collect()
}

/// The second account, as `brigade init` writes the first.
const SECOND: &str = r#"
[accounts.second.cos]
appid = "1250000002"
uin = "100000000002"

[accounts.second.keys.SECONDKEY]
secret = "second-secret"

[accounts.second.roles.batch.source]
endpoint = "main"
buckets = ["*"]
"#;

/// Creates a job of an account; gives its id.
fn create(scenario: &Scenario, account: Account, objects: u64) -> String {
    let mut command: Command = brigade();
    command.current_dir(scenario.directory.path()).env("BRIGADE_CONFIG", scenario.config());
    command.env("BRIGADE_CLIENT_URL", &scenario.url);
    if let Account::Second = account {
        command.envs([
            ("BRIGADE_CLIENT_APPID", "1250000002"),
            ("BRIGADE_CLIENT_UIN", "100000000002"),
            ("BRIGADE_CLIENT_SECRET_ID", "SECONDKEY"),
            ("BRIGADE_CLIENT_SECRET_KEY", "second-secret"),
            ("BRIGADE_CLIENT_ROLE", "batch"),
        ]);
    }
    let manifest = Stub::manifest(objects);
    command.args(["job", "create"]).args(COPY).args(["--manifest", &manifest, "--report", "s3://batch/reports"]);
    let output = command.output().expect("brigade can be started");
    assert!(output.status.success(), "{command:?}: {}", text_of(&output));
    String::from_utf8(output.stdout).expect("we print text").trim().to_owned()
}
