//! Every target takes its corpus, and what mutation makes of it: the same mutations in every run.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use brigade_fuzz::{TARGETS, Target};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Mutations of each target in one run of the tests: some seconds in all.
const MUTATIONS: u32 = 2_000;

fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn every_target_has_a_corpus_and_takes_it() {
    for target in TARGETS {
        let seeds = corpus(target);
        assert!(!seeds.is_empty(), "{} has no corpus", target.name);
        for (path, bytes) in seeds {
            println!("{}", path.display());
            (target.check)(&bytes);
        }
    }
}

/// One change of an input, at a place given as a share of its length.
#[derive(Debug, Clone)]
enum Mutation {
    Flip(u16, u8),
    Cut(u16),
    Remove(u16, u8),
    Insert(u16, Vec<u8>),
    Repeat(u16, u8, u8),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let word =
        prop::sample::select(vec!["<", ">", "&", "\"", ",", "\n", "\r\n", "%", "%00", "+", "]]>", "\u{feff}", ";"]);
    prop_oneof![
        (any::<u16>(), any::<u8>()).prop_map(|(at, bits)| Mutation::Flip(at, bits)),
        any::<u16>().prop_map(Mutation::Cut),
        (any::<u16>(), any::<u8>()).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (any::<u16>(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Mutation::Insert(at, bytes)),
        (any::<u16>(), word).prop_map(|(at, word)| Mutation::Insert(at, word.into())),
        (any::<u16>(), any::<u8>(), 1..40_u8).prop_map(|(at, count, times)| Mutation::Repeat(at, count, times)),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let place = |at: &u16| usize::from(*at) * bytes.len() / (usize::from(u16::MAX) + 1);
    let piece = |at: &u16, count: &u8| place(at)..(place(at) + usize::from(*count)).min(bytes.len());
    match mutation {
        Mutation::Flip(at, bits) => {
            let at = place(at);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
        }
        Mutation::Cut(at) => bytes.truncate(place(at)),
        Mutation::Remove(at, count) => drop(bytes.drain(piece(at, count))),
        Mutation::Insert(at, more) => {
            let at = place(at);
            bytes.splice(at..at, more.iter().copied());
        }
        Mutation::Repeat(at, count, times) => {
            let piece = piece(at, count);
            let more = bytes[piece.clone()].repeat(usize::from(*times));
            bytes.splice(piece.end..piece.end, more);
        }
    }
}

#[test]
fn every_target_takes_what_mutation_makes_of_its_corpus() {
    for target in TARGETS {
        let seeds: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
        let input =
            (prop::sample::select(seeds), prop::collection::vec(mutation(), 1..5)).prop_map(|(seed, mutations)| {
                let mut bytes = seed;
                mutations.iter().for_each(|mutation| mutate(&mut bytes, mutation));
                bytes
            });
        let config = Config { cases: MUTATIONS, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let end = runner.run(&input, |bytes| {
            (target.check)(&bytes);
            Ok(())
        });
        assert!(end.is_ok(), "{}: {}", target.name, end.unwrap_err());
    }
}
