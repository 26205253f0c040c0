// SPDX-License-Identifier: Apache-2.0

// The kernels of the examples' models: the one file of the examples that nvcc must compile for them.

#include <byteloom/cuda/generator.cuh>

#include "digits.hpp"
#include "english.hpp"

BYTELOOM_INSTANTIATE_GENERATOR(english, english_sampler)
BYTELOOM_INSTANTIATE_CLASSIFIER(digits)
