//! The figures of one run of the benchmark, as a table and as JSON.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::statistics::Figures;
use crate::store::Store;

/// Everything that one run found out.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Of f5-guard.
    pub version: String,
    pub system: String,
    pub processors: usize,
    pub trust_store: String,
    pub binary: PathBuf,
    pub binary_bytes: u64,
    pub cases: Vec<Figures>,
}

impl Report {
    pub fn new(binary: &Path, store: &Store, cases: Vec<Figures>) -> Outcome<Self> {
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processors: std::thread::available_parallelism()?.get(),
            trust_store: store.describe(),
            binary: binary.file_name().unwrap_or_default().into(),
            binary_bytes: fs::metadata(binary)?.len(),
            cases,
        })
    }

    pub fn read(file: &Path) -> Outcome<Self> {
        Ok(serde_json::from_slice(&fs::read(file)?)?)
    }

    pub fn write(&self, file: &Path) -> Outcome<()> {
        Ok(fs::write(file, serde_json::to_string_pretty(self)? + "\n")?)
    }

    pub fn case(&self, name: &str) -> Option<&Figures> {
        self.cases.iter().find(|case| case.name == name)
    }

    pub fn print(&self) {
        println!("f5-guard {} on {}, {} processors", self.version, self.system, self.processors);
        println!("trust store: {}", self.trust_store);
        println!("binary: {:.2} MB\n", self.binary_bytes as f64 / 1e6);
        println!("| case | runs | median ms | p95 ms | min ms | CPU ms | peak MB |");
        println!("|---|--:|--:|--:|--:|--:|--:|");
        for case in &self.cases {
            println!(
                "| {} | {} | {:.2} | {:.2} | {:.2} | {} | {} |",
                case.name,
                case.runs,
                case.median_ms,
                case.p95_ms,
                case.min_ms,
                case.cpu_ms.map_or("–".into(), |ms| format!("{ms:.2}")),
                case.peak_bytes.map_or("–".into(), |bytes| format!("{:.1}", bytes as f64 / 1e6)),
            );
        }
    }
}
