/* Keys as etcd's gateway has them: shared by the files of the engine "etcd". */
#ifndef CELL_RAFT_ENGINE_KEYS_H
#define CELL_RAFT_ENGINE_KEYS_H

#include "raft/command.h"
#include "raft/engine_etcd.h"

enum {
    RAFT_ENGINE_KEYS_COST = 64, /* what a pair costs in an answer beside key and value */
};

/* A set of keys: members key and range_end. */
void raft_engine_keys_span(struct raft_engine_json *j, json_t *body, const struct raft_span *span);

/* The bodies of single operations, also within a transaction. limit: of pairs; 0: none. */
json_t *raft_engine_keys_put_body(struct raft_engine_json *j, const struct raft_put *put);
json_t *raft_engine_keys_delete_body(struct raft_engine_json *j, const struct raft_delete *del);
json_t *raft_engine_keys_range_body(struct raft_engine_json *j, const struct raft_query *q, uint32_t limit);

/* A key-value of etcd's, or a list of them up to `bytes` (one at least), in memory of `a`. ERR_MALFORMED; ERR_NOMEM. */
enum err raft_engine_keys_pair(const json_t *from, struct arena *a, Cell__Raft__Pair *ret) MUST_CHECK;
enum err raft_engine_keys_pairs(const json_t *array, size_t bytes, struct arena *a, Cell__Raft__Pair ***ret,
                                size_t *ret_count) MUST_CHECK;

/* End a call whose good answer could not be taken: what it asked for was done. */
void raft_engine_keys_unread(struct raft_engine_etcd_ask *k, enum err e);

/* etcd has no sessions: a request of one is refused. */
enum err raft_engine_keys_once(struct cell_call *call, const Cell__Raft__Once *once) MUST_CHECK;

/* An answer was too large: if it was a page, ask for a smaller one. False: it was none. */
bool raft_engine_keys_smaller(struct raft_engine_etcd_ask *k);

#endif
