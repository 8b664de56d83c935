#include "stages/scoring_options.h"

#include "base/error.h"
#include "stages/device.h"
#include "stages/extract.h"

#include <stdlib.h>

static struct desy_scoring_settings settings = DESY_SCORING_DEFAULTS;
static const char *threshold;

const struct poptOption desy_scoring_options[] = {
    {"model", 'm', POPT_ARG_STRING, &settings.model, 0, "a model directory, or a save directory (its current version); default: the one that ships, models/hybrid-1", "MODEL"},
    {"threshold", 't', POPT_ARG_STRING, &threshold, 0, "call it AI-generated from this score on (default: the model's)", "T"},
    {"prior", 0, POPT_ARG_DOUBLE, &settings.prior, 0, "share of AI-generated videos to expect (default 0.5)", "P"},
    {"level", 0, POPT_ARG_STRING, &settings.level, 0, "score by one level alone: low, mid or high (default all)", "L"},
    {"windows", 0, POPT_ARG_INT, &settings.windows, 0, "look at so many clips of a long video, spread over it, and average them (default 1)", "N"},
    {"weights", 0, POPT_ARG_STRING, &settings.weights, 0, "the extractor's weights", "FILE"},
    {"device", 0, POPT_ARG_STRING, &settings.device, 0, "auto, cpu, cuda or cuda:K (default auto)", "D"},
    {"precision", 0, POPT_ARG_STRING, &settings.precision, 0, "fp32, bf16 or, on CUDA devices, fp16: what the network computes with (default fp32)", "P"},
    {"num-workers", 0, POPT_ARG_INT, &settings.workers, 0, "decode helpers of each rank (default: its cores, beside a GPU one less)", "N"},
    {"threads", 0, POPT_ARG_INT, &settings.threads, 0, "threads of each network call (default 1)", "N"},
    {"deadline", 0, POPT_ARG_DOUBLE, &settings.deadline, 0, "seconds that a video may take to decode (default 120)", "S"},
    {"allow-code", 0, POPT_ARG_NONE, &settings.allow_code, 0, "let --weights be TorchScript, which is executable code", NULL},
    {"audio", 0, POPT_ARG_STRING, &settings.audio, 0, "for models that hear: auto, the sound of the video, or what a data set gives as audio_path; none; or a file with the sound of the one video (default auto)", "auto|none|FILE"},
    {"text", 0, POPT_ARG_STRING, &settings.text, 0, "for models that read: the prompt or caption of the videos (default: the text that a data set gives)", "TEXT"},
    {"timeline", 0, POPT_ARG_NONE, &settings.timeline, 0, "also score the video part by part, in windows of its whole length, 64 at most", NULL},
    {"explain", 0, POPT_ARG_NONE, &settings.explain, 0, "say which levels, blocks and seconds spoke for and against (with --timeline)", NULL},
    {"abstain", 0, POPT_ARG_NONE, &settings.abstain, 0, "give no verdict on a video that the model has no hold on (default: only warn)", NULL},
    POPT_TABLEEND};

int desy_scoring_check_count(size_t videos)
{
    return desy_scoring_audio_file(&settings) && videos > 1
               ? desy_error(DESY_EUSAGE, "--audio FILE is the sound of one video, and there are %zu; of many, a data set names it as audio_path", videos) : DESY_OK;
}

void desy_scoring_want_timeline(void)
{
    settings.timeline = 1;
}

void desy_scoring_want_batches(int clips)
{
    settings.batch_clips = clips;
}

int desy_scoring_settings_of(struct desy_scoring_settings *mine, const desy_world *world)
{
    char *end = NULL;
    if (threshold) {
        settings.threshold = strtod(threshold, &end);
        if (*end || end == threshold || !(settings.threshold >= 0 && settings.threshold <= 1)) /* NaN would be the model's */
            return desy_error(DESY_EUSAGE, "--threshold must be a number from 0 to 1, not '%s'", threshold);
    }
    *mine = settings;
    mine->local_rank = desy_local_rank(world);
    mine->mute = desy_rank(world) > 0;
    return DESY_OK;
}

int desy_scoring_open_rank(desy_scoring **scoring, const desy_world *world)
{
    struct desy_scoring_settings mine;
    char device[16];
    int rc;
    *scoring = NULL;
    DESY_TRY(desy_scoring_settings_of(&mine, world));
    DESY_TRY(desy_rank_device(device, mine.device ? mine.device : "auto", world));
    mine.device = device;
    if (!mine.workers) mine.workers = desy_rank_helpers(device, world);
    DESY_TRY(desy_scoring_open(scoring, &mine));
out:
    return rc;
}

int desy_scoring_agree(const desy_scoring *scoring, desy_world *world)
{
    return desy_extract_agree_config(world, desy_scoring_config(scoring));
}
