#include "train/optimizer.h"

#include "base/aligned.h"
#include "base/cpu.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BETA_1 .9
#define BETA_2 .999
#define EPSILON 1e-8
#define CLIP_EPSILON 1e-6 /* torch's */

static float *zeros(size_t count)
{
    float *values = desy_aligned_alloc(count * sizeof *values);
    if (values) memset(values, 0, count * sizeof *values);
    return values;
}

int desy_optimizer_open(struct desy_optimizer *optimizer, enum desy_optimizer_kind kind, double momentum, size_t count)
{
    *optimizer = (struct desy_optimizer){.kind = kind, .momentum = momentum, .count = count, .first = zeros(count), .second = kind == DESY_ADAMW ? zeros(count) : NULL};
    return optimizer->first && (optimizer->second || kind == DESY_SGD) ? DESY_OK : desy_error_memory("the optimiser");
}

DESY_VECTOR_CLONES static void step_adamw(struct desy_optimizer *optimizer, float *restrict parameters, const float *restrict gradient, double learning_rate, double weight_decay)
{
    float *restrict first = optimizer->first, *restrict second = optimizer->second;
    const float kept = (float)(1 - learning_rate * weight_decay);
    const float length = (float)(learning_rate / (1 - pow(BETA_1, (double)optimizer->step)));
    const float root = (float)sqrt(1 - pow(BETA_2, (double)optimizer->step));
    for (size_t i = 0; i < optimizer->count; i++) {
        const float g = gradient[i];
        first[i] += (float)(1 - BETA_1) * (g - first[i]);
        second[i] = (float)BETA_2 * second[i] + (float)(1 - BETA_2) * (g * g);
        parameters[i] = kept * parameters[i] - length * (first[i] / (sqrtf(second[i]) / root + (float)EPSILON));
    }
}

DESY_VECTOR_CLONES static void step_sgd(struct desy_optimizer *optimizer, float *restrict parameters, const float *restrict gradient, double learning_rate, double weight_decay)
{
    float *restrict velocity = optimizer->first;
    const float momentum = (float)optimizer->momentum, decay = (float)weight_decay, length = (float)learning_rate;
    for (size_t i = 0; i < optimizer->count; i++) {
        velocity[i] = momentum * velocity[i] + (gradient[i] + decay * parameters[i]);
        parameters[i] -= length * velocity[i];
    }
}

void desy_optimizer_step(struct desy_optimizer *optimizer, float *parameters, const float *gradient, double learning_rate, double weight_decay)
{
    optimizer->step++;
    (optimizer->kind == DESY_SGD ? step_sgd : step_adamw)(optimizer, parameters, gradient, learning_rate, weight_decay);
}

void desy_optimizer_close(struct desy_optimizer *optimizer)
{
    free(optimizer->first);
    free(optimizer->second);
    memset(optimizer, 0, sizeof *optimizer);
}

DESY_VECTOR_CLONES double desy_clip_norm(float *restrict gradient, size_t count, double most)
{
    enum { LANES = 8 }; /* sums side by side: one alone waits for each addition */
    double sums[LANES] = {0}, sum = 0;
    for (size_t i = 0; i < count; i += LANES)
        for (size_t k = 0; k < (count - i < LANES ? count - i : LANES); k++) sums[k] += (double)gradient[i + k] * (double)gradient[i + k];
    for (int k = 0; k < LANES; k++) sum += sums[k];
    const double norm = sqrt(sum);
    const float factor = (float)(most / (norm + CLIP_EPSILON));
    if (factor < 1)
        for (size_t i = 0; i < count; i++) gradient[i] *= factor;
    return norm;
}
