/* Apart from libraries.c: desy-decoder asks for codecs, and links no HDF5. */
#include "features/libraries.h"
#include "features/store_layout.h"

#include <hdf5.h>
#include <stdio.h>

const char *desy_hdf5_version(void)
{
    static _Thread_local char text[32];
    unsigned major, minor, release;
    desy_hdf5_setup();
    if (H5get_libversion(&major, &minor, &release) < 0) return "unknown";
    snprintf(text, sizeof text, "%u.%u.%u", major, minor, release);
    return text;
}
