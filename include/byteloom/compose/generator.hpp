// SPDX-License-Identifier: Apache-2.0
#pragma once

// compose/generator: a model that continues a sequence of tokens. `generator` is what callers hold, whatever
// runs it; `generator_on` is the one implementation, written once for all backends over their operations and
// backend<Executor>.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "byteloom/compose/resident.hpp"
#include "byteloom/compose/runner.hpp"
#include "byteloom/core/error.hpp"
#include "byteloom/tokenize/token.hpp"

namespace byteloom::inline v0 {

struct generator_options {
  /// Positions that the context holds; where the cache's type says its capacity, 0 or that number.
  index context = 0;
  /// Tokens of a prompt that pass the model together, at least 1: more is faster and takes more memory.
  index chunk = 256;
};

/// One sequence and the model that continues it. Where a call throws because of its arguments, the sequence
/// is as it was before the call; after any other exception reset() makes it usable again. Two threads may not
/// use one generator at a time.
template <class Sampler>
class generator {
 public:
  virtual ~generator() = default;

  /// Forgets the sequence.
  virtual void reset() = 0;

  /// Appends tokens. Throws argument_error where there are none, one is not in the vocabulary, or the context
  /// would overflow.
  virtual void read(std::span<const token> tokens) = 0;

  /// Draws the token that follows, and appends it. Same sequence, sampler and seed: the same token on the
  /// same backend; backends round differently, so they may part where two candidates are nearly equal. On the
  /// GPU, keep sampler and seed from call to call: a change records the step's CUDA graph anew. Throws
  /// argument_error where nothing was read yet, the context is full, or the sampler's settings are not valid.
  virtual token next(const Sampler& how, std::uint64_t seed) = 0;

  /// What the model expects after the last token, before softmax: vocabulary() numbers.
  virtual std::vector<float> logits() = 0;

  /// Forgets the sequence, reads `tokens` and gives what the model expected after each of them, before
  /// softmax: [tokens, vocabulary()]. Throws like read.
  virtual std::vector<float> logits_of(std::span<const token> tokens) = 0;

  virtual index position() const = 0;    ///< tokens in the sequence
  virtual index context() const = 0;     ///< tokens that fit
  virtual index vocabulary() const = 0;  ///< tokens the model knows
  virtual std::string device() const = 0;
};

namespace detail {

template <class Stack>
index context_of(const Stack& stack, index asked) {
  index capacity = asked;
  const auto take = [&]<class Block>(const Block&) {
    constexpr int constant = Block::attention_type::cache_type::capacity;
    if (constant == dynamic) return;
    if (asked != 0 && asked != constant)
      throw argument_error("generator: a context of " + std::to_string(asked) +
                           " was asked for, but the cache's type says " + std::to_string(constant) +
                           "; leave the option at 0 or make the capacity dynamic.");
    capacity = constant;
  };
  stack.for_each_layer([&](int, auto, std::size_t, const auto& block) { take(block); });
  if (capacity <= 0)
    throw argument_error(
        "generator: the context has no size; set generator_options::context to the number of tokens "
        "that it shall hold.");
  if (capacity > std::numeric_limits<int>::max())
    throw argument_error("generator: a context of " + std::to_string(capacity) +
                         " is more than positions can count; give at most 2147483647.");
  return capacity;
}

inline index chunk_of(index asked, index context) {
  if (asked < 1)
    throw argument_error("generator: a chunk of " + std::to_string(asked) +
                         " tokens reads nothing; set generator_options::chunk to 1 or more.");
  return std::min(asked, context);
}

}  // namespace detail

template <class Executor, class Model, class Sampler>
class generator_on : public generator<Sampler> {
  static_assert(Model::head_type::per_token,
                "byteloom: a generator needs a model whose head is head::logits<...>; open a classifier for "
                "head::classes<...>.");
  static_assert(
      Model::stack_type::is_masked,
      "byteloom: a generator needs attention that hides the future, and a block of this model hides nothing; "
      "add mask::causal to its attention<...>.");

 public:
  generator_on(Executor on, const Model& model, const model_weights<Model, memory::host>& weights,
               std::shared_ptr<const void> owner, generator_options options)
      : on_(on),
        model_(model),
        context_(detail::context_of(model.stack, options.context)),
        chunk_(detail::chunk_of(options.chunk, context_)),
        resident_(on, weights, std::move(owner)),
        runner_(on, model_.stack, resident_.weights(), 1, chunk_, context_),
        ids_(on, size(chunk_)),
        logits_(on, size(chunk_ * weights.head.matrix.rows)),
        drawn_(on) {}

  void reset() override {
    position_ = 0;
    pending_ = none;
  }

  void read(std::span<const token> tokens) override {
    require_tokens(tokens, position());
    flush();
    feed(tokens, [](index, index) {});
  }

