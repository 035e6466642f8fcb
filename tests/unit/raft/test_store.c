/* A data directory that is not as it was left: each flaw has its own clear word (scenarios 52, 57, 59), and what can go on
 * goes on. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/base/bytes.h"
#include "common/run/fd.h"
#include "raft/le.h"
#include "raft/store.h"
#include "raft/store_room.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

enum { SEGMENT = 8192, ENTRIES = 70, SIZE = 200 };

static const struct raft_frame_owner owner = {5, 6};
static char path[96];
static uint64_t found_last, rotten; /* rotten: index of a snapshot that is there and not readable */
static bool is_alone;

static void write_piece(struct raft_store *s, const struct raft_wal_piece *p)
{
    AUTO_FD int fd = -1;
    uint8_t bytes[SEGMENT];

    memcpy(bytes, p->head, RAFT_FRAME_HEAD);
    memcpy(bytes + RAFT_FRAME_HEAD, p->body, p->frame.size);
    memcpy(bytes + RAFT_FRAME_HEAD + p->frame.size, p->tail, p->tail_size);
    REQUIRE(raft_store_segment(s, p->segment, &fd) == ERR_OK &&
                raft_store_write(fd, bytes, raft_frame_size(p->frame.size), p->at) == ERR_OK, "%s", s->why);
}

static void append(struct raft_store *s, struct raft_wal *w, uint64_t first, uint32_t count)
{
    struct raft_wal_piece piece;
    uint8_t bytes[SIZE + 5];

    for (uint64_t i = first; i < first + count; i++) {
        raft_le_put32(bytes, SIZE);
        bytes[4] = RAFT_ENTRY_COMMAND;
        memset(bytes + 5, (int)i | 1, SIZE);
        struct raft_run run = {.first = i, .term = 1, .count = 1, .size = sizeof bytes, .bytes = bytes};
        while (s->newest <= w->segment) {
            REQUIRE(raft_store_make(s, NULL, NULL) == ERR_OK, "%s", s->why);
        }
        REQUIRE(raft_wal_append(w, &run, w->last_term, &piece) == ERR_OK, "append");
        write_piece(s, &piece);
        raft_wal_synced(w);
    }
}

/* A directory with a log of ENTRIES entries in some segments, a vote, nothing wrong. */
static void make(const char *name)
{
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_wal_found found;
    bool fresh;

    (void)snprintf(path, sizeof path, "%s/%s", scratch_dir, name);
    REQUIRE(mkdir(path, 0700) == 0 && raft_store_open(&s, path, &fresh) == ERR_OK && fresh, "%s", s.why);
    REQUIRE(raft_store_create(&s, &owner, (const uint8_t *)"who", 3, SEGMENT) == ERR_OK, "%s", s.why);
    REQUIRE(raft_store_recover(&s, 0, &w, &p, NULL, NULL, &found) == ERR_OK && found.verdict == RAFT_WAL_CLEAN, "%s", s.why);
    append(&s, &w, 1, ENTRIES);
    REQUIRE(raft_store_vote(&s, (struct raft_vote){7, 6}) == ERR_OK, "%s", s.why);
    raft_store_close(&s);
    raft_places_fini(&p);
}

/* Open and recover; *ret_why gets the word. */
static enum err try(struct raft_store *s, struct raft_wal *w, struct raft_places *p, struct raft_wal_found *found,
                    uint64_t snapshot)
{
    bool fresh = false;
    enum err e = raft_store_open(s, path, &fresh);

    *found = (struct raft_wal_found){.verdict = RAFT_WAL_CLEAN};
    s->rotten_snapshot = rotten;
    s->is_alone = is_alone;
    e = e == ERR_OK && !fresh ? raft_store_recover(s, snapshot, w, p, NULL, NULL, found) : e;
    found_last = e == ERR_OK && !fresh ? w->last : 0;
    return e;
}

static char *in_dir(const char *name)
{
    static char at[2][192];
    static unsigned next;
    char *out = at[next++ % 2];

    (void)snprintf(out, sizeof at[0], "%s/%s", path, name);
    return out;
}

