#include "eval/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

struct judgement {
    cJSON *reasons;
    bool ok;
    unsigned suspected;  /* bits of enum desy_suspicion: controls that speak for a shortcut */
    bool looked, blind;  /* one could have found one; one was too small to */
};

static void say(struct judgement *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct judgement *j, const char *format, ...)
{
    char text[500];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    cJSON *reason = cJSON_CreateString(text);
    if (reason && cJSON_AddItemToArray(j->reasons, reason)) return;
    cJSON_Delete(reason);
    j->ok = false;
}

const char *desy_verdict_name(enum desy_verdict verdict)
{
    static const char *const names[] = {"no shortcut found", "shortcut suspected", "too little data"};
    return names[verdict];
}

/* .613 is "61"; an area that is not all but 1 is not said to be 100. */
static double percent(double share) { return share < 1 && share > .995 ? 99 : share > 0 && share < .005 ? 1 : round(100 * share); }

static void judge_labels(struct judgement *j, const struct desy_findings *f)
{
    const struct desy_permutation *labels = &f->labels;
    if (!f->has_labels) {
        say(j, "Only one class has scores: nothing can be said of what the score goes by.");
        return;
    }
    if (labels->p <= DESY_ALPHA)
        say(j, "The score ranks %.0f %% of pairs right; with labels that mean nothing it would be %.0f to %.0f %%.", percent(labels->auc), percent(labels->band[0]), percent(labels->band[1]));
    else
        say(j, "The score ranks %.0f %% of pairs right, which labels that mean nothing would give as well (%.0f to %.0f %%): it is not shown to tell anything.", percent(labels->auc),
            percent(labels->band[0]), percent(labels->band[1]));
}

static void judge_probe(struct judgement *j, const struct desy_findings *f)
{
    const struct desy_auc *probe = &f->probe;
    if (!f->has_probe) {
        say(j, f->has_store ? "A probe on metadata could not be fitted or not be scored: a class is missing in the training part or in what is evaluated."
                            : "Metadata, training clips and copies were not looked at: a score file has none.");
        return;
    }
    j->looked = true;
    if (f->probe_p <= DESY_ALPHA && probe->interval[0] > .5) {
        j->suspected |= DESY_BY_METADATA;
        say(j, "The metadata alone rank %.0f %% of pairs right (%.0f to %.0f %%), which is more than chance: size, length, rate, codec or container tell the classes apart, and a detector may go by that.",
            percent(probe->auc), percent(probe->interval[0]), percent(probe->interval[1]));
    } else
        say(j, "The metadata alone rank %.0f %% of pairs right (%.0f to %.0f %%): no more than chance.", percent(probe->auc), percent(probe->interval[0]), percent(probe->interval[1]));
    if (isfinite(f->probe_smallest) && f->probe_smallest <= DESY_SMALLEST_FOUND)
        say(j, "With %lld clips a probe that reaches an AUC of %.2f would have been seen, four times of five.", (long long)(probe->pos + probe->neg), f->probe_smallest);
    else {
        j->blind = true;
        if (isfinite(f->probe_smallest))
            say(j, "With %lld clips a probe would have had to reach an AUC of %.2f to be seen: absence is not shown.", (long long)(probe->pos + probe->neg), f->probe_smallest);
        else say(j, "With %lld clips not even a perfect probe would surely have been seen: absence is not shown.", (long long)(probe->pos + probe->neg));
    }
}

static void judge_real(struct judgement *j, const struct desy_findings *f)
{
    if (!f->has_real) {
        say(j, "Real sources could not be compared with each other: that needs two with 5 clips each.");
        return;
    }
    const double excess = f->real_mean - f->real_null;
    j->looked = true;
    if (f->real_p <= DESY_ALPHA && excess >= DESY_RVR_EXCESS) {
        j->suspected |= DESY_BY_COLLECTION;
        say(j, "The score tells %zu real sources from each other: folded AUC %.2f, where clips dealt at random give %.2f (%.2f to %.2f). It knows collections again.", f->n_real_sources, f->real_mean,
            f->real_null, f->real_band[0], f->real_band[1]);
    } else
        say(j, "Real sources against each other (%zu of them): folded AUC %.2f, where clips dealt at random give %.2f (%.2f to %.2f).", f->n_real_sources, f->real_mean, f->real_null, f->real_band[0],
            f->real_band[1]);
    if (f->real_band[1] - f->real_null > DESY_RVR_EXCESS) {
        j->blind = true;
        say(j, "So few real clips scatter by more than %.1f: whether the score knows collections again can not be seen.", DESY_RVR_EXCESS);
    }
}

static void judge_copies(struct judgement *j, const struct desy_findings *f)
{
    if (!f->has_copies || f->compared == 0) return;
    if (f->copied == 0) {
        say(j, "None of %lld clips was found in the training part.", (long long)f->compared);
        return;
    }
    char without[80] = "";
    if (f->has_without) snprintf(without, sizeof without, " The AUC is %.3f, and %.3f without them.", f->auc, f->auc_without);
    if ((double)f->copied >= DESY_COPIED_SHARE * (double)f->compared || (f->has_without && f->auc - f->auc_without >= DESY_COPIED_LOSS)) j->suspected |= DESY_BY_COPIES;
    say(j, "Found in the training part, or looking the same as a clip there: %lld of %lld clips.%s", (long long)f->copied, (long long)f->compared, without);
}

static void judge_seen(struct judgement *j, const struct desy_seen *seen, const char *what)
{
    if (!seen->known) return;
    const bool apart = seen->seen.interval[0] > seen->unseen.interval[1];
    if (apart) j->suspected |= DESY_BY_SOURCE;
    say(j, "Clips of %s that the training part has: AUC %.2f (%.2f to %.2f); of others: %.2f (%.2f to %.2f)%s.", what, seen->seen.auc, seen->seen.interval[0], seen->seen.interval[1],
        seen->unseen.auc, seen->unseen.interval[0], seen->unseen.interval[1], apart ? ", clearly less: what was learnt does not carry over" : "");
}

const char *desy_suspicion_name(enum desy_suspicion suspicion)
{
    return suspicion == DESY_BY_METADATA ? "metadata" : suspicion == DESY_BY_COLLECTION ? "real sources" : suspicion == DESY_BY_COPIES ? "copies" : "seen sources";
}

bool desy_verdict_reach(const struct desy_findings *f, enum desy_verdict *verdict, unsigned *suspected, cJSON *reasons)
{
    struct judgement j = {.reasons = reasons, .ok = true};
    judge_labels(&j, f);
    judge_probe(&j, f);
    judge_real(&j, f);
    judge_copies(&j, f);
    judge_seen(&j, &f->generators, "generators");
    judge_seen(&j, &f->real_sources, "real sources");
    *suspected = j.suspected;
    *verdict = j.suspected ? DESY_SHORTCUT_SUSPECTED : !f->has_labels || !j.looked || j.blind ? DESY_TOO_LITTLE_DATA : DESY_NO_SHORTCUT_FOUND;
    return j.ok;
}
