/* The feature store: segments written by whichever rank made the block, and an index that joins them (docs/data.md).
 * Serial HDF5 alone: every file has one writer. Nothing here is collective. */
#ifndef DESY_FEATURES_STORE_H
#define DESY_FEATURES_STORE_H

#include "features/clip.h"
#include "features/dataset.h"

#include <cjson/cJSON.h>

/* Of what this version writes; stores of another are refused, with the advice to extract again. */
#define DESY_STORE_LAYOUT "3"

/* What a clip's row holds, the same for the whole store. */
struct desy_store_shape {
    const char *extractor;
    int frames, dims;   /* features/EXTRACTOR (N, T, D) */
    bool crops, audio;  /* also crops (N, 4, 224, 224, 3), audio (N, 32000) */
    int batch;          /* clips that go through the network at once, where bits may depend on it; else 0 or 1 */
};

/* Items of a large block: clamp(M / 4096, 1, 512), whatever the number of ranks; and cut at 64 MB of arrays. Where batches decide bits they do not
 * reach from block to block, and a block has whole batches of items, one at least. clips: of an item, at most. */
size_t desy_store_block_items(size_t items, int clips, const struct desy_store_shape *shape);

/* Large blocks first; the last quarter of the items or less comes in 1024 blocks of half that size, 1024 of a quarter, and so on down to single
 * items, or a batch: with blocks of one size, a thousand ranks could not finish at the same time. */
struct desy_blocks {
    size_t items, count, level_count;
    struct desy_block_level {
        size_t first_item, first_block, size; /* a level's last block may be smaller */
    } levels[10];
};
void desy_store_blocks(struct desy_blocks *blocks, size_t items, int clips, const struct desy_store_shape *shape);
size_t desy_block_first(const struct desy_blocks *blocks, uint64_t block); /* its first item */
size_t desy_block_items(const struct desy_blocks *blocks, uint64_t block);

/* ---- writing one segment: seg/KK/seg-KKKKKKK.h5 (KK: block modulo 100) ---- */

typedef struct desy_segment desy_segment;

struct desy_segment_options {
    const char *directory; /* of the store */
    uint64_t block;
    struct desy_store_shape shape;
    const char *config_sha256; /* of extract.json's deciding part */
    const char *dataset_sha256; /* of the data set that the block is cut from */
    uint64_t after_us;         /* made_us of the line that it replaces: its own is later, whatever the clock of this host says */
};

/* Written under a temporary name; object times off, so that equal contents are equal bytes. */
int desy_segment_open(desy_segment **segment, const struct desy_segment_options *options);
/* One clip, a row of `videos`: in data-set order, the windows of an item one after another, then those of its views. features (T, D), NULL unless clip->status is ok. */
int desy_segment_append(desy_segment *segment, const struct desy_item *item, const struct desy_clip *clip, const float *features);
/* close, removal of index.h5 and of what stands there, one line in manifest-RRRRR.jsonl, then fsync, rename, fsync of the directory:
 * {"block","file","sha256","bytes","config_sha256","dataset_sha256","inputs_sha256","items","ok","failed","videos","rows","made_us"}. An item of
 * which any clip could be read is ok. Frees the segment whatever happens. */
int desy_segment_commit(desy_segment **segment, int rank, const char *inputs_sha256);
void desy_segment_abort(desy_segment **segment); /* NULL-safe; removes the temporary */

/* The same with a few of them under way, so that the next segment is filled while the disk writes. One a rank, used by one thread. */
typedef struct desy_committer desy_committer;
int desy_committer_open(desy_committer **committer, int rank);
/* Frees the segment whatever happens. A failure may be that of one before. */
int desy_committer_add(desy_committer *committer, desy_segment **segment, const char *inputs_sha256);
/* All are done, or the first failure. */
int desy_committer_wait(desy_committer *committer);
void desy_committer_close(desy_committer **committer); /* NULL-safe; waits */

/* ---- resuming ---- */

struct desy_block_record {
    bool listed;             /* in some manifest, with the right config, and its file has the listed size */
    char inputs_sha256[65];  /* path, size, mtime of each input file when it was made */
    char dataset_sha256[65]; /* of which it was last found to be a block; "" in stores of earlier versions */
    char sha256[65];         /* of the segment */
    int64_t bytes;           /* its size */
    uint64_t made_us;        /* when: microseconds since the epoch; of a line whose file is gone, too */
    uint32_t items, ok, failed;
    uint32_t videos, rows;   /* of `videos`: clips, read or not; of the arrays: those that were read */
};
/* Reads all manifests: the newest line of a block counts; a torn last line (a killed run) is skipped. records[blocks]. */
int desy_store_scan(struct desy_block_record *records, size_t blocks, const char *directory, const char *config_sha256);
/* Writes lines for blocks[count] that were made for another data set and are right for this one, too: of its block i there is records[blocks[i]]. */
int desy_store_affirm(const char *directory, int rank, const struct desy_block_record *records, const uint64_t *blocks, size_t count,
                      const char *config_sha256, const char *dataset_sha256);
