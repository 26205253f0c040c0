// SPDX-License-Identifier: Apache-2.0
#pragma once

// Random small models as safetensors bytes, and what they must compute, in double precision straight from the
// tensors of the file: plain loops that share no code with the library but the unpacking of weights.

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/attend/mask/window.hpp"
#include "byteloom/attend/score/softcap.hpp"
#include "byteloom/load/model.hpp"
#include "byteloom/load/safetensors_writer.hpp"
#include "byteloom/quantize/format/int4.hpp"
#include "byteloom/quantize/format/int8.hpp"
#include "byteloom/tokenize/bytes.hpp"
#include "byteloom/tokenize/patches.hpp"
#include "support/stages.hpp"

namespace test {

/// A matrix of the reference.
struct dense_matrix {
  bl::index rows = 0;
  bl::index columns = 0;
  std::vector<double> values;
  std::vector<double> bias;

  std::vector<double> times(const std::vector<double>& x) const {
    std::vector<double> y(static_cast<std::size_t>(rows));
    for (std::size_t r = 0; r < y.size(); ++r) {
      y[r] = bias.empty() ? 0.0 : bias[r];
      for (std::size_t c = 0; c < x.size(); ++c) y[r] += values[r * x.size() + c] * x[c];
    }
    return y;
  }
};

/// Writes random tensors into a file and remembers what they stand for.
class model_writer {
 public:
  explicit model_writer(std::mt19937_64& draw) : draw_(draw) {}

  template <class Linear>
  void matrix(const std::string& stem, bl::index rows, bl::index columns) {
    using format = typename Linear::format;
    const float spread = 1.0f / std::sqrt(static_cast<float>(columns));
    const auto packed = bl::pack<format>(random_tensor<float>(draw_, spread, 1, 1, rows, columns).matrix());
    file_.add(stem + ".weight", format::code_element, {rows, format::row_codes(columns)}, packed.codes);
    if (format::row_scales(columns) == 1) {
      file_.add<typename format::scale>(stem + ".scale", {rows}, packed.scales);
    } else if (format::row_scales(columns) > 1) {
      file_.add<typename format::scale>(stem + ".scale", {rows, format::row_scales(columns)}, packed.scales);
    }
    dense_matrix& kept = matrices[stem];
    kept.rows = rows;
    kept.columns = columns;
    for (float v : bl::unpack(packed.as_weights())) kept.values.push_back(static_cast<double>(v));
    if constexpr (Linear::has_bias) {
      const auto bias = random_tensor<float>(draw_, 0.2f, rows).data;
      file_.add<float>(stem + ".bias", {rows}, bias);
      kept.bias.assign(bias.begin(), bias.end());
    }
  }

  template <class Norm>
  void norm(const std::string& stem, bl::index width) {
    const auto put = [&](const std::string& name, float middle) {
      auto values = random_tensor<float>(draw_, 0.3f, width).data;
      for (float& v : values) v += middle;
      file_.add<float>(name, {width}, values);
      vectors[name] = values;
    };
    if constexpr (Norm::has_weight) put(stem + ".weight", 1.0f);
    if constexpr (Norm::has_bias) put(stem + ".bias", 0.0f);
  }

  template <class Element>
  void table(const std::string& name, bl::index rows, bl::index columns) {
    const auto values = random_tensor<Element>(draw_, 1.0f, rows * columns).data;
    file_.add<Element>(name, {rows, columns}, values);
    dense_matrix& kept = matrices[name];
    kept.rows = rows;
    kept.columns = columns;
    for (const auto v : values) kept.values.push_back(static_cast<double>(static_cast<float>(v)));
  }

  template <class Stack>
  void blocks(const Stack& stack, bl::index width, bl::index hidden) {
    stack.for_each_layer([&](int layer, auto, std::size_t, const auto& block) {
      using block_type = std::remove_cvref_t<decltype(block)>;
      using linear = typename block_type::linear_type;
      using feed = typename block_type::feed_type;
      const auto heads = block.attention.heads();
      const std::string stem = "blocks." + std::to_string(layer);
      const bl::index mixed = bl::index{heads.query} * heads.value_size;
      norm<typename block_type::norm_type>(stem + ".norm_attend", width);
      matrix<linear>(
          stem + ".attend.qkv",
          bl::index{heads.query + heads.key} * heads.size + bl::index{heads.key} * heads.value_size, width);
      matrix<linear>(stem + ".attend.out", width, mixed);
      norm<typename block_type::norm_type>(stem + ".norm_feed", width);
      matrix<linear>(stem + ".feed." + feed::matrix, hidden * feed::rows_of_hidden, width);
      matrix<linear>(stem + ".feed.down", width, hidden);
    });
  }