static void patch(const char *name, off_t at, size_t size, uint8_t with)
{
    AUTO_FD int fd = open(in_dir(name), O_RDWR | O_CLOEXEC);
    uint8_t bytes[64];

    memset(bytes, with, sizeof bytes);
    REQUIRE(fd >= 0 && pwrite(fd, bytes, size, at) == (ssize_t)size, "patch %s", name);
}

enum flaw {
    NONE, OPEN_MODE, FILE_MODE, SHORT, LAST_GONE, MIDDLE_GONE, FIRST_GONE, ALL_GONE, SWAPPED, NO_NODE, BAD_NODE, NO_BALLOT,
    BAD_BALLOT, ONE_COPY, OTHER_BALLOT, ROT, HEAD_ROT, TORN, NO_DIRECTORY, LINK,
};

#define LAST_SEGMENT "wal-0000000000000004"
#define FIRST_SEGMENT "wal-0000000000000001"
#define SECOND_SEGMENT "wal-0000000000000002"

static void spoil(enum flaw flaw)
{
    AUTO_FREE char *text = NULL;
    size_t size;

    switch (flaw) {
    case NONE:
        break;
    case OPEN_MODE:
        REQUIRE(chmod(path, 0750) == 0, "mode");
        break;
    case FILE_MODE:
        REQUIRE(chmod(in_dir(SECOND_SEGMENT), 0644) == 0, "mode");
        break;
    case SHORT:
        REQUIRE(truncate(in_dir(SECOND_SEGMENT), SEGMENT - 1) == 0, "cut");
        break;
    case LAST_GONE:
        REQUIRE(unlink(in_dir(LAST_SEGMENT)) == 0, "the newest");
        break;
    case MIDDLE_GONE:
        REQUIRE(unlink(in_dir(SECOND_SEGMENT)) == 0, "one");
        break;
    case ALL_GONE:
        for (int i = 1; i <= 4; i++) {
            char name[RAFT_STORE_NAME];
            raft_store_name((uint64_t)i, name);
            REQUIRE(unlink(in_dir(name)) == 0, "all");
        }
        break;
    case FIRST_GONE:
        REQUIRE(unlink(in_dir(FIRST_SEGMENT)) == 0, "the oldest");
        break;
    case SWAPPED:
        REQUIRE(rename(in_dir(FIRST_SEGMENT), in_dir("x")) == 0 && rename(in_dir(SECOND_SEGMENT), in_dir(FIRST_SEGMENT)) == 0 &&
                    rename(in_dir("x"), in_dir(SECOND_SEGMENT)) == 0, "swap");
        break;
    case NO_NODE:
        REQUIRE(unlink(in_dir("node")) == 0, "node");
        break;
    case BAD_NODE:
        patch("node", 20, 1, 0x55);
        break;
    case NO_BALLOT:
        REQUIRE(unlink(in_dir("ballot")) == 0, "ballot");
        break;
    case BAD_BALLOT:
        for (off_t at = 0; at < RAFT_BALLOT_FILE; at += RAFT_BALLOT_BLOCK) {
            patch("ballot", at + 40, 4, 0x55);
        }
        break;
    case ONE_COPY:
        patch("ballot", 40, 4, 0x55);
        break;
    case OTHER_BALLOT:
        REQUIRE(fd_read_file(AT_FDCWD, in_dir("ballot"), 1 << 20, &text, &size) == ERR_OK, "read");
        (void)text;
        patch("node", 24, 1, 0x77); /* another member, with the right check */
        {
            AUTO_FREE char *node = NULL;
            REQUIRE(fd_read_file(AT_FDCWD, in_dir("node"), 1 << 16, &node, &size) == ERR_OK, "read");
            AUTO_FD int fd = open(in_dir("node"), O_RDWR | O_CLOEXEC);
            uint8_t check[4];
            raft_le_put32(check, bytes_crc32c(0, node, size - 4));
            REQUIRE(pwrite(fd, check, 4, (off_t)size - 4) == 4, "check");
        }
        break;
    case ROT:
        patch(SECOND_SEGMENT, 3000, 1, 0x99);
        break;
    case HEAD_ROT:
        patch(SECOND_SEGMENT, 20, 1, 0x99);
        break;
    case TORN:
        patch("wal-0000000000000003", 8100, 8, 0x42); /* behind the end */
        break;
    case NO_DIRECTORY:
        REQUIRE(rename(path, scratch_path("gone")) == 0, "away");
        break;
    case LINK:
        REQUIRE(rename(path, scratch_path("real")) == 0 && symlink(scratch_path("real"), path) == 0, "a link");
        break;
    }
}

