// SPDX-License-Identifier: Apache-2.0

// Memory, graphs and what the GPU refuses.

#include <doctest/doctest.h>

#include <limits>
#include <numeric>

#include "byteloom/core/bf16.hpp"
#include "byteloom/cuda/backend.cuh"
#include "byteloom/cuda/gather.cuh"
#include "support/on_device.cuh"

namespace bl = byteloom;

TEST_CASE("a GPU that is missing or too old is refused by name") {
  using bl::cuda::detail::why_unusable;
  CHECK(why_unusable("", 1, "Good", 80).empty());
  CHECK(why_unusable("", 1, "Good", 90).empty());
  CHECK(why_unusable("", 1, "Old", 75).find("the GPU Old has compute capability 7.5") == 0);
  CHECK(why_unusable("", 0, "", 0).find("finds no GPU") != std::string::npos);
  CHECK(why_unusable("CUDA driver version is insufficient", 0, "", 0).find("driver") != std::string::npos);
  CHECK(bl::cuda::why_unusable().empty());
  CHECK_FALSE(bl::cuda::device_name().empty());
}

TEST_CASE("more memory than there is: an exception, and the next call works") {
  const auto on = bl::cuda::on();
  std::size_t free = 0;
  std::size_t total = 0;
  REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
  CHECK_THROWS_AS(bl::cuda::buffer<float>(on, total), bl::out_of_memory);  // four times what there is
  CHECK_THROWS_AS(bl::cuda::buffer<double>(on, std::numeric_limits<std::size_t>::max() / 2),
                  bl::out_of_memory);
  CHECK(cudaGetLastError() == cudaSuccess);
  std::vector<int> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 0);
  bl::cuda::buffer<int> buffer(on, numbers);
  std::vector<int> back(1000);
  buffer.copy_to_host(on, back);
  CHECK(back == numbers);
  CHECK_THROWS_AS(buffer.copy_from_host(on, std::vector<int>(999)), bl::shape_error);
  bl::cuda::buffer<int> moved(std::move(buffer));
  moved.copy_to_host(on, back);
  CHECK(back == numbers);
  CHECK_NOTHROW(bl::cuda::buffer<int>(on, 0));
}

TEST_CASE("memory that buffers gave back stays with the library until it is released") {
  const auto on = bl::cuda::on();
  const auto reserved = [] {
    std::uint64_t bytes = 0;
    REQUIRE(cudaMemPoolGetAttribute(bl::cuda::detail::memory_pool(), cudaMemPoolAttrReservedMemCurrent,
                                    &bytes) == cudaSuccess);
    return bytes;
  };
  constexpr std::size_t size = std::size_t{256} << 20;
  { const bl::cuda::buffer<char> taken(on, size); }
  REQUIRE(cudaStreamSynchronize(on.stream) == cudaSuccess);
  CHECK(reserved() >= size);
  bl::cuda::release_memory();
  CHECK(reserved() < size);
  CHECK_NOTHROW(bl::cuda::buffer<char>(on, size));
}

TEST_CASE("a graph repeats what was captured, and a failed capture leaves the stream well") {
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  const auto on = bl::cuda::on(stream);
  {
    auto positions = test::to_device(on, std::vector<int>{5, 6});
    auto lengths = test::to_device(on, std::vector<int>{1});
    const auto step = [&] {
      bl::advance(on, bl::device_view<int, 1>(positions.data(), 2),
                  bl::device_view<int, 1>(lengths.data(), 1));
    };
    bl::cuda::graph graph(on, step);
    for (int i = 0; i < 3; ++i) graph.launch(on);
    std::vector<int> found(2);
    positions.copy_to_host(on, found);
    CHECK(found == std::vector<int>{8, 9});
    CHECK_THROWS_AS(bl::cuda::graph(on, [] { throw bl::argument_error("inside"); }), bl::argument_error);
    step();
    positions.copy_to_host(on, found);
    CHECK(found == std::vector<int>{9, 10});
    CHECK_THROWS_AS(bl::cuda::graph(bl::cuda::on(), step), bl::device_error);  // the default stream
    CHECK(cudaGetLastError() == cudaSuccess);
  }
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
}

TEST_CASE("gather reads rows, and a foreign id gives zeros") {
  const auto on = bl::cuda::on();
  auto table = test::to_device(
      on, std::vector<bl::bf16>{bl::bf16(1.0f), bl::bf16(2.0f), bl::bf16(3.0f), bl::bf16(4.0f)});
  auto ids = test::to_device(on, std::vector<bl::token>{1, -1, 0, 2});
  auto out = test::to_device(on, std::vector<float>(8, -7.0f));
  bl::gather(on, bl::device_view<const bl::bf16, 2>(table.data(), 2, 2),
             bl::device_view<const bl::token, 1>(ids.data(), 4), bl::device_view<float, 2>(out.data(), 4, 2));
  std::vector<float> found(8);
  out.copy_to_host(on, found);
  CHECK(found == std::vector<float>{3, 4, 0, 0, 1, 2, 0, 0});
}
