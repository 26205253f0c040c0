// SPDX-License-Identifier: Apache-2.0
// What any translation unit with a kernel costs.
__global__ void empty_kernel() {}
