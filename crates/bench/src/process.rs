//! What a process used, from Linux' `/proc`.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

/// The unit of CPU times in `/proc/PID/stat`: Linux shows user space 100 ticks a
/// second on every architecture Rust supports but Alpha, whatever the kernel's own rate.
const TICK: Duration = Duration::from_millis(10);

/// The CPU time of process `pid`, over all its threads.
pub(crate) fn cpu_time(pid: u32) -> io::Result<Duration> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"))?;
    parse_cpu_time(&stat).ok_or_else(|| io::Error::other("its stat file has an unknown form"))
}

/// The memory of process `pid` that is resident, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status"))?;
    parse_resident_bytes(&status)
        .ok_or_else(|| io::Error::other("its status file has an unknown form"))
}

/// Fields 14 and 15 of proc(5), counted after the name: it may hold blanks and parentheses.
fn parse_cpu_time(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * user.checked_add(system)?)
}

fn parse_resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_the_sum_of_user_and_system_time() {
        let stat = "4217 (a (odd) name) S 1 4217 4217 0 -1 4194560 920 0 0 0 151 49 0 0 20 0 3 0 10407 1 2 3";
        assert_eq!(parse_cpu_time(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse_cpu_time("4217 (name) S 1"), None);
    }

    #[test]
    fn resident_memory_is_told_in_bytes() {
        assert_eq!(parse_resident_bytes("VmHWM:\t  900 kB\nVmRSS:\t  12 kB\n"), Some(12 * 1024));
        assert_eq!(parse_resident_bytes("Name:\tkthreadd\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_can_be_observed() {
        assert!(cpu_time(std::process::id()).is_ok());
        assert!(resident_bytes(std::process::id()).expect("a status file") > 0);
    }
}
