//! Lists the files of `migrations/` for `src/pool/migrate.rs`. The macro of sqlx that does it would need all of sqlx and its
//! drivers a second time, for the compiler itself.
#![expect(clippy::disallowed_methods, reason = "a build script is told by its environment")]

use std::{env, fs, io, path::Path};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=migrations");
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("migrations");
    let mut list = String::new();
    for entry in fs::read_dir(&folder)? {
        list += &listed(&entry?.path())?;
    }
    fs::write(Path::new(&variable("OUT_DIR")?).join("migrations.rs"), format!("&[\n{list}]\n"))
}

/// `0002_same_video.sql` -> `(2, "same video", include_str!("/.../0002_same_video.sql")),`
fn listed(path: &Path) -> io::Result<String> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let parts = name.split_once('_').and_then(|(version, rest)| Some((version.parse::<i64>().ok()?, rest)));
    let (version, rest) =
        parts.ok_or_else(|| io::Error::other(format!("{} is not named NUMBER_what.sql", path.display())))?;
    Ok(format!("({version}, {:?}, include_str!({path:?})),\n", rest.replace('_', " ")))
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}
