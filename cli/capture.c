#include "cli/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/clock.h"
#include "cli/emit.h"
#include "cli/packet.h"
#include "cli/paint.h"
#include "proto/datapath.pb-c.h"

enum {
    POLL_MS = 500,      /* a packet is answered at once; so long Ctrl-C waits when there is none */
    SNAP_USUAL = 256,   /* as datapath.proto has it */
    SNAP_MAX = 65535,
    COUNT_MAX = 1000000000,
    KEY_SHOWN = 12,     /* characters of a key that tell peers apart */
    TIME_SIZE = 32,
};

struct capture {
    struct cli *cli;
    struct cli_ask *ask;
    const char *path;   /* of the file; NULL: packets go to standard output */
    FILE *file;         /* that has the packets; NULL: words or JSON */
    bool is_fresh;      /* the file was not there before             */
    uint32_t snap, count;
    uint64_t end_ms;    /* UINT64_MAX: without end */
    uint64_t shown, dropped;
    bool is_over, has_failed, is_of_frames;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    interrupted = number;
}

/* ---- one packet --------------------------------------------------------------------------------------- */

static void print_words(struct capture *c, const Cell__Datapath__Packet *p, const struct cli_packet *what)
{
    time_t seconds = (time_t)(p->time_us / 1000000);
    char when[TIME_SIZE];
    struct tm t;
    size_t len = localtime_r(&seconds, &t) != NULL ? strftime(when, sizeof when, "%H:%M:%S", &t) : 0;

    snprintf(when + len, sizeof when - len, ".%06u", (unsigned)(p->time_us % 1000000));
    cli_paint_put(c->cli->is_colored, CLI_PAINT_DIM, when);
    printf(" %-3s %.*s ", p->is_out ? "out" : "in", KEY_SHOWN, *p->public_key != '\0' ? p->public_key : "nobody");
    cli_paint_put(c->cli->is_colored, CLI_PAINT_BOLD, what->source);
    printf(" > ");
    cli_paint_put(c->cli->is_colored, CLI_PAINT_BOLD, what->destination);
    printf(" %s %" PRIu32 "\n", what->protocol, p->size);
}

static void print_json(struct capture *c, const Cell__Datapath__Packet *p, const struct cli_packet *what)
{
    struct jsonout out;

    cli_emit_begin_line(&out);
    jsonout_object(&out);
    cli_emit_members(&out, &p->base);
    cli_emit_string(&out, "source", what->source);
    cli_emit_string(&out, "destination", what->destination);
    cli_emit_string(&out, "protocol", what->protocol);
    jsonout_object_end(&out);
    c->has_failed = cli_emit_end(c->cli, &out) != CLI_DONE || c->has_failed;
}

static void write_packet(struct capture *c, const Cell__Datapath__Packet *p)
{
    uint8_t record[CLI_PACKET_RECORD];
    size_t kept = p->bytes.len;

    cli_packet_record(p->time_us, (uint32_t)kept, p->size, record);
    /* What went wrong stays with the file, and is told when it is flushed. */
    (void)fwrite(record, sizeof record, 1, c->file);
    (void)fwrite(p->bytes.data, 1, kept, c->file);
}

static void show(struct capture *c, const Cell__Datapath__CaptureReply *reply)
{
    struct cli_packet what;

    for (size_t i = 0; i < reply->n_packets && c->shown < c->count; i++, c->shown++) {
        const Cell__Datapath__Packet *p = reply->packets[i];
        if (c->file != NULL) {
            write_packet(c, p);
            continue;
        }
        (c->is_of_frames ? cli_packet_read_frame : cli_packet_read)(p->bytes.data, p->bytes.len, &what);
        if (c->cli->json) {
            print_json(c, p, &what);
        } else {
            print_words(c, p, &what);
        }
    }
    c->dropped = reply->dropped;
    c->is_over = reply->is_over;
}

/* ---- the whole -------------------------------------------------------------------------------------------- */

static int fail_file(struct capture *c, const char *what)
{
    int error = errno;

    return cli_fail(c->cli, err_from_errno(error), NULL, "%s %s: %s", what, c->path != NULL ? c->path : "standard output",
                    strerror(error));
}

