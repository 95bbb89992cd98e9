//! The adaptive limit against models of stores, in simulated time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::*;

/// A store of a model: a distance, so many servers that take so long each, and a rate beyond which
/// it asks to slow down.
#[derive(Clone, Copy)]
struct Model {
    distance_us: u64,
    servers: usize,
    service_us: u64,
    /// Answered with "slow down" beyond so many a second.
    rate: Option<f64>,
    /// Answered with "slow down" when so many are in the store already.
    room: Option<usize>,
    /// Answered with "slow down" beyond so many in each second of the clock.
    quota: Option<u64>,
    /// It has room for so many connections.
    connections: Option<u32>,
}

const FAR: Model = Model {
    distance_us: 30_000,
    servers: 100_000,
    service_us: 300,
    rate: None,
    room: None,
    quota: None,
    connections: None,
};

struct World {
    adaptive: Adaptive,
    cap: u32,
    now: u64,
    in_flight: u32,
    /// When an answer comes, when it was sent, and whether it says yes.
    coming: BinaryHeap<Reverse<(u64, u64, bool)>>,
    /// When each server is free.
    servers: BinaryHeap<Reverse<u64>>,
    next_start: f64,
    tokens: f64,
    filled: u64,
    /// The second of the clock, and what was taken in it.
    taken: (u64, u64),
    noise: u64,
    is_exact: bool,
    yes: u64,
    no: u64,
}

impl World {
    fn new(limit: u32) -> Self {
        Self {
            adaptive: Adaptive::starting_at(limit),
            cap: 1024,
            now: 1_000_000,
            in_flight: 0,
            coming: BinaryHeap::new(),
            servers: BinaryHeap::new(),
            next_start: 0.0,
            tokens: 0.0,
            filled: 0,
            taken: (0, 0),
            noise: 1,
            is_exact: false,
            yes: 0,
            no: 0,
        }
    }

    /// Some noise of a tenth: an answer is never as fast as the one before.
    fn noise(&mut self, of: u64) -> u64 {
        if self.is_exact {
            return of;
        }
        self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        of + (self.noise >> 33) % (of / 5 + 1)
    }

    fn start(&mut self, model: &Model) {
        let sent = (self.next_start as u64).max(self.now);
        if let Some(pace) = self.adaptive.pace() {
            self.next_start = self.next_start.max(self.now as f64 - 5_000.0) + 1e6 / pace;
        }
        self.in_flight += 1;
        let there = sent + self.noise(model.distance_us / 2);
        // A call that is answered leaves its connection to the next.
        let refused = || self.coming.iter().filter(|Reverse((.., is_yes))| !is_yes).count();
        if model.connections.is_some_and(|most| self.in_flight as usize - refused() > most as usize) {
            return self.coming.push(Reverse((there + model.distance_us / 2, sent, false)));
        }
        if let Some(rate) = model.rate {
            self.tokens = (self.tokens + (there.saturating_sub(self.filled)) as f64 * rate / 1e6).min(rate / 20.0);
            self.filled = self.filled.max(there);
            if self.tokens < 1.0 {
                return self.coming.push(Reverse((there + model.distance_us / 2, sent, false)));
            }
            self.tokens -= 1.0;
        }
        if let Some(quota) = model.quota {
            let second = there / 1_000_000;
            self.taken = if self.taken.0 == second { (second, self.taken.1 + 1) } else { (second, 1) };
            if self.taken.1 > quota {
                return self.coming.push(Reverse((there + model.distance_us / 2, sent, false)));
            }
        }
        let busy = self.servers.iter().filter(|Reverse(until)| *until > there).count();
        if model.room.is_some_and(|room| busy >= room) {
            return self.coming.push(Reverse((there + model.distance_us / 2, sent, false)));
        }
        while self.servers.len() >= model.servers || self.servers.peek().is_some_and(|Reverse(free)| *free <= there) {
            let Some(Reverse(free)) = self.servers.pop() else { break };
            if free > there {
                let done = free + self.noise(model.service_us);
                self.servers.push(Reverse(done));
                return self.coming.push(Reverse((done + model.distance_us / 2, sent, true)));
            }
        }
        let done = there + self.noise(model.service_us);
        self.servers.push(Reverse(done));
        self.coming.push(Reverse((done + model.distance_us / 2, sent, true)));
    }

