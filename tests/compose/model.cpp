// SPDX-License-Identifier: Apache-2.0

// Models and blocks whose policies have state, as docs/policies.md shows them.

#include "byteloom/compose/model.hpp"

#include <doctest/doctest.h>

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/score/softcap.hpp"
#include "byteloom/quantize/format/int8.hpp"
#include "byteloom/tokenize/bytes.hpp"

namespace bl = byteloom;

TEST_CASE("policies with state are given as members, blocks in any order") {
  using linear = bl::linear<bl::format::int8>;
  using plain = bl::attention<bl::heads<2, 1, 8>, bl::mask::causal>;
  using capped = bl::attention<bl::heads<2, 1, 8>, bl::mask::causal, bl::score::softcap>;
  using first = bl::block<bl::norm::rms, plain, bl::feed::swiglu, linear>;
  using second = bl::block<bl::norm::layer, capped, bl::feed::gelu, linear>;
  using stack = bl::repeat<3, first, second>;
  using model = bl::model<bl::tokenizer::bytes, bl::embed::table<float>, stack,
                          bl::head::logits<bl::norm::rms, linear>>;

  const capped spec{bl::score::softcap{7.0f}};
  const model m{.stack = stack{second{spec, bl::norm::layer{1e-3f}}, first{plain{}, bl::norm::rms{1e-6f}}}};
  CHECK(m.stack.blocks.get<0>().norm.epsilon == 1e-6f);
  CHECK(m.stack.blocks.get<1>().norm.epsilon == 1e-3f);
  CHECK(m.stack.blocks.get<1>().attention.score(1e9, bl::site{}) == doctest::Approx(7.0));
  CHECK_NOTHROW(m.stack.blocks.validate());

  const stack wrong{second{capped{bl::score::softcap{-1.0f}}, {}}};
  CHECK_THROWS_AS(wrong.blocks.validate(), bl::argument_error);

  int layers = 0;
  m.stack.for_each_layer([&](int layer, auto kind, std::size_t time, const auto&) {
    CHECK(layer == layers++);
    CHECK(static_cast<int>(time) * 2 + static_cast<int>(kind.value) == layer);
  });
  CHECK(layers == stack::layers);
}
