/* Answers of netlink as bytes, whole and broken, and the socket's side with the kernel's played. */
#include "common/run/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/support/check.h"

/* ---- what the kernel says -------------------------------------------------------------------------- */

enum {
    OURS = 7,
    OTHERS = 6,
    PLAYED_MAX = 96, /* datagrams of one scene */
};

/* A datagram that is being written. */
struct said {
    union {
        struct nlmsghdr align;
        uint8_t bytes[512];
    };
    size_t size;
    int error; /* instead of it */
    size_t claims; /* its size, if it was larger than what there was room for */
};

static void begin(struct said *s, uint16_t type, uint16_t flags, uint32_t sequence, const void *body, size_t size)
{
    const struct nlmsghdr head = {.nlmsg_len = (uint32_t)NLMSG_LENGTH(size), .nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = sequence};

    memcpy(s->bytes + s->size, &head, sizeof head);
    memcpy(s->bytes + s->size + sizeof head, body, size);
    s->size += NLMSG_ALIGN(head.nlmsg_len);
}

static void word(struct said *s, uint16_t type, uint32_t sequence, int number)
{
    begin(s, type, 0, sequence, &number, sizeof number);
}

/* An address of interface `index`, which tells it from others. */
static void address(struct said *s, uint16_t flags, uint32_t sequence, uint32_t index)
{
    struct {
        struct ifaddrmsg body;
        struct nlattr head;
        uint32_t value;
    } m = {.body = {.ifa_index = index}, .head = {.nla_len = NLA_HDRLEN + sizeof m.value, .nla_type = IFA_FLAGS}, .value = index + 100};

    begin(s, RTM_NEWADDR, flags, sequence, &m, sizeof m);
}

static struct netlink_reader over(const struct said *s)
{
    return (struct netlink_reader){.at = s->bytes, .left = s->size, .sequence = OURS};
}

static uint32_t index_of(const struct netlink_message *m)
{
    const struct ifaddrmsg *body = netlink_body(m, sizeof *body);

    return m->type == RTM_NEWADDR && body != NULL ? body->ifa_index : 0;
}

static void of_news_all_is_heard(void)
{
    struct said s = {.size = 0};
    struct netlink_reader r;
    struct netlink_message m;

    address(&s, 0, OTHERS, 1);
    address(&s, 0, 0, 2);
    address(&s, 0, OURS, 3);
    r = over(&s);
    r.is_news = true;
    for (uint32_t i = 1; i <= 3; i++) {
        CHECK(netlink_next(&r, &m) && index_of(&m) == i, "message %u", i);
    }
    CHECK(!netlink_next(&r, &m) && r.error == NETLINK_MORE, "and no last word");
}

static void messages_to_others_are_stepped_over(void)
{
    struct said s = {.size = 0};
    struct netlink_message m;

    address(&s, 0, OTHERS, 1);
    address(&s, 0, OURS, 2);
    word(&s, NLMSG_DONE, OTHERS, 0);
    word(&s, NLMSG_NOOP, OURS, 0);
    address(&s, NLM_F_DUMP_INTR, OTHERS, 3);
    address(&s, 0, OURS, 4);
    struct netlink_reader r = over(&s);
    CHECK(netlink_next(&r, &m) && index_of(&m) == 2, "the second is the first of ours");
    CHECK(netlink_next(&r, &m) && index_of(&m) == 4, "… and the last");
    CHECK(!r.is_interrupted, "another's list changed, not ours");
    CHECK(!netlink_next(&r, &m) && r.error == NETLINK_MORE, "no word of an end: %d", r.error);
    CHECK(!netlink_next(&r, &m) && r.error == NETLINK_MORE, "… however often one asks");
}

