/* What the manifest's `config` of a raft cell says. */
#ifndef CELL_RAFT_SETTINGS_H
#define CELL_RAFT_SETTINGS_H

#include "common/run/conf.h"
#include "raft/core.h"
#include "raft/engine_link.h"

enum {
    RAFT_SETTINGS_HEARTBEAT_MS = 50,
    RAFT_SETTINGS_ELECTION_MS = 300,  /* 5 to 100 heartbeats                                            */
    RAFT_SETTINGS_ELECTION_MAX_MS = 60000,
    RAFT_SETTINGS_CACHE_MIB = 4,      /* newest entries in memory                                       */
    RAFT_SETTINGS_CACHE_MAX_MIB = 1024,
    RAFT_SETTINGS_LOG_MIB = 64,       /* of log behind the last snapshot: then a new one                */
    RAFT_SETTINGS_LOG_MAX_MIB = 65536,
    RAFT_SETTINGS_SEGMENT_MIB = 16,
    RAFT_SETTINGS_PATH_MAX = 255,
    RAFT_SETTINGS_HOST_MAX = 253,     /* RFC 1035                                                       */
    RAFT_SETTINGS_TAIL = 10000,       /* entries that stay for slow members when a snapshot has them    */
};

/* With `engine: etcd`. */
struct raft_settings_etcd {
    uint32_t endpoints;         /* 0: the embedded engine                                               */
    struct raft_engine_endpoint endpoint[RAFT_ENGINE_LINK_ENDPOINTS_MAX];
    char ca[RAFT_SETTINGS_PATH_MAX + 1];   /* files in PEM, "": none: authorities that are believed; …     */
    char certificate[RAFT_SETTINGS_PATH_MAX + 1], key[RAFT_SETTINGS_PATH_MAX + 1]; /* … what we show       */
    char host[RAFT_SETTINGS_HOST_MAX + 1]; /* the servers' name in their certificates; "": their addresses */
};

struct raft_settings {
    uint32_t peers;             /* 0: a cluster of its own                                              */
    char peer[RAFT_MEMBERS_MAX][RAFT_CONTACT_MAX]; /* raft.1, raft@db-2: this one among them            */
    char self[RAFT_CONTACT_MAX]; /* … as the others know it                                             */
    char name[RAFT_NAME_MAX];
    uint32_t heartbeat_ms, election_ms, cache_mib, log_mib, segment_mib, tail;
    bool lease_reads;
    struct raft_settings_etcd etcd;
};

/* Read `text` (YAML, may be empty) for instance `instance` of cell `cell` on `node`. ERR_INVALID: why says which. */
enum err raft_settings_read(const char *text, const char *cell, uint32_t instance, const char *node,
                            struct raft_settings *ret, char why[CONF_WHY_SIZE]) MUST_CHECK;

#endif
