/* desy train: a store, or a data set that is extracted first, to a model directory. */
#include "stages/commands.h"
#include "stages/device.h"
#include "stages/lr_find.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "model/model.h"
#include "train/channel.h"
#include "train/items.h"
#include "train/prefetch.h"
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    const char *save_dir, *level, *size, *loss, *data_dir, *parts, *optimizer, *schedule, *class_weights, *balance, *precision, *augmentation;
    int epochs, batch_size, patience, fast, resume, anew, find_rate, accumulate, warmup_epochs, empty_cache_every;
    double learning_rate, weight_decay, gamma, alpha, false_alarms, momentum, label_smoothing, clip_norm, min_delta, checkpoint_minutes;
} settings = {.save_dir = "best_models_pth", .level = "all", .size = "auto", .loss = "bce", .epochs = 30, .batch_size = 2,
              .patience = 7, .learning_rate = .001, .weight_decay = .01, .gamma = 2, .alpha = -1, .parts = "train", .false_alarms = 1, .optimizer = "adamw", .schedule = "constant",
              .class_weights = "balanced", .balance = "none", .augmentation = "none", .accumulate = 1, .momentum = .9, .checkpoint_minutes = 10};

/* What `desy run` offers; `train` adds its own below. */
const struct poptOption desy_train_options[] = {
    {"level", 0, POPT_ARG_STRING, &settings.level, 0, "all levels and their fusion, one alone, or the fusion of those trained so (default all)", "all|low|mid|high|fusion"},
    {"size", 0, POPT_ARG_STRING, &settings.size, 0, "small forms (solved), full ones (trained by epochs), or those where they are clearly better out of fold (default auto)", "auto|small|full"},
    {"parts", 0, POPT_ARG_STRING, &settings.parts, 0, "fit to the training part, or to all labelled videos, with the threshold chosen out of fold (default train)", "train|all"},
    {"false-alarms", 0, POPT_ARG_DOUBLE, &settings.false_alarms, 0, "share of real videos above the threshold, at most (default 1: the best balanced accuracy)", "R"},
    {"epochs", 0, POPT_ARG_INT, &settings.epochs, 0, "of full forms, at most (default 30)", "N"},
    {"batch-size", 0, POPT_ARG_INT, &settings.batch_size, 0, "of full forms (default 2)", "N"},
    {"accumulate", 0, POPT_ARG_INT, &settings.accumulate, 0, "batches of full forms whose gradients make a step (default 1)", "N"},
    {"optimizer", 0, POPT_ARG_STRING, &settings.optimizer, 0, "of full forms (default adamw)", "adamw|sgd"},
    {"momentum", 0, POPT_ARG_DOUBLE, &settings.momentum, 0, "of sgd (default 0.9)", "R"},
    {"lr", 0, POPT_ARG_DOUBLE, &settings.learning_rate, 0, "learning rate of full forms (default 0.001)", "R"},
    {"schedule", 0, POPT_ARG_STRING, &settings.schedule, 0, "of the learning rate: constant, or cosine annealing to 0 at the last of --epochs (default constant)", "constant|cosine"},
    {"warmup-epochs", 0, POPT_ARG_INT, &settings.warmup_epochs, 0, "in which the learning rate rises linearly (default 0)", "N"},
    {"weight-decay", 0, POPT_ARG_DOUBLE, &settings.weight_decay, 0, "of full forms: decoupled for adamw, added to the gradient for sgd (default 0.01)", "R"},
    {"clip-norm", 0, POPT_ARG_DOUBLE, &settings.clip_norm, 0, "norm of the gradient of full forms, at most (default 0: no limit)", "R"},
    {"patience", 0, POPT_ARG_INT, &settings.patience, 0, "epochs without a better validation loss before full forms stop (default 7)", "N"},
    {"min-delta", 0, POPT_ARG_DOUBLE, &settings.min_delta, 0, "by how much a validation loss must be lower to be better, for --patience (default 0)", "R"},
    {"augmentation", 0, POPT_ARG_STRING, &settings.augmentation, 0, "of the crops that low_cnn is fitted to: none, the guide's (flip, rotation, colours), or what videos go through (docs/training.md; default none)", "none|guide|forensic"},
    {"loss", 0, POPT_ARG_STRING, &settings.loss, 0, "of full forms (default bce)", "bce|focal"},
    {"focal-gamma", 0, POPT_ARG_DOUBLE, &settings.gamma, 0, "focusing of the focal loss (default 2)", "G"},
    {"focal-alpha", 0, POPT_ARG_DOUBLE, &settings.alpha, 0, "weight of the class AI in the focal loss (default: none)", "A"},
    {"label-smoothing", 0, POPT_ARG_DOUBLE, &settings.label_smoothing, 0, "targets of full forms are E/2 and 1 - E/2 in place of 0 and 1 (default 0)", "E"},
    {"balance", 0, POPT_ARG_STRING, &settings.balance, 0, "epochs of full forms: every clip once, or draws that balance labels, or the sources of each label too (default none)", "none|label|source"},
    {"class-weights", 0, POPT_ARG_STRING, &settings.class_weights, 0, "classes in the loss of full forms: both the same, as many clips as they have, or that times two numbers (default balanced)", "balanced|none|REAL,AI"},
    {"mixed-precision", 0, POPT_ARG_STRING, &settings.precision, 0, "products of full forms' gradients; fp16 on CUDA alone (default fp32, with --fast bf16 where the processor has it)", "fp32|bf16|fp16"},
    {"fast", 0, POPT_ARG_NONE, &settings.fast, 0, "bfloat16 products, and batches cut for more than 8 ranks, whose number then decides bits", NULL},
    {"empty-cache-every", 0, POPT_ARG_INT, &settings.empty_cache_every, 0, "steps after which cached memory of a CUDA device is given back (default 0: never)", "N"},
    {"checkpoint-minutes", 0, POPT_ARG_DOUBLE, &settings.checkpoint_minutes, 0, "between checkpoints of full forms, beside one an epoch (default 10; 0: after every step)", "M"},
    {"no-resume", 0, POPT_ARG_NONE, &settings.anew, 0, "begin the training of full forms anew where one was interrupted", NULL},
    POPT_TABLEEND,
};

