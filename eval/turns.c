#include "eval/turns.h"

#include "base/error.h"
#include "base/file.h"

#include <stdlib.h>

#define PIECE ((size_t)1 << 20) /* bytes that travel at once */

struct turn {
    desy_world *world;
    size_t *counts; /* [ranks], zeros */
    char *buffer;   /* [PIECE] */
    int owner;      /* whose turn it is */
    FILE *file;     /* of rank 0 */
    int rc;         /* agreed */
};

/* One piece of the owner's goes to rank 0; false: there was none, or it did not arrive. Collective. */
static bool pass_piece(struct turn *turn, const char *text, size_t size)
{
    void *received = NULL;
    size_t total = 0;
    if (turn->rc != DESY_OK) return false;
    desy_broadcast(turn->world, &size, sizeof size, turn->owner);
    if (size == 0) return false;
    turn->counts[0] = desy_rank(turn->world) == turn->owner ? size : 0;
    turn->rc = desy_exchange(turn->world, text, turn->counts, 1, &received, &total);
    if (turn->rc == DESY_OK && turn->file) fwrite(received, 1, total, turn->file); /* a failure stays with the stream until the commit */
    free(received);
    return turn->rc == DESY_OK;
}

static ssize_t write_piece(void *cookie, const char *text, size_t size)
{
    return size == 0 || pass_piece(cookie, text, size) ? (ssize_t)size : 0;
}

/* The owner writes to a stream that passes on what it gets, the others take part until the piece that is none. */
static int take_turn(struct turn *turn, const struct desy_part *part)
{
    FILE *stream = NULL;
    if (desy_rank(turn->world) == turn->owner) {
        stream = fopencookie(turn, "w", (cookie_io_functions_t){.write = write_piece});
        if (stream) setvbuf(stream, turn->buffer, _IOFBF, PIECE);
    }
    const bool ready = stream || desy_rank(turn->world) != turn->owner;
    int rc = desy_agree(turn->world, ready ? DESY_OK : desy_error_memory("a part of a report"));
    if (rc != DESY_OK) return rc;
    if (stream) {
        part->write(stream, part->context);
        const bool failed = ferror(stream) | (fclose(stream) != 0);
        pass_piece(turn, NULL, 0);
        rc = failed ? desy_error_memory("a part of a report") : DESY_OK;
    } else
        while (pass_piece(turn, NULL, 0)) continue;
    return desy_agree(turn->world, rc != DESY_OK ? rc : turn->rc);
}

static int open_file(struct desy_atomic_file *file, const char *directory, const char *name, const char *header)
{
    char *path = desy_path_join(directory, name);
    int rc = path ? desy_atomic_open(file, path) : desy_error_memory("a path");
    if (rc == DESY_OK) fputs(header, file->stream);
    free(path);
    return rc;
}

int desy_write_in_turn(desy_world *world, const char *directory, const char *name, const struct desy_part *part)
{
    int rc = DESY_OK;
    const int ranks = desy_size(world), rank = desy_rank(world);
    struct desy_atomic_file file = {0};
    struct turn turn = {.world = world, .counts = calloc((size_t)ranks, sizeof *turn.counts), .buffer = malloc(PIECE)};

    if (!turn.counts || !turn.buffer) rc = desy_error_memory("a part of a report");
    if (rc == DESY_OK && rank == 0) rc = open_file(&file, directory, name, part->header);
    DESY_TRY(desy_agree(world, rc));
    turn.file = file.stream;
    for (int i = 0; i < ranks; i++) {
        turn.owner = part->backwards ? ranks - 1 - i : i;
        DESY_TRY(take_turn(&turn, part));
    }
    if (rank == 0) {
        fputs(part->footer, file.stream);
        rc = desy_atomic_commit(&file);
    }
    rc = desy_agree(world, rc);
out:
    desy_atomic_abort(&file);
    free(turn.counts);
    free(turn.buffer);
    return rc;
}
