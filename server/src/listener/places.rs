//! The places of a listener's connections: how many each holder has, and which connection ends when all
//! are taken.
//!
//! The peer's address holds a place until a request proves to be an account's; then the account holds
//! it. A connection is *slow* while it waits for its peer: for a head, for the rest of a body, for the
//! peer to take an answer. When all places are taken, a newcomer gets the place of the slowest
//! connection of the holder with the most places: so a holder that takes all places displaces only its
//! own connections.
//!
//! A connection whose request is being answered stays. So that these cannot take all places either, an
//! account may have as many of them as all accounts leave free: alone half of the places, beside
//! another that came first a quarter, and so on. [`HEALTH_PLACES`] further places are for health checks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade_model::AccountId;
use tokio::sync::Notify;

/// Places beyond those that requests may fill: for health checks. A
/// supervisor, a load balancer's nodes and an operator ask at the same moment. ours
pub(crate) const HEALTH_PLACES: usize = 16;

/// Connections to the metrics at once: a few programs ask, each now and then. ours
pub(crate) const METRICS_CONNECTIONS_MAX: usize = 64;

/// All places of a listener. Clones are the same places.
#[derive(Clone)]
pub(super) struct Places(Arc<Inner>);

struct Inner {
    /// Connections whose requests are being answered at once, health aside.
    working_max: usize,
    books: Mutex<Books>,
    /// A connection ended, became slow, or escaped its dismissal.
    changed: Notify,
}

/// The holder of a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Holder {
    /// A connection of a trusted proxy, which speaks for no account yet.
    Unknown(u64),
    Address(IpAddr),
    Account(AccountId),
}

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waits for its peer, since that moment.
    Slow(u64),
    /// Its request is read, and its account is not known yet.
    Asking,
    /// An account's request is being answered.
    Working,
    /// It makes room for another.
    Leaving,
}

struct Connection {
    /// Its holder until a request is an account's.
    peer: Holder,
    holder: Holder,
    phase: Phase,
    /// It was dismissed in the moment in which its request came: it goes when that is answered.
    must_go: bool,
    dismissed: Arc<Notify>,
}

/// What one holder has.
#[derive(Default)]
struct Held {
    places: usize,
    working: usize,
    /// Its slow connections, slowest first.
    slow: BTreeMap<u64, u64>,
}

impl Held {
    /// Orders holders by which makes room first: the one with the most places, then the slowest. `None`
    /// without a slow connection.
    fn rank(&self, holder: &Holder) -> Option<Rank> {
        let (since, _) = self.slow.first_key_value()?;
        Some((self.places, Reverse(*since), holder.clone()))
    }
}

type Rank = (usize, Reverse<u64>, Holder);

#[derive(Default)]
struct Books {
    /// Moments and connections, counted.
    next: u64,
    connections: BTreeMap<u64, Connection>,
    holders: BTreeMap<Holder, Held>,
    ranks: BTreeSet<Rank>,
    working: usize,
    leaving: usize,
}

impl Books {
    fn count(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Enters a connection.
    fn put(&mut self, id: u64, connection: Connection) {
        let holder = connection.holder.clone();
        self.adjust(&holder, |held| {
            held.places += 1;
            match connection.phase {
                Phase::Slow(since) => drop(held.slow.insert(since, id)),
                Phase::Working => held.working += 1,
                Phase::Asking | Phase::Leaving => {}
            }
        });
        self.working += usize::from(connection.phase == Phase::Working);
        self.leaving += usize::from(connection.phase == Phase::Leaving);
        self.connections.insert(id, connection);
    }

    /// The reverse of `put`; `None` for a connection that has ended.
    fn take(&mut self, id: u64) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        self.adjust(&connection.holder, |held| {
            held.places -= 1;
            match connection.phase {
                Phase::Slow(since) => drop(held.slow.remove(&since)),
                Phase::Working => held.working -= 1,
                Phase::Asking | Phase::Leaving => {}
            }
        });
        self.working -= usize::from(connection.phase == Phase::Working);
        self.leaving -= usize::from(connection.phase == Phase::Leaving);
        Some(connection)
    }

    fn adjust(&mut self, holder: &Holder, change: impl FnOnce(&mut Held)) {
        let mut held = self.holders.remove(holder).unwrap_or_default();
        if let Some(rank) = held.rank(holder) {
            self.ranks.remove(&rank);
        }
        change(&mut held);
        self.ranks.extend(held.rank(holder));
        if held.places > 0 {
            self.holders.insert(holder.clone(), held);
        }
    }

    /// Changes a connection, if it has not ended.
    fn change(&mut self, id: u64, change: impl FnOnce(&mut Connection)) {
        if let Some(mut connection) = self.take(id) {
            change(&mut connection);
            self.put(id, connection);
        }
    }

