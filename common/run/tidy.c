#include "common/run/tidy.h"

#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
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
        STACK_KEPT = 4096 /* this very call's and that of the kernel, with a red zone: it calls nobody else */
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

/* ---- work apart --------------------------------------------------------------------------------- */

enum {
    APART_STACK = KERNEL_IS_SANITIZED ? 8 << 20 : 512 * 1024,
    APART_GUARD = 64 * 1024, /* below it: nothing may be touched */
};

struct apart {
    void (*work)(void *context);
    void *context;
};

static void *do_apart(void *context)
{
    const struct apart *a = context;

    a->work(a->context);
    return NULL;
}

/* False: there is no thread to be had, and nothing was done. */
static bool in_thread(struct apart *a, void *stack)
{
    pthread_attr_t attr;
    pthread_t thread;

    if (pthread_attr_init(&attr) != 0) {
        return false;
    }
    bool is_done = pthread_attr_setstack(&attr, (char *)stack + APART_GUARD, APART_STACK) == 0 &&
                   pthread_create(&thread, &attr, do_apart, a) == 0 && pthread_join(thread, NULL) == 0;
    (void)pthread_attr_destroy(&attr);
    return is_done;
}

void tidy_apart(void (*work)(void *context), void *context)
{
    struct apart a = {.work = work, .context = context};

    /* A heap of the thread's own would stay, with all that it once held, since malloc_trim cuts only the first one. For good:
     * malloc reckons its limit once. */
    (void)mallopt(M_ARENA_MAX, 1);
    void *stack = mmap(NULL, APART_GUARD + APART_STACK, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    bool is_done = stack != MAP_FAILED && mprotect((char *)stack + APART_GUARD, APART_STACK, PROT_READ | PROT_WRITE) == 0 &&
                   in_thread(&a, stack);
    if (stack != MAP_FAILED) {
        (void)munmap(stack, APART_GUARD + APART_STACK); /* of a thread that has ended */
    }
    if (!is_done) {
        work(context);
    }
}
