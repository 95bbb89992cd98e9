//! The fuzz targets: one for each decoder of foreign bytes, as a function that takes any bytes and
//! panics only when the decoder breaks a promise.
//!
//! A target decodes its bytes; a decoded value it encodes, decodes again, and compares.
//! `tests/corpus.rs` gives each target its corpus (`fuzz/corpus/<target>`) and simple mutations of it;
//! `libfuzzer/` hands the same functions to libFuzzer, which searches for further inputs. Its finds
//! become files of the corpus.

mod answers;
mod cos_queries;
mod cos_requests;
mod cos_results;
mod cos_signature;
mod inventories;
mod manifest_rows;
mod outcomes;
mod parquet_parts;
mod resource_names;
mod s3control_requests;
mod s3control_signature;
mod slices;

/// One target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is the name of its corpus too.
    pub name: &'static str,
    /// Decodes any bytes.
    pub check: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident)*) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), check: $name::check },)*];
    };
}

targets! {
    answers cos_queries cos_requests cos_results cos_signature inventories manifest_rows outcomes parquet_parts
    resource_names s3control_requests s3control_signature slices
}

/// The target of that name.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn target(name: &str) -> Target {
    *TARGETS.iter().find(|target| target.name == name).expect("the table names every target")
}

/// The first byte as a number below `choices`, and the rest: how an input chooses among cases.
fn choose(bytes: &[u8], choices: usize) -> (usize, &[u8]) {
    match bytes.split_first() {
        Some((first, rest)) => (usize::from(*first) % choices, rest),
        None => (0, bytes),
    }
}
