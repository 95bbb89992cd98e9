//! From an address to a connection: resolve, connect, TLS. No request is sent here, so an error has
//! no effect on the store.

use std::fmt;
use std::future::Future;
use std::io;
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
use crate::verdict::Step;

/// When an address does not answer, the next one is tried beside it after this long.
/// Source: RFC 8305, section 8.
const NEXT_ADDRESS: Duration = Duration::from_millis(250);

/// ENFILE and EMFILE: the system, or this process, has all the files open that it may.
const OUT_OF_DESCRIPTORS: [i32; 2] = [23, 24];

/// A connection of either kind.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct NotConnected {
    pub(crate) step: Step,
    pub(crate) cause: String,
}

/// Connects, with TLS when there is a configuration for it, within a time.
pub(crate) struct Connector {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timeout: Duration,
    pub(crate) tls: Option<TlsConnector>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Connector {
    /// A connection to that address.
    pub(crate) async fn connect(&self, address: &Address) -> Result<Box<dyn Stream>, NotConnected> {
        let mut deadline = self.clock.sleep(self.timeout);
        let resolve = tokio::net::lookup_host((&*address.host, address.port));
        let addresses = within(&mut deadline, Step::Resolve, resolve).await?;
        let tcp = within(&mut deadline, Step::Connect, self.first_to_answer(addresses)).await?;
        // Requests are written whole; waiting to fill a packet only delays the last one.
        tcp.set_nodelay(true).map_err(|error| NotConnected { step: Step::Connect, cause: error.to_string() })?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(tcp));
        };
        let name = ServerName::try_from(address.host.to_string())
            .map_err(|_| NotConnected { step: Step::Tls, cause: "the host is no name of a certificate".into() })?;
        let stream = within(&mut deadline, Step::Tls, tls.connect(name, tcp)).await?;
        Ok(Box::new(stream))
    }

    async fn first_to_answer(&self, addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
        let mut attempts: FuturesUnordered<_> =
            (0..).zip(addresses).map(|(n, address)| self.dial(n, address)).collect();
        let mut last = io::Error::other("the name has no address");
        while let Some(attempt) = attempts.next().await {
            match attempt {
                Ok(tcp) => return Ok(tcp),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn dial(&self, n: u32, address: SocketAddr) -> io::Result<TcpStream> {
        if n > 0 {
            self.clock.sleep(NEXT_ADDRESS * n).await;
        }
        TcpStream::connect(address).await
    }
}

async fn within<T>(
    deadline: &mut Sleep,
    step: Step,
    work: impl Future<Output = io::Result<T>>,
) -> Result<T, NotConnected> {
    tokio::select! {
        biased;
        done = work => done.map_err(|error| {
            let is_out = error.raw_os_error().is_some_and(|code| OUT_OF_DESCRIPTORS.contains(&code));
            NotConnected { step: if is_out { Step::Descriptor } else { step }, cause: error.to_string() }
        }),
        () = deadline => Err(NotConnected { step, cause: "no answer in time".into() }),
    }
}
