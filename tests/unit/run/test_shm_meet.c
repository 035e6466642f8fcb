/* Meeting over a socket: what the kernel says of the peer, what a half must be, what a token file must
 * be. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/run/shm_half.h"
#include "common/run/shm_token.h"
#include "tests/support/scratch.h"
#include "tests/unit/run/shm_pair.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

enum {
    SEALS = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL,
    PATIENT_MS = 5000,
};

static const uint8_t session[SHM_SHAPE_SESSION] = "a handshake's 16";

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0;
    }
    return count;
}

/* ---- meeting -------------------------------------------------------------------------------------- */

static void two_meet_and_leave_nothing(void)
{
    struct shm *ends[2];
    int before = open_descriptors();

    shm_pair_open(ends, &shm_pair_shape);
    CHECK(shm_chan_peer_pid(ends[0]) == getpid() && shm_chan_peer_uid(ends[0]) == geteuid(), "who it is");
    shm_pair_close(ends);
    CHECK(open_descriptors() == before, "no descriptor is left");
}

/* Meet with each side's configuration changed by a row; what either says. */
static void meetings_fail_for_a_reason(void)
{
    static const struct {
        int side;
        char what;
        enum err connector, acceptor;
        const char *why;
    } rows[] = {
        {0, 'k', ERR_FORGED, ERR_LATER, "another key: the connector knows first"},
        {0, 'u', ERR_DENIED, ERR_LATER, "the acceptor runs as another user than expected"},
        {1, 'u', ERR_LATER, ERR_DENIED, "the connector does"},
        {1, 's', ERR_LATER, ERR_LIMIT, "a smaller shape is granted than asked for"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct shm *ends[2] = {NULL, NULL};
        struct shm_meet *meet[2] = {NULL, NULL};
        enum err result[2] = {ERR_LATER, ERR_LATER};
        int at[2], before = open_descriptors();
        shm_pair_sockets(at);
        for (int side = 0; side < 2; side++) {
            struct shm_meet_config config = shm_pair_config(&shm_pair_shape);
            if (rows[i].side == side) {
                config.key[0] ^= rows[i].what == 'k';
                config.peer_uid += rows[i].what == 'u';
                config.shape.slots -= rows[i].what == 's';
            }
            REQUIRE(shm_meet_begin(side == 0 ? SHM_CONNECTOR : SHM_ACCEPTOR, &at[side], &config,
                                   &meet[side]) == ERR_OK, "begun");
        }
        shm_pair_run(meet, ends, result);
        CHECK(result[0] == rows[i].connector && result[1] == rows[i].acceptor, "row %zu: %s: %s, %s", i,
              rows[i].why, err_name(result[0]), err_name(result[1]));
        CHECK(ends[0] == NULL && ends[1] == NULL, "row %zu: no channel", i);
        shm_meet_end(meet[0]);
        shm_meet_end(meet[1]);
        CHECK(open_descriptors() == before, "row %zu: nothing is left open", i);
    }
}

static void a_silent_or_gone_peer_ends_the_wait(void)
{
    struct shm_meet_config config = shm_pair_config(&shm_pair_shape);
    struct shm *c = NULL;
    int at[2], before = open_descriptors();

    shm_pair_sockets(at);
    CHECK(shm_meet_accept(&at[1], &config, 20, &c) == ERR_TIMEOUT && at[1] == -1, "silence");
    fd_close(&at[0]);
    shm_pair_sockets(at);
    fd_close(&at[0]);
    CHECK(shm_meet_accept(&at[1], &config, PATIENT_MS, &c) == ERR_PEER_DEAD, "a hang-up");
    shm_pair_sockets(at);
    fd_close(&at[1]);
    CHECK(shm_meet_connect(&at[0], &config, PATIENT_MS, &c) == ERR_PEER_DEAD, "nobody hears our HELLO");
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, at) == 0, "streams");
    CHECK(shm_meet_connect(&at[0], &config, PATIENT_MS, &c) == ERR_UNSUPPORTED, "packets are needed");
    fd_close(&at[1]);
    shm_pair_sockets(at);
    config.shape.stride = 1;
    CHECK(shm_meet_accept(&at[1], &config, PATIENT_MS, &c) == ERR_INVALID && at[1] == -1, "no shape");
    fd_close(&at[0]);
    CHECK(c == NULL && open_descriptors() == before, "nothing is left");
}

