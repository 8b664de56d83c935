#include "eval/breakdown_table.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/csv.h"
#include "eval/interval.h"

#include <stdlib.h>

static void put_numbers(FILE *stream, const double *values, size_t n)
{
    char text[DESY_NUMBER_TEXT];
    for (size_t i = 0; i < n; i++) fprintf(stream, ",%s", desy_number_text(text, values[i]));
}

/* "" where k of n is not asked for. */
static void put_rate(FILE *stream, bool wanted, int64_t k, int64_t n)
{
    double values[3];
    if (!wanted || n == 0) {
        fputs(",,,", stream);
        return;
    }
    values[0] = (double)k / (double)n;
    desy_clopper_pearson(k, n, values + 1);
    put_numbers(stream, values, 3);
}

static void put_auc(FILE *stream, const char *generator, const char *real_source, const struct desy_auc *auc)
{
    desy_csv_put(stream, generator);
    putc(',', stream);
    desy_csv_put(stream, real_source);
    fprintf(stream, ",%lld,%lld", (long long)auc->pos, (long long)auc->neg);
    put_numbers(stream, (double[]){auc->auc, auc->interval[0], auc->interval[1]}, 3);
    fprintf(stream, ",%s", auc->method);
}

static void put_source(FILE *stream, const struct desy_breakdown *b, size_t source, int label)
{
    const size_t at = 2 * source + (size_t)label;
    const char *name = b->sources->names[source];
    struct desy_auc auc;
    if (b->counts[at] == 0) return;
    if (desy_breakdown_source_auc(b, source, label, &auc)) put_auc(stream, label ? name : "", label ? "" : name, &auc);
    else { /* the other class is missing */
        desy_csv_put(stream, label ? name : "");
        putc(',', stream);
        desy_csv_put(stream, label ? "" : name);
        fprintf(stream, ",%lld,%lld,,,,", (long long)(label ? b->counts[at] : 0), (long long)(label ? 0 : b->counts[at]));
    }
    put_rate(stream, label == 1, b->called[at], b->counts[at]);
    put_rate(stream, label == 0, b->called[at], b->counts[at]);
    putc('\n', stream);
}

int desy_breakdown_csv(const struct desy_breakdown *b, const char *directory)
{
    struct desy_atomic_file file = {0};
    struct desy_auc auc;
    char *path = desy_path_join(directory, "breakdown.csv");
    int rc = path ? desy_atomic_open(&file, path) : desy_error_memory("a path");
    free(path);
    if (rc != DESY_OK) return rc;
    fputs("generator,real_source,n_pos,n_neg,roc_auc,roc_auc_low,roc_auc_high,interval,tpr,tpr_low,tpr_high,fpr,fpr_low,fpr_high\n", file.stream);
    for (int label = 1; label >= 0; label--)
        for (size_t s = 0; s < b->sources->n; s++) put_source(file.stream, b, s, label);
    for (size_t g = 0; g < b->n_listed[1]; g++)
        for (size_t r = 0; r < b->n_listed[0]; r++) {
            if (!desy_cells_auc(&b->cells, g, r, &auc)) continue;
            put_auc(file.stream, b->sources->names[b->listed[1][g]], b->sources->names[b->listed[0][r]], &auc);
            fputs(",,,,,,\n", file.stream);
        }
    return desy_atomic_commit(&file);
}
