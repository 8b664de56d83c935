/* optimizer COUNT STEPS adamw|sgd MOMENTUM LEARNING_RATE WEIGHT_DECAY constant|cosine WARMUP CLIP_NORM: on stdin parameters (COUNT), then STEPS
 * gradients (COUNT), float32. On stdout the parameters after each step; on stderr the learning rate of each, and the gradient's norm. */
#include "base/error.h"
#include "train/learning_rate.h"
#include "train/optimizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc != 10) return DESY_EUSAGE;
    const size_t count = (size_t)atoll(argv[1]);
    const struct desy_learning_rate schedule = {strcmp(argv[7], "cosine") == 0 ? DESY_SCHEDULE_COSINE : DESY_SCHEDULE_CONSTANT, atof(argv[5]), atol(argv[8]), atol(argv[2])};
    struct desy_optimizer optimizer = {0};
    float *parameters = malloc(2 * count * sizeof *parameters), *gradient = parameters + count;
    int rc = parameters ? desy_optimizer_open(&optimizer, strcmp(argv[3], "sgd") == 0 ? DESY_SGD : DESY_ADAMW, atof(argv[4]), count) : desy_error_memory("parameters");
    if (rc == DESY_OK && fread(parameters, sizeof *parameters, count, stdin) != count) rc = desy_error(DESY_EDATA, "stdin is too short");
    for (long step = 0; rc == DESY_OK && step < schedule.total; step++) {
        const double rate = desy_learning_rate_at(&schedule, step), most = atof(argv[9]);
        double norm = 0;
        if (fread(gradient, sizeof *gradient, count, stdin) != count) rc = desy_error(DESY_EDATA, "stdin is too short");
        if (most > 0) norm = desy_clip_norm(gradient, count, most);
        if (rc == DESY_OK) desy_optimizer_step(&optimizer, parameters, gradient, rate, atof(argv[6]));
        fprintf(stderr, "%.17g %.17g\n", rate, norm);
        if (rc == DESY_OK && fwrite(parameters, sizeof *parameters, count, stdout) != count) rc = desy_error(DESY_EENV, "stdout can't be written");
    }
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_optimizer_close(&optimizer);
    free(parameters);
    return rc;
}
