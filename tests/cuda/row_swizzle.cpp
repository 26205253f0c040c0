// SPDX-License-Identifier: Apache-2.0

// How tiles lie in shared memory for ldmatrix, and that what the lanes name gives the operands of mma: a host
// model of both instructions, written from the PTX ISA, multiplies two tiles.

#include "byteloom/cuda/fragment/row_swizzle.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <set>
#include <vector>

#include "byteloom/cuda/fragment/matrix_lanes.hpp"
#include "support/random.hpp"

namespace fragment = byteloom::cuda::fragment;

namespace {

constexpr int rows = 64;

bool on_different_banks(const std::vector<int>& bytes) {
  std::set<int> banks;
  for (const int byte : bytes) banks.insert(byte % 128 / 16);
  return banks.size() == bytes.size();
}

template <class F>
void for_each_width(const F& f) {
  for (int columns = 8; columns <= 512; columns += 8) f(columns);
}

using registers = std::array<std::array<std::uint32_t, 4>, 32>;
using accumulators = std::array<std::array<float, 4>, 32>;

std::uint16_t element_at(const std::vector<unsigned char>& shared, std::uint32_t byte) {
  std::uint16_t value;
  std::memcpy(&value, shared.data() + byte, 2);
  return value;
}

/// ldmatrix.x4: `address` is what each lane names.
registers load_matrices(const std::vector<unsigned char>& shared,
                        const std::array<std::uint32_t, 32>& address, bool transposed) {
  registers loaded{};
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned m = 0; m < 4; ++m)
      for (unsigned c = 0; c < 2; ++c) {
        const unsigned row = transposed ? 2 * (lane % 4) + c : lane / 4;
        const unsigned column = transposed ? lane / 4 : 2 * (lane % 4) + c;
        loaded[lane][m] |= std::uint32_t{element_at(shared, address[8 * m + row] + 2 * column)} << (16 * c);
      }
  return loaded;
}

/// mma.m16n8k16 on elements that are small whole numbers: gathers the matrices from the lanes, multiplies,
/// scatters.
void multiply(accumulators& d, const registers& a, const registers& b, unsigned b0, unsigned b1) {
  float left[16][16], right[16][8];
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned c = 0; c < 2; ++c) {
      const auto half = [&](std::uint32_t both) { return static_cast<float>(both >> (16 * c) & 0xffff); };
      const unsigned group = lane / 4;
      const unsigned place = 2 * (lane % 4) + c;
      for (unsigned i = 0; i < 4; ++i) left[group + i % 2 * 8][place + i / 2 * 8] = half(a[lane][i]);
      right[place][group] = half(b[lane][b0]);
      right[place + 8][group] = half(b[lane][b1]);
    }
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < 4; ++i)
      for (unsigned k = 0; k < 16; ++k)
        d[lane][i] += left[lane / 4 + i / 2 * 8][k] * right[k][2 * (lane % 4) + i % 2];
}

std::vector<std::vector<int>> random_matrix(std::mt19937_64& draw, int height, int width) {
  std::uniform_int_distribution<int> any(0, 9);
  std::vector<std::vector<int>> result(static_cast<std::size_t>(height),
                                       std::vector<int>(static_cast<std::size_t>(width)));
  for (auto& row : result)
    for (int& x : row) x = any(draw);
  return result;
}

/// The matrix as it lies in shared memory; columns past the last are 0.
std::vector<unsigned char> lay_out(const std::vector<std::vector<int>>& matrix, int columns) {
  std::vector<unsigned char> shared(
      static_cast<std::size_t>(fragment::rows_bytes(static_cast<int>(matrix.size()), columns)));
  for (std::size_t row = 0; row < matrix.size(); ++row)
    for (std::size_t column = 0; column < matrix[row].size(); ++column) {
      const auto value = static_cast<std::uint16_t>(matrix[row][column]);
      std::memcpy(
          shared.data() + fragment::element_byte(columns, static_cast<int>(row), static_cast<int>(column)),
          &value, 2);
    }
  return shared;
}

template <class Lanes>
std::array<std::uint32_t, 32> addresses(int columns, const Lanes& lanes, int below, int pieces) {
  std::array<std::uint32_t, 32> result{};
  for (unsigned lane = 0; lane < 32; ++lane) {
    const fragment::matrix_row own = lanes(lane);
    const auto first = static_cast<std::uint32_t>(fragment::piece_byte(columns, own.row, own.piece));
    result[lane] = fragment::moved(columns, first, below, pieces);
  }
  return result;
}

}  // namespace

TEST_CASE("a swizzled tile has a place for each element and none twice") {
  for_each_width([](int columns) {
    CAPTURE(columns);
    std::set<int> places;
    for (int row = 0; row < rows; ++row)
      for (int column = 0; column < columns; ++column) {
        const int byte = fragment::element_byte(columns, row, column);
        CHECK(byte % 2 == 0);
        CHECK(byte < fragment::rows_bytes(rows, columns));
        places.insert(byte);
      }
    CHECK(places.size() == static_cast<std::size_t>(rows * columns));
    CHECK(fragment::rows_bytes(8, columns) % 128 == 0);
  });
}

TEST_CASE("the 8 rows of a matrix fall on different banks") {
  for_each_width([](int columns) {
    CAPTURE(columns);
    for (int first = 0; first < rows; first += 8)
      for (int piece = 0; piece < fragment::row_pieces(columns); ++piece) {
        std::vector<int> bytes;
        for (int row = first; row < first + 8; ++row)
          bytes.push_back(fragment::piece_byte(columns, row, piece));
        REQUIRE(on_different_banks(bytes));
      }
  });
}

