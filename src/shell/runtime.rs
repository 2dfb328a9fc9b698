//! A core's runtime: io_uring with the flags that serve us, or without, or epoll.

use crate::base::ids::CoreId;
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};
use std::future::Future;
use std::io;

/// Runs a core's main task to its end on the best driver that the kernel allows.
///
/// COOP_TASKRUN and SINGLE_ISSUER save 20 % of the CPU per request and make waking a busy
/// core ten times cheaper; kernels before 6.0 refuse them. Never DEFER_TASKRUN: with it a task
/// that is always ready stops all I/O. Where io_uring is forbidden, monoio's epoll driver serves.
///
/// # Errors
/// Only if not even epoll is to be had.
pub(super) fn run<F: Future<Output = ()>>(
    core: CoreId,
    ring_entries: u32,
    main: impl FnOnce() -> F,
) -> io::Result<()> {
    if monoio::utils::detect_uring() {
        for with_flags in [true, false] {
            let mut ring = io_uring::IoUring::builder();
            if with_flags {
                ring.setup_coop_taskrun().setup_single_issuer();
            }
            let builder = RuntimeBuilder::<IoUringDriver>::new().uring_builder(ring);
            match builder.with_entries(ring_entries).enable_timer().build() {
                Ok(mut runtime) => {
                    tracing::debug!(%core, with_flags, "io_uring");
                    runtime.block_on(main());
                    forget(runtime);
                    return Ok(());
                }
                Err(error) => tracing::debug!(%core, with_flags, %error, "no io_uring"),
            }
        }
    }
    if core.0 == 0 {
        tracing::warn!("the kernel refuses io_uring: running on epoll, at a higher cost per request");
    }
    let mut runtime = RuntimeBuilder::<LegacyDriver>::new().enable_timer().build()?;
    runtime.block_on(main());
    forget(runtime);
    Ok(())
}

/// Dropping a monoio 0.2 runtime frees buffers that the kernel may still own; a core ends
/// shortly before its process does, so that its runtime is left alone.
fn forget<R>(runtime: R) {
    std::mem::forget(runtime);
}
