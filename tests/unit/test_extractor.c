/* The table of extractors, what it refuses, where the default weights are looked for, and the words of the device. */
#include "base/error.h"
#include "features/extractor.h"
#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const struct desy_extractor_options options = {.device = "cpu", .frames = 16, .threads = 1};

static void found_by_name(void **state)
{
    (void)state;
    const struct desy_extractor *extractor;
    assert_int_equal(desy_extractor_find(&extractor, "hybrid"), DESY_OK);
    assert_int_equal(extractor->dims, 2048);
    assert_true(extractor->forensic);
    assert_int_equal(desy_extractor_find(&extractor, "resnet50"), DESY_OK);
    assert_int_equal(extractor->dims, 2048);
    assert_false(extractor->forensic);
    assert_int_equal(desy_extractor_find(&extractor, "vgg"), DESY_EUSAGE);
    assert_null(extractor);
    assert_non_null(strstr(desy_error_message(), "hybrid, resnet50"));
}

static void missing_weights_say_how_to_get_them(void **state)
{
    (void)state;
    void *opened = &opened;
    const struct desy_extractor *extractor;
    assert_int_equal(desy_extractor_find(&extractor, "hybrid"), DESY_OK);
    assert_int_equal(setenv("DESY_WEIGHTS_DIR", "/no/such/place", 1), 0);
    assert_int_equal(extractor->open(&opened, &options), DESY_EENV);
    assert_null(opened);
    assert_non_null(strstr(desy_error_message(), "/no/such/place/efficientnet-lite0.safetensors"));
    assert_non_null(strstr(desy_error_message(), "quickstart.sh"));
    assert_int_equal(desy_extractor_find(&extractor, "resnet50"), DESY_OK);
    assert_int_equal(extractor->open(&opened, &options), DESY_EENV);
    assert_non_null(strstr(desy_error_message(), "--weights"));
}

/* Encoder first, forensic numbers after it, and copies of the last row where a clip is short. Needs the weights, where the
 * program itself looks for them. */
static void rows_of_the_hybrid(void **state)
{
    (void)state;
    static struct desy_clip clip;
    static float features[16][2048];
    void *opened;
    bool finite;
    cJSON *provenance = cJSON_CreateObject();
    const struct desy_extractor *hybrid;
    assert_non_null(provenance);
    clip.frames = 5;
    for (int t = 0; t < clip.frames; t++) {
        memset(clip.rgb[t], 50 * t, sizeof clip.rgb[t]);
        for (int i = 0; i < DESY_FORENSIC_DIMS; i++) clip.forensic[t][i] = (float)(1000 * t + i);
    }
    assert_int_equal(desy_extractor_find(&hybrid, "hybrid"), DESY_OK);
    if (hybrid->open(&opened, &options) != DESY_OK) fail_msg("%s", desy_error_message());
    assert_int_equal(desy_extractor_extract(hybrid, opened, &clip, &features[0][0], &finite), DESY_OK);
    assert_true(finite);
    for (int t = 0; t < 5; t++) assert_memory_equal(&features[t][1600], clip.forensic[t], sizeof clip.forensic[t]);
    for (int t = 1; t < 5; t++) assert_memory_not_equal(features[t], features[t - 1], 1600 * sizeof(float));
    for (int t = 5; t < 16; t++) assert_memory_equal(features[t], features[4], sizeof features[t]);
    assert_int_equal(hybrid->describe(opened, provenance), DESY_OK);
    assert_int_equal(strlen(cJSON_GetStringValue(cJSON_GetObjectItem(provenance, "weights_sha256"))), 64);
    clip.frames = 17; /* a helper's word is not trusted */
    assert_int_equal(desy_extractor_extract(hybrid, opened, &clip, &features[0][0], &finite), DESY_EDATA);
    clip.frames = 0;
    assert_int_equal(desy_extractor_extract(hybrid, opened, &clip, &features[0][0], &finite), DESY_EDATA);
    hybrid->close(&opened);
    assert_null(opened);
    cJSON_Delete(provenance);
}

static void torchscript_needs_a_word(void **state)
{
    (void)state;
    void *opened = &opened;
    const struct desy_extractor *extractor;
    struct desy_extractor_options code = options;
    code.weights = "encoder.pt";
    assert_int_equal(desy_extractor_find(&extractor, "resnet50"), DESY_OK);
    assert_int_equal(extractor->open(&opened, &code), DESY_EUSAGE);
    assert_null(opened);
    assert_non_null(strstr(desy_error_message(), "--allow-code"));
}

static void devices(void **state)
{
    (void)state;
    char device[16] = "";
    assert_int_equal(desy_torch_device(device, "cpu", 3), DESY_OK);
    assert_string_equal(device, "cpu");
    const char *const nonsense[] = {"gpu", "", "cuda:", "cuda:x", "cuda:1x", "cuda:-1"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        assert_int_equal(desy_torch_device(device, nonsense[i], 0), DESY_EUSAGE);
    assert_int_equal(desy_torch_device(device, "cuda:999", 0), DESY_EENV);
    assert_int_equal(desy_torch_device(device, "auto", 5), DESY_OK);
    if (desy_torch_cuda_devices() > 0) {
        assert_memory_equal(device, "cuda:", 5);
    } else {
        assert_string_equal(device, "cpu");
        assert_int_equal(desy_torch_device(device, "cuda", 0), DESY_EENV);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_name), cmocka_unit_test(rows_of_the_hybrid), cmocka_unit_test(missing_weights_say_how_to_get_them),
        cmocka_unit_test(torchscript_needs_a_word), cmocka_unit_test(devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
