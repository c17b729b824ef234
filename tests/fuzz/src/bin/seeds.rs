//! Writes the seeds of the corpus: `cargo run --release -p interstice-fuzz --bin seeds`. What a fuzzer has
//! found beside them stays.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for seed in interstice_fuzz::seeds::all() {
        let folder = corpus.join(seed.target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(&seed.name), &seed.bytes)?;
        println!("{}/{}: {} bytes", seed.target, seed.name, seed.bytes.len());
    }
    Ok(())
}