/* Descriptors where none belong, too many of them, and none where one belongs. */
static void descriptors_of_the_wrong_kind_are_closed(void)
{
    for (int count = 1; count <= 6; count++) {
        struct shm_meet_config config = shm_pair_config(&shm_pair_shape);
        struct shm_meet *meet = NULL;
        struct shm *c = NULL;
        int at[2], fds[6], before = open_descriptors();
        union {
            struct cmsghdr align;
            char bytes[CMSG_SPACE(sizeof fds)];
        } control = {0};
        char garbage[104] = "garbage";
        struct iovec body = {garbage, sizeof garbage};
        struct msghdr h = {.msg_iov = &body, .msg_iovlen = 1, .msg_control = control.bytes,
                           .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count)};
        shm_pair_sockets(at);
        *CMSG_FIRSTHDR(&h) = (struct cmsghdr){CMSG_LEN(sizeof(int) * (size_t)count), SOL_SOCKET, SCM_RIGHTS};
        for (int i = 0; i < count; i++) {
            fds[i] = at[0];
        }
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), fds, sizeof(int) * (size_t)count);
        REQUIRE(shm_meet_begin(SHM_ACCEPTOR, &at[1], &config, &meet) == ERR_OK, "begun");
        REQUIRE(sendmsg(at[0], &h, 0) == (ssize_t)sizeof garbage, "sent");
        enum err e = shm_meet_step(meet, &c);
        CHECK(e == ERR_MALFORMED || e == ERR_DENIED, "%d descriptors and garbage: %s", count, err_name(e));
        shm_meet_end(meet);
        fd_close(&at[0]);
        CHECK(open_descriptors() == before, "%d descriptors: all closed", count);
    }
}

/* ---- halves --------------------------------------------------------------------------------------- */

static void our_half_is_sealed(void)
{
    struct shm_shape_header header = shm_shape_header(&shm_pair_shape, session, SHM_CONNECTOR);
    AUTO_FD int fd = -1;
    void *mine = NULL;
    const void *theirs = NULL;
    char byte = 1;

    REQUIRE(shm_half_make(&header, &fd, &mine) == ERR_OK, "made");
    CHECK((fcntl(fd, F_GET_SEALS) & SEALS) == SEALS, "sealed");
    CHECK(ftruncate(fd, 0) != 0 && ftruncate(fd, (off_t)header.half_bytes * 2) != 0, "neither shrinks nor grows");
    CHECK(write(fd, &byte, 1) < 0, "is not written through the descriptor");
    CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED, "nor mapped to be written");
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) != 0, "nor emptied");
    REQUIRE(shm_half_take(fd, &header, geteuid(), &theirs) == ERR_OK, "taken by the peer");
    CHECK(mprotect((void *)theirs, 4096, PROT_READ | PROT_WRITE) != 0, "who cannot make it writable");
    ((char *)mine)[5000] = 42;
    CHECK(((const char *)theirs)[5000] == 42, "one memory");
    (void)munmap(mine, header.half_bytes);
    (void)munmap((void *)theirs, header.half_bytes);
}

/* A memfd as a row says. */
static int make_memory(uint64_t size, int seals, const struct shm_shape_header *header)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    REQUIRE(fd >= 0 && ftruncate(fd, (off_t)size) == 0, "memory");
    REQUIRE(pwrite(fd, header, sizeof *header, 0) == (ssize_t)sizeof *header, "a header");
    REQUIRE(fcntl(fd, F_ADD_SEALS, seals) == 0, "seals");
    return fd;
}

