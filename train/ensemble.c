#include "train/ensemble.h"

#include <math.h>
#include <string.h>

double desy_sigmoid(double logit)
{
    return logit >= 0 ? 1 / (1 + exp(-logit)) : exp(logit) / (1 + exp(logit));
}

bool desy_ensemble_level(const struct desy_ensemble *ensemble, enum desy_level level, const double *logits, double *value)
{
    int members = 0;
    *value = 0;
    for (int i = 0; i < ensemble->n; i++) {
        if (ensemble->heads[i].channel->level != level || isnan(logits[i])) continue;
        *value += logits[i];
        members++;
    }
    if (members) *value /= members;
    return members > 0;
}

double desy_ensemble_fuse(const struct desy_ensemble *ensemble, const double *logits)
{
    double fused = ensemble->bias, value;
    for (int level = 0; level < DESY_LEVELS; level++)
        if (desy_ensemble_level(ensemble, (enum desy_level)level, logits, &value)) fused += ensemble->weight[level] * value;
    return fused;
}

void desy_ensemble_fuse_rows(const struct desy_ensemble *ensemble, double *logits, size_t rows)
{
    for (size_t i = 0; i < rows; i++) logits[i] = desy_ensemble_fuse(ensemble, logits + i * (size_t)ensemble->n); /* in place: i <= i * n */
}

void desy_ensemble_close(struct desy_ensemble *ensemble)
{
    for (int i = 0; i < ensemble->n; i++) desy_head_close(&ensemble->heads[i]);
    memset(ensemble, 0, sizeof *ensemble);
}
