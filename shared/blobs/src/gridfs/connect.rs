//! One client for all calls, and how durable its writes and how fresh its reads are.

use mongodb::{
    Client, Database,
    error::Error as Cause,
    options::{
        Acknowledgment, ClientOptions, ConnectionString, ReadPreference, SelectionCriteria, WriteConcern,
    },
};
use tokio::sync::OnceCell;

use super::fault::{SERVER_TIMEOUT, within};
use crate::{Error, Result};

pub(super) struct Connection {
    address: ConnectionString,
    name: String,
    database: OnceCell<Database>,
}

impl Connection {
    pub(super) fn to(url: &str) -> Result<Self> {
        let address = ConnectionString::parse(url).map_err(|_| Error::Url)?;
        // Not the driver's default: a blob store in a database that nobody named would be a surprise.
        let name = address.default_database.clone().ok_or(Error::Url)?;
        Ok(Self { address, name, database: OnceCell::new() })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes the client at the first call, which needs the network only to look up `mongodb+srv://`. From then on the
    /// client itself loses and finds its servers.
    pub(super) async fn database(&self) -> Result<&Database> {
        within(self.database.get_or_try_init(|| connect(self.address.clone(), &self.name))).await
    }
}

async fn connect(address: ConnectionString, name: &str) -> Result<Database, Cause> {
    let mut options = ClientOptions::parse(address).await?;
    options.app_name.get_or_insert_with(|| "tapedeck".into());
    options.server_selection_timeout.get_or_insert(SERVER_TIMEOUT);
    options.connect_timeout.get_or_insert(SERVER_TIMEOUT);
    options.write_concern = Some(durable(options.write_concern.unwrap_or_default()));
    // Whatever the URL says: a worker reads what was stored a moment ago, and a secondary may not have it yet.
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    Ok(Client::with_options(options)?.database(name))
}

/// A write that survives a power cut and the loss of the primary. What the URL asks for beyond that is kept.
fn durable(mut asked: WriteConcern) -> WriteConcern {
    if matches!(asked.w, None | Some(Acknowledgment::Nodes(0 | 1))) {
        asked.w = Some(Acknowledgment::Majority);
    }
    asked.journal = Some(true);
    asked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bucket, gridfs::Grid};

    async fn grid(options: &str) -> Grid {
        let connection = Connection::to(&format!("mongodb://127.0.0.1:1/tapes?{options}")).unwrap();
        Grid::of(connection.database().await.unwrap(), Bucket::Videos)
    }

    #[tokio::test]
    async fn reads_go_to_the_primary_whatever_the_url_says() {
        for asked in
            ["", "readPreference=secondaryPreferred", "readPreference=nearest&maxStalenessSeconds=90"]
        {
            let grid = grid(asked).await;
            for reads in [grid.files.selection_criteria(), grid.chunks.selection_criteria()] {
                let primary =
                    matches!(reads, Some(SelectionCriteria::ReadPreference(ReadPreference::Primary)));
                assert!(primary, "{asked}: {reads:?}");
            }
        }
    }

    #[tokio::test]
    async fn all_calls_share_one_client_even_in_an_outage() {
        let connection = Connection::to("mongodb://127.0.0.1:1/tapes").unwrap();
        let (one, two) = (connection.database().await.unwrap(), connection.database().await.unwrap());
        assert!(std::ptr::eq(one, two));
    }

    #[tokio::test]
    async fn writes_wait_for_the_journals_of_a_majority_or_for_more() {
        let cases = [
            ("", Acknowledgment::Majority),
            ("w=1&journal=false", Acknowledgment::Majority),
            ("w=3", Acknowledgment::Nodes(3)),
            ("w=bothCentres", Acknowledgment::Custom("bothCentres".into())),
        ];
        for (asked, w) in cases {
            let grid = grid(asked).await;
            for writes in [grid.files.write_concern(), grid.chunks.write_concern()] {
                let writes = writes.unwrap();
                assert_eq!((writes.w.as_ref(), writes.journal), (Some(&w), Some(true)), "{asked}");
            }
        }
    }
}
