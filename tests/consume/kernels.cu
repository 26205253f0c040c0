// SPDX-License-Identifier: Apache-2.0

#include <byteloom/cuda/attend.cuh>
#include <byteloom/cuda/device.cuh>

#include "policy.hpp"

BYTELOOM_INSTANTIATE_ATTEND(my_attention, float, float, float, float)