  std::vector<std::byte> bytes() const { return file_.bytes(); }

  std::map<std::string, dense_matrix> matrices;
  std::map<std::string, std::vector<float>> vectors;

 private:
  std::mt19937_64& draw_;
  bl::safetensors_writer file_;
};

using rows_of_doubles = std::vector<std::vector<double>>;

template <class Norm>
std::vector<double> reference_norm(const model_writer& from, const Norm& norm, const std::string& stem,
                                   const std::vector<double>& x) {
  const auto find = [&](const std::string& name) {
    const auto at = from.vectors.find(name);
    return at == from.vectors.end() ? nullptr : at->second.data();
  };
  return normed_row(norm, x, find(stem + ".weight"), find(stem + ".bias"));
}

/// All blocks over the rows of one sequence, from an empty context.
template <class Stack>
void reference_blocks(const model_writer& from, const Stack& stack, rows_of_doubles& x) {
  const auto count = static_cast<int>(x.size());
  stack.for_each_layer([&](int layer, auto, std::size_t, const auto& block) {
    using block_type = std::remove_cvref_t<decltype(block)>;
    using cached = typename block_type::attention_type::cache_type::element;
    using position = typename block_type::attention_type::position_type;
    const auto heads = block.attention.heads();
    const int size = heads.size;
    const int value_size = heads.value_size;
    const int group = heads.query / heads.key;
    const std::string stem = "blocks." + std::to_string(layer);
    rows_of_doubles qkv;
    for (int row = 0; row < count; ++row) {
      auto y = from.matrices.at(stem + ".attend.qkv")
                   .times(reference_norm(from, block.norm, stem + ".norm_attend",
                                         x[static_cast<std::size_t>(row)]));
      if constexpr (position::turns)
        for (int head = 0; head < heads.query + heads.key; ++head)
          for (int pair = 0; pair < size / 2; ++pair) {
            const double angle = row * std::pow(block.attention.position().base(), -2.0 * pair / size);
            double& a = y[static_cast<std::size_t>(head * size + position::first_of(pair, size))];
            double& b = y[static_cast<std::size_t>(head * size + position::second_of(pair, size))];
            const double first = a * std::cos(angle) - b * std::sin(angle);
            b = a * std::sin(angle) + b * std::cos(angle);
            a = first;
          }
      // What goes through the cache is rounded to its element type.
      for (auto i = static_cast<std::size_t>(heads.query * size); i < y.size(); ++i)
        y[i] = static_cast<double>(static_cast<float>(static_cast<cached>(static_cast<float>(y[i]))));
      qkv.push_back(std::move(y));
    }
    for (int row = 0; row < count; ++row) {
      std::vector<double> mixed(static_cast<std::size_t>(heads.query * value_size));
      for (int head = 0; head < heads.query; ++head) {
        std::vector<double> weights(static_cast<std::size_t>(count));
        double total = 0;
        for (int key = 0; key < count; ++key) {
          const bl::site at{0, head, head / group, row, key, count, count};
          if (!block.attention.keep(at)) continue;
          double dot = 0;
          for (int i = 0; i < size; ++i)
            dot += qkv[static_cast<std::size_t>(row)][static_cast<std::size_t>(head * size + i)] *
                   qkv[static_cast<std::size_t>(key)]
                      [static_cast<std::size_t>((heads.query + head / group) * size + i)];
          weights[static_cast<std::size_t>(key)] = std::exp(block.attention.score(dot, at));
          total += weights[static_cast<std::size_t>(key)];
        }
        for (int key = 0; key < count; ++key)
          for (int i = 0; i < value_size; ++i)
            mixed[static_cast<std::size_t>(head * value_size + i)] +=
                weights[static_cast<std::size_t>(key)] / total *
                qkv[static_cast<std::size_t>(key)][static_cast<std::size_t>((heads.query + heads.key) * size +
                                                                            head / group * value_size + i)];
      }
      auto& own = x[static_cast<std::size_t>(row)];
      const auto out = from.matrices.at(stem + ".attend.out").times(mixed);
      for (std::size_t i = 0; i < own.size(); ++i) own[i] += out[i];
    }
    for (auto& own : x) {
      using feed = typename block_type::feed_type;
      const auto y = from.matrices.at(stem + ".feed." + feed::matrix)
                         .times(reference_norm(from, block.norm, stem + ".norm_feed", own));
      std::vector<double> hidden(y.size() / static_cast<std::size_t>(feed::rows_of_hidden));
      for (std::size_t i = 0; i < hidden.size(); ++i)
        hidden[i] = feed::rows_of_hidden == 2 ? y[i] / (1 + std::exp(-y[i])) * y[i + hidden.size()]
                                              : 0.5 * y[i] * (1 + std::erf(y[i] / std::sqrt(2.0)));
      const auto down = from.matrices.at(stem + ".feed.down").times(hidden);
      for (std::size_t i = 0; i < own.size(); ++i) own[i] += down[i];
    }
  });
}

/// A decoder over bytes of a stack: the file, the model, and its logits for a text.
template <class Stack, class HeadNorm, class HeadLinear>
struct small_decoder {
  using model_type = bl::model<bl::tokenizer::bytes, bl::embed::table<bl::bf16>, Stack,
                               bl::head::logits<HeadNorm, HeadLinear>>;

