// SPDX-License-Identifier: Apache-2.0

// Models that read and write words by their bytes, from text to text, against formulas written from the
// papers.

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "byteloom/attend/group/segments.hpp"
#include "byteloom/attend/group/windows.hpp"
#include "byteloom/attend/mask/causal.hpp"
#include "byteloom/host/gather.hpp"
#include "byteloom/host/sample.hpp"
#include "byteloom/tokenize/bytes.hpp"
#include "byteloom/tokenize/word_canvas.hpp"
#include "byteloom/tokenize/words.hpp"
#include "support/layers.hpp"
#include "support/random.hpp"

namespace bl = byteloom;

namespace {

using std::size_t;
using test::rows;

constexpr int heads = 4, head_size = 8, width = heads * head_size;

const auto normed = [](const rows& x, const test::norm_weights& by) {
  return test::layer_normed(x, by, 1e-5);
};
constexpr bl::norm::layer norm{1e-5f};

std::vector<test::block_weights> stack_of(std::mt19937_64& draw, int depth) {
  std::vector<test::block_weights> result;
  for (int l = 0; l < depth; ++l) result.emplace_back(draw, width, 4 * width);
  return result;
}

/// A table of random embeddings or positions.
test::matrix table_of(std::mt19937_64& draw, bl::index entries) {
  test::matrix result(entries, width);
  result.data = test::random_tensor<float>(draw, 1.0f, entries, width).data;
  return result;
}

test::vector entry(const test::matrix& table, int which) {
  test::vector result;
  for (int c = 0; c < width; ++c) result.push_back(static_cast<double>(table.view()(which, c)));
  return result;
}

test::matrix gathered(const test::matrix& table, const std::vector<bl::token>& ids) {
  test::matrix result(static_cast<bl::index>(ids.size()), width);
  bl::gather(bl::host::here(), table.view(), bl::host_view<const bl::token, 1>(ids.data(), ids.size()),
             result.view());
  return result;
}

/// Self-attention over every `count` rows, as a block's attend of the formulas.
auto attention_of(const test::block_weights& by, int count, bool causal) {
  return [&by, count, causal](const rows& x) {
    return test::self_attended(
        test::linear(by.qkv, x, true), count, heads, [causal](double dot, int, int i, int j) {
          return causal && j > i ? test::unseen : dot / std::sqrt(static_cast<double>(head_size));
        });
  };
}

/// The same of the library: all rows are one sequence, which the composition may cut.
template <class Spec>
auto run_attention(const Spec& spec, const test::block_weights& by) {
  return [&spec, &by](const auto& source, const auto& before) {
    return test::self_attended(spec, test::through(source, before, by.qkv, true, source.x.extent[0]), 1);
  };
}

/// Learn Your Tokens: `P` slots and `C0` characters a word.
template <int P, int C0>
struct word_pooled {
  static constexpr int canvas = P + C0;
  static constexpr int longest_text = 24;  ///< in words

  bl::tokenizer::word_canvas tokenizer{P, C0};
  test::matrix table, positions, slot_positions;
  std::vector<test::block_weights> encoder, model, decoder;
  test::norm_weights last;
  test::dense head;

  explicit word_pooled(std::mt19937_64& draw)
      : table(table_of(draw, tokenizer.vocabulary())),
        positions(table_of(draw, canvas)),
        slot_positions(table_of(draw, longest_text * P)),
        encoder(stack_of(draw, 2)),
        model(stack_of(draw, 3)),
        decoder(stack_of(draw, 2)),
        last(draw, width),
        head(draw, 256, width) {
    // a padding that is drawn now and then, so that words end
    for (int c = 0; c < width; ++c) head.dense[static_cast<size_t>(c)] *= 3.0f;
    head.packed = bl::pack<bl::format::dense<float>>({head.dense.data(), 256, width});
  }

