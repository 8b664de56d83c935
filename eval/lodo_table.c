/* The figures of the protocol `lodo` in words. */
#include "eval/lodo.h"

#include "base/error.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double number(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return item ? item->valuedouble : 0;
}

static void interval(FILE *out, const cJSON *of, const char *key, const char *name)
{
    const cJSON *pair = cJSON_GetObjectItemCaseSensitive(of, key);
    if (pair) fprintf(out, ", %s %.3f to %.3f", name, pair->child->valuedouble, pair->child->next->valuedouble);
}

/* Of those that are listed by print_channels. */
static bool is_channel(const char *kind)
{
    static const char *const others[] = {"fused", "low", "mid", "high", "metadata"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(kind, others[i]) == 0) return false;
    return true;
}

static void print_views(FILE *out, const cJSON *views)
{
    const cJSON *view, *kind;
    cJSON_ArrayForEach(view, views)
        cJSON_ArrayForEach(kind, view) {
            if (is_channel(kind->string)) continue;
            fprintf(out, "%-8s %-9s %.3f of %.0f pairs ranked right", view->string, kind->string, number(kind, "ranked_right"), number(kind, "pairs"));
            interval(out, kind, "ci_clips", "over clips");
            interval(out, kind, "ci_sources", "over sources");
            fputc('\n', out);
        }
}

static void print_sources(FILE *out, const cJSON *rows, const char *title)
{
    const cJSON *row, *share;
    fprintf(out, "%s (pairs ranked right: as is, then view by view)\n", title);
    cJSON_ArrayForEach(row, rows) {
        fprintf(out, "  %-24s %4.0f clips ", cJSON_GetObjectItemCaseSensitive(row, "source")->valuestring, number(row, "clips"));
        cJSON_ArrayForEach(share, cJSON_GetObjectItemCaseSensitive(row, "ranked_right")) fprintf(out, " %.2f", share->valuedouble);
        interval(out, row, "ci_clips", "95 %");
        fputc('\n', out);
    }
}

static void print_shares(FILE *out, const cJSON *views, const char *kind)
{
    const cJSON *view;
    cJSON_ArrayForEach(view, views) fprintf(out, " %.3f", number(cJSON_GetObjectItemCaseSensitive(view, kind), "ranked_right"));
}

/* Those that no model reads: alone, and what is left of the fused figures with each beside them. */
static void print_channels(FILE *out, const cJSON *views)
{
    const cJSON *kind;
    fprintf(out, "temporal channels (pairs ranked right: as is, then view by view)\n");
    cJSON_ArrayForEach(kind, views->child) {
        char beside[40];
        if (!is_channel(kind->string) || strchr(kind->string, '+')) continue;
        fprintf(out, "  %-10s", kind->string);
        print_shares(out, views, kind->string);
        snprintf(beside, sizeof beside, "fused+%s", kind->string);
        if (cJSON_GetObjectItemCaseSensitive(views->child, beside)) fprintf(out, "; beside the fused logit"), print_shares(out, views, beside);
        fputc('\n', out);
    }
}

static void print_controls(FILE *out, const cJSON *controls)
{
    const cJSON *control;
    fprintf(out, "controls\n");
    cJSON_ArrayForEach(control, controls) {
        if (cJSON_GetObjectItemCaseSensitive(control, "pairs")) fprintf(out, "  %-26s %.3f of %.0f pairs\n", control->string, number(control, "ranked_right"), number(control, "pairs"));
        else fprintf(out, "  %-26s ROC AUC %.3f (.5: does not tell real sources apart)\n", control->string, number(control, "roc_auc"));
    }
}

int desy_lodo_table(const cJSON *json, char **text)
{
    size_t size;
    FILE *out = open_memstream(text, &size);
    if (!out) return desy_error_memory("a table");
    const cJSON *c = cJSON_GetObjectItemCaseSensitive(json, "calibration"), *o = cJSON_GetObjectItemCaseSensitive(json, "operating_point");
    print_views(out, cJSON_GetObjectItemCaseSensitive(json, "views"));
    print_sources(out, cJSON_GetObjectItemCaseSensitive(json, "by_generator"), "by generator");
    print_channels(out, cJSON_GetObjectItemCaseSensitive(json, "views"));
    print_controls(out, cJSON_GetObjectItemCaseSensitive(json, "controls"));
    if (cJSON_GetObjectItemCaseSensitive(c, "slope")) {
        fprintf(out, "calibration  slope %.2f", number(c, "slope"));
        interval(out, c, "slope_ci", "95 %");
        fprintf(out, "; intercept %.2f", number(c, "intercept"));
        interval(out, c, "intercept_ci", "95 %");
    } else fputs("calibration  no slope: the classes do not overlap", out);
    fprintf(out, "; Brier %.3f (base rate %.3f); ECE %.3f (perfect calibration would show %.3f)\n", number(c, "brier"), number(c, "brier_of_base_rate"), number(c, "ece"),
            number(c, "ece_of_perfect_calibration"));
    fprintf(out, "operating point  false alarms %.1f %%, detected %.1f %%; at .5 %.1f %% and %.1f %%\n", 100 * number(o, "false_alarms"), 100 * number(o, "detected"),
            100 * number(o, "false_alarms_at_half"), 100 * number(o, "detected_at_half"));
    if (fclose(out) != 0) return desy_error_memory("a table");
    return DESY_OK;
}
