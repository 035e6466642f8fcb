/* A member of the cluster that lies: it introduces itself to others and tells them, again and again, that another of them left,
 * with every word that it can make, and that it is dead in the last incarnation there is.
 * config: {keys: FILE, about: ID, members: "ADDRESS ADDRESS …"}. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/bytes.h"
#include "common/node/address.h"
#include "common/node/datagram.h"
#include "common/node/word.h"
#include "common/run/cell.h"
#include "common/run/host.h"
#include "common/run/log.h"
#include "nodosum/packet.h"

enum { MEMBERS = 8, EVERY_MS = 50, TEXT = 512, AHEAD_S = 1000 };

struct forger {
    struct cell *cell;
    struct node_keys keys;
    struct nodosum_id about;
    struct sealed_address member[MEMBERS];
    uint32_t members, turn;
    int fd;
    struct datagram *datagram;
};

/* "NAME: VALUE" of the configuration as the manifest's reader writes it, perhaps in quotes. */
static bool value_of(const char *config, const char *name, char out[TEXT])
{
    const char *at = strstr(config, name);

    return at != NULL && (sscanf(at + strlen(name), ": \"%511[^\"]\"", out) == 1 || sscanf(at + strlen(name), ": %511[^\n]", out) == 1);
}

static enum err forger_open(struct cell *cell, void *state)
{
    struct forger *f = state;
    char keys[TEXT], about[TEXT], members[TEXT], *rest = NULL;
    const char *why = "config", *config = cell_config(cell);

    f->cell = cell;
    f->fd = cell_take_descriptor(cell, "listen.forge");
    if (!value_of(config, "keys", keys) || !value_of(config, "about", about) || !value_of(config, "members", members) ||
        !bytes_from_hex(about, f->about.byte, sizeof f->about.byte) || keys_take(-1, keys, &f->keys, &why) != ERR_OK) {
        log_error("FORGER-CONFIG", "why=\"%s\" config=\"%s\"", why, config);
        return ERR_INVALID;
    }
    for (char *at = strtok_r(members, " ", &rest); at != NULL && f->members < MEMBERS; at = strtok_r(NULL, " ", &rest)) {
        if (address_parse(at, &f->member[f->members++]) != ERR_OK) {
            return ERR_INVALID;
        }
    }
    return ERR_OK;
}

static void on_receive(void *context, const struct datagram_from *from, const uint8_t *bytes, size_t size)
{
    (void)context; /* it answers nobody */
    (void)from;
    (void)bytes;
    (void)size;
}

static void tell(struct forger *f, const struct nodosum_message *m)
{
    struct nodosum_packet p = {0};

    if (!nodosum_packet_add(&p, m)) {
        return;
    }
    for (uint32_t i = 0; i < f->members; i++) {
        if (datagram_send(f->datagram, NULL, &f->member[i], p.bytes, p.size) != ERR_OK) {
            log_debug("FORGER-UNSENT", "member=%u", i); /* others follow */
        }
    }
}

/* The other is dead, and there, in incarnations that leave none to refute them. */
static void bury(struct forger *f, const struct nodosum_message *self)
{
    struct nodosum_message dead = {.kind = NODOSUM_PACKET_DEAD, .id = f->about, .incarnation = NODOSUM_INCARNATION_MAX};
    struct nodosum_message there = *self;

    tell(f, &dead);
    there.id = f->about;
    there.incarnation = dead.incarnation = NODOSUM_INCARNATION_MAX - 1;
    tell(f, &there);
    tell(f, &dead);
}

static void on_turn(void *context)
{
    struct forger *f = context;
    uint64_t now_s = (uint64_t)time(NULL) + AHEAD_S; /* incarnations begin with the clock */
    struct nodosum_message self = {.kind = NODOSUM_PACKET_ALIVE, .incarnation = now_s};
    struct nodosum_message left = {.kind = NODOSUM_PACKET_LEFT, .id = f->about, .incarnation = now_s};

    memcpy(self.id.byte, f->keys.id, sizeof self.id.byte);
    self.about = (struct nodosum_about){.address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 9}, .port = 7402},
                                        .meta_version = 1, .name_len = (uint8_t)strlen(f->keys.name)};
    memcpy(self.about.name, f->keys.name, self.about.name_len);
    tell(f, &self);
    f->turn++;
    if (f->turn % 2 == 0) { /* no more than four wait for a session */
        bury(f, &self);
        return;
    }
    tell(f, &left);
    word_say(&f->keys, WORD_LEFT, now_s, left.word); /* its own */
    tell(f, &left);
    struct node_keys other = f->keys; /* signed by itself over the other's id */
    memcpy(other.id, f->about.byte, sizeof other.id);
    word_say(&other, WORD_LEFT, now_s, left.word);
    tell(f, &left);
    keys_forget(&other);
}

static enum err forger_start(struct cell *cell, void *state)
{
    struct forger *f = state;
    const struct datagram_config config = {.peers_max = 16, .receive = on_receive, .context = f};
    enum err e = datagram_open(host_loop(cell), &f->fd, &f->keys, &config, &f->datagram);

    return e == ERR_OK && cell_timer_start(cell, EVERY_MS, EVERY_MS, on_turn, f) == NULL ? ERR_NOMEM : e;
}

static void forger_stop(void *state)
{
    struct forger *f = state;

    datagram_close(f->datagram);
    keys_forget(&f->keys);
}

static const struct cell_def forger = {
    .name = "forger",
    .state_size = sizeof(struct forger),
    .open = forger_open,
    .start = forger_start,
    .stop = forger_stop,
};

int main(int argc, char **argv)
{
    return cell_main(&forger, argc, argv);
}
