/* Backups in files: "cell raft backup 1\n", then the parts of raft.proto's Backup, each u32 size, u32 CRC-32C, bytes; little
 * endian; at the end a part of size 0 whose checksum is the number of parts. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/raft.h"
#include "common/base/bytes.h"

enum { PART_MAX = 2 << 20 };

static const char magic[] = "cell raft backup 1\n";

static int fail_file(struct cli *cli, const char *what, const char *path)
{
    return cli_fail(cli, err_from_errno(errno), NULL, "%s %s: %s", what, path, strerror(errno));
}

static bool write_part(FILE *to, uint32_t size, uint32_t checksum, const uint8_t *bytes)
{
    uint32_t head[2] = {htole32(size), htole32(checksum)};

    return fwrite(head, sizeof head, 1, to) == 1 && (size == 0 || fwrite(bytes, size, 1, to) == 1);
}

/* All parts to the file; *ret_parts and *ret_revision for the person. */
static int read_parts(struct cli_raft *r, FILE *to, const char *path, uint32_t *ret_parts, uint64_t *ret_revision)
{
    Cell__Raft__BackupRequest ask = CELL__RAFT__BACKUP_REQUEST__INIT;
    bool is_last = false;

    r->timeout_ms = 20000;
    ask.freshness = cli_args_has(r->cli, "stale") ? CELL__RAFT__FRESHNESS__STALE : CELL__RAFT__FRESHNESS__LINEARIZABLE;
    if (fwrite(magic, sizeof magic - 1, 1, to) != 1) {
        return fail_file(r->cli, "cannot write", path);
    }
    while (!is_last) {
        ProtobufCMessage *message;
        int status = cli_raft_ask(r, "Backup", CELL__RAFT__OP__OP_BACKUP, &ask.base, &message);
        if (status != CLI_DONE) {
            return status;
        }
        const Cell__Raft__BackupReply *part = (const Cell__Raft__BackupReply *)message;
        bool is_whole = part->items.len > 0 && part->items.len <= PART_MAX &&
                        bytes_crc32c(0, part->items.data, part->items.len) == part->checksum;
        bool is_written = is_whole && write_part(to, (uint32_t)part->items.len, part->checksum, part->items.data);
        ask.backup = part->backup;
        ask.number = part->number + 1;
        is_last = part->is_last;
        *ret_revision = part->revision;
        cli_ask_free(message);
        if (!is_whole) {
            return cli_fail(r->cli, ERR_DATA_LOSS, "take it again", "a part's checksum does not fit its bytes");
        }
        if (!is_written) {
            return fail_file(r->cli, "cannot write", path);
        }
    }
    *ret_parts = ask.number;
    return write_part(to, 0, ask.number, NULL) ? CLI_DONE : fail_file(r->cli, "cannot write", path);
}

