#include "common/run/shm_meet.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/run/fd.h"
#include "common/run/shm_auth.h"
#include "common/run/shm_bell.h"
#include "common/run/shm_chan.h"
#include "common/run/shm_half.h"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76 /* Linux 6.5 */
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04
#endif

_Static_assert(sizeof((struct shm_meet_config *)0)->key == sizeof((struct shm_auth *)0)->key, "one key");

enum {
    MEET_FDS_MAX = 4,   /* received at once; one is expected, the others are closed */
    MEET_CONTROL = 256, /* bytes: credentials, a pidfd and MEET_FDS_MAX descriptors */
};

struct shm_meet {
    struct shm_auth auth;
    int socket;
    int pidfd;        /* of the peer; -1: none so far                 */
    struct ucred who; /* of the peer; pid 0: nothing received so far  */
    uid_t peer_uid;
    void *mine;
    const void *theirs;
    uint64_t half_bytes;
};

/* What came with a packet. */
struct packet {
    uint8_t bytes[sizeof(struct shm_auth_message) + 1]; /* + 1: a longer one is seen */
    size_t size;
    int fd;    /* the one descriptor; -1: none, or more than one */
    int pidfd; /* -1: none */
    struct ucred who;
};

struct shm_shape shm_meet_usual_shape(void)
{
    return (struct shm_shape){.slots = 16, .stride = 2048, .loan_bytes = 1 << 20, .ring_bytes = 0};
}

/* ---- packets -------------------------------------------------------------------------------------- */

/* Takes no descriptor: `half` (-1: none) stays the caller's. Credentials are said explicitly: those of
 * a packet that was sent before the receiver asked for them would be missing. */
static enum err send_packet(const struct shm_meet *m, const struct shm_auth_message *message, int half)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec body = {(void *)message, sizeof *message};
    struct msghdr h = {.msg_iov = &body, .msg_iovlen = 1, .msg_control = control.bytes};
    struct ucred self = {.pid = getpid(), .uid = geteuid(), .gid = getegid()};

    h.msg_controllen = half < 0 ? CMSG_SPACE(sizeof self) : sizeof control.bytes;
    struct cmsghdr *at = CMSG_FIRSTHDR(&h);
    *at = (struct cmsghdr){CMSG_LEN(sizeof self), SOL_SOCKET, SCM_CREDENTIALS};
    memcpy(CMSG_DATA(at), &self, sizeof self);
    if (half >= 0) {
        at = CMSG_NXTHDR(&h, at);
        *at = (struct cmsghdr){CMSG_LEN(sizeof half), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(at), &half, sizeof half);
    }
    /* Two packets of a hundred bytes always fit: a full buffer is a peer that plays. */
    if (sendmsg(m->socket, &h, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)sizeof *message) {
        return errno == EPIPE || errno == ECONNRESET ? ERR_PEER_DEAD : err_from_errno(errno);
    }
    return ERR_OK;
}

/* Keep exactly one; close whatever else somebody sent. */
static void take_descriptors(struct packet *p, const struct cmsghdr *at)
{
    size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(at) + i * sizeof fd, sizeof fd);
        if (count == 1 && p->fd < 0) {
            p->fd = fd;
        } else {
            fd_close(&fd);
        }
    }
}

static void take_control(struct packet *p, struct msghdr *h)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(h); at != NULL; at = CMSG_NXTHDR(h, at)) {
        if (at->cmsg_level != SOL_SOCKET) {
            continue;
        }
        if (at->cmsg_type == SCM_RIGHTS) {
            take_descriptors(p, at);
        } else if (at->cmsg_type == SCM_PIDFD && p->pidfd < 0) {
            memcpy(&p->pidfd, CMSG_DATA(at), sizeof p->pidfd);
        } else if (at->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&p->who, CMSG_DATA(at), sizeof p->who);
        }
    }
}

static enum err receive_packet(const struct shm_meet *m, struct packet *p)
{
    union {
        struct cmsghdr align;
        char bytes[MEET_CONTROL];
    } control;
    struct iovec body = {p->bytes, sizeof p->bytes};
    struct msghdr h = {.msg_iov = &body,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof control.bytes};

