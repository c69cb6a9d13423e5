//! Writes the JSON Schemas of all events to `eventing/schemas`: `cargo run -p contracts --example schemas`.

use std::{fs, path::Path};

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../eventing/schemas");
    fs::create_dir_all(&folder)?;
    for event in contracts::described() {
        fs::write(folder.join(event.file_name()), format!("{:#}\n", event.schema))?;
    }
    Ok(())
}
