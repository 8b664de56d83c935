#include "eval/controls_json.h"

#include "base/error.h"
#include "base/json.h"
#include "eval/figures.h"
#include "eval/known.h"

#include <math.h>

static bool add_permutation(cJSON *object, const struct desy_permutation *test)
{
    return object && desy_figure(object, "mean", test->mean) && desy_figure_interval(object, "band", test->band) && desy_figure(object, "p", test->p)
           && (test->permutations ? desy_figure_integer(object, "permutations", test->permutations)
                                  : desy_figure_text(object, "method", "normal distribution of the Mann-Whitney statistic, ties corrected"));
}

static bool add_labels(cJSON *controls, const struct desy_controls *c)
{
    if (!c->findings.has_labels) return true;
    cJSON *object = cJSON_AddObjectToObject(controls, "label_permutation");
    return object && desy_figure(object, "roc_auc", c->findings.labels.auc) && add_permutation(object, &c->findings.labels);
}

static bool add_real(cJSON *controls, const struct desy_controls *c)
{
    const struct desy_real_against_real *real = &c->real;
    if (!c->findings.has_real) return true;
    cJSON *object = cJSON_AddObjectToObject(controls, "real_against_real"), *pair = NULL;
    if (!object || !desy_figure_integer(object, "sources", (int64_t)real->n_sources) || !desy_figure_integer(object, "pairs", (int64_t)real->pairs)
        || !desy_figure_integer(object, "clips", real->clips) || !desy_figure(object, "mean", real->mean) || !desy_figure(object, "null_mean", real->null_mean)
        || !desy_figure_interval(object, "null_band", real->band) || !desy_figure(object, "p", real->p) || !desy_figure_integer(object, "permutations", DESY_PERMUTATIONS))
        return false;
    pair = cJSON_AddObjectToObject(object, "highest");
    return pair && desy_figure_text(pair, "a", c->sources_of->names[real->highest_pair[0]]) && desy_figure_text(pair, "b", c->sources_of->names[real->highest_pair[1]])
           && desy_figure(pair, "folded", real->highest)
           && (!real->sampled || desy_figure_text(object, "sample", "about 500 clips of each source that has more"));
}

static bool add_probe(cJSON *controls, const struct desy_controls *c)
{
    if (!c->findings.has_probe) return true;
    cJSON *object = cJSON_AddObjectToObject(controls, "metadata_probe");
    return object && desy_figure_auc(object, &c->findings.probe) && add_permutation(object, &c->probe)
           && (!isfinite(c->findings.probe_smallest) || desy_figure(object, "smallest_found", c->findings.probe_smallest));
}

static bool add_seen(cJSON *sources, const char *name, const int64_t counts[2], const struct desy_seen *seen)
{
    const int64_t all = counts[0] + counts[1];
    if (all == 0) return true;
    cJSON *object = cJSON_AddObjectToObject(sources, name), *part = NULL;
    if (!object || !desy_figure_integer(object, "evaluated", all) || !desy_figure_integer(object, "in_training", counts[0])
        || !desy_figure(object, "share_in_training", (double)counts[0] / (double)all))
        return false;
    if (!seen->known) return true;
    part = cJSON_AddObjectToObject(object, "seen");
    if (!part || !desy_figure_auc(part, &seen->seen)) return false;
    part = cJSON_AddObjectToObject(object, "unseen");
    return part && desy_figure_auc(part, &seen->unseen);
}

static bool add_sources(cJSON *controls, const struct desy_controls *c)
{
    if (!c->has_sources) return true;
    cJSON *object = cJSON_AddObjectToObject(controls, "unseen_sources");
    return object && add_seen(object, "generators", c->sources[1], &c->findings.generators) && add_seen(object, "real_sources", c->sources[0], &c->findings.real_sources);
}

static bool add_leakage(cJSON *controls, const struct desy_controls *c, const struct desy_known *known)
{
    if (!c->findings.has_copies || !known->leakage) return true;
    cJSON *object = cJSON_Duplicate(known->leakage, true), *part = NULL;
    if (!object || !cJSON_AddItemToObject(controls, "leakage", object)) {
        cJSON_Delete(object);
        return false;
    }
    if (!desy_figure_integer(object, "copied", c->findings.copied)) return false;
    if (!c->findings.has_without || c->findings.copied == 0) return true;
    part = cJSON_AddObjectToObject(object, "without");
    return part && desy_figure_auc(part, &c->without);
}

/* What --protocol lodo wrote: its first line. */
static bool add_lodo(cJSON *controls, const cJSON *lodo)
{
    const cJSON *clips = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(lodo, "views"), "as_is");
    const cJSON *fused = cJSON_GetObjectItemCaseSensitive(clips, "fused"), *sources = cJSON_GetObjectItemCaseSensitive(fused, "ci_sources");
    const double right = desy_json_number_of(fused, "ranked_right");
    if (!isfinite(right)) return true;
    cJSON *object = cJSON_AddObjectToObject(controls, "leave_one_generator_out"), *interval = sources ? cJSON_Duplicate(sources, true) : NULL;
    if (!object || !desy_figure(object, "ranked_right", right)) {
        cJSON_Delete(interval);
        return false;
    }
    if (interval && !cJSON_AddItemToObject(object, "ci_sources", interval)) {
        cJSON_Delete(interval);
        return false;
    }
    return desy_figure_text(object, "from", "desy eval --protocol lodo: each pair ranked by a model that saw neither source");
}

/* Of what the training part says something. */
static bool add_scope(cJSON *reasons, const struct desy_report_options *options)
{
    const struct desy_known *known = options->known;
    const char *text = !known || known->of_model ? NULL
                       : known->trained == 0     ? "The store has no training part: copies, unseen sources and a probe can't be looked for."
                                                 : "The model was not trained on the training part of this store: what is said of that part is said of the data, not of what the model has seen.";
    return !text || cJSON_AddItemToArray(reasons, cJSON_CreateString(text));
}

/* The names of what speaks for a shortcut; nothing where nothing does. */
static bool add_suspected(cJSON *controls, unsigned suspected)
{
    cJSON *names = suspected ? cJSON_AddArrayToObject(controls, "suspected") : NULL;
    bool ok = !suspected || names;
    for (unsigned bit = DESY_BY_METADATA; ok && bit <= DESY_BY_SOURCE; bit <<= 1)
        if (suspected & bit) ok = cJSON_AddItemToArray(names, cJSON_CreateString(desy_suspicion_name((enum desy_suspicion)bit)));
    return ok;
}

int desy_controls_json(const struct desy_controls *c, const struct desy_report_options *options, cJSON *json)
{
    enum desy_verdict verdict;
    unsigned suspected = 0;
    cJSON *controls = cJSON_AddObjectToObject(json, "controls"), *reasons = cJSON_CreateArray();
    bool ok = controls && reasons && desy_verdict_reach(&c->findings, &verdict, &suspected, reasons) && add_scope(reasons, options) && desy_figure_text(controls, "verdict", desy_verdict_name(verdict))
              && add_suspected(controls, suspected);
    if (!controls || !cJSON_AddItemToObject(controls, "reasons", reasons)) {
        cJSON_Delete(reasons);
        ok = false;
    }
    ok = ok && add_labels(controls, c) && add_probe(controls, c) && add_real(controls, c) && add_sources(controls, c) && add_leakage(controls, c, options->known) && add_lodo(controls, options->lodo);
    return ok ? DESY_OK : desy_error_memory("the controls");
}
