/* Inside model/: losses of one logit. */
#ifndef DESY_MODEL_LOSS_HPP
#define DESY_MODEL_LOSS_HPP

#include "model/model.h"

namespace desy {

/* The loss of a logit z whose label is 0 or 1; *slope: its derivative by z. */
double loss_of(const desy_network_loss &how, double z, double label, double *slope);

} // namespace desy

#endif
