#include "probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/run/cell.h"
#include "common/run/fd.h"
#include "knock.h"
#include "pour.h"
#include "probe.pb-c.h"
#include "probe.schema.h"

struct probe {
    struct cell *cell;
    int socket; /* listen.probe */
};

struct later {
    struct cell_call *call;
    struct cell_timer *timer;
    uint32_t remaining_ms;
};

struct asked {
    struct cell_call *call;
};

static enum err probe_open(struct cell *cell, void *state)
{
    struct probe *probe = state;

    probe->cell = cell;
    probe->socket = cell_take_descriptor(cell, "listen.probe");
    return strstr(cell_config(cell), "fail") != NULL ? ERR_PRECONDITION : ERR_OK;
}

static enum err probe_start(struct cell *cell, void *state)
{
    (void)state;
    if (strstr(cell_config(cell), "never-ready") != NULL) {
        for (;;) {
            (void)pause();
        }
    }
    return ERR_OK;
}

static enum err echo(void *state, struct cell_call *call, const void *request)
{
    struct probe *probe = state;
    const Cell__Probe__EchoRequest *ask = request;
    Cell__Probe__EchoReply reply = CELL__PROBE__ECHO_REPLY__INIT;
    struct cell_caller caller;
    char name[256], from[256];

    cell_call_caller(call, &caller);
    (void)snprintf(from, sizeof from, "%s%s%s", caller.from_cell, caller.from_node[0] != '\0' ? "@" : "", caller.from_node);
    reply.from = from;
    (void)snprintf(name, sizeof name, "%s/%s", caller.space, caller.cell);
    reply.text = ask->text;
    reply.caller = caller.is_operator ? (char *)"operator" : name;
    reply.config = (char *)cell_config(probe->cell);
    reply.state_dir = (char *)cell_state_dir(probe->cell);
    return cell_reply(call, &reply);
}

static enum err leave(void *state, struct cell_call *call, const void *request)
{
    const Cell__Probe__ExitRequest *ask = request;

    (void)state;
    (void)call;
    if (ask->signal != 0) {
        (void)signal(ask->signal, SIG_DFL);
        (void)raise(ask->signal);
        abort(); /* pid 1 of a pid namespace ignores signals without a handler */
    }
    _exit(ask->status);
}

_Noreturn static enum err stall(void *state, struct cell_call *call, const void *request)
{
    const Cell__Probe__StallRequest *ask = request;

    (void)state;
    (void)call;
    for (;;) {
        if (!ask->burn) {
            (void)pause();
        }
    }
}

static void on_later(void *context)
{
    struct later *later = context;
    Cell__Probe__LaterReply reply = CELL__PROBE__LATER_REPLY__INIT;

    reply.remaining_ms = later->remaining_ms;
    if (cell_reply(later->call, &reply) != ERR_OK) {
        (void)fprintf(stderr, "probe: late\n");
    }
    cell_timer_stop(later->timer);
    free(later);
}

static enum err answer_later(void *state, struct cell_call *call, const void *request)
{
    struct probe *probe = state;
    const Cell__Probe__LaterRequest *ask = request;
    struct later *later = calloc(1, sizeof *later);

    if (later == NULL) {
        return ERR_NOMEM;
    }
    later->call = call;
    later->remaining_ms = cell_call_remaining_ms(call);
    later->timer = cell_timer_start(probe->cell, ask->ms, 0, on_later, later);
    return ERR_LATER;
}

static enum err write_lines(void *state, struct cell_call *call, const void *request)
{
    const Cell__Probe__WriteRequest *ask = request;
    Cell__Probe__WriteReply reply = CELL__PROBE__WRITE_REPLY__INIT;
    char line[4096];

    (void)state;
    if (ask->bytes < 32 || ask->bytes >= sizeof line) {
        return ERR_INVALID;
    }
    memset(line, '.', sizeof line);
    for (uint32_t i = 0; i < ask->lines; i++) {
        int len = snprintf(line, sizeof line, "probe line %u ", i);
        line[len] = '.';
        line[ask->bytes - 1] = '\n';
        reply.written += write(STDERR_FILENO, line, ask->bytes) == (ssize_t)ask->bytes;
    }
    return cell_reply(call, &reply);
}

