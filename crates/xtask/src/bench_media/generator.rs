//! The one generator for all servers: publishes a profile's packets, receives what comes back, does ICE, DTLS, SRTP
//! and RTCP like a browser, and counts. Adapters in `peers` only do signalling and tell it what was negotiated.

use super::client::{Client, Counted};
use super::connection::SUITE;
use super::outgoing::{Outgoing, Route};
use super::process::Used;
use super::profiles::Profile;
use super::sdp::Description;
use super::wire::Wire;
use anyhow::{Context as _, Result, bail, ensure};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// What is under way arrives within this time.
const DRAIN: Duration = Duration::from_millis(100);
/// Patience with ICE and DTLS.
const CONNECT: Duration = Duration::from_secs(15);

/// One window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub(crate) expected: u64,
    pub(crate) expected_bytes: u64,
    pub(crate) counted: Counted,
    pub(crate) time: Duration,
    /// How long after its time each packet was sent: whether the generator keeps up.
    pub(crate) late: Vec<Duration>,
    /// CPU time of the server, and of its media threads alone.
    pub(crate) cost: u64,
    pub(crate) media_cost: u64,
}

impl Window {
    /// Which share of what should have come did.
    pub(crate) fn delivered(&self) -> f64 {
        self.counted.packets as f64 / self.expected.max(1) as f64
    }
}

/// The generator.
pub(crate) struct Generator {
    wire: Wire,
    pub(crate) clients: Vec<Client>,
    outgoing: Vec<Outgoing>,
    start: Instant,
    timers: Instant,
    late: Vec<Duration>,
    /// Datagrams that did not come from the server: the floor's.
    foreign: u64,
}

impl Generator {
    /// Viewers have addresses in this network; `offload`: they receive trains whole.
    pub(crate) fn new(prefix: [u8; 2], offload: bool) -> Result<Self> {
        let now = Instant::now();
        let (clients, outgoing) = (Vec::new(), Vec::new());
        Ok(Self {
            wire: Wire::new(prefix, offload)?,
            clients,
            outgoing,
            start: now,
            timers: now,
            late: Vec::new(),
            foreign: 0,
        })
    }

    /// A further connection, not connected yet; its number.
    pub(crate) fn add(&mut self) -> Result<usize> {
        let (address, number) = (self.wire.add()?, self.clients.len());
        self.clients.push(Client::new(number, address)?);
        Ok(number)
    }

    /// Connects with the far end's description. As the controlling side it nominates.
    pub(crate) fn connect(&mut self, client: usize, remote: &Description, controlling: bool) -> Result<()> {
        let one = self.clients.get_mut(client).context("no such connection")?;
        one.connection.remote = remote.credentials.clone();
        one.connection.controlling = controlling;
        one.connection.far = Some(*remote.candidates.first().context("the server names no UDP candidate")?);
        one.accept(remote);
        let until = Instant::now() + CONNECT;
        let mut again = Instant::now();
        while !self.clients[client].connection.is_connected() {
            let now = Instant::now();
            ensure!(now < until, "connection {client} does not come up");
            let connection = &mut self.clients[client].connection;
            if let Some(other) = connection.suite.filter(|suite| *suite != SUITE) {
                bail!("{other} SRTP suite instead of {SUITE}");
            }
            if again <= now {
                connection.check()?;
                again = now + Duration::from_millis(200);
            }
            connection.handle_timeout(now);
            self.flush(client)?;
            self.turn()?;
            std::thread::yield_now();
        }
        self.flush(client)
    }

    /// Says how the publications leave, in the profile's order.
    pub(crate) fn publish(&mut self, profile: &Profile, routes: Vec<Route>) -> Result<()> {
        ensure!(routes.len() == profile.publications.len(), "a publication without route");
        let viewers = profile.viewers();
        self.outgoing.clear();
        for (publication, route) in routes.into_iter().enumerate() {
            self.outgoing.push(Outgoing::new(profile, publication, route, viewers[publication].len())?);
        }
        Ok(())
    }

