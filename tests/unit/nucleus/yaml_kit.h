/* What the manifest tests share: text in, manifest or message out, and a count of broken claims. */
#ifndef CELL_TESTS_UNIT_NUCLEUS_YAML_KIT_H
#define CELL_TESTS_UNIT_NUCLEUS_YAML_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nucleus/yaml.h"

extern int kit_failed; /* claims that did not hold: the test's exit status */

/* A claim: told and counted when false. */
#define KIT_CHECK(claim, ...)                                                                      \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            kit_fault(__FILE__, __LINE__, #claim, __VA_ARGS__);                                    \
        }                                                                                          \
    } while (0)
void kit_fault(const char *file, int line, const char *claim, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Parse as file "t.yaml" from a block of exactly this size (sanitizers see a read past it). Checks
 * what holds for every input: a message is one printable line that fits, *ret is untouched on
 * error. */
enum err kit_parse(const char *text, size_t size, struct manifest *ret, char *why);

/* Parse text that must be good; exits the test when it is not. */
struct manifest kit_good(const char *text);

/* The hash of the only cell of good text. */
uint64_t kit_hash(const char *text);

/* Text that must be refused: with this error, in this line, and with both words in the message. */
void kit_bad(const char *text, size_t size, enum err e, uint32_t line, const char *word,
             const char *expected, const char *why);

/* A growing text. Zero-initialised is empty; free .at. */
struct kit_text {
    char *at;
    size_t len;
    size_t room;
};
void kit_add(struct kit_text *t, const char *format, ...) PRINTF_LIKE(2, 3);
void kit_fill(struct kit_text *t, const char *piece, size_t count); /* append it so many times */

/* The content of a file of the source tree, terminated; exits the test when it is not there. */
char *kit_file(const char *path_from_root, size_t *ret_size);

#endif
