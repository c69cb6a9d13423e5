//! Certificates for servers that speak TLS, from Debian's openssl.

use std::path::{Path, PathBuf};

use crate::process::{Process, command};

/// A certificate authority of its own, and a certificate by it for 127.0.0.1.
#[derive(Debug)]
pub struct Certificate {
    /// The authority (PEM).
    pub authority: PathBuf,
    /// The certificate (PEM).
    pub file: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

impl Certificate {
    /// Makes both in `folder`.
    #[must_use]
    pub fn make(folder: &Path) -> Self {
        let [authority, authority_key, file, key] =
            ["ca.pem", "ca-key.pem", "cert.pem", "key.pem"].map(|name| folder.join(name));
        let new = |out: &Path, key: &Path, more: &[&str]| {
            let mut openssl = command("openssl", folder);
            openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
            openssl.args(["-days", "2", "-keyout"]).arg(key).arg("-out").arg(out).args(more);
            Process::start(openssl).wait();
            assert!(out.exists(), "openssl: {}", std::fs::read_to_string(folder.join("log")).unwrap());
        };
        new(&authority, &authority_key, &["-subj", "/CN=authority"]);
        let by = [authority.to_str().unwrap(), authority_key.to_str().unwrap()];
        let names = ["subjectAltName=IP:127.0.0.1", "basicConstraints=critical,CA:FALSE"];
        new(
            &file,
            &key,
            &["-subj", "/CN=server", "-CA", by[0], "-CAkey", by[1], "-addext", names[0], "-addext", names[1]],
        );
        Self { authority, file, key }
    }
}
