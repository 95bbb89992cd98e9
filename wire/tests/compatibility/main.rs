//! Renders what of each dialect is served, for `docs/compatibility.md`: the tables say which requests are sent, and the
//! decoders what becomes of each field. `BRIGADE_RENDER=1` writes `fixtures/compatibility/dialects.md` anew; the
//! page has its text (`tests/tests/servers/page.rs`).
#![allow(clippy::unwrap_used)]

mod cos;
mod dialect;
mod s3control;

use std::path::PathBuf;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/compatibility/dialects.md")
}

#[test]
fn the_tables_of_the_dialects_say_what_becomes_of_each_action_operation_and_field() {
    let rendered = s3control::render() + &cos::render();
    if std::env::var_os("BRIGADE_RENDER").is_some() {
        std::fs::write(path(), &rendered).unwrap();
    }
    let kept = std::fs::read_to_string(path()).unwrap_or_default();
    assert_eq!(
        kept, rendered,
        "render them anew: BRIGADE_RENDER=1 cargo nextest run -p brigade-wire --test compatibility, and the same of the \
         page: -p brigade-tests --test servers page"
    );
}
