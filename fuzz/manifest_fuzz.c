/* NUC-4, NOD-8: any bytes as a manifest. What is refused is refused in one line; what is accepted
 * keeps every promise that the supervisor builds on. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "nucleus/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool claim)
{
    if (!claim) {
        abort();
    }
}

static bool is_one_line(const char *why)
{
    size_t len = strnlen(why, MANIFEST_WHY_SIZE);

    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)why[i] < ' ' || why[i] == 0x7f) {
            return false;
        }
    }
    return len > 0 && len < MANIFEST_WHY_SIZE && bytes_is_utf8((const uint8_t *)why, len);
}

static void check_paths(const struct manifest_path *path, size_t count, bool is_write)
{
    must(count <= MANIFEST_PATHS_MAX && (path != NULL) == (count > 0));
    for (size_t i = 0; i < count; i++) {
        must(strnlen(path[i].path, MANIFEST_PATH_MAX) < MANIFEST_PATH_MAX);
        if (path[i].is_state) {
            must(is_write);
            continue;
        }
        must(path[i].path[0] == '/' && path[i].path[1] != '\0');
        must(strstr(path[i].path, "/../") == NULL && strstr(path[i].path, "//") == NULL);
        must(strncmp(path[i].path, "/proc/", 6) != 0 &&
             strncmp(path[i].path, "/run/cell", 10) != 0);
    }
}

static void check_operations(const struct name_op *op, size_t count)
{
    must(count <= MANIFEST_LIST_MAX && (op != NULL) == (count > 0));
    for (size_t i = 0; i < count; i++) {
        bool any_cell = strcmp(op[i].cell, "*") == 0, any = strcmp(op[i].operation, "*") == 0;
        bool is_here = op[i].node[0] == '\0', any_node = strcmp(op[i].node, "*") == 0;
        must(!(any_cell && any && (is_here || any_node)));
        must(any_cell || name_valid_str(op[i].cell));
        must(is_here || ((any_node || name_valid_str(op[i].node)) && any));
        must(any || name_operation_valid(op[i].operation, strlen(op[i].operation)));
    }
}

static void check_numbers(const struct manifest_cell *c)
{
    must(c->instances <= MANIFEST_INSTANCES_MAX);
    must(c->limits.memory_bytes == 0 || c->limits.memory_bytes >= MANIFEST_MEMORY_MIN);
    must(c->limits.memory_bytes <= MANIFEST_MEMORY_MAX);
    must(c->limits.cpu == 0 || (c->limits.cpu >= 0.01 && c->limits.cpu <= 1024));
    must(c->limits.files >= MANIFEST_FILES_MIN && c->limits.files <= MANIFEST_FILES_MAX);
    must(c->limits.message_bytes >= MANIFEST_MESSAGE_MIN &&
         c->limits.message_bytes <= MANIFEST_MESSAGE_MAX);
    must(c->limits.calls_waiting >= 1 && c->limits.calls_waiting <= MANIFEST_CALLS_WAITING_MAX);
    must(c->limits.log_bytes >= MANIFEST_LOG_MIN && c->limits.log_bytes <= MANIFEST_LOG_MAX);
    must(c->limits.log_files >= 1 && c->limits.log_files <= MANIFEST_LOG_FILES_MAX);
    must(c->heartbeat.every_ms >= MANIFEST_EVERY_MS_MIN &&
         c->heartbeat.every_ms <= MANIFEST_EVERY_MS_MAX);
    must(c->heartbeat.dead_after >= 1 && c->heartbeat.dead_after <= MANIFEST_DEAD_AFTER_MAX);
    must(c->restart.first_ms <= c->restart.max_ms && c->restart.max_ms >= 1 &&
         c->restart.max_ms <= MANIFEST_BACKOFF_MS_MAX);
    must(c->restart.give_up_count >= 1 && c->restart.give_up_count <= MANIFEST_GIVE_UP_MAX);
    must(c->restart.give_up_ms >= MANIFEST_GIVE_UP_MS_MIN &&
         c->restart.give_up_ms <= MANIFEST_GIVE_UP_MS_MAX);
    must(c->restart.stable_ms >= 1 && c->restart.stable_ms <= MANIFEST_STABLE_MS_MAX);
    must(c->restart.strategy <= MANIFEST_REST_FOR_ONE);
    must(c->deadlines.ready_ms >= MANIFEST_READY_MS_MIN &&
         c->deadlines.ready_ms <= MANIFEST_DEADLINE_MS_MAX);
    must(c->deadlines.drain_ms <= MANIFEST_DEADLINE_MS_MAX &&
         c->deadlines.term_ms <= MANIFEST_DEADLINE_MS_MAX);
}

static void check_cell(const struct manifest_cell *c)
{
    must(name_valid_str(c->name) && name_valid_str(c->space) && strcmp(c->name, "nucleus") != 0);
    must(c->exec[0] == '/' ||
         (c->exec[0] != '\0' && c->exec[0] != '-' && strchr(c->exec, '/') == NULL));
    must(c->line > 0);
    must(c->requires_count <= MANIFEST_LIST_MAX);
    check_operations(c->serves, c->serves_count);
    check_operations(c->may_call, c->may_call_count);
    check_paths(c->sandbox.read, c->sandbox.read_count, false);
    check_paths(c->sandbox.write, c->sandbox.write_count, true);
    check_numbers(c);
    must(!(c->spare && c->trivial));
    must(!c->sandbox.none ||
         (!c->sandbox.network && c->sandbox.read_count + c->sandbox.write_count == 0));
    must(c->labels == NULL || c->labels[0] != '\0');
    must(c->config == NULL || (strlen(c->config) <= MANIFEST_CONFIG_MAX &&
                               bytes_is_utf8((const uint8_t *)c->config, strlen(c->config))));
}

static void check_order(const struct manifest *m)
{
    uint32_t order[MANIFEST_CELLS_MAX];
    bool is_started[MANIFEST_CELLS_MAX] = {false};

    manifest_order(m, order);
    for (size_t i = 0; i < m->cell_count; i++) {
        const struct manifest_cell *c = &m->cells[order[i]];
        must(!is_started[order[i]]);
        for (size_t k = 0; k < c->requires_count; k++) {
            int needed = manifest_resolve(m, c->space, &c->requires[k]);
            must(needed >= 0 && is_started[needed]);
        }
        is_started[order[i]] = true;
    }
}

/* A config's text, as the config of another manifest, is that same text: a cell that reads it and a
 * supervisor that hashes it mean one thing. */
