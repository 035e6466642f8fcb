/* Claims about answers that a node gives itself: what a question is, what is refused and how, and the bytes of what is said
 * (RFC 1035, 2308, 6891). */
#include <string.h>

#include "common/node/dns_serve.h"
#include "tests/support/check.h"

#define HEAD(flags, more) "\x12\x34" flags "\x00\x01\x00\x00\x00\x00\x00" more
#define B_CELL "\x01" "B\x04" "cell\x00\x00\x01\x00\x01"
#define OPT(version) "\x00\x00\x29\x10\x00\x00" version "\x00\x00\x00\x00"

static const struct {
    const char *why, *bytes;
    size_t size;
    enum err expected;
    uint8_t code;      /* of the answer; EDNS' part above it is looked at alone */
    uint16_t room;
} questions[] = {
#define ROW(why, bytes, expected, code, room) {why, bytes, sizeof(bytes) - 1, expected, code, room}
    ROW("plain", HEAD("\x01\x00", "\x00") B_CELL, ERR_OK, 0, 512),
    ROW("with EDNS", HEAD("\x01\x00", "\x01") B_CELL OPT("\x00"), ERR_OK, 0, 1232),
    ROW("EDNS of another version", HEAD("\x01\x00", "\x01") B_CELL OPT("\x01"), ERR_UNSUPPORTED, 0, 1232),
    ROW("EDNS twice", HEAD("\x01\x00", "\x02") B_CELL OPT("\x00") OPT("\x00"), ERR_MALFORMED, 1, 512),
    ROW("EDNS that is said to be there", HEAD("\x01\x00", "\x01") B_CELL, ERR_MALFORMED, 1, 512),
    ROW("of a name's options", HEAD("\x01\x00", "\x01") B_CELL "\x01" "a\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00", ERR_MALFORMED, 1, 512),
    ROW("options that end behind it", HEAD("\x01\x00", "\x01") B_CELL "\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x04" "abc", ERR_MALFORMED, 1, 512),
    ROW("an answer", HEAD("\x81\x00", "\x00") B_CELL, ERR_DENIED, 0, 0),
    ROW("cut off", "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00", ERR_DENIED, 0, 0),
    ROW("nothing", "", ERR_DENIED, 0, 0),
    ROW("an update", HEAD("\x28\x00", "\x00") B_CELL, ERR_UNSUPPORTED, 4, 512),
    ROW("two questions", "\x12\x34\x01\x00\x00\x02\x00\x00\x00\x00\x00\x00" B_CELL B_CELL, ERR_MALFORMED, 1, 512),
    ROW("none", "\x12\x34\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00", ERR_MALFORMED, 1, 512),
    ROW("with an answer in it", "\x12\x34\x01\x00\x00\x01\x00\x01\x00\x00\x00\x00" B_CELL, ERR_MALFORMED, 1, 512),
    ROW("a name that points at itself", HEAD("\x01\x00", "\x00") "\xc0\x0c\x00\x01\x00\x01", ERR_MALFORMED, 1, 512),
    ROW("a name without an end", HEAD("\x01\x00", "\x00") "\x3f" "abc", ERR_MALFORMED, 1, 512),
    ROW("no class", HEAD("\x01\x00", "\x00") "\x01" "B\x00\x00\x01", ERR_MALFORMED, 1, 512),
#undef ROW
};

static void questions_are_read_or_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        uint8_t out[DNS_SERVE_MOST];
        struct dns_asked a = {.room = 0};
        const uint8_t *bytes = (const uint8_t *)questions[i].bytes;
        enum err e = dns_serve_read(bytes, questions[i].size, &a);
        CHECK(e == questions[i].expected && a.room == questions[i].room, "%s: %s, %u", questions[i].why, err_name(e), a.room);
        if (e == ERR_OK) {
            CHECK(strcmp(a.name, "b.cell") == 0 && a.type == DNS_A && a.class == 1 && a.id == 0x1234 && a.wants_recursion,
                  "%s: %s", questions[i].why, a.name);
        } else if (e != ERR_DENIED) {
            size_t size = dns_serve_refuse(bytes, &a, e, out);
            CHECK(size >= DNS_HEADER && memcmp(out, "\x12\x34", 2) == 0 && (out[2] & 0x80) != 0 && (out[3] & 15) == questions[i].code,
                  "%s: code %u", questions[i].why, out[3] & 15);
            CHECK((a.version == 0 && out[11] == 0) || (out[11] == 1 && out[size - 6] == 1), "%s: version", questions[i].why);
        }
    }
}

static struct dns_asked ask(const char *question, size_t size)
{
    struct dns_asked a;

