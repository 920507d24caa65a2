//! What was measured, as tables for the terminal and for the pages in `bench`.

use std::fmt::Write as _;

use model::time::Timestamp;

/// A table of figures.
pub(crate) struct Table {
    pub(crate) title: String,
    /// What was measured, in sentences.
    pub(crate) text: String,
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    /// Prints it with aligned columns.
    pub(crate) fn print(&self) {
        println!("\n{}\n{}", self.title, self.text);
        let columns: Vec<String> = self.columns.iter().map(|&name| name.to_owned()).collect();
        let lines = std::iter::once(&columns).chain(&self.rows);
        let width = |at: usize| lines.clone().map(|line| line[at].chars().count()).max();
        let widths: Vec<usize> = (0..columns.len()).filter_map(width).collect();
        for line in lines.clone() {
            let cells = line.iter().zip(&widths).enumerate();
            let cells = cells.map(|(at, (cell, width))| match at {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            println!("{}", cells.collect::<Vec<_>>().join("  "));
        }
    }

    fn markdown(&self) -> String {
        let mut out = format!("\n## {}\n\n{}\n\n", self.title, self.text);
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let columns: Vec<String> = self.columns.iter().map(|&name| name.to_owned()).collect();
        out += &line(&columns);
        out += &line(&vec!["---".to_owned(); columns.len()]);
        self.rows.iter().for_each(|row| out += &line(row));
        out
    }
}

/// The tables of a part as one page.
pub(crate) fn page(title: &str, part: &str, tables: &[Table]) -> String {
    let mut out = format!(
        "# {title}\n\n\
         Written by `cargo xtask bench {part}`; how: [README.md](README.md#{part}). Measured \
         on loopback or, where it says so, in process, with the profile `dist`.\n\n|  |  |\n| --- | --- |\n",
    );
    for (name, value) in machine() {
        let _infallible = writeln!(out, "| {name} | {value} |");
    }
    tables.iter().for_each(|table| out += &table.markdown());
    out
}

fn machine() -> Vec<(&'static str, String)> {
    let first = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(
            || "unknown".to_owned(),
            |(_, value)| value.trim().to_owned(),
        )
    };
    let cores = std::thread::available_parallelism().unwrap();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let commit = std::process::Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    let commit = commit.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned());
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let now = Timestamp::from_microsecond(i64::try_from(since.as_secs()).unwrap() * 1_000_000);
    let now = now.unwrap();
    vec![
        (
            "processor",
            format!("{cores} × {}", first("/proc/cpuinfo", "model name")),
        ),
        ("memory", first("/proc/meminfo", "MemTotal")),
        ("system", format!("Linux {}", kernel.trim())),
        (
            "measured",
            format!("{now}, commit {}", commit.unwrap_or_default()),
        ),
    ]
}
