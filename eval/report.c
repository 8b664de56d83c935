#include "eval/report.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "eval/breakdown.h"
#include "eval/controls.h"
#include "eval/csv.h"
#include "eval/curves.h"
#include "eval/hardest.h"
#include "eval/metrics_json.h"
#include "eval/page.h"
#include "eval/robustness.h"
#include "eval/strata.h"
#include "eval/turns.h"
#include "eval/uncertainty.h"
#include "eval/versus.h"

#include <math.h>
#include <stdlib.h>

static void put_number(FILE *stream, double value, const char *end)
{
    char text[DESY_NUMBER_TEXT];
    if (isfinite(value)) fputs(desy_number_text(text, value), stream);
    fputs(end, stream);
}

static void write_scores(FILE *stream, const void *context)
{
    const struct desy_scores *scores = context;
    for (size_t i = 0; i < scores->n; i++) {
        const struct desy_score_row row = desy_scores_row(scores, i);
        desy_csv_put(stream, row.id);
        putc(',', stream);
        desy_csv_put(stream, row.video_path);
        fprintf(stream, ",%d,", row.label);
        desy_csv_put(stream, row.source);
        putc(',', stream);
        desy_csv_put(stream, row.group);
        putc(',', stream);
        desy_csv_put(stream, row.split);
        putc(',', stream);
        put_number(stream, row.score, ",");
        for (int l = 0; l < 3; l++) put_number(stream, row.level[l], l < 2 ? "," : "\n");
    }
}

static int write_thresholds(const char *directory, const struct desy_metrics *metrics)
{
    char *path = desy_path_join(directory, "thresholds.csv");
    struct desy_atomic_file file = {0};
    int rc = path ? desy_atomic_open(&file, path) : desy_error_memory("a path");
    free(path);
    if (rc != DESY_OK) return rc;
    fputs("threshold,accuracy,precision,recall,f1,tpr,fpr\n", file.stream);
    for (size_t i = 0; i < metrics->n_sweep; i++) {
        const struct desy_operating_point *point = &metrics->sweep[i];
        const bool positives = metrics->n_pos > 0;
        put_number(file.stream, point->threshold, ",");
        put_number(file.stream, desy_accuracy(point), ",");
        put_number(file.stream, positives ? desy_precision(point) : NAN, ",");
        put_number(file.stream, positives ? desy_recall(point) : NAN, ",");
        put_number(file.stream, positives ? desy_f1(point) : NAN, ",");
        put_number(file.stream, positives ? desy_recall(point) : NAN, ",");
        put_number(file.stream, metrics->n_neg > 0 ? desy_false_positive_rate(point) : NAN, "\n");
    }
    return desy_atomic_commit(&file);
}

/* Rank 0. */
static int write_figures(const struct desy_page *page, const struct desy_metrics *metrics)
{
    char *path = desy_path_join(page->options->directory, "metrics.json");
    int rc = path ? DESY_OK : desy_error_memory("a path");
    if (rc == DESY_OK) rc = write_thresholds(page->options->directory, metrics);
    if (rc == DESY_OK) rc = desy_page_write(page);
    if (rc == DESY_OK) rc = desy_json_write(page->json, path);
    free(path);
    return rc;
}

/* For whom it fails, and what else it may go by. */
static int look_closer(desy_world *world, const struct desy_scores *scores, const struct desy_report_options *options, cJSON *json)
{
    struct desy_evaluated evaluated = {0};
    int rc = DESY_OK;
    DESY_TRY(desy_evaluated_open(world, scores, &evaluated));
    DESY_TRY(desy_breakdown_add(world, &evaluated, options, json));
    DESY_TRY(desy_strata_add(world, &evaluated, options, json));
    DESY_TRY(desy_hardest_add(world, scores, &evaluated, options, json));
    if (options->controls) DESY_TRY(desy_controls_add(world, &evaluated, options, json));
out:
    desy_evaluated_close(&evaluated);
    return rc;
}

int desy_report_write(desy_world *world, const struct desy_scores *scores, const struct desy_report_options *options, cJSON **summary)
{
    int rc = DESY_OK;
    struct desy_metrics metrics = {0};
    desy_ranking ranking = {0};
    struct desy_curve_point *points = NULL;
    size_t n_points = 0;
    *summary = NULL;

    DESY_TRY(desy_metrics_compute(world, scores, options, &metrics, &ranking));
    DESY_TRY(desy_agree(world, desy_rank(world) == 0 ? desy_make_directory(options->directory) : DESY_OK));
    DESY_TRY(desy_write_in_turn(world, options->directory, "scores.csv",
                                &(struct desy_part){"id,video_path,label,source,group,split,score,low,mid,high\n", "", write_scores, scores, false}));
    DESY_TRY(desy_curves_write(world, &ranking, options->directory));
    if (metrics.both) DESY_TRY(desy_curves_thin(world, &ranking, &points, &n_points));
    DESY_TRY(desy_agree(world, desy_rank(world) == 0 ? desy_metrics_json(summary, &metrics, options) : DESY_OK));
    DESY_TRY(desy_uncertainty_add(world, scores, &metrics, options, *summary));
    if (options->rival) DESY_TRY(desy_versus_add(world, scores, options, *summary));
    DESY_TRY(look_closer(world, scores, options, *summary));
    if (options->altered) DESY_TRY(desy_robustness_add(world, options->altered, options->n_altered, options->threshold, *summary));
    if (desy_rank(world) == 0) rc = write_figures(&(struct desy_page){options, *summary, points, n_points}, &metrics);
    rc = desy_agree(world, rc);
out:
    if (rc != DESY_OK) {
        cJSON_Delete(*summary);
        *summary = NULL;
    }
    desy_ranking_close(&ranking);
    desy_metrics_close(&metrics);
    free(points);
    return rc;
}
