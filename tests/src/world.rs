//! The three worlds that a platform can run in.

use std::path::{Path, PathBuf};

use crate::{
    embedded::{self, Embedded},
    fleet::Fleet,
    knative::Cluster,
};

#[derive(Debug)]
pub(crate) enum World {
    /// One process, a folder.
    Embedded(Embedded),
    /// A process per function on real servers, wired by AMQP.
    Fleet(Box<Fleet>),
    /// As the manifests say, on real servers.
    Cluster(Box<Cluster>),
}

/// The world that `TEST_WORLD` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    Embedded,
    Fleet,
    Cluster,
}

impl Chosen {
    pub(crate) fn by_environment() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one place where tests read it")]
        let world = std::env::var("TEST_WORLD").unwrap_or_else(|_| "embedded".into());
        match world.as_str() {
            "embedded" => Self::Embedded,
            "real" => Self::Fleet,
            "knative" => Self::Cluster,
            other => panic!("TEST_WORLD is embedded, real or knative, not {other}"),
        }
    }
}

impl World {
    pub(crate) fn home(&self) -> &str {
        match self {
            Self::Embedded(embedded) => &embedded.home,
            Self::Fleet(fleet) => &fleet.home,
            Self::Cluster(cluster) => &cluster.home,
        }
    }

    /// Of a world in `folder`.
    pub(crate) fn database_url(&self, folder: &Path) -> String {
        match self {
            Self::Embedded(_) => format!("sqlite:{}", embedded::data(folder).join("tapedeck.db").display()),
            Self::Fleet(fleet) => fleet.place.database_url.clone(),
            Self::Cluster(cluster) => cluster.place.database_url.clone(),
        }
    }

    /// The same.
    pub(crate) fn blobs_url(&self, folder: &Path) -> String {
        match self {
            Self::Embedded(_) => format!("file:{}", embedded::data(folder).join("blobs").display()),
            Self::Fleet(fleet) => fleet.place.blobs_url.clone(),
            Self::Cluster(cluster) => cluster.place.blobs_url.clone(),
        }
    }

    /// The same; each mail is a file.
    pub(crate) fn mails(&self, folder: &Path) -> PathBuf {
        match self {
            Self::Embedded(_) => embedded::data(folder).join("mails"),
            Self::Fleet(fleet) => fleet.smtp.mails_folder(),
            Self::Cluster(cluster) => cluster.smtp.mails_folder(),
        }
    }

    /// SIGTERM to all; the exit code of one process, and what of many did not end in good order.
    pub(crate) async fn stop(self) -> (Option<i32>, Vec<String>) {
        match self {
            Self::Embedded(embedded) => (embedded.stop().await, Vec::new()),
            Self::Fleet(fleet) => (Some(0), fleet.stop().await),
            Self::Cluster(cluster) => (Some(0), cluster.world.end().await),
        }
    }
}
