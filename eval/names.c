#include "eval/names.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int desy_texts_append(struct desy_texts *texts, const char *text)
{
    const size_t size = strlen(text) + 1;
    if (texts->room - texts->used < size) {
        const size_t room = 2 * texts->room + size + 256;
        char *larger = realloc(texts->text, room);
        if (!larger) return desy_error_memory("texts");
        texts->text = larger;
        texts->room = room;
    }
    if (texts->n == texts->allocated) {
        const size_t allocated = texts->allocated ? 2 * texts->allocated : 64;
        uint64_t *starts = realloc(texts->starts, allocated * sizeof *starts);
        if (!starts) return desy_error_memory("texts");
        texts->starts = starts;
        texts->allocated = allocated;
    }
    memcpy(texts->text + texts->used, text, size);
    texts->starts[texts->n++] = texts->used;
    texts->used += size;
    return DESY_OK;
}

void desy_texts_close(struct desy_texts *texts)
{
    free(texts->text);
    free(texts->starts);
    *texts = (struct desy_texts){0};
}

/* A factor of 0 would forget the other one, and who writes the texts can choose it. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    a |= !a;
    b |= !b;
    const unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word(const char *text)
{
    uint64_t value;
    memcpy(&value, text, sizeof value);
    return value;
}

static uint64_t half(const char *text)
{
    uint32_t value;
    memcpy(&value, text, sizeof value);
    return value;
}

/* The last 16 bytes at most, by loads that overlap: no loop, and nothing beyond the text is read. */
static uint64_t fold_end(const char *text, size_t size, uint64_t a, uint64_t b)
{
    if (size > 8) return fold(word(text) ^ a, word(text + size - 8) ^ b);
    if (size >= 4) return fold(half(text) ^ a, half(text + size - 4) ^ b);
    const unsigned char *c = (const unsigned char *)text;
    return fold((size > 0 ? c[0] | (uint64_t)c[size / 2] << 8 | (uint64_t)c[size - 1] << 16 : 0) ^ a, b);
}

uint64_t desy_text_hash(const char *text, size_t size)
{
    static const uint64_t a = 0x9e3779b97f4a7c15, b = 0xbf58476d1ce4e5b9; /* as in splitmix64: odd, bits spread evenly */
    uint64_t hash = size * a;
    for (; size > 16; text += 16, size -= 16) hash = fold(word(text) ^ hash ^ a, word(text + 8) ^ b);
    return fold(fold_end(text, size, hash ^ a, b) ^ b, a);
}

static size_t first_slot(const struct desy_names *names, const char *text) { return desy_text_hash(text, strlen(text)) & (names->n_slots - 1); }

static int grow(struct desy_names *names)
{
    struct desy_names larger = {.texts = names->texts, .n_slots = names->n_slots ? 2 * names->n_slots : 64};
    larger.slots = calloc(larger.n_slots, sizeof *larger.slots);
    if (!larger.slots) return desy_error_memory("names");
    for (size_t i = 0; i < names->texts.n; i++) {
        size_t slot = first_slot(&larger, desy_texts_at(&names->texts, i));
        while (larger.slots[slot]) slot = (slot + 1) & (larger.n_slots - 1);
        larger.slots[slot] = (uint32_t)i + 1;
    }
    free(names->slots);
    *names = larger;
    return DESY_OK;
}

int desy_names_add(struct desy_names *names, const char *text, uint32_t *number)
{
    int rc = DESY_OK;
    if (2 * (names->texts.n + 1) > names->n_slots) DESY_TRY(grow(names));
    size_t slot = first_slot(names, text);
    for (; names->slots[slot]; slot = (slot + 1) & (names->n_slots - 1))
        if (strcmp(desy_texts_at(&names->texts, names->slots[slot] - 1), text) == 0) {
            *number = names->slots[slot] - 1;
            return DESY_OK;
        }
    if (names->texts.n >= UINT32_MAX - 1) return desy_error(DESY_EDATA, "more than %u different names of sources or groups", UINT32_MAX - 1);
    DESY_TRY(desy_texts_append(&names->texts, text));
    *number = (uint32_t)names->texts.n - 1;
    names->slots[slot] = (uint32_t)names->texts.n;
out:
    return rc;
}

void desy_names_close(struct desy_names *names)
{
    desy_texts_close(&names->texts);
    free(names->slots);
    *names = (struct desy_names){0};
}
