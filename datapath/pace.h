/* The times of the protocol, WireGuard's by default (Donenfeld, NDSS 2017, section 6.1). Only tests have others. */
#ifndef CELL_DATAPATH_PACE_H
#define CELL_DATAPATH_PACE_H

#include <stdint.h>

enum {
    DATAPATH_PACE_REKEY_MS = 120000,   /* the initiator of a session makes a new one after this      */
    DATAPATH_PACE_REJECT_MS = 180000,  /* nobody uses a session any more                             */
    DATAPATH_PACE_ATTEMPT_MS = 90000,  /* a handshake without answer is given up                     */
    DATAPATH_PACE_RETRY_MS = 5000,     /* … and tried again until then; no more than one per this    */
    DATAPATH_PACE_JITTER_MS = 334,     /* at most this much later, so that two do not stay in step   */
    DATAPATH_PACE_KEEPALIVE_MS = 10000, /* who received and said nothing since says that he did       */
    DATAPATH_PACE_INITIATIONS_MS = 20, /* a peer's initiations are answered no more often than this  */
    DATAPATH_PACE_TIE_MS = 1000,       /* both began at once within this: one of them gives way       */
};

/* A session is renewed at so many messages; it ends at DATAPATH_REPLAY_LIMIT. */
#define DATAPATH_PACE_REKEY_MESSAGES (UINT64_C(1) << 60)

/* AES-256-GCM (own.h) seals while fewer messages than this went under a session, and ChaCha20-Poly1305 the others; at half of it
 * the session is renewed. Who sees q messages of at most l blocks of 16 bytes under one key tells them from noise with at most
 * 2 (q l)^2 / 2^128 (RFC 9001, appendix B.1.1, after Hoang, Tessaro and Thiruvengadam, CCS 2018; draft-irtf-cfrg-aead-limits,
 * section 5.1.1): of 9,000 bytes, the longest, 2^-58.7, where QUIC and TLS 1.3 have 2^-57; of 1,440 bytes 2^-64. At 10 Gbit/s of
 * these a session is renewed every 19 s. What was tried and did not open needs no count: 2^-57 takes 2^52 of them (2^36 of
 * ChaCha20-Poly1305: RFC 9001, section 6.6), and no one receives so many in the 180 s of a session. */
#define DATAPATH_PACE_OWN_MESSAGES (UINT64_C(1) << 25)

struct datapath_pace {
    uint32_t rekey_ms, reject_ms, attempt_ms, retry_ms, jitter_ms, keepalive_ms, initiations_ms, tie_ms;
    uint64_t rekey_messages, own_messages;
};

static inline struct datapath_pace datapath_pace_usual(void)
{
    return (struct datapath_pace){
        .rekey_ms = DATAPATH_PACE_REKEY_MS,
        .reject_ms = DATAPATH_PACE_REJECT_MS,
        .attempt_ms = DATAPATH_PACE_ATTEMPT_MS,
        .retry_ms = DATAPATH_PACE_RETRY_MS,
        .jitter_ms = DATAPATH_PACE_JITTER_MS,
        .keepalive_ms = DATAPATH_PACE_KEEPALIVE_MS,
        .initiations_ms = DATAPATH_PACE_INITIATIONS_MS,
        .tie_ms = DATAPATH_PACE_TIE_MS,
        .rekey_messages = DATAPATH_PACE_REKEY_MESSAGES,
        .own_messages = DATAPATH_PACE_OWN_MESSAGES,
    };
}

#endif
