//! Administrators: there is always one left, whoever acts at the same moment.
//!
//! Whoever may take one away (a change, a deletion) first writes one row, so that they come one after the other; then
//! counts who is left. A count alone would let two at once each see the other.

use contracts::UserId;

use crate::{Db, Result, User, pool::Tx, settings::alone_with_administrators};

/// The change would have left nobody who administers; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the last administrator can't be removed")]
pub struct LastAdmin;

impl Db {
    /// Makes the user with this address (in lower case) an administrator who is not locked out: for the operator, when
    /// nobody else can. `None` if there is no such user.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn make_admin(&self, email: &str) -> Result<Option<User>> {
        let mut tx = self.begin().await?;
        alone_with_administrators(&mut tx).await?;
        sqlx::query(
            "UPDATE users SET role = 'admin', disabled_at = NULL, guest_until = NULL WHERE email = ?",
        )
        .bind(email)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        self.user_by_email(email).await
    }
}

/// Whether somebody else could administer. Under [`alone_with_administrators`].
pub(crate) async fn another_is_left(tx: &mut Tx, id: UserId) -> Result<bool> {
    let other = sqlx::query(
        "SELECT 1 AS one FROM users WHERE role = 'admin' AND disabled_at IS NULL AND id <> ? LIMIT 1",
    )
    .bind(id.to_string())
    .fetch_optional(&mut **tx)
    .await?;
    Ok(other.is_some())
}
