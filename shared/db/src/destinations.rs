//! Destinations: where a user is told of the ends of jobs, beside the mail. A call is a delivery (`deliveries.rs`), written by
//! the transaction that ends the job.

use contracts::{
    Channel, DeliveryDue, DeliveryId, DestinationEvent, DestinationId, DestinationKind, EventId, Message,
    Recorded, Timestamp, UserId,
};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Error, Result,
    deliveries::{self, NewDelivery},
    pool::Tx,
    request_keys::{self, Stage},
    row::{parse, parsed, time, time_or_null},
};

/// Destinations that one user may have.
pub const MOST_DESTINATIONS: usize = 10;

/// Why a delivery is dropped: its destination is gone.
pub const DESTINATION_DELETED: &str = "the destination was deleted";
/// Why a delivery is dropped: its destination is not called any more.
pub const DESTINATION_OFF: &str = "the destination was switched off";

/// Where a user is told of the ends of jobs.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Names it.
    pub id: DestinationId,
    /// Whose it is.
    pub user_id: UserId,
    /// What is called.
    pub kind: DestinationKind,
    /// Where.
    pub address: String,
    /// What the receiver wants to see, sealed.
    pub token: Option<String>,
    /// What it is told of.
    pub events: Vec<DestinationEvent>,
    /// Whether it is called.
    pub active: bool,
    /// How often the secret with which it is signed was replaced.
    pub secret_generation: u32,
    /// When it was last.
    pub secret_replaced_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A destination to make. Its id is made before: the token is sealed for it.
#[derive(Clone, Debug)]
pub struct NewDestination {
    /// Names it.
    pub id: DestinationId,
    /// Whose it is.
    pub user_id: UserId,
    /// What is called.
    pub kind: DestinationKind,
    /// What may be changed later.
    pub rest: DestinationChanges,
}

/// What its owner says of a destination.
#[derive(Clone, Debug)]
pub struct DestinationChanges {
    /// Where; at most 1,000 characters.
    pub address: String,
    /// What the receiver wants to see, sealed; at most 500 characters.
    pub token: Option<String>,
    /// What it is told of.
    pub events: Vec<DestinationEvent>,
    /// Whether it is called.
    pub active: bool,
}