  token next(const Sampler& how, std::uint64_t seed) override {
    how.validate();
    require_start();
    if (position() >= context_)
      throw argument_error("generator: the context of " + std::to_string(context_) +
                           " tokens is full; reset, or open the generator with a larger context.");
    const auto draw_next = [&] {
      draw(on_, how, view<const float, 2, where>(logits_.data(), index{1}, vocabulary()), seed,
           view<const int, 1, where>(runner_.positions(1)), view<token, 1, where>(ids_.data(), index{1}));
      drawn_.post(on_, ids_.data());
    };
    if (pending_ == none) {
      place(position_ - 1, 1);
      draw_next();
    } else {
      // The last draw left its token in ids_ and the place before it in positions and lengths, so that a step
      // needs nothing from the host and can be repeated as it is.
      replay_(on_, draw_settings{how, seed}, [&] {
        advance(on_, runner_.positions(1), runner_.lengths());
        embed(1);
        runner_.forward(1);
        head(1, 0);
        draw_next();
      });
      ++position_;
      pending_ = none;
    }
    const token result = drawn_.take(on_);
    if (result < 0)
      throw error(
          "generator: the model's outputs are not numbers (NaN), so no token can be drawn; check the "
          "weights.");
    pending_ = result;
    return result;
  }

  std::vector<float> logits() override {
    require_start();
    flush();
    std::vector<float> result(size(vocabulary()));
    backend<Executor>::download(on_, result.data(), logits_.data(), result.size());
    return result;
  }

  std::vector<float> logits_of(std::span<const token> tokens) override {
    require_tokens(tokens, 0);
    std::vector<float> result(tokens.size() * size(vocabulary()));
    reset();
    feed(tokens, [&](index first, index rows) {
      head(rows, 0);
      backend<Executor>::download(on_, result.data() + first * vocabulary(), logits_.data(),
                                  size(rows * vocabulary()));
    });
    return result;
  }

  index position() const override { return position_ + (pending_ == none ? 0 : 1); }
  index context() const override { return context_; }
  index vocabulary() const override { return resident_.weights().head.matrix.rows; }
  std::string device() const override { return backend<Executor>::name(on_); }

 private:
  static constexpr memory where = Executor::where;
  static constexpr token none = -1;
  template <class T>
  using buffer = typename backend<Executor>::template buffer<T>;

  struct draw_settings {
    Sampler how;
    std::uint64_t seed;

    bool operator==(const draw_settings&) const = default;
  };

  static std::size_t size(index n) { return static_cast<std::size_t>(n); }

  void require_start() const {
    if (position_ == 0)
      throw argument_error("generator: nothing was read yet; call read with a prompt first.");
  }

  void require_tokens(std::span<const token> tokens, index before) const {
    if (tokens.empty()) throw argument_error("generator: there are no tokens to read; the prompt is empty.");
    const auto count = static_cast<index>(tokens.size());
    if (before + count > context_)
      throw argument_error("generator: " + std::to_string(before) + " tokens and " + std::to_string(count) +
                           " more do not fit into the context of " + std::to_string(context_) +
                           "; shorten the prompt or open the generator with a larger context.");
    for (std::size_t i = 0; i < tokens.size(); ++i)
      if (tokens[i] < 0 || tokens[i] >= vocabulary())
        throw argument_error("generator: token " + std::to_string(tokens[i]) + " at place " +
                             std::to_string(i) + " is outside the vocabulary of " +
                             std::to_string(vocabulary()) + ".");
  }

  /// Writes where the next `rows` rows stand: positions first, first + 1, ...
  void place(index first, index rows) {
    std::vector<int> positions(size(rows));
    std::iota(positions.begin(), positions.end(), static_cast<int>(first));
    const int length = static_cast<int>(first + rows);
    backend<Executor>::upload(on_, runner_.positions(rows).data, positions.data(), positions.size());
    backend<Executor>::upload(on_, runner_.lengths().data, &length, 1);
  }

  void embed(index rows) {
    gather(on_, resident_.weights().embedding, view<const token, 1, where>(ids_.data(), rows),
           runner_.x(rows));
  }

  /// The head over `rows` rows from `first_row` on, into logits_.
  void head(index rows, index first_row) {
    const auto& weights = resident_.weights();
    view<const float, 2, where> x(runner_.x(first_row + rows));
    x.data += first_row * weights.width;
    x.extent[0] = rows;
    const view<float, 2, where> out(logits_.data(), rows, vocabulary());
    run(on_, stage{source::rows<where>{x}, weights.head.norm, weights.head.matrix,
                   epilogue::plain<activation::identity, where>{out, {}, {}}, rows});
  }

  /// Runs the model over tokens in chunks; after(first, rows) sees each chunk's rows. Leaves the last token's
  /// logits in logits_.
  template <class After>
  void feed(std::span<const token> tokens, const After& after) {
    const auto count = static_cast<index>(tokens.size());
    for (index first = 0; first < count; first += chunk_) {
      const index rows = std::min(chunk_, count - first);
      backend<Executor>::upload(on_, ids_.data(), tokens.data() + first, size(rows));
      place(position_ + first, rows);
      embed(rows);
      runner_.forward(rows);
      after(first, rows);
      if (first + rows == count) head(1, rows - 1);
    }
    position_ += count;
  }

  /// Brings a drawn token that the model has not seen yet into the cache.
  void flush() {
    if (pending_ == none) return;
    const token waiting = pending_;
    feed(std::span(&waiting, 1), [](index, index) {});
    pending_ = none;
  }

  Executor on_;
  Model model_;
  index context_;
  index chunk_;
  resident<Model, Executor> resident_;
  runner<Model, Executor> runner_;
  buffer<token> ids_;
  buffer<float> logits_;
  typename backend<Executor>::template mailbox<token> drawn_;
  typename backend<Executor>::template replay<draw_settings> replay_;
  index position_ = 0;    ///< tokens in the cache; logits_ belongs to the last of them
  token pending_ = none;  ///< drawn, not in the cache yet
};

}  // namespace byteloom::inline v0