    /// Dismisses the slowest connection of the holder with the most places.
    fn dismiss_slowest(&mut self) -> bool {
        let slowest = self.ranks.last().and_then(|(_, _, holder)| self.holders.get(holder)?.slow.first_key_value());
        let Some(id) = slowest.map(|(_, id)| *id) else { return false };
        self.change(id, |connection| {
            connection.phase = Phase::Leaving;
            connection.dismissed.notify_one();
        });
        true
    }
}

impl Places {
    /// Places for so many requests at once.
    pub(super) fn new(working_max: usize) -> Self {
        Self(Arc::new(Inner { working_max, books: Mutex::default(), changed: Notify::new() }))
    }

    /// A place for a connection that has come from that address; from a trusted proxy, `None`.
    pub(super) async fn enter(&self, peer: Option<IpAddr>) -> Place {
        loop {
            let changed = self.0.changed.notified();
            if let Some(place) = self.try_enter(peer) {
                return place;
            }
            changed.await;
        }
    }

    fn try_enter(&self, peer: Option<IpAddr>) -> Option<Place> {
        let mut books = self.books();
        if books.connections.len() >= self.0.working_max.saturating_add(HEALTH_PLACES) {
            // One at a time: its place is free once it has ended.
            if books.leaving == 0 {
                books.dismiss_slowest();
            }
            return None;
        }
        let id = books.count();
        let holder = peer.map_or(Holder::Unknown(id), |peer| Holder::Address(one_client(peer)));
        let dismissed = Arc::new(Notify::new());
        let phase = Phase::Slow(id);
        let connection =
            Connection { peer: holder.clone(), holder, phase, must_go: false, dismissed: Arc::clone(&dismissed) };
        books.put(id, connection);
        Some(Place { handle: PlaceHandle { places: self.clone(), id }, dismissed })
    }

