/* What a cell may ask the keeper of its shield for, and what it gets: by a socket, as a cell does. Loading takes BPF: that
 * part is skipped without. */
#include "datapath/keeper.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/rights.h"
#include "datapath/types.h"
#include "tests/support/check.h"

static int to_keeper;

/* A kernel before 6.6, as far as hanging goes: it has no links of the kind that tcx takes. */
static bool lacks_tcx(void)
{
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

    return ctx != NULL &&
           seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_EQ, BPF_LINK_CREATE, 0)) == 0 &&
           seccomp_load(ctx) == 0;
}

static pid_t begin_at(const char *interface, const char *port, bool is_old)
{
    const char *words[] = {"cell-shield", interface, port, NULL};
    int pair[2];

    REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0, "a pair");
    pid_t child = fork();
    if (child == 0) {
        (void)close(pair[0]);
        if (dup2(pair[1], DATAPATH_KEEPER_SOCKET) < 0 || (is_old && !lacks_tcx())) {
            _exit(9);
        }
        _exit(datapath_keeper_run(3, (char **)words));
    }
    (void)close(pair[1]);
    to_keeper = pair[0];
    return child;
}

/* A keeper of an interface that is not there. */
static pid_t begin(const char *port)
{
    return begin_at("nowhere0", port, false);
}

/* Its exit status. */
static int end(pid_t child)
{
    int status = -1;

    (void)close(to_keeper);
    REQUIRE(waitpid(child, &status, 0) == child, "it ends when the other side does");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static enum err ask(uint32_t version, uint32_t kind, uint32_t value, size_t *ret_maps, char why[DATAPATH_SHIELD_WHY])
{
    const struct datapath_keeper_ask question = {.version = version, .kind = kind, .value = value};
    struct datapath_keeper_answer answer;
    int fds[RIGHTS_MAX];

    *ret_maps = 0;
    REQUIRE(rights_send(to_keeper, &question, sizeof question, NULL, 0) == ERR_OK &&
                rights_recv(to_keeper, &answer, sizeof answer, fds, ret_maps) == ERR_OK, "it answers %u", kind);
    CHECK(answer.kind == kind && answer.value == value, "what it was asked");
    memcpy(why, answer.why, sizeof answer.why);
    for (size_t i = 0; i < *ret_maps; i++) {
        fd_close(&fds[i]);
    }
    return err_from_wire(answer.result);
}

static void what_cannot_be_is_refused(void)
{
    static const struct {
        uint32_t version, kind, value;
        enum err expected;
        const char *why;
    } rows[] = {
        {DATAPATH_KEEPER_VERSION + 1, DATAPATH_KEEPER_LOAD, 16, ERR_INCOMPATIBLE, "another version"},
        {DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_HANG, DATAPATH_SHIELD_TC, ERR_PRECONDITION, "before it is loaded"},
        {DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_HANG, 2, ERR_INVALID, "no hook"},
        {DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_LOAD, 0, ERR_INVALID, "for no peers"},
        {DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_LOAD, DATAPATH_PEERS_MAX + 1, ERR_INVALID, "for more than there may be"},
    };
    char why[DATAPATH_SHIELD_WHY];
    size_t maps;
    pid_t child = begin("51820");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        CHECK(ask(rows[i].version, rows[i].kind, rows[i].value, &maps, why) == rows[i].expected && maps == 0, "%s", rows[i].why);
    }
    CHECK(end(child) == 0, "it ends in order");
    child = begin("51820");
    CHECK(send(to_keeper, "hello", 5, 0) == 5 && recv(to_keeper, why, sizeof why, 0) <= 0, "who speaks something else is not answered");
    CHECK(end(child) == 0, "and it ends in order");
    child = begin("0");
    CHECK(end(child) == 2, "no port");
    child = begin("51820x");
    CHECK(end(child) == 2, "a port and more");
}

static bool it_loads_once(void)
{
    char why[DATAPATH_SHIELD_WHY];
    size_t maps;
    pid_t child = begin("51820");
    enum err e = ask(DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_LOAD, DATAPATH_PEERS_MAX, &maps, why);

    if (e == ERR_DENIED || e == ERR_UNSUPPORTED) {
        CHECK(maps == 0 && why[0] != '\0' && end(child) == 0, "it says why, and goes on");
        printf("skipped: %s\n", why);
        return false;
    }
    CHECK(e == ERR_OK && maps == DATAPATH_SHIELD_MAPS, "%s: %zu maps", why, maps);
    CHECK(ask(DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_LOAD, 16, &maps, why) == ERR_PRECONDITION && maps == 0, "once");
    CHECK(ask(DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_HANG, DATAPATH_SHIELD_XDP, &maps, why) == ERR_NOT_FOUND &&
              strstr(why, "interface") != NULL, "where it cannot hang: %s", why);
    CHECK(ask(DATAPATH_KEEPER_VERSION, 4, DATAPATH_SHIELD_TC, &maps, why) == ERR_INVALID, "nothing that it does");
    CHECK(end(child) == 0, "it ends in order");
    return true;
}

