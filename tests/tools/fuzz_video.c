/* Mutated videos through decode helpers, for tests/e2e/test_hostile_video.py and by hand in the asan build:
 *   fuzz_video SEED FIRST COUNT FILE...
 * Mutation n of FILE n modulo their number is a function of (SEED, n). Prints a line for each status: its name, how many; and for each
 * that ended a helper: "crashed N REASON", with the file kept as crash-N. After every one of them the first file still decodes to the
 * bits it had before, or this fails. Works in the current directory. */
#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "features/helper.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME "mutated.video"
#define ENDS 2048 /* bytes at both ends, where headers and indices are: half of all changes */

struct file {
    char *data;
    size_t size;
};

static uint64_t seed, item, counter;

static size_t draw(size_t below)
{
    return (size_t)(desy_random_u64(seed, item, counter++) % (below ? below : 1));
}

static size_t draw_place(size_t size)
{
    const size_t end = size < ENDS ? size : ENDS;
    return draw(2) ? draw(size) : draw(2) ? draw(end) : size - end + draw(end);
}

static void change(struct file *file, const struct file *other)
{
    static const uint32_t numbers[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000, 0x1000000};
    const size_t at = draw_place(file->size), left = file->size - at, from = draw(other->size);
    size_t n = 1 + draw(64);
    const uint32_t number = numbers[draw(sizeof numbers / sizeof *numbers)], swapped = __builtin_bswap32(number);
    if (n > left) n = left;
    switch (draw(8)) {
    case 0: case 1: file->data[at] ^= (char)(1 << draw(8)); break;
    case 2: file->data[at] = (char)draw(256); break;
    case 3: memcpy(file->data + at, draw(2) ? &number : &swapped, left < 4 ? left : 4); break;
    case 4: memset(file->data + at, 0, n); break;
    case 5: memcpy(file->data + at, other->data + from, n < other->size - from ? n : other->size - from); break;
    case 6: memmove(file->data + at, file->data + at + n, left - n); file->size -= n; break;
    case 7: if (draw(8) == 0) file->size = at; break;
    }
}

static int mutate(const struct file *files, size_t n)
{
    const struct file *original = &files[item % n];
    struct file file = {malloc(original->size), original->size};
    if (!file.data) return desy_error_memory("a mutation");
    memcpy(file.data, original->data, file.size);
    counter = 0;
    for (size_t changes = 1 + draw(draw(4) ? 4 : 32); changes > 0 && file.size > 0; changes--) change(&file, &files[draw(n)]);
    int rc = desy_file_write_atomic(NAME, file.data, file.size);
    free(file.data);
    return rc;
}

static int decode(desy_helper_pool *pool, const char *path, const struct desy_clip **clip)
{
    struct desy_clip_request request = {.frames = 16, .forensic = true, .crops = true, .audio = true, .windows = 1, .sampling = (enum desy_sampling)(item % 2)};
    snprintf(request.path, sizeof request.path, "%s", path);
    int rc = desy_helper_submit(pool, &request);
    return rc == DESY_OK ? desy_helper_take(pool, clip) : rc;
}

/* The first file, as it was. */
static int check_intact(desy_helper_pool *pool, const char *path, uint8_t *rgb, size_t bytes, bool first)
{
    const struct desy_clip *clip;
    int rc;
    item = 0;
    DESY_TRY(decode(pool, path, &clip));
    if (clip->status != DESY_STATUS_OK) DESY_TRY(desy_error(DESY_EDATA, "%s: %s", path, clip->reason));
    if (first) memcpy(rgb, clip->rgb, bytes);
    else if (memcmp(rgb, clip->rgb, bytes) != 0) DESY_TRY(desy_error(DESY_EDATA, "%s has other pixels after a crash", path));
out:
    return rc;
}

int main(int argc, char **argv)
{
    static uint8_t rgb[16][DESY_INPUT_SIDE][DESY_INPUT_SIDE][3];
    desy_helper_pool *pool = NULL;
    const struct desy_clip *clip;
    size_t n = argc > 4 ? (size_t)argc - 4 : 0, counts[DESY_STATUS_CRASHED + 1] = {0};
    struct file *files = calloc(n + 1, sizeof *files);
    int rc = n ? desy_spawner_start() : desy_error(DESY_EUSAGE, "fuzz_video SEED FIRST COUNT FILE...");
    if (rc == DESY_OK) rc = desy_helper_pool_open(&pool, 1, 60);
    for (size_t i = 0; rc == DESY_OK && i < n; i++) rc = desy_file_read(&files[i].data, &files[i].size, argv[4 + i]);
    if (rc == DESY_OK) rc = check_intact(pool, argv[4], &rgb[0][0][0][0], sizeof rgb, true);
    if (rc != DESY_OK) goto out;
    seed = strtoull(argv[1], NULL, 10);
    const uint64_t begin = strtoull(argv[2], NULL, 10), end = begin + strtoull(argv[3], NULL, 10);
    for (uint64_t i = begin; i < end; i++) {
        item = i;
        DESY_TRY(mutate(files, n));
        DESY_TRY(decode(pool, NAME, &clip));
        counts[clip->status]++;
        if (clip->status != DESY_STATUS_CRASHED && clip->status != DESY_STATUS_TIMEOUT) continue;
        char kept[64];
        snprintf(kept, sizeof kept, "crash-%" PRIu64, i);
        printf("%s %" PRIu64 " %s\n", desy_status_name(clip->status), i, clip->reason);
        fflush(stdout);
        if (rename(NAME, kept) != 0) DESY_TRY(desy_error(DESY_EENV, "%s can't be written", kept));
        DESY_TRY(check_intact(pool, argv[4], &rgb[0][0][0][0], sizeof rgb, false));
    }
    for (int status = 0; status <= DESY_STATUS_CRASHED; status++) printf("%s\t%zu\n", desy_status_name(status), counts[status]);
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_helper_pool_close(&pool);
    desy_spawner_stop();
    for (size_t i = 0; i < n; i++) free(files[i].data);
    free(files);
    (void)unlink(NAME);
    return rc;
}
