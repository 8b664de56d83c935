/* Memory for large arrays that are read again and again. */
#ifndef DESY_BASE_ALIGNED_H
#define DESY_BASE_ALIGNED_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Aligned to a line of the cache; of a megabyte or more in huge pages, where the kernel gives them on request: products of matrices whose rows lie pages apart
 * otherwise spend a tenth of their time looking up addresses. free() frees it. NULL: no memory. Not zeroed. */
void *desy_aligned_alloc(size_t bytes);

#ifdef __cplusplus
}
#endif

#endif
