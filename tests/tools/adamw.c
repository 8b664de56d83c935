/* adamw COUNT STEPS LEARNING_RATE WEIGHT_DECAY: on stdin parameters (COUNT), then STEPS gradients (COUNT), float32. On stdout the
 * parameters after each step. */
#include "base/error.h"
#include "train/adamw.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    if (argc != 5) return DESY_EUSAGE;
    const size_t count = (size_t)atoll(argv[1]);
    struct desy_adamw adamw = {0};
    float *parameters = malloc(2 * count * sizeof *parameters), *gradient = parameters + count;
    int rc = parameters ? desy_adamw_open(&adamw, count) : desy_error_memory("parameters");
    if (rc == DESY_OK && fread(parameters, sizeof *parameters, count, stdin) != count) rc = desy_error(DESY_EDATA, "stdin is too short");
    for (int step = 0; rc == DESY_OK && step < atoi(argv[2]); step++) {
        if (fread(gradient, sizeof *gradient, count, stdin) != count) rc = desy_error(DESY_EDATA, "stdin is too short");
        else desy_adamw_step(&adamw, parameters, gradient, atof(argv[3]), atof(argv[4]));
        if (rc == DESY_OK && fwrite(parameters, sizeof *parameters, count, stdout) != count) rc = desy_error(DESY_EENV, "stdout can't be written");
    }
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_adamw_close(&adamw);
    free(parameters);
    return rc;
}
