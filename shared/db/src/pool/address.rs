//! What the URL of a MySQL may say. sqlx ignores options that it does not know, and a certificate authority where
//! the mode does not ask for it: here both are errors, or done.

use std::{fs, net::IpAddr, sync::Once};

use sqlx::{
    AnyConnection, Row as _,
    any::AnyConnectOptions,
    mysql::{MySqlConnectOptions, MySqlSslMode},
};

use crate::{Error, Result};

const EXPECTED: &str = "expected sqlite:PATH or mysql://user:password@host/database";

/// What sqlx-mysql reads.
const OPTIONS: [&str; 14] = [
    "ssl-mode",
    "sslmode",
    "ssl-ca",
    "sslca",
    "ssl-cert",
    "sslcert",
    "ssl-key",
    "sslkey",
    "charset",
    "collation",
    "socket",
    "statement-cache-capacity",
    "timezone",
    "time-zone",
];

/// A URL that was understood.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) options: AnyConnectOptions,
    /// Whether a connection in clear text would go over a network without anybody having asked for it.
    pub(super) may_be_in_clear: bool,
}

pub(super) fn mysql(url: &str) -> Result<Address> {
    if !url.starts_with("mysql:") {
        return Err(Error::Url(EXPECTED.into()));
    }
    let mut options: AnyConnectOptions = url.parse().map_err(unreadable)?;
    let unknown = |name: &String| !OPTIONS.contains(&name.as_str());
    if let Some(name) = options.database_url.query_pairs().map(|(name, _)| name.into_owned()).find(unknown) {
        return Err(Error::Url(format!(
            "`{name}` is no option of mysql://; those of TLS are ssl-mode and ssl-ca"
        )));
    }
    let parsed: MySqlConnectOptions = options.database_url.as_str().parse().map_err(unreadable)?;
    if parsed.get_database().is_none() {
        return Err(Error::Url(EXPECTED.into()));
    }
    verify_with_ca(&mut options, parsed.get_ssl_mode())?;
    let preferred = matches!(parsed.get_ssl_mode(), MySqlSslMode::Preferred);
    let away = parsed.get_socket().is_none() && !is_loopback(parsed.get_host());
    Ok(Address { may_be_in_clear: preferred && away, options })
}

fn unreadable(error: sqlx::Error) -> Error {
    Error::Url(format!("{EXPECTED}: {error}"))
}

/// Whoever names a certificate authority wants the certificate verified.
fn verify_with_ca(options: &mut AnyConnectOptions, mode: MySqlSslMode) -> Result<()> {
    let pairs = options.database_url.query_pairs();
    let Some((_, file)) = pairs.into_iter().find(|(name, _)| name == "ssl-ca" || name == "sslca") else {
        return Ok(());
    };
    let pem = fs::read_to_string(&*file).map_err(|error| Error::Url(format!("ssl-ca {file}: {error}")))?;
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(Error::Url(format!("ssl-ca {file}: no certificate in it (PEM)")));
    }
    match mode {
        MySqlSslMode::Disabled => Err(Error::Url("ssl-mode=DISABLED contradicts ssl-ca".into())),
        MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity => Ok(()),
        // The last one counts.
        MySqlSslMode::Preferred | MySqlSslMode::Required => {
            options.database_url.query_pairs_mut().append_pair("ssl-mode", "VERIFY_CA");
            Ok(())
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

/// A warning and no error: what a server without TLS says in a private network is the operator's choice, and the
/// password does not go over such a connection as it is.
pub(super) async fn warn_if_in_clear(connection: &mut AnyConnection) -> sqlx::Result<()> {
    static ONCE: Once = Once::new();
    let row = sqlx::query("SHOW SESSION STATUS LIKE 'Ssl_cipher'").fetch_one(connection).await?;
    if row.try_get::<String, _>(1)?.is_empty() {
        ONCE.call_once(|| {
            tracing::warn!(
                "the database's connections are not encrypted: the server offers no TLS. Give it a certificate; \
                 with ?ssl-mode=REQUIRED in DATABASE_URL nothing goes in clear, with DISABLED this line does not come"
            );
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        mysql(url).unwrap_err().to_string()
    }

    #[test]
    fn an_option_that_nobody_reads_is_an_error() {
        let text = refused("mysql://u:p@db.example/tapedeck?ssl_mode=REQUIRED");
        assert!(text.starts_with("DATABASE_URL: `ssl_mode` is no option"), "{text}");
        assert!(refused("mysql://u:p@db.example/tapedeck?ssl-mode=ALWAYS").contains("ALWAYS"));
        assert!(refused("mysql://u:p@db.example").contains("host/database"));
        assert!(refused("postgres://u:p@db.example/x").contains("mysql://"));
    }

    #[test]
    fn a_certificate_authority_is_used_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let url = |options: &str| format!("mysql://u:p@db.example/x?ssl-ca={}{options}", file.display());
        assert!(refused(&url("")).contains("ca.pem: No such file"), "{}", refused(&url("")));
        fs::write(&file, "no certificate").unwrap();
        assert!(refused(&url("")).contains("no certificate in it"));
        fs::write(&file, "-----BEGIN CERTIFICATE-----").unwrap();
        assert!(refused(&url("&ssl-mode=DISABLED")).contains("contradicts"));
        let mode = |options: &str| {
            let url = mysql(&url(options)).unwrap().options.database_url;
            url.as_str().parse::<MySqlConnectOptions>().unwrap().get_ssl_mode()
        };
        assert!(matches!(mode(""), MySqlSslMode::VerifyCa));
        assert!(matches!(mode("&ssl-mode=REQUIRED"), MySqlSslMode::VerifyCa));
        assert!(matches!(mode("&ssl-mode=VERIFY_IDENTITY"), MySqlSslMode::VerifyIdentity));
    }

    #[test]
    fn clear_text_over_a_network_is_noticed_unless_it_was_asked_for() {
        let noticed = |url| mysql(url).unwrap().may_be_in_clear;
        assert!(noticed("mysql://u:p@db.example/x"));
        assert!(noticed("mysql://u:p@db.example/x?ssl-mode=PREFERRED"));
        assert!(!noticed("mysql://u:p@db.example/x?ssl-mode=DISABLED"));
        assert!(!noticed("mysql://u:p@127.0.0.1/x"));
        assert!(!noticed("mysql://u:p@[::1]/x"));
        assert!(!noticed("mysql://u:p@localhost/x"));
        assert!(!noticed("mysql://u:p@db.example/x?socket=/run/mysqld.sock"));
    }
}
