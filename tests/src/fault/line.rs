//! A line between one function and one of its servers, which can be bad in each way of [`Bad`].

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// In which way a line is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// All connections are closed, and so is each new one.
    Cut,
    /// The same with a reset.
    Reset,
    /// The next answer on each connection breaks off half-way.
    Half,
    /// The server does what it is told, and its answer is lost with the connection: the answer to a commit, to the insert
    /// of a blob, to a published message, to the end of a mail, to a POST.
    Lost,
    /// Some kilobytes a second.
    Slow,
    /// Nothing arrives, and nobody is told. Afterwards it all arrives.
    Stalled,
    /// A firewall has forgotten its connections: nothing arrives on those that there are, ever. New ones work.
    Forgotten,
}

impl Bad {
    /// Each of them.
    pub const ALL: [Self; 7] =
        [Self::Cut, Self::Reset, Self::Half, Self::Lost, Self::Slow, Self::Stalled, Self::Forgotten];
}

/// Whose answer [`Bad::Lost`] loses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Last {
    /// The request with one of these in it.
    Holds(&'static [&'static [u8]]),
    /// Each third prepared statement of MySQL that is executed.
    ThirdStatement,
    /// The client's second flight: TLS shows no more.
    SecondFlight,
}

/// `COM_STMT_EXECUTE`.
const EXECUTE: u8 = 0x17;
/// What a slow line passes at once, and the pause after it.
const SLOW: (usize, Duration) = (256, Duration::from_millis(20));

impl Last {
    fn is(self, bytes: &[u8], flight: usize, shared: &Shared) -> bool {
        match self {
            Self::Holds(some) => some.iter().any(|one| bytes.windows(one.len()).any(|window| window == *one)),
            Self::ThirdStatement => {
                bytes.get(4) == Some(&EXECUTE) && shared.statements.fetch_add(1, Ordering::SeqCst) % 3 == 2
            }
            Self::SecondFlight => flight >= 2,
        }
    }
}

/// A line to a server of this machine. It ends with the test's runtime.
#[derive(Debug)]
pub(super) struct Line {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: watch::Sender<State>,
    last: Last,
    /// How often the line has done harm since it became bad.
    harm: AtomicUsize,
    statements: AtomicUsize,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    bad: Option<Bad>,
    /// Counts how often it became bad.
    times: u64,
    /// Connections that are older than that are forgotten.
    forgotten: u64,
    /// How much harm is left to do.
    left: Option<usize>,
    /// How many answers are passed on before one is lost.
    skip: usize,
}

impl Line {
    pub(super) async fn to(port: u16, last: Last) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (state, _) = watch::channel(State::default());
        let shared =
            Arc::new(Shared { state, last, harm: AtomicUsize::new(0), statements: AtomicUsize::new(0) });
        let line = Self { port: listener.local_addr().unwrap().port(), shared: shared.clone() };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(connection(near, port, shared.clone()));
            }
        });
        line
    }

    /// The same URL of this machine, over this line.
    pub(super) fn url(&self, url: &str) -> String {
        servers::at_port(url, self.port)
    }

    /// From now on it is bad, until it has done so much harm.
    pub(super) fn becomes(&self, bad: Bad, most: Option<usize>) {
        self.is_to_become(bad, most, 0);
    }

    /// From now on it loses the answer after so many others that it could lose.
    pub(super) fn loses_an_answer_after(&self, skip: usize) {
        self.is_to_become(Bad::Lost, Some(1), skip);
    }

    fn is_to_become(&self, bad: Bad, most: Option<usize>, skip: usize) {
        self.shared.harm.store(0, Ordering::SeqCst);
        self.shared.state.send_modify(|state| {
            (state.bad, state.left, state.skip) = (Some(bad), most, skip);
            state.times += 1;
            if bad == Bad::Forgotten {
                state.forgotten = state.times;
            }
        });
    }

    pub(super) fn is_good_again(&self) {
        self.shared.state.send_modify(|state| state.bad = None);
    }

    pub(super) fn has_done_harm(&self) -> bool {
        self.shared.harm.load(Ordering::SeqCst) > 0
    }
}

impl Shared {
    fn bad(&self) -> Option<Bad> {
        self.state.borrow().bad
    }

    fn loses_answer_to(&self, request: &[u8], flight: usize) -> bool {
        if self.bad() != Some(Bad::Lost) || !self.last.is(request, flight, self) {
            return false;
        }
        let mut now = false;
        self.state.send_modify(|state| {
            now = state.skip == 0;
            state.skip = state.skip.saturating_sub(1);
        });
        now
    }

    fn does_harm(&self) {
        self.harm.fetch_add(1, Ordering::SeqCst);
        self.state.send_modify(|state| {
            state.left = state.left.map(|left| left.saturating_sub(1));
            if state.left == Some(0) {
                state.bad = None;
            }
        });
    }
}

async fn connection(mut near: TcpStream, port: u16, shared: Arc<Shared>) {
    let (born, mut reset) = (shared.state.borrow().times, false);
    if let Ok(mut far) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
        let _ = (near.set_nodelay(true), far.set_nodelay(true));
        let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
        let ways = Ways { shared: &shared, born, lost: AtomicBool::new(false) };
        let mut state = shared.state.subscribe();
        tokio::select! {
            biased;
            bad = breaks(&mut state) => {
                reset = bad == Some(Bad::Reset);
                shared.does_harm();
            }
            _ = ways.requests(near_in, far_out) => {}
            _ = ways.answers(far_in, near_out) => {}
        }
    }
    if reset {
        let _ = near.set_zero_linger();
    }
}