/* extract's options are for a data set in place of a store. */
const struct poptOption desy_train_command_options[] = {
    {"save-dir", 0, POPT_ARG_STRING, &settings.save_dir, 0, "where versions of the model go (default best_models_pth)", "DIR"},
    {"data-dir", 0, POPT_ARG_STRING, &settings.data_dir, 0, "a data set, extracted to SAVE_DIR/store first", "DATASET"},
    {"lr-find", 0, POPT_ARG_NONE, &settings.find_rate, 0, "look for a learning rate of the full forms instead: 100 steps in which it rises from 1e-7 to 1; writes no model", NULL},
    {"resume", 0, POPT_ARG_NONE, &settings.resume, 0, "continue (what is done is never done again: this is the default)", NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_train_options, 0, NULL, NULL},
    {NULL, 0, POPT_ARG_INCLUDE_TABLE, (void *)desy_extract_options, 0, "Options of extract, for a data set:", NULL},
    POPT_TABLEEND,
};

/* Index of `word` in names, or n. */
static int find_word(const char *word, const char *const *names, int n)
{
    int i = 0;
    while (i < n && strcmp(word, names[i]) != 0) i++;
    return i;
}

static int parse_class_weights(struct desy_train_options *options)
{
    int end = -1;
    double *given = options->class_weights;
    options->class_weighting = strcmp(settings.class_weights, "balanced") == 0 ? DESY_CLASSES_BALANCED : strcmp(settings.class_weights, "none") == 0 ? DESY_CLASSES_UNWEIGHTED : DESY_CLASSES_GIVEN;
    if (options->class_weighting != DESY_CLASSES_GIVEN) return DESY_OK;
    if (sscanf(settings.class_weights, "%lf,%lf%n", &given[0], &given[1], &end) != 2 || settings.class_weights[end] != '\0' || !(given[0] > 0 && given[0] <= 1e6 && given[1] > 0 && given[1] <= 1e6))
        return desy_error(DESY_EUSAGE, "--class-weights must be balanced, none or two positive numbers REAL,AI, not %s", settings.class_weights);
    return DESY_OK;
}

