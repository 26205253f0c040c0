// SPDX-License-Identifier: Apache-2.0

// Compiled by g++: calls the kernel that kernels.cu instantiated.

#include <cuda_runtime.h>

#include <byteloom/cuda/attend.hpp>
#include <byteloom/cuda/device.hpp>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <vector>

#include "policy.hpp"

bool attend_on_gpu(const my_attention& spec, const float* q, const float* k, float* wanted, int tokens) {
  const std::string reason = byteloom::cuda::why_unusable();
  if (!reason.empty()) {
    std::printf("GPU not used: %s\n", reason.c_str());
    return true;
  }
  const std::size_t q_bytes = sizeof(float) * static_cast<std::size_t>(tokens) * 4 * 16;
  float *dq = nullptr, *dk = nullptr, *dout = nullptr;
  bool right = cudaMalloc(&dq, q_bytes) == cudaSuccess && cudaMalloc(&dk, q_bytes / 2) == cudaSuccess &&
               cudaMalloc(&dout, q_bytes) == cudaSuccess &&
               cudaMemcpy(dq, q, q_bytes, cudaMemcpyHostToDevice) == cudaSuccess &&
               cudaMemcpy(dk, k, q_bytes / 2, cudaMemcpyHostToDevice) == cudaSuccess;
  byteloom::attend(byteloom::cuda::on(), spec, byteloom::device_view<float, 4>(dq, 1, tokens, 4, 16),
                   byteloom::device_view<float, 4>(dk, 1, tokens, 2, 16),
                   byteloom::device_view<float, 4>(dk, 1, tokens, 2, 16),
                   byteloom::device_view<float, 4>(dout, 1, tokens, 4, 16));
  std::vector<float> out(q_bytes / sizeof(float));
  right = right && cudaMemcpy(out.data(), dout, q_bytes, cudaMemcpyDeviceToHost) == cudaSuccess;
  for (std::size_t i = 0; i < out.size(); ++i) right = right && std::abs(out[i] - wanted[i]) < 1e-5f;
  cudaFree(dq);
  cudaFree(dk);
  cudaFree(dout);
  return right;
}
