/* How a data set is cut into blocks. */
#include "features/store.h"

#define SMALLER 1024 /* blocks of each smaller size */

void desy_store_blocks(struct desy_blocks *blocks, size_t items, int clips, const struct desy_store_shape *shape)
{
    size_t tail = 0, size = desy_store_block_items(items, clips, shape);
    *blocks = (struct desy_blocks){.items = items};
    for (size_t smaller = size / 2; smaller > 0; smaller /= 2) tail += SMALLER * smaller;
    blocks->levels[0].size = size;
    blocks->level_count = 1;
    if (tail >= items) tail = 0; /* blocks that were cut at their bytes, of few items */
    for (size_t first = items - tail; first < items; first += SMALLER * size) {
        const struct desy_block_level *before = &blocks->levels[blocks->level_count - 1];
        size /= 2;
        blocks->levels[blocks->level_count++] =
            (struct desy_block_level){first, before->first_block + (first - before->first_item + before->size - 1) / before->size, size};
    }
    const struct desy_block_level *last = &blocks->levels[blocks->level_count - 1];
    blocks->count = last->first_block + (items - last->first_item + last->size - 1) / last->size;
}

static size_t level_of(const struct desy_blocks *blocks, uint64_t block)
{
    size_t level = blocks->level_count - 1;
    while (block < blocks->levels[level].first_block) level--;
    return level;
}

size_t desy_block_first(const struct desy_blocks *blocks, uint64_t block)
{
    const struct desy_block_level *level = &blocks->levels[level_of(blocks, block)];
    return level->first_item + (size_t)(block - level->first_block) * level->size;
}

size_t desy_block_items(const struct desy_blocks *blocks, uint64_t block)
{
    const size_t next = block + 1 < blocks->count ? desy_block_first(blocks, block + 1) : blocks->items;
    return next - desy_block_first(blocks, block);
}
