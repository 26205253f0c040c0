// SPDX-License-Identifier: Apache-2.0
// A whole decoder with its sampler.
#include "../../examples/device.cu"
