//! Where the processes run.

/// Keeps this thread, and every thread and process that it will start, on the processor that it
/// runs on now.
#[cfg(target_os = "linux")]
pub fn share_one() {
    use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

    let processor = sched_getcpu();
    let mut one = CpuSet::new();
    one.set(processor);
    sched_setaffinity(None, &one).expect("its own processor");
    println!("everything on processor {processor}");
}

#[cfg(not(target_os = "linux"))]
pub fn share_one() {
    panic!("only Linux tells what a process costs");
}