static const struct {
    enum flaw flaw;
    enum err e;
    const char *word; /* in the explanation */
    enum raft_wal_verdict verdict;
    const char *why;
} rows[] = {
    {NONE, ERR_OK, "", RAFT_WAL_CLEAN, "nothing is wrong"},
    {OPEN_MODE, ERR_DENIED, "chmod 700", 0, "others may enter"},
    {FILE_MODE, ERR_DENIED, "no file of ours alone", 0, "others may read a segment"},
    {SHORT, ERR_DATA_LOSS, "has 8191 bytes, not 8192", 0, "a segment was cut"},
    {LAST_GONE, ERR_DATA_LOSS, "segment 4 of the log is missing", 0, "the newest segment is missed"},
    {MIDDLE_GONE, ERR_DATA_LOSS, "segment 2 is missing", 0, "one in the middle is missed"},
    {FIRST_GONE, ERR_DATA_LOSS, "segment 1 is missing", 0, "the oldest is missed: no snapshot has its entries"},
    {ALL_GONE, ERR_DATA_LOSS, "segment 4 of the log is missing", 0, "no segment at all is no empty log"},
    {SWAPPED, ERR_DATA_LOSS, "files were swapped or copied", 0, "two segments changed places"},
    {NO_NODE, ERR_DATA_LOSS, "the file node, which says whose, is missing", 0, "nobody's log"},
    {BAD_NODE, ERR_DATA_LOSS, "the file node, which says whose this is, is damaged", 0, "a damaged name"},
    {NO_BALLOT, ERR_DATA_LOSS, "the file of votes is missing", 0, "votes are not forgotten"},
    {BAD_BALLOT, ERR_DATA_LOSS, "what was voted last is not readable", 0, "nor guessed"},
    {ONE_COPY, ERR_OK, "", RAFT_WAL_CLEAN, "one copy of a vote replaces another"},
    {OTHER_BALLOT, ERR_DENIED, "another node's", 0, "another node's files under our name"},
    {ROT, ERR_OK, "", RAFT_WAL_DAMAGED, "a frame has rotted"},
    {HEAD_ROT, ERR_OK, "", RAFT_WAL_CLEAN, "a segment's head alone says nothing that its frames do not"},
    {TORN, ERR_OK, "", RAFT_WAL_TORN, "traces behind the end"},
    {NO_DIRECTORY, ERR_NOT_FOUND, "No such file", 0, "no directory"},
    {LINK, ERR_MALFORMED, "", 0, "a link could lead anywhere"},
};

static void every_flaw_has_its_word(void)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct raft_store s;
        struct raft_wal w;
        struct raft_places p = {0};
        struct raft_wal_found found;
        char name[16];

        (void)snprintf(name, sizeof name, "flaw-%zu", i);
        make(name);
        spoil(rows[i].flaw);
        enum err e = try(&s, &w, &p, &found, 0);
        bool is_as_said = rows[i].flaw == LINK ? e != ERR_OK : e == rows[i].e;
        CHECK(is_as_said && (e == ERR_OK || strstr(s.why, rows[i].word) != NULL), "%s: %s, \"%s\"", rows[i].why, err_name(e),
              s.why);
        CHECK(e != ERR_OK || found.verdict == rows[i].verdict, "%s: verdict %d, %s", rows[i].why, (int)found.verdict,
              found.reason);
        CHECK(e != ERR_OK || found.verdict == RAFT_WAL_DAMAGED || (found_last == ENTRIES && s.ballot.vote.term == 7),
              "%s: all is there", rows[i].why);
        raft_store_close(&s);
        raft_places_fini(&p);
        /* What was mended stays mended. */
        if (rows[i].e == ERR_OK && rows[i].verdict != RAFT_WAL_DAMAGED) {
            p = (struct raft_places){0};
            CHECK(try(&s, &w, &p, &found, 0) == ERR_OK && found.verdict == RAFT_WAL_CLEAN, "%s, again: %s", rows[i].why,
                  s.why);
            raft_store_close(&s);
            raft_places_fini(&p);
        }
    }
}

