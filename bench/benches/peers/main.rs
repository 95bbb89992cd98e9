//! Us beside other clients: the same work on the same server, in turns, in one run.
//!
//! ```text
//! cargo build --release
//! cargo bench -p brigade-bench --bench peers -- rustack  # copying and tagging 20,000 objects
//! cargo bench -p brigade-bench --bench peers -- ceph     # the same on Ceph RGW
//! cargo bench -p brigade-bench --bench peers -- deletes  # deleting 100,000 objects of rustack
//! ```
//!
//! `--rounds N` takes N rounds in place of 3, `--objects N` as many objects, `--ours` nobody but us,
//! as a profiler wants it (`perf record -g -p PID` of the process that is told). In each round
//! everybody has a turn, and each round begins with another, so that what else the machine does hits
//! all alike. A turn of ours is a whole job of the released `brigade serve`, as its configuration comes from `brigade init`: from
//! the command that creates it to the end of its report on every task, with the CPU time of both.
//! A turn of a peer is the run of its program. After each turn the objects are looked at.
#![allow(missing_docs)]

mod contest;
mod peer;

use std::process::exit;

use brigade_tests::Server;

use crate::contest::Contest;
use crate::peer::Peer;

const USAGE: &str = "arguments: rustack|ceph|deletes [--rounds N] [--objects N] [--ours]";

fn main() {
    // cargo adds `--bench`.
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let (mut what, mut rounds, mut objects, mut is_ours_alone) = (None, 3, None, false);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|number| number.parse().ok()).unwrap_or_else(|| give_up());
        match word.as_str() {
            "--rounds" => rounds = number(),
            "--objects" => objects = Some(number()),
            "--ours" => is_ours_alone = true,
            "rustack" | "ceph" | "deletes" if what.is_none() => what = Some(word),
            _ => give_up(),
        }
    }
    let (server, default_objects): (fn() -> Server, _) = match what.as_deref() {
        Some("rustack") => (Server::rustack, 20_000),
        Some("ceph") => (Server::ceph, 20_000),
        Some("deletes") => (Server::rustack, 100_000),
        _ => give_up(),
    };
    let takes_part = |peer: &Peer| *peer == Peer::Ours || !is_ours_alone;
    let mut contest = Contest::on(server(), objects.unwrap_or(default_objects));
    let operations: &[(&'static str, &[Peer])] = match what.as_deref() {
        Some("deletes") => &[("delete", &Peer::DELETES)],
        _ => &[("copy", &Peer::COPIES), ("tag", &Peer::TAGS)],
    };
    // What rustack has held makes it slow, so each turn has a new one. Ceph takes long to start.
    let (is_kept, mut is_new) = (what.as_deref() == Some("ceph"), true);
    for round in 0..rounds {
        for (operation, peers) in operations {
            for peer in in_turn(peers, round).filter(takes_part) {
                if !is_kept && !is_new {
                    contest.move_to(server());
                }
                contest.take_turn(operation, peer, round);
                is_new = false;
            }
        }
    }
    contest.tell();
}

fn give_up() -> ! {
    eprintln!("{USAGE}");
    exit(2);
}

/// All of them; each round begins with another.
fn in_turn(peers: &[Peer], round: u64) -> impl Iterator<Item = Peer> {
    let first = round as usize % peers.len();
    peers.iter().cycle().skip(first).take(peers.len()).copied()
}
