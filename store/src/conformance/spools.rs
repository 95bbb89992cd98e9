//! What a spool promises.

use brigade_model::ports::spool::{Spool, SpoolError};
use bytes::Bytes;

const A: Bytes = Bytes::from_static(b"first");
const B: Bytes = Bytes::from_static(b"second, longer");

pub(super) async fn a_file_is_read_back_as_it_was_written(spool: &mut dyn Spool) {
    let large = Bytes::from(vec![7; 300_000]);
    for (name, bytes) in [("a", A), ("job-1/slice-0.zst", large), ("job-1/empty", Bytes::new())] {
        spool.write(name, bytes.clone()).await.unwrap();
        assert_eq!(spool.read(name).await.unwrap(), bytes);
    }
}

pub(super) async fn a_file_written_again_is_replaced(spool: &mut dyn Spool) {
    spool.write("j/a", A).await.unwrap();
    spool.write("j/a", B).await.unwrap();
    assert_eq!(spool.read("j/a").await.unwrap(), B);
    assert_eq!(spool.list("").await.unwrap(), ["j/a"]);
}

pub(super) async fn a_file_that_does_not_exist_is_not_found(spool: &mut dyn Spool) {
    spool.write("j/a", A).await.unwrap();
    for name in ["b", "j", "j/b", "k/a", "j/a/b"] {
        let missing = spool.read(name).await;
        assert!(matches!(&missing, Err(SpoolError::NotFound(of)) if of == name), "{missing:?}");
    }
}

pub(super) async fn removing_what_does_not_exist_succeeds(spool: &mut dyn Spool) {
    spool.remove("k/a").await.unwrap();
    spool.write("j/a", A).await.unwrap();
    spool.remove("j/a").await.unwrap();
    spool.remove("j/a").await.unwrap();
    assert!(matches!(spool.read("j/a").await, Err(SpoolError::NotFound(_))));
    assert_eq!(spool.list("").await.unwrap(), [""; 0]);
}

pub(super) async fn a_name_that_would_leave_the_spool_is_refused(spool: &mut dyn Spool) {
    for name in ["", "..", "../a", "/a", "a/../../b", "A", "a b", ".a"] {
        assert!(matches!(spool.write(name, A).await, Err(SpoolError::BadName(_))), "{name:?}");
        assert!(matches!(spool.read(name).await, Err(SpoolError::BadName(_))), "{name:?}");
        assert!(matches!(spool.remove(name).await, Err(SpoolError::BadName(_))), "{name:?}");
    }
}

pub(super) async fn files_are_listed_by_prefix_in_order(spool: &mut dyn Spool) {
    for name in ["job-2/b", "job-10/a", "job-2/a", "job-2/a.zst", "x"] {
        spool.write(name, A).await.unwrap();
    }
    assert_eq!(spool.list("").await.unwrap(), ["job-10/a", "job-2/a", "job-2/a.zst", "job-2/b", "x"]);
    assert_eq!(spool.list("job-2/").await.unwrap(), ["job-2/a", "job-2/a.zst", "job-2/b"]);
    assert_eq!(spool.list("job-2/a").await.unwrap(), ["job-2/a", "job-2/a.zst"]);
    assert_eq!(spool.list("job-3").await.unwrap(), [""; 0]);
}

pub(super) async fn bytes_used_are_those_of_the_files_that_are_there(spool: &mut dyn Spool) {
    assert_eq!(spool.bytes_used().await.unwrap(), 0);
    spool.write("j/a", A).await.unwrap();
    spool.write("j/b", B).await.unwrap();
    assert_eq!(spool.bytes_used().await.unwrap(), (A.len() + B.len()) as u64);
    spool.write("j/a", B).await.unwrap();
    spool.remove("j/b").await.unwrap();
    assert_eq!(spool.bytes_used().await.unwrap(), B.len() as u64);
}
