// SPDX-License-Identifier: Apache-2.0

// Queries that the kernels turn as they arrive, where blocks take several query tiles one after another: what
// comes out is what the same attention without positions makes of queries and keys that were turned before.

#include "byteloom/attend/score/softcap.hpp"
#include "byteloom/cuda/graph.cuh"
#include "matrix/agree.cuh"
#include "support/join_attentions.hpp"

namespace {

/// How far both are apart. They differ where a sum of two products was rounded another way on its way to 16
/// bits, which is rare.
template <class Path, class T = bl::bf16, class Turning, class Plain>
double apart(std::mt19937_64& draw, const Turning& turning, const Plain& plain, test::attend_shape shape) {
  const auto on = bl::cuda::on();
  const auto heads = turning.heads();
  constexpr int maps = Turning::map_count;
  const auto q = test::random_tensor<T>(draw, 1.0f, shape.batch, shape.queries, heads.query, heads.size);
  const auto k = test::random_tensor<T>(draw, 1.0f, shape.batch, shape.keys, heads.key, heads.size);
  const auto v =
      test::random_tensor<T>(draw, 1.0f, shape.batch, shape.keys, heads.key / maps, heads.value_size);
  test::device_tensor<T> dq(on, q), dk(on, k), dv(on, v);
  const auto poison =
      test::poisoned_tensor<T>(shape.batch, shape.queries, heads.query / maps, heads.value_size);
  test::device_tensor<T> out(on, poison), wanted(on, poison);
  bl::attend<Path>(on, turning, dq.view(), dk.view(), dv.view(), out.view());
  const bl::index first = turning.first_query(shape.queries, shape.keys);
  const auto queries = bl::cuda::detail::turned<T>(
      on, turning, bl::cuda::detail::spots_in_a_row{first, shape.keys}, dq.view(), true);
  const auto keys = bl::cuda::detail::turned<T>(on, turning, bl::cuda::detail::spots_in_a_row{0, shape.keys},
                                                dk.view(), false);
  bl::attend<Path>(
      on, plain,
      bl::device_view<const T, 4>(queries.data(), shape.batch, shape.queries, heads.query, heads.size),
      bl::device_view<const T, 4>(keys.data(), shape.batch, shape.keys, heads.key, heads.size), dv.view(),
      wanted.view());
  return test::relative_error(out.back(on), wanted.back(on));
}

template <class Turning, class Plain>
void check(std::mt19937_64& draw, const char* name, const Turning& turning, const Plain& plain,
           test::attend_shape shape) {
  INFO(name);
  CHECK(apart<bl::path::sm80>(draw, turning, plain, shape) < 5e-4);
  if (bl::cuda::detail::capability_major() == 9)
    CHECK(apart<bl::path::sm90>(draw, turning, plain, shape) < 5e-4);
}
template <class Heads, class Position, class... Policies>
void check(std::mt19937_64& draw, const char* name, test::attend_shape shape, const Policies&... policies) {
  check(draw, name, bl::attention<Heads, Position, Policies...>{policies...},
        bl::attention<Heads, Policies...>{policies...}, shape);
}

}  // namespace

TEST_CASE("queries turned as they arrive are queries turned before") {
  using namespace bl;
  using half = position::rope<>;
  using neighbours = position::rope<position::pairing::interleaved>;
  auto draw = test::generator();
  const test::attend_shape many{3, 1500, 1500}, odd{2, 777, 1999};
  const mask::causal causal;
  check<heads<16, 4, 128>, half>(draw, "d128", many, causal);
  check<heads<16, 4, 128>, half>(draw, "d128, unmasked", odd);
  check<heads<16, 16, 64>, half>(draw, "d64", many, causal);
  check<heads<16, 2, 64>, neighbours>(draw, "d64, unmasked", odd);
  check<heads<8, 2, 256>, half>(draw, "d256", many, causal);
  check<heads<8, 2, 256>, neighbours>(draw, "d256, unmasked", odd);
  check<heads<8, 8, 96>, half>(draw, "d96", odd, causal);
  check<heads<8, 8, 40>, position::partial<24>>(draw, "d40", many, causal);
  check<heads<8, 8, 16>, half>(draw, "d16", many, causal);
  check<heads<8, 8, 192, 128>, half>(draw, "d192/128", odd, causal);
}

TEST_CASE(
    "queries turned as they arrive, where keys are passed twice, scores capped, or maps share a value") {
  using namespace bl;
  using half = position::rope<>;
  auto draw = test::generator();
  check<heads<8, 2, 64>, half>(draw, "two passes", {2, 777, 1000}, mask::causal{},
                               normalizer::clipped_softmax{-0.01f});
  check<heads<8, 2, 128>, half>(draw, "capped window", {2, 1500, 1500}, mask::window<300>{},
                                score::softcap{30.0f});
  check<heads<8, 4, 64, 128>, half>(draw, "difference", {2, 1500, 1500}, mask::causal{},
                                    maps::difference<>{0.37f});
}

TEST_CASE("a captured attention that takes memory of its own gives the same at each launch of its graph") {
  using namespace bl;
  auto draw = test::generator();
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  {
    const auto on = cuda::on(stream);
    const attention<heads<8, 2, 64>, position::rope<>, mask::causal> spec;
    test::device_tensor<bf16> q(on, test::random_tensor<bf16>(draw, 1.0f, 2, 300, 8, 64));
    test::device_tensor<bf16> k(on, test::random_tensor<bf16>(draw, 1.0f, 2, 300, 2, 64));
    test::device_tensor<bf16> direct(on, test::poisoned_tensor<bf16>(2, 300, 8, 64));
    test::device_tensor<bf16> out(on, test::poisoned_tensor<bf16>(2, 300, 8, 64));
    attend(on, spec, q.view(), k.view(), k.view(), direct.view());
    const auto wanted = direct.back(on);
    const cuda::graph captured(on, [&] { attend(on, spec, q.view(), k.view(), k.view(), out.view()); });
    for (int launches = 0; launches < 3; ++launches) {
      out.data.copy_from_host(on, test::poisoned_tensor<bf16>(2, 300, 8, 64).data);
      captured.launch(on);
      const auto found = out.back(on);
      CHECK(std::memcmp(found.data(), wanted.data(), found.size() * sizeof(bf16)) == 0);
    }
  }
  REQUIRE(cudaStreamDestroy(stream) == cudaSuccess);
}