static void halves_are_judged(void)
{
    struct shm_shape_header wanted = shm_shape_header(&shm_pair_shape, session, SHM_ACCEPTOR);
    struct shm_shape_header reflected = shm_shape_header(&shm_pair_shape, session, SHM_CONNECTOR);
    struct shm_shape_header newer = wanted;
    uint64_t size = wanted.half_bytes;
    const void *map = NULL;

    newer.version++;
    const struct {
        uint64_t size;
        int seals;
        const struct shm_shape_header *header;
        uid_t owner;
        enum err e;
        const char *why;
    } rows[] = {
        {size, SEALS, &wanted, geteuid(), ERR_OK, "as agreed"},
        {size, SEALS & ~F_SEAL_SHRINK, &wanted, geteuid(), ERR_DENIED, "could shrink under us"},
        {size, SEALS & ~F_SEAL_GROW, &wanted, geteuid(), ERR_DENIED, "could grow"},
        {size, SEALS & ~F_SEAL_SEAL, &wanted, geteuid(), ERR_DENIED, "could be sealed against its owner"},
        {size, SEALS & ~F_SEAL_FUTURE_WRITE, &wanted, geteuid(), ERR_DENIED, "whoever gets it could write"},
        {size, SEALS, &wanted, geteuid() + 1, ERR_DENIED, "another user's"},
        {size - 4096, SEALS, &wanted, geteuid(), ERR_INVALID, "a page short: no SIGBUS"},
        {size + 4096, SEALS, &wanted, geteuid(), ERR_INVALID, "a page long"},
        {4096, SEALS, &wanted, geteuid(), ERR_INVALID, "a header and nothing behind it"},
        {size, SEALS, &reflected, geteuid(), ERR_INVALID, "our own, reflected"},
        {size, SEALS, &newer, geteuid(), ERR_INCOMPATIBLE, "the next version"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO_FD int fd = make_memory(rows[i].size, rows[i].seals, rows[i].header);
        map = NULL;
        enum err e = shm_half_take(fd, &wanted, rows[i].owner, &map);
        CHECK(e == rows[i].e && (e == ERR_OK) == (map != NULL), "row %zu: %s: %s", i, rows[i].why, err_name(e));
        if (map != NULL) {
            (void)munmap((void *)map, size);
        }
    }
    AUTO_FD int file = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    CHECK(shm_half_take(file, &wanted, geteuid(), &map) == ERR_DENIED, "no memory at all");
    CHECK(shm_half_take(-1, &wanted, geteuid(), &map) == ERR_DENIED, "nothing");
}

static void counters_are_read_from_outside(void)
{
    struct shm_shape_header header = shm_shape_header(&shm_pair_shape, session, SHM_CONNECTOR);
    struct shm_counters counters = {0};
    AUTO_FD int fd = -1;
    void *mine = NULL;

    REQUIRE(shm_half_make(&header, &fd, &mine) == ERR_OK, "made");
    ((struct shm_counters *)((char *)mine + header.counters_at))->calls = 4711;
    CHECK(shm_half_counters(fd, &counters) == ERR_OK && counters.calls == 4711, "of a living owner");
    (void)munmap(mine, header.half_bytes);
    CHECK(shm_half_counters(fd, &counters) == ERR_OK && counters.calls == 4711, "of one that is gone");
    AUTO_FD int small = make_memory(4096, SEALS, &header);
    CHECK(shm_half_counters(small, &counters) == ERR_INVALID, "a header alone is no half");
}

/* ---- tokens --------------------------------------------------------------------------------------- */

static void make_file(const char *name, size_t size, mode_t mode)
{
    static const char bytes[64] = "0123456789abcdef0123456789abcdef";
    AUTO_FD int fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    REQUIRE(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && fchmod(fd, mode) == 0, "%s", name);
}

static void tokens_are_judged_by_what_is_open(int dir)
{
    static const struct {
        const char *name;
        enum err e;
        const char *why;
    } rows[] = {
        {"good", ERR_OK, "32 bytes, ours, 0600"},
        {"short", ERR_MALFORMED, "31 bytes"},
        {"long", ERR_MALFORMED, "33 bytes"},
        {"empty", ERR_MALFORMED, "none"},
        {"group", ERR_DENIED, "0640"},
        {"world", ERR_DENIED, "0604"},
        {"weak", ERR_DENIED, "0400: not as we make them"},
        {"setuid", ERR_DENIED, "a bit that no token has"},
        {"twice", ERR_DENIED, "a second name"},
        {"link", ERR_DENIED, "a symbolic link to a good one"},
        {"pipe", ERR_DENIED, "a pipe, and no hang"},
        {"folder", ERR_DENIED, "a directory"},
        {"missing", ERR_NOT_FOUND, "nothing"},
    };
    uint8_t key[SHM_KEY_LEN] = {0};

    make_file("good", 32, 0600);
    make_file("short", 31, 0600);
    make_file("long", 33, 0600);
    make_file("empty", 0, 0600);
    make_file("group", 32, 0640);
    make_file("world", 32, 0604);
    make_file("weak", 32, 0400);
    make_file("setuid", 32, 04600);
    make_file("twice", 32, 0600);
    REQUIRE(link(scratch_path("twice"), scratch_path("second")) == 0, "a second name");
    REQUIRE(symlink("good", scratch_path("link")) == 0, "a link");
    REQUIRE(mkfifo(scratch_path("pipe"), 0600) == 0, "a pipe");
    REQUIRE(mkdir(scratch_path("folder"), 0600) == 0, "a directory");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err e = shm_token_read(dir, rows[i].name, geteuid(), key);
        CHECK(e == rows[i].e, "%s: %s: %s", rows[i].name, rows[i].why, err_name(e));
        CHECK((memcmp(key, "0123456789abcdef", 16) == 0), "%s: untouched on error", rows[i].name);
    }
    CHECK(shm_token_read(dir, "good", geteuid() + 1, key) == ERR_DENIED, "another user's");
    CHECK(shm_token_make(dir, "made") == ERR_OK && shm_token_read(dir, "made", geteuid(), key) == ERR_OK, "made and read");
    CHECK(memcmp(key, "0123456789abcdef", 16) != 0, "fresh");
}

