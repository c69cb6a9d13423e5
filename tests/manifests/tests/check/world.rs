//! What every test here needs: the workspace's root, what the code says, the schemas, the Secrets.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use manifests::{Code, Resource, Schemas, parse, plain_files, run};

/// Stands in for `tapedeck keys`: the same files with no keys in them.
const KEYS: &str = "#!/bin/sh\ncd \"$2\" && for file in signing.pem public.pem links.key proofs.key; do echo x > $file; done\n";

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn code() -> Code {
    Code::read(&root()).unwrap()
}

/// The schemas of `CRDS_DIR`; loudly none without it.
pub(crate) fn schemas() -> Option<Schemas> {
    match variable("CRDS_DIR") {
        Some(folder) => Some(Schemas::read(Path::new(&folder)).unwrap()),
        None => {
            eprintln!("NOT CHECKED: custom resources against their schemas, since CRDS_DIR is not set");
            None
        }
    }
}

/// Whether a missing tool is a failure rather than a loud word.
pub(crate) fn in_ci() -> bool {
    variable("CI").is_some()
}

fn variable(name: &str) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "no part of the program: where this machine keeps its schemas"
    )]
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What `make secrets` would apply.
pub(crate) fn secrets() -> Vec<Resource> {
    let folder = tempfile::tempdir().unwrap();
    let stub = folder.path().join("tapedeck");
    fs::write(&stub, KEYS).unwrap();
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    let script = root().join("knative/secrets.sh").display().to_string();
    let print = |what: &str| {
        let stub = stub.to_str().unwrap();
        let yaml = run("bash", &[&script, what], &[("TAPEDECK", stub), ("DATABASE_CA", stub)])
            .unwrap()
            .expect("bash is not there");
        parse("knative/secrets.sh", &yaml).unwrap()
    };
    print("keys").into_iter().chain(print("stores")).collect()
}

/// The plain files, each changed by `change`, and the Secrets.
pub(crate) fn plain(change: impl Fn(&str, String) -> String) -> Vec<Resource> {
    let files = plain_files(&root()).unwrap().into_iter();
    let parsed = files.flat_map(|(file, text)| parse(&file, &change(&file, text)).unwrap());
    parsed.chain(secrets()).collect()
}
