// SPDX-License-Identifier: Apache-2.0

// What g++ compiled files of the tests ask of the GPU.

#include "byteloom/cuda/device.cuh"