    /// Asks as much as the limit allows for so long; gives yeses and noes.
    fn run(&mut self, model: &Model, millis: u64) -> (u64, u64) {
        let (yes, no) = (self.yes, self.no);
        let end = self.now + millis * 1000;
        while self.now < end {
            let may_start = |world: &Self| world.in_flight == 0 || (world.next_start as u64) < world.now + 50_000;
            while self.in_flight < self.adaptive.limit(self.cap) && may_start(self) {
                self.start(model);
            }
            let Some(Reverse((at, sent, is_yes))) = self.coming.pop() else { panic!("nothing is in flight") };
            self.now = self.now.max(at);
            let load = match is_yes {
                true => Load::Answered,
                false if model.connections.is_some() => Load::NoRoom,
                false => Load::SlowDown,
            };
            let time = |us: u64| Monotonic(Duration::from_micros(us));
            let (now, sent, in_flight, cap) = (time(self.now), time(sent), self.in_flight, self.cap);
            self.adaptive.learn(Sample { now, sent, units: 1, in_flight, cap, load });
            self.in_flight -= 1;
            if is_yes { self.yes += 1 } else { self.no += 1 }
        }
        (self.yes - yes, self.no - no)
    }
}

/// Answers that the best fixed number gives in so long: what the servers do, or what 1,024 in flight can.
fn best_fixed(model: &Model, millis: u64) -> u64 {
    // The noise of a fifth is a tenth in the mean.
    let (service, distance) = (model.service_us as f64 * 1.1, model.distance_us as f64 * 1.05);
    let servers = model.servers as f64 / service;
    let flight = 1024.0 / (service + distance);
    let rate = model.rate.map_or(f64::MAX, |rate| rate / 1e6);
    (servers.min(flight).min(rate) * millis as f64 * 1000.0) as u64
}

#[test]
fn the_limit_finds_nearly_what_the_best_fixed_number_gives_at_any_distance_start_included() {
    for distance_us in [1_000, 10_000, 30_000, 100_000] {
        for (servers, service_us) in [(1, 80), (8, 1_000), (40, 5_000)] {
            let model = Model { distance_us, servers, service_us, ..FAR };
            let millis = 6_000;
            let (ours, best) = (World::new(FIRST_LIMIT).run(&model, millis).0, best_fixed(&model, millis));
            let share = ours as f64 / best as f64;
            let wanted = if distance_us > 30_000 { 0.8 } else { 0.9 };
            assert!(share > wanted, "{distance_us} us, {servers} servers of {service_us} us: {ours} of {best}");
        }
    }
}

#[test]
fn the_limit_settles_near_what_is_needed_where_more_in_flight_only_wait() {
    for (distance_us, servers, service_us, needed) in
        [(30_000, 1, 250, 121), (10_000, 8, 1_000, 88), (1_000, 4, 2_000, 6)]
    {
        let model = Model { distance_us, servers, service_us, ..FAR };
        let mut world = World::new(FIRST_LIMIT);
        world.run(&model, 20_000);
        let limit = world.adaptive.limit(world.cap);
        assert!((needed * 3 / 4..needed * 3).contains(&limit), "{distance_us}: {limit} where {needed} are needed");
    }
}

#[test]
fn a_store_that_asks_to_slow_down_beyond_a_rate_is_used_nearly_whole_and_seldom_says_so() {
    for distance_us in [1_000, 10_000, 30_000, 100_000] {
        let model = Model { distance_us, rate: Some(3_500.0), ..FAR };
        let mut world = World::new(FIRST_LIMIT);
        let (yes, no) = world.run(&model, 14_000);
        let (used, refused) = (yes as f64 / (14.0 * 3_500.0), no as f64 / (yes + no) as f64);
        let wanted = if distance_us > 30_000 { 0.75 } else { 0.88 };
        assert!(used > wanted, "{distance_us} us: {used}");
        assert!(refused < if distance_us > 30_000 { 0.03 } else { 0.015 }, "{distance_us} us: {refused}");
    }
}

#[test]
fn a_store_that_asks_to_slow_down_beyond_a_number_in_flight_is_used_nearly_whole() {
    for is_exact in [false, true] {
        let model = Model { service_us: 20_000, room: Some(50), ..FAR };
        let mut world = World { is_exact, ..World::new(FIRST_LIMIT) };
        let (yes, no) = world.run(&model, 14_000);
        let (used, refused) = (yes as f64 / (14.0 * 50.0 / 0.022), no as f64 / (yes + no) as f64);
        assert!(used > 0.8 && refused < 0.02, "{is_exact} {used} {refused}");
    }
}

/// A store that takes some time of one processor for each answer, and more of it now than then.
#[test]
fn a_busy_store_is_not_taken_for_one_that_grows() {
    let model = Model { distance_us: 30_000, servers: 1, service_us: 2_400, ..FAR };
    for seed in 1..20 {
        let mut world = World { noise: seed, ..World::new(FIRST_LIMIT) };
        let most = (0..40).map(|_| {
            world.run(&model, 250);
            world.adaptive.limit(world.cap)
        });
        let most = most.max();
        assert!(most < Some(260), "{seed}: {most:?}");
    }
}

