/* Looking things up among many nodes: a step function. Packets, time, wishes and what is known of members in; packets
 * and results out; no clock, socket or allocation, and randomness only from a seed.
 *
 * Kademlia: Maymounkov and Mazieres, "Kademlia: A Peer-to-Peer Information System Based on the XOR Metric", IPTPS 2002.
 * Disjoint paths: Baumgart and Mies, "S/Kademlia", ICPADS 2007. Records: BEP 44. Tokens: BEP 5. Whole tables: Gupta,
 * Liskov, Rodrigues, "One Hop Lookups for Peer-to-Peer Overlays", HotOS 2003. Timeouts: RFC 6298; a second request
 * before the first has failed: Dean and Barroso, "The Tail at Scale", CACM 2013.
 *
 * Two ways to know peers. In a cluster whose membership tells of everybody (dht_core_member) the table is whole, and a
 * lookup asks the holders at once. Elsewhere, and beyond the table's room, there are Kademlia's buckets of DHT_K peers
 * that answered, and a lookup comes nearer step by step. One core does both at one time. */
#ifndef CELL_DHT_CORE_H
#define CELL_DHT_CORE_H

#include "dht/packet.h"
#include "dht/record.h"
#include "dht/types.h"

enum {
    DHT_SENDS_MAX = 32,          /* packets of one step                                                     */
    DHT_FOUND_MAX = DHT_VALUES_MAX + 1, /* records of one step: of one answer, or of the own store          */
    DHT_DONE_MAX = 8,            /* wishes that end in one step; more wait for the next                     */
    DHT_SECRET_SIZE = 16,
    DHT_PEER_BYTES = 86,         /* memory of a peer in the table, with its place in the order              */
    DHT_RECORD_BYTES = 98,       /* … of a record, beside its bytes                                         */
    DHT_SAVED_MAX = 64,          /* contacts that are saved for the next life                               */
    DHT_BOOTSTRAP_MAX = 16,      /* addresses asked at one time                                             */
    DHT_STEPS_MAX = 48,          /* whom one find comes across                                              */
};

/* Times in milliseconds. dht_core_usual has the defaults. */
struct dht_tuning {
    uint32_t alpha, paths;       /* requests of a lookup at one time, on all of its disjoint paths together    */
    uint32_t replicas, quorum;   /* holders of a record; those that must have it for a put to be done       */
    uint32_t attempts;           /* of a request to one peer                                                */
    uint32_t timeout_ms;         /* of the first request to a peer while no round trip is known             */
    uint32_t wish_ms;            /* a wish that has not ended by then ends so                               */
    uint32_t refresh_ms, quiet_ms; /* a bucket in which nothing was looked up for so long is; … at most, where nothing changes */
    uint32_t ping_ms;            /* between looks whether those nearest are there, without membership       */
    uint32_t sync_ms;            /* between comparisons with one other holder                               */
    uint32_t cache_ms;           /* a copy on the way is kept no longer                                     */
    uint32_t rate;               /* packets a second of one source; 0: any                                  */
    uint32_t group_bucket, group_table, host_table; /* peers of one /24 or /48 in a bucket and in all, of one address or /64 … */
    uint32_t site_table, lan_table; /* … of one /48 of IPv6; … of a private address or link instead; 0: any   */
    bool needs_token;            /* of a STORE by one who is no member                                      */
    bool acquaints;              /* a packet to a stranger waits for an acquaintance: a round trip no peer's */
};

struct dht_config {
    struct dht_node node;            /* itself                                                              */
    uint8_t secret[DHT_SECRET_SIZE]; /* of the tokens: drawn anew for each life                             */
    uint64_t seed;                   /* of the core's own randomness                                        */
    uint32_t peers_max, spares_max;  /* of the table, and those that wait for a place in a bucket           */
    uint32_t records_max, store_bytes;
    uint32_t owner_bytes, source_bytes; /* of all records of one owner, of all that one node sent           */
    uint32_t wishes_max;
    dht_verify *verify;
    void *verify_context;
    struct dht_tuning tuning;
};

struct dht_send {
    bool has_node;                   /* false: whoever is at the address: the shell makes the acquaintance  */
    struct dht_node to;
    struct dht_address at;
    struct dht_packet packet;
};

