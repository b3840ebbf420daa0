//! What a Linux device tells of itself, from `/proc` and `/sys`.

use std::collections::BTreeMap;
use std::fs;

use serde::Serialize;

/// A value, the most that it can be, and its unit.
#[derive(Clone, Serialize)]
pub struct Measured {
    value: f64,
    most: f64,
    unit: &'static str,
}

/// What must be remembered from one measurement to the next.
#[derive(Default)]
pub struct Sensors {
    /// Ticks that the processors were busy, and all of them.
    ticks: Option<(f64, f64)>,
}

impl Sensors {
    /// Measures what there is.
    pub fn measure(&mut self) -> BTreeMap<&'static str, Measured> {
        let all = [
            ("Processor", self.processor()),
            ("Memory", memory()),
            ("Load", load()),
            ("Temperature", temperature()),
        ];
        all.into_iter().filter_map(|(name, measured)| Some((name, measured?))).collect()
    }

    fn processor(&mut self) -> Option<Measured> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let ticks: Vec<f64> =
            stat.lines().next()?.split(' ').filter_map(|word| word.parse().ok()).collect();
        let all: f64 = ticks.iter().take(8).sum();
        // The fourth and the fifth are idle, and idle while a disk works.
        let busy = all - ticks.get(3)? - ticks.get(4)?;
        let (busy_before, all_before) = self.ticks.replace((busy, all)).unwrap_or_default();
        let share = (busy - busy_before) / (all - all_before).max(1.0);
        Some(Measured { value: (share * 100.0).clamp(0.0, 100.0), most: 100.0, unit: "%" })
    }
}

fn memory() -> Option<Measured> {
    let info = fs::read_to_string("/proc/meminfo").ok()?;
    let gib = |name: &str| -> Option<f64> {
        let line = info.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib / (1 << 20) as f64)
    };
    let total = gib("MemTotal:")?;
    Some(Measured { value: total - gib("MemAvailable:")?, most: total, unit: "GiB" })
}

fn load() -> Option<Measured> {
    let value: f64 = fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    Some(Measured { value, most: (2.0 * processors as f64).max(value), unit: "tasks" })
}

fn temperature() -> Option<Measured> {
    let text = fs::read_to_string("/sys/class/thermal/thermal_zone0/temp").ok()?;
    let value = text.trim().parse::<f64>().ok()? / 1000.0;
    Some(Measured { value, most: 100.0, unit: "°C" })
}

/// The device's name.
pub fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "Device".into(),
        name => name.into(),
    }
}
