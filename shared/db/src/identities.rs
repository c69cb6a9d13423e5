//! Who an account's owner is at the provider where they log in.

use contracts::UserId;

use crate::{Db, Error, Result, User, users::read};

impl Db {
    /// The user whose identity has this hash.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn user_by_identity(&self, identity_hash: &str) -> Result<Option<User>> {
        let row = sqlx::query("SELECT * FROM users WHERE identity_hash = ?").bind(identity_hash);
        self.fetch_optional(row).await?.as_ref().map(read).transpose()
    }

    /// Gives a user whose address is proven this identity; false if they have another one, or somebody else has it.
    ///
    /// # Errors
    /// As the database fails.
    pub async fn link_identity(&self, id: UserId, identity_hash: &str) -> Result<bool> {
        let link = sqlx::query(
            "UPDATE users SET identity_hash = ? WHERE id = ? AND identity_hash IS NULL AND verified_at IS NOT NULL",
        );
        match self.execute(link.bind(identity_hash).bind(id.to_string())).await {
            Ok(rows) => Ok(rows == 1),
            Err(Error::Exists) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
