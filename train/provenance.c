#include "train/provenance.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "features/split.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const size_names[] = {"auto", "small", "full"};

static const char *level_word(const struct desy_train_options *o)
{
    return o->level == DESY_TRAIN_ALL ? "all" : o->level == DESY_TRAIN_FUSION ? "fusion" : desy_level_name((enum desy_level)o->level);
}

static const char *parts_word(const struct desy_train_options *o)
{
    return o->all_parts ? "all" : "train";
}

static const char *const optimizer_names[] = {"adamw", "sgd"}, *const schedule_names[] = {"constant", "cosine"}, *const augmentation_names[] = {"none", "guide", "forensic"}, *const balance_names[] = {"none", "label", "source"};

static void describe_steps(cJSON *json, const struct desy_train_options *o)
{
    cJSON_AddNumberToObject(json, "epochs", o->epochs);
    cJSON_AddNumberToObject(json, "batch_size", o->batch_size);
    cJSON_AddNumberToObject(json, "accumulate", o->accumulate > 1 ? o->accumulate : 1);
    cJSON_AddNumberToObject(json, "patience", o->patience);
    cJSON_AddNumberToObject(json, "min_delta", o->min_delta);
    cJSON_AddNumberToObject(json, "learning_rate", o->learning_rate);
    cJSON_AddStringToObject(json, "schedule", schedule_names[o->schedule]);
    cJSON_AddNumberToObject(json, "warmup_epochs", o->warmup_epochs);
    cJSON_AddNumberToObject(json, "weight_decay", o->weight_decay);
    cJSON_AddStringToObject(json, "optimiser", optimizer_names[o->optimizer]);
    if (o->optimizer == DESY_SGD) cJSON_AddNumberToObject(json, "momentum", o->momentum);
    if (o->clip_norm > 0) cJSON_AddNumberToObject(json, "clip_norm", o->clip_norm);
    if (o->augmentation != DESY_AUGMENTATION_NONE) cJSON_AddStringToObject(json, "augmentation", augmentation_names[o->augmentation]);
    cJSON_AddStringToObject(json, "balance", balance_names[o->balance]);
}

static void describe_loss(cJSON *json, const struct desy_train_options *o)
{
    cJSON_AddStringToObject(json, "loss", o->focal ? "focal" : "bce");
    if (o->focal) {
        cJSON_AddNumberToObject(json, "focal_gamma", o->focal_gamma);
        if (o->focal_alpha >= 0) cJSON_AddNumberToObject(json, "focal_alpha", o->focal_alpha);
    }
    cJSON_AddNumberToObject(json, "label_smoothing", o->label_smoothing);
    cJSON_AddStringToObject(json, "mixed_precision", desy_precision_name(o->precision));
    if (o->class_weighting == DESY_CLASSES_GIVEN) cJSON_AddItemToObject(json, "class_weights", cJSON_CreateDoubleArray(o->class_weights, 2));
    else cJSON_AddStringToObject(json, "class_weights", o->class_weighting == DESY_CLASSES_BALANCED ? "balanced" : "none");
}

/* The options that decide the model, as JSON; new. */
static cJSON *describe_options(const struct desy_train_options *o)
{
    char seed[24];
    cJSON *json = cJSON_CreateObject();
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)o->seed); /* as text: a double holds 53 bits */
    cJSON_AddStringToObject(json, "seed", seed);
    cJSON_AddStringToObject(json, "level", level_word(o));
    cJSON_AddStringToObject(json, "size", size_names[o->size]);
    describe_steps(json, o);
    describe_loss(json, o);
    cJSON_AddStringToObject(json, "parts", parts_word(o));
    cJSON_AddNumberToObject(json, "most_false_alarms", o->most_false_alarms);
    cJSON_AddBoolToObject(json, "reproducible", !o->fast);
    return json;
}

int desy_train_identify(struct desy_train_identity *identity, desy_store *store, const struct desy_train_options *options)
{
    char *text = NULL;
    cJSON *json = describe_options(options);
    int rc;
    DESY_TRY(desy_store_content_sha256(store, identity->data_sha256));
    if (!cJSON_AddStringToObject(json, "data_sha256", identity->data_sha256) || !cJSON_AddStringToObject(json, "desy", DESY_VERSION))
        DESY_TRY(desy_error_memory("a fingerprint"));
    DESY_TRY(desy_json_text(&text, json, false, "a fingerprint"));
    rc = desy_sha256_bytes(identity->fingerprint, text, strlen(text));
out:
    cJSON_Delete(json);
    free(text);
    return rc;
}

static void add_number(cJSON *object, const char *key, double value)
{
    if (isfinite(value)) cJSON_AddNumberToObject(object, key, value); /* not computed: absent */
}