/* Somebody changes what the name means while it is read, all the time: only a good file's bytes are
 * ever believed. */
static void a_race_of_names_wins_nothing(int dir)
{
    uint8_t key[SHM_KEY_LEN];
    int good = 0;

    make_file("evil", 33, 0666);
    make_file("target", 32, 0644);
    pid_t child = shm_pair_fork();
    if (child == 0) {
        for (;;) {
            (void)unlink(scratch_path("race"));
            (void)!link(scratch_path("evil"), scratch_path("race"));
            (void)unlink(scratch_path("race"));
            (void)!symlink("target", scratch_path("race"));
            (void)unlink(scratch_path("race"));
            int fd = open(scratch_path("race"), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
            (void)!write(fd, "goodgoodgoodgoodgoodgoodgoodgood", 32);
            (void)close(fd);
        }
    }
    for (int i = 0; i < 3000; i++) {
        if (shm_token_read(dir, "race", geteuid(), key) == ERR_OK) {
            CHECK(memcmp(key, "goodgood", 8) == 0, "turn %d: bytes of another file", i);
            good++;
        }
    }
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    printf("the good file was seen %d times of 3000\n", good);
}

int main(void)
{
    int dir = scratch_open();

    two_meet_and_leave_nothing();
    meetings_fail_for_a_reason();
    a_silent_or_gone_peer_ends_the_wait();
    descriptors_of_the_wrong_kind_are_closed();
    our_half_is_sealed();
    halves_are_judged();
    counters_are_read_from_outside();
    tokens_are_judged_by_what_is_open(dir);
    a_race_of_names_wins_nothing(dir);
    return CHECK_RESULT();
}