/* The node goes on without what is damaged, and remembers that it has no vote until it is repaired. */
static void a_damaged_log_is_cut_and_has_no_vote(void)
{
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_wal_found found;

    make("damaged");
    spoil(ROT);
    REQUIRE(try(&s, &w, &p, &found, 0) == ERR_OK && found.verdict == RAFT_WAL_DAMAGED, "%s", s.why);
    uint64_t left = w.last;
    CHECK(left < ENTRIES && s.ballot.repair_to >= ENTRIES, "it knows how much it lost: %" PRIu64, s.ballot.repair_to);
    append(&s, &w, left + 1, 10);
    raft_store_close(&s);
    raft_places_fini(&p);
    p = (struct raft_places){0};
    REQUIRE(try(&s, &w, &p, &found, 0) == ERR_OK && found.verdict == RAFT_WAL_CLEAN && w.last == left + 10, "%s", s.why);
    CHECK(s.ballot.repair_to >= ENTRIES && s.ballot.vote.term == 7, "a restart repairs nothing");
    struct raft_store_cursor c = {0};
    struct raft_run run;
    CHECK(raft_store_read(&s, &p, &c, left, &run) == ERR_OK, "what is before the damage is read: %s", s.why);
    raft_store_cursor_fini(&c);
    CHECK(raft_store_repaired(&s) == ERR_OK && s.ballot.repair_to == 0, "a leader does");
    raft_store_close(&s);
    raft_places_fini(&p);
}

static const struct {
    uint64_t snapshot, rotten; /* indices: of the newest whole one, of a newer one that is not; 0: none */
    bool is_damaged, is_alone;
    enum err e;
    uint64_t last, repair_to;  /* of the log then; 0: all may vote */
    const char *why;
} losses[] = {
    {0, 60, false, false, ERR_OK, 0, ENTRIES, "the log begins behind a snapshot that is rotten: neither is of use, and all of it is owed"},
    {0, 200, false, false, ERR_OK, 0, 200, "one from the leader, further than the log: that is owed"},
    {60, 65, false, false, ERR_OK, ENTRIES, 0, "an older one is whole, and the log goes on from there: nothing is lost"},
    {60, 0, false, false, ERR_OK, ENTRIES, 0, "nothing rotted"},
    {0, 0, false, false, ERR_DATA_LOSS, 0, 0, "one that is not there at all was taken away by somebody: not guessed"},
    {0, 60, true, false, ERR_OK, 0, ENTRIES, "the log is damaged as well"},
    {0, 200, true, false, ERR_OK, 0, 200, "… and one from the leader went further"},
    {0, 60, false, true, ERR_DATA_LOSS, 0, 0, "alone nobody has what is lost"},
    {60, 0, true, true, ERR_DATA_LOSS, 0, 0, "nor what the log had"},
    {60, 65, false, true, ERR_OK, ENTRIES, 0, "alone, and nothing is lost"},
};

/* A directory whose log begins behind its first segment, as behind a snapshot. */
static void make_cut(const char *name, bool is_damaged)
{
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_wal_found found;

    make(name);
    REQUIRE(try(&s, &w, &p, &found, 0) == ERR_OK, "%s", s.why);
    uint64_t needed = raft_places_cut(&p, 35);
    REQUIRE(needed == 2, "segments from %" PRIu64 " on are needed", needed);
    raft_store_retire(&s, needed);
    raft_store_close(&s);
    raft_places_fini(&p);
    if (is_damaged) {
        spoil(ROT);
    }
}

/* Whoever lost what it had acknowledged neither votes nor says that it has it, before it has it again: the ballot says so
 * first, whatever happens then. */
