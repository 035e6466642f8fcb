/* A join whose frames somebody changes on the way, and whose sealed contents a dishonest holder of the token
 * writes: no crash, nobody let in under another name or id than was signed, every side that refused has ended.
 *
 * Input: a byte that says which frame is touched (0 to 3) and whether its contents are (bit 2), a byte that
 * says what happens (even: bytes are changed; odd: the frame is the rest of the input), then for changes
 * triples: position (2), value. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/node/join.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    NOW = 1764316800,
    FRAMES = 4,
};

static struct tickets tickets;
static struct token token;
static struct node_keys issuer;
static struct identity node = {.name = "db-2", .seed = {2}};

struct frame {
    uint8_t bytes[JOIN_FRAME_MAX];
    size_t size;
};

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void prepare(void)
{
    uint8_t seed[NODE_SEED_LEN] = {1};

    must(sodium_init() >= 0);
    keys_derive(seed, &issuer);
    token = (struct token){.expires_s = NOW + 60, .contacts = 1, .contact = {"a:1"}, .id = {7}, .secret = {5}};
    memcpy(token.issuer, issuer.id, NODE_ID_LEN);
    memset(&tickets, 0, sizeof tickets);
    must(tickets_enter_self(&tickets, "db-1", issuer.id, NOW) == ERR_OK);
    must(tickets_add(&tickets, &token, 1, NOW) == ERR_OK);
}

static void change(struct frame *f, const uint8_t *data, size_t size, bool is_whole)
{
    if (is_whole) {
        f->size = size < sizeof f->bytes ? size : sizeof f->bytes;
        memcpy(f->bytes, data, f->size);
        return;
    }
    for (; size >= 3 && f->size > 0; data += 3, size -= 3) {
        f->bytes[(data[0] << 8 | data[1]) % f->size] = data[2];
    }
}

/* The same to what is inside of a sealed frame. */
static void change_inside(struct frame *f, const struct noise_cipher *key, const uint8_t *data, size_t size,
                          bool is_whole)
{
    struct noise_cipher open = *key, seal = *key;
    struct frame inside = {.size = f->size - NOISE_TAG};

    must(noise_open(&open, f->bytes, f->size, inside.bytes) == ERR_OK);
    change(&inside, data, size, is_whole);
    if (inside.size > JOIN_FRAME_MAX - NOISE_TAG) {
        inside.size = JOIN_FRAME_MAX - NOISE_TAG;
    }
    noise_seal(&seal, inside.bytes, inside.size, f->bytes);
    f->size = inside.size + NOISE_TAG;
}

static void decide(struct join_server *s, const struct join_request *r, struct frame *out)
{
    struct join_grant g = {.authority = "ca", .certificate = "crt"};
    enum token_verdict v = tickets_admit(&tickets, r->token, r->name, r->id, r->has_previous ? r->previous : NULL, NOW);

    must(name_valid_str(r->name) && r->request_size >= 1 && r->request_size <= JOIN_REQUEST_MAX);
    must(v != TOKEN_GRANTED || strcmp(r->name, "db-1") != 0);
    g.cluster = (struct cluster){.id = {1}, .issuer = {1}, .keys = 1, .epoch = {1}, .key = {{1}}};
    join_server_answer(s, v, v == TOKEN_GRANTED ? &g : NULL, out->bytes, &out->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t ephemeral[2][NOISE_KEY] = {{3}, {4}};
    static struct join_client c;
    static struct join_server s;
    static struct frame f, out;
    struct join_request request;
    struct join_grant grant;

    if (size < 2) {
        return 0;
    }
    prepare();
    int touched = data[0] & 3;
    bool is_inside = (data[0] & 4) != 0 && touched >= 2, is_whole = (data[1] & 1) != 0;
    must(join_client_init(&c, &token, &node, (const uint8_t *)"request", 7, ephemeral[0]) == ERR_OK);
    join_server_init(&s, &issuer, ephemeral[1]);
    must(join_client_start(&c, f.bytes, &f.size) == ERR_OK);
    for (int i = 0; i < FRAMES; i++) {
        enum err e;
        if (i == touched && is_inside) {
            change_inside(&f, i == 2 ? &s.receive : &c.receive, data + 2, size - 2, is_whole);
        } else if (i == touched) {
            change(&f, data + 2, size - 2, is_whole);
        }
        out.size = 0;
        if (i == 0) {
            e = join_server_hello(&s, f.bytes, f.size, &tickets, NOW, out.bytes, &out.size);
            must(out.size > 0);
        } else if (i == 2) {
            e = join_server_request(&s, f.bytes, f.size, &request);
            if (e == ERR_OK) {
                decide(&s, &request, &out);
            }
        } else {
            e = join_client_step(&c, f.bytes, f.size, out.bytes, &out.size, &grant);
            must(e != ERR_OK || i != 3 || cluster_check(&grant.cluster) == ERR_OK);
        }
        must(e == ERR_OK || (i % 2 == 0 ? s.state : c.state) == JOIN_ENDED);
        if (e != ERR_OK) {
            return 0;
        }
        f = out;
    }
    return 0;
}