    /// Dismisses the slowest connection of the holder with the most places though places are free: the
    /// process has no descriptor left. One at a time.
    pub(super) fn make_room(&self) {
        let mut books = self.books();
        if books.leaving == 0 {
            books.dismiss_slowest();
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Addresses that one client has by itself count as one: those of an IPv6 network of 64 bits.
fn one_client(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(peer) => IpAddr::V4(peer),
        IpAddr::V6(peer) => IpAddr::V6((peer.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

/// The place of one connection, which is free again when this is dropped.
pub(super) struct Place {
    handle: PlaceHandle,
    dismissed: Arc<Notify>,
}

impl Place {
    /// Where the connection's requests report their account and phase.
    pub(super) fn handle(&self) -> PlaceHandle {
        self.handle.clone()
    }

    /// Done once the connection must go; never while a request of it is being answered.
    pub(super) async fn dismissed(&self) {
        loop {
            self.dismissed.notified().await;
            let books = self.handle.places.books();
            if books.connections.get(&self.handle.id).is_none_or(|connection| connection.phase == Phase::Leaving) {
                return;
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.handle.places.books().take(self.handle.id);
        self.handle.places.0.changed.notify_one();
    }
}

/// Where a connection's requests report their account and phase. Holds no place: a request may outlive
/// its connection.
#[derive(Clone)]
pub(crate) struct PlaceHandle {
    places: Places,
    id: u64,
}

/// As many requests of the holder are being answered as places would be left over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl PlaceHandle {
    /// A request's head has come, of any client behind the peer.
    pub(super) fn ask(&self) {
        self.change(|connection, _| {
            connection.holder = connection.peer.clone();
            connection.must_go |= connection.phase == Phase::Leaving;
            connection.phase = Phase::Asking;
        });
    }

    /// The request is this account's.
    pub(crate) fn belongs_to(&self, account: &AccountId) {
        self.change(|connection, _| connection.holder = Holder::Account(account.clone()));
    }

    /// The request's body is read from now on: the peer may be slow.
    pub(crate) fn wait_for_body(&self) {
        self.change(|connection, now| connection.phase = Phase::Slow(now));
    }

    /// The request is there, and is answered from now on.
    ///
    /// # Errors
    /// [`TooMany`] requests of the same holder are being answered.
    pub(crate) fn work(&self) -> Result<(), TooMany> {
        let mut books = self.places.books();
        let Some(connection) = books.connections.get(&self.id) else { return Ok(()) };
        let working = books.holders.get(&connection.holder).map_or(0, |held| held.working);
        if working >= self.places.0.working_max.saturating_sub(books.working) {
            return Err(TooMany);
        }
        books.change(self.id, |connection| {
            connection.must_go |= connection.phase == Phase::Leaving;
            connection.phase = Phase::Working;
        });
        drop(books);
        self.places.0.changed.notify_one();
        Ok(())
    }

    /// The request is answered: the connection waits for its peer.
    pub(super) fn wait_for_peer(&self) {
        self.change(|connection, now| {
            connection.phase = if connection.must_go { Phase::Leaving } else { Phase::Slow(now) };
            if connection.must_go {
                connection.dismissed.notify_one();
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Connection, u64)) {
        let mut books = self.places.books();
        let now = books.count();
        books.change(self.id, |connection| change(connection, now));
        drop(books);
        self.places.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    fn account(name: &str) -> AccountId {
        AccountId::new(name).unwrap()
    }

    fn enter(places: &Places, peer: Option<IpAddr>) -> Option<Place> {
        places.enter(peer).now_or_never()
    }

    /// All places taken: how many connections that is, and the requests that may take them.
    const FULL: usize = 4 + HEALTH_PLACES;

    fn fill(places: &Places, peer: Option<IpAddr>, count: usize) -> Vec<Place> {
        (0..count).map(|_| enter(places, peer).unwrap()).collect()
    }

    fn gone(held: &[Place]) -> Vec<usize> {
        let is_gone = |place: &Place| place.dismissed().now_or_never().is_some();
        held.iter().enumerate().filter(|(_, place)| is_gone(place)).map(|(n, _)| n).collect()
    }

    #[test]
    fn the_slowest_connection_of_who_holds_most_goes_first() {
        let places = Places::new(4);
        let few = fill(&places, address(1), 5);
        let mut many = fill(&places, address(2), FULL - 5);
        many[0].handle.ask();
        assert!(enter(&places, address(3)).is_none());
        assert!(enter(&places, address(3)).is_none(), "one goes for it, not two");
        assert_eq!((gone(&few), gone(&many)), (vec![], vec![1]), "the older ones of another stay");
        drop(many.remove(1));
        let newcomer = enter(&places, address(3)).unwrap();
        assert!(enter(&places, address(3)).is_none());
        assert_eq!((gone(&few), gone(&many)), (vec![], vec![1]));
        drop(newcomer);
    }

    #[test]
    fn a_place_is_its_accounts_once_the_request_is_proved() {
        let places = Places::new(4);
        let connections = fill(&places, address(1), FULL);
        for (n, place) in connections.iter().enumerate() {
            place.handle.ask();
            place.handle.belongs_to(&account(if n < 8 { "few" } else { "many" }));
            place.handle.wait_for_body();
        }
        assert!(enter(&places, address(1)).is_none());
        assert_eq!(gone(&connections), [8], "by account, though all came from one address");
    }

    #[test]
    fn connections_of_a_trusted_proxy_are_not_counted_together_before_they_are_an_accounts() {
        let places = Places::new(4);
        let behind = fill(&places, None, FULL - 2);
        let beside = fill(&places, address(1), 2);
        assert!(enter(&places, None).is_none());
        assert_eq!((gone(&behind), gone(&beside)), (vec![], vec![0]));
    }

    #[test]
    fn one_client_has_a_whole_network_of_ipv6() {
        let client = |text: &str| one_client(text.parse().unwrap());
        assert_eq!(client("2001:db8::1"), client("2001:db8::ffff:0:0:1"));
        assert_ne!(client("2001:db8::1"), client("2001:db8:0:1::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }

    #[test]
    fn who_is_dismissed_in_the_moment_of_its_request_goes_when_that_is_answered() {
        let places = Places::new(4);
        let connections = fill(&places, address(1), FULL);
        assert!(enter(&places, address(2)).is_none());
        connections[0].handle.ask();
        assert_eq!(gone(&connections), [0; 0], "its request is being answered");
        assert!(enter(&places, address(2)).is_none());
        assert_eq!(gone(&connections), [1], "so another goes");
        connections[0].handle.wait_for_peer();
        assert_eq!(gone(&connections), [0]);
    }

    #[test]
    fn who_fills_the_house_with_work_leaves_places_for_others() {
        let works = |places: &Places, name: &str| {
            let place = enter(places, address(1)).unwrap();
            place.handle.ask();
            place.handle.belongs_to(&account(name));
            place.handle.work().map(|()| place)
        };
        let places = Places::new(12);
        let mut held = Vec::new();
        for (name, most) in [("first", 6), ("second", 3), ("third", 2), ("fourth", 1)] {
            for n in 0..most {
                held.push(works(&places, name).unwrap_or_else(|_| panic!("{name} may have {n} more")));
            }
            assert_eq!(works(&places, name).err(), Some(TooMany), "{name} has {most}");
        }
        held.remove(0).handle.wait_for_peer();
        assert!(works(&places, "fifth").is_ok());
        let health = fill(&places, address(2), HEALTH_PLACES);
        assert_eq!(health.len(), HEALTH_PLACES, "no account's work takes the places of health");
    }

    #[test]
    fn a_request_that_outlives_its_connection_holds_no_place() {
        let places = Places::new(4);
        let mut connections = fill(&places, address(1), FULL);
        let handle = connections[0].handle();
        handle.ask();
        drop(connections.remove(0));
        assert!(enter(&places, address(2)).is_some());
        handle.belongs_to(&account("a"));
        assert_eq!(handle.work(), Ok(()));
        handle.wait_for_peer();
        assert_eq!(places.books().connections.len(), FULL - 1);
    }
}
