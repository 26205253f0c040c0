// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/model: a whole model as one type: how bytes become tokens, how tokens become vectors, the pattern
// of blocks, and the head. Everything that is a number of the weights (widths, hidden sizes, the vocabulary)
// is data and comes with them; everything that decides which kernels exist is in the type.

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "byteloom/compose/block.hpp"
#include "byteloom/compose/head.hpp"
#include "byteloom/core/slots.hpp"
#include "byteloom/embed/patches.hpp"
#include "byteloom/embed/table.hpp"

namespace byteloom::inline v0 {

/// A pattern of blocks, `Times` times over: repeat<3, local, global> has six layers.
template <int Times, class... Blocks>
struct repeat {
  static_assert(Times > 0, "byteloom: repeat<times, blocks...> repeats its blocks at least once.");
  static constexpr int times = Times;
  static constexpr int layers = Times * static_cast<int>(sizeof...(Blocks));
  static constexpr std::size_t kinds = sizeof...(Blocks);
  /// True where every attention has a mask.
  static constexpr bool is_masked = (Blocks::attention_type::is_masked && ...);
  template <std::size_t Kind>
  using block = typename slots<Blocks...>::template type<Kind>;

  template <memory Where>
  using weights = std::tuple<std::vector<block_weights<Blocks, Where>>...>;

  slots<Blocks...> blocks;

  /// Blocks in any order, each for the place of its type; blocks whose policies have no state, or defaults
  /// for it, may be left out.
  template <class... Given>
  requires(!std::is_base_of_v<repeat, Given> && ...) constexpr repeat(const Given&... given)
      : blocks(byteloom::fill(std::type_identity<slots<Blocks...>>{}, given...)) {}

  /// Calls f(layer, kind, time, block) for every layer in order; kind is a std::integral_constant.
  template <class F>
  void for_each_layer(const F& f) const {
    for (int time = 0; time < Times; ++time) [&]<std::size_t... Kind>(std::index_sequence<Kind...>) {
        (f(time * static_cast<int>(kinds) + static_cast<int>(Kind),
           std::integral_constant<std::size_t, Kind>{}, static_cast<std::size_t>(time),
           blocks.template get<Kind>()),
         ...);
      }
    (std::make_index_sequence<kinds>{});
  }
};

namespace detail {
template <class Stack>
inline constexpr bool is_stack = false;
template <int Times, class... Blocks>
inline constexpr bool is_stack<repeat<Times, Blocks...>> = true;
}  // namespace detail

/// See the head of this file. Policies with state are set in the members:
/// model{.stack = my_stack{my_block{my_attention{my_score{0.5f}}}}}.
template <class Tokenizer, class Embedding, class Stack, class Head>
struct model {
  static_assert(
      requires(const Tokenizer& tokenizer) { tokenizer.vocabulary(); } ||
          requires(const Tokenizer& tokenizer) { tokenizer.numbers(1); },
      "byteloom: the first argument of model<tokenizer, embedding, stack, head> is a tokenizer, such as "
      "tokenizer::bytes.");
  static_assert(
      requires { typename Embedding::template weights<memory::host>; } && !detail::is_stack<Embedding>,
      "byteloom: the second argument of model<tokenizer, embedding, stack, head> is an embedding, such as "
      "embed::table<bf16>.");
  static_assert(detail::is_stack<Stack>,
                "byteloom: the third argument of model<tokenizer, embedding, stack, head> is "
                "repeat<times, blocks...>.");
  static_assert(
      requires { Head::per_token; },
      "byteloom: the fourth argument of model<tokenizer, embedding, stack, head> is a head, such as "
      "head::logits<norm, linear>.");
  using tokenizer_type = Tokenizer;
  using embedding_type = Embedding;
  using stack_type = Stack;
  using head_type = Head;

  Tokenizer tokenizer{};
  Embedding embedding{};
  Stack stack{};
  Head head{};
};

/// All matrices of a model, as views of memory that somebody else owns.
template <class Model, memory Where>
struct model_weights {
  typename Model::embedding_type::template weights<Where> embedding;
  typename Model::stack_type::template weights<Where> blocks;
  head_weights<typename Model::head_type, Where> head;
  index width = 0;  ///< numbers a position carries between blocks
};

/// A model with its weights in host memory. Copies share what owns them.
template <class Model>
struct loaded_model {
  Model model;
  model_weights<Model, memory::host> weights;
  std::shared_ptr<const void> owner;  ///< keeps what `weights` views
};

}  // namespace byteloom::inline v0
