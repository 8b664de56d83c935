/* Tables of scores from anybody. */
#include "eval/repeated.h"
#include "eval/scores_reader.h"

#include "base/error.h"
#include "features/scores_h5.h"

#include <fnmatch.h>
#include <math.h>

static bool is_hdf5(const char *path) { return fnmatch("*.h5", path, FNM_CASEFOLD) == 0 || fnmatch("*.hdf5", path, FNM_CASEFOLD) == 0; }

/* The rows of a range, or of a JSON array those of this rank's share. */
static int read_rows(desy_world *world, struct desy_scores *scores, struct desy_score_reader *reader)
{
    struct desy_score_row row;
    uint64_t n = 0, first = 0, count = UINT64_MAX;
    bool more = true;
    int rc = DESY_OK;
    if (reader->elements) {
        while (more) {
            DESY_TRY(desy_score_reader_next(reader, &row, &more));
            n += more;
        }
        desy_scores_share(n, desy_rank(world), desy_size(world), &first, &count);
        desy_json_stream_close(&reader->elements);
        DESY_TRY(desy_json_stream_open(&reader->elements, reader->path));
    }
    for (n = 0, more = true; n < first || n - first < count; n++) {
        DESY_TRY(desy_score_reader_next(reader, &row, &more));
        if (!more) break;
        if (n >= first) DESY_TRY(desy_scores_append(scores, &row));
    }
out:
    return rc;
}

/* On which line is row `wanted` of all ranks? 0 where it is not this rank's; of HDF5, the row. */
static int find_line(desy_world *world, const struct desy_scores *scores, const char *path, bool labelled, int64_t wanted, double *line)
{
    const int64_t base = desy_prefix_i64(world, (int64_t)scores->n);
    struct desy_score_reader reader = {0};
    struct desy_score_row row;
    bool more = true;
    *line = 0;
    if (is_hdf5(path)) {
        *line = (double)wanted + 1;
        return DESY_OK;
    }
    int rc = desy_score_reader_open(world, &reader, path, labelled);
    if (rc != DESY_OK) return rc;
    const bool mine = wanted >= base && wanted < base + (int64_t)scores->n;
    for (int64_t i = reader.elements ? 0 : base; mine && i <= wanted && rc == DESY_OK; i++) rc = desy_score_reader_next(&reader, &row, &more);
    if (mine) *line = (double)desy_score_reader_line(&reader);
    desy_score_reader_close(&reader);
    rc = desy_agree(world, rc);
    desy_max_f64(world, line, 1);
    return rc;
}

static int check_ids(desy_world *world, const struct desy_scores *scores, const char *path, bool labelled)
{
    int64_t first, second;
    double lines[2];
    int rc = DESY_OK;
    DESY_TRY(desy_texts_find_repeated(world, &scores->id, &first, &second));
    if (second < 0) return DESY_OK;
    DESY_TRY(find_line(world, scores, path, labelled, first, &lines[0]));
    DESY_TRY(find_line(world, scores, path, labelled, second, &lines[1]));
    const int64_t base = desy_prefix_i64(world, (int64_t)scores->n);
    if (second >= base && second < base + (int64_t)scores->n)
        rc = desy_error(DESY_EDATA, "%s:%.0f: the id \"%s\" is that of %s %.0f already; each clip has a row and an id of its own", path, lines[1],
                        desy_texts_at(&scores->id, (size_t)(second - base)), is_hdf5(path) ? "row" : "line", lines[0]);
    rc = desy_agree(world, rc);
out:
    return rc;
}

static int append_hdf5_row(void *scores, const struct desy_h5_score *h5)
{
    const struct desy_score_row row = {.id = h5->id, .source = h5->source, .group = h5->group, .label = h5->label, .score = h5->score, .level = {NAN, NAN, NAN}};
    return desy_scores_append(scores, &row);
}

static int read_hdf5(desy_world *world, struct desy_scores *scores, const char *path, bool labelled)
{
    desy_h5_scores *file = NULL;
    uint64_t rows, first, count;
    int rc = DESY_OK;
    DESY_TRY(desy_h5_scores_open(&file, path, labelled, &rows));
    desy_scores_share(rows, desy_rank(world), desy_size(world), &first, &count);
    rc = desy_h5_scores_read(file, first, count, append_hdf5_row, scores);
out:
    desy_h5_scores_close(&file);
    return rc;
}

int desy_scores_read(desy_world *world, struct desy_scores *scores, const char *path, bool labelled)
{
    struct desy_score_reader reader = {0};
    int rc = DESY_OK;
    if (is_hdf5(path)) rc = read_hdf5(world, scores, path, labelled);
    else {
        DESY_TRY(desy_score_reader_open(world, &reader, path, labelled));
        rc = read_rows(world, scores, &reader);
    }
    DESY_TRY(desy_agree(world, rc));
    int64_t rows = (int64_t)scores->n;
    desy_sum_i64(world, &rows, 1);
    if (rows == 0) DESY_TRY(desy_error(DESY_EDATA, "%s: no rows", path));
    DESY_TRY(check_ids(world, scores, path, labelled));
out:
    desy_score_reader_close(&reader);
    if (rc != DESY_OK) desy_scores_close(scores);
    return rc;
}
