//! The permissions of the data directory, whatever the umask is and whatever was there before.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use brigade_model::Status;

use crate::test_service::{TestService, is_at_work};

/// What an operator's shell may have, and less than that.
const UMASKS: [&str; 2] = ["022", "000"];

fn everything_below(folder: &Path) -> Vec<PathBuf> {
    let mut paths = vec![folder.to_owned()];
    let mut seen = 0;
    while let Some(path) = paths.get(seen) {
        seen += 1;
        if path.is_dir() {
            let inside: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            paths.extend(inside);
        }
    }
    paths
}

/// What others than the owner may use. The service makes and removes files meanwhile.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mode = |path: &PathBuf| Some((path.clone(), fs::metadata(path).ok()?));
    let found = everything_below(folder).iter().filter_map(mode).collect::<Vec<_>>();
    let is_wide = |(_, metadata): &&(PathBuf, fs::Metadata)| {
        metadata.permissions().mode() & 0o7777 != if metadata.is_dir() { 0o700 } else { 0o600 }
    };
    let wide = found.iter().filter(is_wide);
    wide.map(|(path, metadata)| format!("{} {:o}", path.display(), metadata.permissions().mode())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_data_directory_is_its_owners_alone_whatever_the_umask_and_what_was_open_is_closed() {
    let mut service = TestService::start("").await;
    service.fill(400);
    let data = service.data();
    for umask in UMASKS {
        service.process.kill().unwrap();
        service.process.wait().unwrap();
        for path in everything_below(&data) {
            fs::set_permissions(&path, Permissions::from_mode(if path.is_dir() { 0o755 } else { 0o644 })).unwrap();
        }
        let under = ["sh", "-c", &format!("umask {umask}; exec \"$@\""), "sh"].map(str::to_owned);
        service.restart_under(&under, &[]);
        let job = service.tag(umask, 400, Some(100)).await;
        service.wait(job, is_at_work).await;
        let names: Vec<_> = everything_below(&data).iter().map(|path| path.display().to_string()).collect();
        for name in ["lock", "brigade.db", "brigade.db-wal", "brigade.db-shm", "spool/.partial"] {
            assert!(names.iter().any(|path| path.ends_with(name)), "{name}: {names:#?}");
        }
        assert!(names.iter().any(|path| path.contains(&format!("spool/{job}/"))), "{names:#?}");
        assert_eq!(open_to_others(&data), Vec::<String>::new(), "umask {umask}");
        assert_eq!(service.end(job).await.status, Status::Complete);
        assert_eq!(open_to_others(&data), Vec::<String>::new(), "umask {umask}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_data_directory_that_was_open_is_closed_with_a_word_and_a_closed_one_without() {
    let mut service = TestService::start("").await;
    let heard = |service: &TestService| service.said().matches("were accessible to other users").count();
    assert_eq!(heard(&service), 0);
    fs::set_permissions(service.data(), Permissions::from_mode(0o755)).unwrap();
    service.restart(&[]);
    assert_eq!(heard(&service), 1, "{}", service.said());
    service.restart(&[]);
    assert_eq!(heard(&service), 0, "{}", service.said());
}
