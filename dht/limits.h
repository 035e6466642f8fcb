/* What bounds the lookup core inside, with the reason of each bound. */
#ifndef CELL_DHT_LIMITS_H
#define CELL_DHT_LIMITS_H

enum {
    DHT_NOTHING = 0xffff,        /* no index                                                                */
    DHT_US = 1000,               /* microseconds of a millisecond                                           */
    DHT_TIMEOUT_LEAST_US = 20000, /* until a request is repeated: on a busy host an answer may take so long    */
    DHT_LATE_LEAST_US = 2000,    /* … until somebody else is asked beside: that costs one request            */
    DHT_TIMEOUT_MOST_US = 2000000,
    DHT_FAILS_MAX = 3,           /* requests in a row without an answer: gone, where no membership says so  */
    DHT_FRESH_MS = 10000,        /* heard so lately, a peer is there without being asked                    */
    DHT_ACQUAINTED_MS = 50000,   /* heard so lately, the shell need not make its acquaintance anew: after a minute sealed.h does */
    DHT_ACQUAINT_US = 2000,      /* … which takes four multiplications on curves and two round trips       */
    DHT_SPARES_BUCKET = 8,       /* that wait for a place in one bucket                                     */
    DHT_CANDIDATES = 48,         /* of one lookup, on all of its paths                                      */
    DHT_PATHS_MAX = 4,
    DHT_PUT_SHARE = 2,           /* of a put, asked at one time on each of several paths: it waits for the slowest of them */
    DHT_AGAIN_KEPT = 8,          /* of those that answered on the paths of a first time, kept for the second   */
    DHT_THIN = 2,                /* so many times farther apart than around this node: not all that is there  */
    DHT_NAMED_SHARE = 6,         /* … of a path's share of them: whom one node named and who have not answered */
    DHT_CALLS_WISH = 12,         /* requests under way of one wish: a put's holders, and substitutes        */
    DHT_CALLS_OWN = 16,          /* … of the core's own                                                     */
    DHT_OWNERS_MAX = 64,         /* records of one service: who looks for it reads them all                 */
    DHT_OWNERS_SOURCE = 16,      /* … that one source may send: it makes up owners as it likes              */
    DHT_TOKENS_MAX = 8,          /* times that one holder of a put may give another token                   */
    DHT_PAGES_MAX = 32,          /* … after the first one, of a holder to one GET: DHT_OWNERS_MAX of 500 bytes each */
    DHT_CHUNK = 60,              /* bytes of a record in one piece of memory                                */
    DHT_JOBS_MAX = 16,           /* sweeps over the store that wait                                         */
    DHT_SWEEP = 64,              /* records looked at in one step                                           */
    DHT_SWEEP_US = 1000,         /* between two steps of a sweep                                            */
    DHT_OFFERERS = 3,            /* of the nearest holders of a record: those that offer it after a change  */
    DHT_GREETED = 16,            /* nearest peers, with whom a new node compares at once: all who hold what it should hold */
    DHT_GREET_MS = 10000,        /* so long it is new                                                       */
    DHT_ALONE_MS = 3000,         /* so long a get waits for somebody to ask; the way in is asked for again every 5 s, and a caller in time */
    DHT_LATELY = 32,             /* nodes that were offered something lately, and may want it; or were asked */
    DHT_LATELY_MS = 10000,
    DHT_RATES = 64,              /* sources share so many counts of packets                                 */
    DHT_VERIFIED = 64,           /* records whose signature is known to be good                             */
    DHT_TOKEN_MS = 300000,       /* a token is good for this and the next period (BEP 5)                    */
    DHT_TICK_BITS = 16,          /* `heard` counts 65.5 ms: 8 years in 32 bits                              */
    DHT_AMPLIFY = 3,             /* an answer to an unproved address over its question                      */
};

#endif
