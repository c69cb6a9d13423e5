//! Builds LAME from the sources in the crate `mp3lame-sys`: optimised in every profile, once for each kind of CPU.
#![expect(clippy::disallowed_methods, reason = "a build script is told by its environment, and asks cargo")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, io};

/// What `native/lame.patch` changes, in LAME's `libmp3lame`.
const PATCHED: [&str; 8] = [
    "bitstream.c",
    "fft.c",
    "newmdct.c",
    "psymodel.c",
    "quantize_pvt.h",
    "takehiro.c",
    "util.h",
    "vbrquantize.c",
];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=native/all-of-lame.c");
    println!("cargo:rerun-if-changed=native/lame.patch");
    let lame = lame()?;
    let patched = patch(&lame)?;
    let sources = [patched, lame.join("include"), lame.join("libmp3lame")];
    compile(&sources, "media_lame_baseline", &[])?;
    if variable("CARGO_CFG_TARGET_ARCH")? == "x86_64" {
        // AVX2 and FMA: half the time.
        compile(&sources, "media_lame_v3", &["-march=x86-64-v3"])?;
    }
    Ok(())
}

/// Where `lame-3.100` of the crate `mp3lame-sys` is, whether it comes from a registry, a vendored folder or a patch.
fn lame() -> io::Result<PathBuf> {
    let metadata = Command::new(variable("CARGO")?)
        .args(["metadata", "--format-version=1", "--locked", "--all-features", "--filter-platform"])
        .arg(variable("TARGET")?)
        .output()?;
    let (metadata, errors) =
        (String::from_utf8_lossy(&metadata.stdout), String::from_utf8_lossy(&metadata.stderr));
    let manifests = metadata.split("\"manifest_path\":\"").filter_map(|rest| rest.split('"').next());
    let folders = manifests.filter_map(|path| Some(Path::new(path).parent()?.join("lame-3.100")));
    let mut found = folders.filter(|folder| folder.is_dir());
    found.next().ok_or_else(|| {
        io::Error::other(format!("`cargo metadata` knows no crate with LAME's sources: {errors}"))
    })
}

/// A folder with the sources that `native/lame.patch` changes. They are found before the ones of the crate.
fn patch(lame: &Path) -> io::Result<PathBuf> {
    let folder = Path::new(&variable("OUT_DIR")?).join("lame");
    std::fs::create_dir_all(&folder)?;
    for name in PATCHED {
        std::fs::copy(lame.join("libmp3lame").join(name), folder.join(name))?;
    }
    let input = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("native/lame.patch");
    let arguments = ["--strip=1", "--no-backup-if-mismatch", "--quiet", "--input"];
    let status = Command::new("patch").args(arguments).arg(input).current_dir(&folder).status()?;
    if status.success() {
        Ok(folder)
    } else {
        Err(io::Error::other("native/lame.patch does not fit this LAME"))
    }
}

fn compile(sources: &[PathBuf], table: &str, flags: &[&str]) -> io::Result<()> {
    let mut build = cc::Build::new();
    if !build.get_compiler().is_like_gnu() {
        return Err(io::Error::other("LAME is built with GCC: set CC=gcc"));
    }
    build
        .file("native/all-of-lame.c")
        .includes(sources)
        .define("LAME_TABLE", table)
        .define("NDEBUG", None)
        .opt_level(3)
        .debug(false)
        .flags(["-ffast-math", "-fwhole-program", "-Wno-psabi"])
        .flags(flags)
        .warnings(false)
        .try_compile(table)
        .map_err(io::Error::other)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}
