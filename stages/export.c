/* desy export MODEL -o FILE.onnx: a model for those who run it elsewhere. */
#include "export/export.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "export/graph.h"
#include "stages/commands.h"

static struct {
    int opset, int8;
    const char *weights;
} settings = {.opset = DESY_OPSET_MOST};

const struct poptOption desy_export_options[] = {
    {"opset", 0, POPT_ARG_INT, &settings.opset, 0, "version of ONNX's operators, 11 to 17 (default 17)", "N"},
    {"int8", 0, POPT_ARG_NONE, &settings.int8, 0, "the linear layers of full forms in 8 bits (DynamicQuantizeLinear, MatMulInteger)", NULL},
    {"weights", 0, POPT_ARG_STRING, &settings.weights, 0, "of a model whose extractor is resnet50: its weights, safetensors; the backbone then is part of the graph, which takes frames", "FILE"},
    POPT_TABLEEND,
};

static bool is_int8(const desy_classifier *classifier)
{
    return settings.int8 || desy_json_member(desy_classifier_model(classifier), "quantised");
}

/* {"model", "model_sha256", "file", "bytes", "opset", "int8"} */
static int report(const struct desy_invocation *invocation, const desy_classifier *classifier)
{
    int64_t bytes, changed;
    cJSON *json = cJSON_CreateObject();
    if (!json) return desy_error_memory("the report");
    desy_file_stamp(invocation->output, &bytes, &changed);
    cJSON_AddStringToObject(json, "model", desy_classifier_directory(classifier));
    cJSON_AddStringToObject(json, "model_sha256", desy_classifier_sha256(classifier));
    cJSON_AddStringToObject(json, "file", invocation->output);
    cJSON_AddNumberToObject(json, "bytes", (double)bytes);
    cJSON_AddNumberToObject(json, "opset", settings.opset);
    cJSON_AddBoolToObject(json, "int8", is_int8(classifier));
    const int rc = desy_json_print(json, false, invocation->output);
    cJSON_Delete(json);
    return rc;
}

int desy_export_command(struct desy_invocation *invocation)
{
    const struct desy_export_options options = {.opset = settings.opset, .int8 = settings.int8, .weights = settings.weights};
    desy_classifier *classifier = NULL;
    int rc;
    if (invocation->argument_count != 1) return desy_error(DESY_EUSAGE, "name one model: desy export MODEL -o FILE.onnx");
    if (!invocation->output) return desy_error(DESY_EUSAGE, "say where to: desy export MODEL -o FILE.onnx");
    DESY_TRY(desy_classifier_open(&classifier, invocation->arguments[0], "cpu"));
    DESY_TRY(desy_export(classifier, &options, invocation->output));
    if (invocation->json) rc = report(invocation, classifier);
    else desy_log_info("export: %s is %s, opset %d%s", invocation->output, desy_classifier_directory(classifier), settings.opset, is_int8(classifier) ? ", linear layers in 8 bits" : "");
out:
    desy_classifier_close(&classifier);
    return rc;
}
