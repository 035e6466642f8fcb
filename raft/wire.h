/* Messages of raft.proto into the store's terms, and back. What comes in is looked at here and nowhere else. */
#ifndef CELL_RAFT_WIRE_H
#define CELL_RAFT_WIRE_H

#include "common/run/cell.h"
#include "proto/raft.pb-c.h"
#include "raft/shell_ask.h"

/* A refusal explains itself to the call (cell_call_explain): ERR_INVALID, or ERR_LIMIT for what is too large. */
enum err raft_wire_key(struct cell_call *call, const ProtobufCBinaryData *key, struct raft_bytes *ret) MUST_CHECK;
enum err raft_wire_value(struct cell_call *call, const ProtobufCBinaryData *value, struct raft_bytes *ret) MUST_CHECK;

/* [key, end), a key alone, or all that begin with it; end[] is borrowed by the span. */
enum err raft_wire_span(struct cell_call *call, const ProtobufCBinaryData *key, const ProtobufCBinaryData *end,
                        protobuf_c_boolean is_prefix, uint8_t buffer[RAFT_KEY_MAX], struct raft_span *ret) MUST_CHECK;
enum err raft_wire_put(struct cell_call *call, const Cell__Raft__PutRequest *put, struct raft_put *ret) MUST_CHECK;
enum err raft_wire_query(struct cell_call *call, const Cell__Raft__RangeRequest *ask, uint8_t buffer[RAFT_KEY_MAX],
                         struct raft_query *ret) MUST_CHECK;

/* once: NULL for a request without a session. */
enum err raft_wire_once(struct cell_call *call, const Cell__Raft__Once *once, struct raft_once *ret) MUST_CHECK;

/* Write a transaction's lists; checks what the store does not (raft_command_is_single). */
enum err raft_wire_txn(struct cell_call *call, const Cell__Raft__TxnRequest *ask, struct raft_writer *w) MUST_CHECK;
enum err raft_wire_cas(struct cell_call *call, const Cell__Raft__CasRequest *ask, struct raft_writer *w) MUST_CHECK;

/* A pair that borrows from `from`. */
void raft_wire_pair(const struct raft_pair *from, bool keys_only, Cell__Raft__Pair *ret);

/* Pairs under construction, one array for all. */
struct raft_wire_pairs {
    Cell__Raft__Pair *pair;
    Cell__Raft__Pair **slot;
    size_t count, room;
    bool keys_only, is_short;
};
void raft_wire_pairs_add(struct raft_wire_pairs *p, const struct raft_record *r);
void raft_wire_pairs_add_all(struct raft_wire_pairs *p, struct raft_list pairs);
void raft_wire_pairs_point(struct raft_wire_pairs *p); /* slots point to pairs; after the last one */
void raft_wire_pairs_fini(struct raft_wire_pairs *p);

/* A configuration's members. Memory is the call's; NULL without. */
Cell__Raft__Member **raft_wire_members(struct cell_call *call, const struct raft_shell_status *status);

#endif