TEST_CASE("a move is the distance between two pieces") {
  for_each_width([](int columns) {
    CAPTURE(columns);
    for (int row = 0; row < 16; ++row)
      for (int piece = 0; piece < 2; ++piece)
        for (int below = 0; below < rows - 16; below += 8)
          for (int right = 0; right < fragment::row_pieces(columns); right += 2) {
            const auto from = static_cast<std::uint32_t>(fragment::piece_byte(columns, row, piece));
            const auto to =
                static_cast<std::uint32_t>(fragment::piece_byte(columns, row + below, piece + right));
            REQUIRE(fragment::moved(columns, from, below, right) == to);
          }
  });
}

TEST_CASE("threads that copy a tile touch each piece once, on different banks") {
  for_each_width([](int columns) {
    for (const int threads : {32, 128, 256})
      for (const int height : {16, 32, 48, 64, 128}) {
        CAPTURE(columns);
        CAPTURE(threads);
        CAPTURE(height);
        const fragment::piece_share share{threads, columns};
        std::vector<int> times(static_cast<std::size_t>(height * fragment::row_pieces(columns)));
        std::vector<std::vector<int>> bytes(static_cast<std::size_t>(threads));
        for (unsigned thread = 0; thread < static_cast<unsigned>(threads); ++thread) {
          const int row = share.first_row(thread);
          const int piece = share.first_piece(thread);
          share.each(height, thread, [&](int below, int right) {
            const int byte = fragment::piece_byte(columns, row + below, piece + right);
            if (threads >= 64)
              REQUIRE(byte == fragment::piece_byte(columns, row, piece) + share.distance(below, right));
            REQUIRE(row + below < height);
            REQUIRE(piece + right < fragment::row_pieces(columns));
            ++times[static_cast<std::size_t>((row + below) * fragment::row_pieces(columns) + piece + right)];
            bytes[thread].push_back(byte);
          });
        }
        for (const int n : times) REQUIRE(n == 1);
        for (std::size_t first = 0; first < bytes.size(); first += 8)
          for (std::size_t step = 0; step < bytes[first].size(); ++step) {
            std::vector<int> together;
            for (std::size_t thread = first; thread < first + 8; ++thread)
              if (step < bytes[thread].size()) together.push_back(bytes[thread][step]);
            REQUIRE(on_different_banks(together));
          }
      }
  });
}

TEST_CASE("rows of queries times rows of keys are scores") {
  auto draw = test::generator();
  for_each_width([&](int columns) {
    if (columns > 256) return;
    CAPTURE(columns);
    const auto queries = random_matrix(draw, 32, columns);
    const auto keys = random_matrix(draw, 48, columns);
    const auto shared_queries = lay_out(queries, columns);
    const auto shared_keys = lay_out(keys, columns);
    for (int m = 0; m < 2; ++m)
      for (int j = 0; j < 6; j += 2) {
        accumulators found[2] = {};
        for (int k = 0; k < (columns + 15) / 16; ++k) {
          const auto a =
              load_matrices(shared_queries, addresses(columns, fragment::left_operand, 16 * m, 2 * k), false);
          const auto b =
              load_matrices(shared_keys, addresses(columns, fragment::right_operands, 8 * j, 2 * k), false);
          multiply(found[0], a, b, 0, 1);
          multiply(found[1], a, b, 2, 3);
        }
        for (unsigned lane = 0; lane < 32; ++lane)
          for (unsigned group = 0; group < 2; ++group)
            for (unsigned i = 0; i < 4; ++i) {
              const std::size_t row = static_cast<unsigned>(16 * m) + lane / 4 + i / 2 * 8;
              const std::size_t key = (static_cast<unsigned>(j) + group) * 8 + 2 * (lane % 4) + i % 2;
              int wanted = 0;
              for (std::size_t x = 0; x < static_cast<std::size_t>(columns); ++x)
                wanted += queries[row][x] * keys[key][x];
              REQUIRE(found[group][lane][i] == static_cast<float>(wanted));
            }
      }
  });
}

TEST_CASE("accumulators as weights times rows of values are outputs") {
  auto draw = test::generator();
  for_each_width([&](int columns) {
    if (columns > 256) return;
    CAPTURE(columns);
    const auto weights = random_matrix(draw, 16, 32);
    const auto values = random_matrix(draw, 32, columns);
    const auto shared_values = lay_out(values, columns);
    for (int j = 0; j < (columns + 7) / 8; j += 2) {
      accumulators found[2] = {};
      for (int k = 0; k < 2; ++k) {
        registers a{};  // as fragment::pack makes them of two groups of 8 accumulators
        for (unsigned lane = 0; lane < 32; ++lane)
          for (unsigned i = 0; i < 4; ++i)
            for (unsigned c = 0; c < 2; ++c) {
              const std::size_t row = lane / 4 + i % 2 * 8;
              const std::size_t key = static_cast<unsigned>(16 * k) + i / 2 * 8 + 2 * (lane % 4) + c;
              a[lane][i] |= static_cast<std::uint32_t>(weights[row][key]) << (16 * c);
            }
        const auto b = load_matrices(
            shared_values, addresses(columns, fragment::right_operands_transposed, 16 * k, j), true);
        multiply(found[0], a, b, 0, 1);
        multiply(found[1], a, b, 2, 3);
      }
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned group = 0; group < 2; ++group)
          for (unsigned i = 0; i < 4; ++i) {
            const std::size_t row = lane / 4 + i / 2 * 8;
            const std::size_t column = (static_cast<unsigned>(j) + group) * 8 + 2 * (lane % 4) + i % 2;
            if (column >= static_cast<std::size_t>(columns)) continue;
            int wanted = 0;
            for (std::size_t key = 0; key < 32; ++key) wanted += weights[row][key] * values[key][column];
            REQUIRE(found[group][lane][i] == static_cast<float>(wanted));
          }
    }
  });
}
