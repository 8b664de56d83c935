/* desy fusion-weights MODEL: what each level and channel contributes to a score. */
#include "base/error.h"
#include "base/json.h"
#include "stages/commands.h"
#include "train/classifier.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The mean logit of a channel over the training clips of a class; NaN: not recorded. */
static double typical(const cJSON *model, const char *class, const char *channel)
{
    const cJSON *of_class = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(model, "reference"), class);
    return desy_json_number_of(cJSON_GetObjectItemCaseSensitive(of_class, "channels"), channel);
}

static void add_known(cJSON *object, const char *key, double value)
{
    if (isfinite(value)) cJSON_AddNumberToObject(object, key, value);
}

/* Channels of one level: its logit is their mean. */
static cJSON *describe_channels(const cJSON *model, const char *level, double weight)
{
    cJSON *list = cJSON_CreateArray();
    const cJSON *channel, *channels = cJSON_GetObjectItemCaseSensitive(model, "channels");
    int members = 0;
    cJSON_ArrayForEach(channel, channels) members += strcmp(desy_json_text_of(channel, "level"), level) == 0;
    cJSON_ArrayForEach(channel, channels)
    {
        const char *name = desy_json_text_of(channel, "name");
        if (strcmp(desy_json_text_of(channel, "level"), level) != 0) continue;
        cJSON *json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "name", name);
        cJSON_AddStringToObject(json, "form", desy_json_text_of(channel, "form"));
        cJSON_AddNumberToObject(json, "inputs", desy_json_number_of(channel, "inputs"));
        cJSON_AddNumberToObject(json, "share", 1. / members);
        cJSON_AddNumberToObject(json, "weight", weight / members);
        add_known(json, "typical_real", typical(model, "real", name));
        add_known(json, "typical_ai", typical(model, "ai", name));
        cJSON_AddItemToArray(list, json);
    }
    return list;
}

/* New. What a level adds between a typical real and a typical AI-generated clip is its `gap`: weights alone do not tell how much they move. */
static cJSON *describe(const desy_classifier *classifier)
{
    const cJSON *model = desy_classifier_model(classifier), *fusion = cJSON_GetObjectItemCaseSensitive(model, "fusion"), *of_level, *channel;
    cJSON *report = cJSON_CreateObject(), *levels;
    cJSON_AddStringToObject(report, "model", desy_classifier_name(classifier));
    cJSON_AddNumberToObject(report, "bias", desy_json_number_of(fusion, "bias"));
    cJSON_AddNumberToObject(report, "threshold", desy_classifier_threshold(classifier));
    levels = cJSON_AddArrayToObject(report, "levels");
    cJSON_ArrayForEach(of_level, fusion)
    {
        if (!cJSON_IsObject(of_level)) continue;
        cJSON *json = cJSON_CreateObject(), *channels;
        double gap = 0;
        cJSON_AddStringToObject(json, "level", of_level->string);
        cJSON_AddNumberToObject(json, "weight", desy_json_number_of(of_level, "weight"));
        cJSON_AddNumberToObject(json, "slope", desy_json_number_of(of_level, "slope"));
        cJSON_AddNumberToObject(json, "intercept", desy_json_number_of(of_level, "intercept"));
        channels = describe_channels(model, of_level->string, desy_json_number_of(of_level, "weight"));
        cJSON_ArrayForEach(channel, channels) gap += desy_json_number_of(channel, "weight") * (desy_json_number_of(channel, "typical_ai") - desy_json_number_of(channel, "typical_real"));
        add_known(json, "gap", gap);
        cJSON_AddItemToObject(json, "channels", channels);
        cJSON_AddItemToArray(levels, json);
    }
    return report;
}

static void print_number(int width, double value)
{
    if (isfinite(value)) printf(" %+*.3f", width, value);
    else printf(" %*s", width, "-");
}

static void print_table(const cJSON *report)
{
    const cJSON *level, *channel;
    printf("%s: logit = %+.3f + sum of weight x level; AI-generated from %.3f on\n", desy_json_text_of(report, "model"), desy_json_number_of(report, "bias"), desy_json_number_of(report, "threshold"));
    printf("%-6s %-12s %-6s %6s %6s %8s %8s %9s %8s %8s %8s\n", "level", "channel", "form", "inputs", "share", "weight", "slope", "intercept", "real", "ai", "gap");
    cJSON_ArrayForEach(level, cJSON_GetObjectItem(report, "levels"))
    {
        printf("%-6s %-12s %-6s %6s %6s", desy_json_text_of(level, "level"), "", "", "", "");
        print_number(8, desy_json_number_of(level, "weight"));
        print_number(8, desy_json_number_of(level, "slope"));
        print_number(9, desy_json_number_of(level, "intercept"));
        printf(" %8s %8s", "", "");
        print_number(8, desy_json_number_of(level, "gap"));
        putchar('\n');
        cJSON_ArrayForEach(channel, cJSON_GetObjectItem(level, "channels"))
        {
            printf("%-6s %-12s %-6s %6.0f %6.2f", "", desy_json_text_of(channel, "name"), desy_json_text_of(channel, "form"), desy_json_number_of(channel, "inputs"), desy_json_number_of(channel, "share"));
            print_number(8, desy_json_number_of(channel, "weight"));
            printf(" %8s %9s", "", "");
            print_number(8, desy_json_number_of(channel, "typical_real"));
            print_number(8, desy_json_number_of(channel, "typical_ai"));
            putchar('\n');
        }
    }
    printf("real, ai: mean logits of the training clips; gap: what the level adds between the two.\n");
}

int desy_fusion_weights_command(struct desy_invocation *invocation)
{
    desy_classifier *classifier = NULL;
    cJSON *report = NULL;
    int rc;
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "name one model: desy fusion-weights MODEL");
    if (invocation->output) return desy_error(DESY_EUSAGE, "fusion-weights prints to stdout and takes no -o");
    DESY_TRY(desy_classifier_open(&classifier, invocation->arguments[0], "cpu"));
    report = describe(classifier);
    if (invocation->json) rc = desy_json_print(report, true, invocation->arguments[0]);
    else print_table(report);
out:
    cJSON_Delete(report);
    desy_classifier_close(&classifier);
    return rc;
}