/* The file appears under its name when it is whole and on disk, or not at all. */
int cli_raft_backup(struct cli_raft *r)
{
    const char *path = r->cli->args[1];
    char made[CLI_PATH_SIZE];
    uint64_t revision = 0;
    uint32_t parts = 0;

    if (snprintf(made, sizeof made, "%s.%ld.new", path, (long)getpid()) >= (int)sizeof made) {
        return cli_fail(r->cli, ERR_LIMIT, NULL, "the path is too long");
    }
    int fd = open(made, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *to = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (to == NULL) {
        return fail_file(r->cli, "cannot make", path);
    }
    int status = read_parts(r, to, path, &parts, &revision);
    if (status == CLI_DONE && (fflush(to) != 0 || fsync(fd) != 0)) {
        status = fail_file(r->cli, "cannot write", path);
    }
    if (fclose(to) != 0 && status == CLI_DONE) {
        status = fail_file(r->cli, "cannot write", path);
    }
    if (status == CLI_DONE && rename(made, path) != 0) {
        status = fail_file(r->cli, "cannot rename to", path);
    }
    if (status != CLI_DONE) {
        (void)unlink(made); /* it may not be there any more */
        return status;
    }
    if (r->cli->json) {
        struct jsonout out;
        cli_emit_begin(&out);
        jsonout_object(&out);
        cli_emit_string(&out, "file", path);
        cli_emit_u64(&out, "parts", parts);
        cli_emit_u64(&out, "revision", revision);
        jsonout_object_end(&out);
        return cli_emit_end(r->cli, &out);
    }
    printf("revision %" PRIu64 " in %s\n", revision, path);
    return CLI_DONE;
}

/* ---- back ------------------------------------------------------------------------------------- */

struct part {
    uint32_t size, checksum;
    uint8_t *bytes; /* PART_MAX */
};

static bool read_part(FILE *from, struct part *p)
{
    uint32_t head[2];

    if (fread(head, sizeof head, 1, from) != 1) {
        return false;
    }
    p->size = le32toh(head[0]);
    p->checksum = le32toh(head[1]);
    return p->size <= PART_MAX && (p->size == 0 || (fread(p->bytes, p->size, 1, from) == 1 &&
                                                    bytes_crc32c(0, p->bytes, p->size) == p->checksum));
}

/* Whether the file is whole, before anything is done with it. */
static int verify(struct cli *cli, FILE *from, const char *path, struct part *p)
{
    char head[sizeof magic] = "";
    uint32_t parts = 0;

    bool is_good = fread(head, sizeof magic - 1, 1, from) == 1 && strcmp(head, magic) == 0;
    do {
        is_good = is_good && read_part(from, p);
        parts += is_good && p->size > 0;
    } while (is_good && p->size > 0);
    if (!is_good || p->checksum != parts || parts == 0 || fgetc(from) != EOF) {
        return cli_fail(cli, ERR_DATA_LOSS, NULL, "%s is no whole backup", path);
    }
    return fseek(from, sizeof magic - 1, SEEK_SET) == 0 ? CLI_DONE : fail_file(cli, "cannot read", path);
}

static int send_parts(struct cli_raft *r, FILE *from, struct part *p, ProtobufCMessage **ret)
{
    Cell__Raft__RestoreRequest ask = CELL__RAFT__RESTORE_REQUEST__INIT;
    int status = CLI_DONE;

    r->timeout_ms = 20000;
    while (status == CLI_DONE && read_part(from, p) && p->size > 0) {
        cli_ask_free(*ret);
        *ret = NULL;
        ask.items = (ProtobufCBinaryData){p->size, p->bytes};
        ask.checksum = p->checksum;
        status = cli_raft_ask(r, "Restore", CELL__RAFT__OP__OP_RESTORE, &ask.base, ret);
        ask.number++;
    }
    return status;
}

int cli_raft_restore(struct cli_raft *r)
{
    const char *path = r->cli->args[1];
    AUTO_FREE uint8_t *bytes = malloc(PART_MAX);
    struct part part = {.bytes = bytes};
    ProtobufCMessage *message = NULL;
    FILE *from = fopen(path, "re");

    if (from == NULL) {
        return fail_file(r->cli, "cannot open", path);
    }
    int status = bytes != NULL ? verify(r->cli, from, path, &part)
                               : cli_fail(r->cli, ERR_NOMEM, NULL, "%s", err_text(ERR_NOMEM));
    if (status == CLI_DONE) {
        status = send_parts(r, from, &part, &message);
    }
    fclose(from);
    if (status == CLI_DONE && message != NULL) {
        const Cell__Raft__RestoreReply *reply = (const Cell__Raft__RestoreReply *)message;
        if (r->cli->json) {
            status = cli_emit_message(r->cli, message);
        } else {
            printf("%" PRIu64 " keys, revision %" PRIu64 "\n", reply->keys, reply->revision);
        }
    }
    cli_ask_free(message);
    return status;
}
