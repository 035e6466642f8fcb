/* Credentials that change while links are up: nothing is lost, revoked peers are cut and refused. */
#include <string.h>
#include <time.h>

#include "tests/support/check.h"
#include "tests/unit/node/link_kit.h"

static struct loop *loop;
static struct kit_cluster ours;
static struct kit_answer answer;
static struct kit_node a, b, c;

static uint64_t refused(const struct kit_node *n, enum nodelink_refusal why)
{
    struct nodelink_numbers numbers;

    nodelink_count(n->links, &numbers);
    return numbers.refused[why];
}

/* Credentials of `n` with a list that has these nodes' certificates on it; `fresh`: and a certificate of another number. */
static struct tls_identity *renewed(struct kit_node *n, struct kit_node *const *revoked, size_t count, bool is_fresh)
{
    static char list[PKI_LIST_MAX], pem[KIT_PEM_MAX + PKI_LIST_MAX];
    struct pki_revoked r[2];
    struct pki_facts facts;
    struct tls_identity *made = NULL;
    uint64_t now_s = (uint64_t)time(NULL);
    size_t len;

    for (size_t i = 0; i < count; i++) {
        REQUIRE(pki_check(ours.certificate, revoked[i]->certificate, NULL, &facts) == ERR_OK, "its number");
        memcpy(r[i].serial, facts.serial, PKI_SERIAL);
        r[i].since_s = now_s;
    }
    REQUIRE(pki_list(ours.key, ours.certificate, 1, r, count, now_s, list, &len) == ERR_OK, "a list");
    if (is_fresh) {
        char crt[PKI_PEM_MAX];
        REQUIRE(pki_renew(ours.key, ours.certificate, n->certificate, &n->who, now_s, crt) == ERR_OK, "renewed");
        memcpy(n->certificate, crt, sizeof crt);
    }
    (void)snprintf(pem, sizeof pem, "%s%s%s%s", n->key, n->certificate, ours.certificate, list);
    REQUIRE(tls_identity_new(pem, strlen(pem) + 1, &made) == ERR_OK, "credentials");
    return made;
}

/* As a cell does when the supervisor hands it new keys. */
static void take(struct kit_node *n, struct tls_identity *identity)
{
    struct tls_identity *old = n->identity;

    n->identity = identity;
    nodelink_recredential(n->links, identity);
    tls_identity_free(old); /* connections keep what they need of it */
}

static void open_all(void)
{
    kit_certify(&ours, 1, 0, &a);
    kit_certify(&ours, 2, 0, &b);
    kit_certify(&ours, 3, 0, &c);
    kit_open(&a, loop);
    kit_open(&b, loop);
    kit_open(&c, loop);
}

static void close_all(void)
{
    kit_close(&a);
    kit_close(&b);
    kit_close(&c);
}

static void a_new_certificate_costs_no_link(void)
{
    struct nodelink_numbers numbers;

    open_all();
    CHECK(kit_ask(&a, &b, "x", 1, 5000, &answer) == ERR_OK, "a link");
    b.is_silent = true;
    memset(&answer, 0, sizeof answer);
    REQUIRE(nodelink_ask(a.links, b.who.id, &b.at, (const uint8_t *)"y", 1, 5000, kit_done, &answer) == ERR_OK, "asked");
    kit_run(loop, &b.asked, 2, 5000);
    take(&b, renewed(&b, NULL, 0, true));
    take(&a, renewed(&a, NULL, 0, true));
    CHECK(nodelink_answer(b.links, &b.ticket, (const uint8_t *)"late", 4) == ERR_OK, "a question that was open");
    kit_run(loop, &answer.count, 1, 5000);
    CHECK(answer.e == ERR_OK && answer.size == 4, "is answered over the same link");
    b.is_silent = false;
    nodelink_count(b.links, &numbers);
    CHECK(numbers.links == 1 && numbers.lost == 0 && numbers.accepted == 1, "which is up");
    CHECK(kit_ask(&c, &b, "z", 1, 5000, &answer) == ERR_OK, "and others are made with the new certificate");
    close_all();
}

