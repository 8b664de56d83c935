/* desy eval: a store and a model, or anybody's scores, to a report. */
#include "stages/eval.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "eval/compare.h"
#include "eval/csv.h"
#include "eval/hardest.h"
#include "features/split.h"
#include "stages/commands.h"
#include "stages/default_model.h"
#include "stages/lodo.h"
#include "stages/prevalence.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct desy_eval_settings desy_eval_settings = {.false_alarms = 1, .prior = .5, .resamples = DESY_EVAL_RESAMPLES, .thumbnails = DESY_HARDEST, .controls = "all", .split = "test", .level = "all", .device = "auto", .protocol = "holdout"};

const struct poptOption desy_eval_options[] = {
    {"model", 'm', POPT_ARG_STRING, &desy_eval_settings.model, 0, "a model directory, or a save directory (its current version)", "MODEL"},
    {"scores", 0, POPT_ARG_STRING, &desy_eval_settings.scores, 0, "a report from these scores, no model: CSV, JSON Lines or HDF5 with id,label,score", "FILE"},
    {"split", 0, POPT_ARG_STRING, &desy_eval_settings.split, 0, "which part of the store (default test)", "test|val|all"},
    {"level", 0, POPT_ARG_STRING, &desy_eval_settings.level, 0, "all levels together, or one (default all)", "all|low|mid|high"},
    {"threshold", 't', POPT_ARG_STRING, &desy_eval_settings.threshold, 0, "called AI-generated from this score on (default: the model's; .5 for --scores)", "T"},
    {"device", 0, POPT_ARG_STRING, &desy_eval_settings.device, 0, "auto, cpu or cuda (default auto)", "D"},
    {"csv-safe", 0, POPT_ARG_NONE, &desy_eval_settings.csv_safe, 0, "in CSV files, a ' before texts that begin with = + - or @, which spreadsheets would run as formulas", NULL},
    {"bootstrap", 0, POPT_ARG_INT, &desy_eval_settings.resamples, 0, "resamples that intervals are made of; 0: none (default 2000)", "N"},
    POPT_TABLEEND,
};

/* `desy run` has a model and a part, and does not offer these. */
const struct poptOption desy_eval_command_options[] = {
    {"protocol", 0, POPT_ARG_STRING, &desy_eval_settings.protocol, 0, "holdout: one model on one part; lodo: models fitted without a generator and a group of real sources (docs/evaluation.md)", "holdout|lodo"},
    {"versus", 0, POPT_ARG_STRING, &desy_eval_settings.versus, 0, "compare with this one on the same clips: another model, or with --scores another file", "OTHER"},
    {"false-alarms", 0, POPT_ARG_DOUBLE, &desy_eval_settings.false_alarms, 0, "of --protocol lodo: as of train (default 1)", "R"},
    {"unlabelled", 0, POPT_ARG_NONE, &desy_eval_settings.unlabelled, 0, "of --scores without labels: how many of the clips are AI-generated? (prevalence.json)", NULL},
    {"prior", 0, POPT_ARG_DOUBLE, &desy_eval_settings.prior, 0, "of --unlabelled: the share of AI-generated clips that the scores were calibrated for (default 0.5)", "P"},
    {"controls", 0, POPT_ARG_STRING, &desy_eval_settings.controls, 0, "all: what else the score may go by (docs/evaluation.md); none: not looked for (default all)", "none|all"},
    {"lodo", 0, POPT_ARG_STRING, &desy_eval_settings.lodo, 0, "quote this lodo.json of --protocol lodo among the controls (default: the one in REPORT, if there is one)", "FILE"},
    {"robustness", 0, POPT_ARG_NONE, &desy_eval_settings.robustness, 0, "of a store: also alter its videos in each of 13 ways (compressed, rescaled, cropped ...), extract and score them again", NULL},
    {"dataset", 0, POPT_ARG_STRING, &desy_eval_settings.dataset, 0, "of --robustness: the data set that the store was made of (default: where it was then)", "FILE"},
    {"compare", 0, POPT_ARG_NONE, &desy_eval_settings.compare, 0, "put reports that are there side by side: desy eval --compare REPORT REPORT ... -o DIR", NULL},
    {"thumbnails", 0, POPT_ARG_INT, &desy_eval_settings.thumbnails, 0, "of a store: pictures of so many of the hardest clips of either kind, 0 to 20 (default 20)", "N"},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_eval_options, 0, NULL, NULL},
    POPT_TABLEEND,
};

static const char *const level_names[3] = {"low", "mid", "high"};

