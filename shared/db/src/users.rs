//! Users.

use contracts::{Ended, EventId, Message, Timestamp, UserId, UserRegistered};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, Result,
    deliveries::{self, NewDelivery},
    jobs::Jobs,
    outbox,
    row::{parsed, time, time_or_null},
};

/// What a user may do beyond their own jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Their own jobs only.
    User,
    /// Everybody's accounts too.
    Admin,
}

impl Role {
    /// As it stands in the database and in tokens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "user" => Ok(Self::User),
            "admin" => Ok(Self::Admin),
            _ => Err(format!("unknown role {text:?}")),
        }
    }
}

/// A registered person.
#[derive(Clone, Debug)]
pub struct User {
    /// Names them in every other table.
    pub id: UserId,
    /// Address in lower case; unique.
    pub email: String,
    /// Argon2id in PHC string format.
    pub password_hash: String,
    /// What they may do.
    pub role: Role,
    /// Which limits apply to them.
    pub class: String,
    /// When they proved that the address is theirs.
    pub verified_at: Option<Timestamp>,
    /// When an admin locked them out.
    pub disabled_at: Option<Timestamp>,
    /// When they registered.
    pub created_at: Timestamp,
}

/// A person who registers.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Address, already in lower case.
    pub email: String,
    /// Argon2id in PHC string format.
    pub password_hash: String,
    /// Whether to be admin if nobody has registered before.
    pub admin_if_first: bool,
    /// Whether the address counts as proven.
    pub verified: bool,
}

impl Db {
    /// Registers a user, and records that for whoever sends the verification mail.
    ///
    /// # Errors
    /// [`Error::Exists`] if the address is taken.
    pub async fn create_user(&self, new: NewUser) -> Result<(User, Ended<UserRegistered>)> {
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        let first: i64 =
            sqlx::query("SELECT COUNT(*) AS n FROM users").fetch_one(&mut *tx).await?.try_get("n")?;
        let user = User {
            id: UserId::generate(),
            email: new.email,
            password_hash: new.password_hash,
            role: if new.admin_if_first && first == 0 { Role::Admin } else { Role::User },
            class: "standard".into(),
            verified_at: new.verified.then_some(now),
            disabled_at: None,
            created_at: now,
        };
        sqlx::query(
            "INSERT INTO users (id, email, password_hash, role, class, verified_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(user.id.to_string())
        .bind(&user.email)
        .bind(&user.password_hash)
        .bind(user.role.as_str())
        .bind(&user.class)
        .bind(user.verified_at.map(Timestamp::millis))
        .bind(now.millis())
        .execute(&mut *tx)
        .await?;
        let fact = UserRegistered { user_id: user.id };
        let fact = outbox::record(&mut tx, fact, EventId::generate(), now).await?;
        let welcome = NewDelivery::mail(user.id, Message::Welcome);
        let welcome = deliveries::record(&mut tx, &welcome, EventId::generate(), now).await?;
        tx.commit().await?;
        Ok((user, Ended { fact, deliveries: vec![welcome] }))
    }

    /// The user with this address (in lower case).
    ///
    /// # Errors
    /// As the database fails.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>> {
        let row =
            sqlx::query("SELECT * FROM users WHERE email = ?").bind(email).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// The user with this id.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        let row = sqlx::query("SELECT * FROM users WHERE id = ?")
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// Removes a user with all their rows, the jobs a hundred at a time. Their blobs are named as garbage; a crash in
    /// between leaves an account with fewer jobs.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn delete_user(&self, id: UserId) -> Result<()> {
        let user = id.to_string();
        loop {
            let now = self.now().await?;
            let mut tx = self.begin().await?;
            let jobs = Jobs::delete_some(&mut tx, &user, JOBS_AT_ONCE, now).await?;
            tx.commit().await?;
            if jobs == 0 {
                break;
            }
        }
        let mut tx = self.begin().await?;
        for statement in [
            "DELETE FROM api_keys WHERE user_id = ?",
            "DELETE FROM refresh_tokens WHERE user_id = ?",
            "DELETE FROM deliveries WHERE user_id = ?",
            "DELETE FROM users WHERE id = ?",
        ] {
            sqlx::query(statement).bind(&user).execute(&mut *tx).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Jobs that one transaction removes.
const JOBS_AT_ONCE: i64 = 100;

pub(crate) fn read(row: &AnyRow) -> Result<User> {
    Ok(User {
        id: parsed(row, "id")?,
        email: row.try_get("email")?,
        password_hash: row.try_get("password_hash")?,
        role: parsed(row, "role")?,
        class: row.try_get("class")?,
        verified_at: time_or_null(row, "verified_at")?,
        disabled_at: time_or_null(row, "disabled_at")?,
        created_at: time(row, "created_at")?,
    })
}
