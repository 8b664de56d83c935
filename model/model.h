/* The only door to libtorch: task-level functions in C. No torch type, allocator or exception crosses it; every body runs
 * through one noexcept guard that turns an exception into a code and a message (base/error.h). None is collective.
 * Handles are typed and opaque; a close function is NULL-safe and sets the handle to NULL. A handle is used by one
 * thread at a time. Networks run at the number of threads given at open, whatever OMP_NUM_THREADS or mpirun's binding say. */
#ifndef DESY_MODEL_MODEL_H
#define DESY_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the library and its devices ---- */

/* "2.13.0", and the instruction set it dispatches to ("AVX512"). Static strings. */
const char *desy_torch_version(void);
const char *desy_torch_isa(void);
/* Number of CUDA devices that can be used now (0 in a CPU build). */
int desy_torch_cuda_devices(void);
/* "auto" becomes "cuda:K" (K = local_rank modulo devices) where there is one, else "cpu"; "cuda" the same but an error without;
 * "cpu" and "cuda:K" are checked. DESY_EENV says what is missing; DESY_EUSAGE for another word. */
int desy_torch_device(char device[16], const char *wanted, int local_rank);

/* What of a CUDA device decides bits, in words: "NVIDIA H200, cuDNN 91900"; "" for a CPU. DESY_EENV: the driver does not tell. */
int desy_torch_gpu(char words[300], const char *device);

/* Gives the device memory that libtorch keeps for later use back to the device. On a CPU there is no such cache, and nothing is done. */
void desy_torch_empty_cache(const char *device);

/* The numbers a network computes with; sums in fp32 all the same. */
enum desy_precision { DESY_FP32, DESY_BF16, DESY_FP16 };
/* "fp32", "bf16" or "fp16". Static string; DESY_EUSAGE for another word. */
const char *desy_precision_name(enum desy_precision precision);
int desy_precision_parse(enum desy_precision *precision, const char *name);

/* ---- backbones: frames to features ---- */

typedef struct desy_backbone desy_backbone;

enum desy_backbone_kind {
    DESY_BACKBONE_EFFICIENTNET_LITE0, /* Tan & Le 2019, the "lite" variant; input (x - 127) / 128; 1600 numbers: means of the last feature map (1280) and of the one before (320) */
    DESY_BACKBONE_RESNET50,           /* He et al. 2015, torchvision's v1.5; input ImageNet mean/std; 2048 numbers */
    DESY_BACKBONE_TORCHSCRIPT,        /* any module [N,3,224,224] -> [N,dims] (`.pt`, needs allow_code); input ImageNet mean/std */
};

struct desy_backbone_options {
    enum desy_backbone_kind kind;
    const char *weights; /* safetensors; for ResNet-50 torchvision or timm names, or a TorchScript module [N,3,224,224]->[N,2048] (`.pt`, needs allow_code) */
    const char *device;  /* as desy_torch_device gives it */
    int frames;          /* T: of a clip, at most */
    int clips;           /* B: of a batch, at most; 0 is 1 */
    int threads;         /* passes that run side by side, on threads of the backbone, one each, bound as whoever opens it is; on CUDA and of TorchScript, intra-op threads */
    bool allow_code;     /* TorchScript is executable code */
    int dims;            /* of DESY_BACKBONE_TORCHSCRIPT */
    enum desy_precision precision; /* fp16: CUDA alone (DESY_EUSAGE); bf16: where the processor can (DESY_EENV) */
};

/* Missing, truncated or wrong weights: DESY_EENV with the name of the file, the first tensor that does not fit, and how to
 * get them (`./quickstart.sh` fetches the default encoder's). Never random numbers in their place. On a device a whole batch goes through once
 * before this returns: while its memory does not hold it, the batch is halved (desy_backbone_clips). DESY_EENV: it does not hold one clip.
 *
 * In the environment: with DESY_BACKBONE_OPERATORS=1 a CPU does as a device does: one pass for a whole batch, by libtorch's plain operators.
 * For tests: with DESY_TEST_OUT_OF_MEMORY=K[:N] a batch of more than K clips does not fit, from the Nth (default: the first) on of each backbone. */
