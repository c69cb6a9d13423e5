//! Users.

use contracts::{Ended, EventId, Message, Timestamp, UserId, UserRegistered};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, LastAdmin, Result,
    administrators::another_is_left,
    classes::STANDARD,
    deliveries::{self, NewDelivery},
    outbox,
    pool::Tx,
    row::{parsed, time, time_or_null},
    settings::{alone_with_administrators, may_be_first_account, take_first_account},
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
    /// How often another password has ended their log-ins.
    pub login_generation: u32,
    /// How often the secret of their webhooks was replaced.
    pub webhook_generation: u32,
    /// When it was last.
    pub webhook_replaced_at: Option<Timestamp>,
    /// Whether mails about jobs are sent, where the job does not say.
    pub job_mails: bool,
    /// When the account is removed, if it is a guest's.
    pub guest_until: Option<Timestamp>,
}

/// A person who registers.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Address, already in lower case.
    pub email: String,
    /// Argon2id in PHC string format.
    pub password_hash: String,
    /// Whether to be admin if nobody has ever registered before. Who registers first uses the chance up for ever, also
    /// with `false` here and when all accounts are gone.
    pub admin_if_first: bool,
    /// Whether the address counts as proven.
    pub verified: bool,
}

impl Db {
    /// Registers a user, and records that for whoever sends the verification mail.
    ///
    /// # Errors
    /// [`crate::Error::Exists`] if the address is taken.
    pub async fn create_user(&self, new: NewUser) -> Result<(User, Ended<UserRegistered>)> {
        let may_be_first = may_be_first_account(self).await?;
        let now = self.now().await?;
        let mut tx = self.begin().await?;
        let first = may_be_first && take_first_account(&mut tx).await?;
        let user = User {
            id: UserId::generate(),
            email: new.email,
            password_hash: new.password_hash,
            role: if new.admin_if_first && first { Role::Admin } else { Role::User },
            class: STANDARD.into(),
            verified_at: new.verified.then_some(now),
            disabled_at: None,
            created_at: now,
            login_generation: 0,
            webhook_generation: 0,
            webhook_replaced_at: None,
            job_mails: true,
            guest_until: None,
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
    /// As the database fails. Inside, [`LastAdmin`] if nobody else administers; then nothing was removed.
    pub async fn delete_user(&self, id: UserId) -> Result<Result<(), LastAdmin>> {
        if self.may_delete(id).await?.is_none() {
            return Ok(Err(LastAdmin));
        }
        while self.jobs().delete_some(id).await? > 0 {}
        // Asked again: somebody else may have stopped administering meanwhile.
        let Some(mut tx) = self.may_delete(id).await? else { return Ok(Err(LastAdmin)) };
        delete_rows(&mut tx, id).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }

    /// A transaction in which the account may go; `None` if it alone administers. Almost everybody is no administrator,
    /// and waits for nobody.
    async fn may_delete(&self, id: UserId) -> Result<Option<Tx>> {
        // Not read as a user: an account that can't be read may go too.
        let role = sqlx::query("SELECT role FROM users WHERE id = ?").bind(id.to_string());
        let role =
            self.fetch_optional(role).await?.map(|row| row.try_get::<String, _>("role")).transpose()?;
        let administers = role.is_some_and(|role| role != Role::User.as_str());
        let mut tx = self.begin().await?;
        if !administers {
            return Ok(Some(tx));
        }
        alone_with_administrators(&mut tx).await?;
        Ok(another_is_left(&mut tx, id).await?.then_some(tx))
    }
}

/// Every statement finds its rows by an index that begins with the user. Keys are at most a hundred and refresh tokens
/// end after days, so both are few: one statement each.
async fn delete_rows(tx: &mut Tx, id: UserId) -> Result<()> {
    for statement in [
        "DELETE FROM api_keys WHERE user_id = ?",
        "DELETE FROM refresh_tokens WHERE user_id = ?",
        "DELETE FROM sessions WHERE user_id = ?",
        "DELETE FROM deliveries WHERE user_id = ?",
        "DELETE FROM feeds WHERE user_id = ?",
        "DELETE FROM destinations WHERE user_id = ?",
        "DELETE FROM uploads WHERE user_id = ?",
        "DELETE FROM job_tags WHERE user_id = ?",
        "DELETE FROM users WHERE id = ?",
    ] {
        sqlx::query(statement).bind(id.to_string()).execute(&mut **tx).await?;
    }
    Ok(())
}

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
        login_generation: generation(row, "login_generation")?,
        webhook_generation: generation(row, "webhook_generation")?,
        webhook_replaced_at: time_or_null(row, "webhook_replaced_at")?,
        job_mails: row.try_get::<i32, _>("job_mails")? != 0,
        guest_until: time_or_null(row, "guest_until")?,
    })
}

fn generation(row: &AnyRow, column: &str) -> Result<u32> {
    Ok(u32::try_from(row.try_get::<i32, _>(column)?).unwrap_or(0))
}
