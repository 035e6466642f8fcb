#include "fake.h"

#include <errno.h>
#include <ftw.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

enum {
    DOORS_MAX = 64,
    WORDS_MAX = 128,
};

int fake_failed;

static void die(const char *what)
{
    fprintf(stderr, "fake: %s: %s\n", what, strerror(errno));
    exit(1);
}

void fake_claim(bool holds, const char *claim, const char *detail)
{
    if (!holds) {
        fprintf(stderr, "claim fails: %s\n%s\n", claim, detail != NULL ? detail : "");
        fake_failed = 1;
    }
}

/* ---- directories ----------------------------------------------------------------------------- */

void fake_make_dirs(struct fake_node *node)
{
    *node = (struct fake_node){.pid = -1, .alive = -1};
    strcpy(node->root, "/tmp/cell-test-XXXXXX");
    if (mkdtemp(node->root) == NULL) {
        die("mkdtemp");
    }
    snprintf(node->run, sizeof node->run, "%.200s/run", node->root);
    snprintf(node->state, sizeof node->state, "%.200s/state", node->root);
    if (mkdir(node->run, 0700) != 0 || mkdir(node->state, 0700) != 0) {
        die("mkdir");
    }
}

static void make_parents(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            die(path);
        }
        *at = '/';
    }
}

void fake_write(const struct fake_node *node, const char *path, const char *text)
{
    char full[2 * FAKE_PATH_SIZE];

    snprintf(full, sizeof full, "%s/%s", node->root, path);
    make_parents(full);
    FILE *f = fopen(full, "w");
    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
        die(full);
    }
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

/* ---- the server ------------------------------------------------------------------------------ */

void fake_say(struct fake_reply *reply, const ProtobufCMessage *message)
{
    reply->status = 1;
    reply->size = protobuf_c_message_get_packed_size(message);
    if (reply->size > sizeof reply->body) {
        die("reply too large");
    }
    protobuf_c_message_pack(message, reply->body);
}

void fake_refuse(struct fake_reply *reply, uint32_t status, const char *text)
{
    reply->status = status;
    reply->text = text;
}

static void answer_one(const struct fake_door *door, const Cell__Envelope__Request *request,
                       struct fake_reply *reply)
{
    reply->status = 18; /* UNIMPLEMENTED, unless the table says more */
    reply->text = "no such operation here";
    reply->size = 0;
    door->answer(request, reply);
    if (reply->status == 1) {
        reply->text = "";
    }
}

static nng_msg *answer(const struct fake_door *door, nng_msg *msg)
{
    static __thread struct fake_reply reply;
    Cell__Envelope__Requests *requests =
        cell__envelope__requests__unpack(NULL, nng_msg_len(msg), nng_msg_body(msg));
    Cell__Envelope__Reply one = CELL__ENVELOPE__REPLY__INIT;
    Cell__Envelope__Reply *slots[1] = {&one};
    Cell__Envelope__Replies replies = CELL__ENVELOPE__REPLIES__INIT;

    if (requests == NULL || requests->n_requests != 1) {
        die("not an envelope with one request");
    }
    answer_one(door, requests->requests[0], &reply);
    one.id = requests->requests[0]->id;
    one.status = reply.status;
    one.message = (char *)(reply.text != NULL ? reply.text : "");
    one.body.data = reply.body;
    one.body.len = reply.status == 1 ? reply.size : 0;
    replies.version = 1;
    replies.replies = slots;
    replies.n_replies = 1;
    nng_msg_clear(msg);
    size_t size = cell__envelope__replies__get_packed_size(&replies);
    uint8_t *bytes = malloc(size);
    cell__envelope__replies__pack(&replies, bytes);
    if (nng_msg_append(msg, bytes, size) != 0) {
        die("nng_msg_append");
    }
    free(bytes);
    cell__envelope__requests__free_unpacked(requests, NULL);
    return msg;
}

struct served {
    const struct fake_door *door;
    nng_socket socket;
};

