/* The table of items: texts in one arena, sources once, a hash table of ids to find duplicates: about 60 bytes an item and its texts. */
#include "features/dataset_table.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t id;
    uint64_t path, group, text, audio; /* offsets in the arena; 0 is "" */
    float cost;
    uint32_t source;
    int8_t label, split;
};

struct desy_dataset {
    char *root, *arena;
    size_t arena_used, arena_room;
    struct entry *entries;
    size_t count, room;
    uint32_t *slots; /* open addressing; index + 1, 0: free */
    size_t slot_count;
    uint64_t *sources; /* arena offsets */
    uint32_t source_count, source_room;
};

static int grow(void **array, size_t *room, size_t needed, size_t element)
{
    if (needed <= *room) return DESY_OK;
    size_t larger = *room ? *room + *room / 2 : 1024;
    if (larger < needed) larger = needed;
    void *moved = realloc(*array, larger * element);
    if (!moved) return desy_error_memory("the data set");
    *array = moved, *room = larger;
    return DESY_OK;
}

static int keep_text(desy_dataset *dataset, const char *text, uint64_t *offset)
{
    *offset = 0;
    if (!*text) return DESY_OK;
    size_t length = strlen(text) + 1;
    int rc = grow((void **)&dataset->arena, &dataset->arena_room, dataset->arena_used + length, 1);
    if (rc != DESY_OK) return rc;
    memcpy(dataset->arena + dataset->arena_used, text, length);
    *offset = dataset->arena_used;
    dataset->arena_used += length;
    return DESY_OK;
}

/* Sources are few (generators, collections), so those seen lately are looked through; one that is not among them is kept again. */
#define LATELY 64
static int keep_source(desy_dataset *dataset, const char *text, uint32_t *index)
{
    for (uint32_t i = dataset->source_count; i-- > (dataset->source_count > LATELY ? dataset->source_count - LATELY : 0);)
        if (strcmp(dataset->arena + dataset->sources[i], text) == 0) {
            *index = i;
            return DESY_OK;
        }
    size_t room = dataset->source_room;
    int rc = grow((void **)&dataset->sources, &room, dataset->source_count + 1u, sizeof *dataset->sources);
    if (rc != DESY_OK) return rc;
    dataset->source_room = (uint32_t)room;
    *index = dataset->source_count;
    return keep_text(dataset, text, &dataset->sources[dataset->source_count++]);
}

static size_t slot_of(const desy_dataset *dataset, uint64_t id)
{
    size_t slot = (size_t)(id & (dataset->slot_count - 1));
    while (dataset->slots[slot] && dataset->entries[dataset->slots[slot] - 1].id != id) slot = (slot + 1) & (dataset->slot_count - 1);
    return slot;
}

static int grow_slots(desy_dataset *dataset)
{
    if (3 * (dataset->count + 1) < 2 * dataset->slot_count) return DESY_OK;
    size_t larger = dataset->slot_count ? 2 * dataset->slot_count : 1024;
    uint32_t *slots = calloc(larger, sizeof *slots);
    if (!slots) return desy_error_memory("the data set");
    free(dataset->slots);
    dataset->slots = slots, dataset->slot_count = larger;
    for (size_t i = 0; i < dataset->count; i++) slots[slot_of(dataset, dataset->entries[i].id)] = (uint32_t)i + 1;
    return DESY_OK;
}

int desy_dataset_new(desy_dataset **out, const char *root)
{
    desy_dataset *dataset = *out = calloc(1, sizeof *dataset);
    if (!dataset) return desy_error_memory("the data set");
    dataset->root = strdup(root);
    int rc = dataset->root ? grow((void **)&dataset->arena, &dataset->arena_room, 1, 1) : desy_error_memory("the data set");
    if (rc != DESY_OK) desy_dataset_close(out);
    else dataset->arena[dataset->arena_used++] = '\0';
    return rc;
}

int desy_dataset_add(desy_dataset *dataset, const struct desy_item *item, bool *twice)
{
    int rc;
    struct entry entry = {.id = item->id, .cost = (float)item->cost, .label = (int8_t)item->label, .split = (int8_t)item->split};
    if (dataset->count == UINT32_MAX - 1) return desy_error(DESY_EDATA, "more than 4 thousand million items");
    DESY_TRY(grow_slots(dataset));
    size_t slot = slot_of(dataset, item->id);
    *twice = dataset->slots[slot] != 0;
    if (*twice) return DESY_OK;
    DESY_TRY(grow((void **)&dataset->entries, &dataset->room, dataset->count + 1, sizeof *dataset->entries));
    DESY_TRY(keep_text(dataset, item->video_path, &entry.path));
    DESY_TRY(keep_text(dataset, item->group, &entry.group));
    DESY_TRY(keep_text(dataset, item->text, &entry.text));
    DESY_TRY(keep_text(dataset, item->audio_path, &entry.audio));
    DESY_TRY(keep_source(dataset, item->source, &entry.source));
    dataset->entries[dataset->count++] = entry;
    dataset->slots[slot] = (uint32_t)dataset->count;
out:
    return rc;
}

size_t desy_dataset_count(const desy_dataset *dataset)
{
    return dataset->count;
}

void desy_dataset_item(const desy_dataset *dataset, size_t index, struct desy_item *item)
{
    const struct entry *entry = &dataset->entries[index];
    *item = (struct desy_item){.id = entry->id, .label = entry->label, .split = (enum desy_split_part)entry->split, .cost = (double)entry->cost,
        .video_path = dataset->arena + entry->path, .source = dataset->arena + dataset->sources[entry->source],
        .group = dataset->arena + entry->group, .text = dataset->arena + entry->text, .audio_path = dataset->arena + entry->audio};
}

const char *desy_dataset_root(const desy_dataset *dataset)
{
    return dataset->root;
}

void desy_dataset_close(desy_dataset **dataset)
{
    if (!*dataset) return;
    free((*dataset)->root);
    free((*dataset)->arena);
    free((*dataset)->entries);
    free((*dataset)->slots);
    free((*dataset)->sources);
    free(*dataset);
    *dataset = NULL;
}
