/* DeSY: detection of AI-generated video. The C interface of libdesy, and the codes that the program desy exits with.
 *
 *     desy_detector *detector = NULL;
 *     char *json = NULL;
 *     if (desy_detector_open(&detector, NULL) == DESY_OK && desy_detect(detector, "clip.mp4", &json) == DESY_OK) puts(json);
 *     else fprintf(stderr, "%s\n", desy_error_message());
 *     desy_free(json);
 *     desy_detector_close(&detector);
 *
 * What a host may rely on: nothing here exits, aborts, writes to stdout or stderr, changes the handling of a signal, or must be called before anything else. Any number of detectors may
 * be open at once, each serves several threads (their calls take turns), and numbers do not depend on how many there are. Videos are decoded in processes of their own, so that a
 * hostile one costs an answer and not the host: the program desy-decoder ($DESY_DECODER, else where the library was installed or built), one a detector, which starts
 * helpers of its own. It holds no descriptor of the host's, leaves no zombie and ends with it. A detector does not survive fork(): open one in the child.
 *
 * What it does to its process all the same: libtorch's number of threads of the calling thread (at::set_num_threads) is set, glibc's malloc is told to keep up to 256 MiB of
 * freed memory (mallopt). */
#ifndef DESY_H
#define DESY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DESY_VERSION "0.1.0"

/* Every fallible function returns one of these, and the program exits with it. */
enum desy_code {
    DESY_OK = 0,
    DESY_EUSAGE = 1,       /* wrong command line, or a programmer's mistake */
    DESY_EDATA = 2,        /* bad input data: a data set, a store, a model, scores */
    DESY_EENV = 3,         /* the environment: a missing library, weights, device; a full disk */
    DESY_EPARTIAL = 4,     /* finished, but some items failed */
    DESY_EINTERRUPTED = 5, /* stopped by a signal, or cancelled; the same command, or call, continues or begins anew */
    DESY_EDRIFT = 6,       /* desy drift --fail-on: the verdict is at least as bad */
};

/* That of the library, where DESY_VERSION is that of the header. Static. */
const char *desy_version(void);

/* What went wrong, where, and what to do next: of the last function that failed on this thread; "" if none did. Borrowed, valid until the next failure on this thread. Options are
 * named as on the command line of desy: --allow-code is allow_code. */
const char *desy_error_message(void);

/* Frees what a function here has given away: JSON, a struct desy_detection. NULL-safe. */
void desy_free(void *memory);

enum desy_log_level { DESY_LOG_INFO, DESY_LOG_WARNING, DESY_LOG_ERROR };

/* ---- a detector ---- */

typedef struct desy_detector desy_detector;

/* How to detect. Set all members by desy_detector_options_init, then those of your own. Needed during desy_detector_open alone. `desy detect --help` explains most. */
struct desy_detector_options {
    size_t size;           /* of this structure, as its user was compiled: later versions add members at the end */
    const char *model;     /* a model directory, or a save directory (its current version); NULL: the one that ships */
    const char *level;     /* score by "low", "mid" or "high" alone; NULL: by all */
    const char *weights;   /* file with the extractor's weights; NULL: those of $DESY_WEIGHTS_DIR, else those installed, else those of the build */
    const char *device;    /* "auto", "cpu", "cuda", "cuda:K"; NULL: auto */
    const char *precision; /* "fp32", "bf16", "fp16"; NULL: fp32 */
    const char *audio;     /* for models that hear: "auto" or NULL, the sound of the video; "none"; or a file with the sound of the one video that follows */
    const char *text;      /* for models that read: the prompt or caption of the videos; NULL: none */
    double threshold;      /* call it AI-generated from this confidence on, 0 to 1; NaN: the model's */
    double prior;          /* share of AI-generated videos to expect, between 0 and 1; .5 */
    double deadline;       /* seconds that a video may take to decode; 120 */
    int windows;           /* clips to look at of a long video, 1 to 64; 1 */
    int workers;           /* decode helpers; 0: as many as the processors that this process may use, beside a GPU one less */
    int threads;           /* of each network call; 1 */
    int allow_code;        /* 0 or 1, as the following: weights may be TorchScript, which is executable code */
    int timeline;          /* also score the video part by part */
    int explain;           /* also say which levels, blocks and seconds spoke for and against; sets timeline */
    int abstain;           /* give no verdict on a video that the model has no hold on */
    /* What would be said in passing, a line without its end; NULL: nothing is said. Called on threads that are in a call on this detector, one at a time. */
    void (*log)(void *context, enum desy_log_level level, const char *message);
    void *log_context;
};

