/* The replicated store: `cell raft WHAT …`. */
#ifndef CELL_CLI_RAFT_H
#define CELL_CLI_RAFT_H

#include "cli/ask.h"
#include "cli/emit.h"
#include "proto/raft.pb-c.h"

enum {
    CLI_RAFT_RETRY_MS = 50,  /* between questions while nobody leads */
    CLI_RAFT_CONNECT_MS = 1000, /* a member that does not answer for so long is left for another */
    CLI_RAFT_INSTANCES = 64,    /* members on one node, at most: those of a cluster */
    CLI_RAFT_GONE_MS = 3000, /* a member that has ended is started again, or another one found, before this is over */
};

int cli_raft_run(struct cli *cli);

/* ---- for the files of this command ----------------------------------------------------------- */

struct cli_raft {
    struct cli *cli;
    struct cli_ask ask;
    uint32_t timeout_ms;  /* of a question, and for whoever leads to be found */
    uint32_t patience_ms; /* … beyond that, for what goes on over the end of a member */
};

/* One request, to the instance that --at names or to any; who is not the leader says who is, and that one is asked then.
 * *ret: free with cli_ask_free. Returns the exit status after saying what went wrong. */
int cli_raft_ask(struct cli_raft *r, const char *method, uint32_t number, const ProtobufCMessage *request,
                 ProtobufCMessage **ret) MUST_CHECK;

/* Number given as argument or option; untouched when the option is not given. CLI_USAGE after saying why. */
int cli_raft_number(struct cli *cli, const char *text, const char *what, uint64_t *ret) MUST_CHECK;
int cli_raft_option(struct cli *cli, const char *option, uint64_t *ret) MUST_CHECK;

/* Bytes of an argument. */
ProtobufCBinaryData cli_raft_bytes(const char *text);

/* A pair: members of a JSON object, or one line for a person. */
void cli_raft_pair(struct jsonout *out, const Cell__Raft__Pair *p);
void cli_raft_print(struct cli *cli, const Cell__Raft__Pair *p, bool with_key);
void cli_raft_text(struct jsonout *out, const char *name, const ProtobufCBinaryData *b);

int cli_raft_put(struct cli_raft *r);
int cli_raft_get(struct cli_raft *r);
int cli_raft_range(struct cli_raft *r);
int cli_raft_del(struct cli_raft *r);
int cli_raft_cas(struct cli_raft *r);
int cli_raft_txn(struct cli_raft *r);
int cli_raft_watch(struct cli_raft *r);
int cli_raft_lease(struct cli_raft *r);
int cli_raft_status(struct cli_raft *r);
int cli_raft_members(struct cli_raft *r);
int cli_raft_add(struct cli_raft *r);
int cli_raft_remove(struct cli_raft *r);
int cli_raft_promote(struct cli_raft *r);
int cli_raft_transfer(struct cli_raft *r);
int cli_raft_snapshot(struct cli_raft *r);
int cli_raft_compact(struct cli_raft *r);
int cli_raft_hash(struct cli_raft *r);
int cli_raft_backup(struct cli_raft *r);
int cli_raft_restore(struct cli_raft *r);

#endif