    REQUIRE(dns_serve_read((const uint8_t *)question, size, &a) == ERR_OK, "a question");
    return a;
}

static void answers_are_what_the_rfc_says(void)
{
    static const char question[] = HEAD("\x01\x00", "\x00") B_CELL;
    static const char expected[] = "\x12\x34\x85\x00\x00\x01\x00\x01\x00\x00\x00\x00" B_CELL
                                   "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x0a\x00\x04\x0a\x09\x00\x02";
    static const char none[] = "\x12\x34\x85\x03\x00\x01\x00\x00\x00\x01\x00\x00" B_CELL
                               "\x04" "cell\x00\x00\x06\x00\x01\x00\x00\x00\x0a\x00\x20"
                               "\x04" "cell\x00\x04" "cell\x00\x00\x00\x00\x01\x00\x00\x00\x3c\x00\x00\x00\x3c\x00\x00\x00\x3c\x00\x00\x00\x0a";
    struct dns_asked a = ask(question, sizeof question - 1);
    struct dns_said said = {.zone = "cell", .ttl_s = 10, .records = 1, .record = {{.type = DNS_A, .ip = {10, 9, 0, 2}}}};
    uint8_t out[DNS_SERVE_MOST];

    size_t size = dns_serve_write((const uint8_t *)question, &a, &said, out);
    CHECK(size == sizeof expected - 1 && memcmp(out, expected, size) == 0, "an address: %zu bytes", size);
    said = (struct dns_said){.zone = "cell", .ttl_s = 10, .code = DNS_NXDOMAIN};
    size = dns_serve_write((const uint8_t *)question, &a, &said, out);
    CHECK(size == sizeof none - 1 && memcmp(out, none, size) == 0, "no such name: %zu bytes", size);
    said = (struct dns_said){.code = DNS_REFUSED};
    size = dns_serve_write((const uint8_t *)question, &a, &said, out);
    CHECK(size == sizeof question - 1 && (out[2] & DNS_FLAG_AUTHORITY) == 0 && out[3] == DNS_REFUSED, "not ours: %zu bytes", size);
}

/* Our own reader understands them, however long the names are; and they fit. */
static void answers_fit(void)
{
    static const char pointer[] = HEAD("\x01\x00", "\x01") "\x01" "2\x07" "in-addr\x04" "arpa\x00\x00\x0c\x00\x01" OPT("\x00");
    uint8_t out[DNS_SERVE_MOST], question[DNS_QUESTION_MAX];
    char longest[DNS_NAME_MAX + 1];
    struct dns_said said = {.ttl_s = 10, .records = DNS_SERVE_RECORDS_MAX};
    struct dns_reply reply;
    struct dns_asked a;
    size_t size;

    for (size_t i = 0; i < DNS_NAME_MAX; i++) {
        longest[i] = i % 64 == 63 ? '.' : 'a';
    }
    longest[DNS_NAME_MAX] = '\0';
    memcpy(said.zone, longest, sizeof longest);
    for (uint32_t i = 0; i < DNS_SERVE_RECORDS_MAX; i++) {
        said.record[i] = (struct dns_record){.type = DNS_AAAA, .ip = {0xfd, [15] = (uint8_t)i}};
    }
    REQUIRE(dns_wire_ask(7, longest, DNS_AAAA, question, &size) == ERR_OK, "a question");
    REQUIRE(dns_serve_read(question, size, &a) == ERR_OK, "is read");
    size = dns_serve_write(question, &a, &said, out);
    CHECK(size <= DNS_SERVE_PLAIN && (out[2] & DNS_FLAG_CUT) == 0, "%zu bytes", size);
    CHECK(dns_wire_read(out, size, 7, longest, DNS_AAAA, &reply) == ERR_OK && reply.hosts == DNS_SERVE_RECORDS_MAX &&
          reply.ttl_s == 10 && !reply.is_cut && reply.host[7].ip[15] == 7, "and all are read");
    a = ask(pointer, sizeof pointer - 1);
    for (uint32_t i = 0; i < DNS_SERVE_RECORDS_MAX; i++) {
        said.record[i] = (struct dns_record){.type = DNS_PTR};
        memcpy(said.record[i].name, longest, sizeof longest);
    }
    size = dns_serve_write((const uint8_t *)pointer, &a, &said, out);
    CHECK(size <= a.room && (out[2] & DNS_FLAG_CUT) != 0 && out[7] == 4 && out[11] == 1, "what does not fit is said to be cut off: %zu, %u", size, out[7]);
}

int main(void)
{
    questions_are_read_or_refused();
    answers_are_what_the_rfc_says();
    answers_fit();
    return CHECK_RESULT();
}
