//! Whose certificates are good.

use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, pem::PemObject as _},
    },
};

/// Certificate authorities that are believed.
#[derive(Debug)]
pub struct Trust(RootCertStore);

/// Certificates that can't be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Untrusted(String);

impl Trust {
    /// The public ones, as browsers know them.
    #[must_use]
    pub fn public() -> Self {
        Self(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() })
    }

    /// And those that this machine believes.
    #[must_use]
    pub fn and_of_the_system(mut self) -> Self {
        self.0.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        self
    }

    /// And those of a file (PEM).
    ///
    /// # Errors
    /// [`Untrusted`].
    pub fn and_of(mut self, file: &Path) -> Result<Self, Untrusted> {
        let wrong = |error: &dyn std::fmt::Display| Untrusted(error.to_string());
        let certificates = CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            self.0.add(certificate).map_err(|error| wrong(&error))?;
        }
        Ok(self)
    }

    pub(crate) fn connector(self) -> Result<TlsConnector, Untrusted> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Untrusted(error.to_string()))?;
        Ok(Arc::new(config.with_root_certificates(self.0).with_no_client_auth()).into())
    }
}
