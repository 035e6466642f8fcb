/* A machine under test with a manifest that is easy to write and effects that are easy to read. */
#ifndef CELL_TESTS_UNIT_NUCLEUS_NODE_KIT_H
#define CELL_TESTS_UNIT_NUCLEUS_NODE_KIT_H

#include <stdbool.h>
#include <stdint.h>

#include "nucleus/node.h"

enum {
    KIT_CELLS_MAX = 64,
    KIT_TEXT_SIZE = 256 * 1024,
};

struct kit {
    struct node *node;
    struct node_effects fx;
    struct manifest manifest;
    struct manifest_cell cells[KIT_CELLS_MAX];
    uint64_t now_ms;
    char said[KIT_TEXT_SIZE]; /* effects of the last step: "SPAWN a.0, CHANGED a.0 booting" */
    int failed;
};

/* A test with its claim for a name. */
struct kit_test {
    const char *claim;
    void (*run)(struct kit *k);
};
#define KIT_TEST(function) {#function, function}

/* Run each test on a kit of its own; the exit status of the program. */
int kit_main(const struct kit_test *tests, size_t count);

void kit_init(struct kit *k);
void kit_fini(struct kit *k);

/* Add an entry with product defaults and no jitter to speak of; requires: "a b". Instances of all
 * cells share namespace "default". Change the returned entry before kit_apply. */
struct manifest_cell *kit_cell(struct kit *k, const char *name, uint32_t instances,
                               const char *requires);
struct manifest_cell *kit_entry(struct kit *k, const char *name);
void kit_remove(struct kit *k, const char *name);
enum err kit_apply(struct kit *k);

/* Feed an event about "name.instance" with its present generation. */
enum err kit_tell(struct kit *k, enum node_event_kind kind, const char *who);
enum err kit_exit(struct kit *k, const char *who, int code, int signal);
enum err kit_sample(struct kit *k, const char *who, uint64_t cpu_ms, uint64_t delay_ms,
                    bool is_stopped);
enum err kit_order(struct kit *k, enum node_event_kind kind, const char *name, int32_t instance,
                   uint32_t count);
enum err kit_clock(struct kit *k, uint64_t now_ms);
enum err kit_feed(struct kit *k, struct node_event ev);

/* Run the clock, never late, up to now_ms; `said` is everything that was said meanwhile. */
void kit_run(struct kit *k, uint64_t now_ms);

/* SPAWNED, Booting, Listening, Ready. */
void kit_up(struct kit *k, const char *who);

const struct node_instance *kit_at(struct kit *k, const char *who); /* NULL: none */
const char *kit_state(struct kit *k, const char *who);

/* Whether `said` of the last step or run has this effect; "" matches a silent step. */
bool kit_has(const struct kit *k, const char *effect);

/* Report a claim; returns `holds`. */
bool kit_claim(struct kit *k, bool holds, const char *file, int line, const char *claim);
#define CLAIM(k, holds, claim) kit_claim((k), (holds), __FILE__, __LINE__, (claim))

#endif