static void a_rotten_snapshot_is_owed(void)
{
    for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "loss-%zu", i);
        rotten = 0;
        is_alone = false;
        make_cut(name, losses[i].is_damaged);
        rotten = losses[i].rotten;
        is_alone = losses[i].is_alone;
        /* The second start finds it as the first one left it: the snapshot is put aside later. */
        for (int start = 0; start < 2; start++) {
            struct raft_store s;
            struct raft_wal w;
            struct raft_places p = {0};
            struct raft_wal_found found;
            enum err e = try(&s, &w, &p, &found, losses[i].snapshot);
            CHECK(e == losses[i].e, "%s: %s, %s", losses[i].why, err_name(e), s.why);
            CHECK(e != ERR_OK || w.last == losses[i].last, "%s: up to %" PRIu64, losses[i].why, w.last);
            CHECK(e != ERR_OK || (s.ballot.repair_to == losses[i].repair_to && s.ballot.vote.term == 7),
                  "%s: %" PRIu64 " is owed", losses[i].why, s.ballot.repair_to);
            CHECK(!is_alone || e == ERR_OK || strstr(s.why, "restore a backup") != NULL, "%s", s.why);
            if (e == ERR_OK && start == 1) {
                append(&s, &w, w.last + 1, 10);
            }
            raft_store_close(&s);
            raft_places_fini(&p);
        }
    }
    rotten = 0;
    is_alone = false;
}

/* Then the place where the log began anew rots, before anything came from a leader: what was before it is read again, and of
 * no more use than it was. */
static void rot_upon_rot_is_owed_still(void)
{
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_wal_found found;
    char name[RAFT_STORE_NAME];

    make_cut("twice", false);
    rotten = 60;
    REQUIRE(try(&s, &w, &p, &found, 0) == ERR_OK && w.last == 0, "%s", s.why);
    raft_store_name(w.segment, name);
    raft_store_close(&s);
    raft_places_fini(&p);
    p = (struct raft_places){0};
    rotten = 0; /* it is put aside */
    patch(name, RAFT_WAL_HEAD + 20, 1, 0x99);
    CHECK(try(&s, &w, &p, &found, 0) == ERR_OK && found.verdict == RAFT_WAL_DAMAGED && w.last == 0 && s.ballot.repair_to >= ENTRIES,
          "last %" PRIu64 ", owed %" PRIu64 ": %s", w.last, s.ballot.repair_to, s.why);
    raft_store_close(&s);
    raft_places_fini(&p);
}

static void only_one_process_has_it(void)
{
    struct raft_store s;
    bool fresh;
    int status;

    make("shared");
    REQUIRE(raft_store_open(&s, path, &fresh) == ERR_OK, "%s", s.why);
    pid_t child = fork();
    REQUIRE(child >= 0, "fork");
    if (child == 0) {
        struct raft_store other;
        _exit(raft_store_open(&other, path, &fresh) == ERR_EXISTS && strstr(other.why, "another process uses") != NULL ? 0 : 1);
    }
    REQUIRE(waitpid(child, &status, 0) == child, "it ends");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the second one is refused");
    raft_store_close(&s);
    REQUIRE(raft_store_open(&s, path, &fresh) == ERR_OK, "and free afterwards: %s", s.why);
    raft_store_close(&s);
}

static void retired_segments_are_filled_anew(void)
{
    struct raft_store s;
    struct raft_wal w;
    struct raft_places p = {0};
    struct raft_wal_found found;
    struct stat st;

    make("retired");
    REQUIRE(try(&s, &w, &p, &found, 0) == ERR_OK, "%s", s.why);
    uint64_t needed = raft_places_cut(&p, 60);
    CHECK(needed > 1, "segments before %" PRIu64 " can go", needed);
    raft_store_retire(&s, needed);
    CHECK(stat(in_dir(FIRST_SEGMENT), &st) != 0, "they have no place any more");
    append(&s, &w, ENTRIES + 1, 40);
    raft_store_close(&s);
    raft_places_fini(&p);
    p = (struct raft_places){0};
    CHECK(try(&s, &w, &p, &found, 0) == ERR_DATA_LOSS, "without a snapshot the beginning is missed");
    raft_store_close(&s);
    raft_places_fini(&p);
    p = (struct raft_places){0};
    CHECK(try(&s, &w, &p, &found, 60) == ERR_OK && found.verdict == RAFT_WAL_CLEAN && w.last == ENTRIES + 40,
          "with one it is not: %s", s.why);
    raft_store_close(&s);
    raft_places_fini(&p);
}

int main(void)
{
    int dir = scratch_open();

    every_flaw_has_its_word();
    a_damaged_log_is_cut_and_has_no_vote();
    a_rotten_snapshot_is_owed();
    rot_upon_rot_is_owed_still();
    only_one_process_has_it();
    retired_segments_are_filled_anew();
    fd_close(&dir);
    return CHECK_RESULT();
}
