/* An issuer that has its key and lies: PORT, its directory of secrets, its file, and about what: "key" (a certificate over
 * another key), "name" (another node's), "authority" (signed by another than it sends). Answers one join and ends. */
#include <arpa/inet.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/node/join.h"
#include "common/node/pki.h"

static size_t read_text(const char *path, char *out, size_t room)
{
    FILE *f = fopen(path, "r");
    size_t len = f != NULL ? fread(out, 1, room - 1, f) : 0;

    out[len] = '\0';
    return f != NULL && fclose(f) == 0 ? len : 0;
}

static size_t read_of(const char *directory, const char *name, char *out, size_t room)
{
    char path[512];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return read_text(path, out, room);
}

static bool receive(int fd, uint8_t frame[JOIN_FRAME_MAX], size_t *ret_size)
{
    uint8_t length[2];

    if (recv(fd, length, 2, MSG_WAITALL) != 2) {
        return false;
    }
    *ret_size = (size_t)(length[0] << 8 | length[1]);
    return *ret_size <= JOIN_FRAME_MAX && recv(fd, frame, *ret_size, MSG_WAITALL) == (ssize_t)*ret_size;
}

static bool transmit(int fd, const uint8_t *frame, size_t size)
{
    uint8_t length[2] = {(uint8_t)(size >> 8), (uint8_t)size};

    return send(fd, length, 2, MSG_NOSIGNAL) == 2 && send(fd, frame, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* What is wrong with the certificate that `r` is given. */
static bool lie(const char *about, const char *key, const struct join_request *r, struct join_grant *g)
{
    struct pki_who who = {0};
    uint8_t request[PKI_REQUEST_MAX];
    char other[PKI_PEM_MAX], authority[PKI_PEM_MAX];
    size_t size = r->request_size;
    uint64_t now_s = (uint64_t)time(NULL);

    memcpy(request, r->request, size);
    memcpy(who.name, r->name, sizeof who.name);
    memcpy(who.id, r->id, sizeof who.id);
    memcpy(who.cluster_id, g->cluster.id, sizeof who.cluster_id);
    if (pki_key(other) != ERR_OK || pki_authority(other, g->cluster.id, now_s, authority) != ERR_OK) {
        return false;
    }
    if (strcmp(about, "key") == 0 && pki_request(other, r->name, request, &size) != ERR_OK) {
        return false;
    }
    if (strcmp(about, "name") == 0) {
        memcpy(who.name, "elsewhere", sizeof "elsewhere");
    }
    bool is_foreign = strcmp(about, "authority") == 0;
    return pki_issue(is_foreign ? other : key, is_foreign ? authority : g->authority, request, size, &who, now_s,
                     g->certificate) == ERR_OK;
}

static int answer(int fd, struct node_keys *keys, struct tickets *tickets, const char *about, const char *key,
                  struct join_grant *g)
{
    static uint8_t in[JOIN_FRAME_MAX], out[JOIN_FRAME_MAX];
    uint8_t ephemeral[NOISE_KEY];
    struct join_server s;
    struct join_request r;
    size_t size;

    randombytes_buf(ephemeral, sizeof ephemeral);
    join_server_init(&s, keys, ephemeral);
    if (!receive(fd, in, &size) ||
        join_server_hello(&s, in, size, tickets, (uint64_t)time(NULL), out, &size) != ERR_OK || !transmit(fd, out, size) ||
        !receive(fd, in, &size) || join_server_request(&s, in, size, &r) != ERR_OK || !lie(about, key, &r, g)) {
        return 1;
    }
    join_server_answer(&s, TOKEN_GRANTED, g, out, &size);
    return transmit(fd, out, size) ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct tickets tickets;
    static char text[TICKETS_TEXT_MAX];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char key[PKI_PEM_MAX], part[CLUSTER_TEXT_MAX];
    const int yes = 1;
    struct identity identity;
    struct join_grant g = {0};
    struct node_keys keys;
    size_t len;

    if (argc != 5 || sodium_init() < 0 || (len = read_text(argv[3], text, sizeof text)) == 0 ||
        tickets_parse(text, len, &tickets) != ERR_OK || (len = read_of(argv[2], "identity", part, sizeof part)) == 0 ||
        identity_parse(part, len, &identity) != ERR_OK || (len = read_of(argv[2], "cluster", part, sizeof part)) == 0 ||
        cluster_parse(part, len, &g.cluster) != ERR_OK || read_of(argv[2], "ca.key", key, sizeof key) == 0 ||
        read_of(argv[2], "ca.crt", g.authority, sizeof g.authority) == 0) {
        fprintf(stderr, "liar PORT ISSUER-DIR ISSUER-FILE key|name|authority\n");
        return 64;
    }
    cluster_keys(&g.cluster, identity.name, identity.seed, &keys);
    at.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 1) != 0) {
        perror("liar");
        return 1;
    }
    printf("ready\n");
    (void)fflush(stdout);
    int fd = accept(listener, NULL, NULL);
    return fd < 0 ? 1 : answer(fd, &keys, &tickets, argv[4], key, &g);
}
