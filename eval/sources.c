#include "eval/sources.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

static int ascending(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Sorts names and drops empty and repeated ones; returns how many stay. */
static size_t distinct(char **names, size_t n)
{
    size_t kept = 0;
    qsort(names, n, sizeof *names, ascending);
    for (size_t i = 0; i < n; i++)
        if (*names[i] && (kept == 0 || strcmp(names[kept - 1], names[i]) != 0)) names[kept++] = names[i];
    return kept;
}

/* This rank's distinct names, one after the other, each with its NUL. */
static int pack(const struct desy_scores *scores, char **text, size_t *size)
{
    const struct desy_texts *texts = &scores->source.names.texts;
    char **names = malloc((texts->n + 1) * sizeof *names);
    *text = NULL;
    *size = 0;
    if (!names) return desy_error_memory("names of sources");
    for (size_t i = 0; i < texts->n; i++) names[i] = texts->text + texts->starts[i];
    const size_t n = distinct(names, texts->n);
    for (size_t i = 0; i < n; i++) *size += strlen(names[i]) + 1;
    *text = malloc(*size + 1);
    char *at = *text;
    for (size_t i = 0; at && i < n; i++) at = stpcpy(at, names[i]) + 1;
    free(names);
    return *text ? DESY_OK : desy_error_memory("names of sources");
}

static int unpack(struct desy_sources *sources, char *text, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++) n += text[i] == '\0';
    sources->names = calloc(n + 1, sizeof *sources->names);
    if (!sources->names) return desy_error_memory("names of sources");
    size_t i = 0;
    for (char *at = text; at < text + size; at += strlen(at) + 1) sources->names[i++] = at;
    n = distinct(sources->names, n);
    for (i = 0; i < n; i++) {
        sources->names[i] = strdup(sources->names[i]);
        if (!sources->names[i]) break;
        sources->n++;
    }
    return i == n ? DESY_OK : desy_error_memory("names of sources");
}

static size_t find(const struct desy_sources *sources, const char *name)
{
    char **found = *name ? bsearch(&name, sources->names, sources->n, sizeof *sources->names, ascending) : NULL;
    return found ? (size_t)(found - sources->names) : sources->n;
}

/* What each of the rows' own names is here. */
static int number(struct desy_sources *sources, const struct desy_scores *scores)
{
    const struct desy_texts *texts = &scores->source.names.texts;
    sources->number = malloc((texts->n + 1) * sizeof *sources->number);
    if (!sources->number) return desy_error_memory("names of sources");
    for (size_t i = 0; i < texts->n; i++) sources->number[i] = (uint32_t)find(sources, desy_texts_at(texts, i));
    return DESY_OK;
}

int desy_sources_open(desy_world *world, const struct desy_scores *scores, struct desy_sources *sources)
{
    char *mine = NULL, *all = NULL;
    size_t size = 0, total = 0;
    *sources = (struct desy_sources){0};
    int rc = DESY_OK;
    DESY_TRY(desy_agree(world, pack(scores, &mine, &size)));
    DESY_TRY(desy_gatherall(world, mine, size, 1, (void **)&all, &total));
    rc = unpack(sources, all, total);
    if (rc == DESY_OK) rc = number(sources, scores);
    rc = desy_agree(world, rc);
out:
    free(mine);
    free(all);
    if (rc != DESY_OK) desy_sources_close(sources);
    return rc;
}

uint32_t desy_sources_of(const struct desy_sources *sources, const struct desy_scores *scores, size_t row)
{
    return scores->source.of ? sources->number[scores->source.of[row]] : (uint32_t)sources->n;
}

void desy_sources_close(struct desy_sources *sources)
{
    for (size_t i = 0; i < sources->n; i++) free(sources->names[i]);
    free(sources->names);
    free(sources->number);
    *sources = (struct desy_sources){0};
}
