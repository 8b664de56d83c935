#include "eval/turns.h"

#include "base/error.h"
#include "base/file.h"

#include <stdlib.h>

static int format_part(const struct desy_part *part, char **text, size_t *size)
{
    FILE *stream = open_memstream(text, size);
    if (!stream) return desy_error_memory("a part of a report");
    part->write(stream, part->context);
    const bool failed = ferror(stream);
    return fclose(stream) != 0 || failed ? desy_error_memory("a part of a report") : DESY_OK;
}

static int open_file(struct desy_atomic_file *file, const char *directory, const char *name, const char *header)
{
    char *path = desy_path_join(directory, name);
    int rc = path ? desy_atomic_open(file, path) : desy_error_memory("a path");
    if (rc == DESY_OK) fputs(header, file->stream); /* a failure stays with the stream until the commit */
    free(path);
    return rc;
}

int desy_write_in_turn(desy_world *world, const char *directory, const char *name, const struct desy_part *part)
{
    int rc = DESY_OK;
    const int ranks = desy_size(world), rank = desy_rank(world);
    struct desy_atomic_file file = {0};
    char *text = NULL, *received = NULL;
    size_t size = 0, total = 0;
    size_t *counts = calloc((size_t)ranks, sizeof *counts);

    if (!counts) rc = desy_error_memory("a part of a report");
    if (rc == DESY_OK) rc = format_part(part, &text, &size);
    if (rc == DESY_OK && rank == 0) rc = open_file(&file, directory, name, part->header);
    DESY_TRY(desy_agree(world, rc));
    for (int turn = 0; turn < ranks; turn++) {
        counts[0] = rank == (part->backwards ? ranks - 1 - turn : turn) ? size : 0;
        DESY_TRY(desy_exchange(world, text, counts, 1, (void **)&received, &total));
        if (rank == 0) fwrite(received, 1, total, file.stream);
        free(received);
        received = NULL;
    }
    if (rank == 0) {
        fputs(part->footer, file.stream);
        rc = desy_atomic_commit(&file);
    }
    rc = desy_agree(world, rc);
out:
    desy_atomic_abort(&file);
    free(text);
    free(received);
    free(counts);
    return rc;
}
