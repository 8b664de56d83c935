#include "mpi/same.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

/* Maxima of the halves and of their negatives, which doubles hold exactly: the largest and the smallest. */
static bool is_same(desy_world *world, uint64_t hash)
{
    const double high = (double)(hash >> 32), low = (double)(hash & UINT32_MAX);
    double bounds[] = {high, -high, low, -low};
    desy_max_f64(world, bounds, 4);
    return bounds[0] == -bounds[1] && bounds[2] == -bounds[3];
}

/* How many ranks have what rank r has. */
static int count_like(const uint64_t *hashes, int ranks, int r)
{
    int n = 0;
    for (int other = 0; other < ranks; other++) n += hashes[other] == hashes[r];
    return n;
}

/* "rank 2", "ranks 1 and 3": those that are not like most; of more than four the first. "": no hash is that of more than half. */
static void name_odd(char text[96], const uint64_t *hashes, int ranks)
{
    int most = 0, named = 0, odd = 0;
    size_t used = 0;
    for (int r = 1; r < ranks; r++)
        if (count_like(hashes, ranks, r) > count_like(hashes, ranks, most)) most = r;
    text[0] = '\0';
    if (2 * count_like(hashes, ranks, most) <= ranks) return;
    for (int r = 0; r < ranks; r++) odd += hashes[r] != hashes[most];
    used = (size_t)snprintf(text, 96, odd == 1 ? "rank " : "ranks ");
    for (int r = 0; r < ranks && named < 4; r++)
        if (hashes[r] != hashes[most]) used += (size_t)snprintf(text + used, 96 - used, "%s%d", named++ ? ", " : "", r);
    if (odd > named) snprintf(text + used, 96 - used, " and %d more", odd - named);
}

int desy_same(desy_world *world, uint64_t hash, int code, const char *what, const char *advice)
{
    uint64_t *hashes = NULL;
    size_t ranks;
    char odd[96];
    if (is_same(world, hash)) return DESY_OK;
    const int rc = desy_gatherall(world, &hash, 1, sizeof hash, (void **)&hashes, &ranks);
    if (rc != DESY_OK) return rc;
    name_odd(odd, hashes, (int)ranks);
    free(hashes);
    if (odd[0]) return desy_error(code, "%s differ on %s from those of the other ranks: %s", what, odd, advice);
    return desy_error(code, "%s differ between the ranks, and none has those of most: %s", what, advice);
}
