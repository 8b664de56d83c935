#include "train/text.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { SHORTEST = 3, LONGEST = 5 };

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool desy_text_is_there(const char *text)
{
    while (text && is_space(*text)) text++;
    return text && *text;
}

static uint32_t rotate(uint32_t x, int bits)
{
    return x << bits | x >> (32 - bits);
}

/* MurmurHash3_x86_32 with seed 0 (Appleby 2010), of bytes in little-endian words. */
static uint32_t murmur3(const char *data, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)data;
    uint32_t hash = 0, word = 0;
    for (size_t i = 0; i < size; i++) {
        word |= (uint32_t)bytes[i] << 8 * (i % 4);
        if (i % 4 != 3 && i + 1 < size) continue;
        hash ^= rotate(word * 0xcc9e2d51u, 15) * 0x1b873593u;
        if (i % 4 == 3) hash = rotate(hash, 13) * 5 + 0xe6546b64u;
        word = 0;
    }
    hash ^= (uint32_t)size;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80; /* the character before it */
}

/* clean (DESY_TEXT_MOST + 2) gets the text as n-grams are taken of it, starts where its characters begin, and its end; returns how many characters. */
static int tidy(char *clean, uint16_t *starts, const char *text)
{
    size_t n = 0, size = strnlen(text, DESY_TEXT_MOST + 1);
    int characters = 0;
    if (size > DESY_TEXT_MOST)
        do size--;
        while (size > 0 && continues(text[size])); /* not within a character */
    clean[n++] = ' ';
    for (size_t i = 0; i < size; i++) {
        const char c = is_space(text[i]) ? ' ' : text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 'a' - 'A') : text[i];
        if (c != ' ' || clean[n - 1] != ' ') clean[n++] = c;
    }
    if (clean[n - 1] != ' ') clean[n++] = ' ';
    for (size_t i = 0; i < n; i++)
        if (!continues(clean[i])) starts[characters++] = (uint16_t)i;
    starts[characters] = (uint16_t)n;
    return characters;
}

void desy_text_buckets(float *buckets, const char *text)
{
    char clean[DESY_TEXT_MOST + 2];
    uint16_t starts[DESY_TEXT_MOST + 3];
    double squares = 0;
    memset(buckets, 0, DESY_TEXT_BUCKETS * sizeof *buckets);
    if (!desy_text_is_there(text)) return;
    const int characters = tidy(clean, starts, text);
    for (int n = SHORTEST; n <= LONGEST; n++)
        for (int i = 0; i + n <= characters; i++) {
            const int32_t hash = (int32_t)murmur3(clean + starts[i], (size_t)(starts[i + n] - starts[i]));
            buckets[(hash < 0 ? 0 - (uint32_t)hash : (uint32_t)hash) % DESY_TEXT_BUCKETS] += hash < 0 ? -1 : 1;
        }
    for (int b = 0; b < DESY_TEXT_BUCKETS; b++) squares += buckets[b] * buckets[b];
    for (int b = 0; squares > 0 && b < DESY_TEXT_BUCKETS; b++) buckets[b] = (float)(buckets[b] / sqrt(squares));
}