static int flush(struct capture *c)
{
    FILE *to = c->file != NULL ? c->file : stdout;

    return fflush(to) != 0 || ferror(to) ? fail_file(c, "cannot write") : CLI_DONE;
}

/* Who read standard output is gone: nothing that comes finds anybody, and a capture is one of four. */
static bool is_unread(const struct capture *c)
{
    struct pollfd at = {.fd = STDOUT_FILENO};

    return c->path == NULL && poll(&at, 1, 0) > 0 && (at.revents & (POLLERR | POLLHUP)) != 0;
}

static bool is_enough(const struct capture *c)
{
    return interrupted != 0 || c->shown >= c->count || cli_clock_ms() >= c->end_ms || is_unread(c);
}

/* The capture is on: what the file had before goes. */
static int begin_file(struct capture *c)
{
    uint8_t head[CLI_PACKET_HEAD];
    struct stat st;

    if (c->file == NULL) {
        return CLI_DONE;
    }
    c->is_fresh = false; /* it is what was asked for, whatever comes now */
    if (c->path != NULL && fstat(fileno(c->file), &st) == 0 && S_ISREG(st.st_mode) && ftruncate(fileno(c->file), 0) != 0) {
        return fail_file(c, "cannot empty");
    }
    cli_packet_head(c->snap, c->is_of_frames, head);
    (void)fwrite(head, sizeof head, 1, c->file); /* as for packets */
    return CLI_DONE;
}

/* Each question takes what came since the last one; the last one says that it is. */
static int follow(struct capture *c, Cell__Datapath__CaptureRequest *request)
{
    int status = CLI_DONE;

    while (status == CLI_DONE && !c->is_over && !c->has_failed) {
        ProtobufCMessage *reply;
        char text[SP_TEXT_SIZE] = "";
        uint64_t now_ms = cli_clock_ms(), left_ms = c->end_ms > now_ms ? c->end_ms - now_ms : 0;

        request->is_end = request->capture != 0 && is_enough(c);
        /* The first is answered at once, so that whoever waits for the beginning of the file has it. */
        request->wait_ms = request->capture == 0 ? 0 : left_ms < POLL_MS ? (uint32_t)left_ms : POLL_MS;
        enum err e = cli_ask_try(c->ask, &cell__datapath__datapath__descriptor, "Capture", CELL__DATAPATH__OP__OP_CAPTURE,
                                 &request->base, request->wait_ms + CLI_DEADLINE_MS, &reply, text);
        if (e != ERR_OK) {
            return cli_ask_explain(c->cli, c->ask, "Capture", e, text);
        }
        status = request->capture == 0 ? begin_file(c) : CLI_DONE;
        request->capture = ((Cell__Datapath__CaptureReply *)reply)->capture;
        if (status == CLI_DONE) {
            if (!c->cli->json) {
                cli_paint_message(reply);
            }
            show(c, (Cell__Datapath__CaptureReply *)reply);
            status = flush(c);
        }
        cli_ask_free(reply);
    }
    return status == CLI_DONE && c->has_failed ? CLI_FAILED : status;
}

/* Other people's packets: for nobody's eyes but the caller's, so a file that others may read, or that is another's, is none
 * for them. Nobody reads a device to see what was written to it. */
static int check_file(struct capture *c, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return fail_file(c, "cannot look at");
    }
    if (S_ISCHR(st.st_mode)) {
        return CLI_DONE;
    }
    if (st.st_uid != geteuid()) {
        return cli_fail(c->cli, ERR_DENIED, "choose another name", "%s: it is user %u's, and packets are not for him", c->path,
                        (unsigned)st.st_uid);
    }
    if ((st.st_mode & 077) != 0) {
        return cli_fail(c->cli, ERR_DENIED, "chmod 600, or choose another name", "%s: others may read or write it (mode %03o)",
                        c->path, (unsigned)st.st_mode & 0777);
    }
    return CLI_DONE;
}