  model_type model;
  model_writer written;
  std::vector<std::byte> file;

  small_decoder(std::mt19937_64& draw, const Stack& stack, bl::index width, bl::index hidden)
      : model{{}, {}, stack, {}}, written(draw) {
    written.table<bl::bf16>("embed.weight", 256, width);
    written.blocks(stack, width, hidden);
    written.norm<HeadNorm>("norm_head", width);
    written.matrix<HeadLinear>("head", 256, width);
    file = written.bytes();
  }

  bl::loaded_model<model_type> load() const {
    return bl::load_model(bl::safetensors(file, "small.safetensors"), model);
  }

  std::vector<double> logits(const std::vector<bl::token>& tokens) const {
    const dense_matrix& table = written.matrices.at("embed.weight");
    rows_of_doubles x;
    for (const bl::token id : tokens)
      x.emplace_back(table.values.begin() + id * table.columns,
                     table.values.begin() + (id + 1) * table.columns);
    reference_blocks(written, model.stack, x);
    std::vector<double> result;
    for (const auto& row : x) {
      const auto y =
          written.matrices.at("head").times(reference_norm(written, model.head.norm, "norm_head", row));
      result.insert(result.end(), y.begin(), y.end());
    }
    return result;
  }
};

/// Calls f(name, decoder) for small decoders that differ in every policy.
template <class F>
void for_each_small_decoder(std::mt19937_64& draw, const F& f) {
  using namespace bl;
  {
    using attend = attention<heads<4, 2, 16>, position::rope<>, mask::causal, cache::contiguous<bf16>>;
    using stack = repeat<2, block<norm::rms, attend, feed::swiglu, linear<format::int4<64>>>>;
    f("rms, rope, swiglu, int4, bf16 cache",
      small_decoder<stack, norm::rms, linear<format::dense<bf16>>>(draw, stack{}, 64, 128));
  }
  {
    using local = attention<heads<4, 4, 8>, position::rope<position::pairing::interleaved>, mask::causal,
                            mask::window<5>, cache::contiguous<float>>;
    using capped = attention<heads<2, 1, 24>, mask::causal, score::softcap, cache::contiguous<f16, 64>>;
    using first = block<norm::layer, local, feed::gelu, linear<format::int8, true>>;
    using second = block<norm::rms, capped, feed::swiglu, linear<format::dense<float>, true>>;
    using stack = repeat<2, first, second>;
    const stack layers{second{capped{score::softcap{5.0f}}, {}}};
    f("two kinds of blocks, int8 and f32, window and softcap, f32 and f16 caches",
      small_decoder<stack, norm::layer, linear<format::int8, true>>(draw, layers, 32, 40));
  }
  {
    using odd = attention<heads<3, 1, 5, 7>, mask::causal, cache::contiguous<float>>;
    using stack = repeat<1, block<norm::rms, odd, feed::gelu, linear<format::dense<float>>>>;
    f("odd head sizes", small_decoder<stack, norm::rms, linear<format::dense<float>>>(draw, stack{}, 24, 40));
  }
}

}  // namespace test