  /// Logits [word but the first, character, byte], all words in parallel, by the text.
  rows by_text(const std::vector<bl::token>& tokens) const {
    const int words = static_cast<int>(tokens.size()) / canvas;
    rows x;
    for (size_t i = 0; i < tokens.size(); ++i) {
      x.push_back(entry(table, tokens[i]));
      const test::vector place = entry(positions, static_cast<int>(i) % canvas);
      for (size_t c = 0; c < width; ++c) x[i][c] += place[c];
    }
    for (const auto& by : encoder)
      x = test::post_norm_block(x, by, normed, attention_of(by, canvas, false),
                                [](double v) { return v > 0 ? v : 0; });
    rows z;
    for (int w = 0; w < words; ++w)
      for (int slot = 0; slot < P; ++slot) {
        z.push_back(x[static_cast<size_t>(w * canvas + slot)]);
        const test::vector place = entry(slot_positions, w * P + slot);
        for (size_t c = 0; c < width; ++c) z.back()[c] += place[c];
      }
    for (const auto& by : model)
      z = test::block(z, by, normed, attention_of(by, words * P, true), test::gelu_of);
    z = normed(z, last);
    rows y;
    for (int w = 1; w < words; ++w)
      for (int i = 0; i < canvas; ++i) {
        y.push_back(i < P ? z[static_cast<size_t>((w - 1) * P + i)]
                          : entry(table, tokens[static_cast<size_t>(w * canvas + i)]));
        const test::vector place = entry(positions, i);
        for (size_t c = 0; c < width; ++c) y.back()[c] += place[c];
      }
    for (const auto& by : decoder)
      y = test::block(y, by, normed, attention_of(by, canvas, true), test::gelu_of);
    rows predicting;
    for (int w = 0; w + 1 < words; ++w)
      for (int i = P - 1; i < canvas - 1; ++i) predicting.push_back(y[static_cast<size_t>(w * canvas + i)]);
    return test::linear(head, predicting, false);
  }

  using group = bl::group::windows<canvas>;
  using free = bl::heads<heads, heads, head_size>;

  /// The slots of each word behind the encoder, with their positions from word `first` on.
  test::matrix pooled(const std::vector<bl::token>& tokens, int first) const {
    const int words = static_cast<int>(tokens.size()) / canvas;
    std::vector<int> place, slots, slot_place;
    for (int i = 0; i < static_cast<int>(tokens.size()); ++i) {
      place.push_back(i % canvas);
      if (i % canvas < P) {
        slots.push_back(i);
        slot_place.push_back((first + i / canvas) * P + i % canvas);
      }
    }
    const test::matrix characters = gathered(table, tokens);
    test::matrix x = test::kept(
        bl::source::sum{characters.source(), bl::source::picked{positions.source(), test::view_of(place)}},
        test::as_is, characters.rows, width);
    const bl::attention<free, group> inside{group({words * canvas})};
    for (const auto& by : encoder)
      test::run_post_norm_block(x, by, norm, run_attention(inside, by), bl::activation::relu{});
    return test::kept(bl::source::sum{bl::source::picked{x.source(), test::view_of(slots)},
                                      bl::source::picked{slot_positions.source(), test::view_of(slot_place)}},
                      test::as_is, bl::index{words} * P, width);
  }

  /// The same by the library.
  test::matrix by_library(const std::vector<bl::token>& tokens) const {
    const int words = static_cast<int>(tokens.size()) / canvas;
    test::matrix z = pooled(tokens, 0);
    const bl::attention<free, bl::mask::causal> all;
    for (const auto& by : model) test::run_block(z, by, norm, run_attention(all, by), bl::activation::gelu{});
    bl::normalize(bl::host::here(), z.source(), test::normed_by(last, norm), z.view());

    std::vector<int> character, slot, place, predicting;
    for (int i = 0; i < (words - 1) * canvas; ++i) {
      const int own = i % canvas;
      character.push_back(own < P ? -1 : i + canvas);
      slot.push_back(own < P ? i / canvas * P + own : -1);
      place.push_back(own);
      if (own >= P - 1 && own < canvas - 1) predicting.push_back(i);
    }
    const test::matrix characters = gathered(table, tokens);
    test::matrix y = test::kept(
        bl::source::sum{bl::source::sum{bl::source::picked{characters.source(), test::view_of(character)},
                                        bl::source::picked{z.source(), test::view_of(slot)}},
                        bl::source::picked{positions.source(), test::view_of(place)}},
        test::as_is, bl::index{words - 1} * canvas, width);
    const bl::attention<free, group, bl::mask::causal> inside{group({(words - 1) * canvas})};
    for (const auto& by : decoder)
      test::run_block(y, by, norm, run_attention(inside, by), bl::activation::gelu{});
    return test::through(bl::source::picked{y.source(), test::view_of(predicting)}, test::as_is, head, false,
                         bl::index{words - 1} * C0);
  }

  /// A causal stack whose keys and values stay.
  struct cached {
    using attention = bl::attention<free, bl::mask::causal, bl::cache::contiguous<float>>;