/* size: sizeof *options. Sets it, and the defaults above. */
void desy_detector_options_init(struct desy_detector_options *options, size_t size);

/* options NULL: the defaults. Reads the model and the weights, and starts desy-decoder. *detector: NULL if it fails. DESY_EUSAGE: an option is out of its range; DESY_EDATA: there is no
 * such model or sound file, or the model is damaged, or of other weights; DESY_EENV: weights, device, desy-decoder or memory are lacking. */
int desy_detector_open(desy_detector **detector, const struct desy_detector_options *options);

/* No call on it may be under way. NULL-safe; sets *detector to NULL. Waits for desy-decoder to end. */
void desy_detector_close(desy_detector **detector);

/* ---- detection: from any thread; a call waits while another is under way on the same detector ----
 *
 * A video that can't be read is an answer, too: DESY_OK, with another status than "ok", a reason and no score.
 * DESY_EINTERRUPTED: desy_detector_cancel. DESY_EENV: memory, or desy-decoder, are gone. DESY_EUSAGE: a path is NULL, or the callback has called the detector that calls it.
 * After a failure the detector can be used again; where desy-decoder is gone, only another one can. */

/* The object that `desy detect --json PATH` prints (docs/data.md), without a newline; to the byte, but for the last bits of networks where libtorch has MKL (docs/library.md). *json: new, for desy_free; NULL if it fails. */
int desy_detect(desy_detector *detector, const char *path, char **json);

/* The same as numbers. Later versions of the library add members at the end. */
struct desy_detection {
    const char *video_path;                        /* as it was given */
    const char *status;                            /* "ok"; else "unreadable", "no_video", "too_short", "timeout", "crashed", and there are no numbers */
    const char *reason;                            /* why it could not be read; NULL */
    const char *warning;                           /* what was odd about one that could; NULL */
    const char *reliability;                       /* "ok", or why the score is not to be relied on; NULL where there is none */
    const char *model;                             /* name of the model; NULL where there is no score */
    int is_ai_generated;                           /* 1, 0; -1: no verdict (no score, or abstained) */
    int calibrated;                                /* 1: confidence is a probability that was calibrated on data */
    int windows;                                   /* clips that the score is the mean of */
    double confidence, logit;                      /* the probability of AI-generated at this prior; its logit at even odds */
    double prior, threshold;
    double low, mid, high;                         /* probabilities by one level alone; NaN: the model has no such level */
};
/* *detection: new, in one piece with its texts, for desy_free; NULL if it fails. Members that have no value are NaN, 0 or NULL. */
int desy_detect_numbers(desy_detector *detector, const char *path, struct desy_detection **detection);

/* The answer to the video `index` of `n`, in their order, on the thread that called; both are borrowed until it returns. Not 0 cancels the rest. It must not call this detector, but for
 * desy_detector_cancel. */
typedef int desy_detect_callback(void *context, size_t index, size_t n, const struct desy_detection *detection, const char *json);

/* Many videos, the next ones being decoded while the network is at work on one. paths [n]. DESY_EINTERRUPTED, too: the callback has cancelled. */
int desy_detect_many(desy_detector *detector, const char *const *paths, size_t n, desy_detect_callback *callback, void *context);

/* From any thread, but not from a signal handler: calls on this detector that have begun, and those that wait for their turn, end with DESY_EINTERRUPTED, within the time that the network
 * takes for a clip; one that has its last clip gives its answer. Later calls are not concerned. */
void desy_detector_cancel(desy_detector *detector);

#ifdef __cplusplus
}
#endif

#endif
