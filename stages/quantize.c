/* desy quantize MODEL -o MODEL2: full forms in 8 bits, and what that costs. */
#include "stages/quantize.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "stages/commands.h"
#include "train/ensemble.h"
#include "train/model_directory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    const char *store, *split;
    double max_loss;
} settings = {.split = "test", .max_loss = .005};

const struct poptOption desy_quantize_options[] = {
    {"store", 0, POPT_ARG_STRING, &settings.store, 0, "measure on the clips of this store: speed, and the change of AUC", "STORE"},
    {"split", 0, POPT_ARG_STRING, &settings.split, 0, "its part: test, val, train or all (default test)", "PART"},
    {"max-loss", 0, POPT_ARG_DOUBLE, &settings.max_loss, 0, "of AUC; if more is lost, nothing is written (default 0.005)", "L"},
    POPT_TABLEEND,
};

static cJSON *describe_channel(const struct desy_head *head, const struct desy_quantised_channel *channel, const double seconds[2])
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", head->channel->name);
    cJSON_AddStringToObject(json, "form", head->channel->form == DESY_FORM_FULL ? "full" : "small");
    cJSON_AddStringToObject(json, "linear_layers", channel->layers ? "int8" : "fp32");
    cJSON_AddNumberToObject(json, "layers", channel->layers);
    cJSON_AddNumberToObject(json, "bytes_before", (double)channel->before);
    cJSON_AddNumberToObject(json, "bytes", (double)channel->after);
    if (!channel->layers || seconds[0] <= 0) return json;
    cJSON_AddNumberToObject(json, "seconds_before", seconds[0]);
    cJSON_AddNumberToObject(json, "seconds", seconds[1]);
    return json;
}

/* Sums over the channels that changed, and the channels. */
static cJSON *describe(const desy_classifier *classifier, const char *output, const struct desy_quantised_channel *channels, const struct desy_quantize_measured *measured)
{
    const struct desy_ensemble *ensemble = desy_classifier_ensemble(classifier);
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "channels");
    double bytes[2] = {0}, seconds[2] = {0};
    for (int i = 0; i < ensemble->n; i++) {
        cJSON_AddItemToArray(list, describe_channel(&ensemble->heads[i], &channels[i], measured->seconds[i]));
        if (!channels[i].layers) continue;
        bytes[0] += (double)channels[i].before, bytes[1] += (double)channels[i].after;
        for (int k = 0; k < 2; k++) seconds[k] += measured->seconds[i][k];
    }
    cJSON_AddStringToObject(json, "model", desy_classifier_directory(classifier));
    cJSON_AddStringToObject(json, "output", output);
    cJSON_AddNumberToObject(json, "size_ratio", bytes[1] / bytes[0]);
    if (seconds[1] > 0) cJSON_AddNumberToObject(json, "speedup", seconds[0] / seconds[1]);
    if (!measured->versus) return json;
    cJSON_AddNumberToObject(json, "roc_auc_loss", measured->loss);
    cJSON_AddNumberToObject(json, "max_loss", settings.max_loss);
    desy_json_add_copy(json, "versus", measured->versus);
    return json;
}

static void print_table(const cJSON *report)
{
    const cJSON *channel, *line;
    printf("%-16s %-6s %-6s %10s %10s %6s %12s %12s %8s\n", "channel", "form", "layers", "bytes", "now", "ratio", "seconds", "now", "speedup");
    cJSON_ArrayForEach(channel, desy_json_member(report, "channels"))
    {
        const double before = desy_json_number_of(channel, "bytes_before"), after = desy_json_number_of(channel, "bytes"), seconds = desy_json_number_of(channel, "seconds_before"),
                     now = desy_json_number_of(channel, "seconds");
        printf("%-16s %-6s %-6s %10.0f %10.0f %6.3f", desy_json_text_of(channel, "name"), desy_json_text_of(channel, "form"), desy_json_text_of(channel, "linear_layers"), before, after, after / before);
        if (isfinite(now)) printf(" %12.6f %12.6f %8.2f\n", seconds, now, seconds / now);
        else printf(" %12s %12s %8s\n", "-", "-", "-");
    }
    printf("Channels in fp32 are as they were: small forms have nothing that 8 bits would make smaller or faster.\n");
    printf("Those in int8 have %.3f of their size", desy_json_number_of(report, "size_ratio"));
    if (isfinite(desy_json_number_of(report, "speedup"))) printf(", and take one clip %.2f times as fast (medians)", desy_json_number_of(report, "speedup"));
    printf(".\n");
    cJSON_ArrayForEach(line, desy_json_member(desy_json_member(report, "versus"), "words")) printf("%s\n", line->valuestring);
}

/* One that is not there would be made, and stay when nothing is written. */
static int check_parent(const char *output)
{
    char *parent = desy_path_directory(output);
    int rc = parent ? DESY_OK : desy_error_memory("a path");
    if (rc == DESY_OK && !desy_is_directory(parent)) rc = desy_error(DESY_EUSAGE, "%s: there is no directory %s to put it into", output, parent);
    free(parent);
    return rc;
}

static int check(const struct desy_invocation *invocation)
{
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "name one model: desy quantize MODEL -o MODEL2");
    if (!invocation->output) return desy_error(DESY_EUSAGE, "say where to: desy quantize MODEL -o MODEL2");
    if (desy_file_exists(invocation->output)) return desy_error(DESY_EUSAGE, "%s is there already: name a directory that is not", invocation->output);
    if (!(settings.max_loss >= 0 && settings.max_loss <= 1)) return desy_error(DESY_EUSAGE, "--max-loss %g: a loss of AUC lies between 0 and 1", settings.max_loss);
    return check_parent(invocation->output);
}

int desy_quantize_command(struct desy_invocation *invocation)
{
    struct desy_quantised_channel channels[DESY_MAX_CHANNELS];
    struct desy_quantize_measured measured = {0};
    desy_classifier *classifiers[2] = {NULL};
    char *temporary = NULL;
    cJSON *report = NULL;
    int rc;
    DESY_TRY(check(invocation));
    DESY_TRY(desy_classifier_open(&classifiers[0], invocation->arguments[0], "cpu"));
    DESY_TRY(desy_quantise(classifiers[0], invocation->output, channels, &temporary));
    DESY_TRY(desy_classifier_open(&classifiers[1], temporary, "cpu"));
    if (settings.store) DESY_TRY(desy_quantize_measure(invocation, classifiers, settings.store, settings.split, &measured));
    else desy_log_info("quantize: without --store, what 8 bits cost in AUC is not known");
    report = describe(classifiers[0], invocation->output, channels, &measured);
    if (!report) DESY_TRY(desy_error_memory("the report"));
    if (invocation->json) DESY_TRY(desy_json_print(report, true, invocation->output));
    else print_table(report);
    if (settings.store && measured.loss > settings.max_loss)
        DESY_TRY(desy_error(DESY_EDATA, "8 bits cost %.4f of AUC, more than --max-loss %g: nothing was written", measured.loss, settings.max_loss));
    DESY_TRY(desy_rename_durable(temporary, invocation->output));
    free(temporary);
    temporary = NULL;
    desy_log_info("quantize: %s is %s with linear layers in 8 bits", invocation->output, desy_classifier_directory(classifiers[0]));
out:
    if (temporary) desy_model_remove(temporary);
    free(temporary);
    for (int k = 0; k < 2; k++) desy_classifier_close(&classifiers[k]);
    cJSON_Delete(measured.versus);
    cJSON_Delete(report);
    return rc;
}
