#include "common/run/tidy.h"

#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/run/kernel.h"

/* The unwritten parts of one loaded object: mapped from its file, equal to it, so the kernel may drop
 * them at any time anyhow. Segments that are writable (and what was relocated in them) stay. */
static int let_go(struct dl_phdr_info *object, size_t size, void *context)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

    (void)size;
    (void)context;
    /* Backwards, and no further than the part that holds this very list: reading on in it would bring that
     * back, with the fifteen pages around it. */
    for (int i = object->dlpi_phnum - 1; i >= 0; i--) {
        const ElfW(Phdr) part = object->dlpi_phdr[i];
        uintptr_t from = (object->dlpi_addr + part.p_vaddr) & ~(page - 1);
        uintptr_t to = (object->dlpi_addr + part.p_vaddr + part.p_filesz + page - 1) & ~(page - 1);
        if (part.p_type == PT_LOAD && (part.p_flags & PF_W) == 0 && from < to) {
            /* The vDSO refuses, and is the kernel's own memory: not an error. */
            (void)madvise((void *)from, to - from, MADV_DONTNEED);
        }
        if (part.p_type == PT_LOAD && part.p_offset == 0) {
            break;
        }
    }
    return 0;
}

/* What deep calls (parsing, building a sandbox) left below us on the stack. */
static void let_go_of_stack(void)
{
    enum {
        STACK_REACH = 1 << 20, /* deeper than anything here goes */
        STACK_KEPT = 16 * 1024 /* this very call's, and the red zone */
    };
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t to = (here - STACK_KEPT) & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);

    /* The lower part was never mapped: said as an error, after the rest is done. */
    (void)madvise((void *)(to - STACK_REACH), STACK_REACH, MADV_DONTNEED);
}

void tidy_memory(void)
{
    tidy_started();
    if (!KERNEL_IS_SANITIZED) { /* a sanitizer's runtime is an object too, with plans of its own */
        (void)dl_iterate_phdr(let_go, NULL);
    }
}

void tidy_started(void)
{
    (void)malloc_trim(0); /* only says whether there was anything */
    if (!KERNEL_IS_SANITIZED) {
        let_go_of_stack();
    }
}