    *p = (struct packet){.fd = -1, .pidfd = -1, .who = {.uid = (uid_t)-1}};
    ssize_t size = recvmsg(m->socket, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) {
        return errno == EAGAIN || errno == EINTR ? ERR_LATER
               : errno == ECONNRESET             ? ERR_PEER_DEAD
                                                 : err_from_errno(errno);
    }
    take_control(p, &h);
    p->size = (size_t)size;
    if (size == 0) {
        return ERR_PEER_DEAD;
    }
    return (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ? ERR_MALFORMED : ERR_OK;
}

static void drop_packet(struct packet *p)
{
    fd_close(&p->fd);
    fd_close(&p->pidfd);
}

/* ---- who it is ------------------------------------------------------------------------------------ */

/* Every packet comes from one process, of the user that is expected. */
static enum err check_sender(struct shm_meet *m, struct packet *p)
{
    if (p->who.uid != m->peer_uid) {
        return ERR_DENIED;
    }
    if (m->who.uid == (uid_t)-1) {
        m->who = p->who;
        m->pidfd = fd_take(&p->pidfd);
        if (m->pidfd < 0 && m->who.pid > 0) {
            /* An older kernel: by number. If it has ended meanwhile its socket is hung up, which is
             * looked at too. */
            m->pidfd = (int)syscall(SYS_pidfd_open, m->who.pid, 0);
        }
        return ERR_OK;
    }
    return m->who.pid == p->who.pid ? ERR_OK : ERR_DENIED;
}

/* ---- halves --------------------------------------------------------------------------------------- */

static struct shm_shape_header header_of(const struct shm_meet *m, enum shm_role role)
{
    uint8_t session[SHM_SHAPE_SESSION];

    shm_auth_session(&m->auth, session);
    return shm_shape_header(&m->auth.shape, session, role);
}

static enum err take_half(struct shm_meet *m, int fd)
{
    struct shm_shape_header wanted =
        header_of(m, m->auth.role == SHM_CONNECTOR ? SHM_ACCEPTOR : SHM_CONNECTOR);

    if (fd < 0) {
        return ERR_MALFORMED;
    }
    return shm_half_take(fd, &wanted, m->who.uid, &m->theirs);
}

/* Send a message together with our half, made for it. */
static enum err send_half(struct shm_meet *m, const struct shm_auth_message *message)
{
    struct shm_shape_header header = header_of(m, m->auth.role);
    AUTO_FD int fd = -1;
    enum err e = shm_half_make(&header, &fd, &m->mine);

    if (e == ERR_OK) {
        m->half_bytes = header.half_bytes;
        e = send_packet(m, message, fd);
    }
    return e;
}

static enum err finish(struct shm_meet *m, struct shm **ret)
{
    struct shm_chan_parts parts = {.shape = m->auth.shape,
                                   .role = m->auth.role,
                                   .mine = m->mine,
                                   .theirs = m->theirs,
                                   .socket = m->socket,
                                   .pidfd = m->pidfd,
                                   .peer_pid = m->who.pid,
                                   .peer_uid = m->who.uid};
    enum err e = shm_chan_new(&parts, ret);

    if (e == ERR_OK) { /* moved */
        m->mine = NULL;
        m->theirs = NULL;
        m->socket = -1;
        m->pidfd = -1;
    }
    return e;
}

/* ---- the steps ------------------------------------------------------------------------------------ */

static enum err take_packet(struct shm_meet *m, struct packet *p, struct shm **ret)
{
    struct shm_auth_message answer;
    enum err e = check_sender(m, p);

    if (e != ERR_OK) {
        return e;
    }
    e = shm_auth_step(&m->auth, p->bytes, p->size, &answer);
    if (e != ERR_OK) {
        return e;
    }
    switch (m->auth.state) {
    case SHM_AUTH_AWAITS_PROOF:
        e = send_packet(m, &answer, -1);
        return e == ERR_OK ? ERR_LATER : e;
    case SHM_AUTH_AWAITS_WELCOME:
        e = send_half(m, &answer);
        return e == ERR_OK ? ERR_LATER : e;
    case SHM_AUTH_DONE:
        e = take_half(m, p->fd);
        if (e == ERR_OK && m->auth.role == SHM_ACCEPTOR) {
            e = send_half(m, &answer);
        }
        return e == ERR_OK ? finish(m, ret) : e;
    case SHM_AUTH_FRESH:
    case SHM_AUTH_AWAITS_HELLO:
    case SHM_AUTH_AWAITS_CHALLENGE:
    case SHM_AUTH_FAILED:
        break;
    }
    assert(!"a step that succeeds leads to one of the three");
    return ERR_INTERNAL;
}

enum err shm_meet_step(struct shm_meet *m, struct shm **ret)
{
    struct packet p;
    enum err e = receive_packet(m, &p);

