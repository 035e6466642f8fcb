/* Memory that only starting or answering needed, given back once the node is at rest. */
#ifndef CELL_NUCLEUS_TIDY_H
#define CELL_NUCLEUS_TIDY_H

/* Return freed heap pages to the kernel and let go of the program's own unwritten pages: code that
 * parses manifests or builds sandboxes is read back from the page cache when it is needed again (a
 * fault of about a microsecond per 64 KiB). Nothing is lost; costs some 100 us. */
void tidy_memory(void);

#endif
