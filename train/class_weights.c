#include "train/class_weights.h"

void desy_class_weights(const struct desy_fit *fit, const double of_class[2], double *weights)
{
    double sum[2] = {0}, clips[2] = {0};
    for (size_t i = 0; i < fit->total; i++) {
        if (!(fit->weights[i] > 0)) continue;
        sum[fit->labels[i]] += fit->weights[i];
        clips[fit->labels[i]]++;
    }
    for (size_t i = 0; i < fit->total; i++) {
        const int label = fit->labels[i];
        weights[i] = fit->weights[i] > 0 ? fit->weights[i] / sum[label] * clips[label] * of_class[label] : 0;
    }
}
