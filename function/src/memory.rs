//! Pages of memory: what one answer took stays for the next one.

use std::hint::black_box;

/// Bytes, more than any answer takes at once.
const BLOCK: usize = 8 << 20;

/// Has the allocator keep freed memory. glibc gives back to the kernel what lies free at the heap's
/// end, from 128 KiB on, so that an answer from large segments would take, and clear, its pages anew
/// each time: a quarter of its time. But once a block that was mapped for itself is freed,
/// blocks of that size are taken from the heap, and twice as much may lie free (`mallopt(3)`,
/// `M_MMAP_THRESHOLD`). The block here is never written to, so it takes no page itself.
pub fn keep() {
    drop(black_box(Vec::<u8>::with_capacity(BLOCK)));
}