/* ---- at an interface of a network of its own ---- */

static uint64_t counted(struct datapath_shield_maps *maps, enum datapath_shield_verdict v)
{
    uint64_t count[DATAPATH_SHIELD_VERDICTS];

    datapath_shield_maps_count(maps, count);
    return count[v];
}

/* Whether a datagram of no session to this address of ours is judged at all. */
static bool is_judged(struct datapath_shield_maps *maps, const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(51820)};
    const uint8_t packet[32] = {4, 0, 0, 0, 1, 2, 3, 4};
    uint64_t before = counted(maps, DATAPATH_SHIELD_INDEX);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    REQUIRE(inet_pton(AF_INET, address, &to.sin_addr) == 1 && fd >= 0 &&
                sendto(fd, packet, sizeof packet, 0, (struct sockaddr *)&to, sizeof to) == (ssize_t)sizeof packet, "%s", address);
    (void)close(fd);
    return counted(maps, DATAPATH_SHIELD_INDEX) == before + 1;
}

static void load(struct datapath_shield_maps *ret)
{
    const struct datapath_keeper_ask question = {.version = DATAPATH_KEEPER_VERSION, .kind = DATAPATH_KEEPER_LOAD, .value = 16};
    struct datapath_keeper_answer answer;
    int fds[RIGHTS_MAX];
    size_t count = 0;

    REQUIRE(rights_send(to_keeper, &question, sizeof question, NULL, 0) == ERR_OK &&
                rights_recv(to_keeper, &answer, sizeof answer, fds, &count) == ERR_OK && count == DATAPATH_SHIELD_MAPS, "it loads");
    REQUIRE(datapath_shield_maps_open(ret, fds, datapath_live_sets(16), answer.processors, (const uint8_t[32]){3},
                                      (const uint8_t[16]){5}) == ERR_OK, "its maps");
    while (count > 0) {
        fd_close(&fds[--count]);
    }
}

/* Sockets past the host's stack come with the maps, and the keeper has none of them afterwards: the queues are free as soon as
 * whoever asked has closed his. */
static void it_opens_sockets_once(void)
{
    struct datapath_keeper_ask question = {.version = DATAPATH_KEEPER_VERSION, .kind = DATAPATH_KEEPER_LOAD, .value = 16, .frames = 4};
    struct datapath_keeper_answer answer;
    struct datapath_xsk x;
    int fds[RIGHTS_MAX];
    size_t count = 0;
    char why[DATAPATH_XSK_WHY] = "";

    if (system("ip link add in0 type veth peer name out0 2>/dev/null && ip link set out0 up") != 0) {
        printf("no veth\n");
        return;
    }
    pid_t child = begin_at("out0", "51820", false);
    CHECK(rights_send(to_keeper, &question, sizeof question, NULL, 0) == ERR_OK &&
              rights_recv(to_keeper, &answer, sizeof answer, fds, &count) == ERR_OK && answer.result == err_to_wire(ERR_INVALID) && count == 0,
          "nothing that there is");
    question.frames = DATAPATH_KEEPER_FRAMES;
    REQUIRE(rights_send(to_keeper, &question, sizeof question, NULL, 0) == ERR_OK &&
                rights_recv(to_keeper, &answer, sizeof answer, fds, &count) == ERR_OK, "it answers");
    CHECK(answer.queues >= 1 && count == DATAPATH_KEEPER_QUEUES + answer.queues && strcmp(answer.link.driver, "veth") == 0, "%s", answer.frames_why);
    CHECK(datapath_xsk_open(&x, "out0", why) == ERR_EXISTS, "they are at their queues");
    while (count > 0) {
        fd_close(&fds[--count]);
    }
    CHECK(datapath_xsk_open(&x, "out0", why) == ERR_OK, "the keeper has none of them: %s", why);
    datapath_xsk_close(&x);
    CHECK(end(child) == 0, "it ends in order");
    child = begin_at("out0", "51820", false);
    question.frames = DATAPATH_KEEPER_MEASURE;
    REQUIRE(rights_send(to_keeper, &question, sizeof question, NULL, 0) == ERR_OK &&
                rights_recv(to_keeper, &answer, sizeof answer, fds, &count) == ERR_OK, "it answers");
    CHECK(answer.queues == 0 && count == DATAPATH_SHIELD_MAPS && strcmp(answer.link.driver, "veth") == 0, "it looks, and opens nothing");
    while (count > 0) {
        fd_close(&fds[--count]);
    }
    CHECK(end(child) == 0, "it ends in order");
}

