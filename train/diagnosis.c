#include "train/diagnosis.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 3, 4))) static void add(struct desy_diagnosis *d, const char *finding, const char *format, ...)
{
    va_list arguments;
    if (d->n == DESY_MOST_FINDINGS) return;
    d->findings[d->n].finding = finding;
    va_start(arguments, format);
    vsnprintf(d->findings[d->n].words, sizeof d->findings[d->n].words, format, arguments);
    va_end(arguments);
    d->n++;
}

static double lower_rate(const struct desy_train_options *options) { return options->learning_rate / 10; }

/* Index of the first epoch with a loss that is not finite, or of which the training loss is above `limit`; -1: none. */
static int first_above(const struct desy_curve *curve, double limit)
{
    for (int e = 0; e < curve->count; e++)
        if (!(curve->epochs[e].loss <= limit) || !isfinite(curve->epochs[e].validation_loss)) return e;
    return -1;
}

/* Was it found? Then the rest of the curve says nothing of its own. */
static bool learns_too_fast(struct desy_diagnosis *d, const char *name, const struct desy_curve *curve, const struct desy_train_options *options)
{
    static const char finding[] = "learning_rate_too_high";
    const struct desy_epoch *epochs = curve->epochs;
    const int n = curve->count, odd = first_above(curve, 2 * M_LN2);
    double later = 0, upward = 0;
    if (odd >= 0 && !(isfinite(epochs[odd].loss) && isfinite(epochs[odd].validation_loss))) {
        add(d, finding, "%s: the loss of epoch %d is not finite: lower --lr (it is %g), to %g say", name, odd + 1, options->learning_rate, lower_rate(options));
        return true;
    }
    if (odd >= 0) {
        add(d, finding, "%s: the training loss of epoch %d is %.4g, where guessing has %.4g: steps overshoot; lower --lr (it is %g), to %g say", name, odd + 1, epochs[odd].loss, M_LN2,
            options->learning_rate, lower_rate(options));
        return true;
    }
    for (int e = 1; e < n; e++) {
        later += epochs[e].loss / (n - 1);
        upward += fmax(epochs[e].loss - epochs[e - 1].loss, 0) / (n - 1);
    }
    if (n >= 3 && later > 1.1 * epochs[0].loss + .02) {
        add(d, finding, "%s: the training loss has risen, from %.4g in the first epoch to %.4g on average in those after it: lower --lr (it is %g), to %g say", name, epochs[0].loss, later,
            options->learning_rate, lower_rate(options));
        return true;
    }
    if (n >= 4 && upward > fmax(.1 * epochs[0].loss, .02)) {
        add(d, finding, "%s: the training loss goes up and down, by %.4g upward an epoch on average: lower --lr (it is %g), to %g say, or take larger batches (--batch-size %d)", name, upward,
            options->learning_rate, lower_rate(options), 4 * options->batch_size);
        return true;
    }
    return false;
}

void desy_diagnose_curve(struct desy_diagnosis *d, const char *name, const struct desy_curve *curve, const struct desy_train_options *options)
{
    const struct desy_epoch *epochs = curve->epochs;
    const int n = curve->count, best = curve->best, after = n - 1 - best;
    if (n == 0 || learns_too_fast(d, name, curve, options)) return;
    double lowest = epochs[0].loss, lowest_validation = epochs[0].validation_loss, later = 0;
    for (int e = 0; e < n; e++) {
        lowest = fmin(lowest, epochs[e].loss);
        lowest_validation = fmin(lowest_validation, epochs[e].validation_loss);
        if (e > best) later += epochs[e].validation_loss / after;
    }
    if (n >= 3 && lowest > .95 * epochs[0].loss && lowest_validation > .95 * M_LN2)
        add(d, "does_not_converge",
            "%s: in %d epochs the training loss has hardly fallen (%.4g at first, %.4g at best), and the validation loss was never clearly below guessing (%.4g; guessing has %.4g): try "
            "--lr %g (it is %g) and more --epochs; if nothing changes, the features say nothing about these labels",
            name, n, epochs[0].loss, lowest, lowest_validation, M_LN2, 10 * options->learning_rate, options->learning_rate);
    else if (n >= 3 && n == options->epochs && best == n - 1 && epochs[n - 2].validation_loss - epochs[n - 1].validation_loss >= .01)
        add(d, "not_finished", "%s: the validation loss was still falling in epoch %d, the last one (%.4g after %.4g): more --epochs (--epochs %d) would go on from there", name, n,
            epochs[n - 1].validation_loss, epochs[n - 2].validation_loss, 2 * n);
    if (after >= 2 && later > 1.1 * epochs[best].validation_loss + .02 && epochs[n - 1].loss < .9 * epochs[best].loss)
        add(d, "overfits",
            "%s: after epoch %d, which was kept, the training loss fell on (%.4g to %.4g) while the validation loss rose (%.4g to %.4g on average): more videos or views of them (desy "
            "extract --augment 3), a larger --weight-decay (it is %g), a lower --lr (it is %g), or --size small",
            name, best + 1, epochs[best].loss, epochs[n - 1].loss, epochs[best].validation_loss, later, options->weight_decay, options->learning_rate);
}

double desy_chance_auc(const double items[2])
{
    return .5 + 1.96 * sqrt((items[0] + items[1] + 1) / (12 * items[0] * items[1]));
}

void desy_diagnose_labels(struct desy_diagnosis *d, double trained_auc, double out_of_fold_auc, const double items[2])
{
    const double chance = desy_chance_auc(items), told = fmax(trained_auc, 1 - trained_auc);
    if (!(told > chance) || !(out_of_fold_auc <= chance)) return;
    add(d, "labels_look_shuffled",
        "the training videos are told apart by heads that know them (AUC %.4f), but not by heads that had not seen their source or group (AUC %.4f; guessing reaches %.4f on so many): "
        "look whether the labels belong to the videos (desy check names duplicates with different ones), then for more sources of each class",
        told, out_of_fold_auc, chance);
}

void desy_diagnose_verdicts(struct desy_diagnosis *d, size_t verdicts[2][2], const struct desy_train_options *options)
{
    const size_t real = verdicts[0][0] + verdicts[1][0], ai = verdicts[0][1] + verdicts[1][1], of_real = verdicts[0][0] + verdicts[0][1], of_ai = verdicts[1][0] + verdicts[1][1];
    char advice[96] = "the model tells nothing apart; look at the other findings, or train with --size small";
    if (of_real == 0 || of_ai == 0 || (real > 0 && ai > 0)) return;
    if (ai == 0 && options->most_false_alarms < 1) snprintf(advice, sizeof advice, "a larger --false-alarms (it is %g) lowers the threshold", options->most_false_alarms);
    add(d, "one_class", "all %zu videos of training and validation, %zu of them real and %zu AI-generated, are called %s: %s", real + ai, of_real, of_ai, ai ? "AI-generated" : "real", advice);
}

cJSON *desy_diagnosis_json(const struct desy_diagnosis *d)
{
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; list && i < d->n; i++) {
        cJSON *finding = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(list, finding) || !cJSON_AddStringToObject(finding, "finding", d->findings[i].finding) || !cJSON_AddStringToObject(finding, "words", d->findings[i].words)) {
            cJSON_Delete(list);
            list = NULL;
        }
    }
    return list;
}
