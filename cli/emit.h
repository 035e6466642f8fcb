/* What a command answers with: JSON, one document or one line for each item of a stream; or a table. */
#ifndef CELL_CLI_EMIT_H
#define CELL_CLI_EMIT_H

#include "cli/cli.h"
#include "common/reflect/jsonout.h"

enum { CLI_LISTEN_MS = 1000 };

struct cli_paint_table;
struct ProtobufCMessage;

/* Begin a document: indented for a terminal, on one line otherwise. */
void cli_emit_begin(struct jsonout *out);

/* Begin an item of a stream: always one line. */
void cli_emit_begin_line(struct jsonout *out);

/* Print it and free it. CLI_FAILED after saying why when it is incomplete. */
int cli_emit_end(struct cli *cli, struct jsonout *out) MUST_CHECK;

/* Every field of a message of ours under its .proto name, in the order of numbers, without the
 * brackets: so --json has what the protocol has, and a new field needs no work here. Integers are
 * numbers, fixed64 (fingerprints) 16 hex digits, bytes hex digits, a missing message null. */
void cli_emit_members(struct jsonout *out, const struct ProtobufCMessage *message);

/* A document that is this message: begin, members, end. */
int cli_emit_message(struct cli *cli, const struct ProtobufCMessage *message) MUST_CHECK;

/* A reply as --json wants it, else as `print` shows it; it is freed. What `print` returned, or CLI_FAILED. */
int cli_emit_reply(struct cli *cli, struct ProtobufCMessage *reply,
                   int (*print)(struct cli *cli, const struct ProtobufCMessage *reply)) MUST_CHECK;

/* Print it and free it. CLI_FAILED after saying that memory ran out. */
int cli_emit_table(struct cli *cli, struct cli_paint_table *t) MUST_CHECK;

/* Refuse --raw beside --json. */
int cli_emit_raw_check(struct cli *cli) MUST_CHECK;

/* Somebody's value and the end of its line, as cli_paint_value prints it; with --raw its bytes and nothing else. */
void cli_emit_value(const struct cli *cli, const uint8_t *value, size_t size);

/* Write out what was printed. false: it could not be written, or nobody is left to read what comes next (`… -f | head -1`). A command
 * that waits for news looks at least every CLI_LISTEN_MS. */
bool cli_emit_is_heard(void) MUST_CHECK;

/* "name": value in one call. */
void cli_emit_string(struct jsonout *out, const char *name, const char *value);
void cli_emit_u64(struct jsonout *out, const char *name, uint64_t value);
void cli_emit_double(struct jsonout *out, const char *name, double value);
void cli_emit_bool(struct jsonout *out, const char *name, bool value);

#endif