/* What concerns the steps of full forms. */
static int parse_steps(struct desy_train_options *options)
{
    static const char *const optimizers[] = {"adamw", "sgd"}, *const schedules[] = {"constant", "cosine"};
    static const char *const augmentations[] = {"none", "guide", "forensic"};
    const int augmentation = find_word(settings.augmentation, augmentations, 3);
    if (augmentation == 3) return desy_error(DESY_EUSAGE, "--augmentation must be none, guide or forensic, not %s", settings.augmentation);
    options->augmentation = (enum desy_augmentation)augmentation;
    const int optimizer = find_word(settings.optimizer, optimizers, 2), schedule = find_word(settings.schedule, schedules, 2);
    if (optimizer == 2) return desy_error(DESY_EUSAGE, "--optimizer must be adamw or sgd, not %s", settings.optimizer);
    if (schedule == 2) return desy_error(DESY_EUSAGE, "--schedule must be constant or cosine, not %s", settings.schedule);
    if (settings.epochs < 1 || settings.epochs > 100000) return desy_error(DESY_EUSAGE, "--epochs must be 1 to 100000, not %d", settings.epochs);
    if (settings.warmup_epochs < 0 || settings.warmup_epochs >= settings.epochs)
        return desy_error(DESY_EUSAGE, "--warmup-epochs must be 0 to %d (below --epochs), not %d", settings.epochs - 1, settings.warmup_epochs);
    if (settings.batch_size < 1 || settings.batch_size > 65536) return desy_error(DESY_EUSAGE, "--batch-size must be 1 to 65536, not %d", settings.batch_size);
    if (settings.accumulate < 1 || settings.accumulate > 65536) return desy_error(DESY_EUSAGE, "--accumulate must be 1 to 65536, not %d", settings.accumulate);
    if (settings.patience < 1) return desy_error(DESY_EUSAGE, "--patience must be at least 1, not %d", settings.patience);
    if (!(settings.min_delta >= 0 && isfinite(settings.min_delta))) return desy_error(DESY_EUSAGE, "--min-delta must be 0 or more, not %g", settings.min_delta);
    if (!(settings.learning_rate > 0 && settings.learning_rate <= 10)) return desy_error(DESY_EUSAGE, "--lr must lie between 0 and 10, not %g", settings.learning_rate);
    if (!(settings.momentum >= 0 && settings.momentum < 1)) return desy_error(DESY_EUSAGE, "--momentum must lie in [0, 1), not %g", settings.momentum);
    if (!(settings.weight_decay >= 0 && settings.weight_decay < 1)) return desy_error(DESY_EUSAGE, "--weight-decay must lie in [0, 1), not %g", settings.weight_decay);
    if (!(settings.clip_norm >= 0 && isfinite(settings.clip_norm))) return desy_error(DESY_EUSAGE, "--clip-norm must be 0 (no limit) or more, not %g", settings.clip_norm);
    options->epochs = settings.epochs, options->batch_size = settings.batch_size, options->patience = settings.patience, options->accumulate = settings.accumulate;
    options->optimizer = (enum desy_optimizer_kind)optimizer, options->schedule = (enum desy_schedule_kind)schedule, options->warmup_epochs = settings.warmup_epochs;
    options->learning_rate = settings.learning_rate, options->weight_decay = settings.weight_decay, options->momentum = settings.momentum;
    options->clip_norm = settings.clip_norm, options->min_delta = settings.min_delta;
    if (settings.empty_cache_every < 0) return desy_error(DESY_EUSAGE, "--empty-cache-every must be 0 (never) or more steps, not %d", settings.empty_cache_every);
    options->fast = settings.fast;
    options->empty_cache_every = settings.empty_cache_every;
    options->workers = desy_extract_num_workers();
    if (options->workers < 0 || options->workers > DESY_MOST_WORKERS) return desy_error(DESY_EUSAGE, "--num-workers must be 0 (one thread that reads batches) to %d, not %d", DESY_MOST_WORKERS, options->workers);
    return DESY_OK;
}

