#include "train/adamw.h"

#include "base/cpu.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BETA_1 .9
#define BETA_2 .999
#define EPSILON 1e-8

int desy_adamw_open(struct desy_adamw *adamw, size_t count)
{
    *adamw = (struct desy_adamw){.count = count, .first = calloc(count, sizeof *adamw->first), .second = calloc(count, sizeof *adamw->second)};
    return adamw->first && adamw->second ? DESY_OK : desy_error_memory("the optimiser");
}

DESY_VECTOR_CLONES void desy_adamw_step(struct desy_adamw *adamw, float *restrict parameters, const float *restrict gradient, double learning_rate, double weight_decay)
{
    float *restrict first = adamw->first, *restrict second = adamw->second;
    adamw->step++;
    const float kept = (float)(1 - learning_rate * weight_decay);
    const float length = (float)(learning_rate / (1 - pow(BETA_1, (double)adamw->step)));
    const float root = (float)sqrt(1 - pow(BETA_2, (double)adamw->step));
    for (size_t i = 0; i < adamw->count; i++) {
        const float g = gradient[i];
        first[i] += (float)(1 - BETA_1) * (g - first[i]);
        second[i] = (float)BETA_2 * second[i] + (float)(1 - BETA_2) * (g * g);
        parameters[i] = kept * parameters[i] - length * (first[i] / (sqrtf(second[i]) / root + (float)EPSILON));
    }
}

void desy_adamw_close(struct desy_adamw *adamw)
{
    free(adamw->first);
    free(adamw->second);
    memset(adamw, 0, sizeof *adamw);
}
