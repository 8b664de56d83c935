/* desy train --lr-find: the loss of each full form while its learning rate rises, and the rate that it suggests. */
#include "stages/lr_find.h"

#include "base/error.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAR = 50, EVERY = 4 }; /* steps a line */

static void print_curve(const struct desy_rate_sweep *sweep, int steepest)
{
    double most = 0;
    char bar[BAR + 1];
    memset(bar, '#', BAR);
    for (int i = 0; i < sweep->n; i++)
        if (isfinite(sweep->smoothed[i]) && sweep->smoothed[i] > most) most = sweep->smoothed[i];
    printf("      rate  smoothed loss\n");
    for (int i = 0; i < sweep->n; i++) {
        if (i % EVERY != 0 && i != sweep->lowest && i != steepest && i != sweep->n - 1) continue;
        const double loss = sweep->smoothed[i];
        printf("  %8.2g  %8.4f  %.*s%s\n", desy_sweep_rate(i), loss, isfinite(loss) ? (int)lrint(BAR * loss / most) : BAR, bar, i == steepest ? "  steepest" : i == sweep->lowest ? "  lowest" : "");
    }
}

static void print_sweep(const struct desy_rate_sweep *sweep)
{
    const int steepest = desy_sweep_steepest(sweep);
    if (steepest < 0) printf("%s: no rate lowered the loss by 5 %%: other options, or features that say nothing about these labels\n", sweep->channel);
    else printf("%s: --lr %.2g, where the smoothed loss falls most steeply; it is lowest at %.2g, and %s\n", sweep->channel, desy_sweep_rate(steepest), desy_sweep_rate(sweep->lowest),
                sweep->diverged ? "diverges beyond" : "did not diverge");
    print_curve(sweep, steepest);
}

static cJSON *describe(const struct desy_rate_sweep *sweep)
{
    cJSON *json = cJSON_CreateObject(), *rates = cJSON_AddArrayToObject(json, "rates"), *losses = cJSON_AddArrayToObject(json, "losses"), *smoothed = cJSON_AddArrayToObject(json, "smoothed");
    const int steepest = desy_sweep_steepest(sweep);
    cJSON_AddStringToObject(json, "channel", sweep->channel);
    if (steepest >= 0) cJSON_AddNumberToObject(json, "learning_rate", desy_sweep_rate(steepest));
    cJSON_AddBoolToObject(json, "diverged", sweep->diverged);
    for (int i = 0; i < sweep->n && isfinite(sweep->losses[i]); i++) {
        cJSON_AddItemToArray(rates, cJSON_CreateNumber(desy_sweep_rate(i)));
        cJSON_AddItemToArray(losses, cJSON_CreateNumber(sweep->losses[i]));
        cJSON_AddItemToArray(smoothed, cJSON_CreateNumber(sweep->smoothed[i]));
    }
    return json;
}

static int print_json(const struct desy_rate_sweep *sweeps, int n)
{
    cJSON *json = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(json, "sweeps");
    for (int k = 0; k < n; k++) cJSON_AddItemToArray(list, describe(&sweeps[k]));
    const int rc = desy_json_print(json, false, "the result");
    cJSON_Delete(json);
    return rc;
}

int desy_lr_find(struct desy_invocation *invocation, desy_store *store, const struct desy_train_options *options)
{
    struct desy_rate_sweep *sweeps = NULL;
    int n, rc;
    DESY_TRY(desy_train_find_rates(invocation->world, store, options, &sweeps, &n));
    if (desy_rank(invocation->world) == 0 && invocation->json) rc = print_json(sweeps, n);
    for (int k = 0; desy_rank(invocation->world) == 0 && !invocation->json && k < n; k++) print_sweep(&sweeps[k]);
    rc = desy_agree(invocation->world, rc);
out:
    free(sweeps);
    return rc;
}
