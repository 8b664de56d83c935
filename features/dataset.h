/* The data set file: JSON array or JSON Lines, streamed and validated (format: docs/data.md). */
#ifndef DESY_FEATURES_DATASET_H
#define DESY_FEATURES_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum desy_split_part { DESY_SPLIT_NONE = -1, DESY_SPLIT_TRAIN, DESY_SPLIT_VAL, DESY_SPLIT_TEST };

/* One item. Strings are borrowed from the data set; "" where absent. */
struct desy_item {
    uint64_t id;            /* hash of the path as given: desy_hash64(video_path) */
    const char *video_path; /* as given */
    int label;              /* 0 real, 1 AI, -1 absent */
    const char *source, *group, *text, *audio_path;
    enum desy_split_part split; /* as given */
    double cost;            /* `bytes` or `duration` where given, else the bytes of a part of a shard, else 0: what the queue sorts by */
};

typedef struct desy_dataset desy_dataset;

/* Reads the whole list into a compact table (about 100 bytes an item and its strings; sources are stored once). On rank 0 alone: items travel with
 * tasks. need_labels: a missing label is an error. Errors (DESY_EDATA) name file, line and item: not JSON, not an object,
 * no video_path, label not 0 or 1, unknown split, the same video_path twice, duplicate key, an empty list. */
int desy_dataset_open(desy_dataset **dataset, const char *path, bool need_labels);
/* The same from paths (files and parts of shards; directories are walked for .mp4 .avi .mov .mkv .webm .gif .tar, sorted; a .tar stands for
 * its members of these names, in their order; a text list of paths, one a line; "-": such a list on stdin; a pattern with * ? [ that is
 * no file stands for what it matches), without labels. A shard whose headers end early is an item
 * of its own, too, after the members that were found: it fails, and says why. DESY_EDATA: a path that does not exist, a named .tar that is
 * none, or nothing found. Paths stay relative to the working directory. */
int desy_dataset_from_paths(desy_dataset **dataset, const char *const *paths, size_t n);
size_t desy_dataset_count(const desy_dataset *dataset);
void desy_dataset_item(const desy_dataset *dataset, size_t index, struct desy_item *item);
/* What relative paths are relative to ("" for the working directory). Borrowed. */
const char *desy_dataset_root(const desy_dataset *dataset);
/* SHA-256 over the items in order (path, label, source, group, split): the identity of the data. */
int desy_dataset_sha256(const desy_dataset *dataset, char hex[65]);
void desy_dataset_close(desy_dataset **dataset);

/* Items as a message (rank to rank): packed and unpacked. Unpacked items borrow from `bytes`; *items new, caller frees. */
int desy_items_pack(void **bytes, size_t *size, const desy_dataset *dataset, size_t first, size_t count);
int desy_items_unpack(struct desy_item **items, size_t *count, const void *bytes, size_t size);

#endif
