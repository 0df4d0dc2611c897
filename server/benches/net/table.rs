//! What a person reads at the end.

use std::fs;

/// A table in Markdown.
pub struct Table {
    title: String,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(title: String, heads: impl Iterator<Item = String>) -> Self {
        Self { title, rows: vec![heads.collect()] }
    }

    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    pub fn print(&self) {
        let widths: Vec<usize> = (0..self.rows[0].len())
            .map(|at| {
                self.rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count()).max().unwrap_or(0)
            })
            .collect();
        println!("{}\n", self.title);
        for (at, row) in self.rows.iter().enumerate() {
            let cells = widths.iter().zip(row).map(|(width, cell)| format!(" {cell:>width$} |"));
            println!("|{}", cells.collect::<String>());
            if at == 0 {
                println!("|{}", widths.iter().map(|width| format!("{}:|", "-".repeat(width + 1))).collect::<String>());
            }
        }
        println!();
    }
}

/// Says where the figures come from.
pub fn print_machine() {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": an unknown processor");
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let busy = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "machine: {count} x{}, Linux {}",
        model.trim_start_matches(['\t', ' ', ':']).replacen("", " ", 1),
        kernel.trim()
    );
    println!("load average before: {}", busy.split_whitespace().next().unwrap_or("unknown"));
}

/// The middle one; of an even number the mean of two.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The median of the ratios of each round: what the second costs in terms of the first.
pub fn ratio(rounds: &[[f64; 2]]) -> f64 {
    median(&rounds.iter().map(|[floor, peer]| peer / floor).collect::<Vec<f64>>())
}
