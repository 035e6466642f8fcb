/* What the manifest's `config` tells this cell:
 *
 *   bootstrap: ["10.0.0.1:7403"]   where somebody may be who knows others, or names; members come by themselves
 *   dns: _cell-dht._udp.example    … a service whose SRV records say so
 *   dns_servers: [10.0.0.53]       else those of /etc/resolv.conf
 *   listen: "0.0.0.0:7403"         unless the supervisor hands over a socket
 *   advertise: "192.0.2.7:7403"    where others reach this node, when that is not where it sends from
 *   nodes: [db-2=10.0.0.2:17403]   members whose cell is not at the member's address
 *   port: 7403                     of all others
 *   members: true                  ask nodosum who belongs to the cluster; false where there is none
 *   peers, records, store          room: 1,024 peers; 8,192 records in 4M
 *   host: 16                       strangers in the table of one address, or /64 of IPv6; 0: as many as there are
 *   site: 64                       … of one /48
 *   lan: 256                       … of one private address, or link of IPv6 (fc00::/7, fe80::/10); else a quarter of `peers` */
#ifndef CELL_DHT_SETTINGS_H
#define CELL_DHT_SETTINGS_H

#include "common/base/name.h"
#include "common/node/dns.h"
#include "common/run/conf.h"
#include "dht/core.h"

enum {
    DHT_SETTINGS_PORT = 7403,
    DHT_SETTINGS_PEERS = 1024,            /* as many as membership has by default                      */
    DHT_SETTINGS_HOST = 16,               /* two sets of holders; libp2p: 3                            */
    DHT_SETTINGS_SITE = 64,               /* a network of a few links has room, an owner of one is not everybody */
    DHT_SETTINGS_LAN_SHARE = 4,           /* … of the table: real nodes behind one address fill buckets  */
    DHT_SETTINGS_RECORDS = 8192,
    DHT_SETTINGS_STORE = 4 << 20,         /* bytes                                                     */
    DHT_SETTINGS_STORE_LEAST = 64 << 10,
    DHT_SETTINGS_STORE_MOST = 64 << 20,   /* 65,000 records of 1,000 bytes                             */
    DHT_SETTINGS_NODES_MAX = 64,
    DHT_SETTINGS_PATH_SIZE = 512,
};

struct dht_settings_place {
    char node[NAME_SIZE];
    struct dht_address at;
};

struct dht_settings {
    struct dht_address listen, advertise;
    bool has_advertise, has_members;
    uint16_t port;
    uint32_t peers, records, store_bytes;
    uint32_t host, site, lan;             /* 0: any                                                    */
    uint32_t bootstraps;
    struct seed bootstrap[DHT_BOOTSTRAP_MAX];
    char dns[SEEDS_HOST_MAX + 1];         /* SRV name; ""                                              */
    uint32_t servers;                     /* 0: those of the machine                                   */
    struct sealed_address server[DNS_SERVERS_MAX];
    uint32_t places;
    struct dht_settings_place place[DHT_SETTINGS_NODES_MAX];
    char keys[DHT_SETTINGS_PATH_SIZE];    /* "": the supervisor hands them over */
};

/* Read it. ERR_INVALID: `why` names the field; *ret is untouched. ERR_NOMEM. */
enum err dht_settings_read(const char *text, struct dht_settings *ret, char why[CONF_WHY_SIZE]) MUST_CHECK;

/* An address as people write it, without a port: `port`. ERR_MALFORMED: a name, or none. */
enum err dht_settings_address(const char *text, uint16_t port, struct dht_address *ret) MUST_CHECK;

#endif
