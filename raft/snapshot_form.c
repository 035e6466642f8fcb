#include "raft/snapshot_form.h"

#include <assert.h>
#include <string.h>

#include "common/base/bytes.h"
#include "raft/le.h"

enum {
    AT_VERSION = 8,
    AT_CONFIG_SIZE = 12,
    AT_CLUSTER = 16,
    AT_INDEX = 24,
    AT_TERM = 32,
};

static const char magic[8] = "CELLSNAP";

uint32_t raft_snapshot_form_begin(struct raft_snapshot_form *f, const struct raft_snapshot_head *head, uint8_t *out)
{
    assert(head->config_size <= RAFT_SNAPSHOT_CONFIG_MAX && head->index > 0);
    uint32_t size = RAFT_SNAPSHOT_HEAD + head->config_size;

    memcpy(out, magic, sizeof magic);
    raft_le_put32(out + AT_VERSION, RAFT_SNAPSHOT_VERSION);
    raft_le_put32(out + AT_CONFIG_SIZE, head->config_size);
    raft_le_put64(out + AT_CLUSTER, head->cluster);
    raft_le_put64(out + AT_INDEX, head->index);
    raft_le_put64(out + AT_TERM, head->term);
    memcpy(out + RAFT_SNAPSHOT_HEAD, head->config, head->config_size);
    *f = (struct raft_snapshot_form){.check = bytes_crc32c(0, out, size)};
    raft_le_put32(out + size, f->check);
    return size + 4;
}

void raft_snapshot_form_chunk(struct raft_snapshot_form *f, const void *bytes, size_t size, uint8_t *out)
{
    assert(size > 0 && size <= RAFT_SNAPSHOT_CHUNK_MAX);
    f->check = bytes_crc32c(f->check, bytes, size);
    f->chunks++;
    raft_le_put32(out, (uint32_t)size);
    raft_le_put32(out + 4, f->check);
}

void raft_snapshot_form_end(const struct raft_snapshot_form *f, uint8_t *out)
{
    raft_le_put32(out, 0);
    raft_le_put64(out + 8, f->chunks);
    raft_le_put32(out + 4, bytes_crc32c(f->check, out + 8, 8));
}

enum err raft_snapshot_form_read(struct raft_snapshot_form *f, const uint8_t *bytes, size_t size,
                                 struct raft_snapshot_head *ret, uint32_t *ret_size)
{
    if (size < RAFT_SNAPSHOT_HEAD + 4 || memcmp(bytes, magic, sizeof magic) != 0 ||
        raft_le_get32(bytes + AT_VERSION) != RAFT_SNAPSHOT_VERSION ||
        raft_le_get32(bytes + AT_CONFIG_SIZE) > RAFT_SNAPSHOT_CONFIG_MAX) {
        return ERR_DATA_LOSS;
    }
    uint32_t config_size = raft_le_get32(bytes + AT_CONFIG_SIZE), whole = RAFT_SNAPSHOT_HEAD + config_size;
    if (size < whole + 4 || raft_le_get32(bytes + whole) != bytes_crc32c(0, bytes, whole)) {
        return ERR_DATA_LOSS;
    }
    ret->cluster = raft_le_get64(bytes + AT_CLUSTER);
    ret->index = raft_le_get64(bytes + AT_INDEX);
    ret->term = raft_le_get64(bytes + AT_TERM);
    ret->config_size = config_size;
    memcpy(ret->config, bytes + RAFT_SNAPSHOT_HEAD, config_size);
    *f = (struct raft_snapshot_form){.check = raft_le_get32(bytes + whole)};
    *ret_size = whole + 4;
    return ERR_OK;
}

enum err raft_snapshot_form_size(const uint8_t *in, uint32_t *ret)
{
    uint32_t size = raft_le_get32(in);

    if (size > RAFT_SNAPSHOT_CHUNK_MAX) {
        return ERR_DATA_LOSS;
    }
    *ret = size;
    return ERR_OK;
}

bool raft_snapshot_form_is_chunk(struct raft_snapshot_form *f, const uint8_t *head, const uint8_t *bytes, size_t size)
{
    f->check = bytes_crc32c(f->check, bytes, size);
    f->chunks++;
    return raft_le_get32(head) == size && raft_le_get32(head + 4) == f->check;
}

bool raft_snapshot_form_is_end(const struct raft_snapshot_form *f, const uint8_t *in)
{
    uint8_t want[RAFT_SNAPSHOT_END];

    raft_snapshot_form_end(f, want);
    return memcmp(in, want, sizeof want) == 0;
}
