#include "features/fingerprint.h"

#include <math.h>
#include <string.h>

#define SIDE 32                        /* of the small picture */
#define BOX (DESY_INPUT_SIDE / SIDE)   /* pixels of the large one in each of its */
#define BANDS 11                       /* frequencies of an axis that the first 65 in zigzag order reach */
#define COSINE_BITS 12
/* A coefficient of a wave with an amplitude of half a grey level: luma has 8 bits below the point and is a sum over 49 pixels; cosines have 12 bits,
 * and the sum of a cosine's square over an axis is 16. */
#define LEAST_COEFFICIENT ((int64_t)(.5 * 256 * BOX * BOX) * 16 * 16 << 2 * COSINE_BITS)
#define LEAST_DETAILS 32

/* cos(pi (2 x + 1) u / 64), in integers, so that the same picture has the same hash everywhere. */
static void make_cosines(int32_t cosines[BANDS][SIDE])
{
    for (int u = 0; u < BANDS; u++)
        for (int x = 0; x < SIDE; x++) cosines[u][x] = (int32_t)lrint(cos(3.14159265358979323846 * (2 * x + 1) * u / (2 * SIDE)) * (1 << COSINE_BITS));
}

static void shrink(int64_t small[SIDE][SIDE], const uint8_t *rgb)
{
    memset(small, 0, SIDE * sizeof *small);
    for (int y = 0; y < DESY_INPUT_SIDE; y++)
        for (int x = 0; x < DESY_INPUT_SIDE; x++, rgb += 3) small[y / BOX][x / BOX] += 77 * rgb[0] + 150 * rgb[1] + 29 * rgb[2];
}

uint64_t desy_fingerprint_picture(const uint8_t *rgb, bool *detailed)
{
    static const int count = 64;
    int32_t cosines[BANDS][SIDE];
    int64_t small[SIDE][SIDE], rows[SIDE][BANDS];
    uint64_t hash = 0;
    int bit = 0, details = 0;
    make_cosines(cosines);
    shrink(small, rgb);
    for (int y = 0; y < SIDE; y++)
        for (int u = 0; u < BANDS; u++) {
            rows[y][u] = 0;
            for (int x = 0; x < SIDE; x++) rows[y][u] += small[y][x] * cosines[u][x];
        }
    for (int sum = 1; bit < count; sum++)
        for (int i = 0; i <= sum && bit < count; i++, bit++) {
            const int v = sum % 2 ? i : sum - i, u = sum - v;
            int64_t c = 0;
            for (int y = 0; y < SIDE; y++) c += rows[y][u] * cosines[v][y];
            hash |= (uint64_t)(c > 0) << bit;
            details += (c > 0 ? c : -c) >= LEAST_COEFFICIENT << ((u == 0) + (v == 0));
        }
    *detailed = details >= LEAST_DETAILS;
    return hash;
}

void desy_fingerprint_clip(struct desy_fingerprint *print, const struct desy_clip *clip)
{
    memset(print, 0, sizeof *print);
    for (int k = 0; k < DESY_FINGERPRINT_FRAMES; k++) {
        bool detailed;
        const int last = DESY_FINGERPRINT_FRAMES - 1, frame = clip->frames < DESY_FINGERPRINT_FRAMES ? (2 * k * (clip->frames - 1) + last) / (2 * last) : k;
        print->frames[k] = desy_fingerprint_picture(&clip->rgb[frame][0][0][0], &detailed);
        print->detailed |= (uint8_t)(detailed << k);
    }
}

double desy_fingerprint_distance(const struct desy_fingerprint *a, const struct desy_fingerprint *b)
{
    const unsigned both = a->detailed & b->detailed;
    int frames = 0, bits = 0;
    for (int k = 0; k < DESY_FINGERPRINT_FRAMES; k++) {
        if (!(both >> k & 1)) continue;
        bits += __builtin_popcountll(a->frames[k] ^ b->frames[k]);
        frames++;
    }
    return frames < DESY_FINGERPRINT_LEAST ? -1 : (double)bits / frames;
}