/* What decides full forms, as options of the command line; new. */
static char *options_of_full(const struct desy_train_options *o)
{
    char class_weights[80] = "balanced", momentum[48] = "", focal[96] = "", alpha[48] = "";
    if (o->class_weighting == DESY_CLASSES_UNWEIGHTED) snprintf(class_weights, sizeof class_weights, "none");
    if (o->class_weighting == DESY_CLASSES_GIVEN) snprintf(class_weights, sizeof class_weights, "%.15g,%.15g", o->class_weights[0], o->class_weights[1]);
    if (o->optimizer == DESY_SGD) snprintf(momentum, sizeof momentum, " --momentum %.15g", o->momentum);
    if (o->focal && o->focal_alpha >= 0) snprintf(alpha, sizeof alpha, " --focal-alpha %.15g", o->focal_alpha);
    if (o->focal) snprintf(focal, sizeof focal, " --focal-gamma %.15g%s", o->focal_gamma, alpha);
    return desy_format(" --epochs %d --batch-size %d --accumulate %d --patience %d --min-delta %.15g --optimizer %s%s --lr %.15g --schedule %s --warmup-epochs %d --weight-decay %.15g --clip-norm %.15g"
                       " --augmentation %s --loss %s%s --label-smoothing %.15g --balance %s --class-weights %s --mixed-precision %s%s", o->epochs, o->batch_size, o->accumulate > 1 ? o->accumulate : 1, o->patience, o->min_delta,
                       optimizer_names[o->optimizer], momentum, o->learning_rate, schedule_names[o->schedule], o->warmup_epochs, o->weight_decay, o->clip_norm,
                       augmentation_names[o->augmentation], o->focal ? "focal" : "bce", focal, o->label_smoothing, balance_names[o->balance], class_weights, desy_precision_name(o->precision), o->fast ? " --fast" : "");
}

/* The commands that would make this model again; names of files are the user's. */
static int add_commands(cJSON *training, const desy_store *store, const struct desy_train_options *o)
{
    const char *views = desy_store_attribute(store, "augment"), *sampling = desy_store_attribute(store, "sampling"), *windows = desy_store_attribute(store, "windows");
    const bool many = windows && strcmp(windows, "1") != 0, full = o->size != DESY_SIZE_SMALL;
    cJSON *commands = cJSON_AddArrayToObject(training, "commands");
    char *extract = desy_format("desy extract DATASET -o STORE --extractor %s --sampling %s --frames %d --augment %s%s%s", desy_store_extractor(store), sampling ? sampling : "window",
                                desy_store_frames(store), views ? views : "0", many ? " --windows " : "", many ? windows : "");
    char *of_full = full ? options_of_full(o) : NULL;
    char *train = desy_format("desy train STORE --save-dir DIR --level %s --size %s --parts %s --false-alarms %.15g --seed %llu%s", level_word(o), size_names[o->size], parts_word(o),
                              o->most_false_alarms, (unsigned long long)o->seed, of_full ? of_full : "");
    const bool ok = commands && extract && train && (!full || of_full) && cJSON_AddItemToArray(commands, cJSON_CreateString(extract)) && cJSON_AddItemToArray(commands, cJSON_CreateString(train));
    free(extract);
    free(of_full);
    free(train);
    return ok ? DESY_OK : desy_error_memory("a model");
}

static cJSON *describe_extractor(const desy_store *store)
{
    cJSON *json = cJSON_CreateObject();
    const char *version = desy_store_attribute(store, "extractor_version"), *sampling = desy_store_attribute(store, "sampling");
    const char *weights = desy_store_attribute(store, "weights_sha256");
    const char *precision = desy_store_attribute(store, "precision"), *preprocess = desy_store_attribute(store, "preprocess");
    cJSON_AddStringToObject(json, "name", desy_store_extractor(store));
    cJSON_AddNumberToObject(json, "version", version ? atof(version) : 0);
    cJSON_AddNumberToObject(json, "frames", desy_store_frames(store));
    cJSON_AddNumberToObject(json, "dims", desy_store_dims(store));
    cJSON_AddStringToObject(json, "sampling", sampling ? sampling : "");
    cJSON_AddStringToObject(json, "weights_sha256", weights ? weights : "");
    cJSON_AddStringToObject(json, "precision", precision ? precision : "fp32");
    if (preprocess) cJSON_AddStringToObject(json, "preprocess", preprocess); /* where the extractor's weights decide it */
    return json;
}