/* path, size and mtime of a block's input files as they are now (audio: their sound files too), and what the data set says of them
 * (label, source, group, split, text), since the segment holds that too. */
int desy_inputs_sha256(char hex[65], const char *root, const struct desy_item *items, size_t n, bool audio);

/* ---- the index, by one process after all segments are there ---- */

/* Writes index.h5 and quarantine.jsonl atomically from `blocks` segments, all of them listed in records[blocks]. provenance's
 * members become string attributes of the index. Streams: memory of a few hundred rows. */
int desy_store_index(const char *directory, const struct desy_block_record *records, size_t blocks, const struct desy_store_shape *shape,
                     const cJSON *provenance);
/* Is index.h5 there, and made of exactly these segments? Then there is nothing to write. An unreadable one is not. */
bool desy_store_index_current(const char *directory, const struct desy_block_record *records, size_t blocks);
/* Before a segment is replaced or added: an index of others must not seem whole. */
int desy_store_index_remove(const char *directory);
/* Removes temporaries that killed runs left: those that are an hour old; of segments all of them where no other process works on the store. */
void desy_store_sweep(const char *directory, bool alone);

/* ---- reading ---- */

typedef struct desy_store desy_store;

struct desy_store_row { /* of `videos` */
    uint64_t id;
    char *video_path, *source, *group, *text, *codec, *container, *muxer, *reason; /* owned by the row */
    int label, n_frames;
    enum desy_split_part split;
    enum desy_status status;
    int64_t row; /* into the arrays, -1: failed */
    int window, view; /* which clip of the item, which augmentation of it (0: none) */
    int audio_samples; /* of its row of `audio`; 0: no sound */
    int width, height, rotation, key_frames, longest_gop, reordering; /* as in struct desy_clip */
    double fps, duration;
    int64_t bit_rate, size, total_frames;
};

/* Every source file of the virtual datasets is checked to be there: a missing one would read as zeros.
 * DESY_EDATA: not a store, one of another layout, an unfinished one (advice: run the extract command again), an inconsistent one. */
int desy_store_open(desy_store **store, const char *directory);
size_t desy_store_items(const desy_store *store);    /* M: of the data set */
size_t desy_store_videos(const desy_store *store);   /* rows of `videos`: the clips of all items, M or more */
size_t desy_store_rows(const desy_store *store);     /* N: clips that could be read */
int desy_store_frames(const desy_store *store);      /* T */
int desy_store_dims(const desy_store *store);        /* D */
const char *desy_store_extractor(const desy_store *store);
const struct desy_store_shape *desy_store_shape(const desy_store *store); /* all of these; borrowed */
const char *desy_store_attribute(const desy_store *store, const char *name); /* provenance; NULL: none. Borrowed */
/* Rows first..first+count-1 of `videos`; each must be freed by desy_store_row_free. */
int desy_store_read_rows(desy_store *store, size_t first, size_t count, struct desy_store_row *rows);
void desy_store_row_free(struct desy_store_row *row);
/* One hyperslab: features (count, T, D) of rows first..first+count-1. NaN or infinity: DESY_EDATA with the row. */
int desy_store_read_features(desy_store *store, size_t first, size_t count, float *features);
/* The same of crops (count, 4, 224, 224, 3) and audio (count, 32000); DESY_EUSAGE: the store has none. Of a clip of n frames crop k is of
 * its frame min(rint(k (T - 1) / 3), n - 1); beyond videos.audio_samples audio is padding. */
int desy_store_read_crops(desy_store *store, size_t first, size_t count, uint8_t *crops);
int desy_store_read_audio(desy_store *store, size_t first, size_t count, int16_t *audio);
/* SHA-256 over `videos` (without mtime) and every array in index order: "the hash" wherever stores are compared. */
int desy_store_content_sha256(desy_store *store, char hex[65]);
/* Are index and segments still the files that were opened, by size and time? DESY_EDATA names the first that is not. */
int desy_store_check_unchanged(const desy_store *store);
/* Checks each segment's bytes against its manifest. DESY_EDATA names the first that differs. */
int desy_store_verify(desy_store *store);
void desy_store_close(desy_store **store);

#endif