    const std::vector<test::block_weights>& blocks;
    std::vector<test::matrix> keys, values;
    int length = 0;

    cached(const std::vector<test::block_weights>& of, int room)
        : blocks(of), keys(of.size(), test::matrix(room, width)), values(keys) {}

    /// Rows behind those before become what the stack makes of them.
    void run(test::matrix& x) {
      const attention spec;
      std::vector<int> places;
      for (int i = 0; i < static_cast<int>(x.rows); ++i) places.push_back(length + i);
      length += static_cast<int>(x.rows);
      for (size_t l = 0; l < blocks.size(); ++l) {
        const auto attend = [&](const auto& source, const auto& before) {
          test::matrix q(x.rows, width), out(x.rows, width);
          auto k = keys[l].heads(0, heads, head_size), v = values[l].heads(0, heads, head_size);
          bl::run(bl::host::here(),
                  bl::stage{source, before, blocks[l].qkv.view(true),
                            bl::epilogue::projection<attention, test::here>{
                                q.heads(0, heads, head_size), k, v, test::view_of(places), {}},
                            x.rows});
          k.extent[1] = v.extent[1] = length;
          bl::attend(bl::host::here(), spec, q.heads(0, heads, head_size), k, v,
                     out.heads(0, heads, head_size));
          return out;
        };
        test::run_block(x, blocks[l], norm, attend, bl::activation::gelu{});
      }
    }
  };

  /// Appends `count` words to the tokens: the states of a word's slots, then characters one by one. Gives
  /// their logits, and of what row of by_text each are.
  std::pair<test::matrix, std::vector<int>> generate(std::vector<bl::token>& tokens, int count) const {
    const bl::sample::chain<bl::sample::greedy> sampler;
    cached all(model, longest_text * P);
    std::pair<test::matrix, std::vector<int>> result{test::matrix(0, 256), {}};
    std::vector<bl::token> read = tokens;
    for (int n = 0; n < count; ++n) {
      const int words = static_cast<int>(tokens.size()) / canvas;
      test::matrix z = pooled(read, words - static_cast<int>(read.size()) / canvas);
      all.run(z);
      bl::normalize(bl::host::here(), z.source(), test::normed_by(last, norm), z.view());
      // the last word's slots, then each character behind the one before
      test::matrix next(P, width);
      std::copy(z.data.end() - P * width, z.data.end(), next.data.begin());
      cached inside(decoder, canvas);
      read = tokenizer.encode("");
      for (int i = 0; i < C0; ++i) {
        std::vector<int> place;
        for (int row = 0; row < static_cast<int>(next.rows); ++row) place.push_back(inside.length + row);
        test::matrix y = test::kept(
            bl::source::sum{next.source(), bl::source::picked{positions.source(), test::view_of(place)}},
            test::as_is, next.rows, width);
        inside.run(y);
        const std::vector<int> last_row{static_cast<int>(y.rows) - 1};
        const auto logits = test::through(bl::source::picked{y.source(), test::view_of(last_row)},
                                          test::as_is, head, false, 1);
        bl::token& drawn = read[static_cast<size_t>(P + i)];
        bl::draw(bl::host::here(), sampler, logits.view(), 0, test::view_of(last_row), {&drawn, 1});
        result.first.data.insert(result.first.data.end(), logits.data.begin(), logits.data.end());
        ++result.first.rows;
        result.second.push_back((words - 1) * C0 + i);
        if (drawn == bl::tokenizer::word_canvas::padding) break;
        next = gathered(table, {drawn});
      }
      tokens.insert(tokens.end(), read.begin(), read.end());
    }
    return result;
  }

