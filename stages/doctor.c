/* desy doctor: is everything here that a run needs? */
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "features/extractor.h"
#include "features/forensic.h"
#include "features/helper.h"
#include "features/libraries.h"
#include "model/model.h"
#include "stages/commands.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct finding {
    const char *name;
    bool good, required;
    char text[768];
};

static void add(cJSON *list, int *missing, const struct finding *finding)
{
    cJSON *entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "name", finding->name);
    cJSON_AddBoolToObject(entry, "ok", finding->good);
    cJSON_AddBoolToObject(entry, "required", finding->required);
    cJSON_AddStringToObject(entry, "text", finding->text);
    cJSON_AddItemToArray(list, entry);
    if (!finding->good && finding->required) (*missing)++;
}

__attribute__((format(printf, 6, 7))) static void say(cJSON *list, int *missing, const char *name, bool good, bool required, const char *format, ...)
{
    struct finding finding = {.name = name, .good = good, .required = required};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding.text, sizeof finding.text, format, arguments);
    va_end(arguments);
    add(list, missing, &finding);
}

static void look_at_codecs(cJSON *list, int *missing)
{
    static const char *const decoders[] = {"h264", "hevc", "vp9", "av1", "mpeg4", "gif", "mjpeg"};
    static const char *const encoders[] = {"libx264", "mpeg4", "libvpx-vp9", "gif", "libx265", "mjpeg"};
    say(list, missing, "FFmpeg", true, true, "%s", desy_ffmpeg_version());
    for (size_t i = 0; i < sizeof decoders / sizeof *decoders; i++) {
        /* FFmpeg's own "av1" needs hardware; libdav1d is what decodes it on a CPU. */
        const char *name = strcmp(decoders[i], "av1") == 0 ? "libdav1d" : decoders[i];
        bool there = desy_ffmpeg_has_decoder(name);
        say(list, missing, "decoder", there, i < 1, "%s%s", name, there ? "" : ": videos of this codec will be unreadable");
    }
    for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++) {
        bool there = desy_ffmpeg_has_encoder(encoders[i]);
        say(list, missing, "encoder", there, false, "%s%s", encoders[i], there ? "" : ": desy synth or extract --augment needs it");
    }
}

/* A helper is asked for a directory, which is no video: that it says so is all that is wanted. */
static void look_at_helpers(cJSON *list, int *missing)
{
    desy_helper_pool *helpers = NULL;
    const struct desy_clip_request request = {.path = "/", .frames = 4};
    const struct desy_clip *clip = NULL;
    bool good = desy_helper_pool_open(&helpers, 1, 60) == DESY_OK && desy_helper_submit(helpers, &request) == DESY_OK &&
                desy_helper_take(helpers, &clip) == DESY_OK && clip->status == DESY_STATUS_UNREADABLE;
    say(list, missing, "helpers", good, true, "%s", good ? "decode helpers start and answer" : clip ? clip->reason : desy_error_message());
    if (good) {
        const char *why = desy_helper_sandbox_missing(helpers);
        say(list, missing, "sandbox", !*why, false, "%s%s", *why ? why : "decode helpers run behind a seccomp filter",
            *why ? ": this kernel or container lets no seccomp filter in; resource limits alone hold what a hostile video may do to decode helpers" : "");
    }
    desy_helper_pool_close(&helpers);
}

static void look_at_weights(cJSON *list, int *missing)
{
    void *state = NULL;
    const struct desy_extractor_options options = {.device = "cpu", .frames = 1, .threads = 1};
    const struct desy_extractor *hybrid = NULL;
    bool good = desy_extractor_find(&hybrid, "hybrid") == DESY_OK && hybrid->open(&state, &options) == DESY_OK;
    say(list, missing, "weights", good, true, "%s", good ? "the encoder of the hybrid extractor loads" : desy_error_message());
    if (good) hybrid->close(&state);
}

static void look_at_devices(cJSON *list, int *missing)
{
    int devices = desy_torch_cuda_devices();
    say(list, missing, "libtorch", true, true, "%s, dispatching to %s", desy_torch_version(), desy_torch_isa());
    say(list, missing, "CUDA", devices > 0, false, devices > 0 ? "%d devices" : "%d devices: networks run on the CPU", devices);
}

/* Collective: the union of the ranks' affinity masks against the processors of this machine. */
static int look_at_binding(cJSON *list, int *missing, desy_world *world)
{
    uint64_t mine[DESY_CPU_WORDS], *all = NULL, united[DESY_CPU_WORDS] = {0};
    size_t words = 0;
    desy_cpu_mask(mine);
    int rc = desy_gather(world, mine, DESY_CPU_WORDS, sizeof *mine, (void **)&all, &words);
    if (rc != DESY_OK || desy_rank(world) != 0) goto out;
    for (size_t i = 0; i < words; i++) united[i % DESY_CPU_WORDS] |= all[i];
    int used = 0, online = desy_cpu_online();
    for (int i = 0; i < DESY_CPU_WORDS; i++) used += __builtin_popcountll(united[i]);
    bool whole = used >= online || desy_local_size(world) < desy_size(world);
    say(list, missing, "binding", whole, false,
        whole ? "%d ranks may use %d of the %d processors of this machine"
              : "%d ranks may use only %d of the %d processors of this machine: mpirun binds each rank to one core; give --bind-to none, or more ranks",
        desy_size(world), used, online);
out:
    free(all);
    return rc;
}

static void print(const cJSON *list, bool json)
{
    const cJSON *entry = NULL;
    if (json) {
        char *text = cJSON_Print(list);
        if (text) puts(text);
        free(text);
        return;
    }
    cJSON_ArrayForEach(entry, list)
    {
        bool good = cJSON_IsTrue(cJSON_GetObjectItem(entry, "ok")), required = cJSON_IsTrue(cJSON_GetObjectItem(entry, "required"));
        printf("%-8s %-10s %s\n", good ? "ok" : required ? "MISSING" : "note", cJSON_GetObjectItem(entry, "name")->valuestring,
               cJSON_GetObjectItem(entry, "text")->valuestring);
    }
}

int desy_doctor_command(struct desy_invocation *invocation)
{
    int rc, missing = 0;
    const char *level = NULL;
    bool first = desy_rank(invocation->world) == 0;
    if (invocation->argument_count > 0 || invocation->output) return desy_error(DESY_EUSAGE, "doctor takes no arguments and no -o");
    cJSON *report = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(report, "findings");
    say(list, &missing, "desy", true, true, "%s", DESY_VERSION);
    say(list, &missing, "MPI", true, true, "%s; %d ranks", desy_mpi_version(), desy_size(invocation->world));
    say(list, &missing, "HDF5", true, true, "%s", desy_hdf5_version());
    DESY_TRY(desy_simd_level(&level));
    say(list, &missing, "pixels", true, false, "looked at with %s instructions", level);
    look_at_codecs(list, &missing);
    look_at_helpers(list, &missing);
    look_at_devices(list, &missing);
    look_at_weights(list, &missing);
    DESY_TRY(look_at_binding(list, &missing, invocation->world));
    cJSON_AddBoolToObject(report, "ok", missing == 0);
    if (first) print(invocation->json ? report : list, invocation->json);
    if (missing) rc = desy_error(DESY_EENV, "%d required thing(s) missing: see MISSING above", missing);
out:
    cJSON_Delete(report);
    return rc;
}
