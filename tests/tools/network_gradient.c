/* network_gradient ARCHITECTURE FRAMES INPUTS N SEED bce|focal GAMMA ALPHA SMOOTHING DROPOUT [PARAMETERS|- [PRECISION]]: on stdin x (N, FRAMES, INPUTS), float32 (sound_cnn: int16,
 * low_cnn: uint8), labels (N), weights (N), float32, and how many frames each item has (N), int32. On stdout: the parameters, loss (float64), training logits, gradient, inference logits. On stderr a line
 * "NAME OFFSET SHAPE..." a tensor. PARAMETERS: a file of float32 that takes the place of the seed's. Item i has the id 1000 + i. */
#include "base/error.h"
#include "base/file.h"
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_tensors(const desy_network *network)
{
    const struct desy_network_tensor *tensors;
    size_t n;
    int rc = desy_network_tensors(network, &tensors, &n);
    if (rc != DESY_OK) return rc;
    for (size_t i = 0; i < n; i++) {
        fprintf(stderr, "%s %zu", tensors[i].name, tensors[i].offset);
        for (int d = 0; d < tensors[i].dimensions; d++) fprintf(stderr, " %lld", (long long)tensors[i].shape[d]);
        fprintf(stderr, "\n");
    }
    return DESY_OK;
}

static int load_parameters(desy_network *network, const char *path, float *parameters, size_t count)
{
    char *data;
    size_t size;
    int rc = desy_file_read(&data, &size, path);
    if (rc != DESY_OK) return rc;
    if (size == count * sizeof *parameters) {
        memcpy(parameters, data, size);
        rc = desy_network_parameters_changed(network);
    } else {
        rc = desy_error(DESY_EDATA, "%s holds %zu bytes, not %zu", path, size, count * sizeof *parameters);
    }
    free(data);
    return rc;
}

/* Of an element of x. */
static size_t element_bytes(const char *architecture)
{
    return strcmp(architecture, "sound_cnn") == 0 ? sizeof(int16_t) : strcmp(architecture, "low_cnn") == 0 ? sizeof(uint8_t) : sizeof(float);
}

int main(int argc, char **argv)
{
    if (argc < 11) return DESY_EUSAGE;
    int rc = DESY_OK, frames = atoi(argv[2]), inputs = atoi(argv[3]);
    size_t n = (size_t)atoi(argv[4]), width = (size_t)frames * (size_t)inputs, count;
    struct desy_network_loss how = {.focal = strcmp(argv[6], "focal") == 0, .gamma = atof(argv[7]), .alpha = atof(argv[8]),
                                    .label_smoothing = atof(argv[9]), .dropout = atof(argv[10]), .dropout_seed = 5};
    desy_network *network = NULL;
    enum desy_precision precision = DESY_FP32;
    float *parameters, *gradient = NULL, *numbers = malloc(n * 4 * sizeof *numbers);
    const size_t bytes = element_bytes(argv[1]);
    void *x = malloc(n * width * bytes);
    uint64_t *ids = malloc(n * sizeof *ids);
    int32_t *lengths = malloc(n * sizeof *lengths);
    double loss;
    if (!x || !numbers || !ids || !lengths) DESY_TRY(desy_error_memory("items"));
    float *labels = numbers, *weights = labels + n, *logits = weights + n, *inference = logits + n;
    for (size_t i = 0; i < n; i++) ids[i] = 1000 + i;
    if (fread(x, bytes, n * width, stdin) != n * width || fread(numbers, sizeof *numbers, 2 * n, stdin) != 2 * n || fread(lengths, sizeof *lengths, n, stdin) != n) DESY_TRY(desy_error(DESY_EDATA, "stdin is too short"));
    DESY_TRY(desy_network_open(&network, argv[1], frames, inputs, strtoull(argv[5], NULL, 10), "cpu", 1));
    DESY_TRY(print_tensors(network));
    DESY_TRY(desy_network_parameters(network, &parameters, &count));
    if (argc > 12) DESY_TRY(desy_precision_parse(&precision, argv[12]));
    DESY_TRY(desy_network_train_in(network, precision));
    if (argc > 11 && strcmp(argv[11], "-") != 0) DESY_TRY(load_parameters(network, argv[11], parameters, count));
    gradient = malloc(count * sizeof *gradient);
    if (!gradient) DESY_TRY(desy_error_memory("a gradient"));
    for (size_t i = 0; i < count; i++) gradient[i] = 7; /* must be overwritten, not added to */
    DESY_TRY(desy_network_gradient(network, &(struct desy_network_batch){(int)n, x, lengths, labels, weights, ids}, &how, gradient, &loss, logits));
    DESY_TRY(desy_network_forward(network, x, lengths, (int)n, inference));
    if (fwrite(parameters, sizeof *parameters, count, stdout) != count || fwrite(&loss, sizeof loss, 1, stdout) != 1 ||
        fwrite(logits, sizeof *logits, n, stdout) != n || fwrite(gradient, sizeof *gradient, count, stdout) != count ||
        fwrite(inference, sizeof *inference, n, stdout) != n)
        DESY_TRY(desy_error(DESY_EENV, "stdout can't be written"));
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_network_close(&network);
    free(x);
    free(numbers);
    free(gradient);
    free(ids);
    free(lengths);
    return rc;
}