static void on_answered(void *context, enum err e, const struct ProtobufCMessage *message,
                        const char *text)
{
    struct asked *asked = context;
    Cell__Probe__AskReply reply = CELL__PROBE__ASK_REPLY__INIT;

    reply.error = (char *)err_name(e);
    reply.text = (char *)text;
    if (e == ERR_OK && message->descriptor == &cell__probe__echo_reply__descriptor) {
        const Cell__Probe__EchoReply *got = (const Cell__Probe__EchoReply *)message;
        reply.text = got->text;
        reply.caller = got->caller;
        reply.config = got->config;
        reply.from = got->from;
    } else if (e == ERR_OK) {
        reply.remaining_ms = ((const Cell__Probe__LaterReply *)message)->remaining_ms;
    }
    if (cell_reply(asked->call, &reply) != ERR_OK) {
        (void)fprintf(stderr, "probe: nobody waits for the answer\n");
    }
    free(asked);
}

static enum err ask_other(void *state, struct cell_call *call, const void *request)
{
    struct probe *probe = state;
    const Cell__Probe__AskRequest *ask = request;
    Cell__Probe__EchoRequest echo_request = CELL__PROBE__ECHO_REQUEST__INIT;
    Cell__Probe__LaterRequest later_request = CELL__PROBE__LATER_REQUEST__INIT;
    Cell__Probe__WriteRequest write_request = CELL__PROBE__WRITE_REQUEST__INIT; /* no bytes: refused */
    struct asked *asked = calloc(1, sizeof *asked);

    if (asked == NULL) {
        return ERR_NOMEM;
    }
    asked->call = call;
    echo_request.text = ask->text;
    later_request.ms = ask->later_ms;
    struct cell_ask out = {
        .target = ask->target,
        .operation = ask->later_ms > 0 ? CELL__PROBE__OP__OP_LATER : CELL__PROBE__OP__OP_ECHO,
        .request = ask->later_ms > 0 ? &later_request.base : &echo_request.base,
        .reply = ask->later_ms > 0 ? &cell__probe__later_reply__descriptor
                                   : &cell__probe__echo_reply__descriptor,
        .deadline_ms = ask->deadline_ms,
        .on_behalf_of = call,
        .done = on_answered,
        .context = asked,
    };
    if (ask->write) {
        out.operation = CELL__PROBE__OP__OP_WRITE;
        out.request = &write_request.base;
        out.reply = &cell__probe__write_reply__descriptor;
    }
    enum err e = cell_ask(probe->cell, &out);
    if (e != ERR_OK) {
        free(asked);
        return e;
    }
    return ERR_LATER;
}

static enum err touch(void *state, struct cell_call *call, const void *request)
{
    const Cell__Probe__TouchRequest *ask = request;
    Cell__Probe__TouchReply reply = CELL__PROBE__TOUCH_REPLY__INIT;
    int fd = open(ask->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    (void)state;
    reply.error_number = fd < 0 ? errno : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return cell_reply(call, &reply);
}

/* What came of a file and what was read of it. `text` has room for one line. */
static long use_file(const Cell__Probe__FileRequest *ask, char *text, size_t size)
{
    int flags = strcmp(ask->verb, "write") == 0         ? O_WRONLY | O_CREAT | O_APPEND
              : strcmp(ask->verb, "cut") == 0         ? O_RDWR | O_TRUNC
              : strcmp(ask->verb, "cut-reading") == 0 ? O_RDONLY | O_TRUNC
                                                      : O_RDONLY;

    if (strcmp(ask->verb, "remove") == 0) {
        return unlink(ask->path);
    }
    if (strcmp(ask->verb, "make") == 0) {
        return mkdir(ask->path, 0700);
    }
    if (strcmp(ask->verb, "move") == 0) {
        return rename(ask->path, ask->to);
    }
    AUTO_FD int fd = open(ask->path, flags | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -1;
    }
    if (strcmp(ask->verb, "write") == 0) {
        return write(fd, "line\n", 5) == 5 ? fdatasync(fd) : -1;
    }
    if (strcmp(ask->verb, "list") == 0) {
        DIR *dir = fdopendir(fd_take(&fd));
        size_t count = 0;
        while (dir != NULL && readdir(dir) != NULL) {
            count++;
        }
        (void)snprintf(text, size, "%zu", count);
        return dir == NULL ? -1 : closedir(dir);
    }
    return read(fd, text, size - 1);
}

static enum err file(void *state, struct cell_call *call, const void *request)
{
    Cell__Probe__FileReply reply = CELL__PROBE__FILE_REPLY__INIT;
    char text[64] = "";

    (void)state;
    reply.error_number = use_file(request, text, sizeof text) < 0 ? errno : 0;
    reply.text = text;
    return cell_reply(call, &reply);
}

static enum err eat(void *state, struct cell_call *call, const void *request)
{
    const Cell__Probe__EatRequest *ask = request;
    Cell__Probe__EatReply reply = CELL__PROBE__EAT_REPLY__INIT;
    char *food = malloc(ask->bytes);

