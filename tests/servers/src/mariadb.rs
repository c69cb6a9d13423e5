//! MySQL, as MariaDB.

use tempfile::TempDir;

use crate::process::{Process, command, free_port};

/// A MariaDB with one empty database and one user who may do everything.
#[derive(Debug)]
pub struct Mariadb {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

/// `mariadbd` reads this before it listens.
const INIT: &str = "CREATE DATABASE IF NOT EXISTS tapedeck CHARACTER SET utf8mb4;\n\
    CREATE USER IF NOT EXISTS 'tapedeck'@'%' IDENTIFIED BY 'secret';\n\
    GRANT ALL ON *.* TO 'tapedeck'@'%';\n";

impl Mariadb {
    /// Starts it and waits until it listens.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("init.sql"), INIT).unwrap();
        let mut install = command("mariadb-install-db", folder.path());
        install.arg("--no-defaults").arg(format!("--datadir={}", folder.path().join("data").display()));
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        Process::start(install).wait();
        let mut server = Self { folder, port: free_port(), process: None };
        server.restart();
        server
    }

    /// The address of its database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("mysql://tapedeck:secret@127.0.0.1:{}/tapedeck", self.port)
    }

    /// Starts it again after [`Mariadb::stop`] or [`Mariadb::kill`], on the same data.
    pub fn restart(&mut self) {
        let folder = self.folder.path();
        let mut mariadbd = command("mariadbd", folder);
        mariadbd.args(["--no-defaults", "--bind-address=127.0.0.1", "--innodb-buffer-pool-size=64M"]);
        mariadbd.arg(format!("--port={}", self.port));
        mariadbd.arg(format!("--datadir={}", folder.join("data").display()));
        mariadbd.arg(format!("--socket={}", folder.join("socket").display()));
        mariadbd.arg(format!("--pid-file={}", folder.join("pid").display()));
        mariadbd.arg(format!("--init-file={}", folder.join("init.sql").display()));
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