/* A record that a GET found, genuine and of the key asked for. Of a mutable or service record others may follow with a
 * higher sequence. Bytes are borrowed until the next step. */
struct dht_found {
    uint64_t wish;
    bool is_own;                     /* held here */
    struct dht_record record;
};

/* Somebody a find came across. hop: 1: known from the beginning, 2: named by one of those … */
struct dht_step {
    struct dht_contact who;
    uint8_t hop;
    enum { DHT_STEP_KNOWN, DHT_STEP_ANSWERED, DHT_STEP_LATE, DHT_STEP_FAILED } state; /* KNOWN: not asked   */
};

/* A wish has ended. */
struct dht_done {
    uint64_t wish;
    enum err status;
    uint32_t holders, acked;         /* of a put: asked, and those that have it                             */
    uint32_t asked, hops;            /* requests of it; the longest chain of who named whom                 */
    uint64_t seq;                    /* of ABORTED and PRECONDITION: what is held instead                   */
    int64_t ahead_s;                 /* so far is the own date ahead of the one in the middle of those told */
    uint32_t clocks;                 /* … by so many; of a get by those who hold what is over by the own    */
    struct dht_node clock;           /* whose the one in the middle is                                      */
    uint32_t contacts;               /* of a find: the nearest that answered, nearest first                 */
    struct dht_contact contact[DHT_K];
    uint32_t steps;                      /* of a find: the nearest first                                        */
    struct dht_step step[DHT_STEPS_MAX];
};

struct dht_effects {
    uint32_t sends, found_count, done_count;
    struct dht_send send[DHT_SENDS_MAX]; /* in this order                                                   */
    struct dht_found found[DHT_FOUND_MAX];
    struct dht_done done[DHT_DONE_MAX];
    uint64_t due_us;                     /* step dht_core_clock then, at the latest                         */
    uint8_t own[DHT_FOUND_MAX * DHT_RECORD_MAX]; /* bytes of records held here                              */
};

/* Never reset. */
struct dht_counters {
    uint64_t packets_in, bytes_in, packets_out, bytes_out, unsent;
    uint64_t malformed, flooded, unasked;      /* refused: form; rate; answers nobody waits for             */
    uint64_t requests, timeouts, late, hedges; /* hedges: somebody else was asked beside; late: the first one answered all the same */
    uint64_t served_find, served_get, served_hit, served_store;
    uint64_t no_token, forged, older, quota, full, refused; /* STOREs not done                              */
    uint64_t stored, expired, evicted, repaired, cached, withdrawn;
    uint64_t wishes, wishes_failed, evictions, poisoned;    /* peers: replaced; kept out by their group     */
    uint64_t sums, sums_differ, offers, wants, twins;       /* twins: twin.h                                */
};

enum dht_member_state { DHT_MEMBER_HERE, DHT_MEMBER_SUSPECT /* asked last */, DHT_MEMBER_GONE };

struct dht; /* lives in memory of the caller */
struct dht_tuning dht_core_usual(void);

/* Bytes that dht_core_init needs, for any type. Linear in the config's numbers, nothing else grows. */
size_t dht_core_size(const struct dht_config *config);

/* Make a node that knows only itself. memory: dht_core_size bytes that are zero, the core's until it is given up; no fini is
 * needed, and what is not used yet is not touched. ERR_INVALID: a value of the config is out of its range. *ret points into memory. */
enum err dht_core_init(void *memory, const struct dht_config *config, uint64_t now_us, struct dht **ret) MUST_CHECK;

/* Time passed. now_us: monotonic, never less than before, here and below; wall_s: the date, 0: not known; `fx` is filled afresh. */
void dht_core_clock(struct dht *d, uint64_t now_us, uint64_t wall_s, struct dht_effects *fx);

/* A packet arrived. from: whose seal it bore; at: where it came from; session: what that node's present life and this one agreed on
 * (twin.h), which proved that what is sent there reaches `from`; 0: there is none, and an answer is at most three times as long as the question. ERR_MALFORMED, ERR_LIMIT or ERR_INCOMPATIBLE:
 * it was refused; ERR_UNAVAILABLE: it was not looked at, for its source sends too much. The effects hold all the same. */
enum err dht_core_packet(struct dht *d, uint64_t now_us, uint64_t wall_s, const struct dht_contact *from,
                         uint64_t session, const uint8_t *bytes, size_t size, struct dht_effects *fx) MUST_CHECK;