int desy_eval_parse(int *level, double *threshold, const char **threshold_from)
{
    enum desy_split_part part;
    char *end = NULL;
    *level = -1;
    for (int l = 0; l < 3; l++)
        if (strcmp(desy_eval_settings.level, level_names[l]) == 0) *level = l;
    if (*level < 0 && strcmp(desy_eval_settings.level, "all") != 0) return desy_error(DESY_EUSAGE, "--level must be all, low, mid or high, not %s", desy_eval_settings.level);
    if (strcmp(desy_eval_settings.split, "all") != 0 && (desy_split_parse(&part, desy_eval_settings.split) != DESY_OK || (part != DESY_SPLIT_TEST && part != DESY_SPLIT_VAL)))
        return desy_error(DESY_EUSAGE, "--split must be test, val or all, not %s", desy_eval_settings.split);
    if (desy_eval_settings.resamples < 0 || desy_eval_settings.resamples > 1000000) return desy_error(DESY_EUSAGE, "--bootstrap must lie in 0 to 1000000, not %d", desy_eval_settings.resamples);
    if (strcmp(desy_eval_settings.controls, "all") != 0 && strcmp(desy_eval_settings.controls, "none") != 0) return desy_error(DESY_EUSAGE, "--controls must be none or all, not %s", desy_eval_settings.controls);
    if (desy_eval_settings.thumbnails < 0 || desy_eval_settings.thumbnails > DESY_HARDEST) return desy_error(DESY_EUSAGE, "--thumbnails must lie in 0 to %d, not %d", DESY_HARDEST, desy_eval_settings.thumbnails);
    if (!desy_eval_settings.threshold) return DESY_OK;
    *threshold = strtod(desy_eval_settings.threshold, &end);
    *threshold_from = "option";
    if (end == desy_eval_settings.threshold || *end || !isfinite(*threshold)) return desy_error(DESY_EUSAGE, "--threshold must be a number, not '%s'", desy_eval_settings.threshold);
    return DESY_OK;
}

/* lodo.json, where it is given or stands in the report. Rank 0. */
static int read_lodo(const char *directory, cJSON **lodo)
{
    char *path = desy_eval_settings.lodo ? strdup(desy_eval_settings.lodo) : desy_path_join(directory, "lodo.json");
    int rc = path ? DESY_OK : desy_error_memory("a path");
    if (rc == DESY_OK && (desy_eval_settings.lodo || desy_file_exists(path))) rc = desy_json_read(lodo, path);
    free(path);
    return rc;
}

int desy_eval_report(struct desy_invocation *invocation, const struct desy_scores *scores, struct desy_report_options *options)
{
    cJSON *summary = NULL, *lodo = NULL;
    options->controls = strcmp(desy_eval_settings.controls, "all") == 0;
    options->thumbnails = desy_eval_settings.thumbnails;
    desy_csv_neutralise(desy_eval_settings.csv_safe);
    int rc = desy_agree(invocation->world, desy_rank(invocation->world) == 0 && options->controls ? read_lodo(options->directory, &lodo) : DESY_OK);
    options->lodo = lodo;
    if (rc == DESY_OK) rc = desy_report_write(invocation->world, scores, options, &summary);
    cJSON_Delete(lodo);
    if (rc == DESY_OK && summary) {
        const cJSON *auc = cJSON_GetObjectItemCaseSensitive(summary, "roc_auc"), *interval = cJSON_GetObjectItemCaseSensitive(summary, "roc_auc_ci");
        const cJSON *note, *line;
        if (auc)
            desy_log_info("eval: ROC AUC %.4f (95 %% interval %.4f to %.4f) over %d clips", auc->valuedouble, interval->child->valuedouble,
                          interval->child->next->valuedouble, cJSON_GetObjectItemCaseSensitive(summary, "n")->valueint);
        cJSON_ArrayForEach(note, cJSON_GetObjectItemCaseSensitive(summary, "notes")) desy_log_warning("eval: %s", note->valuestring);
        cJSON_ArrayForEach(line, cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(summary, "versus"), "words"))
            if (!invocation->json && puts(line->valuestring) < 0) rc = desy_error(DESY_EENV, "stdout can't be written");
        const char *verdict = desy_json_text_of(cJSON_GetObjectItemCaseSensitive(summary, "controls"), "verdict");
        if (verdict) desy_log_info("eval: controls: %s", verdict);
        desy_log_info("eval: the report is %s/report.html", options->directory);
        if (invocation->json) {
            char *text = cJSON_PrintUnformatted(summary);
            if (!text) rc = desy_error_memory("the summary");
            else if (puts(text) < 0) rc = desy_error(DESY_EENV, "stdout can't be written");
            free(text);
        }
    }
    cJSON_Delete(summary);
    return desy_agree(invocation->world, rc);
}