static int parse_loss(struct desy_train_options *options)
{
    static const char *const losses[] = {"bce", "focal"}, *const balances[] = {"none", "label", "source"};
    const int loss = find_word(settings.loss, losses, 2), balance = find_word(settings.balance, balances, 3);
    if (balance == 3) return desy_error(DESY_EUSAGE, "--balance must be none, label or source, not %s", settings.balance);
    if (loss == 2) return desy_error(DESY_EUSAGE, "--loss must be bce or focal, not %s", settings.loss);
    if (!(settings.gamma >= 0 && settings.gamma <= 100) || !(settings.alpha <= 1)) return desy_error(DESY_EUSAGE, "--focal-gamma must lie in [0, 100], --focal-alpha in [0, 1]");
    if (!(settings.label_smoothing >= 0 && settings.label_smoothing < 1)) return desy_error(DESY_EUSAGE, "--label-smoothing must lie in [0, 1), not %g", settings.label_smoothing);
    options->focal = loss == 1;
    options->balance = (enum desy_balance_kind)balance;
    options->focal_gamma = settings.gamma, options->focal_alpha = settings.alpha, options->label_smoothing = settings.label_smoothing;
    const int rc = settings.precision ? desy_precision_parse(&options->precision, settings.precision) : DESY_OK;
    return rc == DESY_OK ? parse_class_weights(options) : rc;
}

static int parse_settings(struct desy_train_options *options)
{
    static const char *const levels[] = {"low", "mid", "high", "fusion", "all"}, *const sizes[] = {"auto", "small", "full"};
    const int level = find_word(settings.level, levels, 5), size = find_word(settings.size, sizes, 3);
    if (level == 5) return desy_error(DESY_EUSAGE, "--level must be all, low, mid, high or fusion, not %s", settings.level);
    if (size == 3) return desy_error(DESY_EUSAGE, "--size must be auto, small or full, not %s", settings.size);
    if (!(settings.checkpoint_minutes >= 0 && isfinite(settings.checkpoint_minutes))) return desy_error(DESY_EUSAGE, "--checkpoint-minutes must be 0 or more, not %g", settings.checkpoint_minutes);
    if (settings.resume && settings.anew) return desy_error(DESY_EUSAGE, "--resume and --no-resume: give one of them");
    options->checkpoint_minutes = settings.checkpoint_minutes, options->anew = settings.anew;
    const bool all_parts = strcmp(settings.parts, "all") == 0;
    if (!all_parts && strcmp(settings.parts, "train") != 0) return desy_error(DESY_EUSAGE, "--parts must be train or all, not %s", settings.parts);
    if (all_parts && size != 1) return desy_error(DESY_EUSAGE, "--parts all goes with --size small: full forms stop by a validation part that they have not seen");
    if (!(settings.false_alarms >= 0 && settings.false_alarms <= 1)) return desy_error(DESY_EUSAGE, "--false-alarms must lie in [0, 1], not %g", settings.false_alarms);
    options->all_parts = all_parts;
    options->most_false_alarms = settings.false_alarms;
    options->level = level < 4 ? level : DESY_TRAIN_ALL; /* the words are in the order of the numbers */
    options->size = (enum desy_size)size;
    const int rc = parse_steps(options);
    return rc == DESY_OK ? parse_loss(options) : rc;
}

static int say_result(const struct desy_invocation *invocation, const struct desy_train_result *result)
{
    if (result->skipped) desy_log_info("train: %s was trained on the same data with the same options: nothing to do", result->directory);
    else {
        char validation[48] = "";
        if (isfinite(result->validation_auc)) snprintf(validation, sizeof validation, "validation AUC %.4f, ", result->validation_auc);
        desy_log_info("train: out-of-fold AUC %.4f (folds by %s), %sthreshold %.4f", result->out_of_fold_auc, result->by_source ? "source" : "group", validation, result->threshold);
        desy_log_info("train: the model is %s", result->directory);
    }
    if (!invocation->json) return DESY_OK;
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "model", result->directory);
    cJSON_AddBoolToObject(json, "skipped", result->skipped);
    if (!result->skipped && isfinite(result->out_of_fold_auc)) cJSON_AddNumberToObject(json, "out_of_fold_auc", result->out_of_fold_auc);
    if (!result->skipped && isfinite(result->validation_auc)) cJSON_AddNumberToObject(json, "validation_auc", result->validation_auc);
    if (!result->skipped) cJSON_AddNumberToObject(json, "threshold", result->threshold);
    int rc = desy_json_print(json, false, "the result");
    cJSON_Delete(json);
    return rc;
}