/* Before anything is asked for, so that no capture is on that has no place for its packets. */
static int open_file(struct capture *c)
{
    if (c->path == NULL) {
        return CLI_DONE;
    }
    int fd = open(c->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    c->is_fresh = fd >= 0;
    if (fd < 0 && errno == EEXIST) {
        fd = open(c->path, O_WRONLY | O_CLOEXEC);
    }
    if (fd < 0) {
        return fail_file(c, "cannot make");
    }
    int status = check_file(c, fd);
    c->file = status == CLI_DONE ? fdopen(fd, "w") : NULL;
    if (c->file == NULL) {
        status = status == CLI_DONE ? fail_file(c, "cannot make") : status;
        (void)close(fd);
    }
    return status;
}

/* What the options say of where packets go. */
static int choose(struct capture *c)
{
    const char *out = cli_args_value(c->cli, "out");
    bool is_standard = out != NULL && strcmp(out, "-") == 0, is_terminal = isatty(STDOUT_FILENO) == 1;

    if (is_standard && (c->cli->json || is_terminal)) {
        return cli_fail_usage(c->cli, "name a file, or put a pipe behind it", "--out -: packets are no text%s",
                              c->cli->json ? ", and --json is" : "");
    }
    c->path = is_standard ? NULL : out;
    c->file = out == NULL && (c->cli->json || is_terminal) ? NULL : out == NULL || is_standard ? stdout : NULL;
    return CLI_DONE;
}

static int summarize(struct capture *c)
{
    struct jsonout out;

    if (c->cli->json && c->path != NULL) {
        cli_emit_begin(&out);
        jsonout_object(&out);
        cli_emit_string(&out, "file", c->path);
        cli_emit_u64(&out, "packets", c->shown);
        cli_emit_u64(&out, "dropped", c->dropped);
        jsonout_object_end(&out);
        return cli_emit_end(c->cli, &out);
    }
    if (c->dropped > 0) {
        cli_fail_note(c->cli, "%" PRIu64 " packets, and %" PRIu64 " more that came too fast and were dropped", c->shown, c->dropped);
    } else if (!c->cli->json) {
        cli_fail_note(c->cli, "%" PRIu64 " packets", c->shown);
    }
    return CLI_DONE;
}

int cli_capture_run(struct cli *cli, struct cli_ask *ask)
{
    Cell__Datapath__CaptureRequest request = CELL__DATAPATH__CAPTURE_REQUEST__INIT;
    /* What is being written is written whole; who cannot wait for whoever reads it says it twice. */
    struct sigaction on_interrupt = {.sa_handler = interrupt, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    struct capture c = {.cli = cli, .ask = ask, .snap = SNAP_USUAL, .count = UINT32_MAX, .end_ms = UINT64_MAX};
    const char *peer = cli_args_value(cli, "peer");
    uint32_t duration_ms = 0;
    int status = cli_args_number(cli, "snap", 1, SNAP_MAX, &c.snap);

    if ((peer != NULL && *peer == '\0') || (cli_args_value(cli, "out") != NULL && *cli_args_value(cli, "out") == '\0')) {
        return cli_fail_usage(cli, "leave it out for all", "--%s: \"\" is none", peer != NULL && *peer == '\0' ? "peer" : "out");
    }
    status = status == CLI_DONE ? cli_args_number(cli, "count", 1, COUNT_MAX, &c.count) : status;
    status = status == CLI_DONE ? cli_args_duration_ms(cli, "duration", &duration_ms) : status;
    status = status == CLI_DONE ? choose(&c) : status;
    if (status != CLI_DONE) {
        return status;
    }
    (void)sigaction(SIGINT, &on_interrupt, NULL); /* only a wrong number can fail */
    (void)sigaction(SIGTERM, &on_interrupt, NULL);
    c.end_ms = duration_ms > 0 ? cli_clock_ms() + duration_ms : UINT64_MAX;
    request.public_key = (char *)(peer != NULL ? peer : "");
    request.snap = c.snap;
    request.frames = c.is_of_frames = cli_args_has(cli, "frames");
    status = open_file(&c);
    status = status == CLI_DONE ? follow(&c, &request) : status;
    if (c.file != NULL && c.path != NULL && fclose(c.file) != 0 && status == CLI_DONE) {
        status = fail_file(&c, "cannot write");
    }
    if (c.is_fresh) {
        (void)unlink(c.path); /* nothing was captured: what is left would be no file of packets */
    }
    return status == CLI_DONE ? summarize(&c) : status;
}
