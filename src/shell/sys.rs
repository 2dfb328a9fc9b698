//! The system calls that std does not offer. The `unsafe` of this file is limited to
//! calling libc with arguments that live for the call.
#![allow(unsafe_code)]

use crate::node::Vitals;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Numbers of the processors that this process may run on; empty if the system does not say.
pub fn available_cores() -> Vec<usize> {
    // SAFETY: a zeroed cpu_set_t is a valid empty set; the call fills it within its size.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
        set
    };
    // SAFETY: CPU_ISSET reads a bit of an initialised set below its size.
    (0..libc::CPU_SETSIZE as usize).filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect()
}

/// Keeps the calling thread on one processor.
pub(super) fn pin_to(core: usize) -> io::Result<()> {
    // SAFETY: as above; the set is passed for reading only.
    let result = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    check(result).map(drop)
}

/// Raises the limit of open files to what the system allows, and returns it.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    // SAFETY: both calls get a pointer to one initialised rlimit.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        check(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit))?;
        limit.rlim_cur = limit.rlim_max;
        check(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit))?;
        Ok(limit.rlim_cur)
    }
}

/// Blocks SIGTERM and SIGINT in this thread and all that it starts later; the main thread
/// then takes them with [`wait_for_signal`]. Works with every I/O driver.
pub fn block_signals() -> io::Result<()> {
    let set = stop_signals();
    // SAFETY: the set is initialised by `stop_signals`; the old mask is not asked for.
    let result = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    if result == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(result)) }
}

/// Waits for SIGTERM or SIGINT.
pub fn wait_for_signal() -> io::Result<i32> {
    let set = stop_signals();
    let mut signal = 0;
    // SAFETY: both pointers are to live locals.
    let result = unsafe { libc::sigwait(&raw const set, &raw mut signal) };
    if result == 0 { Ok(signal) } else { Err(io::Error::from_raw_os_error(result)) }
}

fn stop_signals() -> libc::sigset_t {
    // SAFETY: sigemptyset initialises the set before anything reads it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGTERM);
        libc::sigaddset(&raw mut set, libc::SIGINT);
        set
    }
}

/// A new event counter with that initial value.
pub(super) fn eventfd(initial: u32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers; a non-negative result is a descriptor that we own.
    let fd = check(unsafe { libc::eventfd(initial, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) })?;
    // SAFETY: see above.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds one to an event counter. A full counter is readable already, so that nothing is lost.
pub(super) fn eventfd_signal(fd: BorrowedFd<'_>) {
    let one = 1_u64.to_ne_bytes();
    // SAFETY: the buffer lives for the call and has the eight bytes that an eventfd takes.
    unsafe { libc::write(fd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
}

/// Sets an event counter to zero.
pub(super) fn eventfd_clear(fd: BorrowedFd<'_>) {
    let mut count = [0_u8; 8];
    // SAFETY: as above, for writing.
    unsafe { libc::read(fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
}

/// Reads what is there, without waiting.
pub(super) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most `buffer.len()` bytes into the borrowed buffer.
    let got =
        unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), libc::MSG_DONTWAIT) };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}

/// Ends a direction of a connection, or both; pending operations on it return. On a
/// listening socket, `accept` returns with an error.
pub(super) fn shutdown(fd: &impl AsRawFd, how: i32) {
    // SAFETY: the call takes no pointers. It fails only when there is nothing left to end.
    unsafe { libc::shutdown(fd.as_raw_fd(), how) };
}

/// Random bytes of the operating system.
pub(super) fn random_seed() -> io::Result<[u8; 32]> {
    let mut seed = [0_u8; 32];
    // SAFETY: the kernel fills at most the 32 bytes; up to 256 are delivered whole.
    let got = unsafe { libc::getrandom(seed.as_mut_ptr().cast(), seed.len(), 0) };
    if got == 32 { Ok(seed) } else { Err(io::Error::last_os_error()) }
}

/// What the system says of the calling thread and its process.
pub(super) fn vitals(inbox_batches_peak: u64) -> Vitals {
    Vitals {
        cpu_us: thread_cpu_us(),
        inbox_batches_peak,
        resident_bytes: resident_bytes().unwrap_or_default(),
    }
}

/// CPU time of the calling thread, microseconds.
fn thread_cpu_us() -> u64 {
    // SAFETY: the call fills one zeroed timespec; this clock exists on every Linux.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time);
        time
    };
    u64::try_from(time.tv_sec * 1_000_000 + time.tv_nsec / 1_000).unwrap_or_default()
}

/// Memory of the process that is resident, if the system says so.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: the call takes no pointers.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page_bytes).ok()?)
}

/// Makes the allocator map so many bytes for this thread at once, and the system fill them with pages.
///
/// By itself, glibc extends a thread's heap by single pages, with a system call and a page fault for each.
pub(super) fn map_ahead(bytes: usize) {
    /// Of every Linux for x86-64, and the smallest elsewhere.
    const PAGE_BYTES: usize = 4096;
    let piece: Vec<u8> = Vec::with_capacity(bytes);
    let skipped = piece.as_ptr().align_offset(PAGE_BYTES);
    let len = piece.capacity().saturating_sub(skipped) / PAGE_BYTES * PAGE_BYTES;
    // SAFETY: whole pages inside of an allocation that lives for the call, which changes no byte of them.
    unsafe {
        let first = piece.as_ptr().add(skipped).cast_mut();
        libc::madvise(first.cast(), len, libc::MADV_POPULATE_WRITE);
    }
}

/// Gives memory that is free back to the system, as far as the allocator can.
pub(super) fn trim_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes no pointers; locks the arenas that it looks at itself.
    unsafe {
        libc::malloc_trim(0);
    }
}

fn check(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
