/* Scenes: a cluster in a world without chance but its seed, and what one does to it by hand. */
#ifndef CELL_TESTS_SIM_RAFT_SCENE_H
#define CELL_TESTS_SIM_RAFT_SCENE_H

#include "tests/sim/raft/check.h"
#include "tests/sim/world/script.h"

enum {
    SCENE_MS = 1000,
    SCENE_SECOND = 1000000,
    SCENE_ELECTION = 200 * SCENE_MS,
    SCENE_NOBODY = WORLD_NODES_MAX,
};

struct scene {
    const char *name;        /* number in the catalogue and what it claims */
    void (*play)(struct world *w);
    uint32_t nodes, founders; /* founders 0: all */
    void (*tune)(struct quorum_truth *t);
};

/* A claim of the scene; false is its end. */
#define CLAIM(w, holds)                                                                            \
    do {                                                                                           \
        if (!(w)->has_failed && !(holds)) {                                                        \
            world_fail((w), "%s:%d: not so: %s", __FILE__, __LINE__, #holds);                      \
        }                                                                                          \
        if ((w)->has_failed) {                                                                     \
            return;                                                                                \
        }                                                                                          \
    } while (0)

void scene_run(struct world *w, uint64_t us);
uint32_t scene_leader(const struct world *w); /* of the highest term; SCENE_NOBODY */
uint32_t scene_wait_leader(struct world *w, uint64_t us); /* one that has committed in its term */
struct raft_view scene_view(const struct world *w, uint32_t node);
void scene_order(struct world *w, uint32_t node, uint64_t what, uint64_t argument);
enum err scene_event(struct world *w, uint32_t node, struct raft_event e); /* what the core answered */
uint32_t scene_cut(struct world *w, uint32_t alone, bool is_one_way, bool is_dumb); /* what to heal with net_heal */
uint32_t scene_cut_set(struct world *w, uint32_t set);
bool scene_write(struct world *w, uint32_t node); /* an entry proposed there is committed within a second */
bool scene_agree(const struct world *w, uint32_t set); /* these have committed as far as anybody */
void scene_crash(struct world *w, uint32_t node);
void scene_start(struct world *w, uint32_t node);

/* A configuration of these flags by node; 0: not in it. */
struct raft_config scene_config(const uint8_t flags[], uint32_t nodes);
enum err scene_change(struct world *w, uint32_t node, const uint8_t flags[], uint32_t nodes);

int scene_main(const struct scene *scene, size_t count, int argc, char **argv);

#endif
