/* What the manifest's `config` tells this cell. */
#ifndef CELL_DATAPATH_CONFIG_H
#define CELL_DATAPATH_CONFIG_H

#include "common/node/dns.h"
#include "common/run/conf.h"
#include "common/run/tun.h"
#include "datapath/attach.h"
#include "datapath/lane.h"
#include "datapath/names.h"
#include "datapath/text.h"
#include "datapath/types.h"

enum {
    DATAPATH_CONFIG_PORT = 51820,
    DATAPATH_CONFIG_MTU = 1420,        /* 1,500 less what IPv6, UDP and this protocol take */
    DATAPATH_CONFIG_TAP_MTU = 1500,    /* what other Ethernets have                        */
    DATAPATH_CONFIG_PEERS = 256,       /* room, when nothing is said: 1 MiB                */
    DATAPATH_CONFIG_LISTED_MAX = 256,  /* peers in the configuration itself                */
    DATAPATH_CONFIG_PREFIXES_MAX = 32, /* … of each                                        */
    DATAPATH_CONFIG_PATH_SIZE = 512,
    DATAPATH_CONFIG_AEAD_SIZE = 16,
    DATAPATH_CONFIG_PLACES_MAX = 5,    /* addresses of our own that peers are told         */
    DATAPATH_CONFIG_HOSTS_MAX = SEEDS_MAX, /* peers whose endpoint is a name               */
    DATAPATH_CONFIG_NETWORKS_MAX = 4,  /* of `membership`                                  */
    DATAPATH_CONFIG_REKEY_S_MIN = 10,
    DATAPATH_CONFIG_REKEY_S_MAX = 120,
};

struct datapath_config_peer {
    struct datapath_peer_config peer;
    char psk[DATAPATH_CONFIG_PATH_SIZE]; /* file with a key in base64; "": of the cluster's secret, or none */
    char name[DATAPATH_NAME_SIZE];       /* "": he has none                                                 */
    char scope[DATAPATH_TEXT_SCOPE_SIZE]; /* of peer.endpoint: an interface, for scope.h to find; "": none  */
    char host[SEEDS_HOST_MAX + 1];       /* the name in place of peer.endpoint: hosts.h; "": there is none  */
    uint16_t host_port;
    bool is_rendezvous;                  /* he is believed: ways.h                                          */
    uint32_t prefixes;
    struct datapath_prefix prefix[DATAPATH_CONFIG_PREFIXES_MAX];
};

struct datapath_settings {
    struct tun_spec tun;                     /* the interface, where the cell makes it itself */
    struct tun_spec tap;                     /* … and that for frames; name "": none          */
    bool has_frames;                         /* `frames: auto`: where there is one            */
    struct datapath_endpoint listen;
    uint32_t mark;                           /* SO_MARK of the socket that the cell makes itself; 0: none */
    uint32_t peers_max, rekey_s;
    char aead[DATAPATH_CONFIG_AEAD_SIZE];    /* engine.h: "auto", or a library by its name */
    bool has_own;                            /* AES with peers that have it, too: own.h    */
    enum datapath_attach_choice shield;      /* where it hangs                         */
    enum datapath_choice path;               /* of datagrams: choice.h                 */
    char underlay[TUN_NAME_SIZE];            /* … when the cell has to start its keeper; "": it does not */
    bool has_linger;                         /* `linger: auto`: answers are waited for awake, linger.h */
    bool is_plain;                           /* `offload: off`: one packet, one call       */
    char key[DATAPATH_CONFIG_PATH_SIZE];     /* file with the private key in base64; "": of the state directory */
    char control[DATAPATH_CONFIG_PATH_SIZE]; /* socket of `wg`; "": none            */
    char secret[DATAPATH_CONFIG_PATH_SIZE];  /* file with the cluster's secret; "": none */
    char cluster[DATAPATH_CONFIG_PATH_SIZE], context[DATAPATH_CONFIG_PATH_SIZE]; /* what goes into psks with it */
    uint32_t networks;                       /* `membership`: members of the cluster are peers … */
    struct datapath_prefix network[DATAPATH_CONFIG_NETWORKS_MAX]; /* … with an address in each: kin.h */
    bool is_rendezvous, is_relay;            /* for others: ways.h                         */
    bool is_silent;                          /* `signals: off`: nothing but WireGuard      */
    uint32_t places;
    struct datapath_endpoint place[DATAPATH_CONFIG_PLACES_MAX]; /* where peers may find us; none: looked up */
    char name[DATAPATH_NAME_SIZE];           /* of this node; "": it has none              */
    char zone[DNS_NAME_MAX + 1];             /* of names: names.h                          */
    struct datapath_endpoint dns;            /* where they are asked for; port 0: nowhere  */
    uint32_t servers;                        /* of DNS, for endpoints that are names; none: those of the machine */
    struct sealed_address server[DNS_SERVERS_MAX];
    bool has_shared;                         /* there is a `secret` …                      */
    uint8_t shared[DATAPATH_NOISE_KEY];      /* … and this comes of it: psk.h              */
    uint32_t listed;
    struct datapath_config_peer *peer;       /* owned */
};

/* Read `text`, YAML as the runtime hands it over. ERR_INVALID: `why` says which field is wrong, and how; ERR_NOMEM. After
 * an error *ret owns nothing. */
enum err datapath_config_read(const char *text, struct datapath_settings *ret, char why[CONF_WHY_SIZE]) MUST_CHECK;
void datapath_config_free(struct datapath_settings *s); /* also what was zeroed */

#endif