    (void)state;
    if (food == NULL) {
        return ERR_NOMEM;
    }
    memset(food, 'x', ask->bytes);
    (void)fprintf(stderr, "probe: ate %c\n", food[ask->bytes / 2]);
    return cell_reply(call, &reply); /* never freed: that is the point */
}

static enum err knock_on(void *state, struct cell_call *call, const void *request)
{
    Cell__Probe__KnockReply reply = CELL__PROBE__KNOCK_REPLY__INIT;
    char why[KNOCK_WHY_SIZE];
    enum err e = knock(request, &reply, why);

    (void)state;
    reply.why = why;
    return e == ERR_OK ? cell_reply(call, &reply) : e;
}

/* The port that a socket has. */
static long port_of(int fd, char *text, size_t size)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof at;

    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        return -1;
    }
    (void)snprintf(text, size, "%u", ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                                                    : ((struct sockaddr_in *)&at)->sin_port));
    return 0;
}

static long echo_datagram(int fd, char *text, size_t size)
{
    struct sockaddr_storage from;
    struct iovec part = {text, size - 1};
    struct mmsghdr m = {.msg_hdr = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1}};

    if (recvmmsg(fd, &m, 1, MSG_DONTWAIT, NULL) != 1) {
        return -1;
    }
    part.iov_len = m.msg_len;
    return sendmmsg(fd, &m, 1, MSG_DONTWAIT);
}

static long use_socket(int fd, const char *verb, char *text, size_t size)
{
    if (strcmp(verb, "make") == 0) {
        AUTO_FD int own = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        return own;
    }
    if (strcmp(verb, "where") == 0) {
        return port_of(fd, text, size);
    }
    if (strcmp(verb, "echo") == 0) {
        return echo_datagram(fd, text, size);
    }
    AUTO_FD int one = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    return one < 0 ? -1 : send(one, "hello", 5, MSG_NOSIGNAL);
}

static enum err use_sockets(void *state, struct cell_call *call, const void *request)
{
    const struct probe *probe = state;
    const Cell__Probe__SocketRequest *ask = request;
    Cell__Probe__SocketReply reply = CELL__PROBE__SOCKET_REPLY__INIT;
    char text[64] = "";

    reply.error_number = use_socket(probe->socket, ask->verb, text, sizeof text) < 0 ? errno : 0;
    reply.text = text;
    return cell_reply(call, &reply);
}

static enum err pour_parts(void *state, struct cell_call *call, const void *request)
{
    const struct probe *probe = state;

    return pour(probe->cell, call, request);
}

static enum err drink_parts(void *state, struct cell_call *call, const void *request)
{
    const struct probe *probe = state;

    return drink(probe->cell, call, request);
}

static const struct cell_op ops[] = {
    {CELL__PROBE__OP__OP_ECHO, &cell__probe__echo_request__descriptor, echo},
    {CELL__PROBE__OP__OP_EXIT, &cell__probe__exit_request__descriptor, leave},
    {CELL__PROBE__OP__OP_STALL, &cell__probe__stall_request__descriptor, stall},
    {CELL__PROBE__OP__OP_LATER, &cell__probe__later_request__descriptor, answer_later},
    {CELL__PROBE__OP__OP_WRITE, &cell__probe__write_request__descriptor, write_lines},
    {CELL__PROBE__OP__OP_ASK, &cell__probe__ask_request__descriptor, ask_other},
    {CELL__PROBE__OP__OP_TOUCH, &cell__probe__touch_request__descriptor, touch},
    {CELL__PROBE__OP__OP_FILE, &cell__probe__file_request__descriptor, file},
    {CELL__PROBE__OP__OP_EAT, &cell__probe__eat_request__descriptor, eat},
    {CELL__PROBE__OP__OP_KNOCK, &cell__probe__knock_request__descriptor, knock_on},
    {CELL__PROBE__OP__OP_SOCKET, &cell__probe__socket_request__descriptor, use_sockets},
    {CELL__PROBE__OP__OP_POUR, &cell__probe__pour_request__descriptor, pour_parts},
    {CELL__PROBE__OP__OP_DRINK, &cell__probe__drink_request__descriptor, drink_parts},
};

static const struct cell_syscall syscalls[] = {
    {SYS_pause, "a test asks it to stall"},
};

const struct cell_def probe_cell = {
    .name = "probe",
    .state_size = sizeof(struct probe),
    .open = probe_open,
    .start = probe_start,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__probe__probe__descriptor,
    .schema = probe_schema,
    .schema_size = sizeof probe_schema,
    .syscalls = syscalls,
    .syscall_count = ARRAY_LEN(syscalls),
};
