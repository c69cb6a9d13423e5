//! A connection in use. sqlx gives a connection back to its pool whatever happened on it, with a ping that may wait
//! for ever; and the answer to a statement whose future was dropped is taken for the answer to the next one
//! (sqlx-mysql reads the head and the body of a packet in two steps, and forgets a statement that was being
//! prepared). So a connection is marked while a call waits for its answer, and one that is dropped with the mark,
//! or that failed, is closed.

use contracts::Trace;
use futures_util::{
    FutureExt as _, StreamExt as _, TryFutureExt as _, TryStreamExt as _, future::BoxFuture, stream,
    stream::BoxStream,
};
use sqlx::{
    Any, AnyPool, Either, Error, Execute, Executor, SqlStr,
    any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo},
    pool::PoolConnection,
};

use super::{CALL, PING, limited};

type Answer = Either<AnyQueryResult, AnyRow>;

/// The pool. Statements that are executed on `&Pool` take a connection for themselves.
#[derive(Clone, Debug)]
pub(crate) struct Pool(AnyPool);

impl Pool {
    pub(super) fn new(pool: AnyPool) -> Self {
        Self(pool)
    }

    async fn acquire(&self) -> sqlx::Result<Pooled> {
        Ok(Pooled { connection: Some(self.0.acquire().await?), busy: false, open: false })
    }

    /// A connection without a limit of time, for migrations.
    pub(super) async fn connection(&self) -> sqlx::Result<PoolConnection<Any>> {
        self.0.acquire().await
    }

    /// Where it leads.
    #[cfg(test)]
    pub(super) fn url(&self) -> String {
        self.0.connect_options().database_url.to_string()
    }

    pub(super) async fn close(&self) {
        self.0.close().await;
    }
}

/// A connection in use.
#[derive(Debug)]
pub(crate) struct Pooled {
    /// There until the drop.
    connection: Option<PoolConnection<Any>>,
    /// Whether a call waits for its answer, or got none.
    busy: bool,
    /// Whether a transaction is to be rolled back.
    open: bool,
}

impl Pooled {
    /// All that the database answers. The connection is busy until it has; an error of the line itself is no answer.
    async fn run<'q>(&mut self, query: impl Execute<'q, Any> + 'q) -> sqlx::Result<Vec<Answer>> {
        let Some(connection) = self.connection.as_mut().filter(|_| !self.busy) else {
            return Err(Error::Protocol("the connection waits for the answer to something else".into()));
        };
        self.busy = true;
        let answer = connection.fetch_many(query).try_collect().await;
        self.busy = matches!(&answer, Err(Error::Io(_) | Error::Tls(_) | Error::Protocol(_)));
        answer
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) if !self.busy => {
                let rest = Self { connection: Some(connection), busy: true, open: self.open };
                runtime.spawn(tokio::time::timeout(PING, release_connection(rest)));
            }
            _ => drop(connection.detach()),
        }
    }
}

/// Ends what is open, and asks the connection once: one that does not answer is closed when `pooled` is dropped.
async fn release_connection(mut pooled: Pooled) {
    let Some(connection) = pooled.connection.as_mut() else { return };
    if !pooled.open || is_over(sqlx::raw_sql("ROLLBACK").execute(&mut **connection).await.err().as_ref()) {
        // From here on it is closed when this future is dropped.
        let Some(mut connection) = pooled.connection.take() else { return };
        connection.return_to_pool().await;
    }
}

/// A transaction in hand. Dropped without a commit, it is rolled back.
#[derive(Debug)]
pub(crate) struct Tx {
    pooled: Pooled,
    trace: Trace,
}

impl Tx {
    pub(super) async fn begin(pool: &Pool, statement: &'static str, trace: Trace) -> sqlx::Result<Self> {
        let mut pooled = pool.acquire().await?;
        pooled.run(sqlx::raw_sql(statement)).await?;
        pooled.open = true;
        Ok(Self { pooled, trace })
    }

    /// What the events that it writes belong to.
    pub(crate) fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Makes it last.
    ///
    /// # Errors
    /// If the database refuses or does not answer; in the second case it may have happened.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        limited(CALL, self.pooled.run(sqlx::raw_sql("COMMIT"))).await?;
        self.pooled.open = false;
        Ok(())
    }
}

impl std::ops::Deref for Tx {
    type Target = Pooled;

    fn deref(&self) -> &Pooled {
        &self.pooled
    }
}

impl std::ops::DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Pooled {
        &mut self.pooled
    }
}

/// Whether a transaction is over after a ROLLBACK. SQLite ends it by itself where the disk is full, and then says that there is
/// none. With its last connection SQLite gives up a file that it can't make anew before there is room.
fn is_over(refused: Option<&Error>) -> bool {
    match refused {
        None => true,
        Some(Error::Database(cause)) => cause.message().contains("no transaction is active"),
        Some(_) => false,
    }
}

impl<'c> Executor<'c> for &'c Pool {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Answer>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let pool = self.clone();
        streamed(async move { pool.acquire().await?.run(query).await })
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        let pool = self.clone();
        first(async move { pool.acquire().await?.run(query).await })
    }

    fn prepare_with<'e>(self, _: SqlStr, _: &'e [AnyTypeInfo]) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        unused()
    }
}

impl<'c> Executor<'c> for &'c mut Pooled {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, sqlx::Result<Answer>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        streamed(self.run(query))
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        first(self.run(query))
    }

    fn prepare_with<'e>(self, _: SqlStr, _: &'e [AnyTypeInfo]) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        unused()
    }
}

/// All rows are read before the first is passed on: a stream that somebody keeps would keep the connection.
fn streamed<'e>(
    rows: impl Future<Output = sqlx::Result<Vec<Answer>>> + Send + 'e,
) -> BoxStream<'e, sqlx::Result<Answer>> {
    let rows = limited(CALL, rows).map_ok(|rows| stream::iter(rows.into_iter().map(Ok)));
    stream::once(rows).try_flatten().boxed()
}

fn first<'e>(
    rows: impl Future<Output = sqlx::Result<Vec<Answer>>> + Send + 'e,
) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>> {
    limited(CALL, rows).map_ok(|rows| rows.into_iter().find_map(Either::right)).boxed()
}

/// For the tools of sqlx; statements are prepared when they are executed.
fn unused<'e, T: Send + 'e>() -> BoxFuture<'e, sqlx::Result<T>> {
    futures_util::future::err(Error::Protocol("statements are executed, not described".into())).boxed()
}