    /// Everything but publishing, once.
    pub(crate) fn turn(&mut self) -> Result<()> {
        let Self { wire, clients, outgoing, foreign, .. } = self;
        let now = Instant::now();
        let mut answers = Vec::new();
        let mut failed = Ok(());
        wire.receive(|number, from, at, datagram| {
            let Some(client) = clients.get_mut(number) else { return };
            match client.take(now, from, at, datagram, outgoing, foreign) {
                Ok(true) => answers.push(number),
                Ok(false) => {}
                Err(error) => failed = Err(error),
            }
        })?;
        failed?;
        for number in answers {
            self.flush(number)?;
        }
        if self.timers <= now {
            self.timers = now + Duration::from_millis(1);
            for number in 0..self.clients.len() {
                if self.clients[number].tick(now, &self.outgoing)? {
                    self.flush(number)?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self, number: usize) -> Result<()> {
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        let Some(far) = client.connection.far else { return Ok(()) };
        while let Some(datagram) = client.connection.sending.pop_front() {
            self.wire.send(number, far, &datagram)?;
        }
        Ok(())
    }

    /// Receives without publishing until that holds and what is under way has come; how much came from elsewhere than
    /// the server.
    pub(crate) fn listen(&mut self, until: impl Fn() -> bool) -> Result<u64> {
        let before = self.foreign;
        while !until() {
            self.turn()?;
        }
        let drained = Instant::now() + DRAIN;
        while Instant::now() < drained {
            self.turn()?;
        }
        Ok(self.foreign - before)
    }

    /// Publishes for `warm_up` and then, counted, for `time`. `used` reads what the server has used so far.
    pub(crate) fn window(
        &mut self,
        warm_up: Duration,
        time: Duration,
        used: impl Fn() -> Result<Used>,
    ) -> Result<Window> {
        self.stream(warm_up)?;
        self.take_counted();
        self.late.clear();
        for out in &mut self.outgoing {
            out.window = (0, 0);
        }
        let (before, begun) = (used()?, Instant::now());
        self.stream(time)?;
        let ((cost, media_cost), time) = (used()?.since(&before), begun.elapsed());
        let counted = self.take_counted();
        let (mut expected, mut expected_bytes) = (0, 0);
        for out in &self.outgoing {
            expected += out.window.0 * out.viewers;
            expected_bytes += out.window.1 * out.viewers;
        }
        let late = std::mem::take(&mut self.late);
        Ok(Window { expected, expected_bytes, counted, time, late, cost, media_cost })
    }

    fn take_counted(&mut self) -> Counted {
        let mut all = Counted::default();
        for client in &mut self.clients {
            let one = client.take_counted();
            all.packets += one.packets;
            all.bytes += one.bytes;
            all.wrong += one.wrong;
            all.delays.extend(one.delays);
        }
        all
    }

    /// Publishes for a while and waits for what is under way.
    fn stream(&mut self, time: Duration) -> Result<()> {
        if !time.is_zero() {
            // The streams go on where they were, from now.
            let resumes = self.outgoing.iter().map(|out| out.next.at).min().unwrap_or_default();
            self.start = Instant::now().checked_sub(resumes).unwrap_or_else(Instant::now);
            let end = resumes + time;
            let mut due: BinaryHeap<Reverse<(Duration, usize)>> =
                self.outgoing.iter().enumerate().map(|(place, out)| Reverse((out.next.at, place))).collect();
            loop {
                let elapsed = self.start.elapsed();
                while let Some(place) = pop_due(&mut due, elapsed.min(end)) {
                    self.send(place)?;
                    due.push(Reverse((self.outgoing[place].next.at, place)));
                }
                if elapsed >= end {
                    break;
                }
                self.turn()?;
            }
        }
        self.listen(|| true).map(drop)
    }

    fn send(&mut self, place: usize) -> Result<()> {
        let out = &mut self.outgoing[place];
        self.late.push(self.start.elapsed().saturating_sub(out.next.at));
        let number = out.route.client;
        let client = self.clients.get_mut(number).context("no such connection")?;
        let plain = out.next_packet(client.next_transport_number())?;
        let sealed = client.connection.outbound.as_mut().context("no keys")?.encrypt_rtp(&plain)?;
        self.wire.send(number, client.connection.far.context("no far end")?, &sealed)
    }
}

/// Takes the first one that is due.
fn pop_due(heap: &mut BinaryHeap<Reverse<(Duration, usize)>>, now: Duration) -> Option<usize> {
    let Reverse((at, place)) = *heap.peek()?;
    (at < now).then(|| {
        heap.pop();
        place
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_due_leaves_the_heap() {
        let ms = Duration::from_millis;
        let mut heap = BinaryHeap::from([Reverse((ms(2), 0)), Reverse((ms(1), 1))]);
        assert_eq!(pop_due(&mut heap, ms(2)), Some(1));
        assert_eq!(pop_due(&mut heap, ms(2)), None);
    }
}
