/* The files of a package: one hash that says all of them, and git's ids of the same files.
 *
 * What is signed is the BLAKE2b-256 of the manifest, which names each file by path, kind, size and the BLAKE2b-256 of its bytes:
 *
 *   cell-registry-tree-1
 *   file 120 HASH src/main.c      by ascending path (bytes)
 *   exec 44 HASH tools/run.sh
 *   link docs/README.md ../README.md
 *
 * Git's own ids (SHA-1 or SHA-256 of blobs and trees) are reckoned from the same bytes, so that what was hashed is the tree that the commit
 * names; nothing is believed because of a SHA-1.
 *
 * A stranger wrote these files, and other hosts have other ideas of a path. So paths are whitelisted: [A-Za-z0-9._+@=,-] in components of
 * at most 100, none beginning with '-' or ending with '.', none that is git's own or a device elsewhere, none beyond ASCII, which has several spellings of
 * one letter (Unicode's normal forms), no two that differ in case alone. Links lead upwards only at their begin and not out of the tree; since
 * every link does so, no chain of them does. No devices, pipes, sockets, submodules, set-id bits. */
#ifndef CELL_REGISTRY_TREE_H
#define CELL_REGISTRY_TREE_H

#include "common/base/sha1.h"
#include "registry/text.h"

enum {
    REGISTRY_TREE_COMPONENT_MAX = 100,
    REGISTRY_TREE_PATH_MAX = 400,          /* characters */
    REGISTRY_TREE_DEPTH_MAX = 32,          /* components */
    REGISTRY_TREE_FILES_MAX = 100000,
    REGISTRY_TREE_FILE_MAX = 256 << 20,    /* bytes      */
    REGISTRY_TREE_TOTAL_MAX = 1 << 30,     /* bytes of all files: a bomb is no package */
    REGISTRY_TREE_LINE_MAX = 2 * REGISTRY_TREE_PATH_MAX + 128,
};

enum registry_tree_kind { REGISTRY_TREE_FILE, REGISTRY_TREE_EXEC, REGISTRY_TREE_LINK };

struct registry_tree_entry {
    enum registry_tree_kind kind;
    struct registry_slice path, target; /* borrowed; target: of a link                       */
    uint64_t size;                      /* the rest is reckoned by registry_tree_file_end    */
    uint8_t hash[REGISTRY_HASH_SIZE], sha1[SHA1_SIZE], sha256[32];
};

/* ---- one entry ---------------------------------------------------------------------------------------- */

/* NULL, or what is wrong, as a sentence: with a path; with where a link at `path` (a good one) leads; with the type and permissions of a file (st_mode,
 * as git has them, too), of which *ret_kind is filled. A folder is no entry: it is there by its files. */
const char *registry_tree_path_fault(struct registry_slice path);
const char *registry_tree_link_fault(struct registry_slice path, struct registry_slice target);
const char *registry_tree_mode_fault(uint32_t mode, enum registry_tree_kind *ret_kind);

/* The hashes of a file's bytes, in pieces of any size; of a link, its target is the bytes. size: bytes that will come, which git hashes first. */
struct registry_tree_hashing {
    uint64_t size, done;
    struct sha1 sha1;
    uint64_t sha256[16];       /* libsodium's states: this one, and …                                                   */
    uint8_t blake2b[384 + 63]; /* … one that wants to lie at 64 bytes, wherever this struct does, which therefore stays there */
};

void registry_tree_file_begin(struct registry_tree_hashing *h, uint64_t size);
void registry_tree_file_add(struct registry_tree_hashing *h, const void *bytes, size_t size);

/* ERR_MALFORMED: more or fewer bytes came than were said. *ret: size and hashes are filled; untouched on error. */
enum err registry_tree_file_end(struct registry_tree_hashing *h, struct registry_tree_entry *ret) MUST_CHECK;

/* ---- all of them -------------------------------------------------------------------------------------- */

/* NULL: entries ascend by path, each is good, no two are one on some host, none is a folder of another, and there are not too many. Else
 * what is wrong, and of which. scratch: count of them. O(count log count). */
const char *registry_tree_fault(const struct registry_tree_entry *entry, size_t count, uint32_t *scratch, size_t *ret_at);

/* The hash of the manifest of entries that registry_tree_fault accepts. */
void registry_tree_hash(const struct registry_tree_entry *entry, size_t count, uint8_t ret[REGISTRY_HASH_SIZE]);

/* Git's id of the root folder: 20 bytes, or 32 of a repository of SHA-256. O(count x depth). */
void registry_tree_git_sha1(const struct registry_tree_entry *entry, size_t count, uint8_t ret[SHA1_SIZE]);
void registry_tree_git_sha256(const struct registry_tree_entry *entry, size_t count, uint8_t ret[32]);

/* The manifest as lines: its first one, and that of an entry, with "\n"; returns the length. And back: the first entry of lines, which go on
 * behind it (path and target borrowed, no ids of git); false: not of this form. The whole is judged by registry_tree_fault. */
extern const char registry_tree_head[];
size_t registry_tree_line(const struct registry_tree_entry *e, char to[REGISTRY_TREE_LINE_MAX]);
bool registry_tree_next(struct registry_slice *lines, struct registry_tree_entry *ret) MUST_CHECK;

#endif
