#include "stages/device.h"

#include "base/error.h"
#include "base/log.h"
#include "features/helper.h"
#include "model/model.h"

#include <string.h>

int desy_rank_device(char device[16], const char *wanted, const desy_world *world)
{
    const int rc = desy_torch_device(device, wanted, desy_local_rank(world));
    if (rc != DESY_OK || strcmp(device, "cpu") == 0) return rc;
    const int devices = strcmp(device, wanted) == 0 ? 1 : desy_torch_cuda_devices(); /* "cuda:K" is one for all */
    if (desy_local_size(world) > devices && desy_local_rank(world) == 0)
        desy_log_warning("%d ranks of this node share %d CUDA device%s: start one a device (mpirun -n %d, or --ntasks-per-node), which decodes with all cores and needs memory of the device once",
                         desy_local_size(world), devices, devices == 1 ? "" : "s", devices);
    return rc;
}

int desy_rank_helpers(const char *device, const desy_world *world)
{
    return desy_helpers_beside(device, desy_local_cores(world));
}
