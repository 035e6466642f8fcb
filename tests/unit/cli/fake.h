/* A node made of cardboard for tests of the command line: real nng rep0 sockets and envelopes in a
 * process of its own, answers from tables; and the command itself, run in a child whose output is
 * kept. */
#ifndef CELL_TESTS_UNIT_CLI_FAKE_H
#define CELL_TESTS_UNIT_CLI_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <protobuf-c/protobuf-c.h>

#include "proto/envelope.pb-c.h"

enum {
    FAKE_PATH_SIZE = 256,
    FAKE_BODY_MAX = 64 * 1024,
};

/* What one request is answered with. `status` is a wire number, 1 is ok. */
struct fake_reply {
    uint32_t status;
    const char *text;
    uint8_t body[FAKE_BODY_MAX];
    size_t size;
};

/* A socket of the fake node. `answer` runs in the server's process and may keep state there. */
struct fake_door {
    const char *endpoint; /* "nucleus.sock", "default/greeter.0.sock" */
    void (*answer)(const Cell__Envelope__Request *request, struct fake_reply *reply);
};

struct fake_node {
    pid_t pid;
    int alive; /* our end of a pipe: closed, the server ends */
    char root[FAKE_PATH_SIZE];
    char run[FAKE_PATH_SIZE];
    char state[FAKE_PATH_SIZE];
};

/* Fresh run and state directories below /tmp, without a server. Ends the test when it fails. */
void fake_make_dirs(struct fake_node *node);

/* The same with a server that listens on every door before this returns. */
void fake_start(struct fake_node *node, const struct fake_door *doors, size_t count);

/* End the server but leave its sockets and directories. */
void fake_kill(struct fake_node *node);

/* End the server and remove the directories. */
void fake_stop(struct fake_node *node);

/* Pack `message` as an ok reply; and an error one. */
void fake_say(struct fake_reply *reply, const ProtobufCMessage *message);
void fake_refuse(struct fake_reply *reply, uint32_t status, const char *text);

/* What a run of the command left behind. */
struct fake_result {
    int status; /* exit status; 128 + signal when it was killed */
    char *out;
    char *err;
};

/* Run `cell --run … --state … WORDS` with standard input from `input` (NULL: empty). words ends with
 * NULL. Free with fake_result_fini. */
void fake_cell(const struct fake_node *node, const char *const *words, const char *input,
               struct fake_result *ret);
void fake_result_fini(struct fake_result *r);

/* The words of a literal list, for fake_cell. */
#define FAKE_WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Count a failed claim and tell standard error; the number of them is the test's exit status. */
extern int fake_failed;
void fake_claim(bool holds, const char *claim, const char *detail);

/* Write a file below the node's root, making its directories. */
void fake_write(const struct fake_node *node, const char *path, const char *text);

#endif
