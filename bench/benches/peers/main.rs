//! Us beside other clients: the same work on the same server, in turns, in one run.
//!
//! ```text
//! cargo build --release
//! cargo bench -p brigade-bench --bench peers -- rustack  # copying and tagging 20,000 objects
//! cargo bench -p brigade-bench --bench peers -- ceph     # the same on Ceph RGW
//! cargo bench -p brigade-bench --bench peers -- deletes  # deleting 100,000 objects of rustack
//! ```
//!
//! `--rounds N` takes N rounds in place of 3, `--objects N` as many objects. In each round
//! everybody has a turn, so that what else the machine does hits all alike. A turn of ours is a
//! whole job of the released `brigade serve`, as its configuration comes from `brigade init`: from
//! the command that creates it to the end of its report on every task, with the CPU time of both.
//! A turn of a peer is the run of its program. After each turn the objects are looked at.
#![allow(missing_docs)]

mod contest;
mod peer;

use std::process::exit;

use brigade_tests::Server;

use crate::contest::Contest;
use crate::peer::Peer;

const USAGE: &str = "arguments: rustack|ceph|deletes [--rounds N] [--objects N]";

fn main() {
    // cargo adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let (mut what, mut rounds, mut objects) = (None, 3, None);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|number| number.parse().ok()).unwrap_or_else(|| give_up());
        match word.as_str() {
            "--rounds" => rounds = number(),
            "--objects" => objects = Some(number()),
            "rustack" | "ceph" | "deletes" if what.is_none() => what = Some(word),
            _ => give_up(),
        }
    }
    match what.as_deref() {
        Some("rustack") => copies_and_tags(Server::rustack(), objects.unwrap_or(20_000), rounds),
        Some("ceph") => copies_and_tags(Server::ceph(), objects.unwrap_or(20_000), rounds),
        Some("deletes") => deletes(Server::rustack(), objects.unwrap_or(100_000), rounds),
        _ => give_up(),
    }
}

fn give_up() -> ! {
    eprintln!("{USAGE}");
    exit(2);
}

fn copies_and_tags(server: Server, objects: u64, rounds: u64) {
    let mut contest = Contest::on(server, objects);
    contest.put_objects();
    for round in 0..rounds {
        for peer in Peer::COPIES {
            contest.copy(peer, round);
        }
        for peer in Peer::TAGS {
            contest.tag(peer);
        }
    }
    contest.tell("copy");
    contest.tell("tag");
    contest.tell_statuses();
}

fn deletes(server: Server, objects: u64, rounds: u64) {
    let mut contest = Contest::on(server, objects);
    for _ in 0..rounds {
        for peer in Peer::DELETES {
            contest.put_objects();
            contest.delete(peer);
        }
    }
    contest.tell("delete");
    contest.tell_statuses();
}
