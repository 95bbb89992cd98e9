//! From an address to a connection: resolve, connect, a proxy's tunnel, TLS. No request is sent to the store
//! here, so an error has no effect on it.

use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::ports::Clock;
use brigade_model::ports::clock::Sleep;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::endpoint::Address;
use super::not_connected::NotConnected;
use super::proxy::{Route, open_tunnel};
use super::tls;
use crate::verdict::Step;

/// When an address does not answer, the next one is tried beside it after this long.
/// Source: RFC 8305, section 8.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// ENFILE and EMFILE: the system, or this process, has all the files open that it may.
const OUT_OF_DESCRIPTORS: [i32; 2] = [23, 24];

/// A connection of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects, with TLS when there is a configuration for it, within a time.
pub(crate) struct Connector {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timeout: Duration,
    pub(crate) tls: Option<TlsConnector>,
    pub(crate) route: Route,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Connector {
    /// A connection to that address, on the configured route.
    pub(crate) async fn connect(&self, address: &Address) -> Result<Box<dyn Stream>, NotConnected> {
        let mut deadline = self.clock.sleep(self.timeout);
        let tcp = self.reach(address, &mut deadline).await?;
        // Requests are written whole; waiting to fill a packet only delays the last one.
        tcp.set_nodelay(true).map_err(|error| NotConnected { step: Step::Connect, cause: error.to_string() })?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        let name = ServerName::try_from(address.host.to_string())
            .map_err(|_| NotConnected { step: Step::Tls, cause: "the host is no name of a certificate".into() })?;
        let stream = within(&mut deadline, Step::Tls, tls.connect(name, tcp)).await;
        Ok(Box::new(stream.map_err(|error| error.told(|cause| tls_problem(cause, address)))?))
    }

    /// A connection to the address itself, to the one that stands for it, or to a proxy.
    async fn reach(&self, address: &Address, deadline: &mut Sleep) -> Result<TcpStream, NotConnected> {
        let to = self.route.connect_to.as_ref().unwrap_or(address);
        let Some(proxy) = &self.route.proxy else {
            let other = |cause: &io::Error| match &self.route.connect_to {
                Some(other) => format!("connect_to {other}: {cause}"),
                None => cause.to_string(),
            };
            return self.open(to, deadline).await.map_err(|error| error.told(other));
        };
        let tcp = self.open(&proxy.address, deadline).await;
        let tcp = tcp.map_err(|error| error.told(|cause| format!("proxy {proxy}: {cause}")))?;
        if self.route.forwarding(self.tls.is_some()).is_some() {
            return Ok(tcp);
        }
        tokio::select! {
            biased;
            tunnel = open_tunnel(tcp, proxy, to) => tunnel,
            () = deadline => {
                Err(NotConnected { step: Step::Proxy, cause: format!("proxy {proxy}: no answer in time") })
            }
        }
    }

    async fn open(&self, address: &Address, deadline: &mut Sleep) -> Result<TcpStream, Failed> {
        let resolve = tokio::net::lookup_host((&*address.host, address.port));
        let addresses = within(deadline, Step::Resolve, resolve).await?;
        within(deadline, Step::Connect, self.first_to_answer(addresses)).await
    }

    /// Dials the next address when one has refused, or has not answered for a while.
    async fn first_to_answer(&self, mut addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
        let mut attempts = FuturesUnordered::new();
        let mut last = io::Error::other("the name has no address");
        loop {
            let next = addresses.next();
            let may_be_more = next.is_some();
            attempts.extend(next.map(TcpStream::connect));
            if attempts.is_empty() {
                return Err(last);
            }
            tokio::select! {
                biased;
                Some(attempt) = attempts.next() => match attempt {
                    Ok(tcp) => return Ok(tcp),
                    Err(error) => last = error,
                },
                () = self.clock.sleep(NEXT_ADDRESS), if may_be_more => {}
            }
        }
    }
}

/// A step that failed, before it is told.
struct Failed {
    step: Step,
    cause: io::Error,
}

impl Failed {
    fn told(self, tell: impl FnOnce(&io::Error) -> String) -> NotConnected {
        let is_out = self.cause.raw_os_error().is_some_and(|code| OUT_OF_DESCRIPTORS.contains(&code));
        NotConnected { step: if is_out { Step::Descriptor } else { self.step }, cause: tell(&self.cause) }
    }
}

async fn within<T>(deadline: &mut Sleep, step: Step, work: impl Future<Output = io::Result<T>>) -> Result<T, Failed> {
    tokio::select! {
        biased;
        done = work => done.map_err(|cause| Failed { step, cause }),
        () = deadline => Err(Failed { step, cause: io::Error::new(ErrorKind::TimedOut, "no answer in time") }),
    }
}

fn tls_problem(cause: &io::Error, address: &Address) -> String {
    match cause.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => format!(
            "{address} ended the connection where TLS begins; where it speaks plain HTTP, let the url begin with http://"
        ),
        _ => tls::explain(cause, &address.to_string()).unwrap_or_else(|| cause.to_string()),
    }
}
