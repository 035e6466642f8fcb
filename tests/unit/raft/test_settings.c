/* What a manifest may say of a raft cell, both sides of each limit, and what is said of the rest. */
#include <stdio.h>
#include <string.h>

#include "raft/settings.h"
#include "tests/support/check.h"

static struct raft_settings s;
static char why[CONF_WHY_SIZE];

static enum err read_as(const char *text, uint32_t instance, const char *node)
{
    why[0] = '\0';
    return raft_settings_read(text, "raft", instance, node, &s, why);
}

static void what_is_usual(void)
{
    CHECK(read_as("", 2, "db-1") == ERR_OK && s.peers == 0, "nothing needs to be said: a cluster of its own");
    CHECK(strcmp(s.self, "raft.2") == 0 && strcmp(s.name, "raft.2") == 0, "it is called as its instance: %s", s.self);
    CHECK(s.heartbeat_ms == RAFT_SETTINGS_HEARTBEAT_MS && s.election_ms == RAFT_SETTINGS_ELECTION_MS && !s.lease_reads &&
              s.cache_mib == RAFT_SETTINGS_CACHE_MIB && s.log_mib == RAFT_SETTINGS_LOG_MIB &&
              s.segment_mib == RAFT_SETTINGS_SEGMENT_MIB && s.tail == RAFT_SETTINGS_TAIL, "and the usual numbers");
}

static void who_the_peers_are(void)
{
    static const struct {
        const char *text;
        uint32_t instance;
        enum err e;
        const char *self, *claim;
    } rows[] = {
        {"peers: [raft.0, raft.1, raft.2]", 1, ERR_OK, "raft.1", "an instance is among them by its own name"},
        {"peers: [raft@db-1, raft@db-2]", 0, ERR_OK, "raft@db-1", "a node by its node's"},
        {"{peers: [raft.0, raft@db-2], self: raft@db-2}", 0, ERR_OK, "raft@db-2", "or as it says"},
        {"peers: [raft.0, raft.1]", 2, ERR_INVALID, "", "who is not among them cannot be one"},
        {"{peers: [raft.0, raft.1], self: raft.5}", 0, ERR_INVALID, "", "whatever it says"},
        {"peers: [raft.0, raft.0]", 0, ERR_INVALID, "", "nobody is two"},
        {"peers: [raft.0, raft]", 0, ERR_INVALID, "", "a name alone is nobody"},
        {"peers: [raft.0, 'no name']", 0, ERR_INVALID, "", "nor is what is no name"},
        {"{self: raft}", 0, ERR_INVALID, "", "a self that nobody can reach"},
        {"{name: 'no name'}", 0, ERR_INVALID, "", "a name that is none"},
        {"{name: first}", 0, ERR_OK, "raft.0", "a name for people"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err e = read_as(rows[i].text, rows[i].instance, "db-1");
        CHECK(e == rows[i].e && (e == ERR_OK || why[0] != '\0'), "%s: %s %s", rows[i].claim, err_name(e), why);
        CHECK(e != ERR_OK || strcmp(s.self, rows[i].self) == 0, "%s: %s", rows[i].claim, s.self);
    }
}

static void peers_are_bounded(void)
{
    char text[16 * (RAFT_MEMBERS_MAX + 2)];

    for (int peers = RAFT_MEMBERS_MAX; peers <= RAFT_MEMBERS_MAX + 1; peers++) {
        size_t size = (size_t)snprintf(text, sizeof text, "peers: [raft.0");
        for (int i = 1; i < peers; i++) {
            size += (size_t)snprintf(text + size, sizeof text - size, ", raft.%d", i);
        }
        (void)snprintf(text + size, sizeof text - size, "]");
        CHECK((read_as(text, 0, "db-1") == ERR_OK) == (peers == RAFT_MEMBERS_MAX), "%d peers: %s", peers, why);
    }
}

static void numbers_have_bounds(void)
{
    static const struct {
        const char *text;
        bool is_good;
        const char *claim;
    } rows[] = {
        {"election_ms: 49", false, "an election timeout has a least"},
        {"election_ms: 50", true, "… this"},
        {"election_ms: 60000", true, "and a most"},
        {"election_ms: 60001", false, "… which this is past"},
        {"{election_ms: 1000, heartbeat_ms: 200}", true, "five heartbeats fit at the least"},
        {"{election_ms: 1000, heartbeat_ms: 201}", false, "… not fewer"},
        {"{election_ms: 1000, heartbeat_ms: 11}", true, "a hundred at the most"},
        {"{election_ms: 1000, heartbeat_ms: 10}", false, "… not more"},
        {"cache_mib: 3", false, "a cache takes what gathers"},
        {"cache_mib: 4", true, "… in this"},
        {"cache_mib: 1024", true, "and has a most"},
        {"cache_mib: 1025", false, "…"},
        {"log_mib: 0", false, "some log there is"},
        {"log_mib: 65536", true, "… up to this"},
        {"log_mib: 65537", false, "… no more"},
        {"segment_mib: 3", false, "a segment holds any entry"},
        {"segment_mib: 4", true, "… this one does"},
        {"segment_mib: 1024", true, "the largest"},
        {"segment_mib: 1025", false, "one too large"},
        {"tail: 0", false, "some entries stay"},
        {"tail: 1", true, "… one"},
        {"tail: -1", false, "numbers are not negative"},
        {"tail: many", false, "nor words"},
        {"lease_reads: yes", true, "a switch is on"},
        {"lease_reads: perhaps", false, "or off"},
        {"what_is_this: 1", false, "what nobody knows is refused"},
        {"[a, list]", false, "a list is no settings"},
        {"{", false, "nor is half a text"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum err e = read_as(rows[i].text, 0, "db-1");
        CHECK((e == ERR_OK) == rows[i].is_good && (e == ERR_OK || why[0] != '\0'), "%s (%s): %s %s", rows[i].text, rows[i].claim,
              err_name(e), why);
    }
    CHECK(read_as("{election_ms: 600, lease_reads: 'yes'}", 0, "db-1") == ERR_OK && s.heartbeat_ms == 100 && s.lease_reads,
          "heartbeats follow the election timeout: %u", s.heartbeat_ms);
}

static void nothing_changes_on_an_error(void)
{
    struct raft_settings before;

    CHECK(read_as("tail: 77", 0, "db-1") == ERR_OK, "good");
    before = s;
    CHECK(read_as("{tail: 78, cache_mib: 1}", 0, "db-1") == ERR_INVALID && memcmp(&before, &s, sizeof s) == 0 &&
              strstr(why, "cache_mib") != NULL, "what was there stays, and the reason is named: %s", why);
}

int main(void)
{
    what_is_usual();
    who_the_peers_are();
    peers_are_bounded();
    numbers_have_bounds();
    nothing_changes_on_an_error();
    return CHECK_RESULT();
}
