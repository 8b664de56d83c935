/* desy eval: a store and a model, or anybody's scores, to a report. */
#include "stages/eval.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "detect/default_model.h"
#include "eval/compare.h"
#include "eval/csv.h"
#include "eval/hardest.h"
#include "features/split.h"
#include "stages/commands.h"
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
    {"device", 0, POPT_ARG_STRING, &desy_eval_settings.device, 0, "auto, cpu, cuda or cuda:K (default auto)", "D"},
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
    {"weights", 0, POPT_ARG_STRING, &desy_eval_settings.weights, 0, "of --robustness: the extractor's weights, if the store was made with others than the default", "FILE"},
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

/* lodo.json, where it is given, or stands in the report and is of this very store. Rank 0. */
static int read_lodo(const char *directory, const cJSON *provenance, cJSON **lodo)
{
    char *path = desy_eval_settings.lodo ? strdup(desy_eval_settings.lodo) : desy_path_join(directory, "lodo.json");
    int rc = path ? DESY_OK : desy_error_memory("a path");
    if (rc == DESY_OK && (desy_eval_settings.lodo || desy_file_exists(path))) rc = desy_json_read(lodo, path);
    const char *theirs = desy_json_text_of(*lodo, "index_sha256"), *ours = desy_json_text_of(provenance, "index_sha256");
    if (rc == DESY_OK && *lodo && !desy_eval_settings.lodo && !(theirs && ours && strcmp(theirs, ours) == 0)) {
        desy_log_warning("eval: %s is not of %s, and is not quoted; --lodo %s quotes it all the same", path, ours ? "this store" : "a store that is evaluated here", path);
        cJSON_Delete(*lodo);
        *lodo = NULL;
    }
    free(path);
    return rc;
}

int desy_eval_report(struct desy_invocation *invocation, const struct desy_scores *scores, struct desy_report_options *options)
{
    cJSON *summary = NULL, *lodo = NULL;
    options->controls = strcmp(desy_eval_settings.controls, "all") == 0;
    options->thumbnails = desy_eval_settings.thumbnails;
    desy_csv_neutralise(desy_eval_settings.csv_safe);
    int rc = desy_agree(invocation->world, desy_rank(invocation->world) == 0 && options->controls ? read_lodo(options->directory, options->provenance, &lodo) : DESY_OK);
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
            rc = desy_json_print(summary, false, "the summary");
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

/* ---- which options go with what is asked for ---- */

enum mode { STORE = 1, SCORES = 2, UNLABELLED = 4, LODO = 8, COMPARE = 16 };

static enum mode mode_of(const struct desy_eval_settings *s)
{
    return s->compare ? COMPARE : s->scores ? (s->unlabelled ? UNLABELLED : SCORES) : strcmp(s->protocol, "lodo") == 0 ? LODO : STORE;
}

/* One that would be left alone is refused: whoever gave it expects something of it. */
static int check_options(const struct desy_eval_settings *s, enum mode mode)
{
    const struct {
        const char *name;
        bool given;
        int modes;
    } options[] = {
        {"--model", s->model, STORE}, {"--split", strcmp(s->split, "test") != 0, STORE}, {"--level", strcmp(s->level, "all") != 0, STORE}, {"--threshold", s->threshold, STORE | SCORES},
        {"--device", strcmp(s->device, "auto") != 0, STORE}, {"--bootstrap", s->resamples != DESY_EVAL_RESAMPLES, STORE | SCORES}, {"--csv-safe", s->csv_safe, STORE | SCORES | LODO},
        {"--protocol", strcmp(s->protocol, "holdout") != 0, STORE | LODO}, {"--versus", s->versus, STORE | SCORES}, {"--false-alarms", s->false_alarms != 1, LODO},
        {"--scores", s->scores, SCORES | UNLABELLED}, {"--unlabelled", s->unlabelled, UNLABELLED}, {"--prior", s->prior != .5, UNLABELLED}, {"--controls", strcmp(s->controls, "all") != 0, STORE | SCORES},
        {"--lodo", s->lodo, STORE | SCORES}, {"--robustness", s->robustness, STORE}, {"--dataset", s->dataset, STORE}, {"--weights", s->weights, STORE}, {"--thumbnails", s->thumbnails != DESY_HARDEST, STORE},
    };
    static const struct { enum mode mode; const char *words; } modes[] = {{STORE, "a store and a model"}, {SCORES, "--scores"}, {UNLABELLED, "--unlabelled"}, {LODO, "--protocol lodo"}, {COMPARE, "--compare"}};
    const char *words = "";
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (modes[i].mode == mode) words = modes[i].words;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].given && !(options[i].modes & mode)) return desy_error(DESY_EUSAGE, "%s does not go with %s: leave it out", options[i].name, words);
    if ((s->dataset || s->weights) && !s->robustness) return desy_error(DESY_EUSAGE, "%s is for --robustness: add that", s->dataset ? "--dataset" : "--weights");
    if (s->lodo && strcmp(s->controls, "none") == 0) return desy_error(DESY_EUSAGE, "--lodo is quoted among the controls: leave out --controls none");
    if (strcmp(s->protocol, "holdout") != 0 && strcmp(s->protocol, "lodo") != 0) return desy_error(DESY_EUSAGE, "--protocol must be holdout or lodo, not %s", s->protocol);
    if (!(s->false_alarms >= 0 && s->false_alarms <= 1)) return desy_error(DESY_EUSAGE, "--false-alarms must lie in [0, 1], not %g", s->false_alarms);
    if (!(s->prior > 0 && s->prior < 1)) return desy_error(DESY_EUSAGE, "--prior must lie between 0 and 1");
    return DESY_OK;
}

int desy_eval_command(struct desy_invocation *invocation)
{
    const struct desy_eval_settings *s = &desy_eval_settings;
    const enum mode mode = mode_of(s);
    if (!invocation->output) return desy_error(DESY_EUSAGE, "eval needs -o REPORT, the directory to write to");
    int rc = check_options(s, mode);
    if (rc != DESY_OK) return rc;
    if (mode == COMPARE) return compare(invocation);
    if (mode & (SCORES | UNLABELLED) && invocation->argument_count > 0) return desy_error(DESY_EUSAGE, "eval --scores takes no store: the file says it all");
    if (mode == SCORES) return desy_eval_scores(invocation, s->scores, invocation->output);
    if (mode == UNLABELLED) return desy_prevalence_stage(invocation, s->scores, invocation->output, s->prior);
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "eval takes one store (desy eval STORE --model MODEL -o REPORT), or --scores FILE");
    desy_csv_neutralise(s->csv_safe);
    if (mode == LODO) return desy_lodo_stage(invocation, invocation->arguments[0], invocation->output, s->false_alarms);
    char *model = NULL;
    rc = desy_model_or_default(&model, s->model);
    if (rc == DESY_OK) rc = desy_eval_stage(invocation, invocation->arguments[0], model, invocation->output, false);
    free(model);
    return rc;
}