/* Membership says so of a node. HERE: it is in the table while there is room, and needs no token. Unknown and GONE:
 * nothing. The own node: nothing. */
void dht_core_member(struct dht *d, uint64_t now_us, const struct dht_contact *who, enum dht_member_state state,
                     struct dht_effects *fx);

/* Membership knows of more than it tells of: holders are looked for step by step from now on, and members give way to the nearer. */
void dht_core_beyond(struct dht *d);

/* A round trip that was measured or predicted elsewhere; counts until one is measured here. 0 is ignored. */
void dht_core_rtt(struct dht *d, const struct dht_node *node, uint32_t rtt_us);

/* Ask whoever is at these addresses for the way in, then find the own place. has_node[i] false: only the address is known.
 * ERR_LIMIT: more than DHT_BOOTSTRAP_MAX; ERR_INVALID: one is no address. Nothing is done then. */
enum err dht_core_bootstrap(struct dht *d, uint64_t now_us, const struct dht_contact *at, const bool *has_node,
                            uint32_t count, struct dht_effects *fx) MUST_CHECK;

/* Find the DHT_K nodes nearest to `target`. wish: names it in the effects; not 0. ERR_LIMIT: wishes_max are under
 * way. It ends with a done effect, perhaps of this very step. */
enum err dht_core_find(struct dht *d, uint64_t now_us, uint64_t wish, const struct dht_id *target,
                       struct dht_effects *fx) MUST_CHECK;

/* Whether there are others although none is known: a way in is configured, or an earlier life knew somebody. False at first; true
 * of who asks at an address (dht_core_bootstrap) or met a stranger, until membership says that the last one known is gone. */
void dht_core_company(struct dht *d, bool is_there);

/* Find the records of `key`. reads: holders that must have answered with one, 1 to DHT_REPLICAS: 1 is fastest, replicas
 * - quorum + 1 sees every put that was done. Done: OK when some was found; NOT_FOUND: a majority of the holders says there is
 * none; RANGE: most of these have one, over by the date here; TIMEOUT: too few answered; UNAVAILABLE: nobody is there to ask yet. */
enum err dht_core_get(struct dht *d, uint64_t now_us, uint64_t wish, const struct dht_id *key, uint32_t reads,
                      struct dht_effects *fx) MUST_CHECK;

/* Bring a record to its holders. r: copied, left_ms in DHT_TTL_LEAST_MS to DHT_TTL_MOST_MS, genuine. expected: NULL, or the sequence
 * that must be held now (0: none). ERR_LIMIT, ERR_INVALID: dht_record_check, its life, wishes_max; nothing is done then. Done: OK: `quorum` holders have it, the others are still told; ABORTED: a higher
 * sequence is held; PRECONDITION: not what was expected; LIMIT: no room at too many; RANGE: it is over by their dates; TIMEOUT. */
enum err dht_core_put(struct dht *d, uint64_t now_us, uint64_t wish, const struct dht_record *r,
                      const uint64_t *expected, struct dht_effects *fx) MUST_CHECK;

/* Forget a wish; it does not end. Unknown: nothing. */
void dht_core_cancel(struct dht *d, uint64_t wish);

uint32_t dht_core_peers(const struct dht *d);
uint32_t dht_core_records(const struct dht *d);
uint32_t dht_core_store_bytes(const struct dht *d);
const struct dht_counters *dht_core_counters(const struct dht *d);

/* Up to `most` peers, the most lately heard first, those that did not answer last, for the next life. Returns how many. */
uint32_t dht_core_save(const struct dht *d, struct dht_contact *to, uint32_t most);

/* Hold a record that an earlier life held, `bytes` as record.h has them. False: it is none, not genuine, over, or there
 * is no room. Before anything else is stepped. */
bool dht_core_hold(struct dht *d, uint64_t wall_s, const uint8_t *bytes, size_t size, uint32_t left_ms);

/* Record i < dht_core_records, in the order of keys; bytes: DHT_RECORD_MAX, which *ret borrows. */
void dht_core_look(const struct dht *d, uint32_t i, uint8_t *bytes, struct dht_record *ret);

/* The id of a node: SHA-1 (RFC 3174) of its key. */
struct dht_id dht_core_id(const struct dht_node *node);

#endif