static cJSON *describe_out_of_fold(const struct desy_train_metrics *m)
{
    char over[128];
    cJSON *json = cJSON_CreateObject();
    const size_t *train = m->counts[DESY_SPLIT_TRAIN];
    snprintf(over, sizeof over, "the %zu training clips, each scored by heads that had not seen its %s", train[0] + train[1], m->by_source ? "source" : "group");
    add_number(json, "roc_auc", m->out_of_fold_auc);
    add_number(json, "log_loss", m->out_of_fold_loss);
    add_number(json, "accuracy", m->out_of_fold_accuracy);
    cJSON_AddStringToObject(json, "folds_by", m->by_source ? "source" : "group");
    cJSON_AddStringToObject(json, "over", over);
    return json;
}

static cJSON *describe_validation(const struct desy_train_metrics *m)
{
    cJSON *json = cJSON_CreateObject();
    add_number(json, "roc_auc", m->validation_auc);
    add_number(json, "log_loss", m->validation_loss);
    add_number(json, "accuracy", m->validation_accuracy);
    return json;
}

static cJSON *describe_counts(const struct desy_train_metrics *m)
{
    cJSON *json = cJSON_CreateObject();
    for (int part = 0; part < 3; part++) {
        cJSON *of_part = cJSON_AddObjectToObject(json, desy_split_name((enum desy_split_part)part));
        cJSON_AddNumberToObject(of_part, "real", (double)m->counts[part][0]);
        cJSON_AddNumberToObject(of_part, "ai", (double)m->counts[part][1]);
    }
    return json;
}

static cJSON *describe_curve(const struct desy_curve *curve)
{
    cJSON *json = cJSON_CreateObject(), *epochs = cJSON_AddArrayToObject(json, "epochs");
    cJSON_AddNumberToObject(json, "best_epoch", curve->best + 1);
    for (int e = 0; e < curve->count; e++) {
        cJSON *epoch = cJSON_CreateObject();
        add_number(epoch, "loss", curve->epochs[e].loss);
        add_number(epoch, "accuracy", curve->epochs[e].accuracy);
        add_number(epoch, "validation_loss", curve->epochs[e].validation_loss);
        add_number(epoch, "validation_accuracy", curve->epochs[e].validation_accuracy);
        cJSON_AddItemToArray(epochs, epoch);
    }
    return json;
}

/* Of the full forms, by channel. */
static cJSON *describe_curves(const struct desy_ensemble *ensemble, const struct desy_curve *curves)
{
    cJSON *json = cJSON_CreateObject();
    for (int k = 0; k < ensemble->n; k++)
        if (curves[k].count) cJSON_AddItemToObject(json, ensemble->heads[k].channel->name, describe_curve(&curves[k]));
    return json;
}

int desy_train_describe(cJSON *model, const desy_store *store, const struct desy_train_options *options, const struct desy_train_identity *identity,
                        const char *training_sha256, const struct desy_train_metrics *metrics, const struct desy_ensemble *ensemble, const struct desy_curve *curves)
{
    cJSON *training = describe_options(options);
    bool full = false;
    for (int k = 0; k < ensemble->n; k++) full |= curves[k].count > 0;
    bool ok = cJSON_AddStringToObject(model, "format", "desy-model-1") && cJSON_AddStringToObject(model, "desy", DESY_VERSION) &&
              cJSON_AddStringToObject(model, "torch", desy_torch_version()) &&
              (!full || cJSON_AddStringToObject(model, "isa", desy_torch_isa())) && /* small forms are the same on all */
              cJSON_AddItemToObject(model, "extractor", describe_extractor(store)) &&
              cJSON_AddNumberToObject(model, "threshold", metrics->threshold) && cJSON_AddStringToObject(model, "threshold_from", options->all_parts ? "out_of_fold" : "validation") &&
              cJSON_AddTrueToObject(model, "calibrated") && cJSON_AddNumberToObject(model, "prior", .5) &&
              cJSON_AddItemToObject(model, "out_of_fold", describe_out_of_fold(metrics)) &&
              cJSON_AddItemToObject(model, "validation", describe_validation(metrics)) && cJSON_AddItemToObject(model, "training", training);
    if (!ok) return desy_error_memory("a model");
    ok = cJSON_AddStringToObject(training, "data_sha256", identity->data_sha256) && cJSON_AddStringToObject(training, "training_sha256", training_sha256) &&
         cJSON_AddStringToObject(training, "fingerprint", identity->fingerprint) && cJSON_AddItemToObject(training, "items", describe_counts(metrics));
    if (ok) ok = add_commands(training, store, options) == DESY_OK;
    if (ok && full) ok = cJSON_AddItemToObject(training, "curves", describe_curves(ensemble, curves));
    return ok ? DESY_OK : desy_error_memory("a model");
}