int desy_backbone_open(desy_backbone **backbone, const struct desy_backbone_options *options);
/* Clips of a batch, at most: as asked for, or as many as the device's memory holds. */
int desy_backbone_clips(const desy_backbone *backbone);

/* A batch lies in a slot: it is put there clip by clip, started, and finished. While a device is at work on one, another may be put in the other
 * slot, and be started. Memory of a slot on the host is page-locked where there is a device. On a CPU a start does all the work. */
#define DESY_BACKBONE_SLOTS 2
/* rgb (n, 224, 224, 3) uint8, 0 < n <= T, copied to place 0..B - 1 of a slot that was not started. Places may be left out. */
int desy_backbone_put(desy_backbone *backbone, int slot, int place, const uint8_t *rgb, int n);
/* DESY_EENV: the memory of the device does not hold it any more; the batch is lost. */
int desy_backbone_start(desy_backbone *backbone, int slot);
/* Waits. *features (B, T, D) float32, of what was put; other rows hold anything. Borrowed until the slot is started again. The slot is empty then,
 * also where it was never started (and nothing was computed), or after a failure. Bits of a row do not depend on the other frames; on a CPU neither on the place. */
int desy_backbone_finish(desy_backbone *backbone, int slot, const float **features);
/* The three at once, for frames in a row: rgb (n, 224, 224, 3), n <= B * T; features (n, D). Both slots must be empty. */
int desy_backbone_run(desy_backbone *backbone, const uint8_t *rgb, int n, float *features);
int desy_backbone_dims(const desy_backbone *backbone);
/* Frames of one pass through the network: it always runs at this one shape; what is not there is black, or zero. On a device B * T. */
int desy_backbone_pass(const desy_backbone *backbone);
/* Threads that the numbers depend on: those of a call for a TorchScript module, else 1. */
int desy_backbone_deciding_threads(const desy_backbone *backbone);
/* SHA-256 of the weights file, hex. Borrowed. */
const char *desy_backbone_weights_sha256(const desy_backbone *backbone);
void desy_backbone_close(desy_backbone **backbone);

/* ---- full-form heads: networks that are trained by gradient ---- */

typedef struct desy_network desy_network;

/* One tensor of a network, in the flat parameter buffer. */
struct desy_network_tensor {
    const char *name; /* "mlp.0.weight"; borrowed from the network */
    int64_t shape[4];
    int dimensions;
    size_t offset, count; /* in floats */
};

/* `architecture`: a name of the table in network.cpp. An item is (frames, inputs) numbers, float32 where nothing else is said:
 * "high_mlp": (1, 2*D), mean and deviation over time -> 512 -> ReLU -> dropout -> 256 -> ReLU -> dropout -> 1;
 * "mid_transformer": (T, D), the frames -> projection to 128 and learnt positions -> two layers of a pre-norm transformer encoder of 4 heads
 * (Vaswani et al. 2017; Xiong et al. 2020) -> norm -> attention pooling over the frames that are there -> dropout -> 1;
 * "low_cnn": (4, 224 * 224 * 3) uint8, crops -> differences of neighbouring pixels (Tan et al. 2024, NPR) and a high pass -> stem and layers 1 and 2 of ResNet-50 (He et al.
 * 2016), with a 3 x 3 stem and group normalisation -> mean over pixels and over the crops that are there -> dropout -> 1;
 * "sound_cnn": (S, 1), int16 samples at 16 kHz -> log-mel spectrogram -> four convolutions -> mean over the time that is there -> dropout -> 1;
 * "high_text": (1, 2*D + 4096), high_mlp's inputs and hashed n-grams of a text, which are left out of training items by dropout -> as high_mlp, and a
 * gated embedding of the text beside its last layer, which is nothing, to the bit, where there is no text (zeros).
 * Parameters are initialised from `seed` alone (Kaiming-uniform by Philox, base/random.h: the same on every rank and machine).
 * DESY_EUSAGE: no such architecture. */