static void check_config(const char *config)
{
    static const char head[] = "cells:\n- name: a\n  config:\n    ";
    size_t len = strlen(config), at = sizeof head - 1;
    char *text = malloc(sizeof head + 5 * len), why[MANIFEST_WHY_SIZE];
    struct manifest m;

    must(text != NULL);
    memcpy(text, head, at);
    for (size_t i = 0; i < len; i++) {
        text[at++] = config[i];
        if (config[i] == '\n' && i + 1 < len) {
            memcpy(text + at, "    ", 4);
            at += 4;
        }
    }
    /* The marker that ends a document alone does not go below a key. */
    if (strstr(config, "\n...\n") == NULL) {
        must(yaml_manifest_parse(text, at, "again", &m, why) == ERR_OK);
        must(m.cells[0].config != NULL && strcmp(m.cells[0].config, config) == 0);
        manifest_fini(&m);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[MANIFEST_WHY_SIZE] = "";
    struct manifest m;
    enum err e = yaml_manifest_parse((const char *)data, size, "fuzz", &m, why);

    if (e != ERR_OK) {
        must(is_one_line(why) && strncmp(why, "fuzz:", 5) == 0);
        must(e == ERR_MALFORMED || e == ERR_INVALID || e == ERR_LIMIT);
        return 0;
    }
    must(name_valid_str(m.node) && m.cell_count <= MANIFEST_CELLS_MAX);
    must(manifest_check(&m, why) == ERR_OK);
    must(manifest_diff(&m, &m, NULL, 0) == 0);
    for (size_t i = 0; i < m.cell_count; i++) {
        check_cell(&m.cells[i]);
        must(manifest_find(&m, m.cells[i].space, m.cells[i].name) == (int)i);
        if (m.cells[i].config != NULL && i < 8) {
            check_config(m.cells[i].config);
        }
    }
    check_order(&m);
    manifest_fini(&m);
    return 0;
}
