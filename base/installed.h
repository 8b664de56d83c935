/* Where this code was installed to. */
#ifndef DESY_BASE_INSTALLED_H
#define DESY_BASE_INSTALLED_H

/* "share/desy/x": that file or directory under the prefix that this program, or the shared library that this code is in, was installed to: one directory above its own, or two
 * (lib/x86_64-linux-gnu). The tree may have been moved. New string, caller frees; NULL: it is not there. */
char *desy_installed_file(const char *name);

#endif