int desy_network_open(desy_network **network, const char *architecture, int frames, int inputs, uint64_t seed, const char *device, int threads);
/* Products of gradients from now on (Micikevicius et al. 2018): parameters, sums and logits of inference stay in fp32. bf16 on a CPU: the linear layers of mid_transformer, and what libtorch's autocast takes of
 * architectures without passes of their own; high_mlp's stay in fp32. DESY_EUSAGE: fp16 on a CPU; DESY_EENV: this processor has no bf16. */
bool desy_bf16_works(const char *device); /* is bf16 there: on any CUDA device, and where a CPU has the instructions */
int desy_network_train_in(desy_network *network, enum desy_precision precision);
int desy_network_tensors(const desy_network *network, const struct desy_network_tensor **tensors, size_t *n); /* borrowed */
/* The flat buffer of parameters [P] on the host, float32, borrowed. */
int desy_network_parameters(desy_network *network, float **parameters, size_t *count);
/* After the caller changed the parameters on the host (an optimiser step, a load). */
int desy_network_parameters_changed(desy_network *network);

struct desy_network_loss {
    bool focal;          /* else BCE on logits */
    double gamma, alpha; /* focal, per sample (Lin et al. 2017, eq. 5); alpha < 0: unweighted */
    double label_smoothing; /* E: targets are label (1 - E) + E / 2 (Szegedy et al. 2016) */
    double scale;        /* of the gradient, against underflow in fp16; 0 is 1 */
    double dropout;      /* probability; the mask is a function of (dropout_seed, item id) alone */
    uint64_t dropout_seed;
};
struct desy_network_batch {
    int n;
    const void *x;                /* (n, frames, inputs), float32 or what the architecture takes */
    const int32_t *lengths;       /* (n): frames of each item that are there, 1..frames; NULL: all. The rest, which must be finite, has no part */
    const float *labels, *weights; /* (n): in {0, 1}; sample weights */
    const uint64_t *ids;          /* (n) */
};
/* One virtual shard: forward and backward. gradient [P] is overwritten with the gradient of sum_i weights[i] * loss_i; *loss gets
 * that sum; logits[n] (NULL allowed) the outputs of this training-mode forward. On a CPU by passes written out by hand where the architecture has them (model/passes.hpp), else by libtorch's autograd. */
int desy_network_gradient(desy_network *network, const struct desy_network_batch *batch, const struct desy_network_loss *how, float *gradient, double *loss, float *logits);
/* Inference: logits (n), dropout off; x, lengths as above. Run in one fixed shape inside, so bits do not depend on n. */
int desy_network_forward(desy_network *network, const void *x, const int32_t *lengths, int n, float *logits);
/* From now on the linear layers of several outputs compute in 8 bits, by libtorch's products: weights symmetric in each row to 127 levels a side, inputs rounded as
 * they come, sums in int32; inference runs an item at a time. Parameters become what the levels stand for; gradients there are none any more. On CUDA those parameters are computed
 * with in fp32. *layers: how many; 0: the network has none. DESY_EENV: this libtorch has neither micro-kernels nor an engine for them. */
int desy_network_quantise(desy_network *network, int *layers);
/* The same of one tensor, by levels (out, in) and scales (out) that were found before. DESY_EUSAGE: it is no weight of such a layer. */
int desy_network_take_levels(desy_network *network, size_t tensor, const int8_t *levels, const float *scales);
/* false: the tensor is in float32. Borrowed. */
bool desy_network_levels(const desy_network *network, size_t tensor, const int8_t **levels, const float **scales);
void desy_network_close(desy_network **network);

/* ---- linear algebra that a library does better ---- */

/* Symmetric eigendecomposition, float64: matrix (n, n) row-major; values [n] descending; vectors (k, n), row i belongs to
 * values[i], signs fixed (the component of largest magnitude, lowest index, is positive). k <= n. One thread. */
int desy_eigh(const double *matrix, int n, int k, double *values, double *vectors);

#ifdef __cplusplus
}
#endif

#endif