/// Until connections are to be closed.
async fn breaks(state: &mut watch::Receiver<State>) -> Option<Bad> {
    let broken = state.wait_for(|state| matches!(state.bad, Some(Bad::Cut | Bad::Reset))).await;
    broken.ok()?.bad
}

/// Both directions of a connection. Either ends with the connection.
struct Ways<'a> {
    shared: &'a Shared,
    born: u64,
    /// Whether the next answer is lost.
    lost: AtomicBool,
}

impl Ways<'_> {
    async fn requests(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let (mut buffer, mut flight) = (vec![0; 16 * 1024], 0);
        loop {
            let length = read(&mut from, &mut buffer).await?;
            flight += 1;
            self.pass(&buffer[..length], &mut to).await?;
            if self.shared.loses_answer_to(&buffer[..length], flight) {
                self.lost.store(true, Ordering::SeqCst);
            }
        }
    }

    async fn answers(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = read(&mut from, &mut buffer).await?;
            let bytes = &buffer[..length];
            if self.lost.load(Ordering::SeqCst) {
                self.shared.does_harm();
                return Ok(());
            }
            if self.shared.bad() == Some(Bad::Half) && !self.is_forgotten() {
                self.shared.does_harm();
                return to.write_all(&bytes[..length / 2]).await;
            }
            self.pass(bytes, &mut to).await?;
        }
    }

    async fn pass(&self, bytes: &[u8], to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        if self.shared.bad() == Some(Bad::Stalled) {
            self.shared.does_harm();
            let _ = self.shared.state.subscribe().wait_for(|state| state.bad != Some(Bad::Stalled)).await;
        }
        if self.is_forgotten() {
            self.shared.does_harm();
            return Ok(());
        }
        if self.shared.bad() != Some(Bad::Slow) {
            return to.write_all(bytes).await;
        }
        self.shared.does_harm();
        for piece in bytes.chunks(SLOW.0) {
            tokio::time::sleep(SLOW.1).await;
            to.write_all(piece).await?;
        }
        Ok(())
    }

    fn is_forgotten(&self) -> bool {
        self.born < self.shared.state.borrow().forgotten
    }
}

async fn read(from: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> io::Result<usize> {
    match from.read(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        length => Ok(length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line to a server that answers each piece with the same.
    async fn echo(last: Last) -> (Line, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let line = Line::to(port, last).await;
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, line.port)).await.unwrap();
        (line, stream)
    }

    async fn ask(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
        stream.write_all(bytes).await?;
        let mut answer = vec![0; 64];
        let length = stream.read(&mut answer).await?;
        answer.truncate(length);
        Ok(answer)
    }

    #[tokio::test]
    async fn a_line_is_bad_in_its_way_and_good_again() {
        let (line, mut stream) = echo(Last::Holds(&[b"COMMIT"])).await;
        assert_eq!(ask(&mut stream, b"good").await.unwrap(), b"good");
        line.becomes(Bad::Half, None);
        assert_eq!(ask(&mut stream, b"half").await.unwrap(), b"ha");
        assert_eq!(ask(&mut stream, b"half").await.unwrap_or_default(), b"");
        assert!(line.has_done_harm());
        let again = || TcpStream::connect((Ipv4Addr::LOCALHOST, line.port));
        line.becomes(Bad::Lost, None);
        let mut stream = again().await.unwrap();
        assert_eq!(ask(&mut stream, b"BEGIN").await.unwrap(), b"BEGIN");
        assert!(!line.has_done_harm());
        assert_eq!(ask(&mut stream, b"COMMIT").await.unwrap(), b"");
        line.becomes(Bad::Slow, None);
        let mut stream = again().await.unwrap();
        assert_eq!(ask(&mut stream, b"slow").await.unwrap(), b"slow");
        line.is_good_again();
        assert_eq!(ask(&mut stream, b"good").await.unwrap(), b"good");
    }

    #[tokio::test]
    async fn what_was_stalled_arrives_and_what_was_forgotten_does_not() {
        let (line, mut stream) = echo(Last::SecondFlight).await;
        assert_eq!(ask(&mut stream, b"good").await.unwrap(), b"good");
        line.becomes(Bad::Stalled, None);
        let limit = Duration::from_millis(100);
        assert!(tokio::time::timeout(limit, ask(&mut stream, b"late")).await.is_err());
        line.is_good_again();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"late");
        line.becomes(Bad::Forgotten, None);
        assert!(tokio::time::timeout(limit, ask(&mut stream, b"gone")).await.is_err());
        let mut other = TcpStream::connect((Ipv4Addr::LOCALHOST, line.port)).await.unwrap();
        assert_eq!(ask(&mut other, b"good").await.unwrap(), b"good");
        line.is_good_again();
        assert!(tokio::time::timeout(limit, ask(&mut stream, b"gone")).await.is_err());
    }

    #[tokio::test]
    async fn who_is_cut_off_reads_the_end_and_who_is_reset_an_error() {
        for (bad, ends) in [(Bad::Cut, Some(0)), (Bad::Reset, None)] {
            let (line, mut stream) = echo(Last::SecondFlight).await;
            assert_eq!(ask(&mut stream, b"good").await.unwrap(), b"good");
            line.becomes(bad, None);
            assert_eq!(stream.read(&mut [0; 4]).await.ok(), ends, "{bad:?}");
            let mut other = TcpStream::connect((Ipv4Addr::LOCALHOST, line.port)).await.unwrap();
            assert_eq!(ask(&mut other, b"more").await.unwrap_or_default(), b"");
        }
    }
}
