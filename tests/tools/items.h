/* For tools: items on stdin. */
#ifndef DESY_TESTS_TOOLS_ITEMS_H
#define DESY_TESTS_TOOLS_ITEMS_H

#include "base/error.h"
#include "train/training_set.h"

#include <stdio.h>

/* The set's pooled vectors (float32), then for each item label, source, part and group (int32 each); item i has the id i. */
static inline int read_items(struct desy_training_set *set)
{
    const size_t size = set->total * (size_t)desy_pool_width(&set->layout);
    int32_t item[4];
    if (fread(set->vectors, sizeof *set->vectors, size, stdin) != size) return desy_error(DESY_EDATA, "stdin is too short");
    for (size_t i = 0; i < set->total; i++) {
        if (fread(item, sizeof *item, 4, stdin) != 4) return desy_error(DESY_EDATA, "stdin is too short");
        set->items[i] = (struct desy_split_item){.id = i, .group = (uint64_t)item[3], .source = (uint64_t)item[1] << 8, .label = item[0], .part = (enum desy_split_part)item[2]};
    }
    return DESY_OK;
}

#endif