    if (e == ERR_OK) {
        e = take_packet(m, &p, ret);
    }
    drop_packet(&p);
    return e;
}

int shm_meet_socket(const struct shm_meet *m)
{
    return m->socket;
}

static enum err prepare_socket(int socket)
{
    int on = 1, kind = 0;
    socklen_t size = sizeof kind;

    if (getsockopt(socket, SOL_SOCKET, SO_TYPE, &kind, &size) != 0 || kind != SOCK_SEQPACKET) {
        return ERR_UNSUPPORTED;
    }
    if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
        return ERR_UNSUPPORTED;
    }
    (void)setsockopt(socket, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof on); /* an older kernel: by number */
    return ERR_OK;
}

enum err shm_meet_begin(enum shm_role role, int *socket, const struct shm_meet_config *config,
                        struct shm_meet **ret)
{
    uint8_t nonce[SHM_AUTH_NONCE];
    struct shm_auth_message hello;
    AUTO_FD int taken = fd_take(socket);

    if (shm_shape_check(&config->shape) != ERR_OK) {
        return ERR_INVALID;
    }
    enum err e = sodium_init() < 0 ? ERR_UNSUPPORTED : prepare_socket(taken);
    if (e != ERR_OK) {
        return e;
    }
    struct shm_meet *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return ERR_NOMEM;
    }
    *m = (struct shm_meet){.socket = fd_take(&taken),
                           .pidfd = -1,
                           .who = {.uid = (uid_t)-1},
                           .peer_uid = config->peer_uid};
    randombytes_buf(nonce, sizeof nonce);
    shm_auth_init(&m->auth, role, config->key, &config->shape, nonce);
    if (role == SHM_CONNECTOR) {
        shm_auth_start(&m->auth, &hello);
        e = send_packet(m, &hello, -1);
        if (e != ERR_OK) {
            shm_meet_end(m);
            return e;
        }
    }
    *ret = m;
    return ERR_OK;
}

void shm_meet_end(struct shm_meet *m)
{
    if (m == NULL) {
        return;
    }
    if (m->mine != NULL) {
        (void)munmap(m->mine, m->half_bytes);
    }
    if (m->theirs != NULL) {
        (void)munmap((void *)m->theirs, shm_shape_plan(&m->auth.shape).half_bytes);
    }
    fd_close(&m->socket);
    fd_close(&m->pidfd);
    shm_auth_fini(&m->auth);
    free(m);
}

/* ---- blocking ------------------------------------------------------------------------------------- */

static enum err meet(enum shm_role role, int *socket, const struct shm_meet_config *config,
                     uint32_t timeout_ms, struct shm **ret)
{
    uint64_t deadline_ns = shm_bell_now_ns() + (uint64_t)timeout_ms * 1000000;
    struct shm_meet *m = NULL;
    enum err e = shm_meet_begin(role, socket, config, &m);

    while (e == ERR_OK) {
        struct pollfd at = {.fd = m->socket, .events = POLLIN};
        uint64_t now_ns = shm_bell_now_ns();
        uint64_t ms = now_ns >= deadline_ns ? 0 : (deadline_ns - now_ns + 999999) / 1000000;
        if (ms == 0) {
            e = ERR_TIMEOUT;
            break;
        }
        (void)poll(&at, 1, ms > INT32_MAX ? INT32_MAX : (int)ms);
        enum err step = shm_meet_step(m, ret);
        if (step != ERR_LATER) {
            e = step;
            break;
        }
    }
    shm_meet_end(m);
    return e;
}

enum err shm_meet_connect(int *socket, const struct shm_meet_config *config, uint32_t timeout_ms,
                          struct shm **ret)
{
    return meet(SHM_CONNECTOR, socket, config, timeout_ms, ret);
}

enum err shm_meet_accept(int *socket, const struct shm_meet_config *config, uint32_t timeout_ms,
                         struct shm **ret)
{
    return meet(SHM_ACCEPTOR, socket, config, timeout_ms, ret);
}