static void *serve(void *argument)
{
    const struct served *s = argument;
    nng_msg *msg;

    while (nng_recvmsg(s->socket, &msg, 0) == 0) {
        msg = answer(s->door, msg);
        if (nng_sendmsg(s->socket, msg, 0) != 0) {
            nng_msg_free(msg);
        }
    }
    return NULL;
}

/* The server's whole life: listen everywhere, say so, wait until the test is gone. */
static void be_server(const struct fake_node *node, const struct fake_door *doors, size_t count,
                      int ready, int alive)
{
    static struct served served[DOORS_MAX];
    pthread_t thread;
    char byte = 0;

    for (size_t i = 0; i < count; i++) {
        char url[2 * FAKE_PATH_SIZE], path[2 * FAKE_PATH_SIZE];

        snprintf(path, sizeof path, "%s/%s", node->run, doors[i].endpoint);
        make_parents(path);
        snprintf(url, sizeof url, "ipc://%.400s", path);
        served[i].door = &doors[i];
        if (nng_rep0_open(&served[i].socket) != 0 || nng_listen(served[i].socket, url, NULL, 0) != 0 ||
            pthread_create(&thread, NULL, serve, &served[i]) != 0) {
            die(url);
        }
    }
    if (write(ready, &byte, 1) != 1) {
        die("ready");
    }
    while (read(alive, &byte, 1) < 0 && errno == EINTR) {
    }
    _exit(0);
}

void fake_start(struct fake_node *node, const struct fake_door *doors, size_t count)
{
    int ready[2], alive[2];
    char byte;

    fake_make_dirs(node);
    if (count > DOORS_MAX || pipe(ready) != 0 || pipe(alive) != 0) {
        die("pipe");
    }
    node->pid = fork();
    if (node->pid < 0) {
        die("fork");
    }
    if (node->pid == 0) {
        close(ready[0]);
        close(alive[1]);
        be_server(node, doors, count, ready[1], alive[0]);
    }
    close(ready[1]);
    close(alive[0]);
    node->alive = alive[1];
    if (read(ready[0], &byte, 1) != 1) {
        die("the server did not start");
    }
    close(ready[0]);
}

void fake_kill(struct fake_node *node)
{
    if (node->pid > 0) {
        kill(node->pid, SIGKILL);
        while (waitpid(node->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        close(node->alive);
    }
    node->pid = -1;
}

void fake_stop(struct fake_node *node)
{
    fake_kill(node);
    if (nftw(node->root, remove_entry, 16, FTW_DEPTH | FTW_PHYS) != 0) {
        die("nftw");
    }
}

/* ---- the command ------------------------------------------------------------------------------ */

static char *contents(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)size + 1);

    if (text == NULL || pread(fd, text, (size_t)size, 0) != size) {
        die("pread");
    }
    close(fd);
    return text;
}

static void be_cell(const struct fake_node *node, const char *const *words, int in, int out, int err)
{
    const char *argv[WORDS_MAX] = {"cell", "--run", node->run, "--state", node->state};
    int argc = 5;

    while (*words != NULL && argc < WORDS_MAX - 1) {
        argv[argc++] = *words++;
    }
    if (node->alive >= 0) {
        close(node->alive);
    }
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) {
        die("dup2");
    }
    /* Not _exit: a sanitizer looks for leaks on the way out. */
    exit(cli_args_main(argc, (char **)argv));
}

void fake_cell(const struct fake_node *node, const char *const *words, const char *input,
               struct fake_result *ret)
{
    int in = memfd_create("in", 0), out = memfd_create("out", 0), err = memfd_create("err", 0);
    int status;

    if (in < 0 || out < 0 || err < 0) {
        die("memfd_create");
    }
    if (input != NULL && write(in, input, strlen(input)) != (ssize_t)strlen(input)) {
        die("write");
    }
    lseek(in, 0, SEEK_SET);
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) {
        die("fork");
    }
    if (pid == 0) {
        be_cell(node, words, in, out, err);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    ret->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    ret->out = contents(out);
    ret->err = contents(err);
    close(in);
}

void fake_result_fini(struct fake_result *r)
{
    free(r->out);
    free(r->err);
}