/* Of --fast, the same on all ranks. Collective. */
static void choose_precision(desy_world *world, struct desy_train_options *options)
{
    double lacks = !desy_bf16_works(options->device);
    desy_max_f64(world, &lacks, 1);
    options->precision = lacks > 0 ? DESY_FP32 : DESY_BF16;
    if (lacks > 0 && desy_rank(world) == 0) desy_log_info("train: --fast: not every rank's processor has bfloat16, products stay in fp32");
}

int desy_train_stage(struct desy_invocation *invocation, const char *path, const char *save_dir)
{
    char device[16];
    struct desy_train_options options = {.save_dir = save_dir, .seed = invocation->seed, .device = device};
    struct desy_train_result result = {0};
    desy_store *store = NULL;
    int rc = parse_settings(&options);
    if (rc == DESY_OK) rc = desy_rank_device(device, desy_extract_device(), invocation->world);
    if (rc == DESY_OK) rc = desy_store_open(&store, path);
    DESY_TRY(desy_agree(invocation->world, rc));
    if (options.fast && !settings.precision) choose_precision(invocation->world, &options);
    if (options.empty_cache_every && strcmp(device, "cpu") == 0 && desy_rank(invocation->world) == 0) desy_log_info("train: --empty-cache-every does nothing on a CPU: libtorch keeps memory of CUDA devices alone");
    if (settings.find_rate) {
        rc = desy_lr_find(invocation, store, &options);
        goto out;
    }
    DESY_TRY(desy_train(invocation->world, store, &options, &result));
    if (desy_rank(invocation->world) == 0) rc = say_result(invocation, &result);
    rc = desy_agree(invocation->world, rc);
out:
    free(result.directory);
    desy_store_close(&store);
    return rc;
}

/* Rank 0: what is wrong with the list shows before its videos are extracted. */
static int check_list(const char *path, uint64_t seed)
{
    desy_dataset *dataset = NULL;
    int rc = desy_dataset_open(&dataset, path, true);
    if (rc == DESY_OK) rc = desy_items_check(dataset, seed);
    desy_dataset_close(&dataset);
    return rc;
}

/* A data set is extracted to SAVE_DIR/store; some failed videos do not stop the training. */
static int train_on_dataset(struct desy_invocation *invocation, const char *dataset)
{
    char *store = desy_path_join(settings.save_dir, "store");
    int partial = DESY_OK, rc = desy_agree(invocation->world, store ? DESY_OK : desy_error_memory("a path"));
    DESY_TRY(rc);
    DESY_TRY(desy_agree(invocation->world, desy_rank(invocation->world) == 0 ? check_list(dataset, invocation->seed) : DESY_OK));
    partial = desy_extract_stage(invocation, dataset, store);
    if (partial != DESY_EPARTIAL) DESY_TRY(partial);
    DESY_TRY(desy_train_stage(invocation, store, settings.save_dir));
    if (partial == DESY_EPARTIAL) rc = desy_error(DESY_EPARTIAL, "trained, but some videos could not be read: see %s/quarantine.jsonl", store);
out:
    free(store);
    return rc;
}

int desy_train_command(struct desy_invocation *invocation)
{
    const char *path = invocation->argument_count == 1 ? invocation->arguments[0] : settings.data_dir;
    if (invocation->argument_count > 1 || !path || (invocation->argument_count == 1 && settings.data_dir))
        return desy_error(DESY_EUSAGE, "train needs one store or one data set: desy train STORE --save-dir best_models_pth");
    return desy_is_directory(path) ? desy_train_stage(invocation, path, settings.save_dir) : train_on_dataset(invocation, path);
}
