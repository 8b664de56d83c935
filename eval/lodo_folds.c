#include "eval/lodo.h"

#include "base/error.h"
#include "base/file.h"
#include "eval/csv.h"

#include <math.h>
#include <stdlib.h>

static void put_rows(FILE *out, const struct desy_lodo *lodo, int cell, int view)
{
    const size_t of_view = (size_t)lodo->cells * lodo->items, of_kind = (size_t)lodo->views * of_view;
    const double *scores = lodo->scores + (size_t)view * of_view + (size_t)cell * lodo->items;
    for (size_t i = 0; i < lodo->items; i++) {
        if (isnan(scores[i])) continue;
        fprintf(out, "%d,", cell);
        desy_csv_put(out, lodo->paths[i]);
        fprintf(out, ",%d,", lodo->labels[i]);
        desy_csv_put(out, lodo->names[lodo->sources[i]]);
        fprintf(out, ",%d", view);
        for (int k = 0; k <= lodo->metadata; k++) {
            const double score = scores[(size_t)k * of_kind + i];
            fputc(',', out);
            if (!isnan(score)) fprintf(out, "%.17g", score);
        }
        fputc('\n', out);
    }
}

int desy_lodo_write_folds(const struct desy_lodo *lodo, const char *path)
{
    struct desy_atomic_file file = {0};
    int rc = desy_atomic_open(&file, path);
    if (rc != DESY_OK) return rc;
    fputs("cell,video_path,label,source,view", file.stream);
    for (int k = 0; k <= lodo->metadata; k++) fprintf(file.stream, ",%s", lodo->kinds[k]);
    fputc('\n', file.stream);
    for (int cell = 0; cell < lodo->cells; cell++)
        for (int view = 0; view < lodo->views; view++) put_rows(file.stream, lodo, cell, view);
    return desy_atomic_commit(&file);
}
