#include "eval/units.h"

#include "base/error.h"
#include "base/hash.h"
#include "eval/sources.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* 64 bits of a name's SHA-256: two of a million units of one stratum share them once in 30 million data sets, and are then drawn together. */
struct key { uint64_t stratum, name; };

static int by_name(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    return a->name != b->name ? (a->name > b->name) - (a->name < b->name) : (a->stratum > b->stratum) - (a->stratum < b->stratum);
}

static int by_stratum(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    return a->stratum != b->stratum ? (a->stratum > b->stratum) - (a->stratum < b->stratum) : by_name(left, right);
}

static uint64_t name_of(const struct desy_score_row *row, bool grouped)
{
    return grouped && *row->group ? desy_hash64(row->group, strlen(row->group)) : ~desy_hash64(row->id, strlen(row->id));
}

static struct key key_of(const struct desy_scores *scores, size_t i, enum desy_unit kind, const struct desy_sources *sources)
{
    const struct desy_score_row row = desy_scores_row(scores, i);
    const uint64_t label = (uint64_t)row.label, name = name_of(&row, kind != DESY_UNIT_CLIPS);
    if (kind == DESY_UNIT_GROUPS) return (struct key){1 + label, name}; /* 3: of both */
    const uint64_t source = desy_sources_of(sources, scores, i);
    return (struct key){kind == DESY_UNIT_CLIPS ? 2 * source + label : label * (sources->n + 1) + source, name};
}

/* Sorts by stratum and drops repeated keys; of GROUPS, one of both labels goes to the stratum of its own. Returns how many stay. */
static size_t distinct(struct key *keys, size_t n, enum desy_unit kind)
{
    size_t kept = 0;
    if (kind == DESY_UNIT_GROUPS) {
        qsort(keys, n, sizeof *keys, by_name);
        for (size_t i = 0; i < n; i++) {
            if (kept > 0 && keys[kept - 1].name == keys[i].name) keys[kept - 1].stratum |= keys[i].stratum;
            else keys[kept++] = keys[i];
        }
        n = kept;
    }
    qsort(keys, n, sizeof *keys, by_stratum);
    kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || by_stratum(&keys[kept - 1], &keys[i]) != 0) keys[kept++] = keys[i];
    return kept;
}

static int find_strata(struct desy_units *units, const struct key *keys, size_t n_sources)
{
    units->first = malloc((units->n + 1) * sizeof *units->first);
    if (!units->first) return desy_error_memory("strata");
    for (size_t i = 0; i < units->n; i++) {
        if (i > 0 && keys[i].stratum == keys[i - 1].stratum) continue;
        units->first[units->n_strata++] = i;
        if (units->kind == DESY_UNIT_SOURCES && keys[i].stratum <= n_sources) units->n_real++;
    }
    units->first[units->n_strata] = units->n;
    return DESY_OK;
}

static int number_rows(struct desy_units *units, const struct desy_scores *scores, const struct desy_sources *sources, const struct key *keys)
{
    units->of = calloc(scores->n + 1, sizeof *units->of);
    if (!units->of) return desy_error_memory("units");
    for (size_t i = 0; i < scores->n; i++) {
        if (isnan(scores->score[i])) continue;
        struct key key = key_of(scores, i, units->kind, sources);
        const struct key *found = bsearch(&key, keys, units->n, sizeof *keys, by_stratum);
        key.stratum = 3;
        if (!found) found = bsearch(&key, keys, units->n, sizeof *keys, by_stratum); /* a group of both labels */
        units->of[i] = (uint32_t)(found - keys);
    }
    return DESY_OK;
}

int desy_units_open(desy_world *world, const struct desy_scores *scores, enum desy_unit kind, struct desy_units *units)
{
    int rc = DESY_OK;
    struct desy_sources sources = {0};
    struct key *mine = malloc((scores->n + 1) * sizeof *mine), *all = NULL;
    size_t n = 0, total = 0;
    *units = (struct desy_units){.kind = kind};
    DESY_TRY(desy_agree(world, mine ? DESY_OK : desy_error_memory("units")));
    DESY_TRY(desy_sources_open(world, scores, &sources));
    for (size_t i = 0; i < scores->n; i++)
        if (!isnan(scores->score[i])) mine[n++] = key_of(scores, i, kind, &sources);
    n = distinct(mine, n, kind);
    DESY_TRY(desy_gatherall(world, mine, n, sizeof *mine, (void **)&all, &total));
    units->n = distinct(all, total, kind);
    rc = find_strata(units, all, sources.n);
    if (rc == DESY_OK) rc = number_rows(units, scores, &sources, all);
    rc = desy_agree(world, rc);
out:
    desy_sources_close(&sources);
    free(mine);
    free(all);
    if (rc != DESY_OK) desy_units_close(units);
    return rc;
}

void desy_units_close(struct desy_units *units)
{
    free(units->first);
    free(units->of);
    *units = (struct desy_units){0};
}
