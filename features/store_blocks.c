/* How a data set is cut into blocks. */
#include "features/store_layout.h"

#define SMALLER 1024 /* blocks of each smaller size */

/* Items that fill a batch. */
static size_t least_items(int clips, const struct desy_store_shape *shape)
{
    return shape->batch > clips ? (size_t)((shape->batch + clips - 1) / clips) : 1;
}

size_t desy_store_block_items(size_t items, int clips, const struct desy_store_shape *shape)
{
    struct desy_store_array arrays[DESY_MOST_ARRAYS];
    size_t bytes = 0, size = items / 4096;
    const size_t least = least_items(clips, shape);
    for (int i = desy_store_arrays(arrays, shape); i-- > 0;) bytes += arrays[i].row_bytes;
    const size_t most = ((size_t)64 << 20) / (bytes * (size_t)clips);
    if (size > 512) size = 512;
    if (size > most) size = most;
    return size < least ? least : size / least * least;
}

void desy_store_blocks(struct desy_blocks *blocks, size_t items, int clips, const struct desy_store_shape *shape)
{
    size_t tail = 0, size = desy_store_block_items(items, clips, shape);
    const size_t least = least_items(clips, shape);
    *blocks = (struct desy_blocks){.items = items};
    for (size_t smaller = size / 2 / least * least; smaller > 0; smaller = smaller / 2 / least * least) tail += SMALLER * smaller;
    blocks->levels[0].size = size;
    blocks->level_count = 1;
    if (tail >= items) tail = 0; /* blocks that were cut at their bytes, of few items */
    for (size_t first = items - tail; first < items; first += SMALLER * size) {
        const struct desy_block_level *before = &blocks->levels[blocks->level_count - 1];
        size = size / 2 / least * least;
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
