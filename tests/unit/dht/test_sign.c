/* Claims about signatures: of this node's key for records, over everything in them but the life that is left. */
#include <string.h>

#include "dht/sign.h"
#include "tests/support/check.h"

static struct dht_signer signer_of(uint8_t who)
{
    struct node_keys keys = {0};
    uint8_t seed[NODE_SEED_LEN] = {who};
    struct dht_signer s;

    keys_derive(seed, &keys);
    dht_sign_init(&s, &keys);
    return s;
}

static void a_key_follows_from_the_node(void)
{
    struct dht_signer one = signer_of(1), again = signer_of(1), two = signer_of(2);

    CHECK(memcmp(&one, &again, sizeof one) == 0, "the same in every life");
    CHECK(memcmp(one.owner, two.owner, sizeof one.owner) != 0, "another node's is another");
}

static void what_is_signed_cannot_be_changed(void)
{
    static const struct {
        size_t from_end; /* byte that is changed, counted from the end; 0: none */
        bool is_good;
        const char *why;
    } rows[] = {
        {0, true, "as it was signed"}, {1, false, "the signature's last byte"}, {64, false, "… and first"},
        {65, false, "the value"}, {70, false, "its size"}, {72, false, "the name"},
    };
    struct dht_signer s = signer_of(1);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t signature[DHT_SIGNATURE_SIZE], bytes[DHT_RECORD_MAX];
        struct dht_record r = {.kind = DHT_MUTABLE, .seq = 3, .until_s = 9, .salt = (const uint8_t *)"na", .salt_size = 2,
                               .value = (const uint8_t *)"value", .value_size = 5}, out;
        dht_sign_record(&s, &r, signature);
        size_t size = dht_record_write(&r, bytes);
        if (rows[i].from_end > 0) {
            bytes[size - rows[i].from_end] ^= 1;
        }
        bool is_record = dht_record_read(bytes, size, &out) == ERR_OK;
        CHECK((is_record && dht_record_is_genuine(&out, dht_sign_verify, NULL)) == rows[i].is_good, "row %zu: %s", i, rows[i].why);
    }
}

int main(void)
{
    a_key_follows_from_the_node();
    what_is_signed_cannot_be_changed();
    return CHECK_RESULT();
}
