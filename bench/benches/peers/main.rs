//! Our client beside others: the same work on the same server, in turns, in one run.
//!
//! ```text
//! cargo build --release
//! cargo bench -p brigade-bench --bench peers -- rustack  # copying and tagging 20,000 objects
//! cargo bench -p brigade-bench --bench peers -- ceph     # the same on Ceph RGW
//! cargo bench -p brigade-bench --bench peers -- deletes  # deleting 100,000 objects of rustack
//! ```
//!
//! `--rounds N` takes N rounds in place of 3, `--objects N` as many objects, `--ours` only our client,
//! for a profiler (`perf record -g -p PID` of the process that it prints). In each round every client
//! has a turn, and each round begins with another, so that other load on the machine hits all alike. A
//! turn of ours is a whole job of the released `brigade serve`, configured by `brigade init`: from the
//! command that creates it to the end of its report on every task, with the CPU time of both. A turn of
//! a peer is the run of its program. After each turn the benchmark checks the objects.
#![allow(missing_docs)]

mod contest;

use std::process::exit;

use brigade_bench::peer::Peer;
use brigade_tests::Server;

use crate::contest::Contest;

/// One operation on all objects, by one of those who take part.
type Turn = fn(&mut Contest, Peer);

/// What is measured, and where.
struct Course {
    name: &'static str,
    server: fn() -> Server,
    /// One server for all turns: Ceph takes long to start. What rustack has held makes it slow,
    /// so each turn on it has a new one.
    is_kept: bool,
    objects: u64,
    operations: &'static [(Turn, &'static [Peer])],
}

const COPIES_AND_TAGS: &[(Turn, &[Peer])] = &[(Contest::copy, &Peer::COPIES), (Contest::tag, &Peer::TAGS)];
const DELETES: &[(Turn, &[Peer])] = &[(Contest::delete, &Peer::DELETES)];

const COURSES: [Course; 3] = [
    Course { name: "rustack", server: Server::rustack, is_kept: false, objects: 20_000, operations: COPIES_AND_TAGS },
    Course { name: "ceph", server: Server::ceph, is_kept: true, objects: 20_000, operations: COPIES_AND_TAGS },
    Course { name: "deletes", server: Server::rustack, is_kept: false, objects: 100_000, operations: DELETES },
];

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
            _ if what.is_none() => what = Some(word),
            _ => give_up(),
        }
    }
    let course = COURSES.iter().find(|course| what.as_deref() == Some(course.name)).unwrap_or_else(|| give_up());
    let turns = (0..rounds).flat_map(|round| course.turns(round));
    let turns = turns.filter(|(_, peer)| *peer == Peer::Ours || !is_ours_alone);
    let mut contest = Contest::on((course.server)(), objects.unwrap_or(course.objects));
    for (n, (take, peer)) in turns.enumerate() {
        if n > 0 && !course.is_kept {
            contest.move_to((course.server)());
        }
        take(&mut contest, peer);
    }
    contest.tell();
}

fn give_up() -> ! {
    eprintln!("{USAGE}");
    exit(2);
}

impl Course {
    /// The turns of a round; each round begins with another peer.
    fn turns(&self, round: u64) -> impl Iterator<Item = (Turn, Peer)> {
        self.operations.iter().flat_map(move |&(take, peers)| {
            let first = round as usize % peers.len();
            peers.iter().cycle().skip(first).take(peers.len()).map(move |peer| (take, *peer))
        })
    }
}
