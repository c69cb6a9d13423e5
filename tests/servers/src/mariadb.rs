//! MySQL, as MariaDB.

use tempfile::TempDir;

use crate::{
    Certificate,
    process::{Process, command, free_port},
};

/// A MariaDB with one empty database and one user who may do everything.
#[derive(Debug)]
pub struct Mariadb {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
    certificate: Option<Certificate>,
    /// Of its environment, beyond ours.
    variables: Vec<(String, String)>,
}

/// `mariadbd` reads this before it listens.
const INIT: &str = "CREATE DATABASE IF NOT EXISTS tapedeck CHARACTER SET utf8mb4;\n\
    CREATE USER IF NOT EXISTS 'tapedeck'@'%' IDENTIFIED BY 'secret';\n\
    GRANT ALL ON *.* TO 'tapedeck'@'%';\n\
    CREATE USER IF NOT EXISTS 'careful'@'%' IDENTIFIED BY 'secret' REQUIRE SSL;\n\
    GRANT ALL ON *.* TO 'careful'@'%';\n";

impl Mariadb {
    /// Starts it and waits until it listens.
    #[must_use]
    pub fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), None, Vec::new())
    }

    /// The same with these variables in its environment. Its files are in a folder called `data`.
    #[must_use]
    pub fn start_with(variables: Vec<(String, String)>) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), None, variables)
    }

    /// The same, with TLS. Its user `careful` may not log in without.
    #[must_use]
    pub fn start_with_tls() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::make(folder.path());
        Self::start_in(folder, Some(certificate), Vec::new())
    }

    fn start_in(folder: TempDir, certificate: Option<Certificate>, variables: Vec<(String, String)>) -> Self {
        std::fs::write(folder.path().join("init.sql"), INIT).unwrap();
        let mut install = command("mariadb-install-db", folder.path());
        install.arg("--no-defaults").arg(format!("--datadir={}", folder.path().join("data").display()));
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        Process::start(install).wait();
        let mut server = Self { folder, port: free_port(), process: None, certificate, variables };
        server.restart();
        server
    }

    /// The address of its database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mysql://tapedeck:secret@127.0.0.1:{}/tapedeck", self.port)
    }

    /// The address of its database for the user who needs TLS.
    #[must_use]
    pub fn careful_url(&self) -> String {
        self.url().replace("tapedeck:", "careful:")
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of a server with TLS.
    ///
    /// # Panics
    /// If it was started without.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        self.certificate.as_ref().expect("started with TLS")
    }

    /// Starts it again after [`Mariadb::stop`] or [`Mariadb::kill`], on the same data.
    pub fn restart(&mut self) {
        let folder = self.folder.path();
        let mut mariadbd = command("mariadbd", folder);
        mariadbd.envs(self.variables.iter().cloned());
        mariadbd.args(["--no-defaults", "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=64M"]);
        // What Debian's package has by default; names of files must survive it.
        mariadbd.arg("--character-set-server=latin1");
        mariadbd.arg(format!("--port={}", self.port));
        mariadbd.arg(format!("--datadir={}", folder.join("data").display()));
        mariadbd.arg(format!("--socket={}", folder.join("socket").display()));
        mariadbd.arg(format!("--pid-file={}", folder.join("pid").display()));
        mariadbd.arg(format!("--init-file={}", folder.join("init.sql").display()));
        if let Some(Certificate { authority, file, key }) = &self.certificate {
            mariadbd.arg(format!("--ssl-ca={}", authority.display()));
            mariadbd.arg(format!("--ssl-cert={}", file.display()));
            mariadbd.arg(format!("--ssl-key={}", key.display()));
        }
        if is_root() {
            // It refuses to run as root unless told to.
            mariadbd.arg("--user=root");
        }
        let mut process = Process::start(mariadbd);
        process.ready(self.port, folder);
        self.process = Some(process);
    }

    /// Stops it in good order.
    pub fn stop(&mut self) {
        self.process.take().expect("running").stop();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process = None;
    }
}

#[expect(unsafe_code, reason = "std has no geteuid")]
fn is_root() -> bool {
    // SAFETY: no memory effects.
    unsafe { libc::geteuid() == 0 }
}
