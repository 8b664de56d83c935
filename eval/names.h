/* Texts that occur again and again, each kept once and numbered in the order of its first occurrence. */
#ifndef DESY_EVAL_NAMES_H
#define DESY_EVAL_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* Texts one after the other, each with its NUL. All zeros: empty. */
struct desy_texts {
    char *text;
    size_t used, room;
    uint64_t *starts; /* text i is at text + starts[i] */
    size_t n, allocated;
};
/* DESY_EENV: memory. */
int desy_texts_append(struct desy_texts *texts, const char *text);
static inline const char *desy_texts_at(const struct desy_texts *texts, size_t i) { return texts->text + texts->starts[i]; }
void desy_texts_close(struct desy_texts *texts);

/* A hash of a short text: 16 bytes a multiplication of 64 by 64 bits, the halves of whose product are folded. Not cryptographic. */
uint64_t desy_text_hash(const char *text, size_t size);

struct desy_names {
    struct desy_texts texts;
    uint32_t *slots; /* a hash table: 1 + number, 0: free */
    size_t n_slots;  /* a power of 2 */
};
/* *number of `text`, which is added if it is new. DESY_EENV: memory; DESY_EDATA: more than 2^32 - 2 names. */
int desy_names_add(struct desy_names *names, const char *text, uint32_t *number);
void desy_names_close(struct desy_names *names);

#endif
