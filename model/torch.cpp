#include "model/guard.hpp"
#include "model/model.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <string>
#include <torch/csrc/api/include/torch/version.h>

const char *desy_torch_version(void)
{
    return TORCH_VERSION;
}

const char *desy_torch_isa(void)
{
    static const std::string isa = [] {
        std::string name;
        const int rc = desy::guard("instruction set of libtorch", [&] {
            name = at::get_cpu_capability();
            return DESY_OK;
        });
        return rc == DESY_OK ? name : "unknown";
    }();
    return isa.c_str();
}

int desy_torch_cuda_devices(void)
{
    int n = 0;
    int rc = desy::guard("counting CUDA devices", [&] {
        if (at::hasCUDA()) n = at::detail::getCUDAHooks().deviceCount();
        return DESY_OK;
    });
    return rc || n < 0 ? 0 : n;
}

/* K of "cuda:K"; -1 if that is not what `word` says. */
static int cuda_index(const char *word)
{
    char *end;
    if (strncmp(word, "cuda:", 5) != 0 || word[5] < '0' || word[5] > '9') return -1;
    long index = strtol(word + 5, &end, 10);
    return *end || index > 1023 ? -1 : (int)index;
}

int desy_torch_device(char device[16], const char *wanted, int local_rank)
{
    int devices = desy_torch_cuda_devices(), index = cuda_index(wanted);
    bool automatic = strcmp(wanted, "auto") == 0, cuda = strcmp(wanted, "cuda") == 0, cpu = strcmp(wanted, "cpu") == 0;
    if (!automatic && !cuda && !cpu && index < 0)
        return desy_error(DESY_EUSAGE, "device '%s': give auto, cpu, cuda or cuda:K", wanted);
    if (cpu || (automatic && devices == 0)) {
        strcpy(device, "cpu");
        return DESY_OK;
    }
    if (devices == 0)
        return desy_error(DESY_EENV, "device '%s': libtorch %s sees no CUDA device (a CPU build, or no driver); use --device cpu",
                          wanted, TORCH_VERSION);
    if (index >= devices)
        return desy_error(DESY_EENV, "device '%s': there are only %d CUDA devices (0 to %d)", wanted, devices, devices - 1);
    if (index < 0) index = (local_rank < 0 ? 0 : local_rank) % devices;
    snprintf(device, 16, "cuda:%d", index);
    return DESY_OK;
}

/* The driver knows the name, and libtorch has it behind headers of the CUDA toolkit alone. libtorch has loaded the driver by now. */
static bool gpu_name(char name[256], int index)
{
    void *driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
    const auto device_get = driver ? (int (*)(int *, int))dlsym(driver, "cuDeviceGet") : nullptr;
    const auto device_name = driver ? (int (*)(char *, int, int))dlsym(driver, "cuDeviceGetName") : nullptr;
    int device;
    const bool known = device_get && device_name && device_get(&device, index) == 0 && device_name(name, 256, device) == 0;
    if (driver) dlclose(driver);
    return known;
}

int desy_torch_gpu(char words[300], const char *device)
{
    char name[256];
    const int index = cuda_index(device);
    *words = '\0';
    if (index < 0) return DESY_OK;
    if (!gpu_name(name, index)) return desy_error(DESY_EENV, "device '%s': libcuda.so.1 does not tell its name; is the driver whole?", device);
    return desy::guard("version of cuDNN", [&] {
        snprintf(words, 300, "%s, cuDNN %ld", name, at::detail::getCUDAHooks().versionRuntimeCuDNN());
        return DESY_OK;
    });
}

void desy_torch_empty_cache(const char *device)
{
    if (strcmp(device, "cpu") == 0) return;
    desy::guard("releasing cached device memory", [&] { /* a failure costs memory, nothing else */
        at::accelerator::emptyCache();
        return DESY_OK;
    });
}

static const char *const precisions[] = {"fp32", "bf16", "fp16"};

const char *desy_precision_name(enum desy_precision precision)
{
    return precisions[precision];
}

int desy_precision_parse(enum desy_precision *precision, const char *name)
{
    for (int i = 0; i < 3; i++)
        if (strcmp(precisions[i], name) == 0) {
            *precision = (enum desy_precision)i;
            return DESY_OK;
        }
    return desy_error(DESY_EUSAGE, "precision '%s': give fp32, bf16 or fp16", name);
}