static void a_revoked_peer_is_cut_and_refused(void)
{
    struct kit_node *const gone[] = {&b};
    struct nodelink_numbers numbers;
    struct nodelink_peer_numbers peer;

    open_all();
    CHECK(kit_ask(&b, &a, "x", 1, 5000, &answer) == ERR_OK && kit_ask(&a, &b, "x", 1, 5000, &answer) == ERR_OK &&
              kit_ask(&c, &a, "x", 1, 5000, &answer) == ERR_OK, "links both ways, and of another");
    b.is_silent = true;
    memset(&answer, 0, sizeof answer);
    REQUIRE(nodelink_ask(a.links, b.who.id, &b.at, (const uint8_t *)"y", 1, 5000, kit_done, &answer) == ERR_OK, "asked");
    kit_run(loop, &b.asked, 2, 5000);
    take(&a, renewed(&a, gone, 1, false));
    CHECK(answer.count == 1 && answer.e == ERR_PEER_DEAD, "what it was asked is lost at once");
    nodelink_count(a.links, &numbers);
    CHECK(numbers.links == 1 && refused(&a, NODELINK_REFUSED_CERTIFICATE) == 2, "both its links are cut, the other's not");
    CHECK(kit_ask(&b, &a, "again", 5, 1000, &answer) == ERR_PEER_DEAD, "it had not noticed yet");
    CHECK(kit_ask(&b, &a, "again", 5, 1000, &answer) == ERR_TIMEOUT, "it gets no answer any more");
    CHECK(refused(&a, NODELINK_REFUSED_CERTIFICATE) > 2 && refused(&b, NODELINK_REFUSED_DECLINED) > 0, "because of its certificate");
    CHECK(kit_ask(&a, &b, "again", 5, 1000, &answer) != ERR_OK, "nor is it asked");
    CHECK(nodelink_count_peer(a.links, b.who.id, &peer) && strstr(peer.why, "revoked") != NULL, "why: %s", peer.why);
    CHECK(kit_ask(&c, &a, "still", 5, 5000, &answer) == ERR_OK, "the other is served");
    take(&b, renewed(&b, NULL, 0, true));
    CHECK(kit_ask(&b, &a, "new", 3, 12000, &answer) == ERR_OK, "with another certificate it is in again");
    close_all();
}

static void a_list_of_another_authority_shuts_nobody_out_in_silence(void)
{
    struct kit_cluster foreign = kit_cluster(0xc2);
    static char list[PKI_LIST_MAX], pem[KIT_PEM_MAX + PKI_LIST_MAX];
    struct tls_identity *made = NULL;
    size_t len;

    open_all();
    REQUIRE(pki_list(foreign.key, foreign.certificate, 1, NULL, 0, (uint64_t)time(NULL), list, &len) == ERR_OK, "a list");
    (void)snprintf(pem, sizeof pem, "%s%s%s%s", a.key, a.certificate, ours.certificate, list);
    REQUIRE(tls_identity_new(pem, strlen(pem) + 1, &made) == ERR_OK, "credentials");
    take(&a, made);
    CHECK(kit_ask(&b, &a, "x", 1, 5000, &answer) == ERR_OK, "it is not about ours");
    (void)snprintf(pem, sizeof pem, "%s%s%s-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", a.key, a.certificate,
                   ours.certificate);
    CHECK(tls_identity_new(pem, strlen(pem) + 1, &made) == ERR_MALFORMED, "a broken list is not taken for none");
    close_all();
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    loop = loop_new();
    ours = kit_cluster(0xc1);
    a_new_certificate_costs_no_link();
    a_revoked_peer_is_cut_and_refused();
    a_list_of_another_authority_shuts_nobody_out_in_silence();
    loop_free(loop);
    return CHECK_RESULT();
}