static void the_last_word_is_told(void)
{
    static const struct {
        uint16_t type;
        int number, error;
        const char *why;
    } rows[] = {
        {NLMSG_DONE, 0, 0, "all of a list"},
        {NLMSG_DONE, -EINVAL, EINVAL, "a list that failed on its way"},
        {NLMSG_ERROR, 0, 0, "done"},
        {NLMSG_ERROR, -ENODEV, ENODEV, "refused"},
        {NLMSG_ERROR, 5, EPROTO, "no errno is below zero twice"},
        {NLMSG_ERROR, INT32_MIN, EPROTO, "a number that has no opposite"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct said s = {.size = 0};
        struct netlink_message m;
        word(&s, rows[i].type, OURS, rows[i].number);
        address(&s, 0, OURS, 1);
        struct netlink_reader r = over(&s);
        CHECK(!netlink_next(&r, &m) && r.error == rows[i].error, "row %zu: %s: %d", i, rows[i].why, r.error);
        CHECK(!netlink_next(&r, &m), "row %zu: nothing comes behind the last word", i);
    }
}

static void what_is_cut_off_is_none(void)
{
    struct said whole = {.size = 0};
    struct netlink_message m;

    address(&whole, 0, OURS, 1);
    for (size_t size = 1; size < whole.size; size++) {
        struct said s = whole;
        s.size = size;
        struct netlink_reader r = over(&s);
        CHECK(!netlink_next(&r, &m) && r.error == EPROTO, "%zu of %zu bytes", size, whole.size);
    }
    for (uint32_t len = 0; len < sizeof whole.align; len++) {
        struct said s = whole;
        s.align.nlmsg_len = len;
        struct netlink_reader r = over(&s);
        CHECK(!netlink_next(&r, &m) && r.error == EPROTO, "a message of %u bytes", len);
    }
    struct said s = whole;
    s.align.nlmsg_len = UINT32_MAX;
    struct netlink_reader r = over(&s);
    CHECK(!netlink_next(&r, &m) && r.error == EPROTO, "a length that is rounded to 0");
    s = (struct said){.size = 0};
    begin(&s, NLMSG_ERROR, 0, OURS, "ab", 2);
    r = over(&s);
    CHECK(!netlink_next(&r, &m) && r.error == EPROTO, "a word without its number");
    s = (struct said){.size = 0};
    begin(&s, NLMSG_DONE, 0, OURS, "", 0);
    r = over(&s);
    CHECK(!netlink_next(&r, &m) && r.error == 0, "the end of a list needs none");
    s = (struct said){.size = 0};
    begin(&s, RTM_NEWADDR, 0, OURS, "abcde", 5);
    s.size = NLMSG_LENGTH(5);
    r = over(&s);
    CHECK(netlink_next(&r, &m) && m.size == 5, "the last one needs no padding");
    CHECK(netlink_body(&m, sizeof(struct ifaddrmsg)) == NULL && netlink_body(&m, 5) != NULL, "a body shorter than it should be");
    CHECK(!netlink_has(&m, sizeof(struct ifaddrmsg), 0), "nothing is behind a body that is not there");
}

static void attributes_are_found_and_broken_ones_end_the_search(void)
{
    struct {
        struct rtmsg body;
        struct nlattr first;
        uint32_t one;
        struct nlattr second;
        uint16_t two, padding;
        struct nlattr third;
        uint32_t three;
    } whole = {.first = {NLA_HDRLEN + 4, RTA_OIF}, .one = 11, .second = {NLA_HDRLEN + 2, RTA_GATEWAY | NLA_F_NESTED}, .two = 22,
               .third = {NLA_HDRLEN + 4, RTA_OIF}, .three = 33}, m = whole;
    const struct netlink_message said = {.type = RTM_NEWROUTE, .body = (const uint8_t *)&m, .size = sizeof m};
    uint32_t four = 0;
    uint16_t two = 0;

    CHECK(netlink_take(&said, sizeof m.body, RTA_OIF, &four, 4) && four == 11, "the first of two");
    CHECK(netlink_take(&said, sizeof m.body, RTA_GATEWAY, &two, 2) && two == 22, "behind padding, whatever its flags");
    CHECK(!netlink_take(&said, sizeof m.body, RTA_GATEWAY, &four, 4) && four == 11, "of another size it is none");
    CHECK(netlink_has(&said, sizeof m.body, RTA_GATEWAY) && !netlink_has(&said, sizeof m.body, RTA_VIA), "there, and not there");
    for (uint16_t len = 0; len < NLA_HDRLEN; len++) {
        m.first.nla_len = len;
        m.one = (uint32_t)RTA_GATEWAY << 16 | NLA_HDRLEN; /* what looks like one to who goes on regardless */
        CHECK(!netlink_has(&said, sizeof m.body, RTA_GATEWAY), "one of %u bytes is no step at all", len);
    }
    m = whole;
    m.second.nla_len = sizeof m;
    CHECK(!netlink_has(&said, sizeof m.body, RTA_GATEWAY) && netlink_has(&said, sizeof m.body, RTA_OIF), "one that ends behind its message");
    for (size_t size = 0; size <= sizeof m; size++) {
        const struct netlink_message cut = {.type = RTM_NEWROUTE, .body = (const uint8_t *)&whole, .size = size};
        bool is_there = size >= sizeof m.body + NLA_HDRLEN + 4;
        CHECK(netlink_has(&cut, sizeof m.body, RTA_OIF) == is_there, "cut to %zu bytes", size);
    }
}

static void a_question_is_what_the_kernel_reads(void)
{
    struct netlink n;
    const struct ifaddrmsg body = {.ifa_family = AF_INET6, .ifa_index = 3};
    uint8_t ip[16] = {0xfd, [15] = 9}, back[16];

    memset(&n, 0xee, sizeof n);
    netlink_begin(&n, RTM_NEWADDR, NLM_F_ACK, &body, sizeof body);
    netlink_add(&n, IFA_LABEL, "ab", 3);
    netlink_add(&n, IFA_LOCAL, ip, sizeof ip);
    CHECK(n.head.nlmsg_type == RTM_NEWADDR && n.head.nlmsg_flags == (NLM_F_REQUEST | NLM_F_ACK), "its head");
    struct netlink_reader r = {.at = n.question, .left = n.head.nlmsg_len};
    REQUIRE(netlink_next(&r, &n.said) && n.said.size == sizeof body + 8 + 20, "%zu bytes behind it", n.said.size);
    CHECK(netlink_take(&n.said, sizeof body, IFA_LOCAL, back, sizeof back) && memcmp(ip, back, sizeof ip) == 0, "what was added");
    CHECK(memcmp(n.said.body, &body, sizeof body) == 0 && n.said.body[sizeof body + 7] == 0, "padding is zero");
}

/* ---- the socket's side ------------------------------------------------------------------------------- */

static struct said played[PLAYED_MAX];
static size_t played_count, played_at;
static int send_error;

/* In the place of libc's. */
ssize_t send(int fd, const void *data, size_t size, int flags)
{
    (void)fd, (void)data, (void)flags;
    errno = send_error;
    return send_error != 0 ? -1 : (ssize_t)size;
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    (void)fd;
    CHECK((flags & MSG_DONTWAIT) != 0, "nobody waits");
    const struct said *s = played_at < played_count ? &played[played_at++] : NULL;
    if (s == NULL || s->error != 0) {
        errno = s == NULL ? EAGAIN : s->error;
        return -1;
    }
    memcpy(data, s->bytes, s->size < size ? s->size : size);
    return (ssize_t)(s->claims != 0 ? s->claims : s->size);
}

static struct said *next(void)
{
    REQUIRE(played_count < PLAYED_MAX, "room for a scene");
    played[played_count] = (struct said){.size = 0};
    return &played[played_count++];
}

static void new_scene(void)
{
    played_count = played_at = 0;
    send_error = 0;
}

static int ask(uint16_t expected, uint32_t *ret_index)
{
    static struct netlink n;
    const struct ifaddrmsg body = {.ifa_family = AF_INET6};
    uint32_t turn = OURS - 1;

    netlink_begin(&n, RTM_GETADDR, 0, &body, sizeof body);
    int error = netlink_ask(&n, 0, &turn, expected);
    CHECK(turn == OURS, "each question has its number");
    *ret_index = error == 0 && expected != NLMSG_ERROR ? index_of(&n.said) : 0;
    return error;
}

static void one_answer_is_taken_or_why_not(void)
{
    uint32_t index;

    new_scene();
    address(next(), 0, OTHERS, 1);
    next()->error = EINTR;
    word(next(), NLMSG_ERROR, OTHERS, -EPERM);
    address(next(), 0, OURS, 2);
    CHECK(ask(RTM_NEWADDR, &index) == 0 && index == 2, "what stayed of an earlier question is passed over");
    new_scene();
    for (int i = 0; i < NETLINK_STALE; i++) {
        address(next(), 0, OTHERS, 1);
    }
    address(next(), 0, OURS, 2);
    CHECK(ask(RTM_NEWADDR, &index) == 0, "as much of it as may be");
    new_scene();
    for (int i = 0; i <= NETLINK_STALE; i++) {
        address(next(), 0, OTHERS, 1);
    }
    address(next(), 0, OURS, 2);
    CHECK(ask(RTM_NEWADDR, &index) == EPROTO, "one more");
    new_scene();
    CHECK(ask(RTM_NEWADDR, &index) == EPROTO, "no answer");
    new_scene();
    word(next(), NLMSG_ERROR, OURS, -ENODEV);
    CHECK(ask(RTM_NEWADDR, &index) == ENODEV, "refused");
    new_scene();
    word(next(), NLMSG_ERROR, OURS, 0);
    CHECK(ask(RTM_NEWADDR, &index) == EPROTO, "done, without an answer");
    new_scene();
    word(next(), NLMSG_ERROR, OURS, 0);
    CHECK(ask(NLMSG_ERROR, &index) == 0, "done, as was asked for");
    new_scene();
    address(next(), 0, OURS, 2);
    CHECK(ask(RTM_NEWROUTE, &index) == EPROTO, "another answer than was asked for");
    new_scene();
    next()->error = ENOBUFS;
    address(next(), 0, OURS, 2);
    CHECK(ask(RTM_NEWADDR, &index) == ENOBUFS, "some was lost: perhaps ours");
    new_scene();
    address(next(), 0, OURS, 2);
    played[0].claims = NETLINK_ANSWER + 1;
    CHECK(ask(RTM_NEWADDR, &index) == EMSGSIZE, "one byte too many");
    new_scene();
    send_error = EBADF;
    address(next(), 0, OURS, 2);
    CHECK(ask(RTM_NEWADDR, &index) == EBADF && played_at == 0, "who cannot ask does not listen");
}

static uint32_t taken;

static void take(void *context, const struct netlink_message *m)
{
    CHECK(context == &taken, "the context is handed on");
    taken = taken * 10 + index_of(m);
}

static int list(void)
{
    static struct netlink n;
    const struct ifaddrmsg body = {.ifa_family = AF_INET6};
    uint32_t turn = OURS - 1;

    taken = 0;
    netlink_begin(&n, RTM_GETADDR, NLM_F_DUMP, &body, sizeof body);
    return netlink_list(&n, 0, &turn, RTM_NEWADDR, take, &taken);
}

static void a_list_is_whole_or_said_not_to_be(void)
{
    new_scene();
    address(next(), NLM_F_DUMP_INTR, OTHERS, 9);
    struct said *s = next();
    address(s, 0, OURS, 1);
    address(s, 0, OTHERS, 9);
    address(s, 0, OURS, 2);
    word(next(), NLMSG_DONE, OTHERS, 0);
    s = next();
    address(s, 0, OURS, 3);
    word(s, NLMSG_DONE, OURS, 0);
    address(s, 0, OURS, 9);
    CHECK(list() == 0 && taken == 123, "parts in their order: %u", taken);
    new_scene();
    s = next();
    address(s, 0, OURS, 1);
    address(s, NLM_F_DUMP_INTR, OURS, 2);
    word(next(), NLMSG_DONE, OURS, 0);
    CHECK(list() == EINTR && taken == 12, "it changed meanwhile");
    new_scene();
    begin(next(), NLMSG_DONE, NLM_F_DUMP_INTR, OURS, "\0\0\0", 4);
    CHECK(list() == EINTR, "the last word says so, too");
    new_scene();
    address(next(), 0, OURS, 1);
    next()->error = ENOBUFS;
    CHECK(list() == ENOBUFS && taken == 1, "some was lost");
    new_scene();
    address(next(), 0, OURS, 1);
    CHECK(list() == EPROTO && taken == 1, "it ends without an end");
    new_scene();
    address(next(), 0, OURS, 1);
    word(next(), NLMSG_DONE, OURS, -ENOMEM);
    CHECK(list() == ENOMEM, "it failed on its way");
    new_scene();
    word(next(), NLMSG_ERROR, OURS, -EBUSY);
    CHECK(list() == EBUSY && taken == 0, "refused");
    new_scene();
    for (int i = 0; i < NETLINK_PARTS_MAX; i++) {
        address(next(), 0, OURS, 0);
    }
    word(next(), NLMSG_DONE, OURS, 0);
    CHECK(list() == EMSGSIZE, "more parts than may be");
    new_scene();
    for (int i = 0; i < NETLINK_PARTS_MAX - 1; i++) {
        address(next(), 0, OURS, 0);
    }
    word(next(), NLMSG_DONE, OURS, 0);
    CHECK(list() == 0, "as many as may be");
}

int main(void)
{
    of_news_all_is_heard();
    messages_to_others_are_stepped_over();
    the_last_word_is_told();
    what_is_cut_off_is_none();
    attributes_are_found_and_broken_ones_end_the_search();
    a_question_is_what_the_kernel_reads();
    one_answer_is_taken_or_why_not();
    a_list_is_whole_or_said_not_to_be();
    return CHECK_RESULT();
}