#[test]
fn a_store_that_counts_each_second_by_itself_is_used_nearly_whole_also_after_it_took_nothing_for_seconds() {
    for quota in [3_500, 100] {
        let open = Model { quota: Some(quota), ..FAR };
        let shut = Model { quota: Some(0), ..FAR };
        let mut world = World::new(FIRST_LIMIT);
        let (mut yes, mut no) = world.run(&open, 15_000);
        for _ in 0..3 {
            for (model, millis) in [(&shut, 5_000), (&open, 15_000)] {
                let (more_yes, more_no) = world.run(model, millis);
                (yes, no) = (yes + more_yes, no + more_no);
            }
        }
        let (used, refused) = (yes as f64 / (60 * quota) as f64, no as f64 / yes as f64);
        assert!(used > 0.78 && refused < 0.6, "{quota}: {used} {refused}");
    }
}

#[test]
fn a_store_that_is_slow_for_a_minute_is_followed_down_and_back() {
    let fast = Model { distance_us: 30_000, servers: 1, service_us: 250, ..FAR };
    let slow_each = Model { service_us: 500, ..fast };
    let more_distant = Model { distance_us: 60_000, ..fast };
    let stricter = (Model { rate: Some(3_500.0), ..FAR }, Model { rate: Some(1_750.0), ..FAR });
    for (fast, slow) in [(fast, slow_each), (fast, more_distant), stricter] {
        let mut world = World::new(FIRST_LIMIT);
        let ours: Vec<_> =
            [(&fast, 20), (&slow, 60), (&fast, 40)].map(|(model, s)| world.run(model, s * 1000).0).into();
        let best = [(&fast, 20), (&slow, 60), (&fast, 40)].map(|(model, s)| best_fixed(model, s * 1000));
        let share = ours.iter().sum::<u64>() as f64 / best.iter().sum::<u64>() as f64;
        assert!(share > 0.85, "{ours:?} of {best:?}");
    }
}

#[test]
fn callers_that_ask_for_little_do_not_move_the_limit() {
    let mut adaptive = Adaptive::starting_at(FIRST_LIMIT);
    for n in 0..10_000_u64 {
        let now = Monotonic(Duration::from_millis(1000 + n));
        let sent = Monotonic(now.0 - Duration::from_millis(1));
        adaptive.learn(Sample { now, sent, units: 1, in_flight: 2, cap: 1024, load: Load::Answered });
    }
    assert_eq!(adaptive.limit(1024), FIRST_LIMIT);
}

#[test]
fn time_outs_cut_the_limit_once_a_round_and_never_below_four() {
    let mut adaptive = Adaptive::starting_at(100);
    let fail = |adaptive: &mut Adaptive, ms: u64| {
        let now = Monotonic(Duration::from_millis(ms));
        adaptive.learn(Sample { now, sent: now, units: 1, in_flight: 50, cap: 1024, load: Load::Failed });
    };
    for _ in 0..20 {
        fail(&mut adaptive, 10_000);
    }
    assert_eq!(adaptive.limit(1024), 70);
    for n in 0..100 {
        fail(&mut adaptive, 20_000 + n * 1000);
    }
    assert_eq!((adaptive.limit(1024), adaptive.reason()), (4, Reason::Failures));
}

#[test]
fn a_connection_that_is_lost_now_and_then_cuts_nothing_and_many_do() {
    let mut adaptive = Adaptive::starting_at(100);
    let mut note = |n: u64, load| {
        let now = Monotonic(Duration::from_millis(10_000 + n));
        adaptive.learn(Sample { now, sent: now, units: 1, in_flight: 10, cap: 1024, load });
        adaptive.limit(1024)
    };
    for n in 0..2000 {
        note(n, Load::Answered);
        if n % 100 == 99 {
            assert_eq!(note(n, Load::Unconnected), 100);
        }
    }
    let limits: Vec<_> = (2000..2100).map(|n| note(n, Load::Unconnected)).collect();
    assert_eq!(limits.last(), Some(&50));
}

#[test]
fn a_store_with_room_for_so_many_connections_has_as_many_calls_in_flight() {
    let free = Model { distance_us: 300_000, ..FAR };
    let model = Model { connections: Some(256), ..free };
    let mut world = World::new(FIRST_LIMIT);
    world.run(&model, 10_000);
    assert_eq!((world.adaptive.limit(1024), world.adaptive.reason()), (256, Reason::NoRoom));
    let (yes, no) = world.run(&model, 60_000);
    assert_eq!((world.adaptive.limit(1024), no), (256, 0));
    assert!(yes as f64 >= 0.95 * 60_000.0 * 256.0 / 315.0, "{yes}");
    // Another client leaves, and after some minutes it is tried out.
    world.run(&free, 700_000);
    assert!(world.adaptive.limit(1024) > 500, "{}", world.adaptive.limit(1024));
}

#[test]
fn the_limit_stays_within_the_cap() {
    let mut world = World::new(FIRST_LIMIT);
    world.cap = 40;
    world.run(&FAR, 3_000);
    assert!((32..=40).contains(&world.adaptive.limit(40)), "40 but for a trial with a fifth less");
    assert_eq!(world.adaptive.limit(8), 8);
}