impl Db {
    /// Makes a destination, unless the user has [`MOST_DESTINATIONS`] of them already: then `None`.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn create_destination(&self, new: &NewDestination) -> Result<Option<Destination>> {
        let now = self.now().await?;
        let made = self.within_transaction(self.try_to_create(new, now)).await?;
        if made { self.destination(new.id).await } else { Ok(None) }
    }

    async fn try_to_create(&self, new: &NewDestination, now: Timestamp) -> Result<bool> {
        let mut tx = self.begin().await?;
        // One after the other: two at once would both find a free place.
        let alone = sqlx::query("UPDATE users SET role = role WHERE id = ?");
        alone.bind(new.user_id.to_string()).execute(&mut *tx).await?;
        let count = sqlx::query("SELECT COUNT(*) AS n FROM destinations WHERE user_id = ?");
        let count = count.bind(new.user_id.to_string()).fetch_one(&mut *tx).await?;
        if usize::try_from(count.try_get::<i64, _>("n")?).is_ok_and(|count| count >= MOST_DESTINATIONS) {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO destinations (id, user_id, kind, address, token, events, active, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(new.id.to_string())
        .bind(new.user_id.to_string())
        .bind(new.kind.as_str())
        .bind(&new.rest.address)
        .bind(new.rest.token.as_deref())
        .bind(words(&new.rest.events))
        .bind(i32::from(new.rest.active))
        .bind(now.millis())
        .execute(&mut *tx)
        .await?;
        request_keys::note(&mut tx, self.request.as_deref(), new.id, Stage::Done, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The user's destinations, newest first.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn destinations(&self, user_id: UserId) -> Result<Vec<Destination>> {
        let all = sqlx::query("SELECT * FROM destinations WHERE user_id = ? ORDER BY id DESC");
        self.fetch_all(all.bind(user_id.to_string())).await?.iter().map(read).collect()
    }

    /// The destination with this id.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn destination(&self, id: DestinationId) -> Result<Option<Destination>> {
        let by_id = sqlx::query("SELECT * FROM destinations WHERE id = ?").bind(id.to_string());
        self.fetch_optional(by_id).await?.as_ref().map(read).transpose()
    }

    /// Changes a destination; what is due to one that is not called any more is dropped. The destination as it is now, if it
    /// is there.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn change_destination(
        &self,
        id: DestinationId,
        changes: &DestinationChanges,
    ) -> Result<Option<Destination>> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE destinations SET address = ?, token = ?, events = ?, active = ? WHERE id = ?")
            .bind(&changes.address)
            .bind(changes.token.as_deref())
            .bind(words(&changes.events))
            .bind(i32::from(changes.active))
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        if !changes.active {
            deliveries::drop_of_destination(&mut tx, id, DESTINATION_OFF, now).await?;
        }
        tx.commit().await?;
        self.destination(id).await
    }

    /// Replaces the secret with which a destination is signed by the next one. The destination as it is now, if it is there.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn replace_destination_secret(&self, id: DestinationId) -> Result<Option<Destination>> {
        let now = self.now().await?;
        let replace = sqlx::query(
            "UPDATE destinations SET secret_generation = secret_generation + 1, secret_replaced_at = ? WHERE id = ?",
        );
        self.make(replace.bind(now.millis()).bind(id.to_string()), id, Stage::Done, now).await?;
        self.destination(id).await
    }

    /// Writes a call that tries a destination.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn test_destination(&self, destination: &Destination) -> Result<Recorded<DeliveryDue>> {
        let now = self.now().await?;
        let new = NewDelivery {
            id: DeliveryId::generate(),
            user_id: destination.user_id,
            about: None,
            message: Message::Test,
            channel: Channel::Destination,
            destination: Some(destination.id),
        };
        let mut tx = self.begin().await?;
        let due = deliveries::record(&mut tx, &new, EventId::generate(), now).await?;
        request_keys::note(&mut tx, self.request.as_deref(), new.id, Stage::Done, now).await?;
        tx.commit().await?;
        Ok(due)
    }

    /// Removes a destination; what is due to it is dropped. False if it is not there.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_destination(&self, id: DestinationId) -> Result<bool> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        let gone = sqlx::query("DELETE FROM destinations WHERE id = ?");
        let gone = gone.bind(id.to_string()).execute(&mut *tx).await?;
        deliveries::drop_of_destination(&mut tx, id, DESTINATION_DELETED, now).await?;
        tx.commit().await?;
        Ok(gone.rows_affected() == 1)
    }

    /// A receiver has said that it wants no more.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn switch_destination_off(&self, id: DestinationId) -> Result<()> {
        let off = sqlx::query("UPDATE destinations SET active = 0 WHERE id = ?");
        self.execute(off.bind(id.to_string())).await.map(drop)
    }
}

/// The user's destinations that are told so, the first ones first.
pub(crate) async fn called(tx: &mut Tx, user: UserId, message: Message) -> Result<Vec<DestinationId>> {
    let event = match message {
        Message::Ready => DestinationEvent::Done,
        _ => DestinationEvent::Failed,
    };
    let active =
        sqlx::query("SELECT id, events FROM destinations WHERE user_id = ? AND active = 1 ORDER BY id")
            .bind(user.to_string())
            .fetch_all(&mut **tx)
            .await?;
    let mut called = Vec::new();
    for row in &active {
        let events: String = row.try_get("events")?;
        if events.split(' ').any(|word| word == event.as_str()) {
            called.push(parsed(row, "id")?);
        }
    }
    Ok(called)
}

fn words(events: &[DestinationEvent]) -> String {
    events.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(" ")
}

fn read(row: &AnyRow) -> Result<Destination> {
    let events: String = row.try_get("events")?;
    let events = events.split(' ').filter(|word| !word.is_empty()).map(|word| parse("events", word));
    Ok(Destination {
        id: parsed(row, "id")?,
        user_id: parsed(row, "user_id")?,
        kind: parsed(row, "kind")?,
        address: row.try_get("address")?,
        token: row.try_get("token")?,
        events: events.collect::<Result<_, Error>>()?,
        active: row.try_get::<i32, _>("active")? != 0,
        secret_generation: u32::try_from(row.try_get::<i32, _>("secret_generation")?).unwrap_or(0),
        secret_replaced_at: time_or_null(row, "secret_replaced_at")?,
        created_at: time(row, "created_at")?,
    })
}
