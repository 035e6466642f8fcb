/* Memory that only starting or answering needed, given back once a process is at rest. */
#ifndef CELL_COMMON_RUN_TIDY_H
#define CELL_COMMON_RUN_TIDY_H

/* Return freed heap pages to the kernel, and what deep calls left on the stack: making the filter of system calls and reading
 * the configuration take some 100 KiB that nothing needs afterwards. Costs some 50 us. */
void tidy_started(void);

/* The same, and let go of the program's own unwritten pages: code that parses manifests or builds sandboxes is read back from
 * the page cache when it is needed again (a fault of about a microsecond per 64 KiB). Nothing is lost; costs some 100 us. */
void tidy_memory(void);

/* Do work that takes much memory for a moment, and return when it is done. It runs in a thread that ends with it, so that
 * neither its small pieces lie about in the caller's heap (malloc keeps hundreds of freed ones for the thread that had them, each
 * of which holds a page) nor its depth in the caller's stack. Where no thread is to be had the caller does it itself. */
void tidy_apart(void (*work)(void *context), void *context);

#endif
