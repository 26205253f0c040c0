// SPDX-License-Identifier: Apache-2.0

// The attentions of the topic `attend` behind one C function, so that bench/peers/attend.py runs them in the
// process of their peers, on the same tensors.

#include <cstdio>
#include <exception>
#include <string_view>

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/documents.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/score/alibi.hpp"
#include "byteloom/attend/score/softcap.hpp"
#include "byteloom/cuda/attend.cuh"

namespace bl = byteloom;

namespace {

/// What a user would write.
struct user_score {
  using axis = bl::axis::score;
  float strength;
  BYTELOOM_HD float operator()(float score, bl::site at) const {
    return score + (at.query_head % 2 == 0 ? strength : -strength) * at.distance();
  }
};

struct tensors {
  const bl::bf16 *q, *k, *v;
  bl::bf16* out;
  bl::index batch, length;
  const int* documents;  ///< of each position, [batch, length]
  bl::cuda::executor on;
};

template <int Size, int ValueSize, int Heads, class How = bl::path::best, class... Policies>
int run(const tensors& x, const Policies&... policies) {
  using spec = bl::attention<bl::heads<Heads, Heads, Size, ValueSize>, Policies...>;
  const auto view = [&](auto* data, int size) {
    return bl::device_view<std::remove_pointer_t<decltype(data)>, 4>(data, x.batch, x.length, Heads, size);
  };
  bl::attend<How>(x.on, spec{policies...}, view(x.q, Size), view(x.k, Size), view(x.v, ValueSize),
                  view(x.out, ValueSize));
  return 0;
}

int run(std::string_view name, const tensors& x) {
  using namespace bl::mask;
  const causal future;
#define CASE(text, ...) \
  if (name == text) return run<__VA_ARGS__>
  CASE("full/d64", 64, 64, 32)(x);
  CASE("causal/d64", 64, 64, 32)(x, future);
  CASE("full/d128", 128, 128, 16)(x);
  CASE("causal/d128", 128, 128, 16)(x, future);
  CASE("full/d256", 256, 256, 8)(x);
  CASE("causal/d256", 256, 256, 8)(x, future);
  CASE("full/d40", 40, 40, 48)(x);
  CASE("full/d72", 72, 72, 28)(x);
  CASE("full/d80", 80, 80, 24)(x);
  CASE("full/d96", 96, 96, 20)(x);
  CASE("full/d112", 112, 112, 18)(x);
  CASE("full/d160", 160, 160, 12)(x);
  CASE("full/d192-128", 192, 128, 16)(x);
  CASE("alibi/d128", 128, 128, 16)(x, future, bl::score::alibi<16>{});
  CASE("softcap/d128", 128, 128, 16)(x, future, bl::score::softcap{20.0f});
  CASE("window1024/d128", 128, 128, 16)(x, future, window<1024>{});
  CASE("document/d128", 128, 128, 16)
  (x, future, documents<bl::memory::device>{bl::device_view<const int, 2>(x.documents, x.batch, x.length)});
  CASE("user/d128", 128, 128, 16)(x, future, user_score{0.01f});
#undef CASE
  std::fprintf(stderr, "no case is called %.*s\n", static_cast<int>(name.size()), name.data());
  return 2;
}

}  // namespace

/// q, k [batch, length, heads, size], v and out with the value size, all bf16 and contiguous. 0: launched;
/// else a sentence stands on standard error.
extern "C" int byteloom_attend(const char* name, const void* q, const void* k, const void* v, void* out,
                               int batch, int length, const int* documents, void* stream) {
  try {
    return run(name, {static_cast<const bl::bf16*>(q), static_cast<const bl::bf16*>(k),
                      static_cast<const bl::bf16*>(v), static_cast<bl::bf16*>(out), batch, length, documents,
                      bl::cuda::on(static_cast<CUstream_st*>(stream))});
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s: %s\n", name, failure.what());
    return 1;
  }
}