  void check(std::mt19937_64& draw) const {
    std::string text;
    std::vector<bl::token> wanted_tokens;
    for (int w = 0; w < 9; ++w) {
      if (w > 0) text += ' ';
      for (int slot = 0; slot < P; ++slot) wanted_tokens.push_back(256 + slot);
      const int length = std::uniform_int_distribution<int>(w == 4 ? 0 : 1, C0)(draw);
      for (int i = 0; i < C0; ++i) {
        const int byte = i < length ? std::uniform_int_distribution<int>(33, 255)(draw) : 0;
        if (i < length) text += static_cast<char>(byte);
        wanted_tokens.push_back(byte);
      }
    }
    auto tokens = tokenizer.encode(text);
    CHECK(tokens == wanted_tokens);
    CHECK(tokenizer.decode(tokens) == text);
    const test::matrix found = by_library(tokens);
    CHECK(test::error(found, by_text(tokens)) < 1e-5);

    // every character of every canvas but the first is a target, padding included
    double loss = 0, wanted = 0;
    for (bl::index row = 0; row < found.rows; ++row) {
      test::vector logits;
      for (int c = 0; c < 256; ++c) logits.push_back(static_cast<double>(found.view()(row, c)));
      const auto word = static_cast<size_t>(row / C0 + 1), character = static_cast<size_t>(row % C0);
      loss -= std::log(test::softmax(
          logits)[static_cast<size_t>(tokens[word * static_cast<size_t>(canvas) + P + character])]);
    }
    const rows by_formula = by_text(tokens);
    size_t begin = text.find(' ') + 1;
    for (size_t row = 0; row < by_formula.size(); ++row) {
      const size_t end = std::min(text.find(' ', begin), text.size()), at = begin + row % C0;
      const int target = at < end ? static_cast<unsigned char>(text[at]) : 0;
      wanted -= std::log(test::softmax(by_formula[row])[static_cast<size_t>(target)]);
      if (row % C0 == C0 - 1) begin = end + 1;
    }
    CHECK(loss == doctest::Approx(wanted).epsilon(1e-5));

    // generated words are those that the model gives the highest logits where it reads them in parallel
    const auto [logits, places] = generate(tokens, longest_text - 9);
    CHECK(tokenizer.decode(tokens).starts_with(text + ' '));
    const rows parallel = by_text(tokens), expected = test::picked(parallel, places);
    CHECK(test::error(logits, expected) < 1e-5);
    for (size_t i = 0; i < places.size(); ++i) {
      const int row = places[i];
      const auto drawn = tokens[static_cast<size_t>((row / C0 + 1) * canvas + P + row % C0)];
      CHECK(expected[i][static_cast<size_t>(drawn)] >
            *std::max_element(expected[i].begin(), expected[i].end()) - 1e-4);
    }
  }
};

/// Byte2Word: words of at most `longest` bytes, read as `places` sub-words out of `sub_words`.
struct byte_to_word {
  static constexpr int longest = 16, most_words = 64, places = 3, sub_words = 50;

  bl::tokenizer::bytes tokenizer;
  test::matrix table, byte_positions, word_positions, query;
  test::dense keys_and_values;
  std::vector<test::block_weights> backbone;
  test::dense head;

  explicit byte_to_word(std::mt19937_64& draw)
      : table(table_of(draw, 256)),
        byte_positions(table_of(draw, longest)),
        word_positions(table_of(draw, most_words)),
        query(table_of(draw, 1)),
        keys_and_values(draw, 2 * width, width),
        backbone(stack_of(draw, 2)),
        head(draw, places * sub_words, width) {}

  /// Logits [word of a text, sub-word of a place] by the text.
  rows by_text(const std::string& text) const {
    const auto is_space = [](char byte) { return std::isspace(static_cast<unsigned char>(byte)) != 0; };
    const auto is_of_word = [](char byte) {
      const auto code = static_cast<unsigned char>(byte);
      return code >= 128 || std::isalnum(code) != 0;
    };
    rows x;
    for (size_t at = 0; at < text.size();) {
      // a boundary is before what does not go on with the word: white space goes on with anything
      size_t end = at + 1;
      while (end < text.size() && end - at < longest &&
             (is_space(text[end - 1]) || (is_of_word(text[end - 1]) && is_of_word(text[end]))))
        ++end;
      rows bytes;
      for (size_t i = at; i < end; ++i) {
        bytes.push_back(entry(table, static_cast<unsigned char>(text[i])));
        const test::vector place = entry(byte_positions, static_cast<int>(i - at));
        for (size_t c = 0; c < width; ++c) bytes.back()[c] += place[c];
      }
      const rows kv = test::linear(keys_and_values, bytes, true);
      x.push_back(test::attended(
          {entry(query, 0)}, test::columns_of(kv, 0, width), test::columns_of(kv, width, width), 1, 1,
          [](double dot, int, int, int) { return dot / std::sqrt(static_cast<double>(width)); })[0]);
      const test::vector place = entry(word_positions, static_cast<int>(x.size()) - 1);
      for (size_t c = 0; c < width; ++c) x.back()[c] += place[c];
      at = end;
    }
    const int words = static_cast<int>(x.size());
    for (const auto& by : backbone)
      x = test::post_norm_block(x, by, normed, attention_of(by, words, false), test::gelu_of);
    return test::linear(head, x, true);
  }

