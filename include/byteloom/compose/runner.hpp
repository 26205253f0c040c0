// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/runner: the blocks of a model with the memory they work in: activations of up to `rows` rows and a
// cache of up to `context` positions for each sequence of a batch. generator and classifier put the ends of a
// model around it.

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <vector>

#include "byteloom/compose/backend.hpp"
#include "byteloom/compose/model.hpp"

namespace byteloom::inline v0 {

template <class Model, class Executor>
class runner {
 public:
  static constexpr memory where = Executor::where;
  using stack = typename Model::stack_type;

  /// Room for `rows` rows in a call and `context` positions of each of `batch` sequences. Throws
  /// argument_error or shape_error where a policy's state means nothing, and out_of_memory.
  runner(Executor on, const stack& blocks, const model_weights<Model, where>& weights, index batch,
         index rows, index context)
      : on_(on),
        blocks_(validated(blocks)),
        weights_(weights),
        batch_(batch),
        context_(context),
        x_(on, count(batch * rows * weights.width)),
        q_(on, count(batch * rows * largest([](auto block, const auto&) {
                       return index{block.attention.heads().query} * block.attention.heads().size;
                     }))),
        mixed_(on, count(batch * rows * largest([](auto block, const auto&) {
                           return index{block.attention.heads().query} * block.attention.heads().value_size;
                         }))),
        hidden_(on, count(batch * rows *
                          largest([](auto, const auto& layer) { return index{layer.down.columns}; }))),
        positions_(on, count(batch * rows)),
        lengths_(on, count(batch)) {
    blocks_.for_each_layer([&](int, auto kind, std::size_t, const auto& block) {
      const auto heads = block.attention.heads();
      auto& caches = std::get<kind.value>(caches_);
      caches.push_back({buffer_of<kind.value>(on, count(batch * context * heads.key * heads.size)),
                        buffer_of<kind.value>(on, count(batch * context * heads.key * heads.value_size))});
    });
  }

  /// The rows that the blocks work on: [batch * queries, width].
  view<float, 2, where> x(index queries) { return {x_.data(), batch_ * queries, weights_.width}; }
  view<int, 1, where> positions(index queries) { return {positions_.data(), batch_ * queries}; }
  view<int, 1, where> lengths() { return {lengths_.data(), batch_}; }

  /// Runs all blocks over `queries` rows of each sequence, at the positions and lengths that stand in memory.
  void forward(index queries) {
    blocks_.for_each_layer([&](int, auto kind, std::size_t time, const auto& block) {
      using block_type = typename stack::template block<kind.value>;
      using cached = typename block_type::attention_type::cache_type::element;
      const auto heads = block.attention.heads();
      const auto& layer = std::get<kind.value>(weights_.blocks)[time];
      auto& cache = std::get<kind.value>(caches_)[time];
      const block_activations<block_type, where> activations{
          x(queries),
          view<float, 4, where>(q_.data(), batch_, queries, index{heads.query}, index{heads.size}),
          view<float, 4, where>(mixed_.data(), batch_, queries, index{heads.query}, index{heads.value_size}),
          view<float, 2, where>(hidden_.data(), batch_ * queries, layer.down.columns),
          view<cached, 4, where>(cache.keys.data(), batch_, context_, index{heads.key}, index{heads.size}),
          view<cached, 4, where>(cache.values.data(), batch_, context_, index{heads.key},
                                 index{heads.value_size}),
          positions(queries),
          lengths()};
      byteloom::forward(on_, block, layer, activations);
    });
  }

 private:
  template <class T>
  using buffer = typename backend<Executor>::template buffer<T>;
  template <std::size_t Kind>
  using buffer_of = buffer<typename stack::template block<Kind>::attention_type::cache_type::element>;

  template <class Element>
  struct layer_cache {
    buffer<Element> keys;
    buffer<Element> values;
  };
  template <class Blocks>
  struct caches_of;
  template <class... Blocks>
  struct caches_of<slots<Blocks...>> {
    using type =
        std::tuple<std::vector<layer_cache<typename Blocks::attention_type::cache_type::element>>...>;
  };

  static const stack& validated(const stack& blocks) {
    blocks.blocks.validate();
    return blocks;
  }

  static std::size_t count(index n) { return static_cast<std::size_t>(n); }

  template <class F>
  index largest(const F& f) const {
    index result = 0;
    blocks_.for_each_layer([&](int, auto kind, std::size_t time, const auto& block) {
      result = std::max(result, f(block, std::get<kind.value>(weights_.blocks)[time]));
    });
    return result;
  }

  Executor on_;
  stack blocks_;
  const model_weights<Model, where>& weights_;
  index batch_;
  index context_;
  buffer<float> x_;
  buffer<float> q_;
  buffer<float> mixed_;
  buffer<float> hidden_;
  buffer<int> positions_;
  buffer<int> lengths_;
  typename caches_of<decltype(stack::blocks)>::type caches_;
};

}  // namespace byteloom::inline v0
