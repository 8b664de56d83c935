/* encode_frames KIND WEIGHTS BATCH THREADS [--allow-code] [--first N] [--precision P] [--clips B] [--device D]: raw 224 x 224 RGB frames on stdin become
 * float32 features on stdout, in calls of B (default 1) clips of BATCH frames. With --first, only N frames a call. Exit code: that of the failing call. */
#include "base/error.h"
#include "features/clip.h"
#include "model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc < 5) return DESY_EUSAGE;
    int rc = DESY_OK;
    uint8_t *rgb = NULL;
    float *features = NULL;
    desy_backbone *backbone = NULL;
    const size_t frame = (size_t)DESY_INPUT_SIDE * DESY_INPUT_SIDE * 3;
    struct desy_backbone_options options = {
        .kind = strcmp(argv[1], "resnet50") == 0 ? DESY_BACKBONE_RESNET50 : DESY_BACKBONE_EFFICIENTNET_LITE0,
        .weights = argv[2], .device = "cpu", .frames = atoi(argv[3]), .clips = 1, .threads = atoi(argv[4])};
    size_t call = 0, n;
    for (int i = 5; i < argc; i++) {
        if (strcmp(argv[i], "--allow-code") == 0) options.allow_code = true;
        if (strcmp(argv[i], "--first") == 0 && i + 1 < argc) call = (size_t)atoi(argv[++i]);
        if (strcmp(argv[i], "--clips") == 0 && i + 1 < argc) options.clips = atoi(argv[++i]);
        if (strcmp(argv[i], "--device") == 0 && i + 1 < argc) options.device = argv[++i];
        if (strcmp(argv[i], "--precision") == 0 && i + 1 < argc && desy_precision_parse(&options.precision, argv[++i]) != DESY_OK) return DESY_EUSAGE;
    }
    if (!call) call = (size_t)options.frames * (size_t)options.clips;
    DESY_TRY(desy_backbone_open(&backbone, &options));
    fprintf(stderr, "%s\n", desy_backbone_weights_sha256(backbone));
    size_t dims = (size_t)desy_backbone_dims(backbone);
    rgb = malloc(call * frame);
    features = malloc(call * dims * sizeof *features);
    if (!rgb || !features) DESY_TRY(desy_error_memory("frames"));
    while ((n = fread(rgb, frame, call, stdin)) > 0) {
        DESY_TRY(desy_backbone_run(backbone, rgb, (int)n, features));
        if (fwrite(features, dims * sizeof *features, n, stdout) != n) DESY_TRY(desy_error(DESY_EENV, "stdout can't be written"));
    }
out:
    if (rc != DESY_OK) fprintf(stderr, "%s\n", desy_error_message());
    desy_backbone_close(&backbone);
    free(rgb);
    free(features);
    return rc;
}