  /// The same by the library, of texts that lie end to end; and the sub-words that are likeliest.
  std::pair<test::matrix, std::vector<bl::token>> by_library(const std::vector<std::string>& texts) const {
    std::vector<bl::token> tokens;
    std::vector<int> word_starts{0}, text_starts{0}, byte_place, word_place;
    for (const std::string& text : texts) {
      const auto own = tokenizer.encode(text);
      const int before = static_cast<int>(tokens.size());
      tokens.insert(tokens.end(), own.begin(), own.end());
      const auto offsets = bl::tokenizer::word_offsets(text, longest);
      for (size_t w = 0; w + 1 < offsets.size(); ++w) {
        for (int i = offsets[w]; i < offsets[w + 1]; ++i) byte_place.push_back(i - offsets[w]);
        word_place.push_back(static_cast<int>(w));
        word_starts.push_back(before + offsets[w + 1]);
      }
      text_starts.push_back(static_cast<int>(word_place.size()));
    }
    const auto words = static_cast<bl::index>(word_place.size()),
               bytes = static_cast<bl::index>(tokens.size());

    const test::matrix embedded = gathered(table, tokens);
    auto kv = test::through(bl::source::sum{embedded.source(), bl::source::picked{byte_positions.source(),
                                                                                  test::view_of(byte_place)}},
                            test::as_is, keys_and_values, true, bytes);
    using pooled = bl::group::pooled<1, longest>;
    const bl::attention<bl::heads<1, 1, width>, pooled> of_words{pooled(test::view_of(word_starts))};
    bl::host_view<const float, 4> learned(query.data.data(), 1, words, 1, width);
    learned.stride[1] = 0;  // the same for all words
    test::matrix x(words, width);
    bl::attend(bl::host::here(), of_words, learned, kv.heads(0, 1, width), kv.heads(width, 1, width),
               x.heads(0, 1, width));
    x = test::kept(
        bl::source::sum{x.source(), bl::source::picked{word_positions.source(), test::view_of(word_place)}},
        test::as_is, words, width);

    using of_texts = bl::group::segments<most_words>;
    const bl::attention<bl::heads<heads, heads, head_size>, of_texts> inside{
        of_texts(test::view_of(text_starts))};
    for (const auto& by : backbone)
      test::run_post_norm_block(x, by, norm, run_attention(inside, by), bl::activation::gelu{});
    const auto logits = test::through(x.source(), test::as_is, head, true, words);

    std::pair<test::matrix, std::vector<bl::token>> result{
        logits, std::vector<bl::token>(static_cast<size_t>(words * places))};
    const std::vector<int> unseeded(result.second.size());
    bl::draw(bl::host::here(), bl::sample::chain<bl::sample::greedy>{},
             bl::host_view<const float, 2>(logits.data.data(), words * places, sub_words), 0,
             test::view_of(unseeded), {result.second.data(), result.second.size()});
    return result;
  }
};

}  // namespace

TEST_CASE("TOK-03 Byte2Word: a learned query reads the bytes of each word, sub-words come from words") {
  auto draw = test::generator();
  const byte_to_word model(draw);
  CHECK(model.tokenizer.vocabulary() == 256);
  std::vector<std::string> texts{
      "It's  a caf\xc3\xa9\xe2\x80\xa6 of uncharacteristically long words,\n\n isn't it? "};
  texts.emplace_back();
  for (int i = 0; i < 50; ++i)
    texts.back() += draw() % 3 == 0 ? " \t.,"[draw() % 4] : static_cast<char>(draw() % 256);
  rows wanted;
  for (const std::string& text : texts) {
    const rows own = model.by_text(text);
    wanted.insert(wanted.end(), own.begin(), own.end());
  }
  const auto [logits, sub_words] = model.by_library(texts);
  CHECK(test::error(logits, wanted) < 1e-5);
  const test::vector all = test::flat(wanted);
  for (size_t i = 0; i < sub_words.size(); ++i) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(i * byte_to_word::sub_words);
    CHECK(first[sub_words[i]] > *std::max_element(first, first + byte_to_word::sub_words) - 1e-4);
  }
}

TEST_CASE(
    "TOK-05 Learn Your Tokens: slots of canvases through an encoder, a causal model over them, all words or "
    "one character after the other from a small decoder") {
  auto draw = test::generator();
  word_pooled<4, 12>(draw).check(draw);
  word_pooled<1, 9>(draw).check(draw);
}
