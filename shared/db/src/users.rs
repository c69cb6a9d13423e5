//! Users.

use contracts::{Recorded, Timestamp, UserId, UserRegistered};
use sqlx::{Row as _, any::AnyRow};

use crate::{
    Db, LastAdmin, Result,
    administrators::another_is_left,
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
    /// [`Error::Exists`] if the address is taken.
    pub async fn create_user(&self, new: NewUser) -> Result<(User, Recorded<UserRegistered>)> {
        let may_be_first = may_be_first_account(self).await?;
        let mut tx = self.begin().await?;
        let first = may_be_first && take_first_account(&mut tx).await?;
        let now = Timestamp::now();
        let user = User {
            id: UserId::generate(),
            email: new.email,
            password_hash: new.password_hash,
            role: if new.admin_if_first && first { Role::Admin } else { Role::User },
            class: "standard".into(),
            verified_at: new.verified.then_some(now),
            disabled_at: None,
            created_at: now,
            login_generation: 0,
            webhook_generation: 0,
            webhook_replaced_at: None,
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
        let recorded = crate::outbox::record(&mut tx, UserRegistered { user_id: user.id }).await?;
        tx.commit().await?;
        Ok((user, recorded))
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

    /// Removes a user with all their rows. Their blobs are named by no row any more: the sweep removes them.
    ///
    /// # Errors
    /// As the database fails. Inside, [`LastAdmin`] if nobody else administers; then nothing was removed.
    pub async fn delete_user(&self, id: UserId) -> Result<Result<(), LastAdmin>> {
        let mut tx = self.begin().await?;
        // Almost everybody is no administrator, and waits for nobody.
        let user = sqlx::query("DELETE FROM users WHERE id = ? AND role <> 'admin'").bind(id.to_string());
        if user.execute(&mut *tx).await?.rows_affected() == 0 {
            tx.rollback().await?;
            tx = self.begin().await?;
            alone_with_administrators(&mut tx).await?;
            if !another_is_left(&mut tx, id).await? && is_there(&mut tx, id).await? {
                return Ok(Err(LastAdmin));
            }
        }
        delete_rows(&mut tx, id).await?;
        tx.commit().await?;
        Ok(Ok(()))
    }
}

async fn is_there(tx: &mut Tx, id: UserId) -> Result<bool> {
    let row = sqlx::query("SELECT 1 AS one FROM users WHERE id = ?").bind(id.to_string());
    Ok(row.fetch_optional(&mut **tx).await?.is_some())
}

/// Every statement finds its rows by an index that begins with the user. Keys are at most a hundred and refresh tokens
/// end after days, so both are few: one statement each.
async fn delete_rows(tx: &mut Tx, id: UserId) -> Result<()> {
    for statement in [
        "DELETE FROM users WHERE id = ?",
        "DELETE FROM api_keys WHERE user_id = ?",
        "DELETE FROM refresh_tokens WHERE user_id = ?",
        // Jobs and what hangs on them: this one reads all notifications.
        "DELETE FROM notifications WHERE subject IN (SELECT id FROM jobs WHERE user_id = ?)",
        "DELETE FROM jobs WHERE user_id = ?",
        "DELETE FROM notifications WHERE subject = ?",
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
    })
}

fn generation(row: &AnyRow, column: &str) -> Result<u32> {
    Ok(u32::try_from(row.try_get::<i32, _>(column)?).unwrap_or(0))
}
