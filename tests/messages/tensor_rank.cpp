// SPDX-License-Identifier: Apache-2.0
// EXPECT: byteloom: tensor() gives views of rank 1 and more; take a single number with values<T>(name)[0].
#include "byteloom/load/safetensors.hpp"

void read(const byteloom::safetensors& file) { file.tensor<float, 0>("epsilon"); }
