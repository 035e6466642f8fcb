/* Log lines of cells into the system's journal, where there is one, by its native protocol
 * (systemd.io, "Native Journal Protocol"): the files stay the record, the journal gets a copy. */
#ifndef CELL_NUCLEUS_JOURNAL_H
#define CELL_NUCLEUS_JOURNAL_H

#include "nucleus/shell.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Begin to copy when a journal listens at `path`; without one nothing happens. An instance is
 * copied from its start on, an adopted one from its adoption on. */
void journal_open(struct shell *s, const char *path);
void journal_close(void);

/* Copy what was written since the last call, at most 64 KiB an instance; is_written: something was, else
 * only what is left from then. A journal that does not keep up loses nothing: reading goes on where
 * sending stopped. Returns whether to call again though nothing is written. */
bool journal_check(struct shell *s, bool is_written);

/* The slot is about to be freed. */
void journal_forget(uint32_t slot);

#endif
