/* What goes into the overlay's core and comes out of it. */
#ifndef CELL_DATAPATH_TYPES_H
#define CELL_DATAPATH_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "datapath/aead.h"
#include "datapath/allowed.h"
#include "datapath/message.h"
#include "datapath/noise.h"
#include "datapath/pace.h"
#include "datapath/random.h"
#include "datapath/stamp.h"
#include "datapath/wait.h"

enum {
    DATAPATH_PEERS_MAX = 16384,
    DATAPATH_PREFIXES_MAX = 65536,
    DATAPATH_MTU_MIN = 576,       /* of inner packets */
    DATAPATH_MTU_MAX = 9000,
    DATAPATH_PERSIST_MS_MAX = 65535 * 1000, /* as `wg` has it */
    DATAPATH_SENDS_MAX = DATAPATH_WAIT_EACH + 4, /* of one step: what waited, an answer, an initiation */
    DATAPATH_NOTES_MAX = DATAPATH_SENDS_MAX,
    DATAPATH_ROOM = DATAPATH_MTU_MAX + DATAPATH_MESSAGE_HEAD + DATAPATH_MESSAGE_TAG, /* of the largest datagram */
    DATAPATH_BYTES_MAX = DATAPATH_WAIT_EACH * DATAPATH_ROOM + 4 * DATAPATH_MESSAGE_INITIATION,
};

/* Why a datagram or a packet went no further. X(name, text) */
#define DATAPATH_VERDICT_MAP(X)                                                                    \
    X(TAKEN, "it was delivered, answered or remembered")                                           \
    X(WAITING, "sent when there is a session")                                                     \
    X(KIND, "no message of this protocol")                                                         \
    X(MAC1, "its sender does not know our key")                                                    \
    X(BUSY, "under load: it was answered with a cookie")                                           \
    X(RATE, "too many handshakes from there")                                                      \
    X(FORGED, "it does not open")                                                                  \
    X(STRANGER, "no peer of ours")                                                                 \
    X(STALE, "an initiation that is older than one before")                                        \
    X(TIE, "both began at once, and ours goes on")                                                 \
    X(UNASKED, "an answer to nothing")                                                             \
    X(INDEX, "no such session")                                                                    \
    X(REPLAYED, "its counter was seen, is too old or too high")                                    \
    X(EXPIRED, "its session is over")                                                              \
    X(INNER, "what is in it is no packet, or too long")                                            \
    X(SOURCE, "from an inner address that is not the sender's")                                    \
    X(ROUTE, "to an inner address of nobody")                                                      \
    X(ENDPOINT, "to a peer that nobody knows where to find")

enum datapath_verdict {
#define X(name, text) DATAPATH_##name,
    DATAPATH_VERDICT_MAP(X)
#undef X
};

/* Not a member of the enum: a switch over verdicts lists verdicts. */
#define X(name, text) +1
enum {
    DATAPATH_VERDICTS = 0 DATAPATH_VERDICT_MAP(X)
};
#undef X

struct datapath_time {
    uint64_t ms;      /* monotonic: everything is timed by it             */
    uint64_t wall_ns; /* since 1970: goes into initiations, and tells which of theirs are far ahead: stamp.h */
};

struct datapath_send {
    struct datapath_endpoint to;
    uint32_t at, size; /* in the effects' bytes */
    uint32_t peer;
};

enum datapath_note_kind {
    DATAPATH_NOTE_SESSION,  /* a session is in use from now on                           */
    DATAPATH_NOTE_GIVEN_UP, /* nobody answered                                           */
    DATAPATH_NOTE_MOVED,    /* the peer is somewhere else                                */
    DATAPATH_NOTE_ERASED,   /* the keys of a peer that was silent are gone               */
};

struct datapath_note {
    enum datapath_note_kind kind;
    uint32_t peer;
};

/* What is to be done after a step, in this order. */
struct datapath_effects {
    uint32_t sends, notes;
    uint32_t used;     /* of bytes */
    uint64_t due_ms;   /* when the clock's next step is due; UINT64_MAX: not before something happens */
    bool has_heard;    /* the newest stamp of `heard` changed, or that of ours: whoever keeps these keeps them now */
    uint32_t heard;    /* the peer */
    bool is_unfinished; /* of what came: the packet's checksum is the pseudo head's sum and no more: own.h */
    struct datapath_send send[DATAPATH_SENDS_MAX];
    struct datapath_note note[DATAPATH_NOTES_MAX];
    uint8_t bytes[DATAPATH_BYTES_MAX];
};

struct datapath_config {
    uint8_t secret[DATAPATH_NOISE_KEY];
    uint8_t seed[DATAPATH_RANDOM_SEED]; /* from the system, of this life alone */
    uint32_t peers_max, prefixes_max;
    uint32_t mtu;
    struct datapath_pace pace;
    const struct datapath_aead *aead;   /* borrowed for the core's life */
    const struct datapath_aead *own;    /* AES-256-GCM for peers that have it, too; NULL: for nobody. Borrowed */
    bool has_frames;                    /* Ethernet frames are taken: pieces.h */
    bool has_sums;                      /* packets with unfinished checksums, too, where there is `own`: own.h */
    uint64_t stamp_ns;                  /* every initiation's stamp is above it: the newest of earlier lives */
    struct datapath_live *live;         /* of the shield, for peers_max; borrowed likewise; NULL: there is none */
    struct datapath_live *callers;      /* … for the numbers by which peers are known in signals; likewise */
};

struct datapath_peer_config {
    uint8_t public[DATAPATH_NOISE_KEY];
    uint8_t psk[DATAPATH_NOISE_KEY];    /* zeros: none          */
    struct datapath_endpoint endpoint;  /* port 0: not known    */
    uint32_t persist_ms;                /* 0: none              */
    struct datapath_heard heard; /* stamps of its initiations in earlier lives */
};

/* What is known of a peer. */
struct datapath_view {
    struct datapath_peer_config config;
    bool has_session, is_own;  /* own: what we send is sealed with AES */
    bool takes_frames;
    uint64_t session_wall_ns;  /* when the newest handshake was completed; 0: never */
    uint64_t session_ms;       /* … monotonic                                       */
    uint64_t sent_bytes, received_bytes; /* datagrams of sessions and handshakes    */
    uint64_t sent, received;   /* inner packets                                     */
    uint64_t lost;             /* packets that waited in vain                       */
    uint64_t verdict[DATAPATH_VERDICTS]; /* of what came from it                    */
    uint32_t waiting;
};

struct datapath_numbers {
    uint64_t verdict[DATAPATH_VERDICTS]; /* of everything                           */
    uint64_t initiations, responses, cookies, keepalives; /* of ours                */
    uint64_t sessions;                   /* that came into use                      */
};

/* Whether a peer takes frames. */
enum datapath_taking {
    DATAPATH_TAKES_NONE,    /* there was a session, and he said nothing of them            */
    DATAPATH_TAKES_FRAMES,  /* he said so                                                  */
    DATAPATH_TAKES_UNKNOWN, /* he was not spoken to in this life: a session would tell,    *
                             * when there is a way to him                                 */
};

/* Leave to seal `count` packets. */
struct datapath_lease {
    uint32_t peer;
    uint32_t remote;                 /* the peer's id of the session */
    uint64_t counter;                /* of the first, with its mark  */
    struct datapath_endpoint to;
    const struct datapath_aead *aead;
    bool takes_sums;                 /* datapath_core_unfinished may be asked */
    uint8_t key[DATAPATH_AEAD_KEY];
};

#endif
