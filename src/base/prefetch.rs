//! Asking for memory before it is needed, so that waiting for it and work overlap.

#![allow(unsafe_code)]

/// Bytes that come at once.
const LINE_BYTES: usize = 64;

/// Lines that are worth asking for one by one; further ones are fetched while these are read.
const LINES_MAX: usize = 8;

/// Has the cache line at the start of a value brought near. A hint: it changes nothing that can
/// be observed but time, and does nothing where the processor is not one of those known here.
#[inline]
pub fn prefetch<T>(value: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction neither reads nor writes as the program sees it, and cannot fault at
    // any address; this one is even valid. SSE, which has it, is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

/// The same for bytes that will be read in any order: their first lines and the last one.
#[inline]
pub fn prefetch_bytes(bytes: &[u8]) {
    bytes.chunks(LINE_BYTES).take(LINES_MAX).for_each(|line| prefetch(&line[0]));
    bytes.last().into_iter().for_each(prefetch);
}