/* Without a descriptor to ask with it cannot know what addresses there are: those that were there are ours until it can. */
static void addresses_it_cannot_list_stay(void)
{
    struct rlimit none, before;
    char why[DATAPATH_SHIELD_WHY] = "";
    struct datapath_shield_maps maps;
    size_t none_came;
    pid_t child = begin_at("lo", "51820", false);

    load(&maps);
    REQUIRE(ask(DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_HANG, DATAPATH_SHIELD_TC, &none_came, why) == ERR_OK, "%s", why);
    datapath_shield_maps_set(&maps, DATAPATH_SHIELD_FILTER, DATAPATH_SHIELD_TC);
    CHECK(is_judged(&maps, "127.0.0.1"), "an address of ours");
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0, "what it may open");
    none = (struct rlimit){.rlim_cur = 2, .rlim_max = before.rlim_max}; /* less, and it could not poll */
    REQUIRE(prlimit(child, RLIMIT_NOFILE, &none, NULL) == 0, "it may open nothing: %s", strerror(errno));
    REQUIRE(system("ip addr add 10.1.1.1/32 dev lo") == 0, "an address comes");
    /* News come before questions. */
    CHECK(ask(DATAPATH_KEEPER_VERSION, 4, DATAPATH_SHIELD_TC, &none_came, why) == ERR_INVALID, "it has heard of it");
    CHECK(is_judged(&maps, "127.0.0.1"), "it is still ours");
    CHECK(!is_judged(&maps, "10.1.1.1"), "this it cannot know");
    REQUIRE(prlimit(child, RLIMIT_NOFILE, &before, NULL) == 0, "it may again: %s", strerror(errno));
    bool knows = false;
    for (int i = 0; !knows && i < 1000; i++) {
        (void)poll(NULL, 0, 10);
        knows = is_judged(&maps, "10.1.1.1");
    }
    CHECK(knows, "it asks again, without more news");
    datapath_shield_maps_close(&maps);
    CHECK(end(child) == 0, "it ends in order");
}

static int filters(void)
{
    return system("tc filter show dev lo ingress | grep -q shield_tc") == 0;
}

/* What hangs by clsact goes with an order, and with the keeper. */
static void it_hangs_by_clsact(void)
{
    char why[DATAPATH_SHIELD_WHY] = "";
    size_t maps;

    pid_t child = begin_at("lo", "51820", true);
    enum err e = ask(DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_LOAD, 16, &maps, why);
    REQUIRE(e == ERR_OK, "%s", why);
    e = ask(DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_HANG, DATAPATH_SHIELD_TC, &maps, why);
    CHECK(e == ERR_OK && filters() == 1, "it hangs: %s", why);
    const struct datapath_keeper_ask off = {.version = DATAPATH_KEEPER_VERSION, .kind = DATAPATH_KEEPER_TAKE_OFF, .value = DATAPATH_SHIELD_TC};
    CHECK(rights_send(to_keeper, &off, sizeof off, NULL, 0) == ERR_OK, "it is told to take it off");
    e = ask(DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_HANG, DATAPATH_SHIELD_XDP, &maps, why); /* when this is answered, it has */
    CHECK(e == ERR_UNSUPPORTED && filters() == 0, "it is taken off: %s", why);
    e = ask(DATAPATH_KEEPER_VERSION, DATAPATH_KEEPER_HANG, DATAPATH_SHIELD_TC, &maps, why);
    CHECK(e == ERR_OK && filters() == 1, "it hangs again: %s", why);
    CHECK(end(child) == 0 && filters() == 0, "it ends in order, and leaves nothing");
}

int main(void)
{
    what_cannot_be_is_refused();
    bool has_bpf = it_loads_once();
    if (has_bpf && (unshare(CLONE_NEWNET) != 0 || system("ip link set lo up && tc qdisc show dev lo > /dev/null") != 0)) {
        printf("skipped: no network namespace, or no tc\n");
        return check_failures == 0 ? CHECK_SKIPPED : CHECK_RESULT();
    }
    if (has_bpf) {
        it_hangs_by_clsact();
        it_opens_sockets_once();
        addresses_it_cannot_list_stay();
    }
    return check_failures == 0 && !has_bpf ? CHECK_SKIPPED : CHECK_RESULT();
}
