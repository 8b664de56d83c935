#include "train/summary.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

int desy_summary_columns(const struct desy_evidence *evidence, const struct desy_ensemble *ensemble)
{
    int n = evidence->n;
    for (int c = 0; c < ensemble->n; c++) n += ensemble->heads[c].standardised > 0;
    return n;
}

/* Which channel's distance is this column, behind those of the groups? */
static int distance_of(const struct desy_evidence *evidence, const struct desy_ensemble *ensemble, int column)
{
    int left = column - evidence->n, c = 0;
    for (; c < ensemble->n; c++)
        if (ensemble->heads[c].standardised > 0 && left-- == 0) break;
    return c;
}

void desy_summary_name(char name[DESY_SUMMARY_NAME], const struct desy_evidence *evidence, const struct desy_ensemble *ensemble, int column)
{
    if (column >= evidence->n) {
        snprintf(name, DESY_SUMMARY_NAME, "%s distance", ensemble->heads[distance_of(evidence, ensemble, column)].channel->name);
        return;
    }
    const struct desy_evidence_group *group = &evidence->groups[column];
    const char *channel = ensemble->heads[group->channel].channel->name;
    const bool same = strcmp(channel, group->block) == 0;
    snprintf(name, DESY_SUMMARY_NAME, "%s%s%s%s%s", channel, same ? "" : " ", same ? "" : group->block, *group->part ? " " : "", group->part);
}

void desy_summary_take(const struct desy_evidence *evidence, const struct desy_ensemble *ensemble, const struct desy_score *score, double *columns)
{
    const int n = desy_summary_columns(evidence, ensemble);
    for (int k = 0; k < n; k++) {
        const int channel = k < evidence->n ? evidence->groups[k].channel : distance_of(evidence, ensemble, k);
        columns[k] = !score->present[channel] ? NAN : k < evidence->n ? score->group_values[k] : score->distances[channel];
    }
}
