/* Nodes with certificates, made in the test, on one loop. */
#ifndef CELL_TESTS_UNIT_NODE_LINK_KIT_H
#define CELL_TESTS_UNIT_NODE_LINK_KIT_H

#include <netinet/in.h>

#include "common/node/nodelink.h"

enum { KIT_MESSAGE_MAX = 100000, KIT_PEM_MAX = 3 * PKI_PEM_MAX };

/* An authority and whom it certified. */
struct kit_cluster {
    uint8_t id[NODE_CLUSTER_ID_LEN];
    char key[PKI_PEM_MAX];
    char certificate[PKI_PEM_MAX];
};

struct kit_node {
    struct loop *loop;
    struct pki_who who;
    char pem[KIT_PEM_MAX];          /* as keys.tls */
    char key[PKI_PEM_MAX];
    char certificate[PKI_PEM_MAX];
    struct tls_identity *identity;
    struct nodelinks *links;
    struct sealed_address at;       /* where it listens */
    /* What it was asked, and how often. */
    uint32_t asked;
    struct pki_who asker;
    struct nodelink_ticket ticket;  /* of the last question */
    bool is_silent;                 /* does not answer by itself */
};

/* What became of a question. */
struct kit_answer {
    struct loop *loop;
    uint32_t count;
    enum err e;
    size_t size;
    uint8_t bytes[KIT_MESSAGE_MAX];
};

struct kit_cluster kit_cluster(uint8_t number);
/* A certificate that was issued `days` ago. */
void kit_certify(const struct kit_cluster *c, uint8_t number, unsigned days, struct kit_node *ret);
/* It takes `c`'s authority for its own, though its certificate is another's. */
void kit_pretend(struct kit_node *n, const struct kit_cluster *c);
/* Open its links on `loop`; it echoes what it is asked. */
void kit_open(struct kit_node *n, struct loop *loop);
void kit_close(struct kit_node *n);
/* A socket that listens on the loopback. */
int kit_listen(struct sealed_address *ret);
void kit_done(void *context, enum err e, const uint8_t *body, size_t size);
/* Run the loop until *count is `least`, or for most_ms. */
void kit_run(struct loop *loop, const uint32_t *count, uint32_t least, uint32_t most_ms);
/* Ask and wait: the error. */
enum err kit_ask(struct kit_node *from, const struct kit_node *to, const void *body, size_t size, uint32_t deadline_ms,
                 struct kit_answer *ret);

#endif
