/* What outlives a restart: kept and found, whatever became of some of its bytes. */
#include "datapath/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "tests/support/check.h"
#include "tests/support/scratch.h"

static struct datapath_peer_config peer_of(uint8_t number, uint8_t stamp)
{
    struct datapath_peer_config c = {.public = {number}};

    c.heard.said[11] = stamp;
    c.heard.ahead[11] = (uint8_t)(stamp + 100);
    return c;
}

static uint8_t heard(const struct datapath_store *s, uint8_t number)
{
    uint8_t public[DATAPATH_NOISE_KEY] = {number};
    struct datapath_heard ret;

    datapath_store_heard(s, public, &ret);
    CHECK(ret.ahead[11] == (ret.said[11] == 0 ? 0 : ret.said[11] + 100), "both are kept");
    return ret.said[11];
}

static void flip(const char *directory, off_t at)
{
    char path[512];
    uint8_t byte;

    (void)snprintf(path, sizeof path, "%s/stamps", directory);
    int fd = open(path, O_RDWR);
    REQUIRE(fd >= 0 && pread(fd, &byte, 1, at) == 1, "%s", path);
    byte ^= 1;
    REQUIRE(pwrite(fd, &byte, 1, at) == 1, "%s", path);
    (void)close(fd);
}

/* As many as there is room for, and one past it: the file stays as large as it is. They are written here, for keeping each
 * one looks at all others. */
static void many_are_bounded(const char *directory)
{
    struct datapath_store s;
    struct datapath_peer_config c = peer_of(0, 1);

    REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "open");
    for (uint32_t i = s.records; i < DATAPATH_STORE_RECORDS_MAX - 1; i++) {
        struct datapath_store_record r = {.public = {9}, .heard = {{1}, {0}}};
        memcpy(r.public + 1, &i, sizeof i);
        bytes_put_be32(r.check, bytes_crc32c(0, &r, sizeof r - sizeof r.check));
        REQUIRE(pwrite(s.fd, &r, sizeof r, (off_t)(i + 1) * (off_t)sizeof r) == sizeof r, "record %u", i);
    }
    datapath_store_close(&s);
    REQUIRE(datapath_store_open(&s, directory) == ERR_OK && s.records == DATAPATH_STORE_RECORDS_MAX - 1, "%u", s.records);
    c.public[0] = 10;
    CHECK(datapath_store_keep(&s, 1, &c) == ERR_OK && s.records == DATAPATH_STORE_RECORDS_MAX && s.replaced == 0, "the last place");
    c.public[0] = 11;
    CHECK(datapath_store_keep(&s, 1, &c) == ERR_OK && s.records == DATAPATH_STORE_RECORDS_MAX && s.replaced == 1, "one more");
    datapath_store_close(&s);
}

/* Whatever the clock says, and whether or not anything was kept of the life before but that it was. */
static void a_life_is_after_all_before(const char *directory)
{
    const uint64_t wall[] = {5000, 4000, 4000, 9000, 100};
    struct datapath_store s;
    uint64_t former = 0;

    for (size_t i = 0; i < sizeof wall / sizeof wall[0]; i++) {
        REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "open");
        CHECK(datapath_store_begin(&s, wall[i]) == ERR_OK && s.stamp_ns > former && s.stamp_ns >= wall[i], "life %d: %u after %u", (int)i,
              (unsigned)s.stamp_ns, (unsigned)former);
        former = s.stamp_ns;
        datapath_store_close(&s);
    }
    REQUIRE(datapath_store_open(&s, "") == ERR_OK, "nothing is kept");
    CHECK(datapath_store_begin(&s, 7) == ERR_OK && s.stamp_ns == 7, "and that is no error");
    datapath_store_close(&s);
}

static void peers_are_kept(const char *directory)
{
    struct datapath_store s;
    char *text;
    size_t size;

    REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "open");
    CHECK(datapath_store_get_peers(&s, &text, &size) == ERR_NOT_FOUND, "none yet");
    CHECK(datapath_store_put_peers(&s, "one", 3) == ERR_OK && datapath_store_put_peers(&s, "other", 5) == ERR_OK, "put");
    CHECK(datapath_store_put_peers(&s, "", DATAPATH_STORE_PEERS_MAX + (size_t)1) == ERR_LIMIT, "more than the limit");
    datapath_store_close(&s);
    REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "open");
    REQUIRE(datapath_store_get_peers(&s, &text, &size) == ERR_OK && size == 5 && memcmp(text, "other", 5) == 0, "the last");
    free(text);
    datapath_store_close(&s);
}

int main(void)
{
    const char *directory = scratch_dir;
    struct datapath_store s = {.fd = 0};

    REQUIRE(datapath_store_open(&s, "") == ERR_OK && s.fd == -1, "nothing is kept, and that is no error");
    struct datapath_peer_config c = peer_of(1, 7);
    CHECK(datapath_store_keep(&s, 1, &c) == ERR_OK, "nor is keeping");
    datapath_store_close(&s);
    CHECK(datapath_store_open(&s, "/nonexistent") == ERR_NOT_FOUND, "no directory");
    (void)close(scratch_open());
    for (int life = 0; life < 2; life++) {
        REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "life %d", life);
        CHECK(s.stamp_ns == (life == 0 ? 0 : 1000) && s.records == (life == 0 ? 0 : 2u), "life %d", life);
        for (int i = 0; i < 2; i++) { /* whoever speaks first takes nobody else's place */
            c = peer_of((uint8_t)(i == life ? 1 : 2), (uint8_t)(i == life ? 10 + life : 20));
            CHECK(datapath_store_keep(&s, 999 + (uint64_t)i, &c) == ERR_OK, "kept");
        }
        datapath_store_close(&s);
    }
    REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "one of them is heard");
    c = peer_of(2, 20);
    CHECK(datapath_store_keep(&s, 1000, &c) == ERR_OK && s.records == 2, "in its own place");
    datapath_store_close(&s);
    REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "again");
    CHECK(heard(&s, 1) == 11 && heard(&s, 2) == 20 && heard(&s, 3) == 0, "%u %u", heard(&s, 1), heard(&s, 2));
    datapath_store_close(&s);
    flip(directory, sizeof(struct datapath_store_record) + 3);
    flip(directory, 40);
    REQUIRE(datapath_store_open(&s, directory) == ERR_OK, "damaged");
    CHECK(s.stamp_ns == 0 && heard(&s, 1) == 0 && heard(&s, 2) == 20, "what is damaged is left out");
    c = peer_of(3, 30);
    CHECK(datapath_store_keep(&s, 1, &c) == ERR_OK && s.records == 2 && heard(&s, 3) == 30, "and its place is used again");
    datapath_store_close(&s);
    a_life_is_after_all_before(directory);
    many_are_bounded(directory);
    peers_are_kept(directory);
    datapath_store_close(&s);
    return CHECK_RESULT();
}