static int compare(struct desy_invocation *invocation)
{
    cJSON *comparison = NULL;
    int rc = DESY_OK;
    if (invocation->argument_count < 2) return desy_error(DESY_EUSAGE, "eval --compare takes two reports or more: desy eval --compare REPORT REPORT -o DIR");
    if (desy_rank(invocation->world) > 0) return DESY_OK;
    DESY_TRY(desy_compare_reports(&comparison, invocation->arguments, (size_t)invocation->argument_count));
    DESY_TRY(desy_compare_write(comparison, invocation->output));
    desy_log_info("eval: the comparison is %s/compare.html", invocation->output);
    if (invocation->json) rc = desy_json_print(comparison, false, "the comparison");
out:
    cJSON_Delete(comparison);
    return rc;
}

int desy_eval_command(struct desy_invocation *invocation)
{
    if (!invocation->output) return desy_error(DESY_EUSAGE, "eval needs -o REPORT, the directory to write to");
    if (desy_eval_settings.compare) return compare(invocation);
    if (desy_eval_settings.scores) {
        if (invocation->argument_count > 0 || desy_eval_settings.model || strcmp(desy_eval_settings.split, "test") != 0 || strcmp(desy_eval_settings.level, "all") != 0 || strcmp(desy_eval_settings.protocol, "holdout") != 0 ||
            desy_eval_settings.false_alarms != 1 || desy_eval_settings.robustness || desy_eval_settings.dataset)
            return desy_error(DESY_EUSAGE, "eval --scores takes no store, no --model, --split, --level, --protocol, --false-alarms, --robustness and --dataset: the file says it all");
        if (!desy_eval_settings.unlabelled) return desy_eval_settings.prior == .5 ? desy_eval_scores(invocation, desy_eval_settings.scores, invocation->output) : desy_error(DESY_EUSAGE, "--prior goes with --unlabelled");
        if (desy_eval_settings.threshold) return desy_error(DESY_EUSAGE, "eval --unlabelled estimates a share from probabilities, and takes no --threshold");
        if (!(desy_eval_settings.prior > 0 && desy_eval_settings.prior < 1)) return desy_error(DESY_EUSAGE, "--prior must lie between 0 and 1");
        return desy_prevalence_stage(invocation, desy_eval_settings.scores, invocation->output, desy_eval_settings.prior);
    }
    if (desy_eval_settings.unlabelled || desy_eval_settings.prior != .5) return desy_error(DESY_EUSAGE, "--unlabelled and its --prior go with --scores FILE");
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "eval takes one store (desy eval STORE --model MODEL -o REPORT), or --scores FILE");
    if (strcmp(desy_eval_settings.protocol, "lodo") == 0) {
        if (desy_eval_settings.model || strcmp(desy_eval_settings.split, "test") != 0 || strcmp(desy_eval_settings.level, "all") != 0 || desy_eval_settings.threshold || desy_eval_settings.versus ||
            desy_eval_settings.resamples != DESY_EVAL_RESAMPLES || desy_eval_settings.lodo || desy_eval_settings.robustness)
            return desy_error(DESY_EUSAGE, "eval --protocol lodo fits its own models, on all parts: it takes no --model, --split, --level, --threshold, --bootstrap, --versus, --lodo and --robustness");
        if (!(desy_eval_settings.false_alarms >= 0 && desy_eval_settings.false_alarms <= 1)) return desy_error(DESY_EUSAGE, "--false-alarms must lie in [0, 1], not %g", desy_eval_settings.false_alarms);
        return desy_lodo_stage(invocation, invocation->arguments[0], invocation->output, desy_eval_settings.false_alarms);
    }
    if (strcmp(desy_eval_settings.protocol, "holdout") != 0) return desy_error(DESY_EUSAGE, "--protocol must be holdout or lodo, not %s", desy_eval_settings.protocol);
    if (desy_eval_settings.false_alarms != 1) return desy_error(DESY_EUSAGE, "--false-alarms goes with --protocol lodo: of a model that is there, its threshold was chosen in training");
    char *model = NULL;
    int rc = desy_model_or_default(&model, desy_eval_settings.model);
    if (rc == DESY_OK) rc = desy_eval_stage(invocation, invocation->arguments[0], model, invocation->output, false);
    free(model);
    return rc;
}
